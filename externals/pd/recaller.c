/* recaller: see recaller.h */
#include "recaller.h"
#include "box.h"
#include "stepwise.h"
#include <stdlib.h>
#include <string.h>

struct _latent_recaller {
    t_object *owner;
    t_canvas *canvas;
    t_outlet *info;
    void (*renewed)(void *x);
    int pictures; /* that are to be recalled, or 0 */
    t_symbol *word;
    t_latent_modelref *clip;      /* the owner's */
    t_latent_modelref *generator; /* from the first picture on, or NULL */
    latent_recall *known;         /* in use: of this CLIP, whole or still growing, or NULL */
    latent_recall *coming;        /* what grows; may be the same */
    t_latent_stepwise *work;
    int percent; /* of it, told last */
    int missed;  /* that there is no such network has been said */
};

static void know(t_latent_recaller *r, latent_recall *known)
{
    latent_recall_retain(known);
    latent_recall_release(r->known);
    r->known = known;
}

/* Begins to draw what there is to recall, where that is wanted, not under way and not known; what
   is known of the network before serves until the new is whole. */
static void draw(t_latent_recaller *r, int complain)
{
    latent_model *generator, *clip;
    latent_error e;
    if (!r->pictures || (r->coming && latent_stepwise_busy(r->work)))
        return;
    if (!r->generator)
        r->generator = latent_modelref_new_at(r->owner, r->canvas, r->word, r->renewed);
    generator =
        latent_modelref_get(r->generator, complain && !latent_modelref_loading(r->generator));
    r->missed = complain && !generator;
    clip = latent_modelref_get(r->clip, 0);
    if (!generator || !clip || (r->coming && latent_recall_is_of(r->coming, generator, clip)))
        return;
    latent_recall_release(r->coming);
    if (!(r->coming = latent_recall_new(generator, clip, r->pictures, &e))) {
        latent_complain(r->owner, "%s", e.text);
        return;
    }
    if (!r->known)
        know(r, r->coming);
    r->percent = -1;
    latent_stepwise_start(r->work, latent_recall_retain(r->coming));
}

static void tell(void *z, int permille)
{
    t_latent_recaller *r = z;
    t_atom share;
    if (permille / 10 == r->percent)
        return;
    r->percent = permille / 10;
    SETFLOAT(&share, (t_float)r->percent / 100);
    outlet_anything(r->info, gensym("recall"), 1, &share);
}

static void whole(void *z, void *what)
{
    t_latent_recaller *r = z;
    know(r, what);
    draw(r, 0);
    tell(r, 1000);
}

t_latent_recaller *latent_recaller_new(t_object *x, t_latent_modelref *clip, t_outlet *info,
                                       void (*renewed)(void *x))
{
    t_latent_recaller *r = calloc(1, sizeof(*r));
    if (!r || !(r->work = latent_stepwise_new(x, r, &latent_recall_steps, whole, tell))) {
        free(r);
        return NULL;
    }
    r->owner = x;
    r->canvas = canvas_getcurrent();
    r->clip = clip;
    r->info = info;
    r->renewed = renewed;
    r->word = &s_;
    return r;
}

void latent_recaller_renewed(t_latent_recaller *r)
{
    draw(r, 0);
}

void latent_recaller_set(t_latent_recaller *r, int pictures, t_symbol *generator, int complain)
{
    if (!strcmp(generator->s_name, "0")) /* as where a model is an argument */
        generator = &s_;
    latent_stepwise_cancel(r->work);
    know(r, NULL);
    latent_recall_release(r->coming);
    r->coming = NULL;
    if (generator != r->word && r->generator) {
        latent_modelref_free(r->generator);
        r->generator = NULL;
    }
    r->word = generator;
    r->pictures = pictures;
    draw(r, complain);
}

void latent_recaller_stop(t_latent_recaller *r)
{
    latent_stepwise_cancel(r->work);
}

latent_recall *latent_recaller_get(t_latent_recaller *r)
{
    if (!r->known && !r->missed)
        draw(r, 1);
    return r->known;
}

void latent_recaller_free(t_latent_recaller *r)
{
    if (!r)
        return;
    latent_stepwise_free(r->work);
    if (r->generator)
        latent_modelref_free(r->generator);
    latent_recall_release(r->known);
    latent_recall_release(r->coming);
    free(r);
}
