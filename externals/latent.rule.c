/* [latent.rule fish]: a picture drawn by explicit rules from a few named numbers, and what there is
   to say about it.  The idea is the plotter artists' (Molnar, Mohr, Nake): write the rule down, let
   chance or a hand choose its numbers.

   Argument: the rule (fish, tiger, molnar ...).  Flags, each a message too: -seed n (0); -size n
   (64) pixels; -mask 0/1: white where the figure is; -captions none, words or whole (words; whole
   is each sentence as one symbol, to be shown); and every parameter of the rule, as in -girth 0.9
   -tail fan.

   bang            of a still: the next picture by chance; of a process: one step on
   random          the next picture by chance
   float, seed n   the first picture of this seed; bangs go on from there
   list            the picture of these parameters, in the rule's order; what is too large or too
                   small for a parameter is brought to its limit
   <name> v        one parameter, a number or one of its words (tail fan)
   usual           the rule's usual picture
   restart         a process begins again
   palette name    its colours; or numbers from 0 to 255, three a colour, the paper first
   <items> list    where a rule has items (charges x y q ...): these; no numbers: its own again
   caption         another sentence about the same picture
   size n          so many pixels wide and high, 16 to 2048
   info            to the right outlet: the rule, its settings and parameters

   Second inlet: image, what the rule follows (the field of its lines, where there is disorder, what
   a process begins from); third: image, whose colours are taken.  clear forgets either.

   Outlets: image; list of the parameters; caption en <words>, caption zh <words>, info.  Nothing is
   drawn before somebody looks: the same parameters are the same promise. */
#include "engine/ops/ops.h"
#include "pd/box.h"
#include "pd/drawing.h"
#include <stddef.h>
#include <string.h>

#define WORDS 100 /* in a sentence; what is longer is cut */

typedef enum { NONE, SINGLE, WHOLE } t_captions;

typedef struct {
    t_object x_obj;
    t_latent_drawing x_drawing; /* the rule and all that it is told */
    double x_seed;
    int x_size, x_mask, x_captions; /* a t_captions */
    uint32_t x_next;                /* the number of the next picture by chance */
    uint32_t x_saying;              /* which of all sentences */
    latent_process *x_process;      /* NULL: a still, or not begun */
    int x_step;
    latent_node *x_last; /* what was sent last, or NULL */
    struct _latent_inlet *x_second, *x_third;
    t_outlet *x_list, *x_info;
} t_rule;

static t_class *rule_class;

/* ---- out */

/* "caption en a fat red fish" */
static void rule_say(t_rule *x, latent_language language)
{
    char text[LATENT_RULE_CAPTION], *rest = text, *word;
    t_atom words[WORDS];
    int n = 1;
    latent_rule_caption(x->x_drawing.rule, x->x_drawing.params, latent_whole32(x->x_seed),
                        x->x_saying, language, text);
    SETSYMBOL(words, gensym(language == LATENT_CHINESE ? "zh" : "en"));
    while (n < WORDS && (word = strsep(&rest, x->x_captions == WHOLE ? "" : " "))) {
        SETSYMBOL(words + n, gensym(word));
        n++;
    }
    outlet_anything(x->x_info, gensym("caption"), n, words);
}

static void rule_caption(t_rule *x)
{
    rule_say(x, LATENT_ENGLISH);
    rule_say(x, LATENT_CHINESE);
}

static void rule_other_caption(t_rule *x)
{
    x->x_saying += 0x10000; /* far from those of the next pictures */
    rule_caption(x);
}

/* The promise of what is set now, with one holder; NULL after a complaint. */
static latent_node *rule_promise(t_rule *x)
{
    latent_rule_setting s = latent_drawing_setting(&x->x_drawing, x->x_size, x->x_mask);
    latent_node *n = NULL;
    latent_error e;
    if (!latent_rule_channels(x->x_drawing.rule))
        n = latent_op_rule_set(x->x_drawing.rule, &s, &e);
    else if (x->x_process || (x->x_process = latent_process_new(
                                  x->x_drawing.rule, x->x_drawing.params, x->x_size, &e)))
        n = latent_op_process(x->x_process, x->x_step, &s, &e);
    if (!n)
        latent_complain(&x->x_obj, "%s", e.text);
    return n;
}

static void rule_send(t_rule *x)
{
    latent_node *n = rule_promise(x), *before = x->x_last;
    if (!n)
        return;
    x->x_last = n;
    latent_node_release(before);
    if (x->x_captions != NONE)
        rule_caption(x);
    latent_list_send(x->x_list, latent_rule_count(x->x_drawing.rule), x->x_drawing.params);
    latent_promise_send(x->x_obj.ob_outlet, x->x_last);
}

/* Parameters have changed: a process goes on with them from here. */
static void rule_changed(t_rule *x)
{
    if (x->x_process)
        latent_process_change(x->x_process, x->x_step, x->x_drawing.params);
    rule_send(x);
}

/* ---- steps */

/* A process begins anew when its picture is asked for next. */
static void rule_begin(t_rule *x)
{
    latent_process_release(x->x_process);
    x->x_process = NULL;
    x->x_step = latent_rule_channels(x->x_drawing.rule) ? (int)x->x_drawing.params[0] : 0;
}

static void rule_restart(t_rule *x)
{
    rule_begin(x);
    rule_send(x);
}

static void rule_resize(void *z)
{
    t_rule *x = z;
    if (x->x_last)
        rule_restart(x);
    else
        rule_begin(x);
}

/* ---- by chance */

static void rule_random(t_rule *x)
{
    x->x_saying = x->x_next;
    latent_rule_random(x->x_drawing.rule, latent_whole32(x->x_seed), x->x_next,
                       x->x_drawing.params);
    x->x_next++;
    rule_restart(x);
}

static void rule_bang(t_rule *x)
{
    if (!latent_rule_channels(x->x_drawing.rule)) {
        rule_random(x);
        return;
    }
    if (x->x_last && x->x_step < LATENT_MAX_ID)
        x->x_step++;
    rule_send(x);
}

static void rule_reseed(void *z)
{
    t_rule *x = z;
    x->x_next = 0;
    rule_random(x);
}

static void rule_remask(void *z)
{
    t_rule *x = z;
    if (x->x_last)
        rule_send(x);
}

static const t_latent_param rule_params[] = {
    {"seed", LATENT_REAL, offsetof(t_rule, x_seed), 0, 4294967295.0, NULL, rule_reseed},
    {"size", LATENT_WHOLE, offsetof(t_rule, x_size), LATENT_RULE_SMALLEST, LATENT_RULE_LARGEST,
     NULL, rule_resize},
    {"mask", LATENT_WHOLE, offsetof(t_rule, x_mask), 0, 1, NULL, rule_remask},
    {"captions", LATENT_CHOICE, offsetof(t_rule, x_captions), 0, 0, "none words whole", NULL},
    {NULL, 0, 0, 0, 0, NULL, NULL}};

static void rule_float(t_rule *x, t_floatarg f)
{
    t_atom seed;
    SETFLOAT(&seed, f);
    latent_params_message(&x->x_obj, gensym("seed"), 1, &seed);
}

/* ---- by hand */

static void rule_list(t_rule *x, t_symbol *s, int argc, t_atom *argv)
{
    t_latent_list list = {0, 0, NULL};
    int n = latent_rule_count(x->x_drawing.rule);
    (void)s;
    if (argc != n && argc != latent_rule_first_count(x->x_drawing.rule))
        latent_complain(&x->x_obj,
                        "a list of %d numbers came, but a %s has %d: \"info\" names them", argc,
                        latent_rule_name(x->x_drawing.rule), n);
    else if (!latent_list_set(&x->x_obj, &list, argc, argv)) {
        latent_rule_usual(x->x_drawing.rule, x->x_drawing.params);
        memcpy(x->x_drawing.params, list.v, (size_t)list.n * sizeof(float));
        latent_rule_clamp(x->x_drawing.rule, x->x_drawing.params);
        rule_changed(x);
    }
    latent_list_free(&list);
}

/* ---- pictures at the other inlets */

static void rule_second(void *z, t_symbol *s, int argc, t_atom *argv)
{
    t_rule *x = z;
    if (s != gensym("image") && s != gensym("clear"))
        latent_wrong_right(&x->x_obj, LATENT_TAKES_PICTURE, s, argc, argv);
    else if (!latent_drawing_follow(&x->x_obj, &x->x_drawing, s, argc, argv) && x->x_last)
        rule_send(x);
}

static void rule_third(void *z, t_symbol *s, int argc, t_atom *argv)
{
    t_rule *x = z;
    if (s != gensym("image") && s != gensym("clear"))
        latent_wrong_right(&x->x_obj, LATENT_TAKES_PICTURE, s, argc, argv);
    else if (!latent_drawing_colours(&x->x_obj, &x->x_drawing, s, argc, argv) && x->x_last)
        rule_send(x);
}

/* ---- by words */

static void rule_anything(t_rule *x, t_symbol *s, int argc, t_atom *argv)
{
    if (latent_rule_param_find(x->x_drawing.rule, s->s_name) < 0 &&
        latent_wrong_cord(&x->x_obj, s, argc, argv))
        return;
    if (latent_drawing_set(&x->x_obj, &x->x_drawing, s->s_name, argc, argv) > 0)
        rule_changed(x);
}

static void rule_palette(t_rule *x, t_symbol *s, int argc, t_atom *argv)
{
    (void)s;
    if (!latent_drawing_palette(&x->x_obj, &x->x_drawing, argc, argv) && x->x_last)
        rule_send(x);
}

static void rule_usual(t_rule *x)
{
    latent_rule_usual(x->x_drawing.rule, x->x_drawing.params);
    rule_changed(x);
}

static void rule_info(t_rule *x)
{
    latent_info_word(x->x_info, "rule", latent_rule_name(x->x_drawing.rule));
    latent_params_info(&x->x_obj, rule_params, x->x_info);
    latent_drawing_info(&x->x_drawing, x->x_info);
}

/* ---- birth and death */

/* Takes flags that are parameters of the rule out of the arguments. */
static int rule_flags(t_rule *x, int argc, t_atom *argv)
{
    int kept = 0;
    for (int i = 0; i < argc; i++) {
        const char *word = argv[i].a_type == A_SYMBOL ? argv[i].a_w.w_symbol->s_name : "";
        if (*word == '-' &&
            latent_drawing_flag(&x->x_obj, &x->x_drawing, word + 1, i + 1 < argc, argv + i + 1))
            i++;
        else
            argv[kept++] = argv[i];
    }
    return kept;
}

static void *rule_new(t_symbol *s, int argc, t_atom *argv)
{
    t_rule *x = (t_rule *)pd_new(rule_class);
    int named = argc && !(argv->a_type == A_SYMBOL && *argv->a_w.w_symbol->s_name == '-');
    (void)s;
    latent_drawing_init(&x->x_obj, &x->x_drawing, named, argv);
    x->x_size = 64;
    x->x_captions = SINGLE;
    argc = rule_flags(x, argc - named, argv + named);
    argc = latent_params_flags(&x->x_obj, rule_params, argc, argv + named);
    latent_params_rest(&x->x_obj, 0, argc, argv + named);
    rule_begin(x);
    x->x_second = latent_inlet_new(&x->x_obj, rule_second);
    x->x_third = latent_inlet_new(&x->x_obj, rule_third);
    outlet_new(&x->x_obj, NULL);
    x->x_list = outlet_new(&x->x_obj, &s_list);
    x->x_info = outlet_new(&x->x_obj, NULL);
    return x;
}

static void rule_free(t_rule *x)
{
    latent_inlet_free(x->x_second);
    latent_inlet_free(x->x_third);
    latent_process_release(x->x_process);
    latent_node_release(x->x_last);
    latent_drawing_free(&x->x_drawing);
}

__attribute__((visibility("default"))) void setup_latent0x2erule(void)
{
    rule_class = class_new(gensym("latent.rule"), (t_newmethod)rule_new, (t_method)rule_free,
                           sizeof(t_rule), 0, A_GIMME, 0);
    latent_takes(rule_class, LATENT_TAKES_BANG);
    class_addbang(rule_class, rule_bang);
    class_addfloat(rule_class, rule_float);
    class_addlist(rule_class, rule_list);
    class_addanything(rule_class, rule_anything);
    class_addmethod(rule_class, (t_method)rule_random, gensym("random"), 0);
    class_addmethod(rule_class, (t_method)rule_restart, gensym("restart"), 0);
    class_addmethod(rule_class, (t_method)rule_palette, gensym("palette"), A_GIMME, 0);
    class_addmethod(rule_class, (t_method)rule_usual, gensym("usual"), 0);
    latent_takes_alone(rule_class, (t_method)rule_other_caption, "caption");
    latent_takes_alone(rule_class, (t_method)rule_info, "info");
    latent_params_setup(rule_class, rule_params);
}
