/* bench_networks: whole StyleGAN2 frames, one picture at a time, in float32 with constant noise.

       NAME ms/frame GMAC GMAC/s R x sgemm

   R is the frame's direct arithmetic a second (two operations a multiply-add, the convolutions
   counted as if nothing were saved) over the best sgemm of 512 x 4096 x 4608 in the same run with
   the same threads: a lone figure in ms says more about the machine and its neighbours than about
   the program. Weights are random, made here.  LATENT_BENCH_THREADS (2) threads; names as arguments
   choose. */
#include "engine/base/parallel.h"
#include "engine/graph/evaluate.h"
#include "engine/graph/gradient.h"
#include "engine/models/model.h"
#include "engine/ops/ops.h"
#include "measure.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_TENSORS 400

typedef struct {
    const char *name;
    int resolution, base; /* channels at r: min(base / r, 512) */
} network;

static const network networks[] = {
    {"sg2-64", 64, 16384},     {"sg2-256", 256, 16384},     {"sg2-256-f", 256, 32768},
    {"sg2-512-f", 512, 32768}, {"sg2-1024-f", 1024, 32768},
};

/* ---- random networks */

typedef struct {
    latent_tensor_out t[MAX_TENSORS];
    char name[MAX_TENSORS][48];
    int n;
    uint32_t random;
} parts;

static void add(parts *p, float mean, float range, int rank, const int64_t *dim, const char *where,
                const char *what)
{
    size_t count = 1;
    float *data;
    for (int i = 0; i < rank; i++)
        count *= (size_t)dim[i];
    if (!(data = malloc(count * sizeof(float))))
        die("no memory");
    for (size_t i = 0; i < count; i++) {
        p->random = p->random * 1664525u + 1013904223u;
        data[i] = mean + range * ((float)(p->random >> 8) / 8388608.0f - 1);
    }
    snprintf(p->name[p->n], sizeof(p->name[0]), "%s%s", where, what);
    p->t[p->n] =
        (latent_tensor_out){.name = p->name[p->n], .dtype = LATENT_F32, .rank = rank, .data = data};
    for (int i = 0; i < rank; i++)
        p->t[p->n].dim[i] = dim[i];
    p->n++;
}

static void add_layer(parts *p, const char *where, int in, int out, int k, int side)
{
    add(p, 0, 1.7f, 4, (int64_t[]){out, in, k, k}, where, ".weight");
    add(p, 0, 0.1f, 1, (int64_t[]){out}, where, ".bias");
    add(p, 0, 1, 2, (int64_t[]){in, 512}, where, ".affine.weight");
    add(p, 1, 0, 1, (int64_t[]){in}, where, ".affine.bias");
    if (side) {
        add(p, 0.1f, 0, 0, NULL, where, ".noise_strength");
        add(p, 0, 1.7f, 2, (int64_t[]){side, side}, where, ".noise_const");
    }
}

static int width(const network *n, int resolution)
{
    return n->base / resolution < 512 ? n->base / resolution : 512;
}

static latent_model *make(const network *n)
{
    parts *p = calloc(1, sizeof(*p));
    char path[200], where[40];
    const char *dir = getenv("TMPDIR");
    latent_progress quietly = {NULL, NULL};
    latent_error e = {""};
    latent_model *m;
    int file;
    if (!p)
        die("no memory");
    p->random = 1;
    for (int i = 0; i < 8; i++) {
        snprintf(where, sizeof(where), "mapping.fc%d", i);
        add(p, 0, 100, 2, (int64_t[]){512, 512}, where, ".weight");
        add(p, 0, 1, 1, (int64_t[]){512}, where, ".bias");
    }
    add(p, 0, 1, 3, (int64_t[]){width(n, 4), 4, 4}, "synthesis.b4", ".const");
    for (int r = 4; r <= n->resolution; r *= 2) {
        snprintf(where, sizeof(where), "synthesis.b%d.conv0", r);
        if (r > 4)
            add_layer(p, where, width(n, r / 2), width(n, r), 3, r);
        snprintf(where, sizeof(where), "synthesis.b%d.conv1", r);
        add_layer(p, where, width(n, r), width(n, r), 3, r);
        snprintf(where, sizeof(where), "synthesis.b%d.torgb", r);
        add_layer(p, where, width(n, r), 3, 1, 0);
    }
    snprintf(path, sizeof(path), "%s/latent-bench-XXXXXX", dir ? dir : "/tmp");
    if ((file = mkstemp(path)) < 0)
        die("can't write a temporary file");
    close(file);
    if (latent_safetensors_write(path, p->t, (size_t)p->n, NULL, 0, &e))
        die(e.text);
    for (int i = 0; i < p->n; i++)
        free((void *)p->t[i].data);
    free(p);
    m = latent_model_load(path, quietly, &e);
    unlink(path);
    if (!m)
        die(e.text);
    return m;
}

/* ---- frames */

static void styles(const latent_model *m, float *ws, uint32_t seed)
{
    for (int i = 0; i < m->generator.num_ws * m->generator.w_dim; i++) {
        seed = seed * 1664525u + 1013904223u;
        ws[i] = (float)(seed >> 8) / 8388608.0f - 1;
    }
}

static latent_node *promise(latent_model *m, const float *ws)
{
    latent_noise noise = {.mode = LATENT_NOISE_CONST, .strength = 1};
    latent_error e = {""};
    latent_node *rgb =
        latent_model_picture(m, ws, m->generator.num_ws, LATENT_WHOLE_PICTURE, noise, &e);
    if (!rgb)
        die(e.text);
    return rgb;
}

/* Seconds for one picture of these styles; the promise of the picture before is kept, as a box
   does. */
static double frame(latent_model *m, const float *ws, latent_node **last)
{
    latent_error e = {""};
    latent_tensor *t;
    double start = now();
    latent_node *rgb = promise(m, ws);
    if (latent_evaluate(rgb, NULL, &t, &e))
        die(e.text);
    latent_tensor_release(t);
    latent_node_release(*last);
    *last = rgb;
    return now() - start;
}

/* How many times as long as a picture the gradient of its loss takes, the picture being there. */
static double gradient(latent_model *m, int rounds)
{
    float *ws = calloc((size_t)(m->generator.num_ws * m->generator.w_dim), sizeof(float)), *grad,
          value;
    latent_node *last = NULL, *target = NULL, *loss;
    latent_error e = {""};
    double best = 1e9, best_frame = 1e9;
    int rows, w_dim;
    if (!ws)
        die("no memory");
    styles(m, ws, 1);
    frame(m, ws, &target);
    for (int i = 0; i < rounds; i++) {
        double start, s;
        styles(m, ws, (uint32_t)i + 2);
        s = frame(m, ws, &last);
        best_frame = s < best_frame ? s : best_frame;
        start = now();
        if (!(loss = latent_op_sse(last, target, &e)) ||
            latent_gradient_styles(loss, NULL, &value, &grad, &rows, &w_dim, &e))
            die(e.text);
        start = now() - start;
        best = start < best ? start : best;
        free(grad);
        latent_node_release(loss);
    }
    latent_node_release(last);
    latent_node_release(target);
    free(ws);
    return best / best_frame;
}

static double total_mac(void)
{
    static latent_stage stage[256];
    latent_stats s;
    double mac = 0;
    latent_stats_get(&s, stage, 256);
    for (int i = 0; i < s.n_stages && i < 256; i++)
        mac += stage[i].mac;
    return mac;
}

typedef struct {
    double seconds, gmac, sgemm;
} result;

/* The best of several frames and of several sgemms between them. */
static result measure(latent_model *m, int rounds, int last_block_only)
{
    float *ws = calloc((size_t)(m->generator.num_ws * m->generator.w_dim), sizeof(float));
    latent_node *last = NULL;
    result r = {1e9, 0, 0};
    if (!ws)
        die("no memory");
    styles(m, ws, 1);
    frame(m, ws, &last);
    for (int i = 0; i < rounds; i++) {
        double g = sgemm_gflops(), s;
        if (last_block_only)
            for (int k = (m->generator.num_ws - 3) * m->generator.w_dim;
                 k < m->generator.num_ws * m->generator.w_dim; k++)
                ws[k] += 0.01f;
        else
            styles(m, ws, (uint32_t)i + 2);
        latent_stats_reset();
        s = frame(m, ws, &last);
        r.gmac = total_mac() / 1e9;
        r.seconds = s < r.seconds ? s : r.seconds;
        r.sgemm = g > r.sgemm ? g : r.sgemm;
    }
    latent_node_release(last);
    free(ws);
    return r;
}

static void print_line(const char *name, result r)
{
    printf("%-16s %9.2f ms/frame %8.2f GMAC %8.1f GMAC/s %6.2f x sgemm (%.0f GFLOP/s)\n", name,
           r.seconds * 1e3, r.gmac, r.gmac / r.seconds, 2 * r.gmac / r.seconds / r.sgemm, r.sgemm);
    fflush(stdout);
}

static void print_stages(const char *name, double sgemm)
{
    static latent_stage stage[256];
    latent_stats s;
    latent_stats_get(&s, stage, 256);
    printf("\nstages of one frame of %s:\n", name);
    for (int i = 0; i < s.n_stages && i < 256; i++) {
        double seconds = stage[i].ms / 1e3, gmac = stage[i].mac / 1e9;
        printf("  %-14s %9.3f ms %8.3f GMAC %8.1f GMAC/s %6.2f x sgemm\n", stage[i].stage,
               stage[i].ms, gmac, gmac / seconds, 2 * gmac / seconds / sgemm);
    }
}

static void print_mapping(const latent_model *m)
{
    float z[512] = {1}, w[512];
    latent_error e;
    double best = 1e9;
    for (int i = 0; i < 200; i++) {
        double start = now(), s;
        latent_model_map(m, z, NULL, w, &e);
        s = now() - start;
        best = s < best ? s : best;
    }
    printf("mapping (8 layers of 512): %.3f ms\n", best * 1e3);
}

static int wanted(int argc, char **argv, const char *name)
{
    int chosen = argc < 2;
    for (int i = 1; i < argc; i++)
        chosen |= !strcmp(argv[i], name);
    return chosen;
}

int main(int argc, char **argv)
{
    const char *text = getenv("LATENT_BENCH_THREADS");
    int threads = text ? atoi(text) : 2, n = (int)(sizeof(networks) / sizeof(*networks)), largest;
    latent_progress quietly = {NULL, NULL};
    latent_error e = {""};
    latent_model *m;
    latent_threads_set(threads);
    latent_cache_set((size_t)4 << 30);
    printf("%d threads\n", latent_threads());
    if (wanted(argc, argv, "built-in")) {
        if (!(m = latent_model_load("examples/models/fish.safetensors", quietly, &e)))
            die(e.text);
        print_line("built-in", measure(m, 20, 0));
        latent_model_release(m);
    }
    for (largest = n - 1; largest > 0 && !wanted(argc, argv, networks[largest].name);)
        largest--;
    for (int i = 0; i < n; i++) {
        result r;
        if (!wanted(argc, argv, networks[i].name))
            continue;
        m = make(&networks[i]);
        r = measure(m, networks[i].resolution > 256 ? 4 : 10, 0);
        print_line(networks[i].name, r);
        if (i == largest) {
            print_stages(networks[i].name, r.sgemm);
            print_mapping(m);
        }
        if (!strcmp(networks[i].name, "sg2-256-f")) {
            result part = measure(m, 10, 1);
            printf("  only the last block's style moves: %.2f ms, %.2f of the whole frame\n",
                   part.seconds * 1e3, part.seconds / r.seconds);
            printf("  the gradient, the picture being there: %.2f of a frame\n", gradient(m, 6));
            for (int t = 1; t <= 2 * threads && t <= 64; t *= 2) {
                char name[40];
                latent_threads_set(t);
                snprintf(name, sizeof(name), "  %d thread%s", t, t > 1 ? "s" : "");
                print_line(name, measure(m, 6, 0));
            }
            latent_threads_set(threads);
        }
        latent_model_release(m);
    }
    return 0;
}
