/* [latent.effect blur]: does something to pictures on their way: blur, edges, threshold, posterise,
   mirror, kaleidoscope, tile, displace, blend, feedback.  A chain of effects costs nothing until
   somebody looks, and guidance goes back through it.

   Argument: the kind (blur).  Flags, each a message too:
   -kind word          another kind
   -radius f           blur: 0 to 0.5 of the height (0.02)
   -gain f             edges (3)
   -level f -soft f    threshold: from black (-1) to white (1), and how soft the edge is (0, 0.05)
   -levels n           posterise: values a channel (4)
   -side word          mirror: the side that is kept, left right top bottom, or quarter (left)
   -slices n           kaleidoscope (6)
   -turn degrees       kaleidoscope, and feedback for each picture (0)
   -columns n -rows n -flip 0/1   tile (2, 2, 1); flipped ones meet without a seam
   -strength f         displace: of the height, -1 to 1 (0.1)
   -mode word          blend: mix add multiply screen difference lighten darken overlay (mix)
   -share f            blend: how much of the second; feedback: how much of the last (0.5)
   -zoom f -x f -y f   feedback: how the last picture moves (1.02, 0, 0)

   left inlet    image; bang: the same again; clear: feedback forgets
   right inlet   image: what displaces (red to the side, green up and down), or is blended in;
                 clear: none
   info          all settings, to the right outlet

   Left outlet: image; right outlet: info. */
#include "engine/ops/effect.h"
#include "pd/box.h"
#include <stddef.h>

static t_class *latent_effect_class;

typedef struct {
    t_object x_obj;
    int x_kind; /* a latent_effect_kind */
    int x_levels, x_side, x_slices, x_columns, x_rows, x_flip, x_mode;
    double x_radius, x_gain, x_level, x_soft, x_turn, x_strength, x_share, x_zoom, x_x, x_y;
    latent_node *x_image, *x_second, *x_last; /* or NULL */
    latent_feedback *x_feedback;              /* NULL until it is needed */
    int x_pictures;                           /* that feedback has seen */
    struct _latent_inlet *x_right;
    t_outlet *x_out, *x_info;
} t_latent_effect;

static latent_effect_settings effect_settings(const t_latent_effect *x)
{
    return (latent_effect_settings){
        .radius = (float)x->x_radius,
        .gain = (float)x->x_gain,
        .level = (float)x->x_level,
        .soft = (float)x->x_soft,
        .levels = (float)x->x_levels,
        .side = (float)x->x_side,
        .slices = (float)x->x_slices,
        .turn = (float)x->x_turn,
        .columns = (float)x->x_columns,
        .rows = (float)x->x_rows,
        .flip = (float)x->x_flip,
        .strength = (float)x->x_strength,
        .mode = (float)x->x_mode,
        .share = (float)x->x_share,
        .zoom = (float)x->x_zoom,
        .x = (float)x->x_x,
        .y = (float)x->x_y,
    };
}

static latent_node *effect_promise(t_latent_effect *x, latent_error *e)
{
    latent_effect_settings s = effect_settings(x);
    if (x->x_kind != LATENT_FEEDBACK)
        return latent_op_effect((latent_effect_kind)x->x_kind, &s, x->x_image, x->x_second, e);
    if (!x->x_feedback && !(x->x_feedback = latent_feedback_new(e)))
        return NULL;
    return latent_op_feedback(x->x_feedback, ++x->x_pictures, &s, x->x_image, e);
}

static void latent_effect_bang(t_latent_effect *x)
{
    latent_node *n, *before = x->x_last;
    latent_error e;
    if (!x->x_image)
        return;
    if (!(n = effect_promise(x, &e))) {
        latent_complain(&x->x_obj, "%s", e.text);
        return;
    }
    x->x_last = n;
    latent_node_release(before);
    latent_promise_send(x->x_out, n);
}

/* A setting has changed: the picture follows; feedback waits for its next one. */
static void effect_changed(void *z)
{
    t_latent_effect *x = z;
    if (x->x_kind != LATENT_FEEDBACK)
        latent_effect_bang(x);
}

#define EFFECT_REAL(name, field, low, high)                                                        \
    {                                                                                              \
        name, LATENT_REAL, offsetof(t_latent_effect, field), low, high, NULL, effect_changed       \
    }
#define EFFECT_WHOLE(name, field, low, high)                                                       \
    {                                                                                              \
        name, LATENT_WHOLE, offsetof(t_latent_effect, field), low, high, NULL, effect_changed      \
    }
#define EFFECT_CHOICE(name, field, words)                                                          \
    {                                                                                              \
        name, LATENT_CHOICE, offsetof(t_latent_effect, field), 0, 0, words, effect_changed         \
    }
static const t_latent_param latent_effect_params[] = {
    EFFECT_CHOICE("kind", x_kind, LATENT_EFFECT_WORDS),
    EFFECT_REAL("radius", x_radius, 0, .5),
    EFFECT_REAL("gain", x_gain, 0, 20),
    EFFECT_REAL("level", x_level, -1, 1),
    EFFECT_REAL("soft", x_soft, 0, 2),
    EFFECT_WHOLE("levels", x_levels, 2, 64),
    EFFECT_CHOICE("side", x_side, LATENT_MIRROR_WORDS),
    EFFECT_WHOLE("slices", x_slices, 2, 32),
    EFFECT_REAL("turn", x_turn, -3600, 3600),
    EFFECT_WHOLE("columns", x_columns, 1, 32),
    EFFECT_WHOLE("rows", x_rows, 1, 32),
    EFFECT_WHOLE("flip", x_flip, 0, 1),
    EFFECT_REAL("strength", x_strength, -1, 1),
    EFFECT_CHOICE("mode", x_mode, LATENT_BLEND_WORDS),
    EFFECT_REAL("share", x_share, 0, 1),
    EFFECT_REAL("zoom", x_zoom, .1, 10),
    EFFECT_REAL("x", x_x, -1, 1),
    EFFECT_REAL("y", x_y, -1, 1),
    {NULL, 0, 0, 0, 0, NULL, NULL}};

static int effect_keep(t_latent_effect *x, latent_node **place, t_symbol *s, int argc, t_atom *argv)
{
    latent_node *n = latent_promise_get(&x->x_obj, s, argc, argv), *before = *place;
    if (!n)
        return -1;
    *place = n;
    latent_node_release(before);
    return 0;
}

static void latent_effect_image(t_latent_effect *x, t_symbol *s, int argc, t_atom *argv)
{
    if (!effect_keep(x, &x->x_image, s, argc, argv))
        latent_effect_bang(x);
}

static void latent_effect_right(void *z, t_symbol *s, int argc, t_atom *argv)
{
    t_latent_effect *x = z;
    if (s == gensym("image"))
        effect_keep(x, &x->x_second, s, argc, argv);
    else if (s == gensym("clear")) {
        latent_node_release(x->x_second);
        x->x_second = NULL;
    } else
        latent_wrong_right(&x->x_obj, LATENT_TAKES_PICTURE, s, argc, argv);
}

static void latent_effect_clear(t_latent_effect *x)
{
    latent_feedback_release(x->x_feedback);
    x->x_feedback = NULL;
    x->x_pictures = 0;
}

static void latent_effect_info(t_latent_effect *x)
{
    latent_params_info(&x->x_obj, latent_effect_params, x->x_info);
}

static void *latent_effect_new(t_symbol *s, int argc, t_atom *argv)
{
    t_latent_effect *x = (t_latent_effect *)pd_new(latent_effect_class);
    int place;
    (void)s;
    x->x_radius = .02;
    x->x_gain = 3;
    x->x_soft = .05;
    x->x_levels = 4;
    x->x_slices = 6;
    x->x_columns = x->x_rows = 2;
    x->x_flip = 1;
    x->x_strength = .1;
    x->x_share = .5;
    x->x_zoom = 1.02;
    argc = latent_params_flags(&x->x_obj, latent_effect_params, argc, argv);
    if (argc && (place = latent_choice(&x->x_obj, "kind", LATENT_EFFECT_WORDS, argv)) >= 0)
        x->x_kind = place;
    latent_params_rest(&x->x_obj, 1, argc, argv);
    x->x_right = latent_inlet_new(&x->x_obj, latent_effect_right);
    x->x_out = outlet_new(&x->x_obj, 0);
    x->x_info = outlet_new(&x->x_obj, 0);
    return x;
}

static void latent_effect_free(t_latent_effect *x)
{
    latent_inlet_free(x->x_right);
    latent_feedback_release(x->x_feedback);
    latent_node_release(x->x_image);
    latent_node_release(x->x_second);
    latent_node_release(x->x_last);
}

void setup_latent0x2eeffect(void)
{
    latent_effect_class =
        class_new(gensym("latent.effect"), (t_newmethod)latent_effect_new,
                  (t_method)latent_effect_free, sizeof(t_latent_effect), 0, A_GIMME, 0);
    latent_takes(latent_effect_class, LATENT_TAKES_PICTURE);
    class_addbang(latent_effect_class, latent_effect_bang);
    class_addmethod(latent_effect_class, (t_method)latent_effect_image, gensym("image"), A_GIMME,
                    0);
    class_addmethod(latent_effect_class, (t_method)latent_effect_clear, gensym("clear"), 0);
    latent_takes_alone(latent_effect_class, (t_method)latent_effect_info, "info");
    latent_params_setup(latent_effect_class, latent_effect_params);
}
