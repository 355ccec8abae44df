/* tiles: convolutions of 3 x 3 for training, by Winograd's minimal filtering F(4 x 4, 3 x 3)
   (Winograd 1980; Lavin and Gray 2016), forward, back to the input and back to the weights.

   A tile of 4 x 4 outputs is seen through 36 points.  Inputs become values there, V = B' d B,
   weights U = G g G', and point by point M = V U; outputs are A' M A.  The way back is the
   transpose of each step: dM = A dy A', dV = dM U', dU = V' dM, and then B dV B' (overlapping tiles
   add) and G' dU G.  So one set of values serves both gradients.

   StyleGAN2's enlarging convolution has stride 2, transposed, and is then blurred by [1 3 3 1].  In
   each direction its even outputs see two taps and its odd ones one.  Four pixels and two taps are
   multiplied as polynomials by their values at 5 points (Toom 1963, Cook 1966), and the tap in the
   middle multiplies the four pixels as they are: 9 x 9 numbers for 4 x 4 pixels, which meet 6 x 6
   matrices of weights.  What comes of them is blurred to 12 x 12 pixels, 8 x 8 of the tile and what
   it adds to its neighbours.  The discriminator's halving convolution is the transpose.

   Inner loops for one thread; train/tiled.c drives them.  Channels are multiples of LATENT_WIDE, at
   most LATENT_TILES_CHANNELS. */
#ifndef LATENT_TILES_H
#define LATENT_TILES_H
#include <stddef.h>

#define LATENT_POINTS 36
#define LATENT_WIDE 16 /* outputs in a panel of weights */
#define LATENT_TILES_CHANNELS 1056

/* A picture [h][w][c] of tiles.  For stride 2: of its small side, and c of either. */
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
    /* y of M, and the transpose. */
    void (*outputs)(const latent_tiles_side *s, const float *m, size_t plane, int first, int count,
                    const latent_tiles_end *end, float *y);
    void (*outputs_back)(const latent_tiles_side *s, const float *g, int first, int count, float *m,
                         size_t plane);
    /* The same for stride 2.  planes: where each point's numbers begin; a tile has there one row of
       c floats, four for points whose row or column is the last, 16 for that where both are.  at:
       the first tile's number there.  two_values_back sets gx, two_outputs adds to y [2h][2w][c].
     */
    void (*two_values)(const latent_tiles_side *s, const float *x, const float *style, int first,
                       int count, int at, float *v, const size_t *planes);
    void (*two_values_back)(const latent_tiles_side *s, const float *v, const size_t *planes,
                            int first, int count, int at, float *gx);
    void (*two_outputs)(const latent_tiles_side *s, const float *m, const size_t *planes, int first,
                        int count, int at, float *y);
    void (*two_outputs_back)(const latent_tiles_side *s, const float *g, int first, int count,
                             int at, float *m, const size_t *planes);
    /* C[rows][panels 16] = A[rows][k] B, B as panels [panels][k][16]; step: floats from row to row
       of C. */
    void (*product)(int rows, int k, int panels, const float *a, const float *b, float *c);
    /* C[i][o] += the sum over rows of A[rows][i] B[rows][o]; fresh: C is set. */
    void (*sum)(int rows, int i, int o, const float *a, const float *b, float *c, int fresh);
    /* U of one panel of 16 outputs: to u[k][16] of each point, plane floats apart, from weights
       w[9][k][16], whose taps lie tap floats apart and rows stride; two: for stride 2; times
       factor. */
    void (*weights)(int k, int stride, size_t tap, int two, float factor, const float *w, float *u,
                    size_t plane);
    /* Adds to gw[9][k][stride], whose taps lie tap floats apart, what du[k][stride] of each point
       says. */
    void (*weights_back)(int k, int stride, size_t tap, int two, float factor, const float *du,
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
