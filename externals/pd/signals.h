/* signals: several channels on one signal cord, which Pd has from 0.54 on; the headers that latent
   is compiled with may be older. */
#ifndef LATENT_SIGNALS_H
#define LATENT_SIGNALS_H
#include <m_pd.h>

#pragma GCC visibility push(default)

/* For class_new(): this class takes cords with several channels, where Pd knows them. */
#define LATENT_MULTICHANNEL 0x10

/* How many channels a signal has: 1 in a Pd that knows no others.  Those of one signal lie one
   after another, s_n samples each. */
int latent_signal_channels(const t_signal *s);

#pragma GCC visibility pop
#endif
