/* [latent.rule fish]: a picture drawn by explicit rules from a few named numbers, and what there is
   to say about it.  The idea is the plotter artists' (Molnar, Mohr, Nake): write the rule down, let
   chance or a hand choose its numbers.

   Argument: the rule (fish).  Flags, each a message too: -seed n (0); -size n (64) pixels;
   -captions none, words or whole (words; whole is each sentence as one symbol, to be shown); and
   every parameter of the rule, as in -girth 0.9 -tail fan.

   bang, random    the next picture by chance
   float, seed n   the first picture of this seed; bangs go on from there
   list            the picture of these parameters, in the rule's order; what is too large or too
                   small for a parameter is brought to its limit
   <name> v        one parameter, a number or one of its words (tail fan)
   usual           the rule's usual picture
   caption         another sentence about the same picture
   size n          so many pixels wide and high, 16 to 1024
   info            to the right outlet: the rule, its settings and parameters

   Outlets: image; list of the parameters; caption en <words>, caption zh <words>, info.  Nothing is
   drawn before somebody looks: the same parameters are the same promise. */
#include "engine/ops/ops.h"
#include "pd/box.h"
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define WORDS 100 /* in a sentence; what is longer is cut */

typedef enum { NONE, SINGLE, WHOLE } t_captions;

typedef struct {
    t_object x_obj;
    const latent_rule *x_rule;
    double x_seed;
    int x_size, x_captions; /* a t_captions */
    uint32_t x_next;        /* the number of the next picture by chance */
    uint32_t x_saying;      /* which of all sentences */
    float x_params[LATENT_RULE_MOST];
    latent_node *x_last; /* what was sent last, or NULL */
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
    latent_rule_caption(x->x_rule, x->x_params, (uint32_t)x->x_seed, x->x_saying, language, text);
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

static void rule_send(t_rule *x)
{
    latent_error e;
    latent_node *n = latent_op_rule(x->x_rule, x->x_params, x->x_size, &e), *before = x->x_last;
    if (!n) {
        latent_complain(&x->x_obj, "%s", e.text);
        return;
    }
    x->x_last = n;
    latent_node_release(before);
    if (x->x_captions != NONE)
        rule_caption(x);
    latent_list_send(x->x_list, latent_rule_count(x->x_rule), x->x_params);
    latent_promise_send(x->x_obj.ob_outlet, x->x_last);
}

/* ---- by chance */

static void rule_bang(t_rule *x)
{
    x->x_saying = x->x_next;
    latent_rule_random(x->x_rule, (uint32_t)x->x_seed, x->x_next, x->x_params);
    x->x_next++;
    rule_send(x);
}

static void rule_restart(void *z)
{
    t_rule *x = z;
    x->x_next = 0;
    rule_bang(x);
}

static void rule_resize(void *z)
{
    t_rule *x = z;
    if (x->x_last)
        rule_send(x);
}

static const t_latent_param rule_params[] = {
    {"seed", LATENT_REAL, offsetof(t_rule, x_seed), 0, 4294967295.0, NULL, rule_restart},
    {"size", LATENT_WHOLE, offsetof(t_rule, x_size), LATENT_RULE_SMALLEST, LATENT_RULE_LARGEST,
     NULL, rule_resize},
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
    int n = latent_rule_count(x->x_rule);
    (void)s;
    if (argc != n)
        latent_complain(&x->x_obj,
                        "a list of %d numbers came, but a %s has %d: \"info\" names them", argc,
                        latent_rule_name(x->x_rule), n);
    else if (!latent_list_set(&x->x_obj, &list, argc, argv)) {
        memcpy(x->x_params, list.v, (size_t)n * sizeof(float));
        latent_rule_clamp(x->x_rule, x->x_params);
        rule_send(x);
    }
    latent_list_free(&list);
}

/* The number that one atom means for a parameter; 0, or -1 after a complaint. */
static int rule_value(t_rule *x, const latent_rule_param *p, int argc, const t_atom *argv, float *v)
{
    char word[80];
    double f = 0;
    int symbol = argc == 1 && argv->a_type == A_SYMBOL;
    if (argc != 1) {
        latent_complain(&x->x_obj, "%s wants one %s, but %d came; it stays as it was", p->name,
                        p->choices ? "word or number" : "number", argc);
        return -1;
    }
    f = symbol ? latent_rule_choice(p, argv->a_w.w_symbol->s_name) : argv->a_w.w_float;
    if (isfinite(f) && f >= p->low && f <= p->high) {
        *v = (float)f;
        return 0;
    }
    atom_string((t_atom *)argv, word, sizeof(word));
    if (p->choices)
        latent_complain(&x->x_obj, "%s is one of %s, but %s came; it stays as it was", p->name,
                        p->choices, word);
    else
        latent_complain(&x->x_obj,
                        "%s takes a number from %g to %g, but %s came; it stays as it "
                        "was",
                        p->name, (double)p->low, (double)p->high, word);
    return -1;
}

/* Sets the parameter of that name; 1, 0 when there is none, -1 after a complaint. */
static int rule_set(t_rule *x, const char *name, int argc, const t_atom *argv)
{
    int i = latent_rule_param_find(x->x_rule, name);
    if (i < 0)
        return 0;
    if (rule_value(x, latent_rule_params(x->x_rule) + i, argc, argv, x->x_params + i))
        return -1;
    latent_rule_clamp(x->x_rule, x->x_params);
    return 1;
}

static void rule_anything(t_rule *x, t_symbol *s, int argc, t_atom *argv)
{
    int set = rule_set(x, s->s_name, argc, argv);
    char names[300] = "";
    size_t used = 0;
    if (set > 0)
        rule_send(x);
    if (set)
        return;
    for (int i = 0; i < latent_rule_count(x->x_rule) && used < sizeof(names); i++)
        used += (size_t)snprintf(names + used, sizeof(names) - used, " %s",
                                 latent_rule_params(x->x_rule)[i].name);
    latent_complain(&x->x_obj, "a %s has no %s; it has%s", latent_rule_name(x->x_rule), s->s_name,
                    names);
}

static void rule_usual(t_rule *x)
{
    latent_rule_usual(x->x_rule, x->x_params);
    rule_send(x);
}

static void rule_info(t_rule *x)
{
    const latent_rule_param *p = latent_rule_params(x->x_rule);
    int n = latent_rule_count(x->x_rule);
    char word[64];
    latent_info_word(x->x_info, "rule", latent_rule_name(x->x_rule));
    latent_params_info(&x->x_obj, rule_params, x->x_info);
    latent_info_number(x->x_info, "count", n);
    for (int i = 0; i < n; i++)
        if (p[i].choices) {
            latent_rule_word(p + i, x->x_params[i], word, sizeof(word));
            latent_info_word(x->x_info, p[i].name, word);
        } else
            latent_info_number(x->x_info, p[i].name, x->x_params[i]);
}

/* ---- birth and death */

static const latent_rule *rule_named(t_rule *x, int argc, t_atom *argv)
{
    const latent_rule *rule = latent_rule_at(0);
    char word[80], names[200] = "";
    size_t used = 0;
    if (!argc)
        return rule;
    atom_string(argv, word, sizeof(word));
    if ((rule = latent_rule_find(word)))
        return rule;
    for (int i = 0; (rule = latent_rule_at(i)) && used < sizeof(names); i++)
        used += (size_t)snprintf(names + used, sizeof(names) - used, " %s", latent_rule_name(rule));
    latent_complain(&x->x_obj, "there is no rule %s; the rules are%s; %s is taken", word, names,
                    latent_rule_name(latent_rule_at(0)));
    return latent_rule_at(0);
}

/* Takes flags that are parameters of the rule out of the arguments. */
static int rule_flags(t_rule *x, int argc, t_atom *argv)
{
    int kept = 0;
    for (int i = 0; i < argc; i++) {
        const char *word = argv[i].a_type == A_SYMBOL ? argv[i].a_w.w_symbol->s_name : "";
        if (*word == '-' && rule_set(x, word + 1, i + 1 < argc, argv + i + 1))
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
    x->x_rule = rule_named(x, named, argv);
    x->x_size = 64;
    x->x_captions = SINGLE;
    latent_rule_usual(x->x_rule, x->x_params);
    argc = rule_flags(x, argc - named, argv + named);
    argc = latent_params_flags(&x->x_obj, rule_params, argc, argv + named);
    latent_params_rest(&x->x_obj, 0, argc, argv + named);
    outlet_new(&x->x_obj, NULL);
    x->x_list = outlet_new(&x->x_obj, &s_list);
    x->x_info = outlet_new(&x->x_obj, NULL);
    return x;
}

static void rule_free(t_rule *x)
{
    latent_node_release(x->x_last);
}

__attribute__((visibility("default"))) void setup_latent0x2erule(void)
{
    rule_class = class_new(gensym("latent.rule"), (t_newmethod)rule_new, (t_method)rule_free,
                           sizeof(t_rule), 0, A_GIMME, 0);
    class_addbang(rule_class, rule_bang);
    class_addfloat(rule_class, rule_float);
    class_addlist(rule_class, rule_list);
    class_addanything(rule_class, rule_anything);
    class_addmethod(rule_class, (t_method)rule_bang, gensym("random"), 0);
    class_addmethod(rule_class, (t_method)rule_usual, gensym("usual"), 0);
    class_addmethod(rule_class, (t_method)rule_other_caption, gensym("caption"), 0);
    class_addmethod(rule_class, (t_method)rule_info, gensym("info"), 0);
    latent_params_setup(rule_class, rule_params);
}
