/* trainer: see trainer.h */
#include "trainer.h"
#include "../base/counter_random.h"
#include "../base/parallel.h"
#include "../graph/evaluate.h"
#include "../graph/gradient.h"
#include "../ops/layers.h"
#include "../ops/ops.h"
#include "leaves.h"
#include "losses.h"
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define MOST_BATCH 256
#define PATIENCE 20     /* steps without numbers before giving up */
#define PATH_STEP 0.1   /* a little way of w */
#define ADAPT_EVERY 4   /* steps */
#define PATH_PACE 0.01f /* at which the mean length of paths follows */

enum {
    CHANCE_NOISE = 2,
    CHANCE_Z = 10,
    CHANCE_Z2,
    CHANCE_CROSSING,
    CHANCE_REAL,
    CHANCE_PATH,
    CHANCE_WAY
};

latent_train_settings latent_train_defaults(void)
{
    return (latent_train_settings){.batch = 16,
                                   .seed = 1,
                                   .rate_g = 0.0025f,
                                   .rate_d = 0.0025f,
                                   .r1 = 1,
                                   .r1_every = 4,
                                   .r1_step = 0.1f,
                                   .half_life = 10000,
                                   .ramp = 0.05f,
                                   .mixing = 0.3f,
                                   .path_every = 8,
                                   .augment = -1,
                                   .augment_target = 0.6f,
                                   .augment_pace = 100000};
}

latent_discriminator_shape latent_trainer_default_discriminator(const latent_generator_shape *g)
{
    static const int usual[LATENT_BLOCKS] = {256, 160, 96, 64, 32, 16, 16};
    latent_discriminator_shape d = {.blocks = g->blocks, .group = 16, .pack = 2, .clamp = g->clamp};
    for (int i = 0; i < g->blocks; i++) /* not wider than what it judges */
        d.channels[i] = g->channels[i] < usual[i] ? g->channels[i] : usual[i];
    return d;
}

static size_t picture_count(const latent_trainer *t)
{
    return (size_t)t->g.resolution * (size_t)t->g.resolution * 3;
}

/* How many logits the discriminator gives for a batch. */
static int judgements(const latent_trainer *t)
{
    return t->settings.batch / t->d.shape.pack;
}

int latent_trainer_init(latent_trainer *t, const latent_train_settings *settings,
                        const latent_generator_shape *g, const latent_discriminator_shape *d,
                        latent_error *e)
{
    size_t n = (size_t)settings->batch;
    memset(t, 0, sizeof(*t));
    t->settings = *settings;
    if (settings->batch < 4 || settings->batch > MOST_BATCH || settings->batch % 4)
        return latent_fail(e, "a batch of %d is not possible; 4 to %d in steps of 4 are",
                           settings->batch, MOST_BATCH);
    if (g->blocks != d->blocks)
        return latent_fail(e, "the generator draws %d pixels and the discriminator looks at %d",
                           4 << (g->blocks - 1), 4 << (d->blocks - 1));
    if (latent_generator_init(&t->g, g, settings->seed, e) ||
        latent_discriminator_init(&t->d, d, settings->seed, e)) {
        latent_trainer_free(t);
        return -1;
    }
    t->crossing = malloc(n * sizeof(int));
    t->changes = calloc(2 * n, sizeof(*t->changes));
    if (!t->changes || !t->crossing) {
        latent_trainer_free(t);
        return latent_fail(e, "no memory for a training");
    }
    return 0;
}

void latent_trainer_free(latent_trainer *t)
{
    latent_generator_free(&t->g);
    latent_discriminator_free(&t->d);
    free(t->crossing);
    free(t->changes);
    memset(t, 0, sizeof(*t));
}

double latent_trainer_cost(const latent_trainer *t)
{
    double g = latent_generator_cost(&t->g.shape);
    double d = latent_discriminator_cost(&t->d.shape) / t->d.shape.pack;
    return 3 * g + 2 * d + d + 4 * d + (t->settings.r1 > 0 ? 5 * d / t->settings.r1_every : 0);
}

/* ---- the promises of one step.  Whoever makes one that can't be made says why in error, and what
   is made of it is none, too. */

typedef struct {
    latent_trainer *t;
    latent_leaves g, d;
    latent_node *reals, *fakes; /* pictures [batch], as the discriminator sees them */
    latent_node *seen;          /* what the feature network saw in the reals, or NULL */
    latent_node *logit_real, *logit_fake, *logit_moved;
    double pull; /* 1 / step of R1's finite difference; 0: not in this step */
    latent_error *error;
} step;

static void step_end(step *s)
{
    latent_node *const all[6] = {s->reals,      s->fakes,      s->seen,
                                 s->logit_real, s->logit_fake, s->logit_moved};
    for (int i = 0; i < 6; i++)
        latent_node_release(all[i]);
    latent_leaves_end(&s->g);
    latent_leaves_end(&s->d);
}

/* Takes the tensor over. */
static latent_node *given(latent_tensor *t, latent_error *e)
{
    latent_node *n = t ? latent_op_picture(t, e) : NULL;
    latent_tensor_release(t);
    return n;
}

/* z of n pictures; z2: and another one for each, behind them. */
static latent_node *draw_z(step *s, int n, int z2, uint64_t purpose)
{
    const latent_trainer *t = s->t;
    int dim = t->g.shape.z;
    latent_tensor *z = latent_tensor_new((latent_shape){z2 ? 2 * n : n, 1, 1, dim}, s->error);
    for (int i = 0; z && i < z->shape.n; i++)
        latent_generator_z(z->data + (size_t)i * (size_t)dim, dim, t->settings.seed,
                           i < n ? purpose : CHANCE_Z2, t->images + (uint64_t)(i % n));
    return given(z, s->error);
}

/* Noise for convolution k of n pictures, the same for those that are different pictures apart. */
static latent_node *draw_noise(int k, int n, int different, uint64_t seed, latent_error *e)
{
    int side = LATENT_GENERATOR_SIDE(k);
    latent_tensor *noise = latent_tensor_new((latent_shape){n, side, side, 1}, e);
    size_t pixels = (size_t)side * (size_t)side;
    for (int i = 0; noise && i < n; i++) {
        latent_counter_random c = latent_counter_random_at(
            seed, CHANCE_NOISE, (uint64_t)k * 65536 + (uint64_t)(i % different));
        for (size_t p = 0; p < pixels; p++)
            noise->data[(size_t)i * pixels + p] = (float)latent_counter_random_gauss(&c);
    }
    return given(noise, e);
}

#define MOST_ROWS (2 * LATENT_BLOCKS)

/* Pictures of the styles w[row]. */
static latent_node *draw(const latent_trainer *t, latent_leaves *l, latent_node *const *w, int n,
                         int different, uint64_t noise_seed, latent_error *e)
{
    latent_node *noise[MOST_ROWS] = {NULL}, *pictures = NULL;
    int failed = 0;
    for (int k = 0; t->g.shape.noise && k + 1 < t->g.rows && !failed; k++)
        failed = !(noise[k] = draw_noise(k, n, different, noise_seed, e));
    if (!failed)
        pictures = latent_generator_pictures(&t->g.shape, &l->tensors, w,
                                             t->g.shape.noise ? noise : NULL, e);
    for (int k = 0; k < MOST_ROWS; k++)
        latent_node_release(noise[k]);
    return pictures;
}

/* The same style for every row. */
static latent_node *draw_alike(const latent_trainer *t, latent_leaves *l, latent_node *w,
                               int different, uint64_t noise_seed, latent_error *e)
{
    latent_node *all[MOST_ROWS];
    for (int k = 0; k < MOST_ROWS; k++)
        all[k] = w;
    return w ? draw(t, l, all, w->shape.n, different, noise_seed, e) : NULL;
}

/* The value of x goes to *value.  0 or -1. */
static int evaluate(step *s, latent_node *x, latent_tensor **value)
{
    *value = NULL;
    return x ? latent_evaluate(x, NULL, value, s->error) : -1;
}

/* ---- paths: how long the way is that a picture goes when w goes a little way, and that it shall
   be as long as others */

/* w of half the pictures, and the same again, moved. */
static latent_node *moved_styles(step *s, int half)
{
    const latent_trainer *t = s->t;
    int dim = t->g.shape.w, twice[MOST_BATCH];
    latent_tensor *ways = latent_tensor_new((latent_shape){2 * half, 1, 1, dim}, s->error);
    latent_node *z, *w = NULL, *pair = NULL, *way, *moved = NULL;
    if (!ways)
        return NULL;
    memset(ways->data, 0, ways->count * sizeof(float));
    for (int i = 0; i < half; i++) {
        float *to = ways->data + (size_t)(half + i) * (size_t)dim;
        latent_counter_random c =
            latent_counter_random_at(t->settings.seed, CHANCE_WAY, t->images + (uint64_t)i);
        double sum = 1e-12;
        for (int k = 0; k < dim; k++) {
            to[k] = (float)latent_counter_random_gauss(&c);
            sum += (double)to[k] * (double)to[k];
        }
        for (int k = 0; k < dim; k++)
            to[k] *= (float)(PATH_STEP / sqrt(sum));
        twice[i] = twice[half + i] = i;
    }
    z = draw_z(s, half, 0, CHANCE_PATH);
    way = given(ways, s->error);
    if (z && way && (w = latent_generator_map(&t->g.shape, &s->g.tensors, z, s->error)) &&
        (pair = latent_op_pick(w, twice, 2 * half, s->error)))
        moved = latent_op_add(pair, 1, way, 1, "path", s->error);
    latent_node_release(z);
    latent_node_release(way);
    latent_node_release(w);
    latent_node_release(pair);
    return moved;
}

/* The mean length of the ways follows; the loss of those that are longer or shorter. */
static latent_node *path_loss(step *s, latent_node *pictures)
{
    latent_trainer *t = s->t;
    float scale = (float)(sqrt((double)t->g.shape.w / ((double)t->g.resolution * t->g.resolution)) /
                          PATH_STEP);
    latent_tensor *made;
    size_t half;
    double mean = 0;
    if (evaluate(s, pictures, &made))
        return NULL;
    half = made->count / 2;
    for (size_t i = 0, pairs = (size_t)made->shape.n / 2; i < pairs; i++) {
        double sum = 1e-12;
        for (size_t k = i * (half / pairs); k < (i + 1) * (half / pairs); k++)
            sum += ((double)made->data[half + k] - (double)made->data[k]) *
                   ((double)made->data[half + k] - (double)made->data[k]);
        mean += (double)scale * sqrt(sum) / (double)pairs;
    }
    latent_tensor_release(made);
    t->path = t->path > 0 ? t->path + PATH_PACE * ((float)mean - t->path) : (float)mean;
    return latent_op_path(pictures, scale, t->path, s->error);
}

static int straighten(step *s)
{
    latent_trainer *t = s->t;
    int half = t->settings.batch / 2;
    float weight = t->settings.path * (float)t->settings.path_every, is;
    latent_node *w = moved_styles(s, half);
    latent_node *pictures = draw_alike(
        t, &s->g, w, half, latent_counter_random_mix(t->settings.seed + t->steps) + 1, s->error);
    latent_node *error = path_loss(s, pictures);
    latent_node *loss = error ? latent_op_sum(&error, &weight, 1, s->error) : NULL;
    int failed = loss ? latent_parameters_gradient(&t->g.p, loss, NULL, &is, s->error) : -1;
    if (!failed)
        t->path_error = sqrt((double)is / (double)weight);
    latent_node_release(loss);
    latent_node_release(error);
    latent_node_release(pictures);
    latent_node_release(w);
    return failed;
}

/* ---- pictures */

typedef struct {
    latent_trainer *t;
    float *pictures;
    atomic_int failed;
    latent_error error; /* of the one that failed first */
    float change;       /* probability */
} real_job;

static void mirror(float *p, size_t side)
{
    for (size_t y = 0; y < side; y++)
        for (size_t x = 0; x < side / 2; x++)
            for (size_t k = 0; k < 3; k++) {
                float *a = p + (y * side + x) * 3 + k;
                float *b = p + (y * side + side - 1 - x) * 3 + k, swap = *a;
                *a = *b;
                *b = swap;
            }
}

static void draw_real(void *context, int i, int slot)
{
    real_job *j = context;
    latent_trainer *t = j->t;
    latent_source *s = t->source;
    latent_counter_random c =
        latent_counter_random_at(t->settings.seed, CHANCE_REAL, t->images + (uint64_t)i);
    uint64_t index = s->count ? latent_counter_random_below(&c, s->count) : t->images + (uint64_t)i;
    float *p = j->pictures + (size_t)i * picture_count(t);
    latent_error e = {""};
    (void)slot;
    if (s->draw(s, index, t->g.resolution, p, NULL, NULL, &e)) {
        if (!atomic_exchange(&j->failed, 1))
            j->error = e;
        return;
    }
    if (s->mirrored && latent_counter_random_u64(&c) & 1)
        mirror(p, (size_t)t->g.resolution);
}

static float probability(const latent_trainer *t)
{
    if (t->settings.augment >= 0)
        return t->settings.augment;
    return t->source->count ? t->augmented : 0;
}

/* The value of a promise of pictures, as given pictures. */
static latent_node *settled(step *s, latent_node *x)
{
    latent_tensor *t;
    int failed = evaluate(s, x, &t);
    latent_node_release(x);
    return failed ? NULL : given(t, s->error);
}

/* Some of a step's pictures, changed as is their turn. */
static latent_node *changed(step *s, latent_node *x, int first)
{
    latent_trainer *t = s->t;
    float p = probability(t);
    latent_node *y;
    if (!x || p <= 0)
        return x;
    for (int i = first; i < first + x->shape.n; i++)
        t->changes[i] =
            latent_augment_draw(p, t->g.resolution, t->settings.seed, 2 * t->images + (uint64_t)i);
    y = latent_op_change(x, t->changes + first, s->error);
    latent_node_release(x);
    return y;
}

static int draw_reals(step *s)
{
    latent_trainer *t = s->t;
    int n = t->settings.batch, side = t->g.resolution;
    latent_tensor *pictures = latent_tensor_new((latent_shape){n, side, side, 3}, s->error);
    real_job real = {.t = t, .pictures = pictures ? pictures->data : NULL};
    if (!pictures)
        return -1;
    atomic_init(&real.failed, 0);
    latent_parallel(n, draw_real, &real);
    if (atomic_load(&real.failed)) {
        latent_tensor_release(pictures);
        return latent_fail(s->error, "%s", real.error.text);
    }
    s->reals = changed(s, given(pictures, s->error), n);
    if (s->reals && probability(t) > 0)
        s->reals = settled(s, s->reals);
    return s->reals ? 0 : -1;
}

static int draw_fakes(step *s)
{
    latent_trainer *t = s->t;
    int n = t->settings.batch, mixed = t->settings.mixing > 0, of[MOST_BATCH], failed = 0;
    latent_node *row[MOST_ROWS] = {NULL}, *z = draw_z(s, n, mixed, CHANCE_Z);
    latent_node *w = z ? latent_generator_map(&t->g.shape, &s->g.tensors, z, s->error) : NULL;
    for (int i = 0; i < n; i++) {
        latent_counter_random c =
            latent_counter_random_at(t->settings.seed, CHANCE_CROSSING, t->images + (uint64_t)i);
        t->crossing[i] = latent_counter_random_uniform(&c) < (double)t->settings.mixing
                             ? 1 + (int)latent_counter_random_below(&c, (uint64_t)(t->g.rows - 1))
                             : t->g.rows;
    }
    for (int k = 0; w && k < t->g.rows && !failed; k++) {
        for (int i = 0; i < n; i++)
            of[i] = k < t->crossing[i] ? i : n + i;
        row[k] = mixed ? latent_op_pick(w, of, n, s->error) : latent_node_retain(w);
        failed = !row[k];
    }
    if (w && !failed)
        s->fakes = changed(s,
                           draw(t, &s->g, row, n, n,
                                latent_counter_random_mix(t->settings.seed + t->steps), s->error),
                           0);
    for (int k = 0; k < MOST_ROWS; k++)
        latent_node_release(row[k]);
    latent_node_release(w);
    latent_node_release(z);
    return s->fakes ? 0 : -1;
}

/* ---- what the discriminator says */

static latent_node *look(step *s, latent_node *pictures)
{
    return latent_feature_network_see(s->t->eye, pictures, s->error);
}

static latent_node *judge(step *s, latent_node *pictures, latent_node *seen)
{
    const latent_discriminator_shape *shape = &s->t->d.shape;
    latent_node *packed = latent_op_pack(pictures, shape->pack, s->error), *logits = NULL;
    if (packed)
        logits = latent_discriminator_logits(shape, &s->d.tensors, packed, seen, s->error);
    latent_node_release(packed);
    return logits;
}

/* R1 by a finite difference: the reals, moved a little along the discriminator's gradient g with
   respect to them, moved = reals + step g.  With g held, (D(moved) - D(reals)) / step is the sum
   of |g|^2, and its gradient over D's weights is half of that of the sum of |g|^2, whatever the
   pictures; a difference along random ways has the same mean, and so much noise that nothing is
   learned beside it.  The mean of |g|^2 goes to t->penalty. */
typedef struct {
    const latent_node *leaf[2]; /* the reals, and what was seen in them or NULL */
    latent_tensor *g[2];
} slopes;

static int is_given(const latent_node *leaf, void *context)
{
    const slopes *s = context;
    return leaf == s->leaf[0] || leaf == s->leaf[1];
}

static void take_slope(const latent_node *leaf, const latent_tensor *grad, void *context)
{
    slopes *s = context;
    int i = leaf == s->leaf[1];
    if ((s->g[i] = latent_tensor_new(grad->shape, NULL)))
        memcpy(s->g[i]->data, grad->data, grad->count * sizeof(float));
}

static double squares(const latent_tensor *t)
{
    double sum = 0;
    for (size_t k = 0; t && k < t->count; k++)
        sum += (double)t->data[k] * (double)t->data[k];
    return sum;
}

/* from + step g, in g's memory, as a promise. */
static latent_node *moved(step *s, latent_node *from, latent_tensor *g, double step)
{
    latent_tensor *value = from && g ? from->op->leaf(from) : NULL;
    for (size_t k = 0; value && k < g->count; k++)
        g->data[k] = value->data[k] + (float)step * g->data[k];
    latent_tensor_release(value);
    return value ? given(latent_tensor_retain(g), s->error) : NULL;
}

static int move_reals(step *s)
{
    latent_trainer *t = s->t;
    slopes to = {{s->reals, s->seen}, {NULL, NULL}};
    latent_gradient_of of = {is_given, take_slope, &to};
    latent_node *sum = NULL, *reals = NULL, *seen = NULL;
    float one = (float)judgements(t), is;
    double length;
    int failed = -1;
    sum = latent_op_mean(s->logit_real, s->error);
    if (sum && !latent_gradient(sum, &of, NULL, &is, s->error) && to.g[0] &&
        (to.g[1] || !s->seen)) {
        /* the gradient of the sum of all logits, not of their mean */
        for (int i = 0; i < 2; i++)
            for (size_t k = 0; to.g[i] && k < to.g[i]->count; k++)
                to.g[i]->data[k] *= one;
        length = squares(to.g[0]) + squares(to.g[1]);
        t->penalty = length / (double)one;
        failed = 0;
        if (length > 0) {
            double step = (double)t->settings.r1_step / sqrt(t->penalty);
            reals = moved(s, s->reals, to.g[0], step);
            seen = moved(s, s->seen, to.g[1], step);
            if (reals && (seen || !s->seen))
                s->logit_moved = judge(s, reals, seen);
            s->pull = 1 / step;
            failed = s->logit_moved ? 0 : -1;
        }
    }
    latent_node_release(sum);
    latent_node_release(reals);
    latent_node_release(seen);
    latent_tensor_release(to.g[0]);
    latent_tensor_release(to.g[1]);
    return failed;
}

/* The discriminator's loss. */
static latent_node *loss_of_d(step *s)
{
    const latent_train_settings *set = &s->t->settings;
    float pull = set->r1 * (float)set->r1_every * (float)s->pull;
    const float weight[4] = {1, 1, pull, -pull};
    latent_node *part[4] = {NULL}, *loss = NULL;
    int n = s->logit_moved ? 4 : 2, failed;
    part[0] = latent_op_logistic(s->logit_fake, 1, s->error);
    part[1] = latent_op_logistic(s->logit_real, -1, s->error);
    if (n > 2) {
        part[2] = latent_op_mean(s->logit_moved, s->error);
        part[3] = latent_op_mean(s->logit_real, s->error);
    }
    failed = !part[0] || !part[1] || (n > 2 && (!part[2] || !part[3]));
    if (!failed)
        loss = latent_op_sum(part, weight, n, s->error);
    for (int i = 0; i < 4; i++)
        latent_node_release(part[i]);
    return loss;
}

/* The discriminator knows too many of the reals for reals: change more. */
static void adapt(latent_trainer *t, const latent_tensor *logit_real)
{
    const latent_train_settings *s = &t->settings;
    float step = (float)(s->batch * ADAPT_EVERY) / s->augment_pace;
    int n = judgements(t);
    if (s->augment >= 0 || !t->source->count)
        return;
    for (int i = 0; i < n; i++)
        t->signs += logit_real->data[i] > 0 ? 1 : logit_real->data[i] < 0 ? -1 : 0;
    if (t->steps % ADAPT_EVERY)
        return;
    t->augmented += t->signs / (float)(n * ADAPT_EVERY) > s->augment_target ? step : -step;
    t->augmented = t->augmented < 0 ? 0 : t->augmented > 0.9f ? 0.9f : t->augmented;
    t->signs = 0;
}

static double mean_of(const latent_tensor *t)
{
    double sum = 0;
    for (size_t k = 0; k < t->count; k++)
        sum += (double)t->data[k] / (double)t->count;
    return sum;
}

static double softplus(double x)
{
    return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x));
}

static double mean_softplus(const latent_tensor *t, double sign)
{
    double sum = 0;
    for (size_t k = 0; k < t->count; k++)
        sum += softplus(sign * (double)t->data[k]) / (double)t->count;
    return sum;
}

/* Both networks' gradients of one step, and what is told of it. */
static int gradients(step *s)
{
    latent_trainer *t = s->t;
    const latent_train_settings *set = &t->settings;
    latent_node *loss = NULL, *seen = NULL;
    latent_tensor *fake = NULL, *real = NULL;
    float is;
    int failed;
    if (set->path > 0 && t->steps % (uint64_t)set->path_every == 0 && straighten(s))
        return -1;
    if (draw_reals(s) || (t->d.shape.seen && !(s->seen = settled(s, look(s, s->reals)))) ||
        !(s->logit_real = judge(s, s->reals, s->seen)) ||
        (set->r1 > 0 && t->steps % (uint64_t)set->r1_every == 0 && move_reals(s)) || draw_fakes(s))
        return -1;
    if (t->d.shape.seen && !(seen = look(s, s->fakes)))
        return -1;
    s->logit_fake = judge(s, s->fakes, seen);
    latent_node_release(seen);
    /* the generator's gradient, through the discriminator as it is; then the discriminator's */
    if (s->logit_fake)
        loss = latent_op_logistic(s->logit_fake, -1, s->error);
    failed = !loss || latent_parameters_gradient(&t->g.p, loss, NULL, &is, s->error);
    latent_node_release(loss);
    if (failed)
        return -1;
    loss = loss_of_d(s);
    failed = !loss || latent_parameters_gradient(&t->d.p, loss, NULL, &is, s->error);
    latent_node_release(loss);
    if (!failed)
        failed = evaluate(s, s->logit_fake, &fake) || evaluate(s, s->logit_real, &real);
    if (!failed) {
        t->logit_fake = mean_of(fake);
        t->logit_real = mean_of(real);
        t->loss_g = mean_softplus(fake, -1);
        t->loss_d = mean_softplus(fake, 1) + mean_softplus(real, -1);
        t->images += (uint64_t)set->batch;
        t->steps++;
        adapt(t, real);
    }
    latent_tensor_release(fake);
    latent_tensor_release(real);
    return failed ? -1 : 0;
}

static void forget_gradients(latent_trainer *t)
{
    memset(t->g.p.gradient, 0, t->g.p.count * sizeof(float));
    memset(t->d.p.gradient, 0, t->d.p.count * sizeof(float));
}

/* Adam's steps.  How many numbers were none. */
static size_t go(latent_trainer *t)
{
    const latent_train_settings *s = &t->settings;
    latent_adam adam = {.beta1 = 0, .beta2 = 0.99f, .epsilon = 1e-8f};
    double half = (double)s->half_life;
    size_t wrong;
    if (!isfinite(t->loss_g) || !isfinite(t->loss_d)) {
        forget_gradients(t);
        return 1;
    }
    if (half > (double)s->ramp * (double)t->images)
        half = (double)s->ramp * (double)t->images;
    adam.keep = half > 0 ? (float)pow(0.5, s->batch / half) : 0;
    adam.rate = s->rate_g;
    wrong = latent_adam_step(&t->g.p, &adam);
    adam.rate = s->rate_d;
    return wrong + latent_adam_step(&t->d.p, &adam);
}

int latent_trainer_step(latent_trainer *t, latent_error *e)
{
    step s = {.t = t, .error = e};
    size_t room = latent_cache();
    int failed;
    if (t->d.shape.seen &&
        !(t->eye && latent_feature_network_suits(t->eye, t->g.resolution, 4, t->d.shape.seen)))
        return latent_fail(e, "this discriminator needs a clip-tiny for pictures of its size, the "
                              "one that it was trained with");
    latent_cache_set(SIZE_MAX); /* the values of a step are all needed again on the way back */
    failed = latent_leaves_begin(&s.g, &t->g.p, 0, e) || latent_leaves_begin(&s.d, &t->d.p, 0, e) ||
             gradients(&s);
    step_end(&s);
    latent_cache_set(room);
    if (failed) {
        forget_gradients(t);
        return -1;
    }
    t->bad = go(t) ? t->bad + 1 : 0;
    if (t->bad > PATIENCE)
        return latent_fail(e,
                           "the training gave no numbers for %d steps; go back to an earlier "
                           "checkpoint with a lower rate",
                           t->bad);
    return 0;
}

static int sample(latent_trainer *t, latent_leaves *l, uint64_t seed, uint64_t first, int n,
                  float *pictures, latent_error *e)
{
    int dim = t->g.shape.z, failed;
    latent_tensor *z = latent_tensor_new((latent_shape){n, 1, 1, dim}, e), *made = NULL;
    latent_node *from, *w, *drawn;
    for (int i = 0; z && i < n; i++)
        latent_generator_z(z->data + (size_t)i * (size_t)dim, dim, seed, CHANCE_Z,
                           first + (uint64_t)i);
    from = given(z, e);
    w = from ? latent_generator_map(&t->g.shape, &l->tensors, from, e) : NULL;
    drawn = draw_alike(t, l, w, n, 0, e);
    failed = drawn ? latent_evaluate(drawn, NULL, &made, e) : -1;
    if (!failed)
        memcpy(pictures, made->data, made->count * sizeof(float));
    latent_tensor_release(made);
    latent_node_release(drawn);
    latent_node_release(w);
    latent_node_release(from);
    return failed;
}

int latent_trainer_sample(latent_trainer *t, uint64_t seed, uint64_t first, int n, float *pictures,
                          latent_error *e)
{
    size_t one = picture_count(t);
    latent_leaves l;
    int failed;
    if (latent_leaves_begin(&l, &t->g.p, 1, e))
        return -1;
    failed = 0;
    for (int done = 0; done < n && !failed;) {
        int some = n - done < t->settings.batch ? n - done : t->settings.batch;
        failed =
            sample(t, &l, seed, first + (uint64_t)done, some, pictures + (size_t)done * one, e);
        done += some;
    }
    latent_leaves_end(&l);
    return failed;
}
