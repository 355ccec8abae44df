/* palette: see palette.h */
#include "palette.h"
#include <math.h>
#include <string.h>

/* ---- by name */

typedef struct {
    const char *name;
    unsigned paper, colour[LATENT_PALETTE_MOST]; /* 0xrrggbb */
    int share[LATENT_PALETTE_MOST];              /* 0 behind the last colour */
} named;

static const named table[] = {
    {"ink", 0xf4f0e6, {0x1d1b1a}, {1}},
    {"plotter", 0xf7f5ef, {0x17161a, 0xc8102e}, {8, 1}},
    {"molnar", 0xefe9dc, {0x23232b, 0xb3342a, 0x2b4c7e, 0xd9a441}, {10, 3, 2, 1}},
    {"coral",
     0xf3ead8,
     {0x0f3d4c, 0xe4572e, 0xf3a712, 0x76b041, 0xf7c8b4, 0x2d87a3, 0x1b1b1e},
     {26, 20, 14, 6, 16, 12, 6}},
    {"river", 0xe9eef0, {0x12355b, 0x1f6f8b, 0x99c1b9, 0xf2d0a4, 0xc03221}, {30, 28, 22, 14, 6}},
    {"night", 0x0e1020, {0xf1e9da, 0x6c7bd6, 0xe56b6f, 0xf2b880, 0x2e3a67}, {20, 26, 16, 12, 26}},
    {"neon", 0x0b0b12, {0x0df0ff, 0xff21cc, 0xffb20d, 0x59ff26, 0xf5f5ff}, {30, 26, 18, 14, 12}},
    {"album", 0xe3d3b1, {0x3a3128, 0x8c4a32, 0xb98b4e, 0x5d6f62, 0xa5483f}, {36, 20, 18, 16, 10}},
    {"sea", 0xdfeee8, {0x0b486b, 0x3b8686, 0x79bd9a, 0xa8dba8, 0xf0783c}, {30, 26, 20, 16, 8}},
    {"tiger", 0xf6efe0, {0x1a1410, 0xd9741a, 0xf0a73a, 0xfff6e6}, {30, 40, 20, 10}},
    {"grey", 0xffffff, {0x000000, 0x555555, 0x999999}, {4, 3, 2}},
};
#define NAMED ((int)(sizeof(table) / sizeof(*table)))

static void of_hex(unsigned hex, float c[3])
{
    for (int i = 0; i < 3; i++)
        c[i] = (float)(hex >> (16 - 8 * i) & 255) / 255;
}

int latent_palette_find(const char *name, latent_palette *p)
{
    float sum = 0;
    int i = 0, n = 0;
    while (i < NAMED && strcmp(table[i].name, name))
        i++;
    if (i == NAMED)
        return -1;
    memset(p, 0, sizeof(*p));
    of_hex(table[i].paper, p->paper);
    for (; n < LATENT_PALETTE_MOST && table[i].share[n]; n++) {
        of_hex(table[i].colour[n], p->colour[n]);
        sum += p->share[n] = (float)table[i].share[n];
    }
    for (int k = 0; k < n; k++)
        p->share[k] /= sum;
    p->count = (float)n;
    return 0;
}

const char *latent_palette_name(int i)
{
    return i >= 0 && i < NAMED ? table[i].name : NULL;
}

/* ---- by hand */

int latent_palette_of_numbers(const float *v, int n, latent_palette *p)
{
    int colours = n / 3 - 1;
    if (n % 3 || colours < 1 || colours > LATENT_PALETTE_MOST)
        return -1;
    for (int i = 0; i < n; i++)
        if (!(v[i] >= 0 && v[i] <= 255))
            return -1;
    memset(p, 0, sizeof(*p));
    for (int i = 0; i < 3; i++)
        p->paper[i] = v[i] / 255;
    for (int k = 0; k < colours; k++) {
        for (int i = 0; i < 3; i++)
            p->colour[k][i] = v[3 * k + 3 + i] / 255;
        p->share[k] = 1.0f / (float)colours;
    }
    p->count = (float)colours;
    return 0;
}

/* ---- of a picture */

#define LOOKED_AT 64 /* columns and rows of the picture: as many points are enough */
#define CENTRES 6
#define ROUNDS 12

static float squared_distance(const float *a, const float *b)
{
    float r = a[0] - b[0], g = a[1] - b[1], l = a[2] - b[2];
    return r * r + g * g + l * l;
}

static void look(const float *picture, int h, int w, int c, int i, int k, float rgb[3])
{
    int y = (int)((2LL * i + 1) * h / (2 * LOOKED_AT)),
        x = (int)((2LL * k + 1) * w / (2 * LOOKED_AT));
    const float *from = picture + ((size_t)y * (size_t)w + (size_t)x) * (size_t)c;
    for (int j = 0; j < 3; j++) {
        float v = (from[c < 3 ? 0 : j] + 1) / 2;
        rgb[j] = v > 0 ? v < 1 ? v : 1 : 0; /* NaN becomes black */
    }
}

static int nearest(float centre[][3], int n, const float *rgb)
{
    int best = 0;
    for (int i = 1; i < n; i++)
        if (squared_distance(centre[i], rgb) < squared_distance(centre[best], rgb))
            best = i;
    return best;
}

static int at_border(int i)
{
    int y = i / LOOKED_AT, x = i % LOOKED_AT;
    return !y || !x || y == LOOKED_AT - 1 || x == LOOKED_AT - 1;
}

/* Begins in the corner, then each time at the point farthest from all centres so far. */
static void spread(const float points[][3], int n, float centre[][3])
{
    memcpy(centre[0], points[0], sizeof(centre[0]));
    for (int k = 1; k < CENTRES; k++) {
        float farthest = -1;
        int at = 0;
        for (int i = 0; i < n; i++) {
            float d = squared_distance(points[i], centre[nearest(centre, k, points[i])]);
            if (d > farthest) {
                farthest = d;
                at = i;
            }
        }
        memcpy(centre[k], points[at], sizeof(centre[k]));
    }
}

void latent_palette_of_picture(const float *picture, int h, int w, int c, latent_palette *p)
{
    static const float black[3];
    float points[LOOKED_AT * LOOKED_AT][3], centre[CENTRES][3], found = 0;
    int n = LOOKED_AT * LOOKED_AT, members[CENTRES], border[CENTRES] = {0}, paper = 0, count = 0;
    for (int i = 0; i < n; i++)
        look(picture, h, w, c, i / LOOKED_AT, i % LOOKED_AT, points[i]);
    spread((const float(*)[3])points, n, centre);
    for (int round = 0; round < ROUNDS; round++) {
        float sum[CENTRES][3] = {{0}};
        memset(members, 0, sizeof(members));
        for (int i = 0; i < n; i++) {
            int k = nearest(centre, CENTRES, points[i]);
            members[k]++;
            for (int j = 0; j < 3; j++)
                sum[k][j] += points[i][j];
        }
        for (int k = 0; k < CENTRES; k++)
            for (int j = 0; j < 3 && members[k]; j++)
                centre[k][j] = sum[k][j] / (float)members[k];
    }
    for (int i = 0; i < n; i++)
        border[nearest(centre, CENTRES, points[i])] += at_border(i);
    for (int k = 1; k < CENTRES; k++)
        paper = border[k] > border[paper] ? k : paper;
    memset(p, 0, sizeof(*p));
    memcpy(p->paper, centre[paper], sizeof(p->paper));
    for (int k = 0; k < CENTRES; k++)
        if (members[k] && squared_distance(centre[k], p->paper) > 1e-4f) {
            memcpy(p->colour[count], centre[k], sizeof(p->colour[count]));
            found += p->share[count++] = (float)members[k];
        }
    for (int k = 0; k < count; k++)
        p->share[k] /= found;
    if (!count) { /* of one colour: it is drawn on in black or white */
        float white = squared_distance(p->paper, black) < .5f;
        p->colour[0][0] = p->colour[0][1] = p->colour[0][2] = white;
        p->share[count++] = 1;
    }
    p->count = (float)count;
}
