/* tokens: see tokens.h.  The table is a hash table with open places (Knuth 1973, 6.4). */
#include "tokens.h"
#include "clean.h"
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define PLACES (2 * LATENT_TOKENS_MOST) /* a power of 2 */

struct latent_tokens {
    int n;
    char text[LATENT_TOKENS_MOST][LATENT_TOKENS_LONG];
    int place[PLACES]; /* the token's number and 1, or 0 */
};

latent_tokens *latent_tokens_new(latent_error *e)
{
    latent_tokens *t = calloc(1, sizeof(*t));
    if (!t)
        latent_fail(e, "no memory for tokens");
    return t;
}

void latent_tokens_free(latent_tokens *t)
{
    free(t);
}

void latent_tokens_clear(latent_tokens *t)
{
    t->n = 0;
    memset(t->place, 0, sizeof(t->place));
}

static int number_of(latent_tokens *t, const char *piece, latent_error *e)
{
    uint32_t hash = 2166136261u;
    for (const char *p = piece; *p; p++)
        hash = (hash ^ (uint8_t)*p) * 16777619u;
    for (;; hash++) {
        int *place = &t->place[hash % PLACES];
        if (*place && strcmp(t->text[*place - 1], piece))
            continue;
        if (*place)
            return *place - 1;
        if (t->n == LATENT_TOKENS_MOST) {
            latent_fail(e, "there are %d different tokens already; clear makes room",
                        LATENT_TOKENS_MOST);
            return -2;
        }
        strcpy(t->text[t->n], piece);
        return (*place = ++t->n) - 1;
    }
}

/* The character at *text, which moves on behind it; 0 at the end. */
static uint32_t character(const char **text)
{
    static const uint32_t least[4] = {0, 0x80, 0x800, 0x10000};
    for (;;) {
        const uint8_t *p = (const uint8_t *)*text;
        int more = *p < 0x80   ? 0
                   : *p < 0xc0 ? -1
                   : *p < 0xe0 ? 1
                   : *p < 0xf0 ? 2
                   : *p < 0xf8 ? 3
                               : -1;
        uint32_t c = more < 1 ? *p : *p & (0x3fu >> more);
        int i = 1;
        if (!*p)
            return 0;
        for (; i <= more && (p[i] & 0xc0) == 0x80; i++)
            c = c << 6 | (p[i] & 0x3fu);
        *text += i;
        if (more >= 0 && i == more + 1 && c >= least[more] && c < 0x110000 &&
            (c < 0xd800 || c > 0xdfff))
            return c;
    }
}

/* Chinese characters (and kana, hangul) stand for words. */
static int is_word(uint32_t c)
{
    return (c >= 0x2e80 && c < 0xa000) || (c >= 0xac00 && c < 0xd7b0) ||
           (c >= 0xf900 && c < 0xfb00) || c >= 0x20000;
}

static int goes_on(uint32_t c)
{
    return (latent_is_letter(c) || latent_is_number(c) || c == '\'') && !is_word(c);
}

int latent_tokens_next(latent_tokens *t, const char **text, int words, latent_error *e)
{
    char piece[LATENT_TOKENS_LONG];
    int n = 0;
    uint32_t c = character(text);
    while (words && c && latent_is_space(c))
        c = character(text);
    if (!c)
        return -1;
    n = latent_utf8(c, piece);
    if (words && goes_on(c))
        for (;;) {
            const char *next = *text;
            c = character(&next);
            if (!goes_on(c) || n > LATENT_TOKENS_LONG - 5)
                break;
            n += latent_utf8(c, piece + n);
            *text = next;
        }
    piece[n] = 0;
    return number_of(t, piece, e);
}

const char *latent_tokens_text(const latent_tokens *t, int i)
{
    return i >= 0 && i < t->n ? t->text[i] : NULL;
}

int latent_tokens_count(const latent_tokens *t)
{
    return t->n;
}

/* ---- clusters */

void latent_clusters_free(latent_clusters *c)
{
    free(c->center);
    memset(c, 0, sizeof(*c));
}

int latent_clusters_put(latent_clusters *c, const float *row, int wide, int most, latent_error *e)
{
    double least = HUGE_VAL;
    int best = -1;
    float *center;
    if (c->n && wide != c->wide)
        return latent_fail(e, "a list of %d numbers came, those before have %d; clear begins anew",
                           wide, c->wide);
    for (int i = 0; i < c->n; i++) {
        double far = 0;
        for (int k = 0; k < wide; k++) {
            double d = (double)row[k] - (double)c->center[(size_t)i * (size_t)wide + (size_t)k];
            far += d * d;
        }
        if (far < least) {
            least = far;
            best = i;
        }
    }
    if (c->n < most && c->n < LATENT_CLUSTERS && least > 0) {
        center = realloc(c->center, (size_t)(c->n + 1) * (size_t)wide * sizeof(*center));
        if (!center)
            return latent_fail(e, "no memory for one more cluster");
        c->center = center;
        c->wide = wide;
        memcpy(center + (size_t)c->n * (size_t)wide, row, (size_t)wide * sizeof(*row));
        c->rows[c->n] = 1;
        return c->n++;
    }
    center = c->center + (size_t)best * (size_t)wide;
    c->rows[best]++;
    for (int k = 0; k < wide; k++)
        center[k] += (row[k] - center[k]) / (float)c->rows[best];
    return best;
}
