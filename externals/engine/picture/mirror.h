/* mirror: a place beyond a picture's edge, folded back into it as if there were a mirror at the
   edge: ... 1 0 | 0 1 ... n-1 | n-1 n-2 ...  For those who sample pictures. */
#ifndef LATENT_MIRROR_H
#define LATENT_MIRROR_H

/* i, any number, as a number from 0 to n - 1; n at least 1. */
static inline int latent_mirrored(int i, int n)
{
    int period = 2 * n;
    i %= period;
    i = i < 0 ? i + period : i;
    return i < n ? i : period - 1 - i;
}

#endif
