/* number: see number.h */
#include "number.h"
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define LONGEST                                                                                    \
    160 /* letters of a word in a sentence; of a longer one so many at each end are left: */
#define KEPT 60

latent_subject_masks latent_subject_mask(double f)
{
    latent_subject_masks n;
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

static void singular(char *sentence)
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

/* The nearest beginning of a character at or before that place (UTF-8). */
static char *character(char *at, const char *first)
{
    while (at > first && ((unsigned char)*at & 0xc0) == 0x80)
        at--;
    return at;
}

static void shorten(char *sentence)
{
    for (char *word = sentence; *word; word += strspn(word, " ")) {
        char *end = word + strcspn(word, " ");
        if (end - word > LONGEST) {
            char *left = character(word + KEPT, word), *right = character(end - KEPT, word);
            memcpy(left, "...", 3);
            memmove(left + 3, right, strlen(right) + 1);
            end = left + 3 + (end - right);
        }
        word = end;
    }
}

void latent_tidy(char *sentence)
{
    singular(sentence);
    shorten(sentence);
}
