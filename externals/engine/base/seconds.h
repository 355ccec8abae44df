/* seconds: a clock that only goes forward, for what measures how long something takes. */
#ifndef LATENT_SECONDS_H
#define LATENT_SECONDS_H
#include <time.h>

static inline double latent_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

#endif
