/* answers: see answers.h */
#include "answers.h"
#include "box.h"
#include "modelref.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the words: what comes, what is taken, and what stands between */

typedef enum { BANG, NUMBER, LIST, WORD, FEATURES, PICTURE, NEWS, OTHER } t_came;
#define THINGS (PICTURE + 1) /* the first ones are things with a box of their own between */

/* What another box's outlets say about their work; each goes to [print] or [route]. */
static const char *const news[] = {
    "added",     "augmented", "bpm",        "busy",    "calibrated", "caption",  "centroid",
    "chroma",    "class",     "classes",    "clear",   "click",      "data",     "described",
    "deviation", "direction", "directions", "done",    "dropped",    "end",      "error",
    "evictions", "examples",  "failed",     "file",    "flatness",   "flux",     "follows",
    "found",     "fps",       "frame",      "hits",    "info",       "late",     "latent",
    "learned",   "loaded",    "loss",       "made",    "mean",       "mel",      "memory",
    "model",     "onset",     "onsets",     "palette", "patch",      "pictures", "pitch",
    "plate",     "progress",  "ready",      "recall",  "resumed",    "rms",      "runs",
    "saved",     "score",     "seed",       "shape",   "skipped",    "stage",    "stats",
    "still",     "strength",  "sync",       "tempo",   "threads",    "verdict",  "voice",
    "weights",   "within",    "written",    NULL};

typedef struct {
    const char *name;            /* of what is taken */
    const char *from;            /* where it comes from */
    const char *between[THINGS]; /* for what came; NULL: where it comes from will do */
} t_taken;

#define FINDS "[latent.project] finds the style w of a picture"
#define SHOWS "[latent.view] shows a picture and [latent.write] writes it"
#define MAKES_NUMBERS "[latent.clip] makes a list of a picture, [latent.tolist] of all its points"

static const t_taken taken[LATENT_TAKES] = {
    [LATENT_TAKES_MESSAGES] = {"messages only",
                               "its help (a right click) names them",
                               {[LIST] = "a message begins with a word; its help (a right click) "
                                         "names them",
                                [FEATURES] = "[latent.rgb] makes a picture of features",
                                [PICTURE] = SHOWS}},
    [LATENT_TAKES_BANG] = {"a bang, or a number, which is a seed",
                           "a chain begins here",
                           {[LIST] = "[latent.map] takes the list that comes out here",
                            [FEATURES] = "[latent.rgb] makes a picture of features",
                            [PICTURE] = SHOWS}},
    [LATENT_TAKES_Z] = {"a z, a list of numbers",
                        "[latent.noise] makes one",
                        {[FEATURES] = "features are made of a style w already: [latent.rgb] makes "
                                      "a picture of them",
                         [PICTURE] = FINDS ", which does not go through here but to "
                                           "[latent.generator]"}},
    [LATENT_TAKES_STYLE] = {"a style w, a list of numbers",
                            "[latent.noise] and then [latent.map] make one",
                            {[FEATURES] = "features are made of a style w already: [latent.rgb] "
                                          "makes a picture of them",
                             [PICTURE] = FINDS}},
    [LATENT_TAKES_STYLE_OR_MAP] = {"a style w, a list of numbers, or a picture, which is its noise",
                                   "[latent.noise] and then [latent.map] make a style w",
                                   {[FEATURES] = "[latent.rgb] makes a picture of features"}},
    [LATENT_TAKES_LATENT] =
        {"a latent, a list of numbers",
         "[latent.noise] makes a z, and [latent.map] a style w of it",
         {[FEATURES] = "[latent.tolist] makes a list of features", [PICTURE] = FINDS}},
    [LATENT_TAKES_VALUES] = {"values, a list of numbers",
                             "[pack], [latent.ear~] or any sensor makes one",
                             {[FEATURES] = "the right outlet of [latent.tap] makes a list of them",
                              [PICTURE] = MAKES_NUMBERS}},
    [LATENT_TAKES_NUMBERS] = {"a list of numbers",
                              "[pack], arrays and sensors make lists",
                              {[FEATURES] = "[latent.tolist] makes a list of features",
                               [PICTURE] = "[latent.tolist] makes a list of a picture"}},
    [LATENT_TAKES_GRADIENT] = {"a gradient, a list of numbers",
                               "[latent.guide] and [latent.target] make one of a picture",
                               {NULL}},
    [LATENT_TAKES_FEATURES] = {"features",
                               "[latent.input] and [latent.layer] make them of a style w",
                               {[PICTURE] = FINDS ", and [latent.input] makes features of that"}},
    [LATENT_TAKES_PICTURE] = {"a picture",
                              "[latent.generator] makes one of a style w, and [latent.image] reads "
                              "one from a file",
                              {[LIST] = "[latent.map] makes a style w of a z, [latent.generator] a "
                                        "picture of a style w, and [latent.fromlist] one of any "
                                        "numbers",
                               [WORD] = "[latent.image] reads one from a file",
                               [FEATURES] = "[latent.rgb] makes a picture of features, and "
                                            "[latent.tap] shows their channels"}},
    [LATENT_TAKES_PROMISE] = {"a picture or features",
                              "[latent.generator] makes a picture of a style w, [latent.input] "
                              "features",
                              {[LIST] = "[latent.generator] makes a picture of a style w, and "
                                        "[latent.fromlist] one of any numbers"}},
    [LATENT_TAKES_GOAL] = {"a picture to look like, or an embedding, a list of numbers",
                           "[latent.image] reads a picture, and [latent.clip] makes an embedding",
                           {[FEATURES] = "[latent.rgb] makes a picture of features"}},
    [LATENT_TAKES_WORDS] = {"a picture, or text and words",
                            "\"text a red fish\" is such a message",
                            {[LIST] = "a list may be what has come out of this box already: "
                                      "[latent.guide] takes it",
                             [FEATURES] = "[latent.rgb] makes a picture of features"}},
    [LATENT_TAKES_DIRECTION] =
        {"a latent, a list of numbers, or what [latent.directions] dumps",
         "[latent.noise] makes a z, and [latent.map] a style w of it",
         {[FEATURES] = "[latent.tolist] makes a list of features", [PICTURE] = FINDS}},
    [LATENT_TAKES_PITCH] = {"a pitch, a number of Hz",
                            "[mtof] makes one of a note",
                            {[LIST] = "the left inlet makes lists audible",
                             [FEATURES] = "the left inlet makes features audible",
                             [PICTURE] = "the left inlet makes pictures audible"}},
    [LATENT_TAKES_SOUND] = {"sound, by a signal cord",
                            "[adc~] brings a microphone's",
                            {[LIST] = "[latent.voice~] makes a list audible",
                             [FEATURES] = "[latent.voice~] makes features audible",
                             [PICTURE] = "[latent.voice~] makes a picture audible"}},
    [LATENT_TAKES_NOISY] = {"features with noise in them",
                            "[latent.noise 3 64 64] makes noise, and [latent.noisy] buries a "
                            "picture in it",
                            {[LIST] = "words go to the second inlet, and a schedule to the third",
                             [PICTURE] = "[latent.encode] and [latent.noisy] bury a picture in "
                                         "noise"}},
    [LATENT_TAKES_CONDITION] = {"words, a list of numbers or features",
                                "[latent.clip] makes a list of words",
                                {[WORD] = "[latent.clip] makes a list of words",
                                 [PICTURE] = "[latent.clip] makes a list of a picture"}},
    [LATENT_TAKES_SCHEDULE] = {"a schedule, a list of levels that fall",
                               "[latent.schedule] makes one",
                               {[FEATURES] = "[latent.schedule] makes a list of a number of steps",
                                [PICTURE] = "[latent.schedule] makes a list of a number of "
                                            "steps"}},
};

/* ---- what came */

static t_came came_as(const t_symbol *s, int argc, const t_atom *argv)
{
    const char *name = s->s_name;
    if (s == &s_list && argc == 1)
        s = argv->a_type == A_FLOAT ? &s_float : &s_symbol;
    if (s == &s_bang || (s == &s_list && !argc))
        return BANG;
    if (s == &s_float)
        return NUMBER;
    if (s == &s_symbol || s == &s_pointer)
        return WORD;
    if (s == &s_list)
        return LIST;
    if (s == gensym("features"))
        return FEATURES;
    if (s == gensym("image"))
        return PICTURE;
    for (int i = 0; news[i]; i++)
        if (!strcmp(news[i], name))
            return NEWS;
    return OTHER;
}

static int has_words(int argc, const t_atom *argv)
{
    int words = 0;
    for (int i = 0; i < argc; i++)
        words += argv[i].a_type != A_FLOAT;
    return words;
}

static void describe(t_came came, const t_symbol *s, int argc, const t_atom *argv, char *text,
                     size_t room)
{
    static const char *const plain[] = {
        [BANG] = "a bang", [FEATURES] = "features", [PICTURE] = "a picture"};
    char word[40] = "";
    if (argc)
        atom_string(argv, word, sizeof(word));
    if (came == NUMBER)
        snprintf(text, room, "a number, %s,", word);
    else if (came == WORD)
        snprintf(text, room, "a word, %s,", word);
    else if (came == LIST && has_words(argc, argv))
        snprintf(text, room, "a list with words in it");
    else if (came == LIST)
        snprintf(text, room, "a list of %d numbers", argc);
    else if (came == NEWS)
        snprintf(text, room, "\"%s\"", s->s_name);
    else
        snprintf(text, room, "%s", plain[came]);
}

/* ---- what is taken */

/* Which class takes what.  As box.c's table of parameters: the class is the key, Pd's thread only.
 */
typedef struct answering {
    struct answering *next;
    t_class *class;
    t_latent_takes left;
    size_t ref; /* of its modelref, or 0 */
} t_answering;
static t_answering *answering;

typedef struct alone {
    struct alone *next;
    t_class *class;
    t_symbol *name;
    t_method method;
} t_alone;
static t_alone *alone;

static const t_answering *answering_of(const t_object *x)
{
    const t_answering *a = answering;
    while (a && a->class != pd_class(&x->ob_pd))
        a = a->next;
    return a;
}

/* The name of what is taken; of a z or a style with its length, where the model says that: "a list
   of 128 numbers". */
static void name_of(t_object *x, t_latent_takes takes, char *text, size_t room)
{
    const t_answering *a = answering_of(x);
    const char *name = taken[takes].name, *numbers = strstr(name, "numbers");
    latent_model *m = NULL;
    if (a && a->ref && (takes == LATENT_TAKES_Z || takes == LATENT_TAKES_STYLE))
        m = latent_modelref_get(*(t_latent_modelref **)((char *)x + a->ref), 0);
    if (m)
        snprintf(text, room, "%.*s%d %s", (int)(numbers - name), name,
                 takes == LATENT_TAKES_Z ? m->generator.z_dim : m->generator.w_dim, numbers);
    else
        snprintf(text, room, "%s", name);
}

/* There is no such message: what there is. */
static void answer_other(t_object *x, int right, const char *name, const t_symbol *s)
{
    char settings[200] = "";
    latent_params_names(x, settings, sizeof(settings));
    if (right)
        latent_complain(
            x,
            "there is no message \"%s\" for the right inlet, which takes %s; messages go "
            "to the left inlet",
            s->s_name, name);
    else
        latent_complain(
            x,
            "there is no message \"%s\"; this box takes %s%s%s; its help (a right click) "
            "names all messages",
            s->s_name, name, *settings ? ", and the settings" : "", settings);
}

static void answer(t_object *x, int right, t_latent_takes takes, t_symbol *s, int argc,
                   const t_atom *argv)
{
    const t_taken *t = &taken[takes];
    const char *inlet = right ? "the right inlet" : "this box";
    t_came came = came_as(s, argc, argv);
    char what[80], name[160];
    name_of(x, takes, name, sizeof(name));
    if (came == OTHER) {
        answer_other(x, right, name, s);
        return;
    }
    describe(came, s, argc, argv, what, sizeof(what));
    if (came == NEWS)
        latent_complain(x,
                        "%s came, which is news from another box's outlet, but %s takes %s; "
                        "[print] shows such news, and [route %s] takes out what is in them",
                        what, inlet, name, s->s_name);
    else {
        const char *between = t->between[has_words(argc, argv) ? WORD : came];
        latent_complain(x, "%s came, but %s takes %s; %s", what, inlet, name,
                        between ? between : t->from);
    }
}

void latent_wrong(t_object *x, t_symbol *s, int argc, const t_atom *argv)
{
    const t_answering *a = answering_of(x);
    answer(x, 0, a ? a->left : LATENT_TAKES_MESSAGES, s, argc, argv);
}

void latent_wrong_right(t_object *x, t_latent_takes other, t_symbol *s, int argc,
                        const t_atom *argv)
{
    answer(x, 1, other, s, argc, argv);
}

int latent_wrong_cord(t_object *x, t_symbol *s, int argc, const t_atom *argv)
{
    if (came_as(s, argc, argv) == OTHER)
        return 0;
    latent_wrong(x, s, argc, argv);
    return 1;
}

/* ---- methods */

static void wrong_bang(t_object *x)
{
    latent_wrong(x, &s_bang, 0, NULL);
}

static void wrong_symbol(t_object *x, t_symbol *s)
{
    t_atom a;
    SETSYMBOL(&a, s);
    latent_wrong(x, &s_symbol, 1, &a);
}

static void alone_message(t_object *x, t_symbol *s, int argc, t_atom *argv)
{
    const t_alone *a = alone;
    while (a && (a->class != pd_class(&x->ob_pd) || a->name != s))
        a = a->next;
    if (a && !argc)
        ((void (*)(t_object *))a->method)(x);
    else
        latent_wrong(x, s, argc, argv);
}

void latent_takes(t_class *c, t_latent_takes left)
{
    latent_takes_of(c, left, 0);
}

void latent_takes_of(t_class *c, t_latent_takes left, size_t ref)
{
    t_answering *a = malloc(sizeof(*a));
    if (a)
        *a = (t_answering){answering, c, left, ref};
    answering = a ? a : answering;
    class_addbang(c, wrong_bang);
    class_addsymbol(c, wrong_symbol);
    class_addanything(c, latent_wrong);
}

void latent_takes_alone(t_class *c, t_method method, const char *name)
{
    t_alone *a = malloc(sizeof(*a));
    if (!a)
        return;
    *a = (t_alone){alone, c, gensym(name), method};
    alone = a;
    class_addmethod(c, (t_method)alone_message, a->name, A_GIMME, 0);
}
