/* tally: see tally.h */
#include "tally.h"
#include "words.h"

/* The count begins anew when nothing is on its way. */
static void settle(t_latent_tally *t)
{
    if (t->written >= t->asked)
        t->written = t->asked = 0;
}

void latent_tally_ask(t_latent_tally *t, int n)
{
    t->asked += n;
    if (n < 0)
        settle(t);
}

void latent_tally_written(t_latent_tally *t, t_outlet *o, t_symbol *name)
{
    double share = (double)++t->written / t->asked;
    settle(t);
    if (name)
        latent_say_symbol(o, "written", name);
    latent_say_number(o, "progress", share);
}
