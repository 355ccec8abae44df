/* stylegan2_rosinality: generators of StyleGAN2 in the layout of rosinality's PyTorch program
   (stylegan2-pytorch) and the many that grew out of it.  It is the same network as in stylegan2.c,
   with other names, and weights that are still to be divided by the root of what goes into them.
   Files of some of the programs hold no mean of w. */
#include "architectures.h"
#include "stylegan2.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct {
    const char *ours, *theirs;
    int rank;   /* as we have it; axes of 1 come before and behind in the file */
    float gain; /* 0: see found_part() */
} part;

/* Of a layer that is a convolution, and of one that draws, by what stands behind its name. */
static const part conv_parts[] = {
    {"weight", "conv.weight", 4, 0},
    {"bias", "activate.bias", 1, 1},
    {"affine.weight", "conv.modulation.weight", 2, 1},
    {"affine.bias", "conv.modulation.bias", 1, 1},
    {"noise_strength", "noise.weight", 0, 1},
    {"resample_filter", "conv.blur.kernel", 2, 0.25f},
};
static const part drawing_parts[] = {
    {"weight", "conv.weight", 4, 1},
    {"bias", "bias", 1, 1},
    {"affine.weight", "conv.modulation.weight", 2, 1},
    {"affine.bias", "conv.modulation.bias", 1, 1},
};

/* Leaves out axes of 1, the first ones first, until so many are left, if that can be. */
static void keep_axes(latent_entry *t, int rank)
{
    for (int at = 0; t->rank > rank && at < t->rank;) {
        if (t->dim[at] != 1) {
            at++;
            continue;
        }
        t->rank--;
        for (int i = at; i < t->rank; i++) {
            t->dim[i] = t->dim[i + 1];
            t->stride[i] = t->stride[i + 1];
        }
    }
}

static int found(const latent_reader *r, int rank, float gain, latent_source *s)
{
    const latent_entry *t = latent_weights_find(r->file, s->name);
    if (!t)
        return 0;
    s->entry = *t;
    s->gain = gain;
    keep_axes(&s->entry, rank);
    return 1;
}

static int found_mapping(const latent_reader *r, const char *name, latent_source *s)
{
    int i = 0, n = 0;
    if (!strcmp(name, "w_avg")) {
        snprintf(s->name, sizeof(s->name), "latent_avg");
        return found(r, 1, 1, s);
    }
    if (sscanf(name, "fc%2d.%n", &i, &n) < 1 || !n)
        return 0;
    snprintf(s->name, sizeof(s->name), "%sstyle.%d.%s", r->prefix, i + 1, name + n);
    return found(r, strcmp(name + n, "weight") ? 1 : 2, 1, s);
}

static int found_part(const latent_reader *r, const char *layer, const part *parts, size_t n,
                      const char *name, latent_source *s)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(name, parts[i].ours) != 0)
            continue;
        snprintf(s->name, sizeof(s->name), "%s%s.%s", r->prefix, layer, parts[i].theirs);
        if (!found(r, parts[i].rank, parts[i].gain, s))
            return 0;
        if (parts[i].gain <= 0 && s->entry.rank == 4 &&
            s->entry.count) /* the weights of a convolution, [out][in][k][k] */
            s->gain = 1 / sqrtf((float)(s->entry.dim[1] * s->entry.dim[2] * s->entry.dim[3]));
        return 1;
    }
    return 0;
}

/* name: what comes after "synthesis.b8."; k: how often 4 was doubled for the 8 */
static int found_block(const latent_reader *r, const char *name, int k, latent_source *s)
{
    char layer[40] = "conv1";
    int second = !strncmp(name, "conv1.", 6), convolution = second || !strncmp(name, "conv0.", 6);
    if (!strcmp(name, "const")) {
        snprintf(s->name, sizeof(s->name), "%sinput.input", r->prefix);
        return found(r, 3, 1, s);
    }
    if (!strcmp(name, "resample_filter") && k) {
        snprintf(s->name, sizeof(s->name), "%sto_rgbs.%d.upsample.kernel", r->prefix, k - 1);
        return found(r, 2, 0.25f, s);
    }
    if (convolution && !strcmp(name + 6, "noise_const")) {
        snprintf(s->name, sizeof(s->name), "%snoises.noise_%d", r->prefix,
                 k ? 2 * k - 1 + second : 0);
        return found(r, 2, 1, s);
    }
    if (convolution) {
        if (k)
            snprintf(layer, sizeof(layer), "convs.%d", 2 * k - 2 + second);
        return found_part(r, layer, conv_parts, sizeof(conv_parts) / sizeof(*conv_parts), name + 6,
                          s);
    }
    if (strncmp(name, "torgb.", 6) != 0)
        return 0;
    snprintf(layer, sizeof(layer), k ? "to_rgbs.%d" : "to_rgb1", k - 1);
    return found_part(r, layer, drawing_parts, sizeof(drawing_parts) / sizeof(*drawing_parts),
                      name + 6, s);
}

static int translate(const latent_reader *r, const char *name, latent_source *s)
{
    int resolution = 0, n = 0;
    if (!strncmp(name, "mapping.", 8))
        return found_mapping(r, name + 8, s);
    if (sscanf(name, "synthesis.b%5d.%n", &resolution, &n) < 1 || !n)
        return 0;
    for (int k = 0; k < LATENT_SG2_BLOCKS; k++)
        if (resolution == 4 << k)
            return found_block(r, name + n, k, s);
    return 0;
}

static int rosinality_recognise(const latent_weights *w, char *prefix, size_t room)
{
    char name[LATENT_PREFIX + 20];
    if (!latent_weights_prefix(w, "conv1.conv.modulation.weight", prefix, room))
        return 0;
    snprintf(name, sizeof(name), "%sinput.input", prefix);
    return latent_weights_find(w, name) != NULL;
}

static int rosinality_build(latent_model *m, latent_weights *w, const char *prefix,
                            latent_progress p, latent_error *e)
{
    static const latent_sg2_settings settings = {0, 0.01, 1};
    latent_reader r = {
        .model = m, .file = w, .prefix = prefix, .progress = p, .error = e, .translate = translate};
    return latent_stylegan2_read(m, &r, &settings);
}

const latent_arch latent_arch_stylegan2_rosinality = {
    .name = "stylegan2",
    .recognise = rosinality_recognise,
    .build = rosinality_build,
    .free = latent_stylegan2_free,
    .write = latent_stylegan2_write,
    .generator = &latent_stylegan2_generator,
};
