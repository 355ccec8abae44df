/* ngram: see ngram.h.  Nothing is counted ahead: whoever asks looks through what was heard. */
#include "ngram.h"
#include "../base/counter_random.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct latent_ngram {
    int order, n, different; /* different: one more than the largest token */
    int heard[LATENT_NGRAM_TOKENS];
    int before[LATENT_NGRAM_ORDER], n_before; /* the last tokens, the newest first */
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

/* How many of the tokens before position i are those that stand before now, at most most. */
static int matches(const latent_ngram *g, int i, int most)
{
    int k = 0;
    while (k < most && k < i && g->heard[i - 1 - k] == g->before[k])
        k++;
    return k;
}

/* Shares of all tokens: from equal ones through longer and longer contexts. */
static void expect(latent_ngram *g)
{
    int most = g->order < g->n_before ? g->order : g->n_before;
    for (int t = 0; t < g->different; t++)
        g->share[t] = 1.f / (float)g->different;
    for (int o = 0; o <= most; o++) {
        float sum = 0, kinds = 0;
        memset(g->counts, 0, (size_t)g->different * sizeof(*g->counts));
        for (int i = 0; i < g->n; i++)
            if (matches(g, i, o) == o) {
                float *c = &g->counts[g->heard[i]];
                kinds += *c == 0;
                *c += 1;
                sum += 1;
            }
        if (!(sum > 0))
            break;
        for (int t = 0; t < g->different; t++)
            g->share[t] = (g->counts[t] + kinds * g->share[t]) / (sum + kinds);
    }
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
    if (remember) {
        if (g->n == LATENT_NGRAM_TOKENS) { /* the older half goes */
            memmove(g->heard, g->heard + g->n / 2, (size_t)(g->n - g->n / 2) * sizeof(*g->heard));
            g->n -= g->n / 2;
        }
        g->heard[g->n++] = token;
    }
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
