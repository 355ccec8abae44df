/* [yard]: a patch of its own in which boxes of every class are made, sent things and deleted.  The
   classes are those in the library's folder (LATENT_LIBRARY), their messages what the classes have:
   a new box is covered by itself.
     cords                every kind of thing that boxes send, to every inlet of every box; what a
                          box does not take it must answer with one sentence that says what to do,
                          and then do the same as before.  Sends how many did not.
     names                names of files that are longer than a path may be, to every box that takes
                          one: likewise one sentence
     random seed n alive  n random messages with random atoms to about so many boxes, which are
                          deleted and made anew meanwhile, some while others speak.  Then all are
                          deleted, and the longest time in ms that a message took Pd's thread is
                          sent.  The same seed sends the same.
     say 1                each message is printed before it is sent
   The patch lies in LATENT_SCRATCH, where what boxes write belongs.  What boxes complain of is
   counted, not printed.  For the project's own test patches; never installed. */
#include "yard.h"
#include <glob.h>
#include <s_stuff.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static t_class *yard_class, *hand_class, *ear_class;

/* ---- what Pd says */

static struct {
    int errors;
    char last[600];
} said;

static void listen(const char *text)
{
    if (strncmp(text, "error", 5)) {
        fputs(text, stderr);
        return;
    }
    said.errors++;
    snprintf(said.last, sizeof(said.last), "%s", text);
    said.last[strcspn(said.last, "\n")] = 0;
}

static void listen_begin(void)
{
    said.errors = 0;
    *said.last = 0;
    STUFF->st_printhook = listen;
}

/* ---- objects beside the boxes: one sends to their inlets, one for each hears its outlets */

typedef struct {
    t_object x_obj;
} t_hand;

typedef struct {
    t_object x_obj;
    t_yard *x_yard;
    t_object *x_of; /* the box that it hears */
} t_ear;

static void *hand_new(void)
{
    t_hand *x = (t_hand *)pd_new(hand_class);
    outlet_new(&x->x_obj, 0);
    return x;
}

static void *ear_new(void)
{
    return pd_new(ear_class);
}

static void ear_anything(t_ear *x, t_symbol *s, int argc, t_atom *argv)
{
    if (x->x_yard)
        yard_hear(x->x_yard, x->x_of, s, argc, argv);
}

/* ---- boxes */

t_object *yard_make(t_yard *x, const char *words)
{
    t_binbuf *b = binbuf_new();
    char text[300];
    t_gobj *g;
    snprintf(text, sizeof(text), "10 10 %s", words);
    binbuf_text(b, text, strlen(text));
    pd_typedmess((t_pd *)x->x_canvas, gensym("obj"), binbuf_getnatom(b), binbuf_getvec(b));
    binbuf_free(b);
    for (g = x->x_canvas->gl_list; g && g->g_next;)
        g = g->g_next;
    return g ? pd_checkobject(&g->g_pd) : NULL;
}

void yard_delete(t_yard *x, t_object *box)
{
    t_gobj *g = x->x_canvas->gl_list;
    while (g && (pd_class(&g->g_pd) != ear_class || ((t_ear *)g)->x_of != box))
        g = g->g_next;
    glist_delete(x->x_canvas, &box->te_g);
    if (g)
        glist_delete(x->x_canvas, g);
}

t_object *yard_box(t_yard *x, const char *name)
{
    t_ear *ear = (t_ear *)yard_make(x, "yard.ear");
    t_object *box = yard_make(x, name);
    if (!ear || !box)
        return NULL;
    ear->x_yard = x;
    ear->x_of = box;
    for (int i = 0; i < obj_noutlets(box); i++)
        if (!obj_issignaloutlet(box, i))
            obj_connect(box, i, &ear->x_obj, 0);
    return box;
}

void yard_send(t_yard *x, t_object *box, int inlet, t_symbol *s, int argc, t_atom *argv)
{
    t_outlet *o = x->x_hand->ob_outlet;
    x->x_sent_to = box;
    if (!obj_connect(x->x_hand, 0, box, inlet))
        return;
    if (s == &s_bang)
        outlet_bang(o);
    else if (s == &s_float)
        outlet_float(o, atom_getfloat(argv));
    else if (s == &s_symbol)
        outlet_symbol(o, atom_getsymbol(argv));
    else if (s == &s_list)
        outlet_list(o, s, argc, argv);
    else
        outlet_anything(o, s, argc, argv);
    x->x_sent_to = NULL;
    obj_disconnect(x->x_hand, 0, box, inlet);
}

/* "latent.map" ... of the files in the library's folder. */
static void find_classes(t_yard *x)
{
    const char *library = getenv("LATENT_LIBRARY");
    char pattern[MAXPDSTRING];
    glob_t found;
    snprintf(pattern, sizeof(pattern), "%s/latent.*-help.pd", library ? library : ".");
    if (glob(pattern, 0, NULL, &found))
        return;
    for (size_t i = 0; i < found.gl_pathc && x->x_classes < YARD_CLASSES; i++) {
        char name[80], abstraction[MAXPDSTRING];
        const char *file = strrchr(found.gl_pathv[i], '/') + 1;
        snprintf(name, sizeof(name), "%.*s", (int)(strlen(file) - strlen("-help.pd")), file);
        snprintf(abstraction, sizeof(abstraction), "%s/%s.pd", library, name);
        if (access(abstraction, F_OK))
            x->x_class[x->x_classes++] = gensym(name);
    }
    globfree(&found);
}

/* ---- the patch */

static int yard_open(t_yard *x)
{
    const char *folder = getenv("LATENT_SCRATCH");
    t_atom at[2];
    SETSYMBOL(at, gensym("yard.pd"));
    SETSYMBOL(at + 1, gensym(folder ? folder : "."));
    if (x->x_canvas)
        return 0;
    pd_typedmess(gensym("pd")->s_thing, gensym("menunew"), 2, at);
    x->x_canvas = (t_canvas *)pd_findbyclass(gensym("pd-yard.pd"), canvas_class);
    if (!x->x_canvas)
        return -1;
    listen_begin();
    find_classes(x);
    x->x_hand = yard_make(x, "yard.hand");
    return 0;
}

static void yard_cords(t_yard *x)
{
    if (!yard_open(x))
        outlet_float(x->x_obj.ob_outlet, yard_try_cords(x));
}

static void yard_names(t_yard *x)
{
    if (!yard_open(x))
        outlet_float(x->x_obj.ob_outlet, yard_try_names(x));
}

static void yard_random(t_yard *x, t_floatarg seed, t_floatarg n, t_floatarg alive)
{
    if (!yard_open(x))
        yard_random_begin(x, (unsigned)seed, (int)n, (int)alive);
}

static void yard_say(t_yard *x, t_floatarg f)
{
    x->x_say = f != 0;
}

int yard_errors(void)
{
    int n = said.errors;
    said.errors = 0;
    return n;
}

const char *yard_last_error(void)
{
    return said.last;
}

static void *yard_new(void)
{
    t_yard *x = (t_yard *)pd_new(yard_class);
    outlet_new(&x->x_obj, 0);
    x->x_clock = clock_new(x, (t_method)yard_random_tick);
    return x;
}

static void yard_free(t_yard *x)
{
    clock_free(x->x_clock);
    STUFF->st_printhook = NULL;
}

void yard_setup(void)
{
    yard_class =
        class_new(gensym("yard"), (t_newmethod)yard_new, (t_method)yard_free, sizeof(t_yard), 0, 0);
    class_addmethod(yard_class, (t_method)yard_cords, gensym("cords"), 0);
    class_addmethod(yard_class, (t_method)yard_names, gensym("names"), 0);
    class_addmethod(yard_class, (t_method)yard_say, gensym("say"), A_FLOAT, 0);
    class_addmethod(yard_class, (t_method)yard_random, gensym("random"), A_FLOAT, A_FLOAT, A_FLOAT,
                    0);
    hand_class = class_new(gensym("yard.hand"), hand_new, 0, sizeof(t_hand), 0, 0);
    ear_class = class_new(gensym("yard.ear"), ear_new, 0, sizeof(t_ear), 0, 0);
    class_addanything(ear_class, ear_anything);
}
