/* number: see number.h */
#include "number.h"
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

latent_figures latent_figure(double f)
{
    latent_figures n;
    snprintf(n.text, sizeof(n.text), f == floor(f) && fabs(f) < 1e15 ? "%.0f" : "%g", f);
    return n;
}

/* Is a word of so many letters the plural of a thing? */
static int is_plural(const char *word, size_t length)
{
    static const char *const others[] = {"has", "is", "was", "as", "does", "this", "its", "less"};
    if (length < 3 || word[length - 1] != 's' || word[length - 2] == 's')
        return 0;
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
        if (strlen(others[i]) == length && !strncmp(word, others[i], length))
            return 0;
    return 1;
}

void latent_singular(char *sentence)
{
    for (char *at = sentence; (at = strstr(at, "1 ")); at++) {
        char *word = at + 2, *end = word;
        while (islower((unsigned char)*end))
            end++;
        /* a word ends there, and the number is 1, not 11, 0.1, -1, or the end of "0 to 1" */
        if ((at == sentence || at[-1] == ' ' || at[-1] == '(') && !isalnum((unsigned char)*end) &&
            *end != '.' && *end != '_' && !(at - sentence >= 3 && !strncmp(at - 3, "to ", 3)) &&
            is_plural(word, (size_t)(end - word)))
            memmove(end - 1, end, strlen(end) + 1);
    }
}
