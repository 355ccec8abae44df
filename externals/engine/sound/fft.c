/* fft: see fft.h */
#include "fft.h"
#include <fftw3.h>
#include <pthread.h>
#include <stdlib.h>

/* FFTW's planner is shared by the whole process, by other libraries' boxes as well. */
static pthread_once_t planner_once = PTHREAD_ONCE_INIT;

typedef struct t_plans {
    int n;
    fftwf_plan there, back;
    struct t_plans *next;
} t_plans;

static pthread_mutex_t plans_lock = PTHREAD_MUTEX_INITIALIZER;
static t_plans *plans; /* the shared ones */

static latent_fft *room_for(int n)
{
    latent_fft *f = calloc(1, sizeof(*f));
    pthread_once(&planner_once, fftwf_make_planner_thread_safe);
    if (!f)
        return NULL;
    f->n = n;
    f->time = fftwf_alloc_real((size_t)n);
    f->freq = fftwf_alloc_complex((size_t)n / 2 + 1);
    if (f->time && f->freq)
        return f;
    latent_fft_free(f);
    return NULL;
}

static int make_plans(latent_fft *f)
{
    f->there = fftwf_plan_dft_r2c_1d(f->n, f->time, f->freq, FFTW_ESTIMATE | FFTW_PRESERVE_INPUT);
    f->back = fftwf_plan_dft_c2r_1d(f->n, f->freq, f->time, FFTW_ESTIMATE | FFTW_DESTROY_INPUT);
    return f->there && f->back ? 0 : -1;
}

static latent_fft *refuse(latent_fft *f, int n, latent_error *e)
{
    latent_fft_free(f);
    latent_fail(e, "there is no memory for a Fourier transform of %d points", n);
    return NULL;
}

latent_fft *latent_fft_new(int n, latent_error *e)
{
    latent_fft *f = room_for(n);
    return f && !make_plans(f) ? f : refuse(f, n, e);
}

/* Under the lock: the plans for f's length, which f uses from now on; 0, or -1. */
static int share_plans(latent_fft *f)
{
    t_plans *p = plans;
    while (p && p->n != f->n)
        p = p->next;
    if (!p) {
        if (!(p = malloc(sizeof(*p))))
            return -1;
        if (make_plans(f)) {
            free(p);
            return -1;
        }
        *p = (t_plans){f->n, f->there, f->back, plans};
        plans = p;
    }
    f->there = p->there;
    f->back = p->back;
    f->shared = 1;
    return 0;
}

latent_fft *latent_fft_shared(int n, latent_error *e)
{
    latent_fft *f = room_for(n);
    int failed = !f;
    if (f) {
        pthread_mutex_lock(&plans_lock);
        failed = share_plans(f);
        pthread_mutex_unlock(&plans_lock);
    }
    return failed ? refuse(f, n, e) : f;
}

void latent_fft_free(latent_fft *f)
{
    if (!f)
        return;
    if (f->there && !f->shared)
        fftwf_destroy_plan(f->there);
    if (f->back && !f->shared)
        fftwf_destroy_plan(f->back);
    fftwf_free(f->time);
    fftwf_free(f->freq);
    free(f);
}

/* The plans are for memory that begins and is aligned as FFTW's own: any latent_fft's is. */
void latent_fft_forward(latent_fft *f)
{
    fftwf_execute_dft_r2c(f->there, f->time, f->freq);
}

void latent_fft_inverse(latent_fft *f)
{
    fftwf_execute_dft_c2r(f->back, f->freq, f->time);
}
