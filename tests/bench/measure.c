/* measure: see measure.h */
#include "measure.h"
#include "engine/kernels/gemm.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

void die(const char *why)
{
    fprintf(stderr, "%s: %s\n", program_invocation_short_name, why);
    exit(1);
}

double sgemm_gflops(void)
{
    const int m = 512, n = 4096, k = 4608;
    static float *a, *b, *c;
    double start;
    if (!a) {
        a = calloc((size_t)m * (size_t)k, sizeof(float));
        b = calloc((size_t)k * (size_t)n, sizeof(float));
        c = calloc((size_t)m * (size_t)n, sizeof(float));
        if (!a || !b || !c)
            die("no memory");
        for (int i = 0; i < m * k; i++)
            a[i] = (float)(i % 7) - 3;
        for (int i = 0; i < k * n; i++)
            b[i] = (float)(i % 5) - 2;
    }
    start = now();
    latent_gemm(0, 0, m, n, k, a, b, 0, c);
    return 2e-9 * m * n * k / (now() - start);
}
