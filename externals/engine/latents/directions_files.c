/* directions_files: sets of directions on disk; see directions.h.  Files come from strangers: every
   number is doubted before memory is taken. */
#include "directions.h"
#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MOST_ROWS 64
#define MOST_DIM 65536
#define MOST_NUMBERS ((size_t)1 << 24) /* in a set */
#define MOST_BYTES ((long)1 << 29)     /* of a text */

static int ends_in(const char *path, const char *ending)
{
    size_t n = strlen(path), k = strlen(ending);
    return n >= k && !strcmp(path + n - k, ending);
}

/* What a direction says of itself, before its numbers. */
typedef struct {
    double first, last, sigma, gain, rows;
} claims;

static int whole(double x, double low, double high)
{
    return x >= low && x <= high && x == floor(x);
}

/* A new direction at the end of the set, of zeroes; NULL and a sentence. */
static latent_direction *claim(latent_directions *d, const claims *c, latent_error *e)
{
    latent_direction *new;
    int i = d->count;
    if (!(whole(c->rows, 1, 1) || whole(c->rows, d->num_ws, d->num_ws)) ||
        !whole(c->first, -1, d->num_ws - 1) ||
        !(c->first < 0 || whole(c->last, c->first, d->num_ws - 1)) || !(c->sigma >= 0) ||
        !(c->sigma <= (double)FLT_MAX) || !(c->gain > 0) || !(c->gain <= 1e6)) {
        latent_fail(e,
                    "direction %d says rows %g to %g, deviation %g, gain %g, %g rows of numbers, "
                    "which can't be",
                    i, c->first, c->last, c->sigma, c->gain, c->rows);
        return NULL;
    }
    if (!(new = latent_direction_new((int)c->rows, d->dim, (int)c->first,
                                     c->first < 0 ? -1 : (int)c->last))) {
        latent_fail(e, "no memory for directions");
        return NULL;
    }
    new->sigma = (float)c->sigma;
    d->gain[i] = (float)c->gain;
    d->at[d->count++] = new;
    return new;
}

static latent_directions *begin(double count, double dim, double num_ws, const char *method,
                                latent_error *e)
{
    latent_directions *d;
    if (!whole(count, 1, LATENT_DIRECTIONS_MOST) || !whole(dim, 1, MOST_DIM) ||
        !whole(num_ws, 1, MOST_ROWS)) {
        latent_fail(e, "%g directions of %g x %g numbers can't be", count, num_ws, dim);
        return NULL;
    }
    if (!(d = calloc(1, sizeof(*d)))) {
        latent_fail(e, "no memory for directions");
        return NULL;
    }
    d->dim = (int)dim;
    d->num_ws = (int)num_ws;
    snprintf(d->method, sizeof(d->method), "%s", method);
    return d;
}

static int finite_numbers(const float *v, size_t n)
{
    int good = 1;
    for (size_t i = 0; i < n; i++)
        good &= isfinite(v[i]) != 0;
    return good;
}

/* ---- text */

static int put_text(const latent_directions *d, FILE *f)
{
    fprintf(f, "directions %d %d %d %s;\n", d->count, d->dim, d->num_ws,
            *d->method ? d->method : "mixed");
    for (int i = 0; i < d->count; i++) {
        const latent_direction *v = d->at[i];
        fprintf(f, "direction %d %d %.9g %.9g %d", v->first, v->last, (double)v->sigma,
                (double)d->gain[i], v->rows);
        for (int k = 0; k < v->rows * v->dim; k++)
            fprintf(f, "%c%.9g", k % 8 ? ' ' : '\n', (double)v->v[k]);
        fprintf(f, ";\n");
    }
    return ferror(f) ? -1 : 0;
}

/* Beside the file that may be there already, which stays until all is written. */
static int write_text(const latent_directions *d, const char *path, latent_error *e)
{
    size_t room = strlen(path) + 40;
    char *beside = malloc(room);
    FILE *f;
    int failed;
    if (!beside)
        return latent_fail(e, "no memory to write %s", path);
    snprintf(beside, room, "%s.%ld.part", path, (long)getpid());
    errno = 0;
    failed = !(f = fopen(beside, "w"));
    if (f) {
        failed = put_text(d, f);
        failed |= fclose(f) != 0;
    }
    failed = failed || rename(beside, path);
    if (failed) {
        int why = errno;
        if (f)
            unlink(beside);
        latent_fail(e, "can't write %s: %s", path, strerror(why ? why : EIO));
    }
    free(beside);
    return failed ? -1 : 0;
}

/* Where a text is read. */
typedef struct {
    const char *at, *end;
    latent_error *error;
} reader;

/* The next word (up to 63 letters), which may be ";"; 0, or -1 at the end. */
static int next_word(reader *r, char word[64])
{
    int n = 0;
    while (r->at < r->end && strchr(" \t\r\n", *r->at) && *r->at)
        r->at++;
    if (r->at == r->end)
        return -1;
    if (*r->at == ';')
        word[n++] = *r->at++;
    else
        while (r->at < r->end && !strchr(" \t\r\n;", *r->at) && n < 63)
            word[n++] = *r->at++;
    word[n] = 0;
    return n ? 0 : -1; /* a zero byte */
}

/* A word of a stranger's, fit to be shown. */
static const char *shown(const char *word)
{
    for (const char *c = word; *c; c++)
        if (*c <= ' ' || *c > '~')
            return "something that is no word";
    return word;
}

static int expect_word(reader *r, const char *wanted)
{
    char word[64];
    if (next_word(r, word))
        return latent_fail(r->error, "the text ends where \"%s\" was expected", wanted);
    if (strcmp(word, wanted))
        return latent_fail(r->error, "%s stands where \"%s\" was expected", shown(word), wanted);
    return 0;
}

static int next_number(reader *r, double *x)
{
    char word[64], *end;
    *x = 0;
    if (next_word(r, word))
        return latent_fail(r->error, "the text ends where a number was expected");
    *x = strtod(word, &end);
    if (*end || end == word || !(fabs(*x) <= (double)FLT_MAX))
        return latent_fail(r->error, "%s stands where a number was expected", shown(word));
    return 0;
}

static int read_direction(reader *r, latent_directions *d, size_t *numbers)
{
    claims c;
    latent_direction *v;
    size_t n;
    if (expect_word(r, "direction") || next_number(r, &c.first) || next_number(r, &c.last) ||
        next_number(r, &c.sigma) || next_number(r, &c.gain) || next_number(r, &c.rows))
        return -1;
    /* every number takes a letter and a space */
    if (c.rows * d->dim > (double)(r->end - r->at) / 2 + 1)
        return latent_fail(r->error, "the text ends inside direction %d", d->count);
    if (!(v = claim(d, &c, r->error)))
        return -1;
    n = (size_t)v->rows * (size_t)v->dim;
    if ((*numbers += n) > MOST_NUMBERS)
        return latent_fail(r->error, "more than %zu numbers", MOST_NUMBERS);
    for (size_t i = 0; i < n; i++) {
        double x = 0;
        if (next_number(r, &x))
            return -1;
        v->v[i] = (float)x;
    }
    return expect_word(r, ";");
}

latent_directions *latent_directions_parse(const char *text, size_t size, latent_error *e)
{
    reader r = {text, text + size, e};
    double count = 0, dim = 0, num_ws = 0;
    size_t numbers = 0;
    char method[64];
    latent_directions *d;
    if (expect_word(&r, "directions") || next_number(&r, &count) || next_number(&r, &dim) ||
        next_number(&r, &num_ws))
        return NULL;
    if (next_word(&r, method) || strlen(method) > 15) {
        latent_fail(e, "the name of a method was expected");
        return NULL;
    }
    if (expect_word(&r, ";") || !(d = begin(count, dim, num_ws, method, e)))
        return NULL;
    while (d->count < (int)count)
        if (read_direction(&r, d, &numbers)) {
            latent_directions_free(d);
            return NULL;
        }
    return d;
}

static latent_directions *read_text(const char *path, latent_error *e)
{
    FILE *f = fopen(path, "r");
    latent_directions *d = NULL;
    char *text = NULL;
    long size = -1;
    if (!f) {
        latent_fail(e, "can't read %s: %s", path, strerror(errno));
        return NULL;
    }
    if (!fseek(f, 0, SEEK_END))
        size = ftell(f);
    if (size < 0 || size > MOST_BYTES)
        latent_fail(e, "%s has a size that a text of directions can't have", path);
    else if (!(text = malloc((size_t)size + 1)))
        latent_fail(e, "no memory for %s", path);
    else {
        rewind(f);
        d = latent_directions_parse(text, fread(text, 1, (size_t)size, f), e);
    }
    free(text);
    fclose(f);
    return d;
}

/* ---- safetensors */

#define MANY (LATENT_DIRECTIONS_MOST + 1)

static int write_tensors(const latent_directions *d, const char *path, latent_error *e)
{
    struct {
        latent_tensor_out tensor[MANY];
        char name[MANY][24];
        float claimed[LATENT_DIRECTIONS_MOST][4];
    } *w = calloc(1, sizeof(*w));
    char num_ws[16];
    latent_meta_out meta[] = {{"directions", d->method}, {"num_ws", num_ws}};
    int failed;
    if (!w)
        return latent_fail(e, "no memory to write %s", path);
    snprintf(num_ws, sizeof(num_ws), "%d", d->num_ws);
    for (int i = 0; i < d->count; i++) {
        const latent_direction *v = d->at[i];
        float claimed[4] = {(float)v->first, (float)v->last, v->sigma, d->gain[i]};
        memcpy(w->claimed[i], claimed, sizeof(claimed));
        snprintf(w->name[i], sizeof(w->name[i]), "direction.%03d", i);
        w->tensor[i] = (latent_tensor_out){.name = w->name[i],
                                           .dtype = LATENT_F32,
                                           .rank = 2,
                                           .dim = {v->rows, v->dim},
                                           .data = v->v};
    }
    w->tensor[d->count] = (latent_tensor_out){.name = "first_last_sigma_gain",
                                              .dtype = LATENT_F32,
                                              .rank = 2,
                                              .dim = {d->count, 4},
                                              .data = w->claimed[0]};
    failed = latent_safetensors_write(path, w->tensor, (size_t)d->count + 1, meta, 2, e);
    free(w);
    return failed;
}

static int read_tensor(latent_weights *w, latent_directions *d, const float claimed[4],
                       size_t *numbers, latent_error *e)
{
    char name[24];
    const latent_entry *t;
    latent_direction *v;
    claims c = {(double)claimed[0], (double)claimed[1], (double)claimed[2], (double)claimed[3], 0};
    snprintf(name, sizeof(name), "direction.%03d", d->count);
    if (!(t = latent_weights_find(w, name)) || t->rank != 2 || t->dim[1] != d->dim)
        return latent_fail(e, "%s is missing or has another width than the first", name);
    c.rows = (double)t->dim[0];
    if (!(v = claim(d, &c, e)))
        return -1;
    if ((*numbers += (size_t)t->count) > MOST_NUMBERS)
        return latent_fail(e, "more than %zu numbers", MOST_NUMBERS);
    if (latent_weights_read(w, t, v->v, e))
        return -1;
    return finite_numbers(v->v, (size_t)t->count)
               ? 0
               : latent_fail(e, "%s contains NaN or infinity", name);
}

static latent_directions *read_set(latent_weights *w, latent_error *e)
{
    const latent_entry *all = latent_weights_find(w, "first_last_sigma_gain"),
                       *one = latent_weights_find(w, "direction.000");
    const char *method = latent_weights_text(w, "directions");
    float claimed[LATENT_DIRECTIONS_MOST][4];
    double num_ws = 0;
    size_t numbers = 0;
    latent_directions *d;
    if (!all || all->rank != 2 || all->dim[0] > LATENT_DIRECTIONS_MOST || all->dim[1] != 4 ||
        !one || one->rank != 2) {
        latent_fail(e, "no directions in this file; [latent.directions] writes and reads them");
        return NULL;
    }
    if (latent_weights_number(w, "num_ws", &num_ws)) {
        const char *text = latent_weights_text(w, "num_ws");
        num_ws = text ? atof(text) : 0;
    }
    if (latent_weights_read(w, all, claimed[0], e) ||
        !(d = begin((double)all->dim[0], (double)one->dim[1], num_ws, method ? method : "", e)))
        return NULL;
    while (d->count < all->dim[0])
        if (read_tensor(w, d, claimed[d->count], &numbers, e)) {
            latent_directions_free(d);
            return NULL;
        }
    return d;
}

/* ---- */

int latent_directions_write(const latent_directions *d, const char *path, latent_error *e)
{
    if (!d->count)
        return latent_fail(e, "there are no directions yet to be written");
    return ends_in(path, ".safetensors") ? write_tensors(d, path, e) : write_text(d, path, e);
}

latent_directions *latent_directions_read(const char *path, latent_error *e)
{
    latent_weights *w;
    latent_directions *d;
    if (!ends_in(path, ".safetensors"))
        return read_text(path, e);
    if (!(w = latent_weights_open(path, e)))
        return NULL;
    d = read_set(w, e);
    latent_weights_close(w);
    return d;
}
