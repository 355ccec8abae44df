/* conv_points: what the methods of conv_plan.h make of a kernel's taps; shared by the vector code
   and by the gradient of the weights. */
#ifndef LATENT_CONV_POINTS_H
#define LATENT_CONV_POINTS_H

#define TOOM 5 /* points of the transposed convolution's method */
#define TABLE static const float __attribute__((unused))

/* G: the kernel's polynomial at each point, over M's derivative there. */
TABLE taps6[6][3] = {{1.0f / 4, 0, 0},
                     {-1.0f / 6, -1.0f / 6, -1.0f / 6},
                     {-1.0f / 6, 1.0f / 6, -1.0f / 6},
                     {1.0f / 24, 1.0f / 12, 1.0f / 6},
                     {1.0f / 24, -1.0f / 12, 1.0f / 6},
                     {0, 0, 1}};
TABLE taps8[8][3] = {{1, 0, 0},
                     {-2.0f / 9, -2.0f / 9, -2.0f / 9},
                     {-2.0f / 9, 2.0f / 9, -2.0f / 9},
                     {1.0f / 90, 1.0f / 45, 2.0f / 45},
                     {1.0f / 90, -1.0f / 45, 2.0f / 45},
                     {32.0f / 45, 16.0f / 45, 8.0f / 45},
                     {32.0f / 45, -16.0f / 45, 8.0f / 45},
                     {0, 0, 1}};

/* Toom and Cook: the first tap's and the second tap's part of a value, with Lagrange's
 * denominators. */
TABLE toom_taps[TOOM][2] = {{1.0f / 4, 0},
                            {-1.0f / 6, -1.0f / 6},
                            {-1.0f / 6, 1.0f / 6},
                            {1.0f / 24, 1.0f / 12},
                            {1.0f / 24, -1.0f / 12}};

#undef TABLE
#endif
