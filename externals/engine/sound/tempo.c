/* tempo: beats a minute and where in the beat one is, from an envelope of onsets.  Its
   autocorrelation is kept up to date hop by hop with exponential forgetting; a comb of four periods
   finds the beat (E. Scheirer, "Tempo and beat analysis of acoustic musical signals", 1998, has the
   combs, D. Ellis, "Beat tracking by dynamic programming", 2007, the preference for tempos around
   120); an oscillator follows the phase. */
#include "features.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SLOWEST 50.0
#define FASTEST 210.0
#define COMB 4 /* periods */
#define MEMORY_S 6.0
#define ENVELOPE_RATE 120.0 /* at most so many numbers a second */
#define TWICE 0.6           /* half a period that correlates so much of a whole one is the period */
#define FOLLOW 0.1          /* of the phase's error, every number of the envelope */

int latent_tempo_init(latent_tempo *t, double hops_a_second)
{
    memset(t, 0, sizeof(*t));
    t->every = (int)ceil(hops_a_second / ENVELOPE_RATE);
    t->rate = hops_a_second / t->every;
    t->lags = (int)ceil(COMB * 60 / SLOWEST * t->rate) + 4;
    t->forget = exp(-1 / (MEMORY_S * t->rate));
    t->past = calloc((size_t)t->lags, sizeof(*t->past));
    t->correlation = calloc((size_t)t->lags, sizeof(*t->correlation));
    if (t->past && t->correlation)
        return 0;
    latent_tempo_free(t);
    return -1;
}

void latent_tempo_free(latent_tempo *t)
{
    free(t->past);
    free(t->correlation);
    t->past = t->correlation = NULL;
}

void latent_tempo_reset(latent_tempo *t)
{
    memset(t->past, 0, (size_t)t->lags * sizeof(*t->past));
    memset(t->correlation, 0, (size_t)t->lags * sizeof(*t->correlation));
    t->at = t->counted = 0;
    t->gathered = t->period = t->phase = t->confidence = 0;
}

/* What came so many numbers ago; 0 is the newest. */
static double past_at(const latent_tempo *t, int ago)
{
    return t->past[(t->at + 2 * t->lags - 1 - ago) % t->lags];
}

static void correlate(latent_tempo *t, double now)
{
    t->past[t->at] = now;
    t->at = (t->at + 1) % t->lags;
    for (int lag = 0; lag < t->lags; lag++)
        t->correlation[lag] = t->correlation[lag] * t->forget + now * past_at(t, lag);
}

/* The largest correlation near a lag, and where (a parabola through its neighbours).  What lies
   between two numbers of the envelope is shared by both: the sum of neighbours counts. */
static double peak_near(const latent_tempo *t, double lag, int reach, double *where)
{
    double most = -1;
    int from = (int)lround(lag) - reach, to = (int)lround(lag) + reach;
    *where = lag;
    for (int i = from < 1 ? 1 : from; i <= to && i + 1 < t->lags; i++) {
        const double *c = t->correlation + i;
        double sum = c[-1] + c[0] + c[1];
        if (sum > most) {
            most = sum;
            *where = i + (sum > 0 ? (c[1] - c[-1]) / sum : 0); /* their centre */
        }
    }
    return most;
}

static double comb(const latent_tempo *t, double period)
{
    double sum = 0, where;
    for (int k = 1; k <= COMB; k++)
        sum += peak_near(t, k * period, 1, &where) / k;
    return sum;
}

/* The period, sharper with every multiple that can be found. */
static double refine(const latent_tempo *t, double period)
{
    for (int k = 1; k <= COMB; k++) {
        double where;
        if (k * period + 2 < t->lags && peak_near(t, k * period, k < 3 ? 2 : 1, &where) > 0)
            period = where / k;
    }
    return period;
}

static double find_period(const latent_tempo *t)
{
    double shortest = 60 / FASTEST * t->rate, longest = 60 / SLOWEST * t->rate, best = 0, most = 0,
           whole, where;
    for (int lag = (int)ceil(shortest); lag <= longest; lag++) {
        double octaves = log2(60 * t->rate / lag / 120);
        double score = comb(t, lag) * exp(-0.5 * octaves * octaves / 2.25);
        if (score > most) {
            most = score;
            best = lag;
        }
    }
    if (best <= 0)
        return 0;
    best = refine(t, best);
    whole = peak_near(t, best, 1, &where);
    for (int part = 3; part >= 2; part--)
        if (best / part >= shortest && peak_near(t, best / part, 1, &where) > TWICE * whole)
            return refine(t, best / part);
    return best;
}

/* How long ago the last beat was, in numbers of the envelope: where a comb of beats fits best. */
static double last_beat(const latent_tempo *t)
{
    double best = 0, most = -1;
    for (int ago = 0; ago < t->period; ago++) {
        double sum = 0;
        for (int k = 0; k < COMB && ago + k * t->period < t->lags - 1; k++)
            sum += past_at(t, (int)lround(ago + k * t->period)) * (COMB - k);
        if (sum > most) {
            most = sum;
            best = ago;
        }
    }
    return best;
}

void latent_tempo_step(latent_tempo *t, double beyond)
{
    double error, where, zero;
    t->gathered = fmax(t->gathered, beyond);
    if (t->period > 0)
        t->phase += 1 / (t->period * t->every);
    if (++t->counted >= t->every) {
        correlate(t, t->gathered);
        t->gathered = t->counted = 0;
        t->period = find_period(t);
        zero = t->correlation[0] + 2 * t->correlation[1];
        t->confidence = 0;
        if (t->period > 0 && zero > 1e-9) {
            t->confidence = fmin(fmax(peak_near(t, t->period, 1, &where) / zero, 0), 1);
            error = last_beat(t) / t->period - t->phase;
            t->phase += FOLLOW * (error - round(error));
        }
    }
    t->phase -= floor(t->phase);
}

double latent_tempo_bpm(const latent_tempo *t)
{
    return t->period > 0 ? 60 * t->rate / t->period : 0;
}
