/* yard_cords: see yard.c: every wrong cord. */
#include "yard.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LONGEST 4096

void yard_hear(t_yard *x, t_object *box, t_symbol *s, int argc, const t_atom *argv)
{
    if (s != gensym("progress")) { /* how often depends on how fast the machine is */
        x->x_heard++;
        x->x_sum = x->x_sum * 31 + (unsigned)strlen(s->s_name) + (unsigned)argc;
    }
    if (argc == 4 && (s == gensym("features") || s == gensym("image"))) {
        int at = x->x_promised++ % YARD_HEARD;
        x->x_promise[at] = s;
        for (int i = 0; i < 4; i++)
            x->x_promises[at][i] = argv[i];
    }
    yard_random_heard(x, box);
}

/* ---- the things that boxes send to each other */

typedef struct {
    const char *name;
    t_symbol *selector;
    int argc;
    t_atom *argv;
    int always;      /* no box takes it: there must be an answer */
    t_binbuf *words; /* what owns argv, or NULL: then it is malloc'd */
} t_thing;

static t_thing things[64];
static int n_things;

/* "info z_dim 128" */
static void add(const char *words, int always)
{
    t_binbuf *b = binbuf_new();
    int n;
    binbuf_text(b, words, strlen(words));
    n = binbuf_getnatom(b);
    things[n_things++] =
        (t_thing){words, atom_getsymbol(binbuf_getvec(b)), n - 1, binbuf_getvec(b) + 1, always, b};
}

static void add_list(const char *name, const char *selector, int n)
{
    t_atom *a = malloc(LONGEST * sizeof(*a));
    for (int i = 0; i < n; i++)
        SETFLOAT(a + i, (t_float)sin(i + 1.));
    things[n_things++] = (t_thing){name, gensym(selector), n, a, 0, NULL};
}

static void add_promise(t_yard *x, const char *name, const char *kind)
{
    for (int i = 0; i < x->x_promised; i++)
        if (x->x_promise[i] == gensym(kind)) {
            t_atom *a = malloc(4 * sizeof(*a));
            memcpy(a, x->x_promises[i], 4 * sizeof(*a));
            things[n_things++] = (t_thing){name, gensym(kind), 4, a, 0, NULL};
            return;
        }
    fprintf(stderr, "yard: no box made %s\n", name);
}

static void collect(t_yard *x)
{
    static const char *const news[] = {"info z_dim 128",
                                       "progress 0.5",
                                       "loss 0.25",
                                       "recall 0.5 of it",
                                       "error no such file",
                                       "written a.png",
                                       "dropped 3",
                                       "shape 3 64 64 of it",
                                       "fps 25",
                                       "click 0.5 0.5",
                                       "loaded",
                                       "strength 2 of it",
                                       "voice 1",
                                       "calibrated 16",
                                       "learned 0.5",
                                       "examples 3",
                                       "within 1 of it",
                                       "found 3",
                                       "ready 3",
                                       "verdict accepted",
                                       "pictures 1 2 3 4",
                                       "made 64",
                                       "saved a b",
                                       "augmented 0.5",
                                       "mel 0.1 0.2",
                                       "end",
                                       "done",
                                       "late 3",
                                       "image 16777215 3 4 4"};
    static const char *const others[] = {
        "features 1 2",         "image",        "caption en a fish",
        "features 99999 1 4 4", "clear",        "seed 7",
        "latent 0.1 0.2",       "mean 0.1 0.2", "nonsense 1",
        "direction 0 0.1 0.2"};
    t_object *w = yard_box(x, "latent.map"), *chain = yard_box(x, "latent.input");
    t_object *generator = yard_box(x, "latent.generator");
    add_list("a list of 128 numbers", "list", 128);
    yard_send(x, chain, 0, &s_list, 128, things[0].argv);
    yard_send(x, generator, 0, &s_list, 128, things[0].argv);
    (void)w;
    add("bang", 0);
    add("float 0.5", 0);
    add("symbol fish", 0);
    add("list a fish 3", 0);
    add_list("a list of 3 numbers", "list", 3);
    add_list("a gradient, 16 x 128", "list", 2048);
    add_promise(x, "features", "features");
    add_promise(x, "an image", "image");
    for (size_t i = 0; i < sizeof(news) / sizeof(*news); i++)
        add(news[i], strncmp(news[i], "image", 5) != 0);
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
        add(others[i], !strcmp(others[i], "nonsense 1"));
}

/* ---- one box */

/* What is good to send to any box, so that it does all it does. */
static void use(t_yard *x, t_object *box)
{
    x->x_heard = 0;
    x->x_sum = 0;
    for (int inlet = obj_ninlets(box) - 1; inlet >= 0; inlet--)
        for (int i = 0; i < n_things; i++)
            if (things[i].selector == &s_list || things[i].selector == gensym("features") ||
                things[i].selector == gensym("image"))
                yard_send(x, box, inlet, things[i].selector, things[i].argc, things[i].argv);
}

static int has_method(const t_object *box, const t_thing *t)
{
    t_pd c = pd_class(&((t_object *)box)->ob_pd);
    return zgetfn(&c, t->selector) != NULL;
}

/* Does the sentence say what to do? */
static int helps(const char *sentence)
{
    const char *words = strstr(sentence, "latent.") ? strstr(strstr(sentence, "latent."), ": ") : 0;
    return words && strpbrk(words + 2, ";:[") && !strstr(words, "no method") &&
           !strstr(words, "bad argument");
}

static int try_cord(t_yard *x, t_object *box, int inlet, const t_thing *t, int *taken)
{
    const char *name = class_getname(pd_class(&box->ob_pd));
    const char *wrong = NULL;
    int errors;
    yard_errors();
    yard_send(x, box, inlet, t->selector, t->argc, t->argv);
    errors = yard_errors();
    if (x->x_say)
        fprintf(stderr, "%s, inlet %d, %s: %s\n", name, inlet, t->name,
                errors ? yard_last_error() : "taken");
    if (errors > 1)
        wrong = "more than one sentence";
    else if (errors == 1 && !helps(yard_last_error()))
        wrong = "a sentence that does not help";
    else if (!errors && t->always && (inlet || !has_method(box, t)))
        wrong = "no sentence";
    *taken = !errors;
    if (!wrong || (inlet && obj_issignalinlet(box, inlet))) /* Pd's own inlets answer themselves */
        return 0;
    fprintf(stderr, "yard: %s, inlet %d, %s: %s (%s)\n", name, inlet, t->name, wrong,
            yard_last_error());
    return 1;
}

/* A box in the state in which it is asked. */
static t_object *fresh(t_yard *x, t_symbol *name)
{
    char words[100];
    t_object *box;
    snprintf(words, sizeof(words), "%s%s", name->s_name,
             name == gensym("latent.layer")      ? " 4"
             : name == gensym("latent.fromlist") ? " 1 1 3"
                                                 : "");
    box = yard_box(x, words);
    if (!box || strcmp(class_getname(pd_class(&box->ob_pd)), name->s_name))
        return NULL;
    use(x, box);
    use(x, box);
    return box;
}

static int try_box(t_yard *x, t_symbol *name)
{
    t_object *box = fresh(x, name);
    int wrong = 0, heard = x->x_heard, taken;
    unsigned sum = x->x_sum;
    if (!box) {
        fprintf(stderr, "yard: %s can't be made\n", name->s_name);
        return 1;
    }
    for (int inlet = 0; inlet < obj_ninlets(box); inlet++)
        for (int i = 0; i < n_things; i++) {
            wrong += try_cord(x, box, inlet, &things[i], &taken);
            if (taken) { /* and may have changed what it does */
                yard_delete(x, box);
                box = fresh(x, name);
            }
        }
    use(x, box);
    if (heard != x->x_heard || sum != x->x_sum) {
        wrong++;
        fprintf(stderr, "yard: what %s refused has changed it: it says %d things, not %d\n",
                name->s_name, x->x_heard, heard);
    }
    yard_delete(x, box);
    return wrong;
}

/* ---- names of files that are too long, around what Pd's own buffers hold */

static int try_names(t_yard *x, t_object *box, const char *message)
{
    char name[2 * MAXPDSTRING];
    int wrong = 0;
    t_atom a;
    for (int n = MAXPDSTRING - 60; n < MAXPDSTRING + 20; n += n < MAXPDSTRING + 5 ? 1 : 14) {
        memset(name, 'e', sizeof(name));
        name[n] = 0;
        SETSYMBOL(&a, gensym(name));
        yard_errors();
        yard_send(x, box, 0, gensym(message), 1, &a);
        if (yard_errors() == 1 && strncmp(strrchr(yard_last_error(), ' ') + 1, "eeeee", 5))
            continue;
        wrong++;
        fprintf(stderr, "yard: %s, %s with a name of %d letters: %s\n",
                class_getname(pd_class(&box->ob_pd)), message, n, yard_last_error());
    }
    return wrong;
}

int yard_try_names(t_yard *x)
{
    static const char *const messages[] = {"read", "write", "save", "resume", "open"};
    int wrong = 0, tried = 0;
    for (int i = 0; i < x->x_classes; i++) {
        t_object *box = yard_box(x, x->x_class[i]->s_name);
        for (size_t k = 0; k < sizeof(messages) / sizeof(*messages); k++) {
            t_pd c = box ? pd_class(&box->ob_pd) : NULL;
            if (c && zgetfn(&c, gensym(messages[k]))) {
                wrong += try_names(x, box, messages[k]);
                tried++;
            }
        }
        if (box)
            yard_delete(x, box);
    }
    return wrong + (tried < 10);
}

int yard_try_cords(t_yard *x)
{
    int wrong = 0;
    collect(x);
    for (int i = 0; i < x->x_classes; i++)
        wrong += try_box(x, x->x_class[i]);
    wrong += (x->x_classes < 30) + (n_things < 40);
    for (; n_things; n_things--) {
        t_thing *t = &things[n_things - 1];
        if (t->words)
            binbuf_free(t->words);
        else
            free(t->argv);
    }
    return wrong;
}
