/* schedule: see schedule.h */
#include "schedule.h"
#include <math.h>

#define STEPS 1000
#define FIRST_BETA 0.00085 /* how much noise the first and the last of the 1000 steps add */
#define LAST_BETA 0.012
#define LCM_STEPS 50     /* consistency models know each 20th of the 1000 */
#define KARRAS_MOST 80.0 /* for networks whose top is noise alone, as in the paper */
#define KARRAS_LEAST 0.002

/* ln(s / a) of all steps, "scaled linear": the root of the noise that each adds grows evenly. */
static void log_sigmas(double *log_sigma)
{
    double kept = 1, first = sqrt(FIRST_BETA), last = sqrt(LAST_BETA);
    for (int i = 0; i < STEPS; i++) {
        double root = first + (last - first) * i / (STEPS - 1);
        kept *= 1 - root * root;
        log_sigma[i] = 0.5 * (log1p(-kept) - log(kept));
    }
}

static double between(const double *x, double at)
{
    int i = (int)at;
    return i >= STEPS - 1 ? x[STEPS - 1] : x[i] + (at - i) * (x[i + 1] - x[i]);
}

/* The level, 0 to 1, of a timestep. */
static double number_at(double timestep, latent_noising noising, const double *log_sigma)
{
    double sigma;
    if (noising == LATENT_STRAIGHT)
        return (timestep + 1) / STEPS;
    sigma = exp(between(log_sigma, timestep < 0 ? 0 : timestep));
    return sigma / (1 + sigma);
}

latent_pair latent_pair_of(double number, latent_noising noising)
{
    latent_pair l = {1 - number, number};
    if (noising == LATENT_THOUSAND) {
        double length = hypot(l.a, l.s);
        l.a /= length;
        l.s /= length;
    }
    return l;
}

double latent_pair_number(latent_pair l)
{
    return l.s / (l.a + l.s);
}

double latent_noise_top(latent_noising noising)
{
    double log_sigma[STEPS];
    log_sigmas(log_sigma);
    return number_at(STEPS - 1, noising, log_sigma);
}

double latent_timestep(latent_pair l, latent_noising noising)
{
    double log_sigma[STEPS], wanted;
    int i = 0;
    if (noising == LATENT_STRAIGHT)
        return fmax(0, latent_pair_number(l) * STEPS - 1);
    log_sigmas(log_sigma);
    wanted = log(l.s / l.a); /* infinite at both ends */
    if (!(wanted > log_sigma[0]))
        return 0;
    if (!(wanted < log_sigma[STEPS - 1]))
        return STEPS - 1;
    while (log_sigma[i + 1] < wanted)
        i++;
    return i + (wanted - log_sigma[i]) / (log_sigma[i + 1] - log_sigma[i]);
}

/* Step k of a schedule, as a number. */
static double level_at(const latent_schedule *s, int k, const double *log_sigma)
{
    int n = s->steps, most = (int)floor(LCM_STEPS * s->from);
    double t, high, low, part = n > 1 ? (double)k / (n - 1) : 0, sigma;
    switch (s->spacing) {
    case LATENT_TRAILING:
        t = s->from * STEPS * (n - k) / n;
        t = (s->noising == LATENT_THOUSAND ? rint(t) : t) - 1;
        break;
    case LATENT_LEADING:
        t = s->from * (STEPS / n) * (n - 1 - k) + (n < STEPS);
        break;
    case LATENT_LINSPACE:
        t = (s->from * STEPS - 1) * (1 - part);
        break;
    case LATENT_LCM_STEPS:
        t = (most - floor((double)k * most / n)) * (STEPS / LCM_STEPS) - 1;
        break;
    default: /* LATENT_KARRAS */
        high = number_at(s->from * STEPS - 1, s->noising, log_sigma);
        high = fmin(high / (1 - high), KARRAS_MOST);
        low = fmax(exp(log_sigma[0]), KARRAS_LEAST);
        if (s->noising == LATENT_STRAIGHT)
            low = KARRAS_LEAST;
        high = pow(high, 1 / s->rho);
        sigma = pow(high + part * (pow(low, 1 / s->rho) - high), s->rho);
        return sigma / (1 + sigma);
    }
    return number_at(t, s->noising, log_sigma);
}

int latent_schedule_levels(const latent_schedule *s, float *level, double *timestep,
                           latent_error *e)
{
    double log_sigma[STEPS], top, before = 2;
    log_sigmas(log_sigma);
    top = number_at(STEPS - 1, s->noising, log_sigma);
    for (int k = 0; k < s->steps; k++) {
        double part = level_at(s, k, log_sigma) / top;
        double number = top * s->shift * part / (1 + (s->shift - 1) * part);
        if (!((float)number < (float)before && (float)number > 0))
            return latent_fail(e,
                               "%d steps from %g on can't be told apart in this spacing; fewer, or "
                               "a higher from, can",
                               s->steps, s->from);
        before = number;
        if (level)
            level[k] = (float)number;
        if (timestep)
            timestep[k] = latent_timestep(latent_pair_of(number, s->noising), s->noising);
    }
    if (level)
        level[s->steps] = 0;
    return 0;
}

int latent_schedule_check(const float *level, int n, latent_error *e)
{
    if (n < 2 || n > LATENT_MOST_STEPS + 1)
        return latent_fail(e,
                           "a schedule is 2 to %d levels of noise, falling from 1 to 0 at most, "
                           "but %d came; [latent.schedule] makes one",
                           LATENT_MOST_STEPS + 1, n);
    for (int i = 0; i < n; i++) {
        if (!(level[i] >= 0 && level[i] <= 1))
            return latent_fail(
                e,
                "a level of noise lies between 0 and 1, but number %d is %g; 1 is noise "
                "alone",
                i + 1, (double)level[i]);
        if (i && !(level[i] < level[i - 1]))
            return latent_fail(
                e,
                "a schedule falls, but after %g comes %g; each level must be below the one "
                "before",
                (double)level[i - 1], (double)level[i]);
    }
    return 0;
}
