/* tally: how many things were asked for since nothing was on its way, and how many of them are
   done: "progress <share>" of boxes whose work comes one by one. */
#ifndef LATENT_TALLY_H
#define LATENT_TALLY_H
#include <m_pd.h>

#pragma GCC visibility push(default)

typedef struct {
    int asked, written;
} t_latent_tally;

/* So many more are asked for; or, below 0, are not to come. */
void latent_tally_ask(t_latent_tally *t, int n);
/* One is on disk: sends "written <name>" (name may be NULL) and "progress <0 to 1>". */
void latent_tally_written(t_latent_tally *t, t_outlet *o, t_symbol *name);

#pragma GCC visibility pop
#endif
