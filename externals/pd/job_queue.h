/* job_queue: jobs from a box to a worker thread, and their results back on Pd's clock.  Offline
   ("pd -batch", LATENT_SYNC=1, or "sync 1" to [latent.engine]) the job is done, and the result
   delivered, before latent_job_queue_send() returns, and nothing is dropped. */
#ifndef LATENT_JOB_QUEUE_H
#define LATENT_JOB_QUEUE_H
#include "engine/base/jobs.h"
#include <m_pd.h>

#pragma GCC visibility push(default)

typedef struct _latent_job_queue t_latent_job_queue;

/* done is called on Pd's thread for every finished job that is still wanted (job->failed and
   job->error say how it went); the job is discarded after it.  done may send to outlets, send new
   jobs, and even be the end of its owner. */
t_latent_job_queue *latent_job_queue_new(void *owner, latent_worker worker, int newest,
                                         void (*done)(void *owner, latent_job *job));
/* Takes the job over.  Returns how many waiting jobs it replaced (newest), or -1 after an error. */
int latent_job_queue_send(t_latent_job_queue *m, latent_job *job);
/* Asked every few milliseconds while something is under way, on Pd's thread: for "progress";
   offline every second, from the second one on, and what is asked may cancel the job. */
void latent_job_queue_watch(t_latent_job_queue *m, void (*progress)(void *owner, int permille));
int latent_job_queue_busy(t_latent_job_queue *m);
void latent_job_queue_cancel(t_latent_job_queue *m);
/* Before something newer is asked for: 1 when what is being done takes long and has been given up
   for it, between two layers of a network (see latent_port_give_up()); done does not hear of it. */
int latent_job_queue_give_up(t_latent_job_queue *m);
/* Cancels; never waits.  First thing in an object's free method; m may be NULL. */
void latent_job_queue_free(t_latent_job_queue *m);

/* Is the same patch to give the same bytes, every time, nothing dropped? */
int latent_offline(void);
void latent_offline_set(int on);

#pragma GCC visibility pop
#endif
