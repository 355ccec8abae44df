/* source_folder: see source_folder.h */
#include "source_folder.h"
#include "dataset.h"

static int add(latent_dataset *set, int i, latent_picture_reader read, int size,
               const atomic_int *cancel, int *left_out, latent_error *e)
{
    const latent_sample_settings settings = {size, LATENT_CROP, 0};
    latent_tensor *picture = read(latent_dataset_at(set, i)->path, 3, cancel, e);
    latent_sample *plate = picture ? latent_sample_make(picture, settings, e) : NULL;
    latent_tensor_release(picture);
    *left_out += !plate;
    return latent_dataset_ready(set, i, plate, e);
}

latent_source *latent_source_folder(const char *folder, int size, int mirrored,
                                    latent_picture_reader read, const atomic_int *cancel,
                                    int *left_out, latent_error *e)
{
    latent_dataset *set = latent_dataset_new();
    latent_source *s = NULL;
    latent_scan scan = {0};
    int failed = 0;
    *left_out = 0;
    if (!set)
        latent_fail(e, "there is no memory for a set of pictures");
    else if (!latent_scan_folder(&scan, folder, cancel, e)) {
        latent_dataset_take(set, &scan);
        latent_dataset_mirror(set, mirrored);
        for (int i = 0; i < latent_dataset_count(set) && !failed; i++)
            failed = atomic_load(cancel) ? latent_fail(e, "it was cancelled")
                                         : add(set, i, read, size, cancel, left_out, e);
        if (!failed && *left_out == latent_dataset_count(set))
            failed = 1; /* e says what is wrong with the last of them */
        if (!failed)
            s = latent_dataset_source(set, e);
    }
    latent_scan_free(&scan);
    latent_dataset_free(set);
    return s;
}
