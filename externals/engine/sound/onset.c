/* onset: SuperFlux (S. Boeck and G. Widmer, "Maximum filter vibrato suppression for onset
   detection", 2013) and a threshold that follows what the sound is like; decided at once, without a
   look ahead. */
#include "features.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SURE 0.01    /* flux that is nothing yet, in silence */
#define MEDIAN_S 0.3 /* seconds */
#define MEDIAN_TIMES 2
#define DEAD 0.1 /* what a band may rise for nothing: noise is uneven */
#define GAIN 1000
#define GAP_S 0.05
#define BASS 4 /* bands: up to 300 Hz */

void latent_onsets_init(latent_onsets *o, int window, int hop, double sample_rate)
{
    double rate = sample_rate / hop;
    memset(o, 0, sizeof(*o));
    o->lag = (window / 4 + hop / 2) / hop;
    o->lag = o->lag < 1 ? 1 : o->lag;
    o->n_recent = (int)fmin(fmax(MEDIAN_S * rate, 5), LATENT_MEDIAN_MOST);
    o->gap = (int)ceil(GAP_S * rate);
    o->last = -o->gap;
    o->armed = 1;
}

static double median_of(const double *x, int n)
{
    double sorted[LATENT_MEDIAN_MOST];
    for (int i = 0; i < n; i++) {
        int j = i;
        for (; j > 0 && sorted[j - 1] > x[i]; j--)
            sorted[j] = sorted[j - 1];
        sorted[j] = x[i];
    }
    return n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

/* *bass: the same of the lowest bands alone */
static double flux_of(latent_onsets *o, const float *bands, double *bass)
{
    const float *before = o->past[(o->hops + LATENT_FLUX_PAST - o->lag) % LATENT_FLUX_PAST];
    float now[LATENT_FLUX_BANDS];
    double sum = 0;
    for (int b = 0; b < LATENT_FLUX_BANDS; b++) {
        float most = before[b];
        if (b > 0 && before[b - 1] > most)
            most = before[b - 1];
        if (b + 1 < LATENT_FLUX_BANDS && before[b + 1] > most)
            most = before[b + 1];
        now[b] = log10f(1 + GAIN * bands[b]);
        if (now[b] > most + DEAD)
            sum += now[b] - most - DEAD;
        if (b == BASS - 1)
            *bass = sum / BASS;
    }
    memcpy(o->past[o->hops % LATENT_FLUX_PAST], now, sizeof(now));
    return sum / LATENT_FLUX_BANDS;
}

double latent_onsets_step(latent_onsets *o, const float *bands, double *beyond, double *strength)
{
    double bass = 0, flux = flux_of(o, bands, &bass), median = median_of(o->recent, o->n_recent),
           threshold = SURE + MEDIAN_TIMES * median,
           bass_median = median_of(o->recent_bass, o->n_recent);
    *strength = 0;
    *beyond = fmax(bass - bass_median, 0) + 0.25 * fmax(flux - median, 0);
    o->recent_bass[o->hops % o->n_recent] = bass;
    if (flux < threshold)
        o->armed = 1;
    else if (o->armed && o->hops - o->last >= o->gap) {
        *strength = flux - threshold + 1e-6; /* never quite 0 */
        o->last = o->hops;
        o->armed = 0;
    }
    o->recent[o->hops % o->n_recent] = flux;
    o->hops++;
    return flux;
}
