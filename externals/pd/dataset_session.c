/* dataset_session: see dataset_session.h.  One entry is made ready, or written, at a time; when it
   is done the next one is sent (the pump), so that other boxes' files are read in between. */
#include "dataset_session.h"
#include "box.h"
#include "engine/graph/evaluate.h"
#include "job_queue.h"
#include "names.h"
#include "words.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SAID 20 /* so many files that are left out are named */

struct _latent_dataset_session {
    t_object *x_obj;
    t_canvas *x_canvas;
    const t_latent_media *x_media;
    const latent_sample_settings *x_settings;
    latent_dataset *x_set;
    char x_folder[MAXPDSTRING]; /* where the pictures are from, or "" */
    int x_take;                 /* tells one set and its settings from the next */
    int x_next, x_preparing;    /* the entry to be made ready next; one is on its way */
    int x_at;                   /* the picture one stands before, or -1 */
    int x_limit, x_added, x_dropped;
    char x_english[LATENT_CAPTION], x_chinese[LATENT_CAPTION]; /* of the next image */
    char x_to[MAXPDSTRING]; /* the folder that is being written, or "" */
    int x_store;            /* the entry to be written next; -1: the folder is to be made */
    int x_storing;
    FILE *x_index; /* its index.json, as far as it has come */
    char *x_text;
    size_t x_text_size;
    int x_users, x_dead; /* who is inside; it was freed meanwhile */
    int x_pumping;
    t_latent_job_queue *x_scan, *x_plates, *x_show, *x_compute, *x_disk;
    t_outlet *x_after, *x_before, *x_info;
};

/* Whoever sends to outlets holds the set: a patch may delete the box meanwhile. */
static void set_let_go(t_latent_dataset_session *x)
{
    if (--x->x_users == 0 && x->x_dead)
        free(x);
}

static void set_error(t_latent_dataset_session *x, const char *sentence)
{
    if (!x->x_dead)
        latent_words_error(x->x_obj, x->x_info, sentence);
}

static void set_words(t_latent_dataset_session *x, const char *selector, const char *sentence)
{
    if (!x->x_dead && *sentence)
        latent_words_send(x->x_info, selector, sentence);
}

static void set_say(t_latent_dataset_session *x, const char *word, int n, const double *v)
{
    t_atom a[4];
    for (int i = 0; i < n; i++)
        SETFLOAT(a + i, (t_float)v[i]);
    if (!x->x_dead)
        outlet_anything(x->x_info, gensym(word), n, a);
}

static void set_number(t_latent_dataset_session *x, const char *word, double v)
{
    set_say(x, word, 1, &v);
}

static void set_pump(t_latent_dataset_session *x);

static int set_send(t_latent_dataset_session *x, t_latent_job_queue *m, latent_job *job)
{
    if (job && latent_job_queue_send(m, job) >= 0)
        return 0;
    set_error(x, "there is no memory, or no thread, to work with");
    return -1;
}

/* ---- showing */

static void set_show(t_latent_dataset_session *x, int at)
{
    const latent_dataset_entry *q = latent_dataset_at(x->x_set, at);
    x->x_at = at;
    set_send(
        x, x->x_show,
        (latent_job *)latent_sample_job(x->x_media, LATENT_SHOW, q, at, x->x_take, *x->x_settings));
}

/* Says what is known of a picture; of copies, for a patch may change the set when it hears it. */
static void set_tell(t_latent_dataset_session *x, int at)
{
    static const char *const verdicts[] = {"undecided", "accepted", "rejected"};
    const latent_dataset_entry *q = latent_dataset_at(x->x_set, at);
    const char *found = latent_dataset_class(x->x_set, q->label);
    double place[2] = {at + 1, latent_dataset_count(x->x_set)};
    char english[LATENT_CAPTION], chinese[LATENT_CAPTION], kind[LATENT_CAPTION];
    char name[MAXPDSTRING];
    snprintf(english, sizeof(english), "%s", q->english);
    snprintf(chinese, sizeof(chinese), "%s", q->chinese);
    snprintf(kind, sizeof(kind), "%s", found ? found : "");
    snprintf(name, sizeof(name), "%s", q->name);
    set_words(x, "verdict", verdicts[q->verdict]);
    set_words(x, "caption", chinese);
    set_words(x, "caption", english);
    set_words(x, "class", kind);
    set_words(x, "file", name);
    set_say(x, "plate", 2, place);
}

static void set_shown(void *z, latent_job *job)
{
    t_latent_dataset_session *x = z;
    t_plate_job *p = (t_plate_job *)job;
    const latent_dataset_entry *q = latent_dataset_at(x->x_set, p->index);
    if (!q || p->take != x->x_take || strcmp(q->name, p->name))
        return;
    x->x_users++;
    set_tell(x, p->index);
    if (job->failed || *p->why.text)
        set_error(x, job->failed ? job->error.text : p->why.text);
    if (p->before && !x->x_dead)
        latent_promise_send(x->x_before, p->before);
    if (p->after && !x->x_dead)
        latent_promise_send(x->x_after, p->after);
    set_let_go(x);
}

void latent_dataset_session_go(t_latent_dataset_session *x, t_float n)
{
    int count = latent_dataset_count(x->x_set);
    if (!count)
        latent_complain(x->x_obj, "there is no picture yet; \"read plates\" reads a folder");
    else if (!(n >= 1 && n < (t_float)count + 1))
        latent_complain(x->x_obj, "go wants a picture's number from 1 to %d, but %g came", count,
                        (double)n);
    else
        set_show(x, latent_whole(n, 1, count) - 1);
}

void latent_dataset_session_walk(t_latent_dataset_session *x, int by)
{
    int count = latent_dataset_count(x->x_set), at = x->x_at < 0 ? (by < 0) - (by > 0) : x->x_at;
    for (int tries = 0; by && tries < count; tries++) { /* past what can't be made ready */
        at = (at + by + count) % count;
        if (!latent_dataset_at(x->x_set, at)->failed)
            break;
    }
    latent_dataset_session_go(x, (t_float)(at + 1));
}

void latent_dataset_session_decide(t_latent_dataset_session *x, latent_selection verdict)
{
    latent_dataset_entry *q = latent_dataset_at(x->x_set, x->x_at);
    if (!q) {
        latent_complain(x->x_obj, "no picture is shown that could be decided on; next shows one");
        return;
    }
    q->verdict = verdict;
    latent_dataset_session_walk(x, 1);
}

/* ---- making ready, one by one */

static int set_prepare(t_latent_dataset_session *x)
{
    int count = latent_dataset_count(x->x_set);
    const latent_dataset_entry *q;
    while ((q = latent_dataset_at(x->x_set, x->x_next)) && !q->stale)
        x->x_next++;
    if (x->x_preparing || x->x_next >= count)
        return 0;
    x->x_preparing = 1;
    if (!set_send(x, x->x_plates,
                  (latent_job *)latent_sample_job(x->x_media, LATENT_PREPARE, q, x->x_next,
                                                  x->x_take, *x->x_settings)))
        return 1;
    x->x_preparing = 0;
    x->x_next = count;
    return 0;
}

static void set_add(t_latent_dataset_session *x, t_plate_job *p)
{
    latent_error e;
    int at;
    if (p->job.failed) {
        set_error(x, p->job.error.text);
        return;
    }
    at = latent_dataset_push(x->x_set, p->plate, p->original, x->x_english, x->x_chinese,
                             x->x_limit, &e);
    p->plate = NULL;
    *x->x_english = *x->x_chinese = 0;
    if (at < 0)
        set_error(x, e.text);
    else
        set_number(x, "added", ++x->x_added);
}

/* An entry has its picture, or has none. */
static void set_enter(t_latent_dataset_session *x, t_plate_job *p)
{
    latent_error e;
    int count = latent_dataset_count(x->x_set);
    int full = latent_dataset_ready(x->x_set, p->index, p->plate, &e);
    p->plate = NULL;
    x->x_next = full ? count : p->index + 1;
    if (full)
        set_error(x, e.text);
    if (p->job.failed) {
        char sentence[MAXPDSTRING];
        snprintf(sentence, sizeof(sentence), "%s is left out: %s", p->name, p->job.error.text);
        latent_complain(x->x_obj, "%s", sentence);
        set_words(x, "skipped", sentence);
    }
    set_number(x, "progress", (double)(p->index + 1) / count);
    if (p->index + 1 >= count && !x->x_dead) {
        latent_dataset_statistics s;
        latent_dataset_measure(x->x_set, &s);
        set_number(x, "ready", s.ready);
    }
}

static void set_prepared(void *z, latent_job *job)
{
    t_latent_dataset_session *x = z;
    t_plate_job *p = (t_plate_job *)job;
    const latent_dataset_entry *q = latent_dataset_at(x->x_set, p->index);
    x->x_users++;
    if (p->purpose == LATENT_PUSH)
        set_add(x, p);
    else {
        x->x_preparing = 0;
        if (q && p->take == x->x_take && !strcmp(q->name, p->name))
            set_enter(x, p);
        set_pump(x);
    }
    set_let_go(x);
}

/* ---- writing, one by one */

static void set_store_end(t_latent_dataset_session *x)
{
    if (x->x_index)
        fclose(x->x_index);
    free(x->x_text);
    x->x_index = NULL;
    x->x_text = NULL;
    *x->x_to = 0;
}

/* The next thing to be written: the folder, a picture, or index.json when there is none left. */
static t_store_job *set_store_next(t_latent_dataset_session *x)
{
    t_store_job *s;
    const latent_dataset_entry *q;
    if (x->x_store < 0) {
        if ((s = latent_store_job(x->x_media, x->x_to, "")))
            snprintf(s->from, sizeof(s->from), "%s", x->x_folder);
        return s;
    }
    while ((q = latent_dataset_at(x->x_set, x->x_store)) && !latent_dataset_entry_used(q))
        x->x_store++;
    if (!(s = latent_store_job(x->x_media, x->x_to, q ? q->output : "index.json")))
        return NULL;
    if (q)
        s->plate = latent_sample_retain(q->plate);
    else {
        fputs(ftell(x->x_index) ? "\n]\n" : "[]\n", x->x_index);
        if (!fclose(x->x_index)) {
            s->text = x->x_text;
            s->size = x->x_text_size;
            x->x_text = NULL;
        }
    }
    x->x_index = q ? x->x_index : NULL;
    if (q || s->text)
        return s;
    s->job.discard(&s->job);
    return NULL;
}

static int set_store(t_latent_dataset_session *x)
{
    if (x->x_dead || !*x->x_to || x->x_storing || x->x_next < latent_dataset_count(x->x_set))
        return 0; /* what is not ready yet is waited for */
    x->x_storing = 1;
    if (!set_send(x, x->x_disk, (latent_job *)set_store_next(x)))
        return 1;
    x->x_storing = 0;
    set_store_end(x);
    return 0;
}

static void set_stored(void *z, latent_job *job)
{
    t_latent_dataset_session *x = z;
    const t_store_job *s = (t_store_job *)job;
    const latent_dataset_entry *q = latent_dataset_at(x->x_set, x->x_store);
    x->x_users++;
    x->x_storing = 0;
    if (job->failed) {
        set_store_end(x);
        set_error(x, job->error.text);
    } else if (!*x->x_to)
        set_error(x, "the set was changed while it was written; write it again");
    else if (s->text) {
        t_atom folder;
        SETSYMBOL(&folder, gensym(x->x_to));
        set_store_end(x);
        outlet_anything(x->x_info, gensym("written"), 1, &folder);
    } else {
        if (s->plate && q)
            latent_dataset_line(q, x->x_index);
        x->x_store++;
        set_number(x, "progress", (double)x->x_store / (1 + latent_dataset_count(x->x_set)));
    }
    set_pump(x);
    set_let_go(x);
}

void latent_dataset_session_write(t_latent_dataset_session *x, t_symbol *folder)
{
    char to[MAXPDSTRING];
    if (!*folder->s_name)
        latent_complain(x->x_obj, "write wants a folder, as in \"write cleaned\"");
    else if (*x->x_to)
        latent_complain(x->x_obj, "%s is being written; wait until it is told", x->x_to);
    else if (!latent_dataset_count(x->x_set))
        latent_complain(x->x_obj, "there is no picture yet that could be written");
    else if (latent_place(x->x_obj, NULL, x->x_canvas, folder->s_name, to))
        return;
    else if (!(x->x_index = open_memstream(&x->x_text, &x->x_text_size)))
        latent_complain(x->x_obj, "there is no memory to write with");
    else {
        strcpy(x->x_to, to);
        x->x_store = -1;
        set_pump(x);
    }
}

/* Goes on with what is to be done; offline each job is done when it has been sent. */
static void set_pump(t_latent_dataset_session *x)
{
    if (x->x_pumping || x->x_dead) /* the one that goes on already takes this as well */
        return;
    x->x_users++;
    x->x_pumping = 1;
    while (!x->x_dead && (set_prepare(x) || set_store(x)))
        ;
    x->x_pumping = 0;
    set_let_go(x);
}

/* ---- where pictures come from */

static void set_forget(t_latent_dataset_session *x)
{
    x->x_take++;
    x->x_at = -1;
    x->x_next = 0;
    *x->x_folder = 0;
    if (*x->x_to)
        set_store_end(x);
}

void latent_dataset_session_clear(t_latent_dataset_session *x)
{
    latent_job_queue_cancel(x->x_scan);
    set_forget(x);
    latent_dataset_clear(x->x_set);
}

static void set_scanned(void *z, latent_job *job)
{
    t_latent_dataset_session *x = z;
    t_scan_job *s = (t_scan_job *)job;
    if (job->failed) {
        set_error(x, job->error.text);
        return;
    }
    x->x_users++;
    set_forget(x);
    latent_dataset_take(x->x_set, &s->scan);
    snprintf(x->x_folder, sizeof(x->x_folder), "%s", s->folder ? s->folder : "");
    set_number(x, "found", latent_dataset_count(x->x_set));
    for (int i = 0; i < s->scan.n_skipped && i < SAID && !x->x_dead; i++) {
        latent_complain(x->x_obj, "%s", s->scan.skipped[i]);
        set_words(x, "skipped", s->scan.skipped[i]);
    }
    if (s->scan.n_skipped > SAID && !x->x_dead)
        latent_complain(x->x_obj, "%d more files are left out", s->scan.n_skipped - SAID);
    set_pump(x);
    set_let_go(x);
}

void latent_dataset_session_read(t_latent_dataset_session *x, t_symbol *folder)
{
    char *paths;
    if (!*folder->s_name)
        latent_complain(x->x_obj, "read wants a folder, as in \"read plates\"");
    else if ((paths = latent_find_paths(x->x_obj, x->x_canvas, folder->s_name)))
        set_send(x, x->x_scan, (latent_job *)latent_scan_job(paths));
}

void latent_dataset_session_rule(t_latent_dataset_session *x, const latent_rule *rule,
                                 uint32_t seed, int count)
{
    set_send(x, x->x_scan, (latent_job *)latent_scan_rule_job(rule, seed, count));
}

static void set_computed(void *z, latent_job *job)
{
    t_latent_dataset_session *x = z;
    t_plate_job *p;
    if (job->failed) {
        set_error(x, job->error.text);
        return;
    }
    p = latent_sample_job(x->x_media, LATENT_PUSH, NULL, 0, x->x_take, *x->x_settings);
    if (p)
        p->original = latent_tensor_retain(((latent_request *)job)->value);
    set_send(x, x->x_plates, (latent_job *)p);
}

void latent_dataset_session_image(t_latent_dataset_session *x, latent_node *n, int limit)
{
    latent_request *r = latent_request_new(n, NULL, NULL);
    int replaced;
    x->x_limit = limit;
    x->x_users++; /* offline a patch hears of it before this returns */
    replaced = r ? latent_job_queue_send(x->x_compute, &r->job) : -1;
    if (replaced < 0)
        set_error(x, "there is no memory, or no thread, to work with");
    else if (replaced) { /* the newest wins */
        x->x_dropped += replaced;
        set_number(x, "dropped", x->x_dropped);
    }
    set_let_go(x);
}

void latent_dataset_session_words(t_latent_dataset_session *x, const char *sentence)
{
    char english[LATENT_CAPTION], chinese[LATENT_CAPTION];
    int named = !strncmp(sentence, "en ", 3) || !strncmp(sentence, "zh ", 3);
    sentence += named ? 3 : 0;
    latent_captions_lines(sentence, strlen(sentence), english, chinese);
    if (*english)
        memcpy(x->x_english, english, sizeof(english));
    if (*chinese)
        memcpy(x->x_chinese, chinese, sizeof(chinese));
}

/* ---- numbers */

void latent_dataset_session_statistics(t_latent_dataset_session *x)
{
    latent_dataset_statistics s;
    double counts[4];
    latent_dataset_measure(x->x_set, &s);
    counts[0] = s.pictures;
    counts[1] = s.ready;
    counts[2] = s.accepted;
    counts[3] = s.rejected;
    x->x_users++;
    set_say(x, "deviation", 3, s.deviation);
    set_say(x, "mean", 3, s.mean);
    set_number(x, "classes", latent_dataset_classes(x->x_set));
    set_number(x, "described", s.described);
    set_number(x, "failed", s.failed);
    set_say(x, "pictures", 4, counts);
    set_let_go(x);
}

/* ---- birth and death */

void latent_dataset_session_changed(t_latent_dataset_session *x)
{
    x->x_users++;
    x->x_take++;
    x->x_next = 0;
    latent_dataset_unready(x->x_set);
    if (x->x_at >= 0)
        set_show(x, x->x_at);
    set_pump(x);
    set_let_go(x);
}

latent_dataset *latent_dataset_session_set(t_latent_dataset_session *x)
{
    return x->x_set;
}

t_latent_dataset_session *latent_dataset_session_new(t_object *owner, const t_latent_media *media,
                                                     t_plateset_outlets outlets,
                                                     const latent_sample_settings *settings)
{
    t_latent_dataset_session *x = calloc(1, sizeof(*x));
    if (!x || !(x->x_set = latent_dataset_new())) {
        free(x);
        return NULL;
    }
    x->x_obj = owner;
    x->x_canvas = canvas_getcurrent();
    x->x_media = media;
    x->x_settings = settings;
    x->x_at = -1;
    x->x_after = outlets.after;
    x->x_before = outlets.before;
    x->x_info = outlets.info;
    x->x_scan = latent_job_queue_new(x, LATENT_LOADER, 1, set_scanned);
    x->x_plates = latent_job_queue_new(x, LATENT_LOADER, 0, set_prepared);
    x->x_show = latent_job_queue_new(x, LATENT_LOADER, 1, set_shown);
    x->x_compute = latent_job_queue_new(x, LATENT_EVALUATOR, 1, set_computed);
    x->x_disk = latent_job_queue_new(x, LATENT_WRITER, 0, set_stored);
    return x;
}

void latent_dataset_session_free(t_latent_dataset_session *x)
{
    if (!x)
        return;
    latent_job_queue_free(x->x_scan);
    latent_job_queue_free(x->x_plates);
    latent_job_queue_free(x->x_show);
    latent_job_queue_free(x->x_compute);
    latent_job_queue_free(x->x_disk);
    set_store_end(x);
    latent_dataset_free(x->x_set);
    x->x_dead = 1;
    x->x_users++;
    set_let_go(x);
}
