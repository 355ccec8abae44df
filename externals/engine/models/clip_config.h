/* clip_config: what the files beside a CLIP tell that its tensors don't: which GELU, how many
   heads, and which mean and deviation pictures are brought to.  Hugging Face's config.json and
   preprocessor_config.json, open_clip's open_clip_config.json. */
#ifndef LATENT_CLIP_CONFIG_H
#define LATENT_CLIP_CONFIG_H
#include "../base/error.h"

/* Known before (from the tensors, or as usual) and changed where a file says so. */
typedef struct {
    int width, heads;
    int quick; /* which gelu */
} latent_clip_tower_config;
typedef struct {
    latent_clip_tower_config picture, text;
    float mean[3], deviation[3]; /* of a picture in [0, 1] */
} latent_clip_config;

/* 0 (also where there are no such files), or -1 and a sentence: a file is damaged, or asks for what
   is not known.  folder ends with a slash. */
int latent_clip_config_hugging_face(latent_clip_config *c, const char *folder, latent_error *e);
int latent_clip_config_open_clip(latent_clip_config *c, const char *folder, latent_error *e);

#endif
