/* [latent.predict]: listens to how a performer walks through a space of numbers, learns it while it
   goes on, and walks on when the hand rests.

   Flags, each a message too: -net gru/ngram (gru: any lists, by a small network that learns in the
   background; ngram: whole numbers, the tokens of a text, by counting); -learn 0/1 (1);
   -temperature f (0.5; 0 to 2) 0 the likeliest, 1 as it was learned, 2 wild; -leash f (0.5; 0 to
   1000) how far from what was walked, in deviations, 0: anywhere; -seed n (0); -recent f (0.5) the
   share of learning that the last quarter of the rows gets; -keep n (4000) rows that are
   remembered; -units n (64) of the network, from the next forget on; -order n (3) tokens that ngram
   looks back.

   list          the next row of the walk, with the time since the one before; float: a token bang
   says the next one, which is then as if it had come play 0/1      goes on by itself, in the times
   that were learned steps n       learns so many steps more;  walk <name>: from now on another
   walk, or that one again forget        all; forget <name>: the rows of one walk write <file>, read
   <file>   what was learned, with its rows (.safetensors);  info outlets       list: the next row;
   list: what may come next, the likeliest first, its share before each;  right: rows <n>, surprise
   <bits more than usual>, loss <f>, written, info */
#include "engine/sequence/ngram.h"
#include "pd/box.h"
#include "pd/job_queue.h"
#include "pd/names.h"
#include "pd/outlets.h"
#include "pd/walker.h"
#include "pd/words.h"
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static t_class *latent_predict_class;
enum { GRU, NGRAM };
#define SHOWN 10 /* tokens that may come next */

typedef struct {
    t_object x_obj;
    t_latent_walker_settings x_settings;
    int x_net, x_learn, x_order, x_play;
    t_canvas *x_canvas;
    t_latent_walker *x_walker;
    latent_ngram *x_ngram;
    uint64_t x_said; /* tokens */
    t_latent_list x_row, x_likely;
    t_clock *x_clock;
    t_outlet *x_out, *x_next, *x_info;
} t_latent_predict;

static void predict_reseed(void *z)
{
    t_latent_predict *x = z;
    x->x_said = 0;
    latent_walker_seeded(x->x_walker);
}

static void predict_reorder(void *z)
{
    t_latent_predict *x = z;
    latent_ngram_order(x->x_ngram, x->x_order);
}

static const t_latent_param latent_predict_params[] = {
    {"net", LATENT_CHOICE, offsetof(t_latent_predict, x_net), 0, 0, "gru ngram", NULL},
    {"learn", LATENT_WHOLE, offsetof(t_latent_predict, x_learn), 0, 1, NULL, NULL},
    {"temperature", LATENT_REAL, offsetof(t_latent_predict, x_settings.temperature), 0, 2, NULL,
     NULL},
    {"leash", LATENT_REAL, offsetof(t_latent_predict, x_settings.leash), 0, 1000, NULL, NULL},
    {"seed", LATENT_WHOLE, offsetof(t_latent_predict, x_settings.seed), 0, 2147483647., NULL,
     predict_reseed},
    {"recent", LATENT_REAL, offsetof(t_latent_predict, x_settings.recent), 0, 1, NULL, NULL},
    {"keep", LATENT_WHOLE, offsetof(t_latent_predict, x_settings.keep), 100, LATENT_WALK_MOST, NULL,
     NULL},
    {"units", LATENT_WHOLE, offsetof(t_latent_predict, x_settings.units), 8, 256, NULL, NULL},
    {"order", LATENT_WHOLE, offsetof(t_latent_predict, x_order), 0, LATENT_NGRAM_ORDER, NULL,
     predict_reorder},
    {NULL, 0, 0, 0, 0, NULL, NULL}};

/* ---- what may come next */

static void send_likely_tokens(t_latent_predict *x)
{
    int token[SHOWN], n;
    float share[SHOWN];
    n = latent_ngram_likely(x->x_ngram, SHOWN, token, share);
    if (latent_list_room(&x->x_obj, &x->x_likely, 2 * n))
        return;
    for (int i = 0; i < n; i++) {
        x->x_likely.v[2 * i] = share[i];
        x->x_likely.v[2 * i + 1] = (float)token[i];
    }
    latent_list_send(x->x_next, 2 * n, x->x_likely.v);
}

static void send_likely_rows(t_latent_predict *x)
{
    int wide = latent_walker_wide(x->x_walker);
    float share[LATENT_FOLLOW_PARTS];
    float *rows;
    if (!wide || latent_list_room(&x->x_obj, &x->x_likely, (wide + 1) * LATENT_FOLLOW_PARTS))
        return;
    rows = x->x_likely.v + LATENT_FOLLOW_PARTS;
    if (latent_walker_likely(x->x_walker, share, rows))
        return;
    for (int k = 0; k < LATENT_FOLLOW_PARTS; k++) {
        float *one = x->x_likely.v + (size_t)k * (size_t)(wide + 1);
        memmove(one + 1, rows + (size_t)k * (size_t)wide, (size_t)wide * sizeof(*one));
        one[0] = share[k];
    }
    latent_list_send(x->x_next, x->x_likely.n, x->x_likely.v);
}

static void send_likely(t_latent_predict *x)
{
    if (latent_outlet_connected(&x->x_obj, 1))
        (x->x_net == NGRAM ? send_likely_tokens : send_likely_rows)(x);
}

/* ---- saying */

/* Says the next one; how many seconds after the one before, or -1. */
static double predict_say(t_latent_predict *x)
{
    const t_latent_walker_settings *s = &x->x_settings;
    double seconds = .1;
    int token;
    if (x->x_net == NGRAM) {
        token = latent_ngram_say(x->x_ngram, s->temperature, (uint32_t)s->seed, x->x_said);
        if (token < 0) {
            latent_complain(&x->x_obj, "no token has come yet; tokens are whole numbers, one at a "
                                       "time");
            return -1;
        }
        x->x_said++;
        send_likely(x);
        outlet_float(x->x_out, (t_float)token);
        return seconds;
    }
    if (latent_walker_say(x->x_walker, &seconds) ||
        latent_list_copy(&x->x_obj, &x->x_row, latent_walker_wide(x->x_walker),
                         latent_walker_row(x->x_walker)))
        return -1;
    send_likely(x);
    latent_list_send(x->x_out, x->x_row.n, x->x_row.v);
    return seconds;
}

static void latent_predict_bang(t_latent_predict *x)
{
    predict_say(x);
}

static void predict_tick(t_latent_predict *x)
{
    double seconds;
    clock_delay(x->x_clock, 100); /* before it says: that may end the box, or stop it */
    seconds = predict_say(x);
    if (seconds < 0)
        clock_unset(x->x_clock);
    else if (x->x_play)
        clock_delay(x->x_clock, seconds * 1000);
}

static void latent_predict_play(t_latent_predict *x, t_symbol *s, int argc, t_atom *argv)
{
    (void)s;
    if (argc != 1 || argv->a_type != A_FLOAT)
        latent_complain(&x->x_obj, "play wants 1, to go on by itself, or 0");
    else if ((x->x_play = atom_getfloat(argv) != 0))
        clock_delay(x->x_clock, 0);
    else
        clock_unset(x->x_clock);
}

/* ---- hearing */

static void tell_heard(t_latent_predict *x, double rows, double surprise)
{
    send_likely(x);
    if (!isnan(surprise))
        latent_say_number(x->x_info, "surprise", surprise);
    latent_say_number(x->x_info, "rows", rows);
}

static void hear_token(t_latent_predict *x)
{
    float is = x->x_row.n == 1 ? x->x_row.v[0] : -1;
    double bits;
    latent_error e;
    if (x->x_row.n != 1 || is != floorf(is))
        latent_complain(&x->x_obj, "net ngram goes on with tokens, whole numbers one at a time; "
                                   "net gru takes lists");
    else if (latent_ngram_hear(x->x_ngram, latent_whole(is, -1, 1 << 24), x->x_learn, &bits, &e))
        latent_complain(&x->x_obj, "%s", e.text);
    else
        tell_heard(x, latent_ngram_count(x->x_ngram), bits);
}

static void latent_predict_list(t_latent_predict *x, t_symbol *s, int argc, t_atom *argv)
{
    double surprise;
    (void)s;
    if (!argc)
        latent_predict_bang(x);
    else if (latent_list_set(&x->x_obj, &x->x_row, argc, argv))
        return;
    else if (x->x_net == NGRAM)
        hear_token(x);
    else if (!latent_walker_hear(x->x_walker, x->x_row.v, x->x_row.n, x->x_learn, &surprise))
        tell_heard(x, latent_walker_rows(x->x_walker), surprise);
}

static void predict_changed(void *z, double loss)
{
    t_latent_predict *x = z;
    if (isnan(loss))
        latent_say_number(x->x_info, "rows", latent_walker_rows(x->x_walker));
    else
        latent_say_number(x->x_info, "loss", loss);
}

/* ---- the rest */

static void latent_predict_steps(t_latent_predict *x, t_floatarg n)
{
    if (x->x_net == NGRAM)
        latent_complain(&x->x_obj, "net ngram counts, it does not learn by steps");
    else if (!(n >= 1 && n <= 100000))
        latent_complain(&x->x_obj, "steps wants 1 to 100000");
    else
        latent_walker_steps(x->x_walker, (int)n);
}

static void latent_predict_walk(t_latent_predict *x, t_symbol *s, int argc, t_atom *argv)
{
    t_symbol *name = latent_name_of(argc, argv);
    (void)s;
    if (!name)
        latent_complain(&x->x_obj, "walk wants a name");
    else
        latent_walker_walk(x->x_walker, name);
}

static void latent_predict_forget(t_latent_predict *x, t_symbol *s, int argc, t_atom *argv)
{
    t_symbol *name = latent_name_of(argc, argv);
    (void)s;
    if (!name)
        latent_ngram_forget(x->x_ngram);
    latent_walker_forget(x->x_walker, name);
    predict_reseed(x);
}

static void predict_written(void *z)
{
    outlet_anything(((t_latent_predict *)z)->x_info, gensym("written"), 0, NULL);
}

static void latent_predict_write(t_latent_predict *x, t_symbol *file)
{
    char path[MAXPDSTRING];
    if (x->x_net == NGRAM)
        latent_complain(&x->x_obj, "net ngram has nothing to write but what it was sent");
    else if (!latent_place(&x->x_obj, NULL, x->x_canvas, file->s_name, path))
        latent_walker_write(x->x_walker, path);
}

static void latent_predict_read(t_latent_predict *x, t_symbol *file)
{
    char *paths = latent_find_paths(&x->x_obj, x->x_canvas, file->s_name);
    if (paths)
        latent_walker_read(x->x_walker, paths);
}

static void latent_predict_info(t_latent_predict *x)
{
    latent_params_info(&x->x_obj, latent_predict_params, x->x_info);
    latent_info_number(x->x_info, "rows",
                       x->x_net == NGRAM ? latent_ngram_count(x->x_ngram)
                                         : latent_walker_rows(x->x_walker));
    latent_info_number(x->x_info, "steps", (double)latent_walker_learned(x->x_walker));
    latent_info_word(x->x_info, "walk", latent_walker_name(x->x_walker));
}

static void *latent_predict_new(t_symbol *s, int argc, t_atom *argv)
{
    t_latent_predict *x = (t_latent_predict *)pd_new(latent_predict_class);
    latent_error e;
    (void)s;
    x->x_settings = (t_latent_walker_settings){64, 0, 4000, .5, .5, .5};
    x->x_learn = 1;
    x->x_order = 3;
    x->x_canvas = canvas_getcurrent();
    x->x_walker = latent_walker_new(&x->x_obj, &x->x_settings, predict_changed, predict_written);
    if (!x->x_walker || !(x->x_ngram = latent_ngram_new(&e))) {
        pd_free(&x->x_obj.ob_pd);
        return NULL;
    }
    argc = latent_params_flags(&x->x_obj, latent_predict_params, argc, argv);
    latent_params_rest(&x->x_obj, 0, argc, argv);
    predict_reorder(x);
    x->x_out = outlet_new(&x->x_obj, &s_list);
    x->x_next = outlet_new(&x->x_obj, &s_list);
    x->x_info = outlet_new(&x->x_obj, 0);
    x->x_clock = clock_new(x, (t_method)predict_tick);
    return x;
}

static void latent_predict_free(t_latent_predict *x)
{
    latent_walker_free(x->x_walker);
    latent_ngram_free(x->x_ngram);
    latent_list_free(&x->x_row);
    latent_list_free(&x->x_likely);
    if (x->x_clock)
        clock_free(x->x_clock);
}

void setup_latent0x2epredict(void)
{
    t_class *c = latent_predict_class =
        class_new(gensym("latent.predict"), (t_newmethod)latent_predict_new,
                  (t_method)latent_predict_free, sizeof(t_latent_predict), 0, A_GIMME, 0);
    latent_takes(c, LATENT_TAKES_VALUES);
    class_addbang(c, latent_predict_bang);
    class_addlist(c, latent_predict_list);
    class_addmethod(c, (t_method)latent_predict_play, gensym("play"), A_GIMME, 0);
    class_addmethod(c, (t_method)latent_predict_steps, gensym("steps"), A_FLOAT, 0);
    class_addmethod(c, (t_method)latent_predict_walk, gensym("walk"), A_GIMME, 0);
    class_addmethod(c, (t_method)latent_predict_forget, gensym("forget"), A_GIMME, 0);
    class_addmethod(c, (t_method)latent_predict_write, gensym("write"), A_SYMBOL, 0);
    class_addmethod(c, (t_method)latent_predict_read, gensym("read"), A_SYMBOL, 0);
    latent_takes_alone(c, (t_method)latent_predict_info, "info");
    latent_params_setup(c, latent_predict_params);
}
