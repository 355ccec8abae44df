/* products: what every product of matrices that is ours is made of.  Whoever includes it defines
   PANEL, the vectors in a panel of weights, beside LATENT_SIMD. */
#include "simd.h"

#define WIDTH (PANEL * VL)

/* sums in registers, an input broadcast against the panel's weights:
   sum[R] += a[R][from to end] b[from to end][WIDTH] */
INLINE void add_products(const int R, const float *a, size_t stride, const float *b, int from,
                         int end, vec (*sum)[PANEL])
{
    for (int i = from; i < end; i++) {
        vec weight[PANEL];
#pragma GCC unroll 4
        for (int v = 0; v < PANEL; v++)
            weight[v] = load(b + i * WIDTH + v * VL);
#pragma GCC unroll 16
        for (int r = 0; r < R; r++) {
            vec x = all(a[(size_t)r * stride + (size_t)i]);
#pragma GCC unroll 4
            for (int v = 0; v < PANEL; v++)
                sum[r][v] = madd(x, weight[v], sum[r][v]);
        }
    }
}

typedef float quad __attribute__((vector_size(16)));
typedef float loose_quad __attribute__((vector_size(16), aligned(4), may_alias));

/* to[column][row] = from[row][column] */
static void turn(const float *from, size_t from_stride, int rows, int columns, float *to,
                 size_t to_stride)
{
    int c = 0;
    for (; c + 4 <= columns; c += 4, from += 4, to += 4 * to_stride) {
        const float *f = from;
        int r = 0;
        for (; r + 4 <= rows; r += 4, f += 4 * from_stride) {
            quad a0 = *(const loose_quad *)f, a1 = *(const loose_quad *)(f + from_stride);
            quad a2 = *(const loose_quad *)(f + 2 * from_stride);
            quad a3 = *(const loose_quad *)(f + 3 * from_stride);
            quad b0 = __builtin_shufflevector(a0, a1, 0, 4, 1, 5);
            quad b1 = __builtin_shufflevector(a0, a1, 2, 6, 3, 7);
            quad b2 = __builtin_shufflevector(a2, a3, 0, 4, 1, 5);
            quad b3 = __builtin_shufflevector(a2, a3, 2, 6, 3, 7);
            *(loose_quad *)(to + r) = __builtin_shufflevector(b0, b2, 0, 1, 4, 5);
            *(loose_quad *)(to + to_stride + r) = __builtin_shufflevector(b0, b2, 2, 3, 6, 7);
            *(loose_quad *)(to + 2 * to_stride + r) = __builtin_shufflevector(b1, b3, 0, 1, 4, 5);
            *(loose_quad *)(to + 3 * to_stride + r) = __builtin_shufflevector(b1, b3, 2, 3, 6, 7);
        }
        for (; r < rows; r++, f += from_stride)
            for (int i = 0; i < 4; i++)
                to[(size_t)i * to_stride + (size_t)r] = f[i];
    }
    for (; c < columns; c++, from++, to += to_stride)
        for (int r = 0; r < rows; r++)
            to[r] = from[(size_t)r * from_stride];
}
