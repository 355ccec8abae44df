/* walker: see walker.h.  The learner belongs to one job at a time, with the rows that came since
   the one before; what comes meanwhile waits here.  A job brings the learner back, and a player
   that is up to date with what was heard until then: it is told the rest, and takes the old one's
   place. */
#include "walker.h"
#include "box.h"
#include "job_queue.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STEPS 8     /* of learning in one job */
#define PER_ROW 2   /* steps that a row is worth */
#define WAITING 400 /* steps, at most: after the last row it learns on for some seconds */
#define TAIL 12     /* rows that are heard again when a walk is gone back to */

struct _latent_walker {
    t_object *owner;
    const t_latent_walker_settings *settings;
    void (*changed)(void *owner, double loss);
    void (*written)(void *owner);
    latent_learner *learner;             /* NULL: away in a job, or there is none yet */
    latent_player *player;               /* NULL: nothing is learned */
    latent_walk fresh;                   /* rows that the learner has not been given yet */
    latent_walk heard;                   /* the last ones that were heard or said */
    latent_walk since;                   /* those that came while a job is under way */
    latent_walk tail[LATENT_WALK_NAMES]; /* the last rows of each walk, to go back to */
    latent_walk_names names;
    float *row; /* [room] what was said last */
    int wide, room;
    int walk, away, waiting, rows; /* away: a job is under way */
    int stretch, posted; /* counts the jumps, in heard and since; where it was when the job went */
    uint64_t forgets;    /* a bit for each walk that the learner is to forget */
    char *write;         /* a file that waits to be written, or NULL */
    long steps;
    uint64_t said;
    double time;  /* of the last row */
    double usual; /* bits of rows, on the mean */
    int judged;
    t_latent_job_queue *queue;
};

/* ---- the job */

typedef struct {
    latent_job job;
    latent_learner *learner; /* the job's, until it is taken */
    latent_player *player;
    latent_walk fresh, heard;
    latent_walk_names names;
    t_latent_walker_settings settings;
    int steps;
    uint64_t forgets;
    char *reads;  /* paths, one of which is read; or NULL */
    char *writes; /* likewise, a file that is to be written */
    double loss;
} walk_job;

static int read_it(walk_job *j, latent_error *e)
{
    const char *path = j->reads;
    latent_learner *l;
    while (access(path, R_OK) && path[strlen(path) + 1])
        path += strlen(path) + 1;
    if (!(l = latent_learner_read(path, j->settings.keep, &j->names, e)))
        return -1;
    latent_learner_free(j->learner);
    j->learner = l;
    return 0;
}

static int walk_work(latent_job *job)
{
    walk_job *j = (walk_job *)job;
    latent_error *e = &job->error;
    if (j->reads && read_it(j, e))
        return -1;
    if (!j->learner && !(j->learner = latent_learner_new(
                             j->settings.units, (uint32_t)j->settings.seed, j->settings.keep, e)))
        return -1;
    for (int i = 0; i < LATENT_WALK_NAMES; i++)
        if (j->forgets >> i & 1)
            latent_learner_forget(j->learner, i);
    if (latent_learner_rows(j->learner, &j->fresh, e) ||
        latent_learner_learn(j->learner, j->steps, j->settings.recent, &j->loss, &job->cancel, e) ||
        (j->writes && latent_learner_write(j->learner, &j->names, j->writes, e)))
        return -1;
    j->player = latent_learner_player(j->learner, &j->heard, e);
    return !j->player && *e->text ? -1 : 0;
}

static void walk_discard(latent_job *job)
{
    walk_job *j = (walk_job *)job;
    latent_learner_free(j->learner);
    latent_player_free(j->player);
    latent_walk_free(&j->fresh);
    latent_walk_free(&j->heard);
    free(j->reads);
    free(j->writes);
    free(j);
}

/* Takes the learner and the rows along; reads is taken over. */
static void launch(t_latent_walker *w, int steps, char *reads)
{
    walk_job *j = calloc(1, sizeof(*j));
    latent_error e;
    if (!j) {
        latent_complain(w->owner, "no memory to learn");
        free(reads);
        return;
    }
    j->job.work = walk_work;
    j->job.discard = walk_discard;
    j->settings = *w->settings;
    j->steps = steps;
    j->names = w->names;
    j->reads = reads;
    j->loss = (double)NAN;
    latent_walk_init(&j->heard, LATENT_FOLLOW_MEMORY);
    if (latent_walk_append(&j->heard, &w->heard, &e)) {
        latent_complain(w->owner, "%s", e.text);
        walk_discard(&j->job);
        return;
    }
    j->learner = w->learner;
    j->fresh = w->fresh;
    j->forgets = w->forgets;
    j->writes = w->write;
    w->learner = NULL;
    w->forgets = 0;
    w->write = NULL;
    latent_walk_init(&w->fresh, LATENT_WALK_MOST);
    latent_walk_free(&w->since);
    w->posted = w->stretch;
    w->away = 1;
    if (latent_job_queue_send(w->queue, &j->job) < 0) {
        w->away = 0;
        latent_complain(w->owner, "there is no thread to learn with");
    }
}

/* Offline all is done before this returns. */
static void go_on(t_latent_walker *w)
{
    int steps = w->waiting < STEPS || latent_offline() ? w->waiting : STEPS;
    if (w->away || (!steps && !w->write && !w->forgets))
        return;
    w->waiting -= steps;
    launch(w, steps, NULL);
}

/* The new player hears what came while it was made. */
static void catch_up(t_latent_walker *w, latent_player *p)
{
    latent_error e;
    for (int i = 0; w->since.wide == latent_player_wide(p) && i < w->since.n; i++)
        if (latent_player_hear(
                p, w->since.row + (size_t)i * (size_t)w->since.wide, w->since.seconds[i],
                i ? latent_walk_follows(&w->since, i) : w->since.walk[0] == w->posted, NULL, &e))
            latent_complain(w->owner, "%s", e.text);
    latent_player_free(w->player);
    w->player = p;
    w->wide = latent_player_wide(p);
}

/* The last rows of each walk that was read. */
static void find_tails(t_latent_walker *w, const latent_walk *all)
{
    latent_error e;
    for (int i = 0; i < all->n; i++)
        if (latent_walk_add(&w->tail[all->walk[i]], all->row + (size_t)i * (size_t)all->wide,
                            all->wide, all->seconds[i], 0, &e)) {
            latent_complain(w->owner, "%s", e.text);
            return;
        }
}

static void done(void *owner, latent_job *job)
{
    t_latent_walker *w = owner;
    walk_job *j = (walk_job *)job;
    int read = j->reads != NULL, wrote = j->writes && !job->failed;
    w->away = 0;
    w->learner = j->learner;
    j->learner = NULL;
    if (job->failed) {
        latent_complain(w->owner, "%s", job->error.text);
        w->waiting = 0;
        return;
    }
    w->steps = latent_learner_steps(w->learner);
    if (read) {
        w->names = j->names;
        w->rows = latent_learner_walk(w->learner)->n;
        find_tails(w, latent_learner_walk(w->learner));
    }
    if (j->player)
        catch_up(w, j->player);
    j->player = NULL;
    if (read)
        latent_walker_walk(w, gensym(w->names.name[0]));
    go_on(w);
    if (wrote)
        w->written(w->owner);
    else if (read || !isnan(j->loss))
        w->changed(w->owner, j->loss);
}

/* ---- rows */

t_latent_walker *latent_walker_new(t_object *owner, const t_latent_walker_settings *settings,
                                   void (*changed)(void *owner, double loss),
                                   void (*written)(void *owner))
{
    t_latent_walker *w = calloc(1, sizeof(*w));
    if (!w)
        return NULL;
    w->owner = owner;
    w->settings = settings;
    w->changed = changed;
    w->written = written;
    latent_walk_init(&w->fresh, LATENT_WALK_MOST);
    latent_walk_init(&w->heard, LATENT_FOLLOW_MEMORY);
    latent_walk_init(&w->since, LATENT_WALK_MOST);
    for (int i = 0; i < LATENT_WALK_NAMES; i++)
        latent_walk_init(&w->tail[i], TAIL);
    w->names.n = 1;
    w->queue = latent_job_queue_new(w, LATENT_TRAINER, 0, done);
    return w;
}

/* All that was heard and learned. */
static void clear(t_latent_walker *w)
{
    latent_learner_free(w->learner);
    latent_player_free(w->player);
    w->learner = NULL;
    w->player = NULL;
    latent_walk_free(&w->fresh);
    latent_walk_free(&w->heard);
    latent_walk_free(&w->since);
    for (int i = 0; i < LATENT_WALK_NAMES; i++)
        latent_walk_free(&w->tail[i]);
    free(w->write);
    w->write = NULL;
    w->forgets = 0;
    w->names = (latent_walk_names){.n = 1};
    w->wide = w->walk = w->waiting = w->rows = w->judged = w->away = 0;
    w->steps = 0;
    w->usual = 0;
}

void latent_walker_free(t_latent_walker *w)
{
    if (!w)
        return;
    latent_job_queue_free(w->queue);
    clear(w);
    free(w->row);
    free(w);
}

/* A row that was heard or said. */
static int note(t_latent_walker *w, const float *row, int wide, float seconds)
{
    latent_error e;
    if (!latent_walk_add(&w->heard, row, wide, seconds, w->stretch, &e) &&
        (!w->away || !latent_walk_add(&w->since, row, wide, seconds, w->stretch, &e)))
        return 0;
    latent_complain(w->owner, "%s", e.text);
    return -1;
}

static double judge(t_latent_walker *w, double bits)
{
    double surprise = w->judged ? bits - w->usual : (double)NAN;
    double weight = w->judged < 50 ? 1. / (w->judged + 1) : .02;
    if (isnan(bits))
        return bits;
    w->usual += weight * (fmin(bits, 1e4) - w->usual);
    w->judged++;
    return surprise;
}

int latent_walker_hear(t_latent_walker *w, const float *row, int wide, int learn, double *surprise)
{
    float seconds = w->rows ? (float)(clock_gettimesince(w->time) / 1000) : .1f;
    double bits = (double)NAN;
    int follows = w->heard.n && w->heard.walk[w->heard.n - 1] == w->stretch;
    latent_error e;
    if (w->wide && wide != w->wide) {
        latent_complain(w->owner,
                        "a row of %d numbers came, those before have %d; forget begins anew", wide,
                        w->wide);
        return -1;
    }
    if (learn && (latent_walk_add(&w->fresh, row, wide, seconds, w->walk, &e) ||
                  latent_walk_add(&w->tail[w->walk], row, wide, seconds, 0, &e))) {
        latent_complain(w->owner, "%s", e.text);
        return -1;
    }
    if (note(w, row, wide, seconds))
        return -1;
    w->wide = wide;
    w->time = clock_getlogicaltime();
    w->rows++;
    if (w->player && latent_player_hear(w->player, row, seconds, follows, &bits, &e))
        latent_complain(w->owner, "%s", e.text);
    *surprise = judge(w, bits);
    if (learn) {
        w->waiting = w->waiting + PER_ROW < WAITING ? w->waiting + PER_ROW : w->waiting;
        if (w->rows >= LATENT_FOLLOW_LEAST)
            go_on(w);
    }
    return 0;
}

int latent_walker_say(t_latent_walker *w, double *seconds)
{
    latent_saying how = {w->settings->temperature, w->settings->leash, (uint32_t)w->settings->seed,
                         w->said};
    latent_error e;
    float after;
    if (!w->player) {
        latent_complain(w->owner,
                        "nothing is learned yet; send rows, one after the other (at least "
                        "%d)",
                        LATENT_FOLLOW_LEAST);
        return -1;
    }
    if (w->room < w->wide) {
        float *row = realloc(w->row, (size_t)w->wide * sizeof(*row));
        if (!row) {
            latent_complain(w->owner, "no memory for a row");
            return -1;
        }
        w->row = row;
        w->room = w->wide;
    }
    if (latent_player_say(w->player, &how, w->row, &after, &e)) {
        latent_complain(w->owner, "%s", e.text);
        return -1;
    }
    w->said++;
    *seconds = (double)after;
    w->time = clock_getlogicaltime();
    return note(w, w->row, w->wide, after);
}

const float *latent_walker_row(const t_latent_walker *w)
{
    return w->row;
}

int latent_walker_wide(const t_latent_walker *w)
{
    return w->wide;
}

int latent_walker_likely(const t_latent_walker *w, float *share, float *rows)
{
    if (!w->player)
        return -1;
    latent_player_likely(w->player, share, rows);
    return 0;
}

void latent_walker_steps(t_latent_walker *w, int steps)
{
    w->waiting += steps;
    go_on(w);
}

/* ---- walks and files */

static int number_of(const t_latent_walker *w, const char *name)
{
    for (int i = 0; i < w->names.n; i++)
        if (!strcmp(w->names.name[i], name))
            return i;
    return -1;
}

/* The player goes back to where that walk ended. */
static void return_to(t_latent_walker *w, int walk)
{
    const latent_walk *tail = &w->tail[walk];
    latent_error e;
    w->stretch++;
    for (int i = tail->n > TAIL ? tail->n - TAIL : 0; i < tail->n; i++) {
        const float *row = tail->row + (size_t)i * (size_t)tail->wide;
        int follows = w->heard.n && w->heard.walk[w->heard.n - 1] == w->stretch;
        if (w->player && latent_player_hear(w->player, row, tail->seconds[i], follows, NULL, &e))
            latent_complain(w->owner, "%s", e.text);
        if (note(w, row, tail->wide, tail->seconds[i]))
            return;
    }
}

void latent_walker_walk(t_latent_walker *w, t_symbol *name)
{
    int walk = number_of(w, name->s_name);
    if (walk < 0 && w->names.n == LATENT_WALK_NAMES) {
        latent_complain(w->owner, "there are %d walks already; forget makes room",
                        LATENT_WALK_NAMES);
        return;
    }
    if (walk < 0) {
        walk = w->names.n++;
        snprintf(w->names.name[walk], sizeof(w->names.name[walk]), "%.63s", name->s_name);
    }
    w->walk = walk;
    return_to(w, walk);
}

void latent_walker_forget(t_latent_walker *w, t_symbol *name)
{
    int walk = name ? number_of(w, name->s_name) : -1;
    if (!name) {
        latent_job_queue_cancel(w->queue);
        clear(w);
    } else if (walk < 0)
        latent_complain(w->owner, "there is no walk named %s", name->s_name);
    else {
        latent_walk_forget(&w->fresh, walk);
        latent_walk_free(&w->tail[walk]);
        w->forgets |= UINT64_C(1) << walk;
        go_on(w);
    }
}

void latent_walker_seeded(t_latent_walker *w)
{
    w->said = 0;
}

void latent_walker_write(t_latent_walker *w, const char *path)
{
    free(w->write);
    if (!(w->write = strdup(path)))
        latent_complain(w->owner, "no memory to write");
    go_on(w);
}

void latent_walker_read(t_latent_walker *w, char *paths)
{
    latent_walker_forget(w, NULL);
    launch(w, 0, paths);
}

int latent_walker_rows(const t_latent_walker *w)
{
    return w->rows;
}

long latent_walker_learned(const t_latent_walker *w)
{
    return w->steps;
}

const char *latent_walker_name(const t_latent_walker *w)
{
    return w->names.name[w->walk];
}
