/* mean: see mean.h */
#include "mean.h"
#include "../base/random.h"
#include <math.h>
#include <stdlib.h>

int latent_mean_style(const latent_model *m, const float *classes, int samples, uint32_t seed,
                      const atomic_int *cancel, float *mean, double *deviation, latent_error *e)
{
    float *z = malloc(((size_t)m->generator.z_dim + (size_t)m->generator.w_dim) * sizeof(*z)),
          *w = z + m->generator.z_dim;
    double *sum = calloc((size_t)m->generator.w_dim + 1, sizeof(*sum)), squares = 0;
    latent_random r;
    int failed = !z || !sum ? latent_fail(e, "no memory for the mean of styles") : 0;
    latent_random_seed(&r, seed);
    for (int k = 0; k < samples && !failed; k++) {
        if (cancel && atomic_load(cancel))
            failed = latent_fail(e, "cancelled");
        for (int i = 0; i < m->generator.z_dim && !failed; i++)
            z[i] = (float)latent_random_gauss(&r);
        failed = failed || latent_model_map(m, z, classes, w, e);
        for (int i = 0; i < m->generator.w_dim && !failed; i++) {
            sum[i] += w[i];
            squares += (double)w[i] * w[i];
        }
    }
    for (int i = 0; i < m->generator.w_dim && !failed; i++) {
        mean[i] = (float)(sum[i] / samples);
        squares -= sum[i] * sum[i] / samples;
    }
    if (!failed)
        *deviation = sqrt(fmax(squares, 0) / ((double)samples * m->generator.w_dim));
    free(z);
    free(sum);
    return failed ? -1 : 0;
}
