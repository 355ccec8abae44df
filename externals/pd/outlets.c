/* outlets: see outlets.h */
#include "outlets.h"
#include <m_imp.h>

int latent_outlet_connected(t_object *x, int n)
{
    t_outlet *outlet;
    return obj_starttraverseoutlet(x, &outlet, n) != NULL;
}
