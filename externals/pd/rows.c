/* rows: see rows.h */
#include "rows.h"
#include "box.h"
#include "engine/models/model.h"

int latent_rows_range(t_object *x, t_symbol *s, int argc, const t_atom *argv, const char *purpose,
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
