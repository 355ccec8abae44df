/* jobs: slow things, away from Pd's thread.  A worker is a thread that takes jobs; a port is one
   owner's box of letters to a worker: jobs go in, finished jobs come out when the owner asks.  No
   lock is held while a job works, and closing a port never waits. */
#ifndef LATENT_JOBS_H
#define LATENT_JOBS_H
#include "error.h"
#include <stdatomic.h>

#pragma GCC visibility push(default)

/* A job is a struct that begins with this one.  It carries copies of all it needs. */
typedef struct latent_job {
    struct latent_job *next;
    atomic_int cancel;   /* set when nobody wants the result any more */
    atomic_int permille; /* progress, written by work, read by anyone */
    int failed;          /* work returned -1: error says why */
    latent_error error;
    int (*work)(struct latent_job *);     /* on the worker: 0, or -1 and error */
    void (*discard)(struct latent_job *); /* frees the job, on any thread */
} latent_job;

typedef enum {
    LATENT_EVALUATOR, /* computes promises for the boxes */
    LATENT_SEARCHER, /* computes what takes long and nobody sees: recalls, calibrations; stands back
                        behind the evaluator and has an evaluator of its own, as the loader has */
    LATENT_LOADER,   /* reads files */
    LATENT_WRITER,   /* writes files */
    LATENT_TRAINER,  /* trains networks; gives way to everybody */
    LATENT_WORKERS
} latent_worker;

typedef struct latent_port latent_port;

/* newest: a job that still waits is replaced when another comes; otherwise all are done in order.
 */
latent_port *latent_port_new(latent_worker worker, int newest);
/* Takes the job over.  Returns how many waiting jobs it replaced, or -1 when no thread can be had
   (the job is discarded). */
int latent_port_post(latent_port *p, latent_job *job);
/* A finished job, which the caller must discard; NULL when there is none. */
latent_job *latent_port_take(latent_port *p);
/* How many jobs wait or run or are finished and not taken. */
int latent_port_busy(latent_port *p);
/* The progress of the job that runs, 0 to 1000; -1 when none does. */
int latent_port_progress(latent_port *p);
/* For one who has something newer to ask for: tells the job that runs that it is not wanted, when
   it has been at it for half a second and the one before it was not told so, too (or what comes
   faster than it can be done would never be done).  1 when it has: it comes out no more. */
int latent_port_give_up(latent_port *p);
/* Discards what waits or is finished, and tells what runs that it is not wanted. */
void latent_port_cancel(latent_port *p);
/* Cancels and frees the port.  Never waits. */
void latent_port_close(latent_port *p);

/* What takes long and can be done step by step, for any of its kind. */
typedef struct {
    /* The next step, on a worker: 1 when that was the last, 0 when there are more, -1 and a
       sentence. */
    int (*step)(void *what, const atomic_int *cancel, latent_error *e);
    double (*progress)(const void *what); /* 0 to 1, between two steps */
    void (*let_go)(void *what);           /* on any thread */
} latent_steps;

/* Does the job here and now, for offline work: work, then the caller takes it as finished. */
void latent_job_run(latent_job *job);

/* Cancels everything and ends the worker threads; called once when the process ends. */
void latent_workers_stop(void);

#pragma GCC visibility pop
#endif
