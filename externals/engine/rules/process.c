/* process: see process.h */
#include "process.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define CHANGES 1024 /* that are remembered */

typedef struct {
    int from; /* the first step that is made with them */
    float params[LATENT_RULE_MOST];
} change;

struct latent_process {
    atomic_int refs;
    const latent_rule *rule;
    int size;
    size_t numbers;       /* in a state */
    pthread_mutex_t told; /* changes: held for a moment, on Pd's thread too */
    change *changes;
    int n_changes;
    pthread_mutex_t work; /* what follows: held while steps are made */
    float *state, *next;
    int at; /* -1: not begun */
};

latent_process *latent_process_new(const latent_rule *rule, const float *params, int size,
                                   latent_error *e)
{
    latent_process *p = calloc(1, sizeof(*p));
    if (!p || !(p->changes = malloc(CHANGES * sizeof(*p->changes)))) {
        free(p);
        latent_fail(e, "there is no memory for %s", latent_rule_name(rule));
        return NULL;
    }
    atomic_init(&p->refs, 1);
    p->rule = rule;
    p->size = size;
    p->numbers = (size_t)size * (size_t)size * (size_t)latent_rule_channels(rule);
    pthread_mutex_init(&p->told, NULL);
    pthread_mutex_init(&p->work, NULL);
    p->at = -1;
    latent_process_change(p, 0, params);
    return p;
}

latent_process *latent_process_retain(latent_process *p)
{
    atomic_fetch_add(&p->refs, 1);
    return p;
}

void latent_process_release(latent_process *p)
{
    if (!p || atomic_fetch_sub(&p->refs, 1) > 1)
        return;
    pthread_mutex_destroy(&p->told);
    pthread_mutex_destroy(&p->work);
    free(p->changes);
    free(p->state);
    free(p->next);
    free(p);
}

const latent_rule *latent_process_rule(const latent_process *p)
{
    return p->rule;
}

int latent_process_size(const latent_process *p)
{
    return p->size;
}

void latent_process_change(latent_process *p, int step, const float *params)
{
    change *last;
    pthread_mutex_lock(&p->told);
    if (!p->n_changes || p->changes[p->n_changes - 1].from < step) {
        if (p->n_changes == CHANGES) {
            p->n_changes = CHANGES / 2;
            memmove(p->changes, p->changes + CHANGES - p->n_changes,
                    (size_t)p->n_changes * sizeof(*p->changes));
        }
        p->n_changes++;
    }
    last = p->changes + p->n_changes - 1;
    last->from = step;
    memcpy(last->params, params, (size_t)latent_rule_count(p->rule) * sizeof(float));
    pthread_mutex_unlock(&p->told);
}

/* The numbers that step number step is made with. */
static void params_at(latent_process *p, int step, float *params)
{
    int i;
    pthread_mutex_lock(&p->told);
    i = p->n_changes - 1;
    while (i > 0 && p->changes[i].from > step)
        i--;
    memcpy(params, p->changes[i].params, (size_t)latent_rule_count(p->rule) * sizeof(float));
    pthread_mutex_unlock(&p->told);
}

static int begin(latent_process *p, latent_rule_scene *scene, float *params, latent_error *e)
{
    size_t bytes = p->numbers * sizeof(float);
    if (!p->state)
        p->state = malloc(bytes);
    if (!p->next)
        p->next = malloc(bytes);
    if (!p->state || !p->next)
        return latent_fail(e, "there is no memory for %s", latent_rule_name(p->rule));
    params_at(p, 0, params);
    p->at = -1;
    if (latent_rule_begin(p->rule, scene, p->size, p->state, e))
        return -1;
    p->at = 0;
    return 0;
}

static int advance(latent_process *p, int step, const latent_rule_scene *given, latent_error *e)
{
    float params[LATENT_RULE_MOST];
    latent_rule_scene scene = *given;
    scene.params = params;
    if ((p->at < 0 || p->at > step) && begin(p, &scene, params, e))
        return -1;
    while (p->at < step) {
        float *before = p->state;
        params_at(p, p->at, params);
        if (latent_rule_step(p->rule, &scene, p->size, before, p->next, e))
            return -1;
        p->state = p->next;
        p->next = before;
        p->at++;
    }
    return 0;
}

int latent_process_state(latent_process *p, int step, const latent_rule_scene *scene, float *state,
                         latent_error *e)
{
    int failed;
    pthread_mutex_lock(&p->work);
    failed = advance(p, step, scene, e);
    if (!failed)
        memcpy(state, p->state, p->numbers * sizeof(float));
    pthread_mutex_unlock(&p->work);
    return failed;
}
