/* bench_clip: one step of guidance by a ViT-B/32 with 8 cutouts of a picture of 256 x 256: forward
   to the loss and back to the picture, text and goal being known.

       NAME ms/step GMAC GMAC/s R x sgemm

   GMAC is twice the forward pass's: what the way back to the picture needs as well.  R is that
   arithmetic a second over the best sgemm of 512 x 4096 x 4608 in the same run with the same
   threads.  Weights are random, made here.  LATENT_BENCH_THREADS (2) threads. */
#include "engine/base/parallel.h"
#include "engine/graph/evaluate.h"
#include "engine/graph/gradient.h"
#include "engine/models/model.h"
#include "engine/ops/encoder.h"
#include "engine/ops/ops.h"
#include "measure.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WIDTH = 768, BLOCKS = 12, PATCH = 32, TOKENS = 50, OUT = 512, TEXT = 64, WORDS = 514 };
enum { CUTOUTS = 8, MAX_TENSORS = 12 * BLOCKS + 30, ROUNDS = 5 };

static struct {
    latent_tensor_out t[MAX_TENSORS];
    char name[MAX_TENSORS][80];
    size_t n;
    uint32_t dice;
} parts;

static void add(const char *where, const char *what, float mean, float range, int rank, int64_t a,
                int64_t b)
{
    latent_tensor_out *t = &parts.t[parts.n];
    size_t count = (size_t)a * (size_t)(rank > 1 ? b : 1) * (rank > 2 ? PATCH * PATCH : 1);
    float *data = malloc(count * sizeof(*data));
    if (!data)
        die("no memory");
    for (size_t i = 0; i < count; i++) {
        parts.dice = parts.dice * 1664525u + 1013904223u;
        data[i] = mean + range * ((float)(parts.dice >> 8) * 0x1p-23f - 1);
    }
    snprintf(parts.name[parts.n], sizeof(parts.name[0]), "%s%s", where, what);
    *t = (latent_tensor_out){parts.name[parts.n], LATENT_F32, rank, {a, b, PATCH, PATCH}, data};
    parts.n++;
}

static void add_block(const char *where, int width)
{
    add(where, "ln_1.weight", 1, 0.1f, 1, width, 0);
    add(where, "ln_1.bias", 0, 0.1f, 1, width, 0);
    add(where, "attn.in_proj_weight", 0, 0.05f, 2, 3 * width, width);
    add(where, "attn.in_proj_bias", 0, 0.1f, 1, 3 * width, 0);
    add(where, "attn.out_proj.weight", 0, 0.05f, 2, width, width);
    add(where, "attn.out_proj.bias", 0, 0.1f, 1, width, 0);
    add(where, "ln_2.weight", 1, 0.1f, 1, width, 0);
    add(where, "ln_2.bias", 0, 0.1f, 1, width, 0);
    add(where, "mlp.c_fc.weight", 0, 0.05f, 2, 4 * width, width);
    add(where, "mlp.c_fc.bias", 0, 0.1f, 1, 4 * width, 0);
    add(where, "mlp.c_proj.weight", 0, 0.05f, 2, width, 4 * width);
    add(where, "mlp.c_proj.bias", 0, 0.1f, 1, width, 0);
}

static latent_model *make(void)
{
    char where[60], path[64];
    latent_progress quietly = {NULL, NULL};
    latent_error e;
    latent_model *m;
    int file;
    add("visual.", "class_embedding", 0, 1, 1, WIDTH, 0);
    add("visual.", "conv1.weight", 0, 0.03f, 4, WIDTH, 3);
    add("visual.", "positional_embedding", 0, 1, 2, TOKENS, WIDTH);
    add("visual.", "ln_pre.weight", 1, 0.1f, 1, WIDTH, 0);
    add("visual.", "ln_pre.bias", 0, 0.1f, 1, WIDTH, 0);
    add("visual.", "ln_post.weight", 1, 0.1f, 1, WIDTH, 0);
    add("visual.", "ln_post.bias", 0, 0.1f, 1, WIDTH, 0);
    add("visual.", "proj", 0, 0.05f, 2, WIDTH, OUT);
    for (int i = 0; i < BLOCKS; i++) {
        snprintf(where, sizeof(where), "visual.transformer.resblocks.%d.", i);
        add_block(where, WIDTH);
    }
    add("", "token_embedding.weight", 0, 1, 2, WORDS, TEXT);
    add("", "positional_embedding", 0, 1, 2, 77, TEXT);
    add("", "ln_final.weight", 1, 0.1f, 1, TEXT, 0);
    add("", "ln_final.bias", 0, 0.1f, 1, TEXT, 0);
    add("", "text_projection", 0, 0.1f, 2, TEXT, OUT);
    snprintf(path, sizeof(path), "%s/latent-bench-XXXXXX", P_tmpdir);
    if ((file = mkstemp(path)) < 0 ||
        latent_safetensors_write(path, parts.t, parts.n, NULL, 0, &e) ||
        !(m = latent_model_load(path, quietly, &e)))
        die(file < 0 ? "no temporary file" : e.text);
    close(file);
    unlink(path);
    for (size_t i = 0; i < parts.n; i++)
        free((void *)(size_t)parts.t[i].data);
    return m;
}

static latent_node *random_leaf(latent_shape s)
{
    latent_error e;
    latent_tensor *t = latent_tensor_new(s, &e);
    latent_node *n;
    if (!t)
        die(e.text);
    for (size_t i = 0; i < t->count; i++) {
        parts.dice = parts.dice * 1664525u + 1013904223u;
        t->data[i] = (float)(parts.dice >> 8) * 0x1p-23f - 1;
    }
    n = latent_op_picture(t, &e);
    latent_tensor_release(t);
    return n;
}

static int is_picture(const latent_node *leaf, void *context)
{
    return leaf == context;
}

static void take(const latent_node *leaf, const latent_tensor *grad, void *context)
{
    (void)leaf;
    (void)grad;
    (void)context;
}

/* Seconds of a step with cutouts of their own. */
static double step(latent_model *m, latent_node *picture, latent_node *goal, uint32_t seed)
{
    latent_gradient_of of = {is_picture, take, picture};
    latent_error e = {""};
    float value;
    double start = now(), seconds;
    latent_node *cut = latent_op_cutouts(picture, CUTOUTS, m->encoder.resolution, 0.5f, seed, &e);
    latent_node *seen = cut ? latent_model_embed_picture(m, cut, &e) : NULL;
    latent_node *loss = seen ? latent_op_distance(seen, goal, LATENT_SPHERICAL, &e) : NULL;
    if (!loss || latent_gradient(loss, &of, NULL, &value, &e))
        die(e.text);
    seconds = now() - start;
    latent_node_release(cut);
    latent_node_release(seen);
    latent_node_release(loss);
    return seconds;
}

int main(void)
{
    const char *threads = getenv("LATENT_BENCH_THREADS");
    double best = 1e9, sgemm = 0, gmac = 0;
    latent_stage stage[64];
    latent_stats stats;
    latent_node *picture, *goal;
    latent_model *m;
    latent_threads_set(threads ? atoi(threads) : 2);
    m = make();
    picture = random_leaf((latent_shape){1, 256, 256, 3});
    goal = random_leaf((latent_shape){1, 1, 1, OUT});
    for (uint32_t i = 0; i < ROUNDS; i++) {
        double g = sgemm_gflops(), s;
        sgemm = g > sgemm ? g : sgemm;
        latent_stats_reset();
        s = step(m, picture, goal, i);
        best = s < best ? s : best;
        latent_stats_get(&stats, stage, 64);
    }
    for (int i = 0; i < stats.n_stages && i < 64; i++)
        gmac += 2e-9 * stage[i].mac;
    printf("%-16s %9.2f ms/step  %8.2f GMAC %8.1f GMAC/s %6.2f x sgemm (%.0f GFLOP/s)\n",
           "clip-vit-b32", best * 1e3, gmac, gmac / best, 2 * gmac / best / sgemm, sgemm);
    latent_node_release(picture);
    latent_node_release(goal);
    latent_model_release(m);
    return 0;
}
