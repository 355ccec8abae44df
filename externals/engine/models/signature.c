/* signature: which network a model is, as a name and a number made of its trained weights, for the
   pictures that it draws (see drawer in model.h).  The tensors' hashes are added up, so that
   neither their order nor their names matter, which differ from file to file.  And how widely the
   styles of the network lie about, by which a latent that jumps is told from one that steps. */
#include "../base/random.h"
#include "architectures.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* FNV-1a (Fowler, Noll, Vo) over 32-bit words. */
static uint64_t hash_words(uint64_t h, const void *words, size_t n)
{
    const uint32_t *w = words;
    for (size_t i = 0; i < n; i++)
        h = (h ^ w[i]) * UINT64_C(0x100000001b3);
    return h;
}

/* Trained numbers, not what a file carries along: maps of noise, filters. */
static int is_trained(const char *name)
{
    static const char *const ends[] = {".weight", ".bias", ".const", ".w_avg", ".noise_strength"};
    size_t n = strlen(name);
    for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++)
        if (n >= strlen(ends[i]) && !strcmp(name + n - strlen(ends[i]), ends[i]))
            return 1;
    return 0;
}

#define STYLES 32 /* by which the spread is known to a tenth */

/* w: [3 w_dim], room */
static int measure_spread(latent_model *m, float *z, float *w, latent_error *e)
{
    float *sum = w + m->generator.w_dim, *squares = sum + m->generator.w_dim;
    double spread = 0;
    latent_random r;
    latent_random_seed(&r, 0);
    memset(sum, 0, 2 * (size_t)m->generator.w_dim * sizeof(*sum));
    for (int n = 0; n < STYLES; n++) {
        for (int i = 0; i < m->generator.z_dim; i++)
            z[i] = (float)latent_random_gauss(&r);
        if (latent_model_map(m, z, NULL, w, e))
            return -1;
        for (int i = 0; i < m->generator.w_dim; i++) {
            sum[i] += w[i];
            squares[i] += w[i] * w[i];
        }
    }
    for (int i = 0; i < m->generator.w_dim; i++)
        spread += (double)(squares[i] / STYLES - sum[i] / STYLES * (sum[i] / STYLES));
    m->generator.drawer.spread = spread > 0 && isfinite(spread) ? (float)sqrt(spread) : 0;
    return 0;
}

static int spread_styles(latent_model *m, latent_error *e)
{
    float *room =
        malloc(((size_t)m->generator.z_dim + 3 * (size_t)m->generator.w_dim) * sizeof(*room));
    int failed = room ? measure_spread(m, room, room + m->generator.z_dim, e)
                      : latent_fail(e, "no memory for a model");
    free(room);
    return failed;
}

int latent_model_sign(latent_model *m, latent_weights *w, const char *prefix, latent_error *e)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < latent_weights_count(w); i++) {
        const latent_entry *t = latent_weights_at(w, i);
        float *x;
        uint64_t h = UINT64_C(0xcbf29ce484222325);
        if (strncmp(t->name, prefix, strlen(prefix)) || !is_trained(t->name) || t->count < 1)
            continue;
        if (!(x = malloc((size_t)t->count * sizeof(*x))))
            return latent_fail(e, "no memory for a model");
        if (latent_weights_read(w, t, x, e)) {
            free(x);
            return -1;
        }
        h = hash_words(h, &t->count, 2);
        sum += hash_words(h, x, (size_t)t->count);
        free(x);
    }
    snprintf(m->generator.drawer.name, sizeof(m->generator.drawer.name), "%s", m->label);
    snprintf(m->generator.drawer.hash, sizeof(m->generator.drawer.hash), "%016llx",
             (unsigned long long)sum);
    return spread_styles(m, e);
}
