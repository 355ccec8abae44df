/* signature: which network a model is, as a name and a number made of its trained weights, for the
   pictures that it draws (see drawer in model.h).  The tensors' hashes are added up, so that
   neither their order nor their names matter, which differ from file to file.  And how widely the
   styles of the network lie about, by which a latent that jumps is told from one that steps. */
#include "architectures.h"
#include "mean.h"
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

uint64_t latent_hash_trained(const char *name, const float *x, int64_t count)
{
    if (!is_trained(name) || count < 1)
        return 0;
    return hash_words(hash_words(UINT64_C(0xcbf29ce484222325), &count, 2), x, (size_t)count);
}

#define STYLES 32 /* by which the spread is known to a tenth */

/* How far styles lie from their mean. */
static int measure_spread(latent_model *m, latent_error *e)
{
    float *mean = malloc((size_t)m->generator.w_dim * sizeof(*mean));
    double deviation = 0;
    int failed = mean ? latent_mean_style(m, NULL, STYLES, 0, NULL, mean, &deviation, e)
                      : latent_fail(e, "no memory for a model");
    free(mean);
    deviation *= sqrt(m->generator.w_dim);
    m->generator.drawer.spread = isfinite(deviation) ? (float)deviation : 0;
    return failed;
}

int latent_model_sign(latent_model *m, uint64_t hash, latent_error *e)
{
    snprintf(m->generator.drawer.name, sizeof(m->generator.drawer.name), "%s", m->label);
    snprintf(m->generator.drawer.hash, sizeof(m->generator.drawer.hash), "%016llx",
             (unsigned long long)hash);
    return measure_spread(m, e);
}
