/* signals: see signals.h */
#include "signals.h"
#include <dlfcn.h>

/* How a t_signal begins from Pd 0.54 on. */
typedef struct {
    int length;
    t_sample *vec;
    t_float sr;
    int nchans;
} t_new_signal;

int latent_signal_channels(const t_signal *s)
{
    int channels = 1;
    if (dlsym(RTLD_DEFAULT, "signal_setmultiout"))
        channels = ((const t_new_signal *)s)->nchans;
    return channels > 0 ? channels : 1;
}
