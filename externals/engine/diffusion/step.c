/* step: see step.h */
#include "step.h"
#include "../ops/layers.h"
#include <math.h>

latent_node *latent_guided(latent_node *without, latent_node *with, double scale, latent_error *e)
{
    return latent_op_add(without, (float)(1 - scale), with, (float)scale, "guidance", e);
}

/* How much of the noise at the next level is new; sigma is s / a, infinite where there is noise
   alone.  The rest is such that both together are as much as there has to be. */
static double new_share(const latent_step *s, double sigma, double next)
{
    double eta = s->eta;
    if (eta < 0)
        eta = s->sampler == LATENT_ANCESTRAL || s->sampler == LATENT_LCM;
    if (s->sampler != LATENT_LCM)
        eta *= sqrt(fmax(0, 1 - (next / sigma) * (next / sigma)));
    return fmin(eta, 1);
}

/* The guess carried on by as much as it has changed since the one before: to the middle of the
   step, in ln(a / s).  Takes clean over. */
static latent_node *carried_on(latent_node *clean, const latent_step *s, double sigma, double next,
                               latent_error *e)
{
    double before = s->before_at.s / s->before_at.a;
    double half = 0.5 * log(sigma / next) / log(before / sigma);
    latent_node *n;
    if (!s->before || !(next > 0) || !isfinite(before) || !isfinite(half) || half < 0)
        return clean;
    n = latent_op_add(clean, (float)(1 + half), s->before, (float)-half, "step", e);
    latent_node_release(clean);
    return n;
}

/* s'/s x + (a' - a s'/s) D */
static latent_node *forward(latent_node *x, latent_pair at, latent_pair to, latent_node *clean,
                            latent_error *e)
{
    double kept = to.s / at.s;
    if (to.s == 0 && to.a == 1)
        return latent_node_retain(clean);
    return latent_op_add(x, (float)kept, clean, (float)(to.a - at.a * kept), "step", e);
}

/* The same with the mean of the slopes here and there, where there is x on the scale x / (a + s) or
   x / a, whichever the network's own is: along straight lines, or as in the paper. */
static latent_node *twice(latent_node *x, latent_pair at, latent_pair to, latent_node *clean,
                          const latent_guesser *by, latent_error *e)
{
    latent_node *there = forward(x, at, to, clean, e), *again = NULL, *a = NULL, *b = NULL;
    latent_node *result = NULL;
    int straight = fabs(at.a + at.s - 1) < 1e-6 && fabs(to.a + to.s - 1) < 1e-6;
    double scale = straight ? 1 : at.a, next = straight ? 1 : to.a;
    double u = at.s / scale, v = to.s / next, half = 0.5 * (v - u);
    if (!straight && at.a == 0)
        return there;
    if (there && (again = by->guess(by->context, there, to, e)) &&
        (a = latent_op_add(x, (float)(next / scale * (1 + half / u)), clean,
                           (float)(-next * half / u), "step", e)) &&
        (b = latent_op_add(there, (float)(half / v), again, (float)(-next * half / v), "step", e)))
        result = latent_op_add(a, 1, b, 1, "step", e);
    latent_node_release(there);
    latent_node_release(again);
    latent_node_release(a);
    latent_node_release(b);
    return result;
}

latent_node *latent_step_make(latent_node *x, latent_pair at, latent_pair to, const latent_step *s,
                              const latent_guesser *by, latent_node **clean, latent_error *e)
{
    double sigma = at.s / at.a, next = to.s / to.a, fresh = new_share(s, sigma, next);
    latent_pair down = {to.a, to.s * sqrt(1 - fresh * fresh)};
    latent_node *guess, *used, *n = NULL, *noise = NULL, *both = NULL;
    *clean = NULL;
    if (!(at.s > 0) || !(next < sigma)) {
        latent_fail(e, "a step goes from more noise to less, but %g came after %g",
                    latent_pair_number(to), latent_pair_number(at));
        return NULL;
    }
    if (!(guess = by->guess(by->context, x, at, e)))
        return NULL;
    used = latent_node_retain(guess);
    if (s->sampler == LATENT_DPM2M)
        used = carried_on(used, s, sigma, next, e);
    if (used)
        n = s->sampler == LATENT_HEUN && down.s > 0 ? twice(x, at, down, used, by, e)
                                                    : forward(x, at, down, used, e);
    latent_node_release(used);
    if (n && fresh > 0 && to.s > 0) {
        if ((noise = latent_op_randn(x->shape, s->seed, s->call, e)))
            both = latent_op_add(n, 1, noise, (float)(to.s * fresh), "step", e);
        latent_node_release(noise);
        latent_node_release(n);
        n = both;
    }
    if (n)
        *clean = guess;
    else
        latent_node_release(guess);
    return n;
}
