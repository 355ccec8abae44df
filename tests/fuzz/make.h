/* make: networks and checkpoints as small as can be, for the fuzzers to begin with. */
#ifndef FUZZ_MAKE_H
#define FUZZ_MAKE_H
#include "engine/base/error.h"

/* Each writes one file; 0, or -1 and a sentence. */
/* A CLIP with the names of Hugging Face's files, or of OpenAI's; its vocabulary has 517 tokens. */
int fuzz_make_clip(const char *path, int hugging_face, latent_error *e);
int fuzz_make_tiny(const char *path, latent_error *e); /* a clip-tiny */
/* The trainings of a clip-tiny, and of a generator. */
int fuzz_make_tiny_training(const char *path, latent_error *e);
int fuzz_make_diffusion(const char *path, latent_error *e); /* a diffusion-tiny */
int fuzz_make_diffusion_training(const char *path, latent_error *e);
int fuzz_make_training(const char *path, latent_error *e);
/* StyleGAN2's generator: kind 0 skip, 1 resnet, 2 orig. */
int fuzz_make_generator(const char *path, int kind, latent_error *e);
/* The same in the layout of rosinality's program, and of NVIDIA's TensorFlow program. */
int fuzz_make_rosinality(const char *path, latent_error *e);
int fuzz_make_tensorflow(const char *path, latent_error *e);

#endif
