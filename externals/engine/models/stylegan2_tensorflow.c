/* stylegan2_tensorflow: generators of StyleGAN2 and StyleGAN2-ADA as NVIDIA's TensorFlow programs
   of 2019 to 2020 saved them: a pickle of networks (G, D, Gs), or of one, each with a list of
   variables by name.  Gs, the running mean, is the one to be shown.  It is the same network as in
   stylegan2.c, with other names, matrices turned over and the kernels of enlarging convolutions
   reversed. */
#include "architectures.h"
#include "stylegan2.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_VARIABLES 4096

/* The tensor of a variable of a component ("components.synthesis."; "": the network's own). */
static const latent_entry *variable(const latent_weights *w, const char *prefix,
                                    const char *component, const char *name)
{
    char key[LATENT_PREFIX + 80];
    for (int i = 0; i < MOST_VARIABLES; i++) {
        const char *called;
        snprintf(key, sizeof(key), "%s%svariables.%d.0", prefix, component, i);
        if (!(called = latent_weights_text(w, key)))
            return NULL;
        if (strcmp(called, name) != 0)
            continue;
        snprintf(key, sizeof(key), "%s%svariables.%d.1", prefix, component, i);
        return latent_weights_find(w, key);
    }
    return NULL;
}

/* What becomes of a tensor's axes. */
typedef enum {
    AS_IT_IS,
    TURNED,   /* [in][out] to [out][in] */
    KERNEL,   /* [k][k][in][out] to [out][in][k][k] */
    LAST_AXES /* the last as many as are wanted; those before are 1 */
} axes;

typedef struct {
    const char *ours, *theirs;
    axes axes;
    float add;
} part;

/* Of a layer, by what stands behind its name. */
static const part parts[] = {
    {"weight", "weight", KERNEL, 0},
    {"bias", "bias", AS_IT_IS, 0},
    {"affine.weight", "mod_weight", TURNED, 0},
    {"affine.bias", "mod_bias", AS_IT_IS, 1},
    {"noise_strength", "noise_strength", AS_IT_IS, 0},
};

static void keep_axes(latent_entry *t, const int *axis, int rank)
{
    latent_entry from = *t;
    t->rank = rank;
    for (int i = 0; i < rank; i++) {
        t->dim[i] = from.dim[axis[i]];
        t->stride[i] = from.stride[axis[i]];
    }
}

/* A tensor with other axes than it should have stays as it is: it is refused by its sides. */
static void arrange(latent_entry *t, axes how, int rank)
{
    static const int turned[2] = {1, 0}, kernel[4] = {3, 2, 0, 1};
    int last[4], ones = 1;
    if (how == TURNED && t->rank == 2)
        keep_axes(t, turned, 2);
    else if (how == KERNEL && t->rank == 4)
        keep_axes(t, kernel, 4);
    else if (how == LAST_AXES && t->rank > rank && t->rank <= 4) {
        for (int i = 0; i < t->rank - rank; i++)
            ones &= t->dim[i] == 1;
        for (int i = 0; i < rank; i++)
            last[i] = t->rank - rank + i;
        if (ones)
            keep_axes(t, last, rank);
    }
}

static int found(const latent_reader *r, const char *component, axes how, int rank,
                 latent_source *s)
{
    char full[40];
    const latent_entry *t;
    snprintf(full, sizeof(full), "%s%s%s", *component ? "components." : "", component,
             *component ? "." : "");
    if (!(t = variable(r->file, r->prefix, full, s->name)))
        return 0;
    s->entry = *t;
    arrange(&s->entry, how, rank);
    return 1;
}

static int found_mapping(const latent_reader *r, const char *name, latent_source *s)
{
    int n = 0, i = 0;
    if (!strcmp(name, "w_avg")) {
        snprintf(s->name, sizeof(s->name), "dlatent_avg");
        return found(r, "", AS_IT_IS, 1, s);
    }
    if (!strncmp(name, "embed.", 6)) {
        snprintf(s->name, sizeof(s->name), "LabelEmbed/%s", name + 6);
        return found(r, "mapping", strcmp(name, "embed.weight") ? AS_IT_IS : TURNED, 2, s);
    }
    if (sscanf(name, "fc%2d.%n", &i, &n) < 1 || !n)
        return 0;
    snprintf(s->name, sizeof(s->name), "Dense%d/%s", i, name + n);
    return found(r, "mapping", strcmp(name + n, "weight") ? AS_IT_IS : TURNED, 2, s);
}

/* How often 4 was doubled; -1 when it is no such number. */
static int doublings(int resolution)
{
    for (int i = 0; i < LATENT_SG2_BLOCKS; i++)
        if (resolution == 4 << i)
            return i;
    return -1;
}

/* name: what comes after "synthesis.b8."; k: how often 4 was doubled for the 8 */
static int found_block(const latent_reader *r, const char *name, int k, latent_source *s)
{
    static const char *const ours[] = {"conv0", "conv1", "torgb", "skip"};
    static const char *const theirs[] = {"Conv0_up", "Conv1", "ToRGB", "Skip"};
    const char *point = strchr(name, '.');
    int side = 4 << k;
    if (!strcmp(name, "const")) {
        snprintf(s->name, sizeof(s->name), "4x4/Const/const");
        return found(r, "synthesis", LAST_AXES, 3, s);
    }
    for (int i = 0; point && i < 4; i++) {
        if (strncmp(name, ours[i], strlen(ours[i])) || point != name + strlen(ours[i]))
            continue;
        if (!strcmp(point + 1, "noise_const")) {
            snprintf(s->name, sizeof(s->name), "noise%d", k ? 2 * k - 1 + i : 0);
            return found(r, "synthesis", LAST_AXES, 2, s);
        }
        for (size_t p = 0; p < sizeof(parts) / sizeof(*parts); p++)
            if (!strcmp(point + 1, parts[p].ours)) {
                snprintf(s->name, sizeof(s->name), "%dx%d/%s/%s", side, side,
                         i == 1 && !k ? "Conv" : theirs[i], parts[p].theirs);
                s->add = parts[p].add;
                s->reverse = i == 0 && parts[p].axes == KERNEL;
                return found(r, "synthesis", parts[p].axes, 4, s);
            }
    }
    return 0;
}

static int translate(const latent_reader *r, const char *name, latent_source *s)
{
    int resolution = 0, n = 0, k;
    if (!strncmp(name, "mapping.", 8))
        return found_mapping(r, name + 8, s);
    if (sscanf(name, "synthesis.b%5d.%n", &resolution, &n) < 1 || !n)
        return 0;
    k = doublings(resolution);
    return k >= 0 && found_block(r, name + n, k, s);
}

static int is_one(const latent_weights *w, const char *prefix)
{
    return variable(w, prefix, "components.synthesis.", "4x4/Conv/mod_weight") != NULL;
}

static int tf_recognise(const latent_weights *w, char *prefix, size_t room)
{
    snprintf(prefix, room, "2."); /* of (G, D, Gs) */
    if (is_one(w, prefix))
        return 1;
    return latent_weights_prefix(w, "components.synthesis.variables.0.1", prefix, room) &&
           is_one(w, prefix);
}

/* A setting that stands with the network or with a component; -1 when there is none. */
static int number(const latent_weights *w, const char *prefix, const char *name, double *value)
{
    static const char *const places[] = {"static_kwargs", "components.synthesis.static_kwargs",
                                         "components.mapping.static_kwargs"};
    char key[LATENT_PREFIX + 200];
    for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
        snprintf(key, sizeof(key), "%s%s.%s", prefix, places[i], name);
        if (!latent_weights_number(w, key, value))
            return 0;
    }
    return -1;
}

/* Refuses what would be computed otherwise than here. */
static int check(const latent_weights *w, const char *prefix, latent_error *e)
{
    static const double filter[4] = {1, 3, 3, 1};
    char key[LATENT_PREFIX + 80];
    const char *text;
    double tap;
    snprintf(key, sizeof(key), "%sstatic_kwargs.nonlinearity", prefix);
    text = latent_weights_text(w, key);
    if (text && strcmp(text, "lrelu") != 0)
        return latent_fail(e, "it uses the activation %.40s; only lrelu is known", text);
    for (int i = 0; i < 4; i++) {
        snprintf(key, sizeof(key), "resample_kernel.%d", i);
        if (!number(w, prefix, key, &tap) && (tap < filter[i] || tap > filter[i]))
            return latent_fail(e, "its filter is not [1 3 3 1]; no other one is known");
    }
    if (variable(w, prefix, "components.mapping.", "LabelConcat/weight"))
        return latent_fail(e, "this StyleGAN2 of TensorFlow mixes classes into z in a way that is "
                              "not known here; those of StyleGAN2-ADA are");
    if (variable(w, prefix, "components.synthesis.", "ToRGB_lod0/weight"))
        return latent_fail(e, "this StyleGAN2 of TensorFlow was made while it was growing "
                              "(configuration A to D); E and F are known");
    return 0;
}

static int tf_build(latent_model *m, latent_weights *w, const char *prefix, latent_progress p,
                    latent_error *e)
{
    latent_reader r = {
        .model = m, .file = w, .prefix = prefix, .progress = p, .error = e, .translate = translate};
    latent_sg2_settings settings = {0, 0.01, 1};
    if (check(w, prefix, e))
        return -1;
    number(w, prefix, "conv_clamp", &settings.clamp);
    number(w, prefix, "mapping_lrmul", &settings.rate);
    if (!(settings.clamp >= 0) || !(settings.rate > 0))
        return latent_fail(e, "its conv_clamp is %g and its mapping_lrmul %g", settings.clamp,
                           settings.rate);
    return latent_stylegan2_read(m, &r, &settings);
}

const latent_arch latent_arch_stylegan2_tensorflow = {
    .name = "stylegan2",
    .recognise = tf_recognise,
    .build = tf_build,
    .free = latent_stylegan2_free,
    .write = latent_stylegan2_write,
    .generator = &latent_stylegan2_generator,
};
