/* size: see size.h */
#include "size.h"
#include "box.h"
#include "engine/base/number.h"

int latent_size_take(t_object *x, int low, int high, int argc, const t_atom *argv, int *w, int *h)
{
    t_float a = atom_getfloatarg(0, argc, (t_atom *)argv);
    t_float b = argc > 1 ? atom_getfloatarg(1, argc, (t_atom *)argv) : a;
    if (argc > 2 || !(a >= low && a <= high && b >= low && b <= high)) {
        latent_complain(x,
                        "a size is one or two numbers from %d to %d, width and height; "
                        "it stays %d %d",
                        low, high, *w, *h);
        return -1;
    }
    *w = latent_whole(a, low, high);
    *h = latent_whole(b, low, high);
    return 0;
}
