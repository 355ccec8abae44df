/* evaluation: see evaluation.h */
#include "evaluation.h"
#include <stdlib.h>

#define TOGETHER 16             /* pictures between two looks at cancel */
#define FAR (UINT64_C(1) << 40) /* pictures and z from here on are no training's */
#define SEED 1

struct latent_evaluation {
    latent_model *clip;
    int size, asked, n; /* pictures of each kind: asked for, and as many as there are */
    latent_feature_statistics *real, *made;
    double floor;
    float *pictures; /* [TOGETHER][size][size][3] */
};

void latent_evaluation_free(latent_evaluation *x)
{
    if (!x)
        return;
    latent_model_release(x->clip);
    latent_feature_statistics_free(x->real);
    latent_feature_statistics_free(x->made);
    free(x->pictures);
    free(x);
}

int latent_evaluation_suits(const latent_evaluation *x, const latent_model *clip, int size, int n)
{
    return x->clip == clip && x->size == size && x->asked == n;
}

static int cancelled(const atomic_int *cancel, latent_error *e)
{
    return cancel && atomic_load(cancel) ? latent_fail(e, "it was cancelled") : 0;
}

/* Every second one of 2n pictures, which are spread over a finite set. */
static int look(latent_evaluation *x, latent_source *source, int second,
                latent_feature_statistics *c, const atomic_int *cancel, latent_error *e)
{
    size_t one = (size_t)x->size * (size_t)x->size * 3;
    for (int done = 0; done < x->n;) {
        int some = x->n - done < TOGETHER ? x->n - done : TOGETHER;
        for (int i = 0; i < some; i++) {
            uint64_t k = 2 * (uint64_t)(done + i) + (uint64_t)second;
            k = source->count ? k * source->count / (2 * (uint64_t)x->n) : FAR + k;
            if (source->draw(source, k, x->size, x->pictures + (size_t)i * one, NULL, NULL, e))
                return -1;
        }
        if (cancelled(cancel, e) ||
            latent_feature_statistics_add_pictures(c, x->clip, x->pictures, some, x->size, e))
            return -1;
        done += some;
    }
    return 0;
}

latent_evaluation *latent_evaluation_new(latent_model *clip, latent_source *source, int size, int n,
                                         const atomic_int *cancel, latent_error *e)
{
    latent_evaluation *x;
    int d;
    if (n < 2 || (source->count && source->count < 4)) {
        latent_fail(e, "a score needs four pictures at least");
        return NULL;
    }
    if ((d = latent_feature_statistics_features(clip, e)) < 0)
        return NULL;
    if (!(x = calloc(1, sizeof(*x))) ||
        !(x->pictures = malloc(TOGETHER * sizeof(float) * 3 * (size_t)size * (size_t)size))) {
        latent_fail(e, "no memory for a score");
        latent_evaluation_free(x);
        return NULL;
    }
    x->clip = latent_model_retain(clip);
    x->size = size;
    x->asked = x->n = n;
    if (source->count && source->count / 2 < (uint64_t)n)
        x->n = (int)(source->count / 2);
    if (!(x->real = latent_feature_statistics_new(d, e)) ||
        !(x->made = latent_feature_statistics_new(d, e)) ||
        look(x, source, 0, x->real, cancel, e) || look(x, source, 1, x->made, cancel, e) ||
        latent_score(x->real, x->made, &x->floor, e)) {
        latent_evaluation_free(x);
        return NULL;
    }
    return x;
}

int latent_evaluation_ask(latent_evaluation *x, latent_trainer *t, const atomic_int *cancel,
                          latent_evaluation_result *result, latent_error *e)
{
    *result = (latent_evaluation_result){0, x->floor, x->n};
    latent_feature_statistics_clear(x->made);
    for (int done = 0; done < x->n;) {
        int some = x->n - done < TOGETHER ? x->n - done : TOGETHER;
        if (cancelled(cancel, e) ||
            latent_trainer_sample(t, SEED, FAR + (uint64_t)done, some, x->pictures, e) ||
            latent_feature_statistics_add_pictures(x->made, x->clip, x->pictures, some, x->size, e))
            return -1;
        done += some;
    }
    return latent_score(x->real, x->made, &result->percent, e);
}
