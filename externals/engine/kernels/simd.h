/* simd: vectors of floats in the compilers' vector notation, so that one source serves every
   processor.  Each file that includes it defines LATENT_SIMD to 512 (AVX-512F) or 256 (AVX2 and
   FMA), under the matching target pragma, or to 128: what every machine of its kind has (SSE2,
   NEON, or whatever the compiler makes of four floats). */
#ifndef LATENT_SIMD_H
#define LATENT_SIMD_H

#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ < 12
#error "latent needs gcc 12 or newer, or clang: make CC=clang"
#endif

#define VL (LATENT_SIMD / 32) /* floats in a vector */
#define INLINE static inline __attribute__((always_inline))

typedef float vec __attribute__((vector_size(LATENT_SIMD / 8)));
typedef float loose_vec __attribute__((vector_size(LATENT_SIMD / 8), aligned(4), may_alias));

INLINE vec load(const float *p)
{
    return *(const loose_vec *)p;
}

INLINE void store(float *p, vec v)
{
    *(loose_vec *)p = v;
}

#if LATENT_SIMD == 512
#include <immintrin.h>
INLINE vec all(float f)
{
    return _mm512_set1_ps(f);
}
INLINE vec madd(vec a, vec b, vec c) /* a b + c */
{
    return _mm512_fmadd_ps(a, b, c);
}
INLINE vec larger(vec a, vec b) /* b where either is not a number */
{
    return _mm512_max_ps(a, b);
}
INLINE vec smaller(vec a, vec b)
{
    return _mm512_min_ps(a, b);
}
INLINE void stream(float *p, vec v) /* past the caches; p on a vector's boundary */
{
    _mm512_stream_ps(p, v);
}
INLINE void stream_end(void)
{
    _mm_sfence();
}
#elif LATENT_SIMD == 256
#include <immintrin.h>
INLINE vec all(float f)
{
    return _mm256_set1_ps(f);
}
INLINE vec madd(vec a, vec b, vec c)
{
    return _mm256_fmadd_ps(a, b, c);
}
INLINE vec larger(vec a, vec b)
{
    return _mm256_max_ps(a, b);
}
INLINE vec smaller(vec a, vec b)
{
    return _mm256_min_ps(a, b);
}
INLINE void stream(float *p, vec v) /* past the caches; p on a vector's boundary */
{
    _mm256_stream_ps(p, v);
}
INLINE void stream_end(void)
{
    _mm_sfence();
}
#elif defined(__SSE2__)
#include <emmintrin.h>
INLINE vec all(float f)
{
    return _mm_set1_ps(f);
}
INLINE vec madd(vec a, vec b, vec c)
{
    return a * b + c;
}
INLINE vec larger(vec a, vec b)
{
    return _mm_max_ps(a, b);
}
INLINE vec smaller(vec a, vec b)
{
    return _mm_min_ps(a, b);
}
INLINE void stream(float *p, vec v)
{
    _mm_stream_ps(p, v);
}
INLINE void stream_end(void)
{
    _mm_sfence();
}
#elif defined(__aarch64__)
#include <arm_neon.h>
INLINE vec all(float f)
{
    return (vec)vdupq_n_f32(f);
}
INLINE vec madd(vec a, vec b, vec c)
{
    return (vec)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
}
INLINE vec larger(vec a, vec b) /* NaN where either is */
{
    return (vec)vmaxq_f32((float32x4_t)a, (float32x4_t)b);
}
INLINE vec smaller(vec a, vec b)
{
    return (vec)vminq_f32((float32x4_t)a, (float32x4_t)b);
}
INLINE void stream(float *p, vec v)
{
    store(p, v);
}
INLINE void stream_end(void)
{
}
#else
INLINE vec all(float f)
{
    return (vec){f, f, f, f};
}
INLINE vec madd(vec a, vec b, vec c)
{
    return a * b + c;
}
INLINE vec larger(vec a, vec b)
{
    for (int i = 0; i < VL; i++)
        a[i] = a[i] > b[i] ? a[i] : b[i];
    return a;
}
INLINE vec smaller(vec a, vec b)
{
    for (int i = 0; i < VL; i++)
        a[i] = a[i] < b[i] ? a[i] : b[i];
    return a;
}
INLINE void stream(float *p, vec v)
{
    store(p, v);
}
INLINE void stream_end(void)
{
}
#endif

/* Of each four floats of a and b the sums of the first and of the last two, a's before b's. */
INLINE vec add_pairs(vec a, vec b)
{
#if VL == 16
    return __builtin_shufflevector(a, b, 0, 2, 16, 18, 4, 6, 20, 22, 8, 10, 24, 26, 12, 14, 28,
                                   30) +
           __builtin_shufflevector(a, b, 1, 3, 17, 19, 5, 7, 21, 23, 9, 11, 25, 27, 13, 15, 29, 31);
#elif VL == 8
    return __builtin_shufflevector(a, b, 0, 2, 8, 10, 4, 6, 12, 14) +
           __builtin_shufflevector(a, b, 1, 3, 9, 11, 5, 7, 13, 15);
#else
    return __builtin_shufflevector(a, b, 0, 2, 4, 6) + __builtin_shufflevector(a, b, 1, 3, 5, 7);
#endif
}

/* Each of four vectors' sum. */
INLINE void sums_of_four(const vec *v, float *sum)
{
    typedef float quarter __attribute__((vector_size(16)));
    typedef float loose_quarter __attribute__((vector_size(16), aligned(4), may_alias));
    vec lanes = add_pairs(add_pairs(v[0], v[1]), add_pairs(v[2], v[3]));
#if VL == 16
    typedef float half __attribute__((vector_size(32)));
    half two = __builtin_shufflevector(lanes, lanes, 0, 1, 2, 3, 4, 5, 6, 7) +
               __builtin_shufflevector(lanes, lanes, 8, 9, 10, 11, 12, 13, 14, 15);
#elif VL == 8
    vec two = lanes;
#endif
#if VL > 4
    quarter one = __builtin_shufflevector(two, two, 0, 1, 2, 3) +
                  __builtin_shufflevector(two, two, 4, 5, 6, 7);
#else
    quarter one = lanes;
#endif
    *(loose_quarter *)sum = one;
}

/* The first n of VL floats; the others are 0. */
INLINE vec load_some(const float *p, int n)
{
    vec v = {0};
    for (int i = 0; i < n; i++)
        v[i] = p[i];
    return v;
}

INLINE void store_some(float *p, vec v, int n)
{
    for (int i = 0; i < n; i++)
        p[i] = v[i];
}

#endif
