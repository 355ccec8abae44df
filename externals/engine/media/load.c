/* load: see load.h */
#include "load.h"
#include "../base/system.h"
#include "../ops/ops.h"
#include "picture.h"
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int stamp_equal(const latent_stamp *a, const latent_stamp *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec &&
           a->channels == b->channels;
}

static int take_picture(latent_load *l, latent_tensor *t)
{
    if (t)
        l->node = latent_op_picture(t, &l->job.error);
    latent_tensor_release(t);
    return l->node ? 0 : -1;
}

static int load_frame(latent_load *l)
{
    return take_picture(
        l, latent_film_reader_frame(l->reel, l->frame, l->channels, &l->job.cancel, &l->job.error));
}

static int load_file(latent_load *l, const char *path, const struct stat *st)
{
    latent_error *e = &l->job.error;
    l->found = (latent_stamp){st->st_dev, st->st_ino, st->st_size, latent_changed(st), l->channels};
    if (stamp_equal(&l->found, &l->known))
        return 0;
    if (latent_film_reader_open(path, &l->job.cancel, &l->job.permille, &l->reel, e))
        return -1;
    if (l->reel)
        return load_frame(l);
    if (take_picture(l, latent_picture_read(path, l->channels, &l->job.cancel, e)))
        return -1;
    return latent_metadata_read(path, &l->notes, e);
}

static int work(latent_job *job)
{
    latent_load *l = (latent_load *)job;
    struct stat st;
    if (!l->paths)
        return load_frame(l);
    for (const char *path = l->paths; *path; path += strlen(path) + 1)
        if (!stat(path, &st))
            return load_file(l, path, &st);
    return latent_fail(&job->error,
                       "there is no such file; it was looked for beside the patch and in Pd's path "
                       "(first as %s)",
                       l->paths);
}

static void discard(latent_job *job)
{
    latent_load *l = (latent_load *)job;
    latent_node_release(l->node);
    latent_film_reader_release(l->reel);
    latent_metadata_free(&l->notes);
    free(l->paths);
    free(l);
}

latent_load *latent_load_new(int channels)
{
    latent_load *l = calloc(1, sizeof(*l));
    if (!l)
        return NULL;
    l->job.work = work;
    l->job.discard = discard;
    l->channels = channels;
    return l;
}
