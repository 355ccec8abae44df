/* [latent.file]: latents from files and into files, as other tools write and read them.

   read <file> [name]   .npy, .npz (of several arrays the one of that name) or text; searched
                  beside the patch, then in Pd's path.  The first latent comes out at once
   list           a latent: kept, and passed on;  bang: again;  right inlet: kept silently
   float          latent number n of a file that holds several, from 0
   add <list>     one more latent, to be written with those before;  clear: nothing is kept
   write <file>   all that is kept: name.npz (one array, w, [latents][rows][numbers], as
                  projectors write it and NVIDIA's programs read it), name.npy (the same array)
                  or name.txt (one row a line, for [text])
   rows n         so many rows make one latent of a list, or of a file: num_ws for a W+; 0: as
                  the file says, and lists have one (0)
   left outlet    list
   right outlet   info file f, info latents n, info rows n, info numbers n, before what was read;
                  written <file>; error <words>

   A file given as an argument is read at once and comes out at the first bang.  What was there
   before stays when a file can't be read.  Files are read and written off Pd's thread. */
#include "engine/weights/arrays.h"
#include "pd/box.h"
#include "pd/job_queue.h"
#include "pd/names.h"
#include "pd/words.h"
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static t_class *latent_file_class;

#define MOST_IN_ONE 65536 /* numbers of a latent */

/* What is kept: count / latents numbers each. */
typedef struct {
    latent_deferred_free grave; /* large ones are freed by a worker */
    atomic_int refs;            /* the box, and a job that writes it */
    size_t count, room;
    int latents, rows;
    float *data;
} t_kept;

typedef struct {
    t_object x_obj;
    t_canvas *x_canvas;
    int x_rows, x_now; /* x_now: the latent that a bang sends */
    t_kept *x_kept;    /* or NULL */
    t_latent_list x_list;
    int x_reading, x_wanted; /* x_wanted: it is sent when it has been read */
    t_symbol *x_file;
    t_latent_job_queue *x_reader, *x_writer;
    struct _latent_inlet *x_right;
    t_outlet *x_out, *x_info;
} t_latent_file;

typedef struct {
    latent_job job;
    char *paths; /* reading: where the file may be; writing: the one */
    char key[80];
    int rows;
    t_symbol *file;
    t_kept *kept;
} t_file_job;

/* ---- what is kept */

static void kept_bury(latent_deferred_free *g)
{
    t_kept *k = (t_kept *)g;
    free(k->data);
    free(k);
}

static void kept_free(t_kept *k)
{
    if (k && atomic_fetch_sub(&k->refs, 1) == 1)
        latent_deferred_free_add(&k->grave, kept_bury);
}

/* One more latent of n numbers, after those of before (taken over, or NULL). */
static t_kept *kept_grow(t_kept *before, const float *v, int n)
{
    size_t old = before ? before->count : 0, room = 2 * old + (size_t)n;
    t_kept *k = before;
    if (!k || atomic_load(&k->refs) > 1 || k->room < old + (size_t)n) {
        if (!(k = calloc(1, sizeof(*k))) || !(k->data = malloc(room * sizeof(*k->data)))) {
            free(k);
            return NULL;
        }
        atomic_init(&k->refs, 1);
        k->room = room;
        if (old)
            memcpy(k->data, before->data, old * sizeof(*k->data));
        k->latents = before ? before->latents : 0;
        kept_free(before);
    }
    memcpy(k->data + old, v, (size_t)n * sizeof(*k->data));
    k->count = old + (size_t)n;
    k->latents++;
    return k;
}

/* How many rows a latent has: as the box is told, or as the file is shaped. */
static int split(t_kept *k, const latent_array *a, int rows, latent_error *e)
{
    size_t width = (size_t)a->dim[a->rank - 1], all = a->count / width;
    if (!rows)
        rows = a->rank > 1 ? (int)a->dim[a->rank - 2] : 1;
    if (all % (size_t)rows)
        return latent_fail(e, "it has %zu rows of %zu numbers, which are no latents of %d rows",
                           all, width, rows);
    if ((size_t)rows * width > MOST_IN_ONE)
        return latent_fail(e, "it has latents of %zu numbers; none has more than %d",
                           (size_t)rows * width, MOST_IN_ONE);
    k->data = a->data;
    k->count = k->room = a->count;
    k->rows = rows;
    k->latents = (int)(all / (size_t)rows);
    return 0;
}

/* ---- away from Pd */

static int read_work(latent_job *job)
{
    t_file_job *j = (t_file_job *)job;
    latent_array a;
    struct stat st;
    const char *path = j->paths;
    while (*path && stat(path, &st))
        path += strlen(path) + 1;
    if (!*path)
        return latent_fail(&job->error,
                           "there is no such file; it was looked for beside the patch and in Pd's "
                           "path (first as %s)",
                           j->paths);
    if (!(j->kept = calloc(1, sizeof(*j->kept))))
        return latent_fail(&job->error, "no memory to read a file");
    atomic_init(&j->kept->refs, 1);
    if (latent_array_read(&a, path, *j->key ? j->key : NULL, &job->error))
        return -1;
    if (split(j->kept, &a, j->rows, &job->error)) {
        latent_array_free(&a);
        return -1;
    }
    return 0;
}

static int write_work(latent_job *job)
{
    t_file_job *j = (t_file_job *)job;
    const t_kept *k = j->kept;
    int64_t each = (int64_t)k->count / k->latents, dim[3] = {k->latents, j->rows, 0};
    if (each * k->latents != (int64_t)k->count || each % j->rows)
        return latent_fail(&job->error,
                           "%lld numbers are not %d rows; rows n says how many a latent has",
                           (long long)each, j->rows);
    dim[2] = each / j->rows;
    return latent_array_write(j->paths, "w", 3, dim, k->data, &job->error);
}

static void file_discard(latent_job *job)
{
    t_file_job *j = (t_file_job *)job;
    kept_free(j->kept);
    free(j->paths);
    free(j);
}

/* ---- in Pd */

static void latent_file_keep(t_latent_file *x, t_kept *k)
{
    kept_free(x->x_kept);
    x->x_kept = k;
    x->x_now = 0;
}

static void latent_file_send(t_latent_file *x)
{
    const t_kept *k = x->x_kept;
    size_t each = k->count / (size_t)k->latents;
    x->x_wanted = 0;
    latent_list_send(x->x_out, (int)each, k->data + (size_t)x->x_now * each);
}

static void latent_file_bang(t_latent_file *x)
{
    if (x->x_reading)
        x->x_wanted = 1;
    else if (x->x_kept)
        latent_file_send(x);
    else
        latent_complain(&x->x_obj, "there is no latent yet; \"read fish.npz\" reads one");
}

static void latent_file_number(t_latent_file *x, t_float f)
{
    int n = x->x_kept ? x->x_kept->latents : 0;
    if (n && f >= 0 && f < n) {
        x->x_now = latent_whole(f, 0, n - 1);
        latent_file_bang(x);
    } else
        latent_complain(&x->x_obj,
                        "there are %d latents, counted from 0; number %g is none of them", n,
                        (double)f);
}

/* Keeps a list, alone or after the others; 0, or -1 after a complaint. */
static int latent_file_take(t_latent_file *x, int argc, const t_atom *argv, int more)
{
    t_kept *k, *before = more ? x->x_kept : NULL;
    size_t count = before ? before->count : 0, each = count ? count / (size_t)before->latents : 0;
    if (!argc || latent_list_set(&x->x_obj, &x->x_list, argc, argv))
        return -1;
    if (each && each != (size_t)argc) {
        latent_complain(&x->x_obj, "%d numbers can't be added to latents of %zu; clear begins anew",
                        argc, each);
        return -1;
    }
    if (count + (size_t)argc > LATENT_MOST_NUMBERS || !(k = kept_grow(before, x->x_list.v, argc))) {
        latent_complain(&x->x_obj, "there is no room for one more latent");
        return -1;
    }
    latent_job_queue_cancel(x->x_reader); /* what is being read is cancelled */
    x->x_reading = 0;
    if (!before)
        kept_free(x->x_kept);
    x->x_kept = k;
    x->x_now = k->latents - 1;
    return 0;
}

static void latent_file_list(t_latent_file *x, t_symbol *s, int argc, t_atom *argv)
{
    (void)s;
    if (!latent_file_take(x, argc, argv, 0))
        latent_file_send(x);
}

static void latent_file_add(t_latent_file *x, t_symbol *s, int argc, t_atom *argv)
{
    (void)s;
    latent_file_take(x, argc, argv, 1);
}

static void latent_file_right(void *z, t_symbol *s, int argc, t_atom *argv)
{
    t_latent_file *x = z;
    if (s == &s_list || s == &s_float)
        latent_file_take(x, argc, argv, 0);
    else
        latent_wrong_right(&x->x_obj, LATENT_TAKES_LATENT, s, argc, argv);
}

static void latent_file_clear(t_latent_file *x)
{
    latent_file_keep(x, NULL);
}

static void latent_file_read_done(void *z, latent_job *job)
{
    t_latent_file *x = z;
    t_file_job *j = (t_file_job *)job;
    const t_kept *k;
    x->x_reading = 0;
    if (job->failed) {
        x->x_wanted = 0;
        latent_words_error(&x->x_obj, x->x_info, job->error.text);
        return;
    }
    latent_file_keep(x, j->kept);
    k = j->kept;
    atomic_fetch_add(&j->kept->refs, 1); /* it stays with the job until all has been said */
    latent_info_number(x->x_info, "numbers", (double)(k->count / (size_t)k->latents));
    latent_info_number(x->x_info, "rows", k->rows);
    latent_info_number(x->x_info, "latents", k->latents);
    latent_info_word(x->x_info, "file", x->x_file->s_name);
    if (x->x_wanted && x->x_kept)
        latent_file_send(x);
}

static void latent_file_written(void *z, latent_job *job)
{
    t_latent_file *x = z;
    if (job->failed) {
        latent_words_error(&x->x_obj, x->x_info, job->error.text);
        return;
    }
    latent_say_symbol(x->x_info, "written", ((t_file_job *)job)->file);
}

static void latent_file_start(t_latent_file *x, t_symbol *file, const char *key)
{
    t_file_job *j = calloc(1, sizeof(*j));
    if (!j || !(j->paths = latent_find_paths(&x->x_obj, x->x_canvas, file->s_name))) {
        free(j);
        return;
    }
    x->x_file = j->file = file;
    j->job.work = read_work;
    j->job.discard = file_discard;
    j->rows = x->x_rows;
    snprintf(j->key, sizeof(j->key), "%s", key);
    latent_job_queue_cancel(x->x_reader);
    x->x_reading = 1;
    if (latent_job_queue_send(x->x_reader, &j->job) < 0) {
        x->x_reading = 0;
        latent_words_error(&x->x_obj, x->x_info, "there is no thread to read a file with");
    }
}

static void latent_file_read(t_latent_file *x, t_symbol *file, t_symbol *key)
{
    if (!*file->s_name) {
        latent_complain(&x->x_obj, "read wants a file's name, as in \"read fish.npz\"");
        return;
    }
    x->x_wanted = 1;
    latent_file_start(x, file, key->s_name);
}

static void latent_file_write(t_latent_file *x, t_symbol *file)
{
    const t_kept *k = x->x_kept;
    char path[MAXPDSTRING];
    t_file_job *j = NULL;
    if (!k || !*file->s_name) {
        latent_words_error(&x->x_obj, x->x_info,
                           k ? "write wants a file's name, as in \"write fish.npz\""
                             : "there is no latent yet that could be written; send a list first");
        return;
    }
    if (latent_place(&x->x_obj, x->x_info, x->x_canvas, file->s_name, path))
        return;
    if ((j = calloc(1, sizeof(*j)))) {
        j->job.work = write_work;
        j->job.discard = file_discard;
        j->file = file;
        j->rows = x->x_rows ? x->x_rows : k->rows ? k->rows : 1;
        j->paths = strdup(path);
        atomic_fetch_add(&(j->kept = x->x_kept)->refs, 1);
    }
    if (!j || !j->paths) {
        if (j)
            file_discard(&j->job);
        latent_words_error(&x->x_obj, x->x_info, "there is no memory to write a file");
    } else if (latent_job_queue_send(x->x_writer, &j->job) < 0)
        latent_words_error(&x->x_obj, x->x_info, "there is no thread to write with");
}

static const t_latent_param latent_file_params[] = {
    {"rows", LATENT_WHOLE, offsetof(t_latent_file, x_rows), 0, 1000, NULL, NULL},
    {NULL, 0, 0, 0, 0, NULL, NULL}};

static void *latent_file_new(t_symbol *s, int argc, t_atom *argv)
{
    t_latent_file *x = (t_latent_file *)pd_new(latent_file_class);
    (void)s;
    x->x_canvas = canvas_getcurrent();
    argc = latent_params_flags(&x->x_obj, latent_file_params, argc, argv);
    latent_params_rest(&x->x_obj, 2, argc, argv);
    x->x_right = latent_inlet_new(&x->x_obj, latent_file_right);
    x->x_out = outlet_new(&x->x_obj, &s_list);
    x->x_info = outlet_new(&x->x_obj, 0);
    x->x_reader = latent_job_queue_new(x, LATENT_LOADER, 1, latent_file_read_done);
    x->x_writer = latent_job_queue_new(x, LATENT_WRITER, 0, latent_file_written);
    if (argc && argv->a_type == A_SYMBOL)
        latent_file_start(x, argv->a_w.w_symbol, argc > 1 ? atom_getsymbol(argv + 1)->s_name : "");
    else if (argc)
        latent_complain(&x->x_obj, "a file's name was expected, as in [latent.file fish.npz]");
    return x;
}

static void latent_file_free(t_latent_file *x)
{
    latent_job_queue_free(x->x_reader);
    latent_job_queue_free(x->x_writer);
    latent_inlet_free(x->x_right);
    latent_file_clear(x);
    latent_list_free(&x->x_list);
}

void setup_latent0x2efile(void)
{
    latent_file_class =
        class_new(gensym("latent.file"), (t_newmethod)latent_file_new, (t_method)latent_file_free,
                  sizeof(t_latent_file), CLASS_DEFAULT, A_GIMME, 0);
    latent_takes(latent_file_class, LATENT_TAKES_LATENT);
    class_addbang(latent_file_class, latent_file_bang);
    class_addfloat(latent_file_class, latent_file_number);
    class_addlist(latent_file_class, latent_file_list);
    class_addmethod(latent_file_class, (t_method)latent_file_add, gensym("add"), A_GIMME, 0);
    class_addmethod(latent_file_class, (t_method)latent_file_read, gensym("read"), A_DEFSYM,
                    A_DEFSYM, 0);
    class_addmethod(latent_file_class, (t_method)latent_file_write, gensym("write"), A_DEFSYM, 0);
    class_addmethod(latent_file_class, (t_method)latent_file_clear, gensym("clear"), 0);
    latent_params_setup(latent_file_class, latent_file_params);
}
