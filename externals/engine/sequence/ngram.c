/* ngram: see ngram.h.  Who asks looks at every place where the last token stood before: each knows
   the one before it. */
#include "ngram.h"
#include "../base/counter_random.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct latent_ngram {
    int order, n, different; /* different: one more than the largest token */
    int heard[LATENT_NGRAM_TOKENS];
    int same
        [LATENT_NGRAM_TOKENS]; /* the place before at which the same token stands, and 1; or 0 */
    int last[LATENT_NGRAM_TOKENS];            /* of each token the last place, and 1; or 0 */
    int before[LATENT_NGRAM_ORDER], n_before; /* the last tokens, the newest first */
    float often[LATENT_NGRAM_TOKENS];         /* how often each token came */
    float share[LATENT_NGRAM_TOKENS];         /* of each token, to come next */
    float counts[LATENT_NGRAM_TOKENS];
};

latent_ngram *latent_ngram_new(latent_error *e)
{
    latent_ngram *g = calloc(1, sizeof(*g));
    if (!g)
        latent_fail(e, "no memory to remember tokens");
    else
        g->order = 3;
    return g;
}

void latent_ngram_free(latent_ngram *g)
{
    free(g);
}

/* How many of the tokens up to place i are those that stand before now, at most most. */
static int matches(const latent_ngram *g, int i, int most)
{
    int k = 0;
    while (k < most && k <= i && g->heard[i - k] == g->before[k])
        k++;
    return k;
}

/* The shares become those of these counts, with the shares that were for what they don't know. */
static void blend(latent_ngram *g, const float *counts)
{
    float sum = 0, kinds = 0;
    for (int t = 0; t < g->different; t++) {
        sum += counts[t];
        kinds += counts[t] > 0;
    }
    for (int t = 0; sum > 0 && t < g->different; t++)
        g->share[t] = (counts[t] + kinds * g->share[t]) / (sum + kinds);
}

/* Shares of all tokens: from equal ones through longer and longer contexts. */
static void expect(latent_ngram *g)
{
    int most = g->order < g->n_before ? g->order : g->n_before;
    for (int t = 0; t < g->different; t++)
        g->share[t] = 1.f / (float)g->different;
    blend(g, g->often);
    for (int o = 1; o <= most; o++) {
        memset(g->counts, 0, (size_t)g->different * sizeof(*g->counts));
        for (int i = g->last[g->before[0]]; i; i = g->same[i - 1])
            if (i < g->n && matches(g, i - 1, o) == o)
                g->counts[g->heard[i]] += 1;
        blend(g, g->counts);
    }
}

static void remember_token(latent_ngram *g, int token)
{
    g->heard[g->n] = token;
    g->same[g->n] = g->last[token];
    g->last[token] = ++g->n;
    g->often[token] += 1;
}

/* The older half goes. */
static void make_room(latent_ngram *g)
{
    int half = g->n / 2, n = g->n - half;
    memset(g->last, 0, sizeof(g->last));
    memset(g->often, 0, sizeof(g->often));
    g->n = 0;
    for (int i = 0; i < n; i++)
        remember_token(g, g->heard[half + i]);
}

static void stands_before(latent_ngram *g, int token)
{
    memmove(g->before + 1, g->before, (LATENT_NGRAM_ORDER - 1) * sizeof(*g->before));
    g->before[0] = token;
    if (g->n_before < LATENT_NGRAM_ORDER)
        g->n_before++;
    expect(g);
}

void latent_ngram_order(latent_ngram *g, int order)
{
    g->order = order < 0 ? 0 : order > LATENT_NGRAM_ORDER ? LATENT_NGRAM_ORDER : order;
    expect(g);
}

int latent_ngram_hear(latent_ngram *g, int token, int remember, double *bits, latent_error *e)
{
    if (token < 0 || token >= LATENT_NGRAM_TOKENS)
        return latent_fail(e, "token %d came; 0 to %d can be followed", token,
                           LATENT_NGRAM_TOKENS - 1);
    *bits = token < g->different ? -log2((double)g->share[token])
                                 : log2((double)(g->different ? g->different + 1 : 1));
    if (remember && g->n == LATENT_NGRAM_TOKENS)
        make_room(g);
    if (remember)
        remember_token(g, token);
    if (token >= g->different)
        g->different = token + 1;
    stands_before(g, token);
    return 0;
}

int latent_ngram_say(latent_ngram *g, double temperature, uint32_t seed, uint64_t count)
{
    latent_counter_random r = latent_counter_random_at(seed, 4, count);
    double sum = 0, at;
    int best = 0;
    if (!g->n)
        return -1;
    for (int t = 1; t < g->different; t++)
        if (g->share[t] > g->share[best])
            best = t;
    if (temperature > 1e-3) {
        for (int t = 0; t < g->different; t++)
            sum += pow((double)(g->share[t] / g->share[best]), 1 / temperature);
        at = sum * latent_counter_random_uniform(&r);
        for (int t = 0; t < g->different; t++)
            if ((at -= pow((double)(g->share[t] / g->share[best]), 1 / temperature)) < 0) {
                best = t;
                break;
            }
    }
    stands_before(g, best);
    return best;
}

int latent_ngram_likely(const latent_ngram *g, int most, int *token, float *share)
{
    int n = 0;
    for (int t = 0; t < g->different; t++) {
        int at = n < most ? n++ : most;
        if (at == most && !(g->share[t] > share[most - 1]))
            continue;
        at -= at == most;
        for (; at && g->share[t] > share[at - 1]; at--) {
            token[at] = token[at - 1];
            share[at] = share[at - 1];
        }
        token[at] = t;
        share[at] = g->share[t];
    }
    return n;
}

int latent_ngram_count(const latent_ngram *g)
{
    return g->n;
}

void latent_ngram_forget(latent_ngram *g)
{
    int order = g->order;
    memset(g, 0, sizeof(*g));
    g->order = order;
}
