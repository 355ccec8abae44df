/* helper_judge: see helper_judge.h.  Features: how far each small square of the picture is from the
   paper, and how much there is of each colour that is not paper. */
#include "helper_judge.h"
#include "engine/base/counter_random.h"
#include "engine/kernels/gemm.h"
#include "engine/latents/symmetric.h"
#include "engine/rules/fish.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SQUARES 16 /* each way */
#define BINS 5     /* of each of red, green and blue */
#define HISTOGRAM (BINS * BINS * BINS)
#define FEATURES (SQUARES * SQUARES + HISTOGRAM)
#define TARGETS (3 + JUDGE_COLOURS + JUDGE_TAILS) /* armed, girth, length, colours, tails */
#define RIDGE 0.02 /* times the number of pictures; features have deviation 1 */

struct judge {
    double mean[FEATURES], scale[FEATURES];
    double weight[FEATURES * TARGETS], bias[TARGETS];
};

/* ---- features */

/* The mean colour of the picture's border. */
static void paper_of(const float *picture, double paper[3])
{
    int n = 0;
    memset(paper, 0, 3 * sizeof(*paper));
    for (int y = 0; y < JUDGE_SIZE; y++)
        for (int x = 0; x < JUDGE_SIZE; x++)
            if (y < 2 || x < 2 || y >= JUDGE_SIZE - 2 || x >= JUDGE_SIZE - 2) {
                for (int c = 0; c < 3; c++)
                    paper[c] += picture[(y * JUDGE_SIZE + x) * 3 + c];
                n++;
            }
    for (int c = 0; c < 3; c++)
        paper[c] /= n;
}

/* A pixel that is not paper, shared among the nearest colours of the histogram. */
static void count(const float *pixel, double much, float *histogram)
{
    int low[3];
    double part[3];
    for (int c = 0; c < 3; c++) {
        double at = fmin(fmax((pixel[c] + 1) / 2, 0), 1) * (BINS - 1);
        low[c] = at < BINS - 1 ? (int)at : BINS - 2;
        part[c] = at - low[c];
    }
    for (int k = 0; k < 8; k++) {
        double share = much;
        int bin = 0;
        for (int c = 0; c < 3; c++) {
            int up = k >> c & 1;
            share *= up ? part[c] : 1 - part[c];
            bin = bin * BINS + low[c] + up;
        }
        histogram[bin] += (float)share;
    }
}

static void look(const float *picture, float f[FEATURES])
{
    double paper[3];
    memset(f, 0, FEATURES * sizeof(*f));
    paper_of(picture, paper);
    for (int p = 0; p < JUDGE_SIZE * JUDGE_SIZE; p++) {
        int row = p / JUDGE_SIZE * SQUARES / JUDGE_SIZE,
            column = p % JUDGE_SIZE * SQUARES / JUDGE_SIZE;
        double away = 0;
        for (int c = 0; c < 3; c++)
            away += fabs(picture[p * 3 + c] - paper[c]);
        away = fmin(fmax(2 * away - 0.3, 0), 1); /* paper is not quite even */
        f[row * SQUARES + column] += (float)away;
        count(picture + p * 3, away, f + SQUARES * SQUARES);
    }
}

/* ---- what is right */

verdict judge_truth(const float *params)
{
    float hue = params[COLOUR], nearest = floorf(hue + 0.5f);
    return (verdict){params[ARMED] >= 0.5f,
                     fabsf(hue - nearest) <= 0.25f ? (int)nearest % FISH_COLOURS : -1,
                     (int)params[TAIL], params[GIRTH], params[LENGTH]};
}

/* ---- learning */

/* Features x [n][FEATURES] to mean 0 and deviation 1. */
static void standardise(judge *j, float *x, int n)
{
    for (int i = 0; i < FEATURES; i++) {
        double sum = 0, squares = 0;
        for (int p = 0; p < n; p++)
            sum += x[(size_t)p * FEATURES + i];
        j->mean[i] = sum / n;
        for (int p = 0; p < n; p++) {
            double d = x[(size_t)p * FEATURES + i] - j->mean[i];
            squares += d * d;
        }
        j->scale[i] = squares > 1e-6 * n ? 1 / sqrt(squares / n) : 0;
        for (int p = 0; p < n; p++) {
            float *v = &x[(size_t)p * FEATURES + i];
            *v = (float)((*v - j->mean[i]) * j->scale[i]);
        }
    }
}

static void solve(judge *j, const float *x, const float *y, int n)
{
    float *g = malloc(sizeof(float) * FEATURES * (FEATURES + TARGETS)),
          *r = g + FEATURES * FEATURES;
    double *a = malloc(sizeof(double) * FEATURES * FEATURES);
    latent_error e = {""};
    latent_gemm(1, 0, FEATURES, FEATURES, n, x, x, 0, g);
    latent_gemm(1, 0, FEATURES, TARGETS, n, x, y, 0, r);
    for (int i = 0; i < FEATURES * FEATURES; i++)
        a[i] = g[i];
    for (int i = 0; i < FEATURES; i++)
        a[i * FEATURES + i] += RIDGE * n;
    for (int i = 0; i < FEATURES * TARGETS; i++)
        j->weight[i] = r[i];
    if (latent_symmetric_solve(a, FEATURES, j->weight, TARGETS, &e))
        fail_msg("%s", e.text);
    free(g);
    free(a);
}

/* As a network draws: somewhat blurred, and uneven. */
static void roughen(float *picture, latent_counter_random dice)
{
    enum { ROW = JUDGE_SIZE * 3, ALL = JUDGE_SIZE * ROW };
    float *was = malloc(ALL * sizeof(*was));
    double blur = 0.8 * latent_counter_random_uniform(&dice),
           noise = 0.1 * latent_counter_random_uniform(&dice);
    memcpy(was, picture, ALL * sizeof(*was));
    for (int i = 0; i < ALL; i++) {
        int x = i % ROW / 3, up = i < ROW ? i : i - ROW, down = i + ROW < ALL ? i + ROW : i,
            left = x ? i - 3 : i, right = x < JUDGE_SIZE - 1 ? i + 3 : i;
        double around = (was[up] + was[down] + was[left] + was[right]) / 4;
        double v = was[i] + blur * (around - was[i]) + noise * latent_counter_random_gauss(&dice);
        picture[i] = (float)fmin(fmax(v, -1), 1);
    }
    free(was);
}

void judge_fish(uint32_t seed, uint32_t index, float *params)
{
    const latent_rule *rule = latent_rule_find("fish");
    float usual[LATENT_RULE_MOST];
    latent_rule_usual(rule, usual);
    latent_rule_random(rule, seed, index, params);
    memcpy(params + FACING, usual + FACING, (FISH_PARAMS - FACING) * sizeof(*params));
    if (params[ARMED] > 0 && params[ARMED] < .85f)
        params[ARMED] = .85f + .15f * params[ARMED];
}

judge *judge_new(uint32_t seed, int n)
{
    judge *j = calloc(1, sizeof(*j));
    const latent_rule *rule = latent_rule_find("fish");
    float *picture = malloc(JUDGE_SIZE * JUDGE_SIZE * 3 * sizeof(float));
    float *x = malloc((size_t)n * FEATURES * sizeof(float));
    float *y = calloc((size_t)n * TARGETS, sizeof(float));
    latent_error e = {""};
    for (int p = 0; p < n; p++) {
        float params[LATENT_RULE_MOST], *t = y + p * TARGETS;
        verdict v;
        judge_fish(seed, (uint32_t)p, params);
        if (latent_rule_draw(rule, params, JUDGE_SIZE, picture, &e))
            fail_msg("%s", e.text);
        if (p % 2)
            roughen(picture, latent_counter_random_at(seed, 1, (uint64_t)p));
        look(picture, x + (size_t)p * FEATURES);
        v = judge_truth(params);
        t[0] = (float)v.armed;
        t[1] = (float)v.girth;
        t[2] = (float)v.length;
        if (v.colour >= 0)
            t[3 + v.colour] = 1;
        t[3 + JUDGE_COLOURS + v.tail] = 1;
    }
    standardise(j, x, n);
    for (int t = 0; t < TARGETS; t++) {
        for (int p = 0; p < n; p++)
            j->bias[t] += y[p * TARGETS + t] / n;
        for (int p = 0; p < n; p++)
            y[p * TARGETS + t] -= (float)j->bias[t];
    }
    solve(j, x, y, n);
    free(picture);
    free(x);
    free(y);
    return j;
}

void judge_free(judge *j)
{
    free(j);
}

static int largest(const double *t, int n)
{
    int at = 0;
    for (int k = 1; k < n; k++)
        at = t[k] > t[at] ? k : at;
    return at;
}

verdict judge_look(const judge *j, const float *picture)
{
    float f[FEATURES];
    double t[TARGETS];
    verdict v = {0};
    look(picture, f);
    memcpy(t, j->bias, sizeof(t));
    for (int i = 0; i < FEATURES; i++)
        for (int k = 0; k < TARGETS; k++)
            t[k] += (f[i] - j->mean[i]) * j->scale[i] * j->weight[i * TARGETS + k];
    v.armed = t[0];
    v.girth = t[1];
    v.length = t[2];
    v.colour = largest(t + 3, JUDGE_COLOURS);
    v.tail = largest(t + 3 + JUDGE_COLOURS, JUDGE_TAILS);
    return v;
}
