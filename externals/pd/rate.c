/* rate: see rate.h */
#include "rate.h"
#include "engine/base/seconds.h"

#define PAUSE 2 /* seconds; what comes after that is the first one again */

void latent_rate_count(t_latent_rate *r)
{
    double now = latent_seconds();
    if (r->count == 0 || now - r->since > PAUSE) {
        r->since = now;
        r->count = 0;
    }
    r->count++;
}

int latent_rate_told(t_latent_rate *r, double *a_second)
{
    double past = latent_seconds() - r->since;
    if (r->count < 2 || past < 1)
        return 0;
    *a_second = (r->count - 1) / past;
    r->since += past;
    r->count = 1;
    return 1;
}
