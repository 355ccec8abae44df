/* [refuse]: does a box that refuses a message stay what it was?  It is asked before and after, and
   must say the same; a refused message is one for which an error is posted.
     box <class> <arguments>   makes the box that is tried, in the place of the one before
     do <inlet> <message>      sends it something
     ask <inlet> <message>     what it is asked from now on, beside what was told before
     wrong <inlet> <message>   must be refused, and change nothing
     words <names>             sends the left inlet each message for which it has a method, but not
                               these, with a handful of wrong arguments: what is refused must
                               change nothing
   In a message "given" and a word stand for what came last at the right inlet with that word in
   front: given image, given features, given list.  Out comes "ok", or what has gone wrong, for
   [check].  Messages may also be sent to the name refuse.
   For the project's own test patches; never installed. */
#include <m_pd.h>

#include <g_canvas.h>
#include <m_imp.h>
#include <s_stuff.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST 8 /* inlets, outlets and questions */
#define ANSWER 400000

static t_class *refuse_class, *refuse_right_class, *refuse_ear_class;
static int n_errors; /* posted since it was set to 0 */

typedef struct {
    t_pd p_pd;
    struct _refuse *p_owner;
} t_refuse_right;

/* An outlet of the box leads into one of these. */
typedef struct {
    t_object x_obj;
    int x_number;
    struct _refuse *x_owner;
} t_refuse_ear;

typedef struct _refuse {
    t_object x_obj;
    t_refuse_right x_right;
    t_canvas *x_canvas;
    t_pd *x_box;
    t_symbol *x_name;
    t_refuse_ear *x_ear[MOST];
    t_outlet *x_out, *x_to[MOST];
    int x_ears, x_inlets, x_questions;
    t_binbuf *x_question[MOST], *x_image, *x_features, *x_list;
    char *x_heard, *x_before;
    size_t x_length;
} t_refuse;

/* ---- listening */

static void listen_to_pd(const char *words)
{
    n_errors += strstr(words, "error") != NULL;
}

static void ear_anything(t_refuse_ear *ear, t_symbol *s, int argc, t_atom *argv)
{
    t_refuse *x = ear->x_owner;
    char word[MAXPDSTRING];
    if (x->x_length + MAXPDSTRING + 8 < ANSWER)
        x->x_length +=
            (size_t)sprintf(x->x_heard + x->x_length, "\n%d:%.500s", ear->x_number, s->s_name);
    for (int i = 0; i < argc && x->x_length + MAXPDSTRING + 8 < ANSWER; i++) {
        atom_string(argv + i, word, sizeof(word));
        x->x_length += (size_t)sprintf(x->x_heard + x->x_length, " %s", word);
    }
}

/* ---- speaking */

/* argv: inlet, message. */
static void say(t_refuse *x, int argc, const t_atom *argv)
{
    int inlet = (int)atom_getfloatarg(0, argc, argv);
    const t_atom *a = argv + 1;
    t_symbol *what = atom_getsymbolarg(2, argc, argv), *selector = NULL;
    if (argc < 2 || inlet < 0 || inlet >= x->x_inlets)
        return;
    argc--;
    if (atom_getsymbol(a) == gensym("given")) {
        t_binbuf *b = what == gensym("image")      ? x->x_image
                      : what == gensym("features") ? x->x_features
                                                   : x->x_list;
        a = binbuf_getvec(b);
        argc = binbuf_getnatom(b);
        selector = what;
    } else if (a->a_type == A_SYMBOL) {
        selector = a->a_w.w_symbol;
        a++;
        argc--;
    } else
        selector = argc > 1 ? &s_list : &s_float;
    outlet_anything(x->x_to[inlet], selector, argc, (t_atom *)a);
}

/* What the box says to all that it is asked. */
static void ask_all(t_refuse *x)
{
    x->x_length = 0;
    x->x_heard[0] = 0;
    for (int i = 0; i < x->x_questions; i++)
        say(x, binbuf_getnatom(x->x_question[i]), binbuf_getvec(x->x_question[i]));
}

static void tell(t_refuse *x, const char *wrong, int argc, const t_atom *argv)
{
    t_binbuf *b = binbuf_new();
    if (wrong) {
        binbuf_addv(b, "ss", x->x_name, gensym(wrong));
        binbuf_add(b, argc, argv);
        outlet_list(x->x_out, &s_list, binbuf_getnatom(b), binbuf_getvec(b));
    } else
        outlet_symbol(x->x_out, gensym("ok"));
    binbuf_free(b);
}

/* How many errors are posted when it is asked. */
static int ask_quietly(t_refuse *x)
{
    n_errors = 0;
    ask_all(x);
    return n_errors;
}

/* Sends a message that is wrong, or may be; NULL, or what has gone wrong. */
static const char *try(t_refuse *x, int must, int argc, const t_atom *argv)
{
    t_printhook before = STUFF->st_printhook;
    char *answer = x->x_before;
    int refused, complains;
    STUFF->st_printhook = listen_to_pd;
    complains = ask_quietly(x);
    x->x_before = x->x_heard;
    x->x_heard = answer;
    n_errors = 0;
    say(x, argc, argv);
    refused = n_errors > 0;
    complains = ask_quietly(x) > complains;
    STUFF->st_printhook = before;
    if (!refused)
        return must ? "takes" : NULL;
    if (!strcmp(x->x_before, x->x_heard))
        return complains ? "complains after" : NULL;
    fprintf(stderr, "before:%.600s\nafter:%.600s\n", x->x_before, x->x_heard);
    return "is changed by";
}

static void refuse_wrong(t_refuse *x, t_symbol *s, int argc, t_atom *argv)
{
    (void)s;
    tell(x, try(x, 1, argc, argv), argc, argv);
}

static int is_among(const t_symbol *name, int argc, const t_atom *argv)
{
    while (argc && argv->a_w.w_symbol != name) {
        argc--;
        argv++;
    }
    return argc;
}

static const char *try_word(t_refuse *x, t_symbol *name, t_binbuf *b)
{
    static const char *const wrong[] = {"",   "nonsense",   "1e+38",       "-1e+38",
                                        "-1", "7 nonsense", "1000000 2 3", "nonsense 1"};
    const char *said = NULL;
    for (size_t k = 0; k < sizeof(wrong) / sizeof(*wrong) && !said; k++) {
        t_binbuf *more = binbuf_new();
        binbuf_text(more, wrong[k], strlen(wrong[k]));
        binbuf_clear(b);
        binbuf_addv(b, "fs", 0., name);
        binbuf_add(b, binbuf_getnatom(more), binbuf_getvec(more));
        binbuf_free(more);
        said = try(x, 0, binbuf_getnatom(b), binbuf_getvec(b));
    }
    return said;
}

static void refuse_words(t_refuse *x, t_symbol *s, int argc, t_atom *argv)
{
    const t_methodentry *m = (*x->x_box)->c_methods;
    const char *said = NULL;
    t_binbuf *b = binbuf_new();
    (void)s;
    for (int i = 0; i < (*x->x_box)->c_nmethod && !said; i++)
        if (!is_among(m[i].me_name, argc, argv))
            said = try_word(x, m[i].me_name, b);
    tell(x, said, binbuf_getnatom(b), binbuf_getvec(b));
    binbuf_free(b);
}

static void refuse_do(t_refuse *x, t_symbol *s, int argc, t_atom *argv)
{
    (void)s;
    say(x, argc, argv);
}

static void refuse_ask(t_refuse *x, t_symbol *s, int argc, t_atom *argv)
{
    (void)s;
    if (x->x_questions < MOST)
        binbuf_add(x->x_question[x->x_questions++] = binbuf_new(), argc, argv);
}

/* ---- the box */

static void forget_box(t_refuse *x)
{
    while (x->x_questions)
        binbuf_free(x->x_question[--x->x_questions]);
    for (int i = 0; i < x->x_inlets; i++)
        obj_disconnect(&x->x_obj, 1 + i, pd_checkobject(x->x_box), i);
    while (x->x_ears) { /* a box outside a patch does not free its cords */
        t_object *ear = &x->x_ear[--x->x_ears]->x_obj;
        obj_disconnect(pd_checkobject(x->x_box), x->x_ears, ear, 0);
        pd_free(&ear->ob_pd);
    }
    if (x->x_box)
        pd_free(x->x_box);
    x->x_box = NULL;
    x->x_inlets = 0;
}

static void refuse_box(t_refuse *x, t_symbol *s, int argc, t_atom *argv)
{
    t_object *box;
    (void)s;
    forget_box(x);
    x->x_name = atom_getsymbolarg(0, argc, argv);
    canvas_setcurrent(x->x_canvas);
    typedmess(&pd_objectmaker, x->x_name, argc - 1, argv + 1);
    canvas_unsetcurrent(x->x_canvas);
    if (!(x->x_box = pd_newest()) || !(box = pd_checkobject(x->x_box))) {
        pd_error(x, "refuse: there is no box %s", x->x_name->s_name);
        return;
    }
    box->te_binbuf = binbuf_new();
    for (; x->x_ears < obj_noutlets(box) && x->x_ears < MOST; x->x_ears++) {
        t_refuse_ear *ear = x->x_ear[x->x_ears] = (t_refuse_ear *)pd_new(refuse_ear_class);
        ear->x_number = x->x_ears;
        ear->x_owner = x;
        obj_connect(box, x->x_ears, &ear->x_obj, 0);
    }
    for (; x->x_inlets < obj_ninlets(box) && x->x_inlets < MOST; x->x_inlets++)
        obj_connect(&x->x_obj, 1 + x->x_inlets, box, x->x_inlets);
}

static void right_anything(t_refuse_right *right, t_symbol *s, int argc, t_atom *argv)
{
    t_refuse *x = right->p_owner;
    t_binbuf *b = s == gensym("image")      ? x->x_image
                  : s == gensym("features") ? x->x_features
                                            : x->x_list;
    binbuf_clear(b);
    binbuf_add(b, argc, argv);
}

static void *refuse_new(void)
{
    t_refuse *x = (t_refuse *)pd_new(refuse_class);
    x->x_canvas = canvas_getcurrent();
    x->x_heard = calloc(ANSWER, 1);
    x->x_before = calloc(ANSWER, 1);
    x->x_image = binbuf_new();
    x->x_features = binbuf_new();
    x->x_list = binbuf_new();
    x->x_right.p_pd = refuse_right_class;
    x->x_right.p_owner = x;
    inlet_new(&x->x_obj, &x->x_right.p_pd, 0, 0);
    x->x_out = outlet_new(&x->x_obj, 0);
    for (int i = 0; i < MOST; i++)
        x->x_to[i] = outlet_new(&x->x_obj, 0);
    pd_bind(&x->x_obj.ob_pd, gensym("refuse"));
    return x;
}

static void refuse_free(t_refuse *x)
{
    forget_box(x);
    binbuf_free(x->x_image);
    binbuf_free(x->x_features);
    binbuf_free(x->x_list);
    free(x->x_heard);
    free(x->x_before);
    pd_unbind(&x->x_obj.ob_pd, gensym("refuse"));
}

void refuse_setup(void)
{
    refuse_class =
        class_new(gensym("refuse"), refuse_new, (t_method)refuse_free, sizeof(t_refuse), 0, A_NULL);
    class_addmethod(refuse_class, (t_method)refuse_box, gensym("box"), A_GIMME, 0);
    class_addmethod(refuse_class, (t_method)refuse_do, gensym("do"), A_GIMME, 0);
    class_addmethod(refuse_class, (t_method)refuse_ask, gensym("ask"), A_GIMME, 0);
    class_addmethod(refuse_class, (t_method)refuse_wrong, gensym("wrong"), A_GIMME, 0);
    class_addmethod(refuse_class, (t_method)refuse_words, gensym("words"), A_GIMME, 0);
    refuse_right_class =
        class_new(gensym("refuse right"), 0, 0, sizeof(t_refuse_right), CLASS_PD, 0);
    class_addanything(refuse_right_class, right_anything);
    refuse_ear_class = class_new(gensym("refuse ear"), 0, 0, sizeof(t_refuse_ear), 0, 0);
    class_addanything(refuse_ear_class, ear_anything);
}
