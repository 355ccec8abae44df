/* recording: see recording.h */
#include "recording.h"
#include "../base/number.h"
#include "../picture/pixels.h"
#include "picture.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* A picture as it goes to disk, in one block. */
typedef struct {
    int h, w, channels;
    size_t n_chunks;
    uint8_t bytes[]; /* pixels, then chunks */
} picture;

static int chunks_of(const latent_recording_target *t, latent_node *n, uint8_t **chunks,
                     size_t *size, latent_error *e)
{
    latent_metadata notes = {.has_seed = t->has_seed, .seed = t->seed};
    int failed;
    memcpy(notes.patch, t->patch, sizeof(notes.patch));
    failed = latent_provenance_of(n, &notes.origin, e) ||
             latent_metadata_chunks(&notes, chunks, size, e);
    latent_metadata_free(&notes);
    return failed;
}

static int digest(latent_request *r, latent_error *e)
{
    const latent_recording_target *t = r->settings;
    const latent_shape s = r->value->shape;
    int channels = t->film ? 3 : s.c;
    size_t n_pixels = (size_t)s.h * (size_t)s.w * (size_t)channels, n_chunks = 0;
    uint8_t *chunks = NULL;
    picture *p;
    if (latent_pixels_check(s, e) || (!t->film && chunks_of(t, r->node, &chunks, &n_chunks, e)))
        return -1;
    if (!(p = r->result = malloc(sizeof(*p) + n_pixels + n_chunks))) {
        free(chunks);
        return latent_fail(e, "there is no memory to write a picture");
    }
    *p = (picture){.h = s.h, .w = s.w, .channels = channels, .n_chunks = n_chunks};
    latent_pixels_from(r->value, channels, p->bytes);
    if (n_chunks)
        memcpy(p->bytes + n_pixels, chunks, n_chunks);
    free(chunks);
    return 0;
}

latent_request *latent_recording_request(latent_node *n, const latent_recording_target *t)
{
    latent_recording_target *own = malloc(sizeof(*own));
    if (own)
        *own = *t;
    return own ? latent_request_new(n, digest, own) : NULL;
}

static int write_picture(const latent_recording_job *j, latent_error *e)
{
    const picture *p = j->picture;
    size_t n_pixels = (size_t)p->h * (size_t)p->w * (size_t)p->channels;
    if (j->film)
        return latent_film_add(j->film, p->bytes, p->h, p->w, j->target.at, e);
    return latent_picture_write_with(j->target.path, p->bytes, p->h, p->w, p->channels,
                                     p->bytes + n_pixels, p->n_chunks, e);
}

/* The first one of all when none does. */
static const char *first_that_exists(const char *paths)
{
    struct stat st;
    for (const char *path = paths; *path; path += strlen(path) + 1)
        if (!stat(path, &st))
            return path;
    return paths;
}

static int work(latent_job *job)
{
    latent_recording_job *j = (latent_recording_job *)job;
    latent_error *e = &job->error;
    int failed;
    switch (j->target.step) {
    case LATENT_TAKE_OPEN:
        if (!j->target.film)
            return latent_folder_make(j->target.path, e) ||
                           latent_folder_clear(j->target.path, j->kept, e)
                       ? -1
                       : 0;
        j->settings.sound = j->sounds ? first_that_exists(j->sounds) : NULL;
        j->film = latent_film_open(j->target.path, &j->settings, e);
        if (j->film && latent_film_had_older(j->film))
            strcpy(j->kept, "~");
        return j->film ? 0 : -1;
    case LATENT_TAKE_CLOSE:
        if (!j->film)
            return 0;
        failed = latent_film_close(j->film, j->target.at, e);
        j->spoiled = latent_film_spoiled(j->film);
        return failed;
    default:
        return write_picture(j, e);
    }
}

static void discard(latent_job *job)
{
    latent_recording_job *j = (latent_recording_job *)job;
    latent_film_release(j->film);
    free(j->picture);
    free(j->sounds);
    free(j);
}

latent_recording_job *latent_recording_job_new(const latent_recording_target *t, void *picture,
                                               latent_film *film)
{
    latent_recording_job *j = calloc(1, sizeof(*j));
    if (!j) {
        free(picture);
        return NULL;
    }
    j->job.work = work;
    j->job.discard = discard;
    j->target = *t;
    j->picture = picture;
    j->film = film ? latent_film_retain(film) : NULL;
    return j;
}

/* ---- pace */

int64_t latent_pace_now(const latent_pace *p, double ms)
{
    return latent_whole64(ms * p->fps / 1000 + 0.5);
}

int64_t latent_pace_for(const latent_pace *p, double ms)
{
    int64_t now = latent_pace_now(p, ms);
    return now > p->placed ? now : p->placed + 1;
}

void latent_pace_take(latent_pace *p, int64_t place)
{
    if (p->placed >= 0)
        p->late += (int)(place - p->placed - 1);
    p->placed = place;
}
