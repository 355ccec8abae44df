/* [latent.clip model]: what a CLIP makes of a text or of a picture: an embedding, a list in which
   near means alike.

   text <words>   the embedding of a text (in the languages that the model has learned)
   image          the embedding of a picture; when pictures come too fast the newest wins, offline
                  none is dropped
   info           to the right outlet: embedding (how many numbers), context (the most tokens of a
                  text), resolution (of the pictures it looks at), file
   left outlet    list
   right outlet   dropped <n>, when pictures came too fast; info

   Embeddings are lists: they can be mixed, moved between ([latent.interp]), subtracted, and are
   targets for [latent.guide].  Without an argument the built-in clip-tiny is used, which knows fish
   in English and Chinese; otherwise it is a file or a name given by [latent.model], and a
   vocabulary, where the model needs one, lies beside the file or in Pd's path.  What comes while
   the model is loading is served when it is there. */
#include "engine/graph/evaluate.h"
#include "pd/box.h"
#include "pd/encoder.h"
#include "pd/job_queue.h"
#include <stdlib.h>

static t_class *latent_clip_class;

typedef struct {
    t_object x_obj;
    t_latent_modelref *x_model;
    t_latent_job_queue *x_texts, *x_images;
    char *x_text; /* what waits for the model, the newest; or NULL */
    latent_node *x_image;
    int x_dropped, x_told;
    t_outlet *x_out, *x_info;
} t_latent_clip;

typedef struct {
    latent_job job;
    latent_model *model;
    char *text; /* or NULL */
    latent_node *image;
    int n;
    t_atom *atoms;
} t_embed;

/* ---- on the evaluator */

static int embed_work(latent_job *job)
{
    t_embed *w = (t_embed *)job;
    latent_error *e = &job->error;
    latent_tensor *t = NULL;
    latent_node *n = w->text ? latent_model_embed_text(w->model, w->text, e)
                             : latent_model_embed_picture(w->model, w->image, e);
    if (!n || latent_evaluate(n, &job->cancel, &t, e)) {
        latent_node_release(n);
        return -1;
    }
    latent_node_release(n);
    w->n = (int)t->count;
    if ((w->atoms = malloc(t->count * sizeof(*w->atoms))))
        for (int i = 0; i < w->n; i++)
            SETFLOAT(w->atoms + i, t->data[i]);
    latent_tensor_release(t);
    return w->atoms ? 0 : latent_fail(e, "no memory for a list of %d numbers", w->n);
}

static void embed_discard(latent_job *job)
{
    t_embed *w = (t_embed *)job;
    latent_model_release(w->model);
    latent_node_release(w->image);
    free(w->text);
    free(w->atoms);
    free(w);
}

/* ---- in Pd */

static void latent_clip_done(void *z, latent_job *job)
{
    t_latent_clip *x = z;
    t_embed *w = (t_embed *)job;
    t_outlet *out = x->x_out;
    t_atom a;
    if (job->failed) {
        latent_complain(&x->x_obj, "%s", job->error.text);
        return;
    }
    if (x->x_dropped != x->x_told) {
        x->x_told = x->x_dropped;
        SETFLOAT(&a, x->x_dropped);
        outlet_anything(x->x_info, gensym("dropped"), 1, &a);
    }
    outlet_list(out, &s_list, w->n, w->atoms);
}

/* Takes text and image over, one of which is NULL. */
static void latent_clip_embed(t_latent_clip *x, char *text, latent_node *image)
{
    latent_model *m = latent_modelref_get(x->x_model, 1);
    t_embed *w = m ? calloc(1, sizeof(*w)) : NULL;
    int replaced;
    free(x->x_text);
    latent_node_release(x->x_image);
    x->x_text = NULL;
    x->x_image = NULL;
    if (!w) {
        if (!m && latent_modelref_loading(x->x_model)) { /* it is served when the model is there */
            x->x_text = text;
            x->x_image = image;
            return;
        }
        free(text);
        latent_node_release(image);
        return;
    }
    w->job.work = embed_work;
    w->job.discard = embed_discard;
    w->model = latent_model_retain(m);
    w->text = text;
    w->image = image;
    if ((replaced = latent_job_queue_send(text ? x->x_texts : x->x_images, &w->job)) < 0)
        latent_complain(&x->x_obj, "there is no thread to compute with");
    else
        x->x_dropped += replaced;
}

static void latent_clip_text(t_latent_clip *x, t_symbol *s, int argc, t_atom *argv)
{
    char *text = latent_words_join(argc, argv);
    (void)s;
    if (text)
        latent_clip_embed(x, text, NULL);
}

static void latent_clip_image(t_latent_clip *x, t_symbol *s, int argc, t_atom *argv)
{
    latent_node *n = latent_promise_get(&x->x_obj, s, argc, argv);
    if (n)
        latent_clip_embed(x, NULL, n);
}

static void latent_clip_ready(void *z)
{
    t_latent_clip *x = z;
    char *text = x->x_text;
    latent_node *image = x->x_image;
    x->x_text = NULL;
    x->x_image = NULL;
    if (text || image)
        latent_clip_embed(x, text, image);
}

static void latent_clip_info(t_latent_clip *x)
{
    latent_model *m = latent_modelref_get(x->x_model, 1);
    if (!m)
        return;
    latent_model_retain(m);
    latent_info_word(x->x_info, "file", m->label);
    latent_info_number(x->x_info, "resolution", m->encoder.resolution);
    latent_info_number(x->x_info, "context", m->encoder.context);
    latent_info_number(x->x_info, "embedding", m->encoder.embedding);
    latent_model_release(m);
}

static void *latent_clip_new(t_symbol *s, int argc, t_atom *argv)
{
    t_latent_clip *x = (t_latent_clip *)pd_new(latent_clip_class);
    static const t_latent_param none[] = {{NULL, 0, 0, 0, 0, NULL, NULL}};
    (void)s;
    argc = latent_params_flags(&x->x_obj, none, argc, argv);
    latent_params_rest(&x->x_obj, argc && argv->a_type == A_SYMBOL, argc, argv);
    x->x_out = outlet_new(&x->x_obj, &s_list);
    x->x_info = outlet_new(&x->x_obj, 0);
    x->x_texts = latent_job_queue_new(x, LATENT_EVALUATOR, 0, latent_clip_done);
    x->x_images = latent_job_queue_new(x, LATENT_EVALUATOR, 1, latent_clip_done);
    x->x_model = latent_encoder_new(&x->x_obj, argc, argv, latent_clip_ready);
    return x;
}

static void latent_clip_free(t_latent_clip *x)
{
    latent_job_queue_free(x->x_texts);
    latent_job_queue_free(x->x_images);
    latent_modelref_free(x->x_model);
    free(x->x_text);
    latent_node_release(x->x_image);
}

void setup_latent0x2eclip(void)
{
    latent_clip_class =
        class_new(gensym("latent.clip"), (t_newmethod)latent_clip_new, (t_method)latent_clip_free,
                  sizeof(t_latent_clip), CLASS_DEFAULT, A_GIMME, 0);
    latent_takes(latent_clip_class, LATENT_TAKES_WORDS);
    class_addmethod(latent_clip_class, (t_method)latent_clip_text, gensym("text"), A_GIMME, 0);
    class_addmethod(latent_clip_class, (t_method)latent_clip_image, gensym("image"), A_GIMME, 0);
    latent_takes_alone(latent_clip_class, (t_method)latent_clip_info, "info");
}
