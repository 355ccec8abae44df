/* palette: see palette.h */
#include "palette.h"
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define CELLS                                                                                      \
    (1 << 15) /* colours are told apart by 5 bits a channel, and their means kept exactly */

typedef struct {
    uint32_t n, sum[3];
} cell;

typedef struct {
    int first, last; /* places in the order of cells */
    double spread;   /* of the widest channel, squared, times pixels */
    int channel;
} box;

typedef struct {
    cell cells[CELLS];
    uint16_t order[CELLS];
    uint8_t nearest[CELLS], known[CELLS];
    uint16_t sorted[CELLS];
} work;

static double mean(const cell *c, int channel)
{
    return (double)c->sum[channel] / c->n;
}

static void measure(const work *k, box *b)
{
    b->spread = -1;
    for (int i = 0; i < 3; i++) {
        double n = 0, s = 0, q = 0;
        for (int j = b->first; j < b->last; j++) {
            const cell *c = &k->cells[k->order[j]];
            double m = mean(c, i);
            n += c->n;
            s += c->n * m;
            q += c->n * m * m;
        }
        if (n > 0 && q - s * s / n > b->spread) {
            b->spread = q - s * s / n;
            b->channel = i;
        }
    }
    if (b->last - b->first < 2)
        b->spread = -1;
}

/* Sorts a box's cells by their widest channel (by counting: values have 8 bits). */
static void sort(work *k, const box *b)
{
    int count[257] = {0};
    for (int j = b->first; j < b->last; j++)
        count[(int)mean(&k->cells[k->order[j]], b->channel) + 1]++;
    for (int i = 0; i < 256; i++)
        count[i + 1] += count[i];
    for (int j = b->first; j < b->last; j++)
        k->sorted[count[(int)mean(&k->cells[k->order[j]], b->channel)]++] = k->order[j];
    memcpy(k->order + b->first, k->sorted, (size_t)(b->last - b->first) * sizeof(*k->order));
}

/* Where the box is to be divided: at the median, each side keeping at least one cell. */
static int median(const work *k, const box *b)
{
    double half = 0, so_far = 0;
    int j = b->first;
    for (int i = b->first; i < b->last; i++)
        half += k->cells[k->order[i]].n;
    half /= 2;
    while (j < b->last - 2 && so_far + k->cells[k->order[j]].n < half)
        so_far += k->cells[k->order[j++]].n;
    return j + 1;
}

static int cut(work *k, int cells, int colours, box *boxes)
{
    int n = 1;
    boxes[0] = (box){.first = 0, .last = cells};
    measure(k, boxes);
    while (n < colours) {
        int widest = 0, at;
        for (int i = 1; i < n; i++)
            if (boxes[i].spread > boxes[widest].spread)
                widest = i;
        if (boxes[widest].spread <= 0)
            break;
        sort(k, boxes + widest);
        at = median(k, boxes + widest);
        boxes[n] = (box){.first = at, .last = boxes[widest].last};
        boxes[widest].last = at;
        measure(k, boxes + widest);
        measure(k, boxes + n++);
    }
    return n;
}

static void mean_of(const work *k, const box *b, uint8_t *rgb)
{
    for (int i = 0; i < 3; i++) {
        double n = 0, s = 0;
        for (int j = b->first; j < b->last; j++) {
            n += k->cells[k->order[j]].n;
            s += k->cells[k->order[j]].sum[i];
        }
        rgb[i] = (uint8_t)(s / n + 0.5);
    }
}

static int place_of(const uint8_t *p)
{
    return p[0] >> 3 << 10 | p[1] >> 3 << 5 | p[2] >> 3;
}

static uint8_t nearest(work *k, const uint8_t *p, const uint8_t (*colours)[3], int n)
{
    int place = place_of(p), best = 0;
    long least = -1;
    if (k->known[place])
        return k->nearest[place];
    for (int i = 0; i < n; i++) {
        long d = 0;
        for (int c = 0; c < 3; c++) {
            long x = (p[c] & ~7) + 4 - colours[i][c];
            d += x * x;
        }
        if (least < 0 || d < least) {
            least = d;
            best = i;
        }
    }
    k->known[place] = 1;
    return k->nearest[place] = (uint8_t)best;
}

static uint8_t moved(int value, int by)
{
    value += by;
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

int latent_palette_reduce(const uint8_t *rgb, int h, int w, int colours, uint8_t *index, int stride,
                          uint32_t *palette, latent_error *e)
{
    static const int8_t bayer[4][4] = {
        {-8, 0, -6, 2}, {4, -4, 6, -2}, {-5, 3, -7, 1}, {7, -1, 5, -3}};
    work *k = calloc(1, sizeof(*k));
    box boxes[256];
    uint8_t list[256][3];
    int cells = 0, n;
    if (!k)
        return latent_fail(e, "there is no memory to choose the colours of a GIF");
    for (size_t i = 0; i < (size_t)h * (size_t)w; i++) {
        cell *c = &k->cells[place_of(rgb + 3 * i)];
        c->n++;
        for (int j = 0; j < 3; j++)
            c->sum[j] += rgb[3 * i + (size_t)j];
    }
    for (int i = 0; i < CELLS; i++)
        if (k->cells[i].n)
            k->order[cells++] = (uint16_t)i;
    n = cut(k, cells, colours, boxes);
    memset(palette, 0, 256 * sizeof(*palette));
    for (int i = 0; i < 256; i++)
        palette[i] = 0xff000000u;
    for (int i = 0; i < n; i++) {
        mean_of(k, boxes + i, list[i]);
        palette[i] |= (uint32_t)list[i][0] << 16 | (uint32_t)list[i][1] << 8 | list[i][2];
    }
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++, rgb += 3) {
            int by = cells > n ? bayer[y & 3][x & 3] : 0; /* few colours need no pattern */
            uint8_t p[3] = {moved(rgb[0], by), moved(rgb[1], by), moved(rgb[2], by)};
            index[(ptrdiff_t)y * stride + x] = nearest(k, p, list, n);
        }
    free(k);
    return 0;
}
