/* [latent.mix <model>]: style mixing.  Some rows of W+ come from one style, the others from
   another.

   The argument is a model; nothing is the built-in one.

   left inlet:
   list           the left w or W+; W+ comes out
   bang           again
   layers a b     rows a to b come from the right (row 0 is the coarsest); layers a: only row a
   layers w0 w1 ..., weights w0 w1 ...   the share of the right style in each row, one number a row,
                  0 all left, 1 all right, beyond them further on
   layers         as at first: the second half of the rows (fine forms and colours) comes from the
                  right, the first half (pose and build) from the left
   info           to the right outlet: w_dim, num_ws and the share of every row
   right inlet:
   list           the right w or W+; silent.  Until it has come the left style passes alone

   A style that comes while the model is loading is served when it is there.
   Outlets: list W+; info. */
#include "engine/latents/latents.h"
#include "pd/box.h"
#include "pd/modelref.h"
#include <stddef.h>

#define MOST_ROWS 128 /* in info */

typedef struct {
    t_object x_obj;
    t_outlet *x_info;
    struct _latent_inlet *x_right_inlet;
    t_latent_modelref *x_ref;
    t_latent_list x_left, x_right;
    t_latent_list x_said;  /* about the layers; empty: nothing */
    int x_weights;         /* it was said by "weights" */
    t_latent_list x_share; /* [num_ws], made of it */
    t_latent_list x_fresh; /* what came, until it is found good */
    t_latent_list x_out;
    int x_waiting; /* the left style came while the model was loading */
} t_mix;

static t_class *mix_class;

/* How many rows a style has, 1 or num_ws; 0 after a complaint. */
static int mix_rows(t_mix *x, const latent_model *m, const t_latent_list *w, const char *side)
{
    if (w->n == m->generator.w_dim)
        return 1;
    if (w->n == m->generator.w_dim * m->generator.num_ws)
        return m->generator.num_ws;
    latent_complain(&x->x_obj,
                    "%d numbers came %s, but a style of %s has %d (w) or %d (W+); connect a "
                    "[latent.map] of the same model",
                    w->n, side, m->label, m->generator.w_dim,
                    m->generator.w_dim * m->generator.num_ws);
    return 0;
}

/* Makes shares of what is said about the layers; 0, or -1 after a complaint. */
static int mix_weigh(t_mix *x, const latent_model *m, const t_latent_list *said, int weights)
{
    latent_error e;
    if (latent_list_room(&x->x_obj, &x->x_share, m->generator.num_ws))
        return -1;
    if (latent_mix_shares(said->v, said->n, weights, m->generator.num_ws, x->x_share.v, &e)) {
        latent_complain(&x->x_obj, "%s", e.text);
        return -1;
    }
    return 0;
}

/* The same for what was said last; when that was before this model came and does not suit it, the
   halves come back. */
static int mix_shares(t_mix *x, const latent_model *m)
{
    if (!mix_weigh(x, m, &x->x_said, x->x_weights))
        return 0;
    x->x_said.n = x->x_weights = 0;
    return mix_weigh(x, m, &x->x_said, 0);
}

static void mix_do(t_mix *x)
{
    latent_model *m = latent_modelref_get(x->x_ref, 1);
    const t_latent_list *right = x->x_right.n ? &x->x_right : &x->x_left;
    int rows_left, rows_right;
    x->x_waiting = !m && latent_modelref_loading(x->x_ref);
    if (!m || !(rows_left = mix_rows(x, m, &x->x_left, "from the left")) ||
        !(rows_right = mix_rows(x, m, right, "from the right")) || mix_shares(x, m) ||
        latent_list_room(&x->x_obj, &x->x_out, m->generator.num_ws * m->generator.w_dim))
        return;
    latent_mix_styles(x->x_left.v, rows_left, right->v, rows_right, x->x_share.v,
                      m->generator.num_ws, m->generator.w_dim, x->x_out.v);
    latent_list_send(x->x_obj.ob_outlet, x->x_out.n, x->x_out.v);
}

static void mix_ready(void *z)
{
    t_mix *x = z;
    if (x->x_waiting)
        mix_do(x);
}

static void mix_bang(t_mix *x)
{
    if (x->x_left.n)
        mix_do(x);
    else
        latent_complain(&x->x_obj, "there is no left style yet; connect a [latent.map]");
}

static void swap(t_latent_list *a, t_latent_list *b)
{
    t_latent_list c = *a;
    *a = *b;
    *b = c;
}

/* Takes a style; 0, or -1 after a complaint, what was there before staying. */
static int mix_take(t_mix *x, t_latent_list *style, const char *side, int argc, t_atom *argv)
{
    latent_model *m = latent_modelref_get(x->x_ref, 0);
    if (latent_list_set(&x->x_obj, &x->x_fresh, argc, argv) ||
        (m && !mix_rows(x, m, &x->x_fresh, side)))
        return -1;
    swap(style, &x->x_fresh);
    return 0;
}

static void mix_list(t_mix *x, t_symbol *s, int argc, t_atom *argv)
{
    (void)s;
    if (!argc) /* in Pd a list of nothing is a bang */
        mix_bang(x);
    else if (!mix_take(x, &x->x_left, "from the left", argc, argv))
        mix_do(x);
}

static void mix_right(void *z, t_symbol *s, int argc, t_atom *argv)
{
    t_mix *x = z;
    if (argc && (s == &s_list || s == &s_float))
        mix_take(x, &x->x_right, "from the right", argc, argv);
    else
        latent_wrong_right(&x->x_obj, LATENT_TAKES_STYLE, s, argc, argv);
}

static void mix_layers(t_mix *x, t_symbol *s, int argc, t_atom *argv)
{
    latent_model *m = latent_modelref_get(x->x_ref, 0);
    int weights = s == gensym("weights");
    if (latent_list_set(&x->x_obj, &x->x_fresh, argc, argv) ||
        (m && mix_weigh(x, m, &x->x_fresh, weights)))
        return;
    swap(&x->x_said, &x->x_fresh);
    x->x_weights = weights;
}

static void mix_info(t_mix *x)
{
    latent_model *m = latent_modelref_get(x->x_ref, 1);
    t_atom share[MOST_ROWS + 1];
    int rows;
    if (!m || mix_shares(x, m))
        return;
    rows = m->generator.num_ws < MOST_ROWS ? m->generator.num_ws : MOST_ROWS;
    SETSYMBOL(share, gensym("share"));
    for (int row = 0; row < rows; row++)
        SETFLOAT(share + 1 + row, x->x_share.v[row]);
    latent_info_number(x->x_info, "w_dim", m->generator.w_dim);
    latent_info_number(x->x_info, "num_ws", m->generator.num_ws);
    outlet_anything(x->x_info, gensym("info"), rows + 1, share);
}

static void *mix_new(t_symbol *s, int argc, t_atom *argv)
{
    t_mix *x = (t_mix *)pd_new(mix_class);
    (void)s;
    latent_params_rest(&x->x_obj, argc && argv->a_type == A_SYMBOL, argc, argv);
    x->x_right_inlet = latent_inlet_new(&x->x_obj, mix_right);
    outlet_new(&x->x_obj, &s_list);
    x->x_info = outlet_new(&x->x_obj, NULL);
    x->x_ref = latent_modelref_new(&x->x_obj, atom_getsymbolarg(0, argc, argv), mix_ready);
    return x;
}

static void mix_free(t_mix *x)
{
    latent_modelref_free(x->x_ref);
    latent_inlet_free(x->x_right_inlet);
    latent_list_free(&x->x_left);
    latent_list_free(&x->x_right);
    latent_list_free(&x->x_said);
    latent_list_free(&x->x_share);
    latent_list_free(&x->x_fresh);
    latent_list_free(&x->x_out);
}

__attribute__((visibility("default"))) void setup_latent0x2emix(void)
{
    mix_class = class_new(gensym("latent.mix"), (t_newmethod)mix_new, (t_method)mix_free,
                          sizeof(t_mix), 0, A_GIMME, 0);
    latent_takes_of(mix_class, LATENT_TAKES_STYLE, offsetof(t_mix, x_ref));
    class_addbang(mix_class, mix_bang);
    class_addlist(mix_class, mix_list);
    class_addmethod(mix_class, (t_method)mix_layers, gensym("layers"), A_GIMME, 0);
    class_addmethod(mix_class, (t_method)mix_layers, gensym("weights"), A_GIMME, 0);
    latent_takes_alone(mix_class, (t_method)mix_info, "info");
}
