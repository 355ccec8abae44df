/* yard_random: see yard.c: random messages to boxes that come and go. */
#include "yard.h"
#include <dlfcn.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define AT_ONCE 20 /* messages of one turn of Pd's clock */
#define LONG_LIST 20000

static unsigned chance(t_yard *x, unsigned below)
{
    x->x_state ^= x->x_state << 13;
    x->x_state ^= x->x_state >> 17;
    x->x_state ^= x->x_state << 5;
    return x->x_state % below;
}

/* ---- atoms */

static const t_float usual[] = {0, 1, -1, 0.5, 2, 3, 4, 7, 8, 16, 64, 100, 128, 1000};
/* What is in the range of a parameter offline may take its minutes; what is far beyond is refused.
 */
static const t_float few[] = {0, 1, -1, 0.5, 2, 3};
static const t_float absurd[] = {1e38,        -1e38, INFINITY,     -INFINITY,   NAN,
                                 2147483648., -1e10, 4294967296.,  16777217.,   1e-40,
                                 -0.0001,     1e20,  -2147483649., 4294967295., 1e30};
static const char *const words[] = {
    "fish",       "none",        "random",         "0",
    "foo.pkl",    "nothere.png", "../x/y.npz",     "",
    "-",          "-seed",       "%s%n%d",         "$1",
    "a fish",     "鱼",          "adam",           "sgd",
    "smooth",     "cosine",      "const",          "learned",
    "image",      "features",    "list",           "bang",
    "rule",       "yard-name",   "other-name",     "clip",
    "take",       "film.mp4",    "still.png",      "set",
    "network",    "ridge",       "crop",           "bank",
    "mel",        "rms",         "sg3clip",        "nada",
    "latent.npz", "all",         "time",           "net.safetensors",
    "frames",     ".",           "/nowhere/at/all"};

static void random_word(t_yard *x, t_atom *a)
{
    char text[3000];
    if (chance(x, 40)) {
        SETSYMBOL(a, gensym(words[chance(x, sizeof(words) / sizeof(*words))]));
        return;
    }
    memset(text, 'e', sizeof(text)); /* names of files have limits */
    text[900 + chance(x, 2000)] = 0;
    SETSYMBOL(a, gensym(text));
}

static t_float random_number(t_yard *x, int little)
{
    switch (chance(x, 8)) {
    case 0:
        return absurd[chance(x, sizeof(absurd) / sizeof(*absurd))];
    case 1:
        return (t_float)chance(x, 2000) / 1000 - 1;
    default:
        return little ? few[chance(x, sizeof(few) / sizeof(*few))]
                      : usual[chance(x, sizeof(usual) / sizeof(*usual))];
    }
}

/* Messages that do what they say for minutes, or that would stop what is tried here. */
static int is_costly(const char *name)
{
    static const char *const costly[] = {"recall",  "start", "score", "average", "calibrate",
                                         "samples", "steps", "learn", "new",     "rule",
                                         "random",  "batch", "size",  "length",  "ganspace",
                                         "count",   "z",     "memory"};
    for (size_t i = 0; i < sizeof(costly) / sizeof(*costly); i++)
        if (!strcmp(costly[i], name))
            return 1;
    return 0;
}

static int random_atoms(t_yard *x, t_atom *a, int little)
{
    static const int lengths[] = {3, 4, 12, 64, 127, 128, 129, 512, 1280, 1281, LONG_LIST};
    int n =
        chance(x, 4) ? (int)chance(x, 4) : lengths[chance(x, sizeof(lengths) / sizeof(*lengths))];
    int all_numbers = n > 3 && chance(x, 8);
    for (int i = 0; i < n; i++)
        if (all_numbers && chance(x, 1000))
            SETFLOAT(a + i, (t_float)chance(x, 4000) / 1000 - 2);
        else if (chance(x, 3))
            SETFLOAT(a + i, random_number(x, little));
        else
            random_word(x, a + i);
    return n;
}

/* ---- messages */

static t_symbol *random_selector(t_yard *x, const t_object *box, int inlet)
{
    static const char *const others[] = {"bang",  "float",    "list", "symbol",    "list",
                                         "image", "features", "info", "direction", "clear",
                                         "mean",  "nonsense", "b",    "pitch",     "loss",
                                         "stop",  "error",    "read", "features",  "image"};
    t_class *c = pd_class(&((t_object *)box)->ob_pd);
    if (!inlet && c->c_nmethod && chance(x, 4))
        return c->c_methods[chance(x, (unsigned)c->c_nmethod)].me_name;
    return gensym(others[chance(x, sizeof(others) / sizeof(*others))]);
}

/* Things that are no message from a cord. */
static int is_private(const t_symbol *s)
{
    static const char *const names[] = {"dsp",    "sync", "threads", "loadbang", "fwd",
                                        "signal", "pd",   "vis",     "dsp_add",  "menu-open"};
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (!strcmp(names[i], s->s_name))
            return 1;
    return strchr(s->s_name, '_') != NULL; /* "read_aliased" */
}

/* A promise that a box made, maybe long ago. */
static int random_promise(t_yard *x, t_symbol *s, t_atom *a)
{
    int n = x->x_promised < YARD_HEARD ? x->x_promised : YARD_HEARD;
    for (int tries = 0; n && tries < 8; tries++) {
        unsigned i = chance(x, (unsigned)n);
        if (x->x_promise[i] == s) {
            memcpy(a, x->x_promises[i], 4 * sizeof(*a));
            return 4;
        }
    }
    return random_atoms(x, a, 1);
}

static double seconds_of_thread(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void print_message(const t_object *box, int inlet, const t_symbol *s, int argc,
                          const t_atom *argv)
{
    char word[60];
    fprintf(stderr, "yard: to %s %d: %s", class_getname(pd_class(&((t_object *)box)->ob_pd)), inlet,
            s->s_name);
    for (int i = 0; i < argc && i < 6; i++) {
        atom_string(argv + i, word, sizeof(word));
        fprintf(stderr, " %s", word);
    }
    fprintf(stderr, argc > 6 ? " ... %d\n" : "\n", argc);
}

static void random_message(t_yard *x, t_object *box)
{
    static t_atom a[LONG_LIST];
    int inlets = obj_ninlets(box), inlet = inlets ? (int)chance(x, (unsigned)inlets) : 0, n;
    t_symbol *s = random_selector(x, box, inlet);
    const char *class = class_getname(pd_class(&box->ob_pd));
    double began, took;
    if (!inlets || is_private(s))
        return;
    if (s == gensym("image") || s == gensym("features"))
        n = random_promise(x, s, a);
    else
        n = random_atoms(x, a, x->x_offline || is_costly(s->s_name));
    if (x->x_offline && is_costly(s->s_name) && n > 1)
        n = 1;
    if (x->x_say)
        print_message(box, inlet, s, n, a);
    if ((s == &s_float || s == &s_symbol) && !n)
        s = &s_bang;
    began = seconds_of_thread();
    yard_send(x, box, inlet, s, n, a);
    took = seconds_of_thread() - began;
    if (took > x->x_longest) {
        x->x_longest = took;
        snprintf(x->x_slowest, sizeof(x->x_slowest), "%.30s to a %s", s->s_name, class);
    }
}

/* ---- boxes that come and go */

static void random_birth(t_yard *x, int at)
{
    static const char *const arguments[] = {"",
                                            "",
                                            "",
                                            "",
                                            " 8",
                                            " 4 4 4",
                                            " fish.safetensors",
                                            " yard-name",
                                            " -seed 3",
                                            " 64",
                                            " clip",
                                            " nothere.pkl",
                                            " -name yard-name",
                                            " -name other-name",
                                            " other-name -name yard-name",
                                            " yard-name -name other-name",
                                            " -within 2"};
    char text[200];
    snprintf(text, sizeof(text), "%s%s", x->x_class[chance(x, (unsigned)x->x_classes)]->s_name,
             arguments[chance(x, sizeof(arguments) / sizeof(*arguments))]);
    if (x->x_say)
        fprintf(stderr, "yard: makes %s\n", text);
    x->x_alive[at] = yard_box(x, text);
}

static void random_death(t_yard *x, int at)
{
    t_object *box = x->x_alive[at];
    x->x_alive[at] = NULL;
    if (x->x_say)
        fprintf(stderr, "yard: deletes a %s\n", class_getname(pd_class(&box->ob_pd)));
    yard_delete(x, box);
}

/* While a box speaks another one may go; but not itself, nor the one that is being sent to, for Pd
   reads their cords when they come back. */
void yard_random_heard(t_yard *x, t_object *box)
{
    int at;
    if (!x->x_left || chance(x, 100))
        return;
    at = (int)chance(x, YARD_ALIVE);
    if (x->x_alive[at] && x->x_alive[at] != x->x_sent_to && x->x_alive[at] != box)
        random_death(x, at);
}

void yard_random_begin(t_yard *x, unsigned seed, int n, int alive)
{
    int (*offline)(void) = (int (*)(void))(size_t)dlsym(RTLD_DEFAULT, "latent_offline");
    x->x_state = seed * 2654435761u + 1;
    x->x_left = n;
    x->x_wanted = alive < 1 ? 1 : alive > YARD_ALIVE ? YARD_ALIVE : alive;
    x->x_offline = offline && offline();
    clock_delay(x->x_clock, 1);
}

static void random_end(t_yard *x)
{
    for (int i = 0; i < YARD_ALIVE; i++)
        if (x->x_alive[i])
            random_death(x, i);
    fprintf(stderr, "yard: the longest message took Pd's thread %.1f ms (%s)\n",
            x->x_longest * 1000, x->x_slowest);
    outlet_float(x->x_obj.ob_outlet, (t_float)(x->x_longest * 1000));
}

void yard_random_tick(t_yard *x)
{
    for (int k = 0; k < AT_ONCE && x->x_left > 0; k++, x->x_left--) {
        int at = (int)chance(x, (unsigned)x->x_wanted);
        if (!x->x_alive[at])
            random_birth(x, at);
        else if (!chance(x, 60))
            random_death(x, at);
        else
            random_message(x, x->x_alive[at]);
    }
    if (x->x_left > 0)
        clock_delay(x->x_clock, 1);
    else
        random_end(x);
}
