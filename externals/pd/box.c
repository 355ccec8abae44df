/* box: see box.h */
#include "box.h"
#include "engine/models/model.h"
#include "engine/picture/pixels.h"
#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- words */

void latent_complain(t_object *x, const char *format, ...)
{
    char sentence[LATENT_SENTENCE];
    va_list args;
    va_start(args, format);
    vsnprintf(sentence, sizeof(sentence), format, args);
    va_end(args);
    latent_tidy(sentence);
    pd_error(x, "%s: %.600s", class_getname(pd_class(&x->ob_pd)), sentence);
}

void latent_info_number(t_outlet *o, const char *name, double value)
{
    t_atom a[2];
    SETSYMBOL(a, gensym(name));
    SETFLOAT(a + 1, (t_float)value);
    outlet_anything(o, gensym("info"), 2, a);
}

void latent_info_word(t_outlet *o, const char *name, const char *word)
{
    t_atom a[2];
    SETSYMBOL(a, gensym(name));
    SETSYMBOL(a + 1, gensym(word));
    outlet_anything(o, gensym("info"), 2, a);
}

/* ---- parameters */

/* Which table belongs to which class.  A library that is loaded twice makes its classes twice, each
   with a table of its own, so the class itself is the key.  Pd's thread only. */
typedef struct class_params {
    t_class *class;
    const t_latent_param *params;
    struct class_params *next;
} class_params;
static class_params *all_params;

static const t_latent_param *params_of(const t_object *x)
{
    const class_params *c = all_params;
    while (c && c->class != pd_class(&x->ob_pd))
        c = c->next;
    return c ? c->params : NULL;
}

static const t_latent_param *find_param(const t_latent_param *p, const char *name)
{
    while (p && p->name && strcmp(p->name, name))
        p++;
    return p && p->name ? p : NULL;
}

/* The place of a word in "const none random", or -1. */
static int find_choice(const char *choices, const char *word)
{
    size_t length = strlen(word);
    for (int i = 0; *choices; i++) {
        size_t n = strcspn(choices, " ");
        if (n == length && !strncmp(choices, word, n))
            return i;
        choices += n + strspn(choices + n, " ");
    }
    return -1;
}

/* The word at that place, written into room; 0, or -1 when there are not so many. */
static int choice_at(const char *choices, int place, char *word, size_t room)
{
    for (; *choices; place--) {
        size_t n = strcspn(choices, " ");
        if (place == 0) {
            snprintf(word, room, "%.*s", (int)n, choices);
            return 0;
        }
        choices += n + strspn(choices + n, " ");
    }
    return -1;
}

static int set_number(t_object *x, const t_latent_param *p, double value, void *field)
{
    double low = p->low, high = p->high;
    int limited = low != 0 || high != 0;
    if (p->kind == LATENT_WHOLE && !limited) {
        low = INT_MIN;
        high = INT_MAX;
        limited = 1;
    }
    if (!isfinite(value) || (limited && (value < low || value > high))) {
        if (limited)
            latent_complain(x, "%s takes a number from %s to %s, but %s came; it stays as it was",
                            p->name, latent_subject_mask(low).text, latent_subject_mask(high).text,
                            latent_subject_mask(value).text);
        else
            latent_complain(x, "%s takes a finite number, but %g came; it stays as it was", p->name,
                            value);
        return -1;
    }
    if (p->kind == LATENT_WHOLE)
        *(int *)field = latent_whole(value, INT_MIN, INT_MAX);
    else
        *(double *)field = value;
    return 0;
}

int latent_choice(t_object *x, const char *name, const char *choices, const t_atom *a)
{
    char word[64];
    int place = -1;
    if (a->a_type == A_SYMBOL)
        place = find_choice(choices, a->a_w.w_symbol->s_name);
    else if (a->a_w.w_float >= 0 &&
             !choice_at(choices, latent_whole(a->a_w.w_float, 0, 1000), word, sizeof(word)))
        place = latent_whole(a->a_w.w_float, 0, 1000);
    if (place < 0) {
        atom_string((t_atom *)a, word, sizeof(word));
        latent_complain(x, "%s is one of %s, but %s came; it stays as it was", name, choices, word);
    }
    return place;
}

static int set_choice(t_object *x, const t_latent_param *p, const t_atom *a, int *field)
{
    int place = latent_choice(x, p->name, p->choices, a);
    if (place < 0)
        return -1;
    *field = place;
    return 0;
}

/* Takes the value of one parameter; 0, or -1 after a complaint, the old value staying. */
static int set_param(t_object *x, const t_latent_param *p, int argc, const t_atom *argv)
{
    void *field = (char *)x + p->offset;
    const char *wanted = p->kind == LATENT_CHOICE || p->kind == LATENT_WORD ? "word" : "number";
    if (argc != 1) {
        latent_complain(x, "%s wants one %s, but %d came; it stays as it was", p->name, wanted,
                        argc);
        return -1;
    }
    if (argv->a_type != A_FLOAT && argv->a_type != A_SYMBOL) {
        latent_complain(x, "%s wants one %s; it stays as it was", p->name, wanted);
        return -1;
    }
    if (p->kind == LATENT_CHOICE)
        return set_choice(x, p, argv, field);
    if (p->kind == LATENT_WORD) {
        *(t_symbol **)field = argv->a_type == A_SYMBOL
                                  ? argv->a_w.w_symbol
                                  : gensym(latent_subject_mask(argv->a_w.w_float).text);
        return 0;
    }
    if (argv->a_type == A_SYMBOL) {
        latent_complain(x, "%s wants a number, but the word %s came; it stays as it was", p->name,
                        argv->a_w.w_symbol->s_name);
        return -1;
    }
    return set_number(x, p, argv->a_w.w_float, field);
}

void latent_params_message(t_object *x, t_symbol *s, int argc, t_atom *argv)
{
    const t_latent_param *p = find_param(params_of(x), s->s_name);
    if (!p || set_param(x, p, argc, argv))
        return;
    if (p->changed)
        p->changed(x);
}

void latent_params_setup(t_class *c, const t_latent_param *params)
{
    class_params *entry = malloc(sizeof(*entry));
    if (!entry)
        return;
    *entry = (class_params){c, params, all_params};
    all_params = entry;
    for (; params->name; params++)
        if (!zgetfn(&c, gensym(params->name)))
            class_addmethod(c, (t_method)latent_params_message, gensym(params->name), A_GIMME, 0);
}

static int is_flag(const t_atom *a)
{
    const char *s = a->a_type == A_SYMBOL ? a->a_w.w_symbol->s_name : "";
    return s[0] == '-' && ((s[1] >= 'a' && s[1] <= 'z') || (s[1] >= 'A' && s[1] <= 'Z'));
}

static void names_of(const t_latent_param *params, const char *before, char *text, size_t room)
{
    *text = 0;
    for (size_t n = 0; params && params->name && n < room; params++)
        n += (size_t)snprintf(text + n, room - n, "%s%s", before, params->name);
}

void latent_params_names(const t_object *x, char *text, size_t room)
{
    names_of(params_of(x), " ", text, room);
}

static void complain_flag(t_object *x, const t_latent_param *params, const char *flag)
{
    char known[300];
    names_of(params, " -", known, sizeof(known));
    latent_complain(x, "there is no flag %s and it is left out; the flags are%s", flag,
                    *known ? known : " none");
}

int latent_params_flags(t_object *x, const t_latent_param *params, int argc, t_atom *argv)
{
    int kept = 0;
    for (int i = 0; i < argc; i++) {
        const t_latent_param *p;
        int values;
        if (!is_flag(argv + i)) {
            argv[kept++] = argv[i];
            continue;
        }
        p = find_param(params, argv[i].a_w.w_symbol->s_name + 1);
        values = i + 1 < argc && !is_flag(argv + i + 1);
        if (p)
            set_param(x, p, values, argv + i + 1);
        else
            complain_flag(x, params, argv[i].a_w.w_symbol->s_name);
        i += values;
    }
    return kept;
}

void latent_params_rest(t_object *x, int wanted, int argc, const t_atom *argv)
{
    char word[80];
    while (argc > wanted && argv[argc - 1].a_type == A_FLOAT && argv[argc - 1].a_w.w_float == 0)
        argc--; /* an abstraction passes on 0 for what it was not given */
    if (argc <= wanted)
        return;
    atom_string((t_atom *)argv + wanted, word, sizeof(word));
    latent_complain(x, "%s, argument %d, is one too many; it is left out with what follows", word,
                    wanted + 1);
}

void latent_params_info(t_object *x, const t_latent_param *params, t_outlet *info)
{
    for (; params->name; params++) {
        const void *field = (const char *)x + params->offset;
        char word[64] = "";
        switch (params->kind) {
        case LATENT_REAL:
            latent_info_number(info, params->name, *(const double *)field);
            break;
        case LATENT_WHOLE:
            latent_info_number(info, params->name, *(const int *)field);
            break;
        case LATENT_CHOICE:
            choice_at(params->choices, *(const int *)field, word, sizeof(word));
            latent_info_word(info, params->name, word);
            break;
        case LATENT_WORD:
            if (*(t_symbol *const *)field)
                latent_info_word(info, params->name, (*(t_symbol *const *)field)->s_name);
            break;
        }
    }
}

/* ---- lists of numbers */

int latent_list_room(t_object *x, t_latent_list *list, int n)
{
    if (n > list->room) {
        float *v = realloc(list->v, (size_t)n * sizeof(*v));
        if (!v) {
            latent_complain(x, "there is no memory for a list of %d numbers", n);
            return -1;
        }
        list->v = v;
        list->room = n;
    }
    list->n = n;
    return 0;
}

static void complain_list(t_object *x, int argc, const t_atom *argv)
{
    char word[80];
    int i = 0;
    while (i < argc - 1 && argv[i].a_type == A_FLOAT && isfinite((float)argv[i].a_w.w_float))
        i++;
    atom_string((t_atom *)argv + i, word, sizeof(word));
    latent_complain(x,
                    "a list of finite numbers was expected, but number %d of %d is %s; what was "
                    "there stays",
                    i + 1, argc, word);
}

int latent_list_set(t_object *x, t_latent_list *list, int argc, const t_atom *argv)
{
    int bad = 0;
    for (int i = 0; i < argc; i++)
        bad |= (argv[i].a_type != A_FLOAT) | !(fabs(argv[i].a_w.w_float) <= FLT_MAX);
    if (bad) {
        complain_list(x, argc, argv);
        return -1;
    }
    if (latent_list_room(x, list, argc))
        return -1;
    for (int i = 0; i < argc; i++)
        list->v[i] = (float)argv[i].a_w.w_float;
    return 0;
}

int latent_list_copy(t_object *x, t_latent_list *list, int n, const float *v)
{
    if (latent_list_room(x, list, n))
        return -1;
    if (n)
        memcpy(list->v, v, (size_t)n * sizeof(*v));
    return 0;
}

void latent_list_free(t_latent_list *list)
{
    free(list->v);
    *list = (t_latent_list){0, 0, NULL};
}

#define FEW 64 /* so many atoms go on the stack */

void latent_list_send_as(t_outlet *o, t_symbol *selector, int n, const float *v)
{
    t_atom few[FEW], *a = n <= FEW ? few : malloc((size_t)n * sizeof(*a));
    if (!a)
        return;
    for (int i = 0; i < n; i++)
        SETFLOAT(a + i, v[i]);
    outlet_anything(o, selector, n, a);
    if (a != few)
        free(a);
}

void latent_list_send(t_outlet *o, int n, const float *v)
{
    latent_list_send_as(o, &s_list, n, v);
}

/* ---- promises */

void latent_promise_send(t_outlet *o, latent_node *n)
{
    t_atom a[4];
    SETFLOAT(a, latent_node_id(n));
    SETFLOAT(a + 1, n->shape.c);
    SETFLOAT(a + 2, n->shape.h);
    SETFLOAT(a + 3, n->shape.w);
    latent_node_retain(n); /* the sender may drop it before the message has been through */
    outlet_anything(o, gensym(latent_features_of(n) ? "features" : "image"), 4, a);
    latent_node_release(n);
}

/* Does the node look as the message says?  The number of one that is gone may have been given to
   another since. */
static int describes(t_symbol *selector, const t_atom *argv, const latent_node *n)
{
    return (selector == gensym("features")) == (latent_features_of(n) != NULL) &&
           argv[1].a_w.w_float == n->shape.c && argv[2].a_w.w_float == n->shape.h &&
           argv[3].a_w.w_float == n->shape.w;
}

latent_node *latent_promise_get(t_object *x, t_symbol *selector, int argc, const t_atom *argv)
{
    latent_node *n;
    t_float id;
    int bad = argc != 4 || (selector != gensym("features") && selector != gensym("image"));
    for (int i = 0; i < argc && !bad; i++)
        bad = argv[i].a_type != A_FLOAT;
    if (bad) {
        latent_complain(x,
                        "\"%s\" with %d numbers came, but \"features\" or \"image\" with the four "
                        "numbers id, channels, height and width was expected; connect a latent box",
                        selector->s_name, argc);
        return NULL;
    }
    id = argv[0].a_w.w_float;
    n = id >= 1 && id <= LATENT_MAX_ID && id == (int)id ? latent_node_by_id((int)id) : NULL;
    if (n && describes(selector, argv, n))
        return n;
    latent_node_release(n);
    latent_complain(x,
                    "%s %.9g is gone or never was; the box that made it must make it again, or put "
                    "[latent.hold] where it is to be kept",
                    selector->s_name, (double)id);
    return NULL;
}

int latent_picture_take(t_object *x, latent_node **kept, t_symbol *selector, int argc,
                        const t_atom *argv)
{
    latent_node *n = latent_promise_get(x, selector, argc, argv);
    latent_error e;
    if (!n)
        return 0;
    if (n == *kept || latent_pixels_check(n->shape, &e)) {
        if (n != *kept)
            latent_complain(x, "%s", e.text);
        latent_node_release(n);
        return 0;
    }
    latent_node_release(*kept);
    *kept = n;
    return 1;
}

/* ---- a second inlet for messages of any kind */

struct _latent_inlet {
    t_pd pd;
    t_object *owner;
    t_latent_inlet_method method;
};

static void inlet_anything(struct _latent_inlet *inlet, t_symbol *s, int argc, t_atom *argv)
{
    inlet->method(inlet->owner, s, argc, argv);
}

struct _latent_inlet *latent_inlet_new(t_object *x, t_latent_inlet_method method)
{
    static t_class *class; /* one for all boxes; made on Pd's thread */
    struct _latent_inlet *inlet;
    if (!class) {
        class = class_new(gensym("latent inlet"), 0, 0, sizeof(*inlet), CLASS_PD, 0);
        class_addanything(class, inlet_anything);
    }
    inlet = (struct _latent_inlet *)pd_new(class);
    inlet->owner = x;
    inlet->method = method;
    inlet_new(x, &inlet->pd, 0, 0);
    return inlet;
}

void latent_inlet_free(struct _latent_inlet *inlet)
{
    if (inlet)
        pd_free(&inlet->pd);
}
