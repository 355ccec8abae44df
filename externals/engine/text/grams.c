/* grams: see grams.h */
#include "grams.h"
#include "clean.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* What a row stands for goes into its hash. */
enum { WORD = 1, TRIGRAM, PAIR };
#define EDGE 1 /* stands for the beginning and the end of a word in its trigrams */

typedef struct {
    const uint32_t *c;
    size_t n;
} word;

typedef struct {
    latent_grams *g;
    int rows, room, used;
    int failed;
} gram_writer;

/* FNV-1a over characters. */
static uint32_t mix(uint32_t hash, uint32_t c)
{
    for (int i = 0; i < 3; i++, c >>= 8)
        hash = (hash ^ (c & 255)) * 16777619u;
    return hash;
}

static uint32_t begin(int kind)
{
    return mix(2166136261u, (uint32_t)kind);
}

static uint32_t mix_word(uint32_t hash, word w)
{
    for (size_t i = 0; i < w.n; i++)
        hash = mix(hash, w.c[i]);
    return hash;
}

static void put(gram_writer *w, uint32_t hash)
{
    if (w->used == w->room) {
        int room = 2 * w->room + 64;
        int *row = realloc(w->g->row, (size_t)room * sizeof(*row));
        if (!row) {
            w->failed = 1;
            return;
        }
        w->g->row = row;
        w->room = room;
    }
    hash ^= hash >> 15; /* the low bits alone of FNV are weak */
    hash *= 2246822519u;
    hash ^= hash >> 13;
    w->g->row[w->used++] = (int)(hash % (uint32_t)w->rows);
}

/* Writing whose words are not separated by spaces. */
static int stands_alone(uint32_t c)
{
    return (c >= 0x2e80 && c <= 0x9fff) || (c >= 0xac00 && c <= 0xd7af) ||
           (c >= 0xf900 && c <= 0xfaff) || (c >= 0x20000 && c <= 0x3ffff);
}

static int belongs(uint32_t c)
{
    return latent_is_letter(c) || latent_is_number(c);
}

static void put_word(gram_writer *w, word before, word now)
{
    put(w, mix_word(begin(WORD), now));
    if (now.n > 1)
        for (size_t i = 0; i < now.n; i++) {
            uint32_t hash = mix(begin(TRIGRAM), i ? now.c[i - 1] : EDGE);
            hash = mix(hash, now.c[i]);
            put(w, mix(hash, i + 1 < now.n ? now.c[i + 1] : EDGE));
        }
    if (before.n)
        put(w, mix_word(mix(mix_word(begin(PAIR), before), EDGE), now));
}

int latent_grams_make(latent_grams *g, const char *text, int rows, int most, latent_error *e)
{
    size_t n;
    uint32_t *c = latent_clean(text, &n, e);
    gram_writer w = {g, rows, 0, 0, 0};
    word before = {NULL, 0};
    int many = 0;
    *g = (latent_grams){0, NULL, NULL};
    if (!c)
        return -1;
    if (!(g->first = malloc(((size_t)most + 1) * sizeof(*g->first))))
        w.failed = 1;
    for (size_t i = 0; i < n && !w.failed;) {
        word now = {c + i, 1};
        if (!belongs(c[i])) {
            before.n *= c[i] == ' ' || c[i] == '-'; /* no pairs across a comma */
            i++;
            continue;
        }
        while (!stands_alone(c[i]) && i + now.n < n && belongs(c[i + now.n]) &&
               !stands_alone(c[i + now.n]))
            now.n++;
        if ((many = g->n == most))
            break;
        g->first[g->n++] = w.used;
        put_word(&w, before, now);
        before = now;
        i += now.n;
    }
    if (!w.failed)
        g->first[g->n] = w.used;
    free(c);
    if (!w.failed && !many && g->n)
        return 0;
    latent_fail(e,
                w.failed ? "no memory for a text"
                : many   ? "a text of more than %d words; shorten it"
                         : "there is no word in the text",
                most);
    latent_grams_free(g);
    return -1;
}

void latent_grams_free(latent_grams *g)
{
    free(g->row);
    free(g->first);
    *g = (latent_grams){0, NULL, NULL};
}
