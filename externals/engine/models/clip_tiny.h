/* clip_tiny: a CLIP (Radford et al. 2021) small enough to be trained in an hour on two cores and to
   guide at every frame, for English and Chinese alike.  This is its plan, which the reader
   (clip_tiny.c) and the trainer (train/clip.h) share.

       picture [64][64][3] in [-1, 1] -> squares of 2 x 2 -> convolution 3 x 3 -> gelu
         each stage: squares of 2 x 2 -> layer norm -> projection (a quarter of the pixels, more
                     channels), then blocks  x + project(gelu(conv3x3(norm(x))))
         -> layer norm -> mean over the pixels = the pooled features -> projection
       text -> words, each a sum of rows of a table (text/grams.h)
         each layer: x + conv3(gelu(x)) over a word and its two neighbours
         -> mean over the words -> x + down(gelu(up(norm(x)))) -> layer norm -> projection

   The words know no places, so that short prompts and long captions are read alike.  gelu is the
   quick one.  A file is safetensors whose metadata names the architecture ("clip-tiny"), the
   tokeniser ("grams") and the sizes below under their names ("width" and "blocks" as numbers with
   spaces between). */
#ifndef LATENT_CLIP_TINY_H
#define LATENT_CLIP_TINY_H
#include "../text/grams.h"
#include "model.h"
#include <stddef.h>

#pragma GCC visibility push(default)

#define LATENT_TINY_STAGES 4
#define LATENT_TINY_BLOCKS 8

typedef struct {
    int resolution; /* of the pictures; a multiple of 2^(stages + 1) */
    int stem;       /* channels of the first convolution */
    int stages;
    int width[LATENT_TINY_STAGES];  /* channels */
    int blocks[LATENT_TINY_STAGES]; /* 0 to LATENT_TINY_BLOCKS */
    int embedding;
    int rows; /* of the table of words */
    int text_width, text_layers, text_hidden;
    int context; /* the most words of a text */
} latent_tiny_sizes;

/* The built-in one's: 64 pixels, 2.0 million parameters. */
latent_tiny_sizes latent_tiny_default(void);

/* What a tensor is, which tells how it begins. */
typedef enum {
    LATENT_TINY_WEIGHT,
    LATENT_TINY_GAIN,
    LATENT_TINY_BIAS,
    LATENT_TINY_TABLE
} latent_tiny_kind;
typedef struct {
    char name[64];
    latent_tiny_kind kind;
    int rank;
    int64_t dim[4]; /* [out][in], convolutions [out][in][3][3], of words [out][in][3] */
    size_t count;
} latent_tiny_tensor;

/* Tensor number i of a network of these sizes, in the order of the list: 1, or 0 after the last. */
int latent_tiny_tensor_at(const latent_tiny_sizes *s, int i, latent_tiny_tensor *t);
/* Which number has what: that of a layer's or norm's weight, whose bias is the next. */
#define LATENT_TINY_TENSORS 256
typedef struct {
    int stem;
    struct {
        int norm, merge;
        struct {
            int norm, conv, project;
        } block[LATENT_TINY_BLOCKS];
    } stage[LATENT_TINY_STAGES];
    int norm, projection;
    int words; /* no bias */
    int layer[LATENT_TINY_BLOCKS];
    int text_norm, up, down, last, text_projection;
    int count;
} latent_tiny_map;
latent_tiny_map latent_tiny_map_of(const latent_tiny_sizes *s);
/* -1 and a sentence when no network has these sizes. */
int latent_tiny_check(const latent_tiny_sizes *s, latent_error *e);
/* The sizes that a file tells. */
int latent_tiny_read_sizes(const latent_weights *w, latent_tiny_sizes *s, latent_error *e);
/* Tensor t out of a file, t->count floats in the file's order; -1 and a sentence where it is
   missing or has another shape. */
int latent_tiny_fetch(latent_weights *w, const latent_tiny_tensor *t, float *to, latent_error *e);
/* The metadata of a file: 0 to LATENT_TINY_META pairs; text holds the values. */
#define LATENT_TINY_META 16
int latent_tiny_meta(const latent_tiny_sizes *s, latent_meta_out *meta, char text[][48]);

/* The network over promises of its tensors, as the map numbers them: constants where it is
   played, leaves of parameters (train/parameters.h) where it learns.  Convolutions as
   latent_op_conv() takes them, all others [1][1][out][the rest].  The nodes are held. */
typedef struct {
    latent_tiny_sizes sizes;
    latent_tiny_map map;
    latent_node *node[LATENT_TINY_TENSORS];
} latent_tiny_net;
/* Lets the nodes go. */
void latent_tiny_net_clear(latent_tiny_net *net);
/* Of pictures [n][resolution][resolution][3] what is pooled, [n][side][side][width of the last
   stage], and the embeddings [n][1][1][embedding], not normalised; of n texts likewise.  Promises,
   or NULL and a sentence. */
latent_node *latent_tiny_features(const latent_tiny_net *net, latent_node *pictures,
                                  latent_error *e);
latent_node *latent_tiny_pictures(const latent_tiny_net *net, latent_node *pictures,
                                  latent_error *e);
latent_node *latent_tiny_texts(const latent_tiny_net *net, const latent_grams *texts, int n,
                               latent_error *e);

/* That of a model, which holds it; NULL where the model is something else. */
const latent_tiny_net *latent_tiny_net_of(const latent_model *m);

/* A network of float32 numbers: tensor number i is at data + at[i], row after row as in a file.
   NULL and a sentence. */
latent_model *latent_tiny_model(const latent_tiny_sizes *s, const float *data, const size_t *at,
                                const char *label, latent_error *e);

#pragma GCC visibility pop
#endif
