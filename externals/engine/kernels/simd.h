/* simd: vectors of floats in the compilers' vector notation, so that one source serves every
   processor.  Each file that includes it defines LATENT_SIMD to 512 (AVX-512F) or 256 (AVX2 and
   FMA), under the matching target pragma, or to 128: what every machine of its kind has (SSE2,
   NEON, or whatever the compiler makes of four floats). */
#ifndef LATENT_SIMD_H
#define LATENT_SIMD_H

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
