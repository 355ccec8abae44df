/* reader: see reader.h */
#include "reader.h"
#include "../base/half.h"
#include "architectures.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const latent_entry *look_up(latent_reader *r, const char *name)
{
    latent_source *s = &r->found;
    const latent_entry *t;
    *s = (latent_source){.gain = 1};
    if (r->translate)
        return r->translate(r, name, s) ? &s->entry : NULL;
    snprintf(s->name, sizeof(s->name), "%s%s", r->prefix, name);
    if (!(t = latent_weights_find(r->file, s->name)))
        return NULL;
    s->entry = *t;
    return &s->entry;
}

const latent_entry *latent_reader_find(latent_reader *r, const char *format, ...)
{
    char name[200];
    va_list args;
    va_start(args, format);
    vsnprintf(name, sizeof(name), format, args);
    va_end(args);
    return look_up(r, name);
}

int latent_entry_is(const latent_entry *t, int rank, const int64_t *dim)
{
    if (t->rank != rank)
        return 0;
    for (int i = 0; i < rank; i++)
        if (dim[i] != t->dim[i])
            return 0;
    return 1;
}

void latent_describe_sides(char *text, size_t room, int rank, const int64_t *dim)
{
    size_t used = (size_t)snprintf(text, room, rank ? "" : "a single number");
    for (int i = 0; i < rank && used < room; i++)
        used +=
            (size_t)snprintf(text + used, room - used, i ? " x %lld" : "%lld", (long long)dim[i]);
}

/* What messages call it: as the file does, or where that has nothing of the kind as we do. */
static const char *called(const latent_reader *r, const char *name)
{
    return *r->found.name ? r->found.name : name;
}

/* What was done to the numbers when the file was written is undone. */
static void correct(const latent_source *s, float *data)
{
    int rank = s->entry.rank;
    size_t count = (size_t)s->entry.count;
    size_t plane = s->reverse ? (size_t)(s->entry.dim[rank - 2] * s->entry.dim[rank - 1]) : 0;
    for (size_t at = 0; plane && at < count; at += plane)
        for (size_t i = 0; i < plane / 2; i++) {
            float swap = data[at + i];
            data[at + i] = data[at + plane - 1 - i];
            data[at + plane - 1 - i] = swap;
        }
    if (s->gain < 1 || s->gain > 1 || s->add < 0 || s->add > 0)
        for (size_t i = 0; i < count; i++)
            data[i] = data[i] * s->gain + s->add;
}

int latent_reader_numbers(latent_reader *r, const char *name, int rank, const int64_t *dim,
                          float *data)
{
    const latent_entry *t = look_up(r, name);
    if (r->progress.cancel && atomic_load(r->progress.cancel))
        return latent_fail(r->error, "cancelled");
    if (!t)
        return latent_fail(r->error, "%s is missing", called(r, name));
    if (!latent_entry_is(t, rank, dim)) {
        char is[100], should[100];
        latent_describe_sides(is, sizeof(is), t->rank, t->dim);
        latent_describe_sides(should, sizeof(should), rank, dim);
        return latent_fail(r->error, "%s is %s, expected %s", called(r, name), is, should);
    }
    if (latent_weights_read(r->file, t, data, r->error))
        return -1;
    correct(&r->found, data);
    for (int64_t i = 0; i < t->count; i++)
        if (!isfinite(data[i]))
            return latent_fail(r->error, "%s has values that are no numbers (NaN or infinite)",
                               called(r, name));
    r->hash += latent_hash_trained(name, data, t->count);
    if (r->model) {
        r->model->weights_bytes += (size_t)t->count * sizeof(float);
        r->model->kept_bytes += (size_t)t->count * sizeof(float);
    }
    return 0;
}

latent_tensor *latent_reader_tensor(latent_reader *r, const char *name, int rank,
                                    const int64_t *dim)
{
    int side[4] = {1, 1, 1, 1};
    latent_tensor *t;
    for (int i = 0; i < rank; i++)
        side[4 - rank + i] = (int)dim[i];
    if (!(t = latent_tensor_new((latent_shape){side[0], side[1], side[2], side[3]}, r->error)))
        return NULL;
    if (!latent_reader_numbers(r, name, rank, dim, t->data))
        return t;
    latent_tensor_release(t);
    return NULL;
}

float *latent_reader_array(latent_reader *r, const char *name, int rank, const int64_t *dim)
{
    latent_tensor *t = latent_reader_tensor(r, name, rank, dim);
    float *array = NULL;
    if (!t)
        return NULL;
    if ((array = malloc(t->count * sizeof(float))))
        memcpy(array, t->data, t->count * sizeof(float));
    else
        latent_fail(r->error, "no memory for %s", name);
    latent_tensor_release(t);
    return array;
}

latent_node *latent_reader_keep(latent_reader *r, latent_tensor *t)
{
    float most = 0;
    for (size_t i = 0; i < t->count; i++)
        most = fmaxf(most, fabsf(t->data[i]));
    if (!r->model || !r->model->half || t->count < 4096 || most > LATENT_HALF_MOST)
        return latent_op_parameter(t, r->error);
    r->model->kept_bytes -= t->count * sizeof(uint16_t);
    return latent_op_parameter_half(t, r->error);
}

int latent_reader_node(latent_reader *r, const char *name, int rank, const int64_t *dim,
                       latent_node **node)
{
    latent_tensor *t = latent_reader_tensor(r, name, rank, dim);
    if (!t)
        return -1;
    *node = latent_reader_keep(r, t);
    latent_tensor_release(t);
    return *node ? 0 : -1;
}

int latent_reader_conv(latent_reader *r, const char *name, int in, int out, int kernel, int up,
                       latent_node **node)
{
    latent_tensor *t = latent_reader_tensor(r, name, 4, (int64_t[]){out, in, kernel, kernel});
    if (!t)
        return -1;
    *node = latent_op_conv_weight(t, up, r->error);
    r->model->kept_bytes -= t->count * sizeof(float);
    latent_tensor_release(t);
    if (!*node)
        return -1;
    if (r->model->half)
        latent_op_conv_weight_halve(*node);
    r->model->kept_bytes += latent_op_conv_weight_bytes(*node);
    return 0;
}

void latent_reader_progress(const latent_reader *r, int done, int of)
{
    if (r->progress.permille)
        atomic_store(r->progress.permille, 1000 * done / of);
}
