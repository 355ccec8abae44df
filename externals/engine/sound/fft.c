/* fft: see fft.h */
#include "fft.h"
#include <fftw3.h>
#include <pthread.h>
#include <stdlib.h>

/* FFTW's planner is shared by the whole process, by other libraries' boxes as well. */
static pthread_once_t planner_once = PTHREAD_ONCE_INIT;

latent_fft *latent_fft_new(int n, latent_error *e)
{
    latent_fft *f = calloc(1, sizeof(*f));
    pthread_once(&planner_once, fftwf_make_planner_thread_safe);
    if (f) {
        f->n = n;
        f->time = fftwf_alloc_real((size_t)n);
        f->freq = fftwf_alloc_complex((size_t)n / 2 + 1);
    }
    if (f && f->time && f->freq) {
        f->there = fftwf_plan_dft_r2c_1d(n, f->time, f->freq, FFTW_ESTIMATE | FFTW_PRESERVE_INPUT);
        f->back = fftwf_plan_dft_c2r_1d(n, f->freq, f->time, FFTW_ESTIMATE | FFTW_DESTROY_INPUT);
    }
    if (f && f->there && f->back)
        return f;
    latent_fft_free(f);
    latent_fail(e, "there is no memory for a Fourier transform of %d points", n);
    return NULL;
}

void latent_fft_free(latent_fft *f)
{
    if (!f)
        return;
    if (f->there)
        fftwf_destroy_plan(f->there);
    if (f->back)
        fftwf_destroy_plan(f->back);
    fftwf_free(f->time);
    fftwf_free(f->freq);
    free(f);
}

void latent_fft_forward(latent_fft *f)
{
    fftwf_execute(f->there);
}

void latent_fft_inverse(latent_fft *f)
{
    fftwf_execute(f->back);
}
