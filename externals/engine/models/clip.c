/* clip: the encoders of CLIP (Radford et al. 2021, "Learning transferable visual models from
   natural language supervision") with a vision transformer (Dosovitskiy et al. 2021), of any size.
   A tower of transformer blocks looks at a picture, another reads a text; what belongs together
   comes out in the same direction.

       picture -> patches -> class token + places -> layer norm -> blocks -> token 0 -> layer norm
               -> projection
       text -> tokens -> words + places -> blocks (no token sees those after it) -> token of the end
            -> layer norm -> projection

       block:  x + attention(norm1(x)),  then  x + down(gelu(up(norm2(x))))

   Files: OpenAI's (a TorchScript archive or a state dict; open_clip uses the same names) and
   Hugging Face's.  All sizes are taken from the tensors; the width of a head, which none of them
   tells, is 64, but for the widths of which it is known to be another, or as the settings beside
   the model say (clip_config.h), which also tell the GELU.  The vocabulary lies there too
   (text/bpe.h). */
#include "../ops/encoder.h"
#include "../ops/ops.h"
#include "../text/bpe.h"
#include "architectures.h"
#include "clip_config.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_BLOCKS 128
#define MAX_WIDTH 16384
#define MAX_CONTEXT 4096
#define MAX_RESOLUTION 4096
#define MAX_WORDS (1 << 20)

typedef struct {
    latent_node *gain, *bias;
} clip_norm;

typedef struct {
    latent_node *weight, *bias; /* [out][in], [out] or NULL */
} clip_layer;

typedef struct {
    clip_norm norm1, norm2;
    clip_layer qkv, out, up, down;
} clip_block;

typedef struct {
    int width, heads, n_blocks;
    int quick; /* which gelu */
    clip_block block[MAX_BLOCKS];
    latent_node *places; /* [tokens][width] */
    clip_norm last;
    clip_layer projection;
} clip_tower;

typedef struct {
    clip_tower picture, text;
    int patch;                /* its side */
    clip_layer patches;       /* [width][patch * patch * 3] */
    latent_node *class_token; /* [width] */
    clip_norm first;
    latent_node *words; /* [vocabulary][width] */
    latent_bpe *bpe;    /* or NULL */
    char why[400];      /* there is none */
    int hugging_face;
    float mean[3], deviation[3]; /* that pictures in [0, 1] are brought to */
} clip;

/* ---- names */

typedef struct {
    const char *class_token, *patches, *places, *first, *last, *projection, *block;
    const char *words, *text_places, *text_last, *text_projection, *text_block;
    const char *norm1, *norm2, *qkv[3], *qkv_bias[3], *out, *up, *down;
    int projections_turned; /* [in][out] in the file */
} clip_names;

static const clip_names openai = {
    .class_token = "visual.class_embedding",
    .patches = "visual.conv1.weight",
    .places = "visual.positional_embedding",
    .first = "visual.ln_pre",
    .last = "visual.ln_post",
    .projection = "visual.proj",
    .block = "visual.transformer.resblocks",
    .words = "token_embedding.weight",
    .text_places = "positional_embedding",
    .text_last = "ln_final",
    .text_projection = "text_projection",
    .text_block = "transformer.resblocks",
    .norm1 = "ln_1",
    .norm2 = "ln_2",
    .qkv = {"attn.in_proj_weight", NULL, NULL},
    .qkv_bias = {"attn.in_proj_bias", NULL, NULL},
    .out = "attn.out_proj",
    .up = "mlp.c_fc",
    .down = "mlp.c_proj",
    .projections_turned = 1,
};

static const clip_names hugging_face = {
    .class_token = "vision_model.embeddings.class_embedding",
    .patches = "vision_model.embeddings.patch_embedding.weight",
    .places = "vision_model.embeddings.position_embedding.weight",
    .first = "vision_model.pre_layrnorm", /* so it is written */
    .last = "vision_model.post_layernorm",
    .projection = "visual_projection.weight",
    .block = "vision_model.encoder.layers",
    .words = "text_model.embeddings.token_embedding.weight",
    .text_places = "text_model.embeddings.position_embedding.weight",
    .text_last = "text_model.final_layer_norm",
    .text_projection = "text_projection.weight",
    .text_block = "text_model.encoder.layers",
    .norm1 = "layer_norm1",
    .norm2 = "layer_norm2",
    .qkv = {"self_attn.q_proj.weight", "self_attn.k_proj.weight", "self_attn.v_proj.weight"},
    .qkv_bias = {"self_attn.q_proj.bias", "self_attn.k_proj.bias", "self_attn.v_proj.bias"},
    .out = "self_attn.out_proj",
    .up = "mlp.fc1",
    .down = "mlp.fc2",
};

/* A picture tower of convolutions, as RN50 has. */
#define RESNET "visual.layer1.0.conv1.weight"

static int clip_recognise(const latent_weights *w, char *prefix, size_t room)
{
    return latent_weights_prefix(w, hugging_face.patches, prefix, room) ||
           latent_weights_prefix(w, RESNET, prefix, room) ||
           latent_weights_prefix(w, openai.class_token, prefix, room);
}

/* ---- reading */

typedef struct {
    latent_model *model;
    latent_weights *file;
    const char *prefix;
    latent_progress progress;
    latent_error *error;
} clip_reader;

static const latent_entry *find(const clip_reader *r, const char *format, ...)
{
    char name[300];
    va_list args;
    int n = snprintf(name, sizeof(name), "%s", r->prefix);
    va_start(args, format);
    vsnprintf(name + n, sizeof(name) - (size_t)n, format, args);
    va_end(args);
    return latent_weights_find(r->file, name);
}

static void describe(char *text, size_t room, int rank, const int64_t *dim)
{
    size_t used = (size_t)snprintf(text, room, rank ? "" : "a single number");
    for (int i = 0; i < rank && used < room; i++)
        used +=
            (size_t)snprintf(text + used, room - used, i ? " x %lld" : "%lld", (long long)dim[i]);
}

/* Reads a tensor that must have just these sides, to data. */
static int read_numbers(clip_reader *r, const char *name, int rank, const int64_t *dim, float *data)
{
    const latent_entry *t = find(r, "%s", name);
    int same = t && t->rank == rank;
    if (r->progress.cancel && atomic_load(r->progress.cancel))
        return latent_fail(r->error, "cancelled");
    if (!t)
        return latent_fail(r->error, "%s%s is missing", r->prefix, name);
    for (int i = 0; i < rank && same; i++)
        same = t->dim[i] == dim[i];
    if (!same) {
        char is[100], should[100];
        describe(is, sizeof(is), t->rank, t->dim);
        describe(should, sizeof(should), rank, dim);
        return latent_fail(r->error, "%s%s is %s, expected %s", r->prefix, name, is, should);
    }
    if (latent_weights_read(r->file, t, data, r->error))
        return -1;
    for (int64_t i = 0; i < t->count; i++)
        if (!isfinite(data[i]))
            return latent_fail(r->error, "%s%s has values that are no numbers (NaN or infinite)",
                               r->prefix, name);
    r->model->weights_bytes += (size_t)t->count * sizeof(float);
    r->model->kept_bytes += (size_t)t->count * sizeof(float);
    return 0;
}

static int keep(clip_reader *r, latent_tensor *t, latent_node **node)
{
    *node = latent_op_parameter(t, r->error);
    latent_tensor_release(t);
    return *node ? 0 : -1;
}

/* [rows][columns], or [columns] when rows is 0. */
static int read_matrix(clip_reader *r, const char *name, int rows, int columns, latent_node **node)
{
    latent_tensor *t = latent_tensor_new((latent_shape){1, 1, rows ? rows : 1, columns}, r->error);
    int64_t dim[2] = {rows, columns};
    if (!t)
        return -1;
    if (read_numbers(r, name, rows ? 2 : 1, rows ? dim : dim + 1, t->data)) {
        latent_tensor_release(t);
        return -1;
    }
    return keep(r, t, node);
}

/* The embedding's projection, [out][in]; turned: [in][out] in the file. */
static int read_projection(clip_reader *r, const char *name, int turned, int out, int in,
                           clip_layer *l)
{
    latent_tensor *t, *file;
    if (!turned)
        return read_matrix(r, name, out, in, &l->weight);
    if (!(file = latent_tensor_new((latent_shape){1, 1, in, out}, r->error)))
        return -1;
    if (!(t = latent_tensor_new((latent_shape){1, 1, out, in}, r->error)) ||
        read_numbers(r, name, 2, (int64_t[]){in, out}, file->data)) {
        latent_tensor_release(file);
        latent_tensor_release(t);
        return -1;
    }
    for (int o = 0; o < out; o++)
        for (int i = 0; i < in; i++)
            t->data[o * in + i] = file->data[i * out + o];
    latent_tensor_release(file);
    return keep(r, t, &l->weight);
}

/* The convolution that sees each patch, [width][3][patch][patch], as a matrix for patches whose
   channels lie last. */
static int read_patches(clip_reader *r, const char *name, int width, int patch, clip_layer *l)
{
    int pixels = patch * patch;
    latent_shape s = {1, 1, width, 3 * pixels};
    latent_tensor *file = latent_tensor_new(s, r->error), *t = latent_tensor_new(s, r->error);
    if (!file || !t || read_numbers(r, name, 4, (int64_t[]){width, 3, patch, patch}, file->data)) {
        latent_tensor_release(file);
        latent_tensor_release(t);
        return -1;
    }
    for (int o = 0; o < width; o++)
        for (int k = 0; k < 3; k++)
            for (int i = 0; i < pixels; i++)
                t->data[(o * pixels + i) * 3 + k] = file->data[(o * 3 + k) * pixels + i];
    latent_tensor_release(file);
    return keep(r, t, &l->weight);
}

static int read_norm(clip_reader *r, const char *where, int width, clip_norm *n)
{
    char name[2][240];
    snprintf(name[0], sizeof(name[0]), "%s.weight", where);
    snprintf(name[1], sizeof(name[1]), "%s.bias", where);
    return read_matrix(r, name[0], 0, width, &n->gain) ||
                   read_matrix(r, name[1], 0, width, &n->bias)
               ? -1
               : 0;
}

static int read_layer(clip_reader *r, const char *where, int out, int in, clip_layer *l)
{
    char name[2][240];
    snprintf(name[0], sizeof(name[0]), "%s.weight", where);
    snprintf(name[1], sizeof(name[1]), "%s.bias", where);
    return read_matrix(r, name[0], out, in, &l->weight) || read_matrix(r, name[1], 0, out, &l->bias)
               ? -1
               : 0;
}

/* Queries, keys and values, in one tensor or in three, as one. */
static int read_qkv(clip_reader *r, const clip_names *names, const char *where, int width,
                    clip_layer *l)
{
    latent_tensor *w = latent_tensor_new((latent_shape){1, 1, 3 * width, width}, r->error);
    latent_tensor *b = latent_tensor_new((latent_shape){1, 1, 1, 3 * width}, r->error);
    int parts = names->qkv[1] ? 3 : 1, rows = 3 * width / parts, failed = !w || !b;
    char name[200];
    for (int i = 0; i < parts && !failed; i++) {
        snprintf(name, sizeof(name), "%s.%s", where, names->qkv[i]);
        failed = read_numbers(r, name, 2, (int64_t[]){rows, width},
                              w->data + (size_t)(i * rows) * (size_t)width);
        snprintf(name, sizeof(name), "%s.%s", where, names->qkv_bias[i]);
        if (!failed)
            failed = read_numbers(r, name, 1, (int64_t[]){rows}, b->data + i * rows);
    }
    if (failed) {
        latent_tensor_release(w);
        latent_tensor_release(b);
        return -1;
    }
    failed = keep(r, w, &l->weight);
    return keep(r, b, &l->bias) || failed ? -1 : 0;
}

static int read_block(clip_reader *r, const clip_names *names, const char *where, int width,
                      clip_block *b)
{
    char name[5][200];
    const char *const part[5] = {names->norm1, names->norm2, names->out, names->up, names->down};
    const latent_entry *t;
    int hidden;
    for (int i = 0; i < 5; i++)
        snprintf(name[i], sizeof(name[i]), "%s.%s", where, part[i]);
    t = find(r, "%s.weight", name[3]);
    if (!t || t->rank != 2 || t->dim[0] < 1 || t->dim[0] > 4 * MAX_WIDTH)
        return latent_fail(r->error, "%s%s.weight is missing or no matrix", r->prefix, name[3]);
    hidden = (int)t->dim[0];
    return read_norm(r, name[0], width, &b->norm1) || read_norm(r, name[1], width, &b->norm2) ||
                   read_qkv(r, names, where, width, &b->qkv) ||
                   read_layer(r, name[2], width, width, &b->out) ||
                   read_layer(r, name[3], hidden, width, &b->up) ||
                   read_layer(r, name[4], width, hidden, &b->down)
               ? -1
               : 0;
}

/* How many heads a tower has, which no tensor tells: heads are 64 wide in all but some large
   picture towers, and in networks too narrow for that 16. */
static int heads_of(int width, int picture)
{
    int each = 64;
    if (picture)
        each = width == 1280 ? 80 : width == 1408 ? 88 : width == 1664 ? 104 : 64;
    if (width % each)
        each = 16;
    return width % each ? 1 : width / each;
}

/* of: how many blocks both towers have, done: before this one, for the progress. */
static int read_tower(clip_reader *r, const clip_names *names, const char *block, int done, int of,
                      clip_tower *t)
{
    char where[120];
    for (int i = 0; i < t->n_blocks; i++) {
        snprintf(where, sizeof(where), "%s.%d", block, i);
        if (read_block(r, names, where, t->width, &t->block[i]))
            return -1;
        if (r->progress.permille)
            atomic_store(r->progress.permille, 1000 * (done + i + 1) / of);
    }
    return 0;
}

static int count_blocks(const clip_reader *r, const clip_names *names, const char *block)
{
    int n = 0;
    while (n <= MAX_BLOCKS && find(r, "%s.%d.%s.weight", block, n, names->norm1))
        n++;
    return n;
}

/* A matrix whose sides are still to be known. */
static int sides(clip_reader *r, const char *name, int64_t most_rows, int64_t most_columns,
                 int *rows, int *columns)
{
    const latent_entry *t = find(r, "%s", name);
    if (!t || t->rank != 2 || t->dim[0] < 1 || t->dim[0] > most_rows || t->dim[1] < 1 ||
        t->dim[1] > most_columns)
        return latent_fail(r->error, "%s%s is missing or no matrix of a CLIP", r->prefix, name);
    *rows = (int)t->dim[0];
    *columns = (int)t->dim[1];
    return 0;
}

/* All sizes; 0, or -1 and a sentence. */
static int read_sizes(clip_reader *r, const clip_names *names, clip *c, int *vocabulary)
{
    latent_model *m = r->model;
    const latent_entry *t = find(r, "%s", names->patches);
    int places = 0, grid, a = 0, b = 0;
    if (sides(r, names->places, MAX_RESOLUTION * MAX_RESOLUTION, MAX_WIDTH, &places,
              &c->picture.width) ||
        sides(r, names->words, MAX_WORDS, MAX_WIDTH, vocabulary, &c->text.width) ||
        sides(r, names->text_places, MAX_CONTEXT, MAX_WIDTH, &m->encoder.context, &a) ||
        sides(r, names->projection, MAX_WIDTH, MAX_WIDTH, &a, &b))
        return -1;
    m->encoder.embedding = names->projections_turned ? b : a;
    grid = (int)lround(sqrt(places - 1));
    if (!t || t->rank != 4 || t->dim[3] < 1 || t->dim[3] > MAX_RESOLUTION || grid < 1 ||
        grid * grid != places - 1 || grid * t->dim[3] > MAX_RESOLUTION)
        return latent_fail(r->error, "%s%s and %s%s are not those of a square of patches",
                           r->prefix, names->patches, r->prefix, names->places);
    c->patch = (int)t->dim[3];
    m->encoder.resolution = grid * c->patch;
    c->picture.n_blocks = count_blocks(r, names, names->block);
    c->text.n_blocks = count_blocks(r, names, names->text_block);
    if (c->picture.n_blocks > MAX_BLOCKS || c->text.n_blocks > MAX_BLOCKS)
        return latent_fail(r->error, "more than %d blocks", MAX_BLOCKS);
    m->encoder.depth = c->picture.n_blocks;
    c->picture.heads = heads_of(c->picture.width, 1);
    c->text.heads = heads_of(c->text.width, 0);
    return 0;
}

/* Of the pictures that nearly all CLIPs learned from. */
static const float usual_mean[3] = {0.48145466f, 0.4578275f, 0.40821073f};
static const float usual_deviation[3] = {0.26862954f, 0.26130258f, 0.27577711f};

static int clip_build(latent_model *m, latent_weights *w, const char *prefix, latent_progress p,
                      latent_error *e)
{
    clip_reader r = {m, w, prefix, p, e};
    const clip_names *names = find(&r, "%s", openai.patches) ? &openai : &hugging_face;
    const char *activation = latent_weights_text(w, "hidden_act");
    clip *c = m->net = calloc(1, sizeof(*c));
    int vocabulary = 0, width, of;
    if (!c)
        return latent_fail(e, "no memory for a CLIP");
    if (find(&r, RESNET))
        return latent_fail(e, "this CLIP looks by a ResNet (RN50 and its kin), which is not known; "
                              "take one with a vision transformer, such as ViT-B-32.pt");
    if (find(&r, "%s.0.ls_1.gamma", names->block))
        return latent_fail(e, "this CLIP scales what its layers add (ls_1), which is not known");
    if (!find(&r, "%s", names->class_token) && find(&r, "vision_model.head.probe"))
        return latent_fail(e, "this is a SigLIP, which is not known; take a CLIP, such as "
                              "ViT-B-32.pt");
    if (!find(&r, "%s", names->words) && find(&r, "text_model.embeddings.word_embeddings.weight"))
        return latent_fail(e, "this CLIP reads by a BERT (Chinese CLIP and its kin), which is not "
                              "known; take one that reads by a transformer of its own, such as "
                              "ViT-B-32.pt");
    if (read_sizes(&r, names, c, &vocabulary))
        return -1;
    c->hugging_face = names == &hugging_face;
    memcpy(c->mean, usual_mean, sizeof(c->mean));
    memcpy(c->deviation, usual_deviation, sizeof(c->deviation));
    c->picture.quick = c->text.quick = !activation || strcmp(activation, "gelu");
    snprintf(c->why, sizeof(c->why),
             "there is no vocabulary beside %s; put bpe_simple_vocab_16e6.txt.gz (from the "
             "repository openai/CLIP), or the tokenizer.json or vocab.json and merges.txt that "
             "come with the model, into the same folder",
             m->label);
    width = c->picture.width;
    of = c->picture.n_blocks + c->text.n_blocks;
    if (read_patches(&r, names->patches, width, c->patch, &c->patches) ||
        read_matrix(&r, names->class_token, 0, width, &c->class_token) ||
        read_matrix(&r, names->places,
                    m->encoder.resolution / c->patch * (m->encoder.resolution / c->patch) + 1,
                    width, &c->picture.places) ||
        read_norm(&r, names->first, width, &c->first) ||
        read_tower(&r, names, names->block, 0, of, &c->picture) ||
        read_norm(&r, names->last, width, &c->picture.last) ||
        read_projection(&r, names->projection, names->projections_turned, m->encoder.embedding,
                        width, &c->picture.projection))
        return -1;
    width = c->text.width;
    if (read_matrix(&r, names->words, vocabulary, width, &c->words) ||
        read_matrix(&r, names->text_places, m->encoder.context, width, &c->text.places) ||
        read_tower(&r, names, names->text_block, c->picture.n_blocks, of, &c->text) ||
        read_norm(&r, names->text_last, width, &c->text.last) ||
        read_projection(&r, names->text_projection, names->projections_turned, m->encoder.embedding,
                        width, &c->text.projection))
        return -1;
    return 0;
}

/* ---- what lies beside: the vocabulary, and the settings (clip_config.h) */

static void configure(clip_tower *t, latent_clip_tower_config c)
{
    t->heads = c.heads;
    t->quick = c.quick;
}

static latent_clip_tower_config configuration(const clip_tower *t)
{
    return (latent_clip_tower_config){t->width, t->heads, t->quick};
}

static int clip_beside(latent_model *m, const char *folder, int home, latent_error *e)
{
    clip *c = m->net;
    latent_error why;
    int found;
    if (home) {
        latent_clip_config config = {.picture = configuration(&c->picture),
                                     .text = configuration(&c->text)};
        memcpy(config.mean, c->mean, sizeof(c->mean));
        memcpy(config.deviation, c->deviation, sizeof(c->deviation));
        if ((c->hugging_face ? latent_clip_config_hugging_face
                             : latent_clip_config_open_clip)(&config, folder, e))
            return LATENT_NOT_TO_BE_PLAYED;
        configure(&c->picture, config.picture);
        configure(&c->text, config.text);
        memcpy(c->mean, config.mean, sizeof(c->mean));
        memcpy(c->deviation, config.deviation, sizeof(c->deviation));
    }
    found = latent_bpe_find(folder, c->words->shape.w, &c->bpe, &why);
    if (found < 0) /* not looked for elsewhere: what lies beside a model is meant for it */
        snprintf(c->why, sizeof(c->why), "%s", why.text);
    return found;
}

static void free_norm(clip_norm *n)
{
    latent_node_release(n->gain);
    latent_node_release(n->bias);
}

static void free_layer(clip_layer *l)
{
    latent_node_release(l->weight);
    latent_node_release(l->bias);
}

static void free_tower(clip_tower *t)
{
    for (int i = 0; i < MAX_BLOCKS; i++) {
        free_norm(&t->block[i].norm1);
        free_norm(&t->block[i].norm2);
        free_layer(&t->block[i].qkv);
        free_layer(&t->block[i].out);
        free_layer(&t->block[i].up);
        free_layer(&t->block[i].down);
    }
    latent_node_release(t->places);
    free_norm(&t->last);
    free_layer(&t->projection);
}

static void clip_free(latent_model *m)
{
    clip *c = m->net;
    free_tower(&c->picture);
    free_tower(&c->text);
    free_layer(&c->patches);
    latent_node_release(c->class_token);
    free_norm(&c->first);
    latent_node_release(c->words);
    latent_bpe_free(c->bpe);
    free(c);
}

/* ---- looking and reading: each step takes x over and gives the next, or NULL after an error */

static latent_node *step(latent_node *x, latent_node *next)
{
    latent_node_release(x);
    return next;
}

static latent_node *norm(const clip_norm *n, latent_node *x, const char *stage, latent_error *e)
{
    return x ? step(x, latent_op_layer_norm(x, n->gain, n->bias, stage, e)) : NULL;
}

static latent_node *layer(const clip_layer *l, latent_node *x, latent_node *add, const char *stage,
                          latent_error *e)
{
    return x ? step(x, latent_op_project(x, l->weight, l->bias, add, stage, e)) : NULL;
}

static latent_node *block(const clip_tower *t, const clip_block *b, latent_node *x, int causal,
                          const char *stage, latent_error *e)
{
    latent_node *y = norm(&b->norm1, latent_node_retain(x), stage, e), *z;
    y = layer(&b->qkv, y, NULL, stage, e);
    y = y ? step(y, latent_op_attention(y, t->heads, causal, stage, e)) : NULL;
    y = layer(&b->out, y, x, stage, e);
    latent_node_release(x);
    if (!y)
        return NULL;
    z = norm(&b->norm2, latent_node_retain(y), stage, e);
    z = layer(&b->up, z, NULL, stage, e);
    z = z ? step(z, latent_op_gelu(z, t->quick, stage, e)) : NULL;
    z = layer(&b->down, z, y, stage, e);
    latent_node_release(y);
    return z;
}

static latent_node *tower(const clip_tower *t, latent_node *x, int causal, int token,
                          const char *stage, latent_error *e)
{
    for (int i = 0; i < t->n_blocks && x; i++)
        x = block(t, &t->block[i], x, causal, stage, e);
    x = x ? step(x, latent_op_select_token(x, token, e)) : NULL;
    x = norm(&t->last, x, stage, e);
    return layer(&t->projection, x, NULL, stage, e);
}

/* A picture as the first block takes it. */
static latent_node *clip_tokens(latent_model *m, latent_node *pictures, latent_error *e)
{
    const clip *c = m->net;
    const char *stage = "clip.picture";
    float scale[3], shift[3];
    latent_node *x;
    for (int k = 0; k < 3; k++) { /* from [-1, 1] by way of [0, 1] */
        scale[k] = 0.5f / c->deviation[k];
        shift[k] = (0.5f - c->mean[k]) / c->deviation[k];
    }
    x = latent_op_scale(pictures, scale, shift, e);
    x = x ? step(x, latent_op_patches(x, c->patch, e)) : NULL;
    x = layer(&c->patches, x, NULL, stage, e);
    x = x ? step(x, latent_op_position_embedding(x, c->class_token, c->picture.places, e)) : NULL;
    return norm(&c->first, x, stage, e);
}

static latent_node *clip_picture(latent_model *m, latent_node *pictures, latent_error *e)
{
    const clip *c = m->net;
    return tower(&c->picture, clip_tokens(m, pictures, e), 0, 0, "clip.picture", e);
}

static latent_node *clip_look(latent_model *m, latent_node *pictures, int depth, latent_error *e)
{
    const clip *c = m->net;
    latent_node *x = clip_tokens(m, pictures, e);
    for (int i = 0; i < depth && x; i++)
        x = block(&c->picture, &c->picture.block[i], x, 0, "clip.picture", e);
    return x;
}

static latent_node *clip_text(latent_model *m, const char *text, latent_error *e)
{
    const clip *c = m->net;
    int *tokens, n, last = 0;
    latent_node *x;
    if (!c->bpe) {
        latent_fail(e, "%s", c->why);
        return NULL;
    }
    if (!(tokens = malloc((size_t)m->encoder.context * sizeof(*tokens)))) {
        latent_fail(e, "no memory for a text");
        return NULL;
    }
    if ((n = latent_bpe_encode(c->bpe, text, tokens, m->encoder.context, e)) < 0) {
        free(tokens);
        return NULL;
    }
    for (int i = 0; i < n; i++)
        last = tokens[i] > tokens[last] ? i : last; /* the first end: it has the largest number */
    x = latent_op_embedding(c->words, tokens, last + 1, e); /* what comes after it is not seen */
    free(tokens);
    x = x ? step(x, latent_op_position_embedding(x, NULL, c->text.places, e)) : NULL;
    return x ? tower(&c->text, x, 1, last, "clip.text", e) : NULL;
}

static const latent_encoder_arch clip_encoder = {
    .picture = clip_picture,
    .look = clip_look,
    .text = clip_text,
};

const latent_arch latent_arch_clip = {
    .name = "clip",
    .recognise = clip_recognise,
    .build = clip_build,
    .beside = clip_beside,
    .free = clip_free,
    .encoder = &clip_encoder,
};
