/* error: see error.h */
#include "error.h"
#include "number.h"
#include <stdarg.h>
#include <stdio.h>

int latent_fail(latent_error *e, const char *format, ...)
{
    char sentence[LATENT_SENTENCE];
    va_list args;
    if (!e)
        return -1;
    va_start(args, format);
    vsnprintf(sentence, sizeof(sentence), format, args);
    va_end(args);
    latent_tidy(sentence);
    snprintf(e->text, sizeof(e->text), "%.*s", (int)sizeof(e->text) - 1, sentence);
    for (char *c = e->text; *c; c++) /* what a file says may hold anything */
        if ((unsigned char)*c < ' ' || *c == 127)
            *c = '?';
    return -1;
}
