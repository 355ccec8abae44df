/* bench_block: a residual block of a diffusion network, 64 channels of 32 x 32: group norm, silu
   and a convolution of 3 x 3, twice, and what came in added, for 1 and for 16 pictures at once:

       block-N forward ms, GMAC/s, R x sgemm
       block-N learned ms, GMAC/s, R x sgemm

   forward by weights that stay; learned by weights that are a value like any other, forward and
   back to everything.  R is the convolutions' arithmetic a second (three times it, there and back)
   over the best sgemm of 512 x 4096 x 4608 in the same run with the same threads.
   LATENT_BENCH_THREADS (2) threads. */
#include "engine/base/parallel.h"
#include "engine/graph/evaluate.h"
#include "engine/graph/variables.h"
#include "engine/ops/layers.h"
#include "engine/ops/ops.h"
#include "measure.h"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { C = 64, SIDE = 32, GROUPS = 8, ROUNDS = 12 };
enum { GAIN_1, BIAS_1, CONV_1, ADD_1, GAIN_2, BIAS_2, CONV_2, ADD_2, PARAMETERS };

static latent_node *keep(latent_node *n, latent_node *used)
{
    latent_node_release(used);
    if (!n)
        die("an operation was refused");
    return n;
}

static float *numbers(size_t n, double range)
{
    static uint32_t dice = 1;
    float *x = malloc(n * sizeof(*x));
    for (size_t i = 0; i < n; i++) {
        dice = dice * 1664525u + 1013904223u;
        x[i] = (float)(range * ((double)(dice >> 8) * 0x1p-23 - 1));
    }
    return x;
}

/* The block over its parameters, and a probe of it where it learns. */
static latent_node *block(latent_node *x, latent_node *const *p, latent_node *probe)
{
    static const latent_conv_settings plain = {
        .up = 1, .style_gain = 1, .weight_gain = 1, .strength = 1, .slope = 1, .gain = 1};
    latent_error e;
    latent_node *y = latent_node_retain(x);
    for (int half = 0; half < 2; half++, p += CONV_2 - CONV_1) {
        y = keep(latent_op_group_norm(y, p[GAIN_1], p[BIAS_1], GROUPS, 1e-5f, NULL, &e), y);
        y = keep(latent_op_silu(y, 1, NULL, &e), y);
        y = keep(latent_op_conv(y, NULL, p[CONV_1], p[ADD_1], NULL, NULL, half ? x : NULL, &plain,
                                NULL, &e),
                 y);
    }
    return probe ? keep(latent_op_dot(y, probe, &e), y) : y;
}

static latent_shape shape_of(int i, int batch)
{
    if (i == PARAMETERS)
        return (latent_shape){batch, SIDE, SIDE, C};
    return i == CONV_1 || i == CONV_2 ? (latent_shape){C, C, 3, 3} : (latent_shape){1, 1, 1, C};
}

/* Parameters and then pictures, as variables. */
static latent_variables *variables_of(int batch)
{
    latent_variables *v = latent_variables_new();
    latent_error e;
    for (int i = 0; i <= PARAMETERS; i++) {
        latent_shape s = shape_of(i, batch);
        float *first = numbers(latent_shape_count(s), s.h == 3 || s.w == 3 ? 0.05 : 1);
        if (latent_variables_add(v, s, first, &e) != i)
            die(e.text);
        free(first);
    }
    return v;
}

/* Seconds of the block for pictures that nobody has seen: forward, or learning as well. */
static double run(latent_variables *v, int batch, int learns, float *grad)
{
    latent_error e;
    latent_node *node[PARAMETERS + 1], *probe, *loss;
    latent_tensor *t;
    float value;
    double start;
    latent_shape s = shape_of(PARAMETERS, batch);
    float *other = numbers(latent_shape_count(s), 1);
    if (!(t = latent_tensor_new(s, &e)))
        die(e.text);
    for (size_t k = 0; k < t->count; k++)
        t->data[k] = other[k];
    free(other);
    probe = latent_op_picture(t, &e);
    latent_tensor_release(t);
    for (int i = 0; i <= PARAMETERS; i++) {
        node[i] = latent_variables_at(v, i, &e);
        if (!learns && (i == CONV_1 || i == CONV_2)) {
            latent_tensor *w;
            latent_evaluate(node[i], NULL, &w, &e);
            node[i] = keep(latent_op_conv_weight(w, 1, &e), node[i]);
            latent_tensor_release(w);
        }
    }
    start = now();
    loss = block(learns ? node[PARAMETERS] : probe, node, learns ? probe : NULL);
    if (learns ? latent_variables_gradient(v, loss, NULL, &value, grad, &e)
               : latent_evaluate(loss, NULL, &t, &e))
        die(e.text);
    start = now() - start;
    if (!learns)
        latent_tensor_release(t);
    for (int i = 0; i <= PARAMETERS; i++)
        latent_node_release(node[i]);
    latent_node_release(probe);
    latent_node_release(loss);
    return start;
}

int main(void)
{
    const char *threads = getenv("LATENT_BENCH_THREADS");
    latent_threads_set(threads ? atoi(threads) : 2);
    for (int batch = 1; batch <= 16; batch += 15) {
        latent_variables *v = variables_of(batch);
        float *grad = malloc(latent_variables_size(v) * sizeof(*grad));
        double gmac = 2e-9 * batch * SIDE * SIDE * C * C * 9;
        for (int learns = 0; learns < 2; learns++) {
            double best = 1e9, sgemm = 0, all = learns ? 3 * gmac : gmac;
            for (int i = 0; i < ROUNDS; i++) {
                double rate = sgemm_gflops(), s = run(v, batch, learns, grad);
                best = s < best ? s : best;
                sgemm = rate > sgemm ? rate : sgemm;
            }
            printf("block-%-2d %-9s %8.2f ms %8.1f GMAC/s %6.2f x sgemm (%.0f GFLOP/s)\n", batch,
                   learns ? "learned" : "forward", best * 1e3, all / best, 2 * all / best / sgemm,
                   sgemm);
        }
        latent_variables_free(v);
        free(grad);
    }
    latent_threads_stop();
    return 0;
}
