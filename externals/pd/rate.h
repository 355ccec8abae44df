/* rate: how many a second: what boxes that show pictures tell about once a second ("fps"). */
#ifndef LATENT_RATE_H
#define LATENT_RATE_H

#pragma GCC visibility push(default)

typedef struct {
    double since; /* so many came since then ... */
    int count;    /* ... the one at that moment included; 0: none yet */
} t_latent_rate;

/* One more came. */
void latent_rate_count(t_latent_rate *r);
/* 1 and how many a second came, once a second while they come; else 0. */
int latent_rate_told(t_latent_rate *r, double *a_second);

#pragma GCC visibility pop
#endif
