/* layer_range: see layer_range.h */
#include "layer_range.h"
#include <string.h>

int latent_layer_range(t_object *x, t_symbol *s, int argc, const t_atom *argv, const char *purpose,
                       int *first, int *last)
{
    t_float from = argc ? atom_getfloat(argv) : -1, to = argc > 1 ? atom_getfloat(argv + 1) : from;
    if (argc && !(from >= 0 && to >= from && to < LATENT_MAX_LAYERS)) {
        latent_complain(x, "%s takes the first and the last row %s, counted from 0, or nothing",
                        s->s_name, purpose);
        return -1;
    }
    *first = latent_whole(from, -1, LATENT_MAX_LAYERS);
    *last = latent_whole(to, -1, LATENT_MAX_LAYERS);
    return 0;
}

int latent_style_fits(t_object *x, const latent_model *m, int argc, const t_atom *argv)
{
    latent_error e;
    int numbers = 1;
    for (int i = 0; i < argc; i++)
        numbers &= argv[i].a_type == A_FLOAT;
    if (!m || !numbers || latent_model_rows(m, argc, &e) >= 0)
        return 1;
    latent_complain(x, "%s", e.text);
    return 0;
}

int latent_style_set(t_object *x, t_latent_modelref *r, t_latent_list *list, int argc,
                     const t_atom *argv)
{
    int fits = latent_style_fits(x, latent_modelref_get(r, 0), argc, argv);
    return fits ? latent_list_set(x, list, argc, argv) : -1;
}

static int is_whole(const t_symbol *stop)
{
    return !strcmp(stop->s_name, "0") || !strcmp(stop->s_name, "none");
}

void latent_stop_message(t_object *x, t_latent_modelref *r, t_symbol **stop, t_symbol *s, int argc,
                         t_atom *argv)
{
    const latent_model *m = latent_modelref_get(r, 0);
    t_symbol *before = *stop;
    latent_error e;
    latent_params_message(x, s, argc, argv);
    if (!m || is_whole(*stop) || latent_model_layer(m, (*stop)->s_name, &e) >= 0)
        return;
    latent_complain(x, "%s; stop stays %s", e.text, before->s_name);
    *stop = before;
}

int latent_stop_layer(t_object *x, const latent_model *m, t_symbol **stop)
{
    latent_error e;
    int layer = is_whole(*stop) ? LATENT_WHOLE_PICTURE : latent_model_layer(m, (*stop)->s_name, &e);
    if (is_whole(*stop) || layer >= 0)
        return layer;
    latent_complain(x, "%s; it draws the whole picture", e.text);
    *stop = gensym("0");
    return LATENT_WHOLE_PICTURE;
}
