/* spectrum: filters on the mel scale, and the features that follow from one spectrum alone.  See
   ear.h for the definitions and where they come from. */
#include "features.h"
#include <math.h>
#include <stdlib.h>

/* ---- Slaney's mel scale, in its own unit: 200/3 Hz below 1 kHz */

static double mel_of(double f)
{
    return f < 1000 ? 3 * f / 200 : 15 + 27 * log(f / 1000) / log(6.4);
}

static double hz_of(double mel)
{
    return mel < 15 ? 200 * mel / 3 : 1000 * pow(6.4, (mel - 15) / 27);
}

/* The height at frequency f of the triangle from a over b to c. */
static double triangle(double f, double a, double b, double c)
{
    double h = fmin((f - a) / (b - a), (c - f) / (c - b));
    return h > 0 ? h : 0;
}

int latent_filters_init(latent_filters *f, int bands, int n, double sample_rate, double low,
                        double high)
{
    double from = mel_of(low), step = (mel_of(high) - from) / (bands + 1), bin = sample_rate / n;
    size_t used = 0;
    f->bands = bands;
    f->first = malloc((size_t)bands * sizeof(*f->first));
    f->count = malloc((size_t)bands * sizeof(*f->count));
    /* a bin lies in two triangles at most, and each triangle has at least one bin */
    f->weights = malloc(((size_t)n + 2 + (size_t)bands) * sizeof(*f->weights));
    if (!f->first || !f->count || !f->weights) {
        latent_filters_free(f);
        return -1;
    }
    for (int b = 0; b < bands; b++) {
        double left = hz_of(from + step * b), middle = hz_of(from + step * (b + 1)),
               right = hz_of(from + step * (b + 2));
        int k = (int)ceil(left / bin), last = (int)floor(right / bin);
        while (k <= last && triangle(k * bin, left, middle, right) <= 0)
            k++;
        f->first[b] = k;
        f->count[b] = 0;
        for (; k <= last && k <= n / 2; k++) {
            double w = triangle(k * bin, left, middle, right);
            if (w <= 0)
                break;
            f->weights[used++] = (float)w;
            f->count[b]++;
        }
        if (!f->count[b]) {
            k = (int)lround(middle / bin);
            f->first[b] = k < n / 2 ? k : n / 2;
            f->count[b] = 1;
            f->weights[used++] = 1;
        }
    }
    return 0;
}

void latent_filters_free(latent_filters *f)
{
    free(f->first);
    free(f->count);
    free(f->weights);
    *f = (latent_filters){0, NULL, NULL, NULL};
}

void latent_filters_apply(const latent_filters *f, const float *spectrum, float *out)
{
    const float *w = f->weights;
    for (int b = 0; b < f->bands; b++) {
        const float *s = spectrum + f->first[b];
        double sum = 0;
        for (int k = 0; k < f->count[b]; k++)
            sum += (double)w[k] * s[k];
        w += f->count[b];
        out[b] = (float)sum;
    }
}

/* ---- from one spectrum */

void latent_spectrum_of(const latent_fft *fft, float *power, float *amplitude)
{
    for (int k = 0; k <= fft->n / 2; k++)
        power[k] = fft->freq[k][0] * fft->freq[k][0] + fft->freq[k][1] * fft->freq[k][1];
    for (int k = 0; k <= fft->n / 2; k++)
        amplitude[k] = sqrtf(power[k]);
}

double latent_rms(const float *x, int n)
{
    double sum = 0;
    for (int j = 0; j < n; j++)
        sum += (double)x[j] * x[j];
    return sqrt(sum / n);
}

double latent_centroid(const float *amplitude, int n, double sample_rate)
{
    double sum = 0, moment = 0;
    for (int k = 0; k <= n / 2; k++) {
        sum += amplitude[k];
        moment += (double)k * amplitude[k];
    }
    return sum > 0 ? moment / sum * sample_rate / n : 0;
}

/* A logarithm for every eight numbers: their product is at least 1e-80, and at most 1e96. */
double latent_flatness(const float *power, int n)
{
    double sum = 0, logs = 0, product = 1;
    for (int k = 0; k <= n / 2; k++) {
        double p = power[k] + 1e-10;
        sum += p;
        product *= p;
        if (k % 8 == 7 || k == n / 2) {
            logs += log(product);
            product = 1;
        }
    }
    return exp(logs / (n / 2 + 1)) / (sum / (n / 2 + 1));
}

/* Adds a peak's power to the pitch classes near it. */
static void add_peak(double semitone, double power, double *sums)
{
    const double reach = 2.0 / 3; /* semitones */
    int nearest = (int)lround(semitone);
    for (int s = nearest - 1; s <= nearest + 1; s++) {
        double d = fabs(semitone - s);
        if (d <= reach)
            sums[s % 12] += power * pow(cos(M_PI * d / (2 * reach)), 2);
    }
}

void latent_chroma(const float *power, int n, double sample_rate, float *chroma)
{
    const double bin = sample_rate / n;
    double sums[12] = {0}, largest = 0;
    int from = (int)ceil(100 / bin), to = (int)floor(5000 / bin);
    if (from < 1)
        from = 1;
    if (to > n / 2 - 1)
        to = n / 2 - 1;
    for (int k = from; k <= to; k++) {
        double a, b, c, shift;
        if (!(power[k - 1] < power[k] && power[k] >= power[k + 1]))
            continue;
        a = log(fmax(power[k - 1], 1e-20));
        b = log(fmax(power[k], 1e-20));
        c = log(fmax(power[k + 1], 1e-20));
        if (a - 2 * b + c >= 0)
            continue;
        shift = 0.5 * (a - c) / (a - 2 * b + c);
        /* semitones above the C two octaves below MIDI's, so that none is negative: A4 is 69 + 24
         */
        add_peak(93 + 12 * log2((k + shift) * bin / 440), exp(b - 0.25 * (a - c) * shift), sums);
    }
    for (int i = 0; i < 12; i++)
        largest = fmax(largest, sums[i]);
    for (int i = 0; i < 12; i++)
        chroma[i] = largest > 1e-10 ? (float)(sums[i] / largest) : 0;
}
