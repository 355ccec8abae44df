/* old_checkpoint: see old_checkpoint.h */
#include "old_checkpoint.h"
#include <string.h>

static int is_noise(const latent_parameter *f)
{
    return strstr(f->name, "noise_const") != NULL;
}

/* A generator's layer that enlarges. */
static int enlarges(const latent_parameter *f)
{
    return !strncmp(f->name, "synthesis.", 10) && strstr(f->name, "conv0.weight");
}

/* Where number k of a parameter lies in the old order. */
static size_t place_of(const latent_parameter *f, size_t k)
{
    if (f->rank == 4) {
        size_t out = (size_t)f->dim[0], in = (size_t)f->dim[1], taps = f->count / out / in;
        size_t o = k / taps / in, i = k / taps % in, t = k % taps;
        return enlarges(f) ? (t * out + o) * in + i : (t * in + i) * out + o;
    }
    if (f->rank == 3) {
        size_t c = (size_t)f->dim[0], pixels = f->count / c;
        return k % pixels * c + k / pixels;
    }
    if (!strcmp(f->name, "b4.fc.weight")) { /* [c][c][16] */
        size_t c = (size_t)f->dim[0];
        return (k / 16 / c * 16 + k % 16) * c + k / 16 % c;
    }
    return k;
}

/* Numbers of one kind from one order to the other. */
static void reorder(const latent_parameter *f, float *now, float *old, int to_old)
{
    for (size_t k = 0; now && k < f->count; k++)
        if (to_old)
            old[place_of(f, k)] = now[k];
        else
            now[k] = old[place_of(f, k)];
}

static int add_all(const latent_parameters *p, latent_parameters *old, latent_error *e)
{
    for (int i = 0; i < p->n; i++) {
        const latent_parameter *f = &p->item[i];
        int64_t dim[LATENT_MAX_RANK];
        memcpy(dim, f->dim, sizeof(dim));
        if (f->rank == 4) {
            dim[0] = f->dim[2];
            dim[1] = f->dim[3];
            dim[2] = enlarges(f) ? f->dim[0] : f->dim[1];
            dim[3] = enlarges(f) ? f->dim[1] : f->dim[0];
        } else if (f->rank == 3) {
            dim[0] = f->dim[1];
            dim[1] = f->dim[2];
            dim[2] = f->dim[0];
        }
        if (!is_noise(f) && latent_parameters_add(old, f->rate, e, f->rank, dim, "%s", f->name) < 0)
            return -1;
    }
    return latent_parameters_allocate(old, p->average != NULL, e);
}

static void reorder_all(const latent_parameters *p, latent_parameters *old, int to_old)
{
    for (int i = 0, k = 0; i < p->n; i++) {
        const latent_parameter *f = &p->item[i];
        size_t at = is_noise(f) ? 0 : old->item[k++].at;
        if (is_noise(f))
            continue;
        reorder(f, p->value + f->at, old->value + at, to_old);
        reorder(f, p->mean + f->at, old->mean + at, to_old);
        reorder(f, p->square + f->at, old->square + at, to_old);
        if (p->average)
            reorder(f, p->average + f->at, old->average + at, to_old);
    }
}

int latent_old_order(const latent_parameters *p, latent_parameters *old, latent_error *e)
{
    memset(old, 0, sizeof(*old));
    if (add_all(p, old, e)) {
        latent_parameters_free(old);
        return -1;
    }
    old->steps = p->steps;
    reorder_all(p, old, 1);
    return 0;
}

int latent_old_checkpoint_read(latent_weights *w, const latent_checkpoint_part *parts, int n,
                               latent_error *e)
{
    for (int i = 0; i < n; i++) {
        latent_parameters old;
        latent_checkpoint_part part = {parts[i].prefix, &old};
        int failed;
        if (latent_old_order(parts[i].set, &old, e))
            return -1;
        failed = latent_checkpoint_read(w, &part, 1, e);
        if (!failed) {
            latent_parameters_changed(parts[i].set);
            parts[i].set->steps = old.steps;
            reorder_all(parts[i].set, &old, 0);
        }
        latent_parameters_free(&old);
        if (failed)
            return -1;
    }
    return 0;
}
