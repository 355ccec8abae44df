/* model: a loaded network, whatever its architecture.  Five kinds are known, each with a small
   interface and dimensions of its own: a generator draws pictures of latents, an encoder makes
   embeddings of pictures and texts, a denoiser takes noise off, a decoder brings pictures to
   features and back, a sequence tells what comes next.  One file may hold several (a diffusion
   network is a denoiser and a decoder).  A new architecture is one file beside this one and one
   line in the table of model.c.  Models are immutable and shared; promises made with one keep it
   alive. */
#ifndef LATENT_MODEL_H
#define LATENT_MODEL_H
#include "../graph/graph.h"
#include "../graph/noise_maps.h"
#include "../ops/ops.h"
#include "../weights/weights.h"
#include "features.h"

#pragma GCC visibility push(default)

#define LATENT_MAX_LAYERS 64
#define LATENT_LAYER_NAME 32 /* room for the name of one, with its end */
#define LATENT_NOT_TO_BE_PLAYED (-2)

typedef struct latent_model latent_model;

/* Told how far a load is, and asked whether it is still wanted. */
typedef struct {
    atomic_int *permille;     /* or NULL */
    const atomic_int *cancel; /* or NULL */
} latent_progress;

/* ---- generators: z -> w, and a chain of layers from w to a picture */

typedef struct {
    int z_dim, w_dim, num_ws; /* num_ws: rows of W+ */
    int classes;              /* 0: not conditional */
    int height, width;        /* of the whole picture */
    int channels;             /* of the picture */
    int n_layers;
    char layers[LATENT_MAX_LAYERS][LATENT_LAYER_NAME]; /* coarse to fine: "4", "8" ... */
    float *w_avg; /* [w_dim], or NULL; malloc'd, freed with the model */
    latent_drawn_by
        drawer; /* the same, a hash (16 hex digits) of the trained weights, equal for the
                             same network in another kind of file, and how far its styles lie from
                             their mean */
} latent_generator_dims;

/* How a generator's chain treats noise maps. */
typedef enum {
    LATENT_NOISE_CONST,
    LATENT_NOISE_NONE,
    LATENT_NOISE_RANDOM,
    LATENT_NOISE_LEARNED,
    LATENT_NOISE_PICTURE
} latent_noise_mode;
typedef struct {
    latent_noise_mode mode;
    uint32_t
        seed; /* of random noise: the same seed gives the same maps; the number of learned maps */
    float strength;       /* times the network's own; 1 as it was trained */
    latent_node *picture; /* that is the map: its middle square, grey; borrowed */
} latent_noise;

/* What a layer is told beside the features. */
typedef struct {
    const float *own; /* a w [w_dim] or W+ [num_ws][w_dim] for this layer alone; NULL: what rides
                         along with the features */
    int rows;         /* of own: 1 or num_ws */
    latent_noise noise;
} latent_layer_context;

typedef struct {
    int moves; /* 1: its input can be transformed */
    int (*map)(const latent_model *m, const float *z, const float *classes, float *w,
               latent_error *e);
    /* transform: a matrix [3][3], row-major, by which the plane that a network without edges draws
       on is turned, moved and enlarged; NULL: as the file has it. */
    latent_node *(*input)(latent_model *m, const float *w, int rows, const float *transform,
                          latent_error *e);
    latent_node *(*layer)(latent_model *m, int layer, latent_node *features,
                          const latent_layer_context *context, latent_error *e);
    /* The weights [out][w_dim] of number i of the affine maps that make styles of row row of W+,
       those of ToRGB left out, with one more holder; NULL when there are no more.  Or NULL where
       styles are made in another way. */
    latent_tensor *(*affine)(const latent_model *m, int row, int i);
} latent_generator_arch;

/* ---- encoders: embeddings of pictures and texts that can be compared */

typedef struct {
    int resolution; /* of the pictures they look at, which are square */
    int embedding;  /* numbers in an embedding */
    int context;    /* the most tokens of a text */
    int depth;      /* how many blocks look at a picture */
} latent_encoder_dims;

typedef struct {
    /* of pictures [n][resolution][resolution][3], and of a text */
    latent_node *(*picture)(latent_model *m, latent_node *pictures, latent_error *e);
    latent_node *(*look)(latent_model *m, latent_node *pictures, int depth, latent_error *e);
    latent_node *(*text)(latent_model *m, const char *text, latent_error *e);
    /* What the embedding of a picture is made of, [n][1][1][features]; NULL where there is none. */
    latent_node *(*pooled)(latent_model *m, latent_node *pictures, latent_error *e);
} latent_encoder_arch;

/* ---- denoisers: from x = a clean + s noise to a guess of what is clean */

typedef struct {
    int channels, height, width; /* of what it works on; height and width: as it was trained */
    int multiple;  /* other sizes must be multiples of this; 0: no other size is taken */
    int embedding; /* numbers of the list that can be its condition; 0: it takes none */
    int context;   /* width of the token states that can be its condition; 0: it takes none */
    int flow;      /* 1: its levels are a = 1 - s (flow matching); 0: a^2 + s^2 = 1 */
    int n_levels;  /* of levels; 0: any level between 0 and 1 */
    float
        *levels; /* [n_levels], the s it was trained with, rising; malloc'd, freed with the model */
} latent_denoiser_dims;

typedef struct {
    /* The clean guess of x [n][h][w][channels] at that level.  words: token states
       [n or 1][1][tokens][context], an embedding [n or 1][1][1][embedding], or NULL: none. */
    latent_node *(*denoise)(latent_model *m, latent_node *x, latent_level level, latent_node *words,
                            latent_error *e);
} latent_denoiser_arch;

/* ---- decoders: from a picture to the features that a denoiser works on, and back */

typedef struct {
    int channels; /* of the features */
    int factor;   /* how many pixels of a picture, a side, one of the features stands for */
} latent_decoder_dims;

typedef struct {
    /* pictures [n][h][w][3] in [-1, 1]; either may be NULL, where the file holds half of it */
    latent_node *(*encode)(latent_model *m, latent_node *pictures, latent_error *e);
    latent_node *(*decode)(latent_model *m, latent_node *features, latent_error *e);
} latent_decoder_arch;

/* ---- sequences: from tokens to the next one */

typedef struct {
    int tokens;  /* how many there are to choose from */
    int context; /* the most that are read at once */
    int width;   /* of a token's state */
} latent_sequence_dims;

typedef struct {
    /* [1][1][n][tokens]: how likely each token is after each of n, as logarithms not normalised. */
    latent_node *(*next)(latent_model *m, const int *tokens, int n, latent_error *e);
} latent_sequence_arch;

/* ---- an architecture, and a model of it */

/* What an architecture file provides. */
typedef struct latent_arch {
    const char *name; /* "stylegan2" */
    /* Does this file hold such a network?  prefix is written when it does ("G_ema."). */
    int (*recognise)(const latent_weights *w, char *prefix, size_t room);
    /* Reads it into m, which is cleared but for arch.  0, or -1 and a sentence. */
    int (*build)(latent_model *m, latent_weights *w, const char *prefix, latent_progress p,
                 latent_error *e);
    void (*free)(latent_model *m); /* frees m->net, which may be half built */
    /* Reads what belongs to the model and lies beside it, in that folder; home: the model itself
       lies there too.  Called before anybody else has the model, for one folder after another while
       it returns 0 (nothing there): 1 when it was found, -1 when what was found can't be used,
       LATENT_NOT_TO_BE_PLAYED and a sentence when the model can't be played as is said there.
       Or NULL. */
    int (*beside)(latent_model *m, const char *folder, int home, latent_error *e);
    /* Writes it as safetensors; NULL where that is not known. */
    int (*write)(const latent_model *m, latent_model_place *to, latent_error *e);
    /* What it is: NULL where it is none of the kind. */
    const latent_generator_arch *generator;
    const latent_encoder_arch *encoder;
    const latent_denoiser_arch *denoiser;
    const latent_decoder_arch *decoder;
    const latent_sequence_arch *sequence;
} latent_arch;

struct latent_model {
    int refs; /* guarded by the cache's lock */
    latent_model *next_cached;
    uint64_t file[4]; /* which file it came from: device, inode, size, time of change */
    latent_deferred_free grave;
    const latent_arch *arch;
    char label[64];                  /* for messages: the file's name without its folder */
    latent_generator_dims generator; /* all 0 where arch->generator is NULL; the others likewise */
    latent_encoder_dims encoder;
    latent_denoiser_dims denoiser;
    latent_decoder_dims decoder;
    latent_sequence_dims sequence;
    size_t weights_bytes; /* as float32 */
    size_t kept_bytes;    /* as they are kept */
    int half;             /* weights are kept in half precision */
    void *net;            /* the architecture's own */
};

/* Reads a model of any known kind, or gives the one that lives already when the file is the same.
   NULL and a sentence.  Takes long: not on Pd's thread. */
latent_model *latent_model_load(const char *path, latent_progress p, latent_error *e);
/* The same of the first of several paths that exists (one after another in memory, each ended by 0,
   the last by two).  What belongs to a model, the vocabulary of an encoder, is looked for beside
   it, then in the folders of the other paths. */
latent_model *latent_model_load_first(const char *paths, latent_progress p, latent_error *e);
/* The same with the weights of a generator kept in half precision (they come from 16 bits then:
   half the memory, pictures within 1/1000 of their deviation).  It is another model than that of
   latent_model_load_first. */
latent_model *latent_model_load_half(const char *paths, latent_progress p, latent_error *e);
/* Bytes that the weights of all living models take. */
size_t latent_models_bytes(void);
latent_model *latent_model_from_weights(latent_weights *w, const char *label, latent_progress p,
                                        latent_error *e);
latent_model *latent_model_retain(latent_model *m);
void latent_model_release(latent_model *m); /* m may be NULL; any thread */
int latent_model_write(const latent_model *m, const char *path, latent_error *e);
/* The same in memory: *data, which the caller frees. */
int latent_model_pack(const latent_model *m, void **data, size_t *size, latent_error *e);

/* ---- what models do, each for one kind: NULL or -1 and a sentence where the model is of another
   (kinds.c) */

typedef enum {
    LATENT_ANY_KIND,
    LATENT_GENERATOR,
    LATENT_ENCODER,
    LATENT_DENOISER,
    LATENT_DECODER,
    LATENT_SEQUENCE
} latent_model_kind;

/* Is it of that kind?  0, or -1 and a sentence that says what it is and which boxes take it. */
int latent_model_is(const latent_model *m, latent_model_kind kind, latent_error *e);

/* Encoders.  The embedding of a picture of any size in [-1, 1], prepared as the network expects it
   (or of several of just its size), and of a text in UTF-8: [n][1][1][embedding], not normalised.
   NULL and a sentence (too long, no vocabulary). */
latent_node *latent_model_embed_picture(latent_model *m, latent_node *picture, latent_error *e);
latent_node *latent_model_embed_text(latent_model *m, const char *text, latent_error *e);
/* The pooled features of a picture, likewise: what a score compares (train/score.h). */
latent_node *latent_model_pooled(latent_model *m, latent_node *picture, latent_error *e);
/* What an encoder has seen in a picture of any size after so many of its blocks (1 to depth), a row
   of tokens [1][1][tokens][width]. */
latent_node *latent_model_look(latent_model *m, latent_node *picture, int depth, latent_error *e);

/* Denoisers.  The clean guess of x at a level, see latent_denoiser_arch; sizes are checked. */
latent_node *latent_model_denoise(latent_model *m, latent_node *x, latent_level level,
                                  latent_node *words, latent_error *e);

/* Decoders.  A picture of three channels in [-1, 1], cut to a multiple of the factor beforehand, to
   features; and features to the picture, not clamped. */
latent_node *latent_model_encode(latent_model *m, latent_node *picture, latent_error *e);
latent_node *latent_model_decode(latent_model *m, latent_node *features, latent_error *e);

/* Generators.  The number of a layer by its name, or by its beginning up to a "_" ("L3" for
   "L3_52_512"); or -1 and a sentence that lists the names. */
int latent_model_layer(const latent_model *m, const char *name, latent_error *e);

/* Is a list of n numbers a w (1 row) or a W+ (num_ws rows)?  -1 and a sentence when neither. */
int latent_model_rows(const latent_model *m, int n, latent_error *e);

/* z [z_dim] to w [w_dim], no truncation.  classes: weights [classes], or NULL for class 0.  Under a
   millisecond. */
int latent_model_map(const latent_model *m, const float *z, const float *classes, float *w,
                     latent_error *e);
/* Truncation: w [w_dim] to ws, psi being the share of the way from the mean to w that is gone.
   cutoff < 0: every row alike, ws [w_dim]; otherwise W+, ws [num_ws][w_dim], of which the first
   cutoff rows are truncated. */
int latent_model_truncate(const latent_model *m, const float *w, float psi, int cutoff, float *ws,
                          latent_error *e);

/* The chain.  w is [rows][w_dim], rows 1 or num_ws.  Each gives a features promise (features.h)
   with one holder, or NULL and a sentence. */
latent_node *latent_model_input(latent_model *m, const float *w, int rows, latent_error *e);
/* The same, the plane being seen through a transform, as above; NULL and a sentence where the
   network has no such plane. */
latent_node *latent_model_input_at(latent_model *m, const float *w, int rows,
                                   const float *transform, latent_error *e);
/* The transform by which the picture moves x to the right and y down (1: its width), turns by so
   many degrees and is scale times as large; scale is not 0. */
void latent_model_transform(double x, double y, double degrees, double scale, float transform[9]);
latent_node *latent_model_forward(latent_model *m, int layer, latent_node *features,
                                  const latent_layer_context *context, latent_error *e);
/* All of it at once: the picture as layer last leaves it (LATENT_WHOLE_PICTURE: the last one). */
#define LATENT_WHOLE_PICTURE (-1)
latent_node *latent_model_picture(latent_model *m, const float *w, int rows, int last,
                                  latent_noise noise, latent_error *e);
latent_node *latent_model_picture_at(latent_model *m, const float *w, int rows, int last,
                                     latent_noise noise, const float *transform, latent_error *e);

#pragma GCC visibility pop
#endif
