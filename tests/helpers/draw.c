/* [draw <name> <size>]: draws from the data set of that name, as a trainer does: a float asks for
   that picture (from 0) and sends its numbers as a list; before it, at the right, its words as two
   symbols, and in the middle "count mirrored".  For the project's own test patches; never
   installed.  The library is found by name, for it is loaded with the box that is tested. */
#include "engine/data/source.h"
#include <dlfcn.h>
#include <m_pd.h>
#include <stdlib.h>

static t_class *draw_class;

typedef struct {
    t_object x_obj;
    t_symbol *x_name;
    int x_size;
    t_outlet *x_numbers, *x_set, *x_words;
} t_draw;

typedef latent_source *(*t_named)(t_symbol *name, latent_error *e);

static void draw_send(t_draw *x, latent_source *s, t_float index)
{
    char english[LATENT_CAPTION], chinese[LATENT_CAPTION];
    int n = x->x_size * x->x_size * 3;
    float *picture = calloc((size_t)n, sizeof(float));
    t_atom *list = calloc((size_t)n, sizeof(t_atom)), two[2];
    latent_error e;
    if (!picture || !list)
        pd_error(x, "draw: no memory");
    else if (s->draw(s, (uint64_t)index, x->x_size, picture, english, chinese, &e))
        pd_error(x, "draw: %s", e.text);
    else {
        SETSYMBOL(two, gensym(english));
        SETSYMBOL(two + 1, gensym(chinese));
        outlet_list(x->x_words, &s_list, 2, two);
        SETFLOAT(two, (t_float)s->count);
        SETFLOAT(two + 1, (t_float)s->mirrored);
        outlet_list(x->x_set, &s_list, 2, two);
        for (int i = 0; i < n; i++)
            SETFLOAT(list + i, picture[i]);
        outlet_list(x->x_numbers, &s_list, n, list);
    }
    free(picture);
    free(list);
}

static void draw_float(t_draw *x, t_float index)
{
    t_named named = (t_named)(size_t)dlsym(RTLD_DEFAULT, "latent_dataset_named");
    latent_error e;
    latent_source *s;
    if (!named)
        pd_error(x, "draw: the library is not there");
    else if (!(s = named(x->x_name, &e)))
        pd_error(x, "draw: %s", e.text);
    else {
        draw_send(x, s, index);
        s->release(s);
    }
}

static void *draw_new(t_symbol *name, t_floatarg size)
{
    t_draw *x = (t_draw *)pd_new(draw_class);
    x->x_name = name;
    x->x_size = (int)size;
    x->x_numbers = outlet_new(&x->x_obj, &s_list);
    x->x_set = outlet_new(&x->x_obj, &s_list);
    x->x_words = outlet_new(&x->x_obj, &s_list);
    return x;
}

void draw_setup(void)
{
    draw_class = class_new(gensym("draw"), (t_newmethod)draw_new, 0, sizeof(t_draw), 0, A_SYMBOL,
                           A_FLOAT, 0);
    class_addfloat(draw_class, draw_float);
}
