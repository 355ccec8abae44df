/* bench_conv: how fast the convolutions of StyleGAN2 generators run on this machine, beside the
   machine's own product of matrices.

     bench_conv [threads [rounds]]

   For each shape of layer: milliseconds, "direct" GFLOP/s (two for each multiply-add of the direct
   convolution) and their ratio to sgemm (512 x 4096 x 4608) by as many threads; then for each
   network the sum over its convolutions.  The ratio sets best time against best time, which holds
   still when other programs disturb; the middle time shows how much they did. */
#include "engine/base/parallel.h"
#include "engine/kernels/conv.h"
#include "measure.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SHAPES 64
#define MAX_ROUNDS 101

typedef struct {
    const char *name;
    int size, base; /* of the picture; channels = min(base / size, 512) */
} network;

static const network networks[] = {{"sg2-64", 64, 16384},
                                   {"sg2-256", 256, 16384},
                                   {"sg2-256-f", 256, 32768},
                                   {"sg2-512-f", 512, 32768},
                                   {"sg2-1024-f", 1024, 32768}};
#define NETWORKS 5

typedef struct {
    latent_conv_spec spec;
    int size; /* of the input */
    latent_conv *conv;
    float *style, *demodulation, *noise, *bias;
    double seconds[MAX_ROUNDS], best;
} shape;

static shape shapes[MAX_SHAPES];
static int n_shapes;
static float *input, *output;

/* n numbers that repeat in no simple way; the end of the program frees them. */
static float *numbers(size_t n, float size)
{
    float *v = aligned_alloc(64, (n * sizeof(float) + 63) & ~(size_t)63);
    unsigned state = 1;
    if (!v)
        die("no memory");
    for (size_t i = 0; i < n; i++) {
        state = state * 1664525u + 1013904223u;
        v[i] = size * ((float)(state >> 8) / (float)(1 << 23) - 1);
    }
    return v;
}

static int channels(int base, int size)
{
    return base / size < 512 ? base / size : 512;
}

static shape *find_shape(int in, int out, int kernel, int up, int size)
{
    shape *s;
    latent_conv_spec spec = {in, out, kernel, up};
    size_t pixels = (size_t)(size * size * up * up);
    float *weights;
    for (s = shapes; s < shapes + n_shapes; s++)
        if (s->spec.in == in && s->spec.out == out && s->spec.kernel == kernel &&
            s->spec.up == up && s->size == size)
            return s;
    n_shapes++;
    s->spec = spec;
    s->size = size;
    s->best = 1e9;
    weights = numbers((size_t)(in * out * kernel * kernel), 0.05f);
    s->conv = latent_conv_new(spec, weights, NULL);
    free(weights);
    s->style = numbers((size_t)in, 1);
    s->demodulation = numbers((size_t)out, 1);
    s->bias = numbers((size_t)out, 1);
    s->noise = numbers(pixels, 1);
    return s;
}

static void run_shape(shape *s, int round)
{
    latent_conv_end layer = {s->demodulation, s->noise, 0.1f, s->bias, 0.2f,
                             1.41421356f,     256,      NULL};
    latent_conv_end rgb = {NULL, NULL, 0, s->bias, 1, 1, 256, NULL};
    double start = now();
    latent_conv_forward(s->conv, s->size, s->size, input, s->style,
                        s->spec.kernel == 1 ? &rgb : &layer, output, NULL);
    start = now() - start;
    s->seconds[round] = start;
    if (start < s->best)
        s->best = start;
}

static int smaller_first(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* Calls f for each convolution of a network. */
static void each_layer(const network *n, void (*f)(shape *s, void *context), void *context)
{
    for (int size = 4; size <= n->size; size *= 2) {
        int c = channels(n->base, size);
        if (size > 4)
            f(find_shape(channels(n->base, size / 2), c, 3, 2, size / 2), context);
        f(find_shape(c, c, 3, 1, size), context);
        f(find_shape(c, 3, 1, 1, size), context);
    }
}

typedef struct {
    double seconds, middle, flops;
} sum;

static void add_layer(shape *s, void *context)
{
    sum *t = context;
    t->seconds += s->best;
    t->middle += s->seconds[0];
    t->flops += 2 * latent_conv_cost(s->spec, s->size, s->size);
}

int main(int argc, char **argv)
{
    int threads = argc > 1 ? atoi(argv[1]) : latent_threads();
    int rounds = argc > 2 ? atoi(argv[2]) : 7;
    double gemm = 0;
    sum none = {0, 0, 0};
    if (rounds < 1 || rounds > MAX_ROUNDS)
        rounds = 7;
    latent_threads_set(threads);
    input = numbers((size_t)1024 * 1024 * 32, 1);
    output = numbers((size_t)1024 * 1024 * 32, 1);
    for (int n = 0; n < NETWORKS; n++)
        each_layer(&networks[n], add_layer, &none);
    for (int round = 0; round < rounds; round++)
        for (int i = 0; i < n_shapes; i++) {
            double g = i % 4 ? 0 : sgemm_gflops();
            gemm = g > gemm ? g : gemm;
            run_shape(&shapes[i], round);
        }
    printf("sgemm (512 x 4096 x 4608), %d threads: %.1f GFLOP/s\n\n", latent_threads(), gemm);
    printf("%5s %5s %7s %4s %6s %10s %10s %10s %8s\n", "in", "out", "kernel", "up", "size",
           "best ms", "middle ms", "GFLOP/s", "x sgemm");
    for (int i = 0; i < n_shapes; i++) {
        shape *s = &shapes[i];
        double flops = 2 * latent_conv_cost(s->spec, s->size, s->size);
        qsort(s->seconds, (size_t)rounds, sizeof(double), smaller_first);
        s->seconds[0] = s->seconds[rounds / 2];
        printf("%5d %5d %7d %4d %6d %10.2f %10.2f %10.1f %8.2f\n", s->spec.in, s->spec.out,
               s->spec.kernel, s->spec.up, s->size, s->best * 1e3, s->seconds[0] * 1e3,
               flops / s->best * 1e-9, flops / s->best * 1e-9 / gemm);
    }
    printf("\n%-12s %10s %10s %8s %10s %8s\n", "network", "best ms", "middle ms", "GMAC", "GFLOP/s",
           "x sgemm");
    for (int n = 0; n < NETWORKS; n++) {
        sum t = {0, 0, 0};
        each_layer(&networks[n], add_layer, &t);
        printf("%-12s %10.1f %10.1f %8.1f %10.1f %8.2f\n", networks[n].name, t.seconds * 1e3,
               t.middle * 1e3, t.flops / 2e9, t.flops / t.seconds * 1e-9,
               t.flops / t.seconds * 1e-9 / gemm);
    }
    return 0;
}
