/* follow_file: a learner on the disk: where its walk takes place, its network, and the rows, so
   that it can go on learning.  Safetensors; what is read comes from strangers. */
#include "follow_file.h"
#include "../weights/weights.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FORMAT "latent walk 1"
enum { MEAN, DIRECTIONS, SCALES, TIME, ROWS, SECONDS, WALKS, PARTS };
static const char *const part_name[PARTS] = {"space.mean", "space.directions", "space.scales",
                                             "space.time", "walk.rows",        "walk.seconds",
                                             "walk.walks"};

int latent_learner_write(const latent_learner *l, const latent_walk_names *names, const char *path,
                         latent_error *e)
{
    int n = l->space.n, count = 0, failed;
    float scales[2 * LATENT_SPACE_MOST];
    const float time[4] = {l->space.time_mean, l->space.time_deviation, l->space.shortest,
                           l->space.longest};
    latent_tensor_out out[PARTS + LATENT_FOLLOW_WEIGHTS];
    latent_meta_out meta[4 + LATENT_WALK_NAMES] = {{"format", FORMAT}};
    char number[3][24], key[LATENT_WALK_NAMES][24];
    size_t n_meta = 1;
    float *walks;
    if (!l->set.n)
        return latent_fail(e, "nothing is learned yet");
    if (!(walks = malloc((size_t)(l->walk.n ? l->walk.n : 1) * sizeof(*walks))))
        return latent_fail(e, "no memory to write");
    for (int i = 0; i < l->walk.n; i++)
        walks[i] = (float)l->walk.walk[i];
    memcpy(scales, l->space.deviation, (size_t)n * sizeof(float));
    memcpy(scales + n, l->space.step, (size_t)n * sizeof(float));
    {
        const latent_tensor_out parts[PARTS] = {
            {part_name[MEAN], LATENT_F32, 1, {l->walk.wide}, l->space.mean},
            {part_name[DIRECTIONS], LATENT_F32, 2, {n, l->walk.wide}, l->space.direction},
            {part_name[SCALES], LATENT_F32, 2, {2, n}, scales},
            {part_name[TIME], LATENT_F32, 1, {4}, time},
            {part_name[ROWS], LATENT_F32, 2, {l->walk.n, l->walk.wide}, l->walk.row},
            {part_name[SECONDS], LATENT_F32, 1, {l->walk.n}, l->walk.seconds},
            {part_name[WALKS], LATENT_F32, 1, {l->walk.n}, walks}};
        for (int i = 0; i < (l->walk.n ? PARTS : ROWS); i++)
            out[count++] = parts[i];
    }
    for (int i = 0; i < l->set.n; i++) {
        const latent_parameter *p = &l->set.item[i];
        out[count++] = (latent_tensor_out){
            p->name, LATENT_F32, 2, {p->dim[0], p->dim[1]}, l->set.average + p->at};
    }
    snprintf(number[0], sizeof(number[0]), "%d", l->units);
    snprintf(number[1], sizeof(number[1]), "%lld", (long long)l->set.steps);
    snprintf(number[2], sizeof(number[2]), "%u", l->seed);
    meta[n_meta++] = (latent_meta_out){"units", number[0]};
    meta[n_meta++] = (latent_meta_out){"steps", number[1]};
    meta[n_meta++] = (latent_meta_out){"seed", number[2]};
    for (int i = 0; i < names->n; i++) {
        snprintf(key[i], sizeof(key[i]), "walk.%d", i);
        meta[n_meta++] = (latent_meta_out){key[i], names->name[i]};
    }
    failed = latent_safetensors_write(path, out, (size_t)count, meta, n_meta, e);
    free(walks);
    return failed;
}

/* ---- reading */

/* A whole number among the settings. */
static int setting(latent_weights *w, const char *key, double least, double most, double *value,
                   latent_error *e)
{
    const char *text = latent_weights_text(w, key);
    char *end;
    if (!text || !*text)
        return latent_fail(e, "this is no walk that was learned: it does not say its %s", key);
    *value = strtod(text, &end);
    if (*end || !(*value >= least && *value <= most) || *value != floor(*value))
        return latent_fail(e, "its %s is %.20s, which can't be", key, text);
    return 0;
}

/* Reads [rows][columns] finite numbers, none beyond 1e6; rows 1: also of one dimension. */
static int read(latent_weights *w, const char *name, int64_t rows, int64_t columns, float *to,
                latent_error *e)
{
    const latent_entry *t = latent_weights_find(w, name);
    if (!t || t->count != rows * columns || (rows > 1 && (t->rank != 2 || t->dim[0] != rows)))
        return latent_fail(e, "%s %s", name, t ? "has an impossible shape" : "is missing");
    if (latent_weights_read(w, t, to, e))
        return -1;
    for (int64_t i = 0; i < t->count; i++)
        if (!(fabsf(to[i]) <= 1e6f))
            return latent_fail(e, "%s contains NaN, infinity or numbers beyond a million", name);
    return 0;
}

static int read_space(latent_learner *l, latent_weights *w, latent_error *e)
{
    const latent_entry *t = latent_weights_find(w, part_name[DIRECTIONS]);
    latent_space *s = &l->space;
    float scales[2 * LATENT_SPACE_MOST], time[4];
    if (!t || t->rank != 2 || t->dim[0] < 1 || t->dim[0] > LATENT_SPACE_MOST || t->dim[1] < 1 ||
        t->dim[1] > LATENT_WALK_WIDE)
        return latent_fail(e, "%s %s", part_name[DIRECTIONS],
                           t ? "has an impossible shape" : "is missing");
    s->n = (int)t->dim[0];
    s->wide = (int)t->dim[1];
    s->mean = malloc((size_t)s->wide * sizeof(float));
    s->direction = malloc(LATENT_SPACE_MOST * (size_t)s->wide * sizeof(float));
    if (!s->mean || !s->direction)
        return latent_fail(e, "no memory for a walk");
    if (read(w, part_name[MEAN], 1, s->wide, s->mean, e) ||
        read(w, part_name[DIRECTIONS], s->n, s->wide, s->direction, e) ||
        read(w, part_name[SCALES], 2, s->n, scales, e) || read(w, part_name[TIME], 1, 4, time, e))
        return -1;
    for (int k = 0; k < s->n; k++) {
        s->deviation[k] = scales[k];
        s->step[k] = scales[s->n + k];
        if (!(scales[k] > 0) || !(scales[s->n + k] > 0))
            return latent_fail(e, "%s contains numbers that are not above 0", part_name[SCALES]);
    }
    s->time_mean = time[0];
    s->time_deviation = time[1];
    s->shortest = time[2];
    s->longest = time[3];
    if (!(time[1] > 0 && time[2] >= .001f && time[3] >= time[2] && time[3] <= 10))
        return latent_fail(e, "%s contains times that can't be", part_name[TIME]);
    return 0;
}

static int read_rows(latent_learner *l, latent_weights *w, int n_names, latent_error *e)
{
    const latent_entry *t = latent_weights_find(w, part_name[ROWS]);
    int64_t n = t && t->rank == 2 ? t->dim[0] : 0;
    int wide = l->space.wide, failed;
    float *row, *seconds, *walk;
    if (!t)
        return 0;
    if (n < 1 || n > 2 * LATENT_WALK_MOST || t->dim[1] != wide)
        return latent_fail(e, "%s has an impossible shape", part_name[ROWS]);
    row = malloc((size_t)n * (size_t)wide * sizeof(*row));
    seconds = malloc((size_t)n * sizeof(*seconds));
    walk = malloc((size_t)n * sizeof(*walk));
    failed = row && seconds && walk ? 0 : latent_fail(e, "no memory for a walk");
    failed = failed || read(w, part_name[ROWS], n, wide, row, e) ||
             read(w, part_name[SECONDS], 1, n, seconds, e) ||
             read(w, part_name[WALKS], 1, n, walk, e);
    for (int64_t i = 0; !failed && i < n; i++) {
        if (!(walk[i] >= 0 && walk[i] < (float)n_names))
            failed = latent_fail(e, "%s contains a walk that has no name", part_name[WALKS]);
        else
            failed = latent_walk_add(&l->walk, row + i * wide, wide, seconds[i], (int)walk[i], e);
    }
    free(row);
    free(seconds);
    free(walk);
    return failed ? -1 : 0;
}

static int read_network(latent_learner *l, latent_weights *w, double steps, latent_error *e)
{
    if (latent_follow_parameters(l, l->space.n, e))
        return -1;
    for (int i = 0; i < l->set.n; i++) {
        const latent_parameter *p = &l->set.item[i];
        if (read(w, p->name, p->dim[0], p->dim[1], l->set.value + p->at, e))
            return -1;
        memcpy(l->set.average + p->at, l->set.value + p->at, p->count * sizeof(float));
    }
    l->set.steps = (int64_t)steps;
    return latent_follow_update(l, e);
}

static void read_names(latent_weights *w, latent_walk_names *names)
{
    char key[24];
    const char *text;
    names->n = 0;
    for (int i = 0; i < LATENT_WALK_NAMES; i++) {
        snprintf(key, sizeof(key), "walk.%d", i);
        if (!(text = latent_weights_text(w, key)))
            break;
        snprintf(names->name[names->n++], sizeof(names->name[0]), "%s", text);
    }
}

static latent_learner *read_all(latent_weights *w, int most, latent_walk_names *names,
                                latent_error *e)
{
    const char *format = w ? latent_weights_text(w, "format") : NULL;
    double units, steps, seed;
    latent_learner *l;
    if (!w)
        return NULL;
    if (!format || strcmp(format, FORMAT)) {
        latent_fail(e, "this is no walk that [latent.predict] has written");
        return NULL;
    }
    if (setting(w, "units", 8, 256, &units, e) || setting(w, "steps", 1, 1e15, &steps, e) ||
        setting(w, "seed", 0, 4294967295., &seed, e) ||
        !(l = latent_learner_new((int)units, (uint32_t)seed, most, e)))
        return NULL;
    read_names(w, names);
    if (read_space(l, w, e) || read_rows(l, w, names->n, e) || read_network(l, w, steps, e)) {
        latent_learner_free(l);
        return NULL;
    }
    return l;
}

latent_learner *latent_learner_read(const char *path, int most, latent_walk_names *names,
                                    latent_error *e)
{
    latent_weights *w = latent_weights_open(path, e);
    latent_learner *l = read_all(w, most, names, e);
    latent_weights_close(w);
    return l;
}

latent_learner *latent_learner_read_memory(const void *data, size_t size, int most,
                                           latent_walk_names *names, latent_error *e)
{
    latent_weights *w = latent_weights_open_memory(data, size, e);
    latent_learner *l = read_all(w, most, names, e);
    latent_weights_close(w);
    return l;
}
