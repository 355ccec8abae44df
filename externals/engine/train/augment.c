/* augment: see augment.h.  Pixels outside are the picture mirrored at its edge; between pixels lie
   straight lines. */
#include "augment.h"
#include "../base/counter_random.h"
#include "../picture/mirror.h"
#include <math.h>
#include <string.h>

#define CHANCE_AUGMENT 30

static int happens(latent_counter_random *c, float p)
{
    return latent_counter_random_uniform(c) < (double)p;
}

/* a = a b, both 2 x 3 with a last row 0 0 1 left out. */
static void multiply(double a[2][3], const double b[2][3])
{
    for (int i = 0; i < 2; i++) {
        double x = a[i][0], y = a[i][1];
        for (int k = 0; k < 3; k++)
            a[i][k] = x * b[0][k] + y * b[1][k] + (k == 2 ? a[i][2] : 0);
    }
}

static void draw_movement(latent_augmentation *a, float p, int size, latent_counter_random *c)
{
    double half = (size - 1) / 2.0, m[2][3] = {{1, 0, half}, {0, 1, half}};
    if (happens(c, p * 0.5f)) /* left to right */
        multiply(m, (const double[2][3]){{-1, 0, 0}, {0, 1, 0}});
    if (happens(c, p)) { /* whole pixels, up to an eighth */
        double x = rint((2 * latent_counter_random_uniform(c) - 1) * size / 8);
        double y = rint((2 * latent_counter_random_uniform(c) - 1) * size / 8);
        multiply(m, (const double[2][3]){{1, 0, x}, {0, 1, y}});
    }
    if (happens(c, p)) { /* size, deviation a fifth of an octave */
        double s = exp2(0.2 * latent_counter_random_gauss(c));
        multiply(m, (const double[2][3]){{s, 0, 0}, {0, s, 0}});
    }
    if (happens(c, p)) { /* a turn of some degrees */
        double angle = 0.15 * latent_counter_random_gauss(c);
        multiply(m,
                 (const double[2][3]){{cos(angle), -sin(angle), 0}, {sin(angle), cos(angle), 0}});
    }
    multiply(m, (const double[2][3]){{1, 0, -half}, {0, 1, -half}});
    for (int k = 0; k < 3; k++) {
        a->across[k] = (float)m[0][k];
        a->down[k] = (float)m[1][k];
        a->moved |= fabs(m[0][k] - (k == 0)) > 1e-9 || fabs(m[1][k] - (k == 1)) > 1e-9;
    }
}

static void draw_colour(latent_augmentation *a, float p, latent_counter_random *c)
{
    double contrast = 1, light = 0, saturation = 1;
    if (happens(c, p))
        light = 0.2 * latent_counter_random_gauss(c);
    if (happens(c, p))
        contrast = exp2(0.3 * latent_counter_random_gauss(c));
    if (happens(c, p))
        saturation = exp2(0.5 * latent_counter_random_gauss(c));
    a->tinted = contrast != 1 || light != 0 || saturation != 1;
    for (int i = 0; i < 3; i++) {
        for (int k = 0; k < 3; k++)
            a->colour[i][k] = (float)(contrast * ((1 - saturation) / 3 + (i == k) * saturation));
        a->colour[i][3] = (float)light;
    }
}

latent_augmentation latent_augment_draw(float p, int size, uint64_t seed, uint64_t index)
{
    latent_counter_random c = latent_counter_random_at(seed, CHANCE_AUGMENT, index);
    latent_augmentation a;
    memset(&a, 0, sizeof(a));
    draw_movement(&a, p, size, &c);
    draw_colour(&a, p, &c);
    return a;
}

/* The four pixels that (x, y) shows, as places in the picture, and their shares. */
static void find_corners(const latent_augmentation *a, int size, int x, int y, size_t at[4],
                         float share[4])
{
    float u = a->across[0] * (float)x + a->across[1] * (float)y + a->across[2];
    float v = a->down[0] * (float)x + a->down[1] * (float)y + a->down[2];
    float left = floorf(u), top = floorf(v), right = u - left, below = v - top;
    for (int k = 0; k < 4; k++) {
        int column = latent_mirrored((int)left + k % 2, size),
            row = latent_mirrored((int)top + k / 2, size);
        at[k] = ((size_t)row * (size_t)size + (size_t)column) * 3;
        share[k] = (k % 2 ? right : 1 - right) * (k / 2 ? below : 1 - below);
    }
}

void latent_augment_run(const latent_augmentation *a, int size, const float *from, float *to)
{
    size_t at[4];
    float share[4];
    if (!a->moved)
        memcpy(to, from, (size_t)(size * size) * 3 * sizeof(float));
    for (int i = 0; a->moved && i < size * size; i++) {
        find_corners(a, size, i % size, i / size, at, share);
        for (size_t k = 0; k < 3; k++)
            to[3 * (size_t)i + k] = share[0] * from[at[0] + k] + share[1] * from[at[1] + k] +
                                    share[2] * from[at[2] + k] + share[3] * from[at[3] + k];
    }
    for (int i = 0; a->tinted && i < size * size; i++, to += 3) {
        float r = to[0], g = to[1], b = to[2];
        for (int k = 0; k < 3; k++)
            to[k] =
                a->colour[k][0] * r + a->colour[k][1] * g + a->colour[k][2] * b + a->colour[k][3];
    }
}

void latent_augment_back(const latent_augmentation *a, int size, const float *g, float *g_from)
{
    size_t at[4];
    float share[4];
    memset(g_from, 0, (size_t)(size * size) * 3 * sizeof(float));
    for (int i = 0; i < size * size; i++, g += 3) {
        float c[3];
        for (int k = 0; k < 3; k++)
            c[k] = a->tinted
                       ? a->colour[0][k] * g[0] + a->colour[1][k] * g[1] + a->colour[2][k] * g[2]
                       : g[k];
        if (!a->moved) {
            memcpy(g_from + 3 * (size_t)i, c, sizeof(c));
            continue;
        }
        find_corners(a, size, i % size, i / size, at, share);
        for (int q = 0; q < 4; q++)
            for (size_t k = 0; k < 3; k++)
                g_from[at[q] + k] += share[q] * c[k];
    }
}
