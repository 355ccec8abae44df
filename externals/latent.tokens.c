/* [latent.tokens]: a text as numbers, one for each different character or word, and back; or lists
   as the numbers of clusters of alike ones.  [latent.predict -net ngram] follows them.

   Flags, each a message too: -by chars/words/clusters (chars; "by clusters 16" says how many, too);
   -clusters n (16; 1 to 256).

   text <words>   each of its tokens, one after the other
   read <file>    the same of a file; it is read in the background and comes out bit by bit
   list           (by clusters) the token of the cluster that is nearest; with the first ones, a new
                  one each
   float          a token: its text, or its list, at the right outlet
   clear          no tokens; tokens numbered anew.  stop: the rest of a file does not come.  info
   outlets        float: a token;  right: text <piece> (or list <numbers>), before the token; read
                  when a file is at its end; info */
#include "engine/text/tokens.h"
#include "pd/box.h"
#include "pd/encoder.h"
#include "pd/job_queue.h"
#include "pd/names.h"
#include "pd/words.h"
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static t_class *latent_tokens_class;
enum { CHARS, WORDS, CLUSTERS };
#define FILE_MOST (8 << 20)
#define AT_ONCE 16 /* tokens of a file in a millisecond */

typedef struct {
    t_object x_obj;
    t_canvas *x_canvas;
    int x_by, x_many;
    latent_tokens *x_tokens;
    latent_clusters x_clusters;
    t_latent_list x_row;
    char *x_text; /* of a file, or NULL; x_rest: what has not come out yet */
    const char *x_rest;
    t_latent_job_queue *x_queue;
    t_clock *x_clock;
    t_outlet *x_out, *x_info;
} t_latent_tokens;

static const t_latent_param latent_tokens_params[] = {
    {"by", LATENT_CHOICE, offsetof(t_latent_tokens, x_by), 0, 0, "chars words clusters", NULL},
    {"clusters", LATENT_WHOLE, offsetof(t_latent_tokens, x_many), 1, LATENT_CLUSTERS, NULL, NULL},
    {NULL, 0, 0, 0, 0, NULL, NULL}};

/* ---- tokens */

static void send_text(t_latent_tokens *x, int token)
{
    t_atom a;
    SETSYMBOL(&a, gensym(latent_tokens_text(x->x_tokens, token)));
    outlet_anything(x->x_info, gensym("text"), 1, &a);
}

/* The next token of text goes out: 1, or 0 at its end. */
static int send_next(t_latent_tokens *x, const char **text)
{
    latent_error e;
    int token = latent_tokens_next(x->x_tokens, text, x->x_by == WORDS, &e);
    if (token == -2)
        latent_complain(&x->x_obj, "%s", e.text);
    if (token < 0)
        return 0;
    send_text(x, token);
    outlet_float(x->x_out, (t_float)token);
    return 1;
}

static int takes_text(t_latent_tokens *x)
{
    if (x->x_by != CLUSTERS)
        return 1;
    latent_complain(&x->x_obj, "by clusters it takes lists; by chars and by words take a text");
    return 0;
}

static void latent_tokens_say(t_latent_tokens *x, t_symbol *s, int argc, t_atom *argv)
{
    char *text = takes_text(x) ? latent_words_join(argc, argv) : NULL;
    const char *rest = text;
    (void)s;
    while (rest && send_next(x, &rest))
        ;
    free(text);
}

static void latent_tokens_list(t_latent_tokens *x, t_symbol *s, int argc, t_atom *argv)
{
    latent_error e;
    int token;
    (void)s;
    if (x->x_by != CLUSTERS)
        latent_complain(&x->x_obj, "lists become tokens by clusters, and one number is a token; a "
                                   "text wants \"text\" before it");
    else if (!argc || latent_list_set(&x->x_obj, &x->x_row, argc, argv))
        return;
    else if (argc > 4096)
        latent_complain(&x->x_obj, "a list of %d numbers came; 1 to 4096 can be put into clusters",
                        argc);
    else if ((token = latent_clusters_put(&x->x_clusters, x->x_row.v, argc, x->x_many, &e)) < 0)
        latent_complain(&x->x_obj, "%s", e.text);
    else
        outlet_float(x->x_out, (t_float)token);
}

static void latent_tokens_float(t_latent_tokens *x, t_floatarg f)
{
    int n = x->x_by == CLUSTERS ? x->x_clusters.n : latent_tokens_count(x->x_tokens);
    int token = latent_whole(f, -1, 1 << 24);
    if (f != (t_float)token || token < 0 || token >= n)
        latent_complain(&x->x_obj, "there is no token %g; there are %d", (double)f, n);
    else if (x->x_by == CLUSTERS)
        latent_list_send(x->x_info, x->x_clusters.wide,
                         x->x_clusters.center + (size_t)token * (size_t)x->x_clusters.wide);
    else
        send_text(x, token);
}

static void latent_tokens_by(t_latent_tokens *x, t_symbol *s, int argc, t_atom *argv)
{
    latent_params_message(&x->x_obj, s, argc ? 1 : 0, argv);
    if (argc > 1)
        latent_params_message(&x->x_obj, gensym("clusters"), argc - 1, argv + 1);
}

static void latent_tokens_stop(t_latent_tokens *x)
{
    latent_job_queue_cancel(x->x_queue);
    clock_unset(x->x_clock);
    free(x->x_text);
    x->x_text = NULL;
    x->x_rest = NULL;
}

static void latent_tokens_clear_message(t_latent_tokens *x)
{
    latent_tokens_stop(x);
    latent_tokens_clear(x->x_tokens);
    latent_clusters_free(&x->x_clusters);
}

/* ---- files */

typedef struct {
    latent_job job;
    char *paths, *text;
} text_job;

static int text_work(latent_job *job)
{
    text_job *j = (text_job *)job;
    const char *path = j->paths;
    size_t n;
    FILE *f;
    while (!(f = fopen(path, "rb")) && path[strlen(path) + 1])
        path += strlen(path) + 1;
    if (!f)
        return latent_fail(&job->error, "%s can't be opened", path);
    if (!(j->text = malloc(FILE_MOST + 1))) {
        fclose(f);
        return latent_fail(&job->error, "no memory for a text");
    }
    n = fread(j->text, 1, FILE_MOST, f);
    j->text[n] = 0;
    if (ferror(f) || !feof(f)) {
        fclose(f);
        return latent_fail(&job->error, "%s can't be read, or is longer than %d MB", path,
                           FILE_MOST >> 20);
    }
    fclose(f);
    return strlen(j->text) < n ? latent_fail(&job->error, "%s is no text", path) : 0;
}

static void text_discard(latent_job *job)
{
    text_job *j = (text_job *)job;
    free(j->paths);
    free(j->text);
    free(j);
}

static void send_some(t_latent_tokens *x)
{
    clock_delay(x->x_clock, 1); /* before anything goes out: that may stop it, or end the box */
    for (int i = 0; i < AT_ONCE && x->x_rest; i++)
        if (!send_next(x, &x->x_rest)) {
            latent_tokens_stop(x);
            outlet_anything(x->x_info, gensym("read"), 0, NULL);
            return;
        }
}

static void text_done(void *z, latent_job *job)
{
    t_latent_tokens *x = z;
    text_job *j = (text_job *)job;
    if (job->failed) {
        latent_complain(&x->x_obj, "%s", job->error.text);
        return;
    }
    free(x->x_text);
    x->x_rest = x->x_text = j->text;
    j->text = NULL;
    clock_delay(x->x_clock, 0);
}

static void latent_tokens_read(t_latent_tokens *x, t_symbol *file)
{
    text_job *j = takes_text(x) ? calloc(1, sizeof(*j)) : NULL;
    if (!j)
        return;
    j->job.work = text_work;
    j->job.discard = text_discard;
    if (!(j->paths = latent_find_paths(&x->x_obj, x->x_canvas, file->s_name)))
        text_discard(&j->job);
    else {
        latent_tokens_stop(x);
        if (latent_job_queue_send(x->x_queue, &j->job) < 0)
            latent_complain(&x->x_obj, "there is no thread to read with");
    }
}

static void latent_tokens_info(t_latent_tokens *x)
{
    latent_params_info(&x->x_obj, latent_tokens_params, x->x_info);
    latent_info_number(x->x_info, "tokens",
                       x->x_by == CLUSTERS ? x->x_clusters.n : latent_tokens_count(x->x_tokens));
}

static void *latent_tokens_new_box(t_symbol *s, int argc, t_atom *argv)
{
    t_latent_tokens *x = (t_latent_tokens *)pd_new(latent_tokens_class);
    latent_error e;
    (void)s;
    x->x_many = 16;
    x->x_canvas = canvas_getcurrent();
    if (!(x->x_tokens = latent_tokens_new(&e))) {
        latent_complain(&x->x_obj, "%s", e.text);
        pd_free(&x->x_obj.ob_pd);
        return NULL;
    }
    argc = latent_params_flags(&x->x_obj, latent_tokens_params, argc, argv);
    latent_params_rest(&x->x_obj, 0, argc, argv);
    x->x_out = outlet_new(&x->x_obj, &s_float);
    x->x_info = outlet_new(&x->x_obj, 0);
    x->x_queue = latent_job_queue_new(x, LATENT_LOADER, 1, text_done);
    x->x_clock = clock_new(x, (t_method)send_some);
    return x;
}

static void latent_tokens_free_box(t_latent_tokens *x)
{
    latent_job_queue_free(x->x_queue);
    if (x->x_clock)
        clock_free(x->x_clock);
    free(x->x_text);
    latent_tokens_free(x->x_tokens);
    latent_clusters_free(&x->x_clusters);
    latent_list_free(&x->x_row);
}

void setup_latent0x2etokens(void)
{
    t_class *c = latent_tokens_class = class_new(
        gensym("latent.tokens"), (t_newmethod)latent_tokens_new_box,
        (t_method)latent_tokens_free_box, sizeof(t_latent_tokens), CLASS_DEFAULT, A_GIMME, 0);
    latent_takes(c, LATENT_TAKES_VALUES);
    class_addfloat(c, latent_tokens_float);
    class_addlist(c, latent_tokens_list);
    class_addmethod(c, (t_method)latent_tokens_say, gensym("text"), A_GIMME, 0);
    class_addmethod(c, (t_method)latent_tokens_by, gensym("by"), A_GIMME, 0);
    class_addmethod(c, (t_method)latent_tokens_read, gensym("read"), A_SYMBOL, 0);
    class_addmethod(c, (t_method)latent_tokens_stop, gensym("stop"), 0);
    class_addmethod(c, (t_method)latent_tokens_clear_message, gensym("clear"), 0);
    latent_takes_alone(c, (t_method)latent_tokens_info, "info");
    latent_params_setup(c, latent_tokens_params);
}
