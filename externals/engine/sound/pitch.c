/* pitch: YIN (A. de Cheveigne and H. Kawahara, "YIN, a fundamental frequency estimator for speech
   and music", 2002), steps 2 to 5, its sums of products by Fourier transforms. */
#include "ear.h"
#include "features.h"
#include <math.h>

#define LATENT_PITCH_BINS (LATENT_EAR_WINDOW / 2 + 1)
#define LOWEST 40.0 /* Hz */
#define HIGHEST 2000.0
#define THRESHOLD 0.15
#define LITTLE 1e-5 /* of the window's energy */

/* sum of x[j] x[j + lag] over j < n/2, for lags 0 .. n/2, into fft->time, n times too large: the
   second half of the first factor is 0, so nothing wraps round. */
static void correlate(latent_fft *fft, const float *x, double mean)
{
    int n = fft->n, bins = n / 2 + 1;
    float half[LATENT_PITCH_BINS][2];
    for (int j = 0; j < n; j++)
        fft->time[j] = j < n / 2 ? (float)(x[j] - mean) : 0;
    latent_fft_forward(fft);
    for (int k = 0; k < bins; k++) {
        half[k][0] = fft->freq[k][0];
        half[k][1] = fft->freq[k][1];
    }
    for (int j = 0; j < n; j++)
        fft->time[j] = (float)(x[j] - mean);
    latent_fft_forward(fft);
    for (int k = 0; k < bins; k++) {
        float a = half[k][0], b = half[k][1], c = fft->freq[k][0], d = fft->freq[k][1];
        fft->freq[k][0] = a * c + b * d;
        fft->freq[k][1] = a * d - b * c;
    }
    latent_fft_inverse(fft);
}

/* d[lag] = sum of (x[j] - x[j + lag])^2 over j < n/2, then by its mean up to there (d'); a little
   is added to both, so that where nothing is to be compared yet nothing is alike. */
static void differences(latent_fft *fft, const float *x, double *d)
{
    int n = fft->n, w = n / 2;
    double mean = 0, energy = 0, moving, sum = 0, little = 0;
    for (int j = 0; j < n; j++)
        mean += x[j];
    mean /= n;
    correlate(fft, x, mean);
    for (int j = 0; j < w; j++)
        energy += (x[j] - mean) * (x[j] - mean);
    moving = energy;
    for (int j = 0; j < n; j++)
        little += LITTLE * (x[j] - mean) * (x[j] - mean);
    if (little <= 0)
        little = 1; /* a constant */
    d[0] = 1;
    for (int lag = 1; lag <= w; lag++) {
        double out = x[lag - 1] - mean, in = lag + w - 1 < n ? x[lag + w - 1] - mean : 0, raw;
        moving += in * in - out * out;
        raw = fmax(energy + moving - 2 * fft->time[lag] / n, 0);
        sum += raw;
        d[lag] = (raw + little) / (sum / lag + little);
    }
}

double latent_pitch(latent_fft *fft, const float *x, double sample_rate, double *d,
                    double *confidence)
{
    int w = fft->n / 2, best, low = (int)(sample_rate / HIGHEST),
        high = (int)ceil(sample_rate / LOWEST);
    double a, b, c, shift = 0, depth;
    low = low < 2 ? 2 : low;
    high = high > w - 1 ? w - 1 : high;
    *confidence = 0;
    if (low >= high)
        return 0;
    differences(fft, x, d);
    best = low;
    while (best < high && d[best] >= THRESHOLD)
        best++;
    if (d[best] < THRESHOLD)
        while (best < high && d[best + 1] < d[best])
            best++;
    else
        for (int lag = best = low; lag <= high; lag++)
            if (d[lag] < d[best])
                best = lag;
    a = d[best - 1];
    b = d[best];
    c = d[best + 1];
    if (a > b && c > b)
        shift = 0.5 * (a - c) / (a - 2 * b + c);
    depth = b - 0.25 * (a - c) * shift;
    *confidence = fmin(fmax(1 - depth, 0), 1);
    return sample_rate / (best + shift);
}
