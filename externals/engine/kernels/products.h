/* products: the innermost loop of every product of matrices that is ours, on a panel of PANEL
   vectors, which whoever includes it defines beside LATENT_SIMD: sums in registers, an input
   broadcast against the panel's weights. */
#include "simd.h"

#define WIDTH (PANEL * VL)

/* sum[R] += a[R][from to end] b[from to end][WIDTH] */
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
