/* provenance: see provenance.h.  A walk over the graph, each node once, the nearest to the picture
   first: the first style that is met belongs to the network that worked last. */
#include "provenance.h"
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    latent_node **queue;
    size_t n, room, slots;
    latent_node **seen; /* a table by address */
} walk;

/* Is it new?  1, 0, or -1 when there is no memory. */
static int meet(walk *k, latent_node *n)
{
    size_t i;
    if (k->n == k->room) {
        size_t room = k->room ? 2 * k->room : 256;
        latent_node **queue = realloc(k->queue, room * sizeof(*queue));
        latent_node **seen = calloc(4 * room, sizeof(*seen));
        if (queue)
            k->queue = queue;
        if (!queue || !seen) {
            free(seen);
            return -1;
        }
        free(k->seen);
        k->seen = seen;
        k->room = room;
        k->slots = 4 * room;
        for (size_t j = 0; j < k->n; j++) {
            i = ((uintptr_t)k->queue[j] >> 4) % k->slots;
            while (k->seen[i])
                i = (i + 1) % k->slots;
            k->seen[i] = k->queue[j];
        }
    }
    i = ((uintptr_t)n >> 4) % k->slots;
    while (k->seen[i] && k->seen[i] != n)
        i = (i + 1) % k->slots;
    if (k->seen[i])
        return 0;
    k->seen[i] = n;
    k->queue[k->n++] = n;
    return 1;
}

/* Notes a style, if it belongs to the network whose styles are collected. */
static int take(latent_provenance *o, char *known, const latent_node *n, const float *w)
{
    const latent_drawn_by *by = latent_style_drawn_by(n);
    int row = latent_style_row(n), rows = latent_style_rows(n), w_dim = n->shape.c;
    static const latent_drawn_by nobody;
    if (!o->w) {
        o->drawer = by ? *by : nobody;
        o->rows = rows;
        o->w_dim = w_dim;
        if (!(o->w = calloc((size_t)rows * (size_t)w_dim, sizeof(*o->w))))
            return -1;
    }
    if (rows != o->rows || w_dim != o->w_dim || known[row] ||
        memcmp(by ? by : &nobody, &o->drawer, sizeof(nobody)) != 0)
        return 0;
    known[row] = 1;
    memcpy(o->w + (size_t)row * (size_t)w_dim, w, (size_t)w_dim * sizeof(*w));
    return 0;
}

/* Rows that took no part; and one row when all are alike. */
static void complete(latent_provenance *o, const char *known)
{
    size_t size = (size_t)o->w_dim * sizeof(*o->w);
    int first = 0, same = 1;
    while (first < o->rows - 1 && !known[first])
        first++;
    for (int r = 0; r < o->rows; r++) {
        const float *from = o->w + (size_t)(r > first ? r - 1 : first) * (size_t)o->w_dim;
        if (!known[r])
            memcpy(o->w + (size_t)r * (size_t)o->w_dim, from, size);
    }
    for (int r = 1; r < o->rows; r++)
        same &= !memcmp(o->w, o->w + (size_t)r * (size_t)o->w_dim, size);
    if (same)
        o->rows = 1;
}

#define ROWS 4096

int latent_provenance_of(latent_node *picture, latent_provenance *o, latent_error *e)
{
    walk k = {NULL, 0, 0, 0, NULL};
    char *known = calloc(ROWS, 1);
    int failed = !known || meet(&k, picture) < 0;
    memset(o, 0, sizeof(*o));
    for (size_t i = 0; i < k.n && !failed; i++) {
        latent_node *n = k.queue[i];
        if (latent_style_row(n) >= 0 && latent_style_rows(n) <= ROWS) {
            latent_tensor *w = n->op->leaf(n);
            failed = !w || take(o, known, n, w->data);
            latent_tensor_release(w);
        }
        for (int j = 0; j < n->n_in && !failed; j++)
            failed = n->in[j] && meet(&k, n->in[j]) < 0;
    }
    if (!failed && o->w)
        complete(o, known);
    free(known);
    free(k.queue);
    free(k.seen);
    if (!failed)
        return 0;
    latent_provenance_free(o);
    return latent_fail(e, "no memory to see how a picture was made");
}

void latent_provenance_free(latent_provenance *o)
{
    free(o->w);
    memset(o, 0, sizeof(*o));
}

float latent_provenance_apart(const latent_provenance *a, const latent_provenance *b)
{
    int rows = a->rows > b->rows ? a->rows : b->rows, n = a->w_dim;
    double sum = 0;
    if (!a->w && !b->w)
        return 0;
    if (!a->w || !b->w || n != b->w_dim || strcmp(a->drawer.name, b->drawer.name) != 0 ||
        (a->rows != b->rows && a->rows != 1 && b->rows != 1))
        return HUGE_VALF;
    for (int r = 0; r < rows; r++)
        for (int i = 0; i < n; i++) {
            float by = a->w[(a->rows > 1 ? r : 0) * n + i] - b->w[(b->rows > 1 ? r : 0) * n + i];
            sum += (double)(by * by);
        }
    return b->drawer.spread > 0 ? (float)sqrt(sum / rows) / b->drawer.spread : 0;
}
