/* tiles: convolutions of 3 x 3 for training, by Winograd's minimal filtering F(4 x 4, 3 x 3)
   (Winograd 1980; Lavin and Gray 2016), forward, back to the input and back to the weights.

   A tile of 4 x 4 outputs is seen through 36 points.  Inputs become values there, V = B' d B,
   weights U = G g G', and point by point M = V U; outputs are A' M A.  The way back is the
   transpose of each step: dM = A dy A', dV = dM U', dU = V' dM, and then B dV B' (overlapping tiles
   add) and G' dU G.  So one set of values serves both gradients.

   StyleGAN2's enlarging convolution (stride 2 transposed, then [1 3 3 1] blurred) is for each of
   the four phases of its output pixels a convolution of 3 x 3 with other taps: G gets another
   matrix for each phase, and there are four times as many outputs.  Its halving convolution is the
   transpose.

   Inner loops for one thread; train/tiled.c drives them.  Channels are multiples of LATENT_WIDE, at
   most LATENT_TILES_CHANNELS. */
#ifndef LATENT_TILES_H
#define LATENT_TILES_H
#include <stddef.h>

#define LATENT_POINTS 36
#define LATENT_WIDE 16 /* outputs in a panel of weights */
#define LATENT_TILES_CHANNELS 1056

/* A picture [h][w][c] of tiles, or the small side of four phases. */
typedef struct {
    int h, w, c;
} latent_tiles_side;

/* What is done to an output: see latent_layer_end.  scale and bias [c], or NULL. */
typedef struct {
    const float *scale, *bias, *noise; /* noise: of this picture, or NULL */
    float factor, strength, up, down, limit;
} latent_tiles_end;

typedef struct {
    const char *name;
    /* V of count tiles of x from tile first on, each [c] floats, points plane floats apart; style
       [c] or NULL. */
    void (*values)(const latent_tiles_side *s, const float *x, const float *style, int first,
                   int count, float *v, size_t plane);
    /* Adds what values say to gx: the transpose. */
    void (*values_back)(const latent_tiles_side *s, const float *v, size_t plane, int first,
                        int count, float *gx);
    /* y of M.  phases 4: y is [2h][2w][c], m has the phases' channels one after another. */
    void (*outputs)(const latent_tiles_side *s, int phases, const float *m, size_t plane, int first,
                    int count, const latent_tiles_end *end, float *y);
    void (*outputs_back)(const latent_tiles_side *s, int phases, const float *g, int first,
                         int count, float *m, size_t plane);
    /* C[rows][panels 16] = A[rows][k] B, B as panels [panels][k][16]; step: floats from row to row
       of C. */
    void (*product)(int rows, int k, int panels, const float *a, const float *b, float *c);
    /* C[i][o] += the sum over rows of A[rows][i] B[rows][o]; fresh: C is set. */
    void (*sum)(int rows, int i, int o, const float *a, const float *b, float *c, int fresh);
    /* U of one panel of 16 outputs: to u[k][16] of each point, plane floats apart, from weights
       w[9][k][16], whose taps lie tap floats apart and rows stride, by the matrix of phase (0 to 3)
       or, -1, of the plain one; times factor. */
    void (*weights)(int k, int stride, size_t tap, int phase, float factor, const float *w,
                    float *u, size_t plane);
    /* Adds to gw[9][k][stride], whose taps lie tap floats apart, what du[k][stride] of each point
       says. */
    void (*weights_back)(int k, int stride, size_t tap, int phase, float factor, const float *du,
                         size_t plane, float *gw);
    /* The end of a layer on count pixels of c channels in place, and its way back: see layers.c. */
    void (*end)(size_t count, int c, const latent_tiles_end *end, float *y);
    void (*end_back)(size_t count, int c, const latent_tiles_end *end, const float *y, float *g,
                     float *bias, float *dot, double *strength);
    void (*adam)(size_t count, const float *settings, float *value, float *gradient, float *mean,
                 float *square);
} latent_tiles_code;

const latent_tiles_code *latent_tiles_best(void);
/* NULL where the compiler or the processor lacks the instructions. */
const latent_tiles_code *latent_tiles_base(void);
const latent_tiles_code *latent_tiles_avx2(void);
const latent_tiles_code *latent_tiles_avx512(void);

#endif
