/* [fixture <file.npz> <key> <index> <scale> <shift>]: a bang sends an array that another program
   computed, as a list. Without an index all of it, flattened (the last axis fastest); with one that
   slice of the first axis; a float sends the slice of that index.  Every number is sent times scale
   (1) plus shift (0).  Files are looked for in the folder that the environment calls LATENT_ORACLE,
   then beside the patch. For the project's own test patches; never installed. */
#include "npz.h"
#include <m_pd.h>
#include <stdio.h>
#include <stdlib.h>

static t_class *fixture_class;

typedef struct {
    t_object x_obj;
    t_canvas *x_canvas;
    t_symbol *x_file, *x_key;
    int x_index; /* -1: everything */
    t_float x_scale, x_shift;
} t_fixture;

static int read_array(t_fixture *x, npz_array *a)
{
    char path[MAXPDSTRING], error[2 * MAXPDSTRING];
    const char *folder = getenv("LATENT_ORACLE");
    snprintf(path, sizeof(path), "%s/%s", folder ? folder : ".", x->x_file->s_name);
    FILE *f = fopen(path, "rb");
    if (f)
        fclose(f);
    else
        canvas_makefilename(x->x_canvas, x->x_file->s_name, path, sizeof(path));
    if (!npz_read(a, path, x->x_key->s_name, error, sizeof(error)))
        return 0;
    pd_error(x, "fixture: %s", error);
    return -1;
}

static void send_slice(t_fixture *x, int index)
{
    npz_array a;
    if (read_array(x, &a))
        return;
    size_t n = a.count, first = 0;
    if (index >= 0 && (!a.n_axes || (size_t)index >= a.shape[0])) {
        pd_error(x, "fixture: %s has no slice %d", x->x_key->s_name, index);
        npz_free(&a);
        return;
    }
    if (index >= 0) {
        n = a.count / a.shape[0];
        first = n * (size_t)index;
    }
    t_atom *list = getbytes((n + 1) * sizeof(t_atom));
    for (size_t i = 0; i < n; i++)
        SETFLOAT(list + i, a.data[first + i] * x->x_scale + x->x_shift);
    npz_free(&a);
    outlet_list(x->x_obj.ob_outlet, &s_list, (int)n, list);
    freebytes(list, (n + 1) * sizeof(t_atom));
}

static void fixture_bang(t_fixture *x)
{
    send_slice(x, x->x_index);
}

static void fixture_float(t_fixture *x, t_floatarg index)
{
    send_slice(x, (int)index);
}

static void *fixture_new(t_symbol *s, int argc, t_atom *argv)
{
    t_fixture *x = (t_fixture *)pd_new(fixture_class);
    (void)s;
    x->x_canvas = canvas_getcurrent();
    x->x_file = atom_getsymbolarg(0, argc, argv);
    x->x_key = atom_getsymbolarg(1, argc, argv);
    x->x_index = argc > 2 ? (int)atom_getfloatarg(2, argc, argv) : -1;
    x->x_scale = argc > 3 ? atom_getfloatarg(3, argc, argv) : 1;
    x->x_shift = atom_getfloatarg(4, argc, argv);
    outlet_new(&x->x_obj, &s_list);
    return x;
}

void fixture_setup(void)
{
    fixture_class =
        class_new(gensym("fixture"), (t_newmethod)fixture_new, 0, sizeof(t_fixture), 0, A_GIMME, 0);
    class_addbang(fixture_class, fixture_bang);
    class_addfloat(fixture_class, fixture_float);
}
