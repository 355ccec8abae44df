/* conv_plan: how one convolution of one picture is computed; shared by conv.c, which makes the
   plan, and the vector code (conv_kernels.h), which carries it out.

   Every method has the same three steps: the input is written as planes of rows V (one row a tile,
   its channels side by side), each plane is multiplied by a matrix of weights, M = V U, and the
   planes of M are gathered into the output.

   points 6, 8 (up 1): Winograd's minimal filtering (Winograd 1980; Lavin and Gray 2016).  A tile of
     n x n outputs, n = points - 2, has points x points planes.
   points 5 (up 2): the transposed convolution falls into four phases; pixel (2p, 2q) sees 2 x 2
     taps, (2p, 2q + 1) sees 2 x 1, (2p + 1, 2q) sees 1 x 2 and (2p + 1, 2q + 1) sees one.  In a
     direction of two taps n = 4 pixels and 2 taps are multiplied as polynomials, by their values
     at 5 points (Toom 1963, Cook 1966), which gives n + 1 numbers, the last of which is added to
     the next tile's first; a direction of one tap is left as it is.  So there are 6 x 6 matrices,
     the last row and column of which belong to the odd pixels.  The odd-odd ones are read where x
     lies, but where each picture has its own style, or a gradient wants whole vectors, from a plane
     of V.
   points 5 (up -2): the transpose of that.  The blurred picture falls into four phases, 5 of their
     pixels go to values at 5 points as 5 numbers came from them there, and 4 x 4 outputs add up
     what all phases give; tiles overlap at their input, and nothing is added to the next.
   points 0: the kernel's taps are the matrices, the pixels the rows, and the gathering adds the
     shifted planes: for 1 x 1 kernels and for small pictures, where the weights cost more than the
     arithmetic.

   Threads that share V and M wait for each other's caches, on some machines a quarter of the time.
   So an item takes a strip of a large picture through all three steps, with V and M of its own.
   Where there are few channels, and the weights fit the second cache, the strip is a few tiles of a
   row, with which V and M fit as well.  Of up 2 an item is a band, some strips one below the other,
   which it blurs as it goes, with t of its own; only the two rows where bands meet wait for both.
   A picture too small for strips falls into groups of outputs instead: each thread transforms the
   whole input for itself, and takes group after group through product, output and blur.

   The weights are transformed when they are needed, and the style multiplies them there: a few of
   them once for the whole picture, many of them a block at a time that stays in the cache, again
   for each part of the picture.  It costs little beside the product, and a model takes no more
   memory than its weights: transformed beforehand they would take 4 to 7 times as much and have to
   come from main memory each frame. */
#ifndef LATENT_CONV_PLAN_H
#define LATENT_CONV_PLAN_H
#include "conv.h"
#include <stdint.h>

typedef struct latent_conv_code latent_conv_code;

typedef struct {
    /* what */
    latent_conv_spec spec;
    int h, w;     /* of each picture of x; up -2: of y */
    int pictures; /* one after the other in x and y; more than one with up 2 or -2: h and w are
                     multiples of n */
    const float *x, *packed; /* packed: [panel][in][tap][width] */
    const float *styles;     /* [pictures][in], times x's channels in the input's step, or NULL;
                                points 6, 8 or 5 with up 2 */
    const uint16_t *half;    /* the same in half precision; then there is no packed */
    const latent_conv_end *end;
    float *y;
    int stream; /* write y past the caches */
    int back;   /* x is a gradient with respect to y, of which the input's step makes what the
                   weights' gradient needs; up 1, points 6 */
    /* how */
    const latent_conv_code *code;
    int points, n, side;                    /* side: matrices in a row */
    int tile_rows, tile_columns, rows_each; /* of all pictures; of each */
    int chunk_rows;     /* computed together; many pictures with up 2: whole pictures */
    int panels, blocks; /* of outputs, of inputs */
    int groups, sets;   /* a set of groups of panels goes from product to output together */
    int set_groups;     /* groups in a set */
    int kept;           /* weights are transformed once, not for each chunk */
    int fresh;          /* points 6, up 1: the picture has so few tiles that transformed weights are
                           multiplied where they arise */
    int segment;        /* tiles in one item of the input's step */
    int turns;          /* rows of matrices are taken in: with points pairs of them */
    int item_turns;     /* in one item of the product */
    int cuts;           /* items that share one turn, each with its part of the planes */
    int tiles;          /* of a row, that one item takes through all the steps; or 0 */
    int strip;          /* rows of tiles that it takes, or a unit less */
    int bands;          /* up 2: so many times some strips, which a thread takes one after the other
                           with t and carry of its own; or 0 */
    int unit;           /* rows of tiles that stay together: up 2, those of each of many pictures */
    int own;     /* an item takes a group through all the steps, with V of its thread's own */
    int threads; /* of the pool */
    /* Scratch.  v: [block][plane][row of v_row floats]; m: [two sets][panel][plane][row of width
       floats]; t: [band][two sets][panel][row of width floats], the even-even, even-odd and
       odd-even pixels of the transposed convolution, what tiles add to those below them, even-even
       and even-odd, and with tiles the odd-odd pixels; carry: [band][panel][row of width floats],
       the last rows of the chunk, or strip, before. */
    float *v, *m, *t, *carry;
    float *u;           /* all transformed weights, or NULL: each item transforms its own */
    size_t matrix;      /* floats from one transformed matrix to the next */
    const float *zeros; /* a pixel of x, and a row of t */
    const float *in_scale, *scale, *shift; /* never NULL; shift of outs numbers, scale for each
                                              picture */
    size_t outs;                           /* panels * width, in whole lines */
    size_t v_row, v_plane[3], v_block;     /* floats; planes of two taps each way, down, across */
    int odd;                               /* odd-odd pixels are in V, not as they are in x */
    size_t v_odd;                          /* where they begin */
    size_t m_plane[3], m_odd, m_panel;     /* rows; the odd-odd pixels begin at m_odd */
    size_t t_start[6], t_panel;            /* rows */
    size_t carry_panel;                    /* rows */
} latent_conv_plan;

/* A part of the work that goes through the steps together. */
typedef struct {
    int first, rows;          /* tile rows */
    int y0, y1;               /* the pixel rows that they begin with */
    int before;               /* pixel rows in the part that belong to pictures before */
    int last;                 /* no more come */
    int set, buffer;          /* which set, in which half of m and t */
    int left, columns, width; /* columns of tiles; pixels across */
} latent_conv_part;

/* The rows of V, or of pixels, that matrix (i, j) multiplies. */
typedef struct {
    const float *a;
    size_t stride, step; /* floats from row to row, from block to block */
    size_t m;            /* row of M */
    int rows;
} latent_conv_plane;
latent_conv_plane latent_conv_find_plane(const latent_conv_plan *p, const latent_conv_part *c,
                                         int i, int j);

/* The parts of a plan that conv_backward_weights.c needs too.  The sizes of tiles, the sizes of the
   planes for chunks of so many rows of tiles, the floats of V, and part i. */
void latent_conv_tiles(latent_conv_plan *p, int points);
void latent_conv_lay_out(latent_conv_plan *p, int chunk_rows);
size_t latent_conv_v_count(const latent_conv_plan *p);
/* The same of M for one group, of t for one set and of one carry. */
size_t latent_conv_m_count(const latent_conv_plan *p);
size_t latent_conv_t_count(const latent_conv_plan *p);
size_t latent_conv_carry_count(const latent_conv_plan *p);
latent_conv_part latent_conv_find_part(const latent_conv_plan *p, int i);
/* From now on c is these rows of tiles, and the pixels in them. */
void latent_conv_set_rows(const latent_conv_plan *p, latent_conv_part *c, int first, int rows);
int latent_conv_input_items(const latent_conv_plan *p, const latent_conv_part *c);
/* At least so many floats of the room, aligned; NULL: no memory. */
/* The room that is meant, in turn where it is shared; and its end. */
latent_conv_workspace *latent_conv_enter(latent_conv_workspace *room);
void latent_conv_leave(latent_conv_workspace *given, latent_conv_workspace *entered);
float *latent_conv_take(latent_conv_workspace *r, size_t floats);
/* The vector code for this processor and so many outputs. */
const latent_conv_code *latent_conv_best_code(int out);

/* Tiles in one item of the output's step. */
#define LATENT_CONV_SEGMENT 32
/* Rows of a product by fresh weights. */
#define LATENT_CONV_FRESH 4
/* The most outputs of items that take tiles through all steps. */
#define LATENT_CONV_TILES_OUT 128

enum {
    STEP_WEIGHTS,
    STEP_TILES,
    STEP_INPUT,
    STEP_PRODUCT,
    STEP_OUTPUT,
    STEP_BLUR,
    STEP_CARRY,
    STEPS
};

/* The vector code for one kind of processor. */
struct latent_conv_code {
    const char *name;
    int width; /* outputs in a panel of weights */
    int group; /* panels that one item of the product computes */
    int depth; /* inputs in a block */
    int room;  /* floats that a thread needs for one row of matrices */
    void (*item)(const latent_conv_plan *p, const latent_conv_part *c, int step, int item,
                 float *room);
    /* u[in][out] = (or with add +=) the sum over rows of a[row][in] b[row][out].  The rows of b and
       u go on to a whole vector, and b is 0 there. */
    void (*sum)(int rows, int in, int out, const float *a, size_t a_stride, const float *b,
                size_t b_stride, float *u, size_t u_stride, int add);
    /* 1 x 1 with at most 4 outputs: pixels from on, weights [out][in] with the style in them. */
    void (*few)(const latent_conv_plan *p, const float *weights, size_t from, size_t pixels);
};

/* NULL where the compiler or the processor lacks the instructions. */
const latent_conv_code *latent_conv_code_base(void);
const latent_conv_code *latent_conv_code_avx2(void);
const latent_conv_code *latent_conv_code_avx512(void);
const latent_conv_code *latent_conv_code_avx512_narrow(void);

/* For tests and measurements: the same as latent_conv_new and latent_conv_forward, by this code and
   this method (points). */
latent_conv *latent_conv_new_by(const latent_conv_code *code, latent_conv_spec spec,
                                const float *weights, latent_error *e);
int latent_conv_forward_by(const latent_conv *c, int points, int h, int w, const float *x,
                           const float *in_scale, const latent_conv_end *end, float *y,
                           latent_error *e);

#endif
