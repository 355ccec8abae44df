/* mail: jobs from a box to a worker thread, and their results back on Pd's clock.  Offline ("pd
   -batch", LATENT_SYNC=1, or "sync 1" to [latent.engine]) the job is done, and the result
   delivered, before latent_mail_send() returns, and nothing is dropped. */
#ifndef LATENT_MAIL_H
#define LATENT_MAIL_H
#include "engine/work.h"
#include <m_pd.h>

#pragma GCC visibility push(default)

typedef struct _latent_mail t_latent_mail;

/* done is called on Pd's thread for every finished job that is still wanted (job->failed and
   job->error say how it went); the job is discarded after it.  done may send to outlets, send new
   jobs, and even be the end of its owner. */
t_latent_mail *latent_mail_new(void *owner, latent_worker worker, int newest,
                               void (*done)(void *owner, latent_job *job));
/* Takes the job over.  Returns how many waiting jobs it replaced (newest), or -1 after an error. */
int latent_mail_send(t_latent_mail *m, latent_job *job);
/* Asked every few milliseconds while something is under way, on Pd's thread: for "progress";
   offline every second, from the second one on, and what is asked may cancel the job. */
void latent_mail_watch(t_latent_mail *m, void (*progress)(void *owner, int permille));
int latent_mail_busy(t_latent_mail *m);
void latent_mail_cancel(t_latent_mail *m);
/* Cancels; never waits.  First thing in an object's free method; m may be NULL. */
void latent_mail_free(t_latent_mail *m);

/* Is the same patch to give the same bytes, every time, nothing dropped? */
int latent_offline(void);
void latent_offline_set(int on);

#pragma GCC visibility pop
#endif
