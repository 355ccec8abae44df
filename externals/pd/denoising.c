/* denoising: see denoising.h */
#include "denoising.h"
#include "engine/ops/ops.h"

void latent_denoising_init(t_latent_denoising *d)
{
    d->eta = LATENT_OWN_ETA;
}

static void condition_free(t_latent_condition *c)
{
    latent_list_free(&c->list);
    latent_node_release(c->states);
}

void latent_denoising_free(t_latent_denoising *d)
{
    latent_inlet_free(d->second);
    latent_inlet_free(d->third);
    latent_inlet_free(d->fourth);
    latent_modelref_free(d->model);
    condition_free(&d->words);
    condition_free(&d->without);
    latent_list_free(&d->schedule);
}

/* What came to an inlet for conditions: a list, features, or "clear". */
static void take_condition(t_object *x, t_latent_condition *c, t_symbol *s, int argc,
                           const t_atom *argv)
{
    latent_node *states = NULL;
    if (s == &s_list || s == &s_float) {
        if (latent_list_set(x, &c->list, argc, argv))
            return;
    } else if (s == gensym("features")) {
        if (!(states = latent_promise_get(x, s, argc, argv)))
            return;
    } else if (s == gensym("clear"))
        c->list.n = 0;
    else {
        latent_wrong_right(x, LATENT_TAKES_CONDITION, s, argc, argv);
        return;
    }
    latent_node_release(c->states);
    c->states = states;
}

/* The same for a schedule: a list or "clear". */
static void take_schedule(t_object *x, t_latent_denoising *d, t_symbol *s, int argc,
                          const t_atom *argv)
{
    t_latent_list own = {0, 0, NULL};
    latent_error e;
    if (s == gensym("clear"))
        d->schedule.n = 0;
    else if (s != &s_list && s != &s_float)
        latent_wrong_right(x, LATENT_TAKES_SCHEDULE, s, argc, argv);
    else if (!latent_list_set(x, &own, argc, argv)) {
        if (latent_schedule_check(own.v, own.n, &e))
            latent_complain(x, "%s", e.text);
        else
            latent_list_copy(x, &d->schedule, own.n, own.v);
    }
    latent_list_free(&own);
}

static t_latent_denoising *of_box(void *x)
{
    return (t_latent_denoising *)((t_object *)x + 1);
}

static void second_inlet(void *x, t_symbol *s, int argc, t_atom *argv)
{
    take_condition(x, &of_box(x)->words, s, argc, argv);
}

static void third_inlet(void *x, t_symbol *s, int argc, t_atom *argv)
{
    take_schedule(x, of_box(x), s, argc, argv);
}

static void fourth_inlet(void *x, t_symbol *s, int argc, t_atom *argv)
{
    take_condition(x, &of_box(x)->without, s, argc, argv);
}

void latent_denoising_new(t_object *x, t_latent_denoising *d, int argc, const t_atom *argv,
                          void (*ready)(void *x))
{
    int named = argc && latent_modelref_is_word(argv);
    latent_params_rest(x, named, argc, argv);
    d->second = latent_inlet_new(x, second_inlet);
    d->third = latent_inlet_new(x, third_inlet);
    d->fourth = latent_inlet_new(x, fourth_inlet);
    d->model = latent_modelref_new_of(x, LATENT_DENOISER, named ? argv->a_w.w_symbol : NULL, ready);
}

/* NULL in *n where there is none. */
static int condition_node(t_object *x, const t_latent_condition *c, latent_node **n)
{
    latent_error e;
    *n = NULL;
    if (c->states)
        *n = latent_node_retain(latent_features_parts_of(c->states).x);
    else if (c->list.n && !(*n = latent_op_style(0, 1, c->list.v, c->list.n, &e))) {
        latent_complain(x, "%s", e.text);
        return -1;
    }
    return 0;
}

int latent_denoising_ask(t_object *x, const t_latent_denoising *d, latent_model *m,
                         latent_denoise *ask)
{
    latent_node *words, *without;
    if (condition_node(x, &d->words, &words))
        return -1;
    if (condition_node(x, &d->without, &without)) {
        latent_node_release(words);
        return -1;
    }
    *ask = (latent_denoise){.model = m,
                            .words = words,
                            .without = without,
                            .sampler = (latent_sampler)d->sampler,
                            .eta = d->eta,
                            .seed = latent_whole32(d->seed),
                            .level = d->schedule.n ? d->schedule.v : NULL,
                            .n_levels = d->schedule.n};
    return 0;
}

void latent_denoising_done(latent_denoise *ask)
{
    latent_node_release(ask->words);
    latent_node_release(ask->without);
}
