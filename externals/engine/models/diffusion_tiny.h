/* diffusion_tiny: a denoiser (Ho et al. 2020) small enough to be trained in an hour on two cores
   and to draw while it is watched: it finds in noise the fish that a sentence tells of.  This is
   its plan, which the reader (diffusion_tiny.c) and the trainer (train/diffusion.h) share.

   A rectified flow (Liu et al. 2022): x = (1 - t) clean + t noise, the level t from 0 to 1; the
   network says the velocity noise - clean.  Pictures are (x - mean) / deviation inside.

       picture -> squares of shuffle x shuffle pixels as channels, and one more of ones
         -> convolution 3 x 3                                                            "input"
         down0, down1 ...: (a quarter of the pixels, 1 x 1 to the next width,) block
         mid: block, attention between the pixels, block
         up0, up1 ...: (1 x 1 to the next width, four times the pixels,) what the down of the same
                       size gave beside it, block
         -> convolution 3 x 3, times a gain -> squares become pixels                     "rgb"
       e = silu(W waves of t + W words): a sentence is the embedding of a clip-tiny, at the length
           sqrt(numbers); without one there is a learned list in its place
       block: x -> conv(silu(x)) -> times 1 + gain W e (FiLM) -> silu -> conv -> y;
              (0.7 x + 0.3 y) / sqrt(0.58)

   No norms: each output's weights have the length 1, silu is over 0.596, sums are as above, so that
   numbers stay about as large as they are (Karras et al. 2024, "EDM2").  A file is safetensors
   whose metadata names the architecture ("diffusion-tiny") and the sizes below under their names
   ("width" as numbers with spaces between). */
#ifndef LATENT_DIFFUSION_TINY_H
#define LATENT_DIFFUSION_TINY_H
#include "model.h"

#pragma GCC visibility push(default)

#define LATENT_DIFFUSION_LEVELS 5
#define LATENT_DIFFUSION_TENSORS 128
#define LATENT_DIFFUSION_META 16
#define LATENT_DIFFUSION_NOTHING 2 /* number of the tensor that stands for no words */

typedef struct {
    int resolution; /* of the pictures */
    int channels;   /* of the pictures */
    int shuffle;    /* side of the squares of pixels that become channels; 1: none do */
    int levels;
    int width[LATENT_DIFFUSION_LEVELS]; /* channels, fine to coarse */
    int heads;                          /* of the attention */
    int waves;                          /* numbers that tell the level */
    int words;                          /* numbers of a sentence */
    int embedding;                      /* numbers of e */
    float mean, deviation;              /* of the pictures */
} latent_diffusion_sizes;

/* The built-in one's but for the resolution: 2.6 million parameters.  Squares of 2 pixels from 16
   to 64 pixels, of 4 up to 128, and so on. */
latent_diffusion_sizes latent_diffusion_usual(int resolution);
/* -1 and a sentence when no network has these sizes. */
int latent_diffusion_check(const latent_diffusion_sizes *s, latent_error *e);

typedef struct {
    char name[48];
    int rank; /* 0: a gain, which begins at 0 */
    int64_t dim[4];
    size_t count;
    int rows;     /* whose numbers are brought to a length; 0: they are as they are */
    float length; /* that one */
} latent_diffusion_tensor;

/* Tensor number i of a network of these sizes, in the order of the list: 1, or 0 after the last. */
int latent_diffusion_tensor_at(const latent_diffusion_sizes *s, int i, latent_diffusion_tensor *t);
int latent_diffusion_count(const latent_diffusion_sizes *s);
/* The shape in which the graph wants it. */
latent_shape latent_diffusion_shape(const latent_diffusion_tensor *t);

/* A network as the graph has it: each weight a promise, of a constant or of a variable, at its
   length. */
typedef struct {
    latent_diffusion_sizes sizes;
    latent_node *weight[LATENT_DIFFUSION_TENSORS]; /* held */
} latent_diffusion_net;
void latent_diffusion_net_free(latent_diffusion_net *net); /* leaves it cleared */

/* What goes from stage to stage. */
typedef struct {
    latent_node *x, *e;                           /* held */
    latent_node *beside[LATENT_DIFFUSION_LEVELS]; /* held: what the downs gave, or NULL */
} latent_diffusion_state;
void latent_diffusion_state_free(latent_diffusion_state *s); /* leaves it cleared */

/* How many stages there are between input and rgb, and their names: "down0" ... "mid" ... */
int latent_diffusion_stages(const latent_diffusion_sizes *s);
void latent_diffusion_stage_name(const latent_diffusion_sizes *s, int stage, char name[12]);

/* The chain.  x [n][side][side][channels] noised pictures as they are inside; level[n], n at most
   64; words [n or 1][1][1][words] of length sqrt(words), or NULL for none.  -1 and a sentence, and
   then the state is cleared. */
int latent_diffusion_input(const latent_diffusion_net *net, latent_node *x, const float *level,
                           latent_node *words, latent_diffusion_state *to, latent_error *e);
/* The state after stage, of the one before it. */
int latent_diffusion_stage(const latent_diffusion_net *net, int stage,
                           const latent_diffusion_state *from, latent_diffusion_state *to,
                           latent_error *e);
/* The velocity, like x.  NULL and a sentence. */
latent_node *latent_diffusion_rgb(const latent_diffusion_net *net,
                                  const latent_diffusion_state *from, latent_error *e);
/* All of it at once. */
latent_node *latent_diffusion_velocity(const latent_diffusion_net *net, latent_node *x,
                                       const float *level, latent_node *words, latent_error *e);

/* The sizes that a file tells; and its settings, 0 to LATENT_DIFFUSION_META pairs (text holds the
   values). */
int latent_diffusion_read_sizes(const latent_weights *w, latent_diffusion_sizes *s,
                                latent_error *e);
int latent_diffusion_meta(const latent_diffusion_sizes *s, latent_meta_out *meta, char text[][48]);
/* Are all tensors of these sizes there, of the right shapes, with prefix before their names?  To be
   asked before memory is taken on a file's word.  -1 and a sentence. */
int latent_diffusion_there(const latent_weights *w, const latent_diffusion_sizes *s,
                           const char *prefix, latent_error *e);
/* Tensor t out of a file, t->count floats; -1 and a sentence where it is missing, has another shape
   or numbers that are none. */
int latent_diffusion_fetch(latent_weights *w, const latent_diffusion_tensor *t, float *to,
                           latent_error *e);
/* A network of constants: of a file, or of numbers in memory (tensor number i at data + at[i]).
   The sizes are net's in the latter case.  -1 and a sentence, and then it is cleared. */
int latent_diffusion_net_read(latent_diffusion_net *net, latent_weights *w, latent_error *e);
int latent_diffusion_net_of(latent_diffusion_net *net, const float *data, const size_t *at,
                            latent_error *e);
/* The network as a model, with one holder; takes what net holds over, and leaves it cleared.  NULL
   and a sentence. */
latent_model *latent_diffusion_model(latent_diffusion_net *net, const char *label, latent_error *e);
/* Brings the rows of t to its length times factor. */
void latent_diffusion_lengths(const latent_diffusion_tensor *t, double factor, float *x);

#pragma GCC visibility pop
#endif
