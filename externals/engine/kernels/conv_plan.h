/* conv_plan: how one convolution of one picture is computed; shared by conv.c, which makes the
   plan, and the vector code (conv_kernels.h), which carries it out.

   Every method has the same three steps: the input is written as planes of rows V (one row a tile,
   its channels side by side), each plane is multiplied by a matrix of weights, M = V U, and the
   planes of M are gathered into the output.

   points 4, 6, 8: Winograd's minimal filtering (Winograd 1980; Lavin and Gray 2016) with the
     evaluation points 0, 1, -1 (2, -2 (1/2, -1/2)) and infinity.  up 1: a tile of n x n outputs,
     n = points - 2, has points x points planes.  up 2: the transposed convolution falls into four
     phases; pixel (2p, 2q) sees 2 x 2 taps, (2p, 2q + 1) sees 2 x 1, (2p + 1, 2q) sees 1 x 2 and
     (2p + 1, 2q + 1) sees one.  A direction of two taps is filtered with n = points - 1 outputs a
     tile, a direction of one tap is left as it is; so there are (points + 1)^2 matrices, the last
     row and column of which belong to the odd pixels.
   points 0: the kernel's taps are the matrices, the pixels the rows, and the gathering adds the
     shifted planes: for small pictures, where the weights cost more than the arithmetic.

   The weights are transformed when they are needed, a block at a time that stays in the cache, and
   the style multiplies them there.  It costs little beside the product, and a model takes no more
   memory than its weights: transformed beforehand they would take 4 to 9 times as much and have to
   come from main memory each frame. */
#ifndef LATENT_CONV_PLAN_H
#define LATENT_CONV_PLAN_H
#include "conv.h"

typedef struct latent_conv_code latent_conv_code;

typedef struct {
    /* what */
    latent_conv_spec spec;
    int h, w;
    const float *x, *packed; /* packed: [panel][in][tap][width] */
    const latent_conv_end *end;
    float *y;
    /* how */
    const latent_conv_code *code;
    int points, n, side;        /* side: matrices in a row */
    int panels, groups, blocks; /* of outputs; of panels; of inputs */
    int tile_rows, tile_columns;
    int chunk_rows; /* the picture is computed in chunks of so many rows of tiles */
    int segment;    /* tiles in one item of the input's and output's steps */
    int cuts;       /* items that share one row of matrices, each with its part of the planes */
    /* Scratch.  v: [block][plane][row][depth], m: [panel][plane][row][width], t: [panel][row]
       [column][width], the even-even, even-odd and odd-even pixels of the transposed convolution
       (the odd-odd ones are a plane of m). */
    float *v, *m, *t;
    const float *zeros;                    /* depth or more */
    const float *in_scale, *scale, *shift; /* never NULL; the last two of panels * width numbers */
    size_t v_plane[3], v_block;            /* floats; planes of two taps each way, down, across */
    size_t m_plane[3], m_panel;            /* rows */
    size_t m_odd;               /* the first row of the odd-odd pixels, after the carry */
    size_t t_start[3], t_panel; /* rows of width floats */
} latent_conv_plan;

/* Some rows of tiles. */
typedef struct {
    int first, rows; /* tile rows */
    int y0, y1;      /* the pixel rows that they begin with (input rows, for up 2 the odd ones) */
    int last;        /* no more come */
} latent_conv_chunk;

/* The steps of a chunk, in order. */
enum { STEP_INPUT, STEP_PRODUCT, STEP_OUTPUT, STEP_BLUR, STEP_CARRY, STEPS };

/* The vector code for one kind of processor. */
struct latent_conv_code {
    const char *name;
    int width; /* outputs in a panel of weights */
    int group; /* panels that one item computes */
    int depth; /* inputs in a block */
    /* One item of a step; u is the thread's own room for (points + 1) * depth * group * width
       floats. */
    void (*item)(const latent_conv_plan *p, const latent_conv_chunk *c, int step, int item,
                 float *u);
    /* 1 x 1 with at most 4 outputs: pixels from on, weights [out][in] with the style in them. */
    void (*few)(const latent_conv_plan *p, const float *weights, size_t from, size_t pixels);
};

/* NULL where the compiler or the processor lacks the instructions. */
const latent_conv_code *latent_conv_code_base(void);
const latent_conv_code *latent_conv_code_avx2(void);
const latent_conv_code *latent_conv_code_avx512(void);

/* Planes that step by: rows of the even and odd pixels kept from the chunk before. */
#define EVEN_CARRY 1
#define ODD_CARRY 2

/* For tests and measurements: the same as latent_conv_new and latent_conv_forward, by this code and
   this method. */
latent_conv *latent_conv_new_by(const latent_conv_code *code, latent_conv_spec spec,
                                const float *weights, latent_error *e);
int latent_conv_forward_by(const latent_conv *c, int points, int h, int w, const float *x,
                           const float *in_scale, const latent_conv_end *end, float *y,
                           latent_error *e);

#endif
