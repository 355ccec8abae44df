/* yard_random: see yard.c: random messages. */
#include "yard.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
void yard_random_heard(t_yard *x)
{
    (void)x;
}
void yard_random_begin(t_yard *x, unsigned seed, int n, int alive)
{
    (void)x;
    (void)seed;
    (void)n;
    (void)alive;
}
void yard_random_tick(t_yard *x)
{
    (void)x;
}
