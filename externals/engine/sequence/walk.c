/* walk: see walk.h */
#include "walk.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LARGEST 1e6f
#define NUMBERS (1 << 24) /* of all rows together */

void latent_walk_init(latent_walk *w, int most)
{
    *w = (latent_walk){.most = most};
}

void latent_walk_free(latent_walk *w)
{
    free(w->row);
    free(w->seconds);
    free(w->walk);
    latent_walk_init(w, w->most);
}

static int grow(latent_walk *w, latent_error *e)
{
    int room = w->room ? 2 * w->room : 64;
    float *row = realloc(w->row, (size_t)room * (size_t)w->wide * sizeof(*row));
    float *seconds = realloc(w->seconds, (size_t)room * sizeof(*seconds));
    int *walk = realloc(w->walk, (size_t)room * sizeof(*walk));
    w->row = row ? row : w->row;
    w->seconds = seconds ? seconds : w->seconds;
    w->walk = walk ? walk : w->walk;
    if (!row || !seconds || !walk)
        return latent_fail(e, "no memory for one more row");
    w->room = room;
    return 0;
}

static void move(latent_walk *w, int from, int to, int n)
{
    size_t wide = (size_t)w->wide;
    memmove(w->row + (size_t)to * wide, w->row + (size_t)from * wide,
            (size_t)n * wide * sizeof(*w->row));
    memmove(w->seconds + to, w->seconds + from, (size_t)n * sizeof(*w->seconds));
    memmove(w->walk + to, w->walk + from, (size_t)n * sizeof(*w->walk));
}

int latent_walk_add(latent_walk *w, const float *row, int wide, float seconds, int walk,
                    latent_error *e)
{
    int most = w->most < NUMBERS / (wide > 0 ? wide : 1) ? w->most : NUMBERS / wide;
    if (wide < 1 || wide > LATENT_WALK_WIDE)
        return latent_fail(e, "a row of %d numbers came; 1 to %d can be followed", wide,
                           LATENT_WALK_WIDE);
    if (w->n && wide != w->wide)
        return latent_fail(e, "a row of %d numbers came, those before have %d; forget begins anew",
                           wide, w->wide);
    for (int i = 0; i < wide; i++)
        if (!(fabsf(row[i]) <= LARGEST))
            return latent_fail(e, "number %d of the row is %g; numbers up to %g can be followed",
                               i + 1, (double)row[i], (double)LARGEST);
    /* a quarter more than are kept, so that the oldest go many at a time */
    if (w->n >= most + most / 4) {
        move(w, w->n - most + 1, 0, most - 1);
        w->n = most - 1;
    }
    if (wide != w->wide) { /* the first one */
        latent_walk_free(w);
        w->wide = wide;
    }
    if (w->n == w->room && grow(w, e))
        return -1;
    memcpy(w->row + (size_t)w->n * (size_t)wide, row, (size_t)wide * sizeof(*row));
    w->seconds[w->n] = fminf(fmaxf(seconds, .001f), 10);
    w->walk[w->n++] = walk;
    return 0;
}

int latent_walk_append(latent_walk *w, const latent_walk *other, latent_error *e)
{
    for (int i = 0; i < other->n; i++)
        if (latent_walk_add(w, other->row + (size_t)i * (size_t)other->wide, other->wide,
                            other->seconds[i], other->walk[i], e))
            return -1;
    return 0;
}

void latent_walk_forget(latent_walk *w, int walk)
{
    int n = 0;
    for (int i = 0; i < w->n; i++)
        if (w->walk[i] != walk) {
            if (n < i)
                move(w, i, n, 1);
            n++;
        }
    w->n = n;
}

int latent_walk_follows(const latent_walk *w, int i)
{
    return i > 0 && w->walk[i] == w->walk[i - 1];
}
