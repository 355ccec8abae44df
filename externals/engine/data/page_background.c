/* page_background: see page_background.h.  The paper's colour is the commonest flat one (a mode of
   the histogram in CIE L*a*b*, 1976); the sheet in its mount is the rectangle with the largest sum
   of (sheet - mount), found by Kadane's algorithm over rows of cells; light falls off as a
   polynomial fitted by least squares to what is near the paper, again and again. */
#include "page_background.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CELL 8            /* the rectangle is looked for in cells of so many pixels */
#define BINS 64           /* of the histogram, a side */
#define BIN 2.0f          /* units of L*a*b* in one */
#define SAME 7.0f         /* as far from its mode a paper may be */
#define FITS 4            /* so often the polynomial is fitted */
#define LIGHT_WEIGHT 0.7f /* of lightness against colour: shadows and folds are only darker */

/* ---- colours */

static float linear(float v)
{
    return v <= 0.04045f ? v / 12.92f : powf((v + 0.055f) / 1.055f, 2.4f);
}

static float cube_root(float v)
{
    return v > 0.008856f ? cbrtf(v) : 7.787f * v + 16.0f / 116;
}

/* sRGB in [-1, 1] to L*, a*, b* (D65). */
static void to_lab(const float *rgb, float *lab)
{
    float r = linear(fminf(fmaxf(rgb[0] * 0.5f + 0.5f, 0), 1));
    float g = linear(fminf(fmaxf(rgb[1] * 0.5f + 0.5f, 0), 1));
    float b = linear(fminf(fmaxf(rgb[2] * 0.5f + 0.5f, 0), 1));
    float x = cube_root((0.4124f * r + 0.3576f * g + 0.1805f * b) / 0.9505f);
    float y = cube_root(0.2126f * r + 0.7152f * g + 0.0722f * b);
    float z = cube_root((0.0193f * r + 0.1192f * g + 0.9505f * b) / 1.089f);
    lab[0] = 116 * y - 16;
    lab[1] = 500 * (x - y);
    lab[2] = 200 * (y - z);
}

/* ---- the page made smaller, by the mean over each new pixel's area */

static void shrink(const latent_tensor *t, float *lab, int h, int w, float scale)
{
    const latent_shape s = t->shape;
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            int y0 = (int)((float)y * scale), y1 = (int)((float)(y + 1) * scale);
            int x0 = (int)((float)x * scale), x1 = (int)((float)(x + 1) * scale);
            float sum[3] = {0};
            int n = 0;
            y1 = y1 > s.h ? s.h : y1 > y0 ? y1 : y0 + 1;
            x1 = x1 > s.w ? s.w : x1 > x0 ? x1 : x0 + 1;
            for (int i = y0; i < y1; i++)
                for (int j = x0; j < x1; j++, n++)
                    for (int k = 0; k < 3; k++)
                        sum[k] += t->data[((size_t)i * (size_t)s.w + (size_t)j) * (size_t)s.c +
                                          (size_t)k];
            for (int k = 0; k < 3; k++)
                sum[k] /= (float)(n ? n : 1);
            to_lab(sum, lab + 3 * ((size_t)y * (size_t)w + (size_t)x));
        }
}

static float apart(const float *a, const float *b)
{
    float l = a[0] - b[0], u = a[1] - b[1], v = a[2] - b[2];
    return sqrtf(LIGHT_WEIGHT * l * l + u * u + v * v);
}

/* ---- the papers' colours: modes of the histogram */

static int bin_of(float v, float low)
{
    int i = (int)((v - low) / BIN);
    return i < 0 ? 0 : i >= BINS ? BINS - 1 : i;
}

static int index_of(const float *lab)
{
    return (bin_of(lab[0], 0) * BINS + bin_of(lab[1], -64)) * BINS + bin_of(lab[2], -64);
}

/* Is the page flat here? */
static int is_flat(const float *lab, int h, int w, int y, int x)
{
    const float *p = lab + 3 * ((size_t)y * (size_t)w + (size_t)x);
    return y + 2 < h && x + 2 < w && fabsf(p[0] - p[6]) < 2 && fabsf(p[0] - p[6 * w]) < 2;
}

/* The commonest colour among flat pixels that are not near those known; how many have it. */
static int mode_find(const float *lab, int h, int w, int *bins, const float *known, int n_known,
                     float *mode)
{
    int best = 0, at = 0, count = 0;
    double sum[3] = {0};
    memset(bins, 0, sizeof(int) * BINS * BINS * BINS);
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            const float *p = lab + 3 * ((size_t)y * (size_t)w + (size_t)x);
            int near = !is_flat(lab, h, w, y, x);
            for (int k = 0; k < n_known; k++)
                near |= apart(p, known + 3 * k) < SAME;
            if (!near)
                bins[index_of(p)]++;
        }
    for (int i = 1; i < BINS - 1; i++)
        for (int j = 1; j < BINS - 1; j++)
            for (int k = 1; k < BINS - 1; k++) {
                int sum_near = 0, centre = (i * BINS + j) * BINS + k;
                if (!bins[centre])
                    continue;
                for (int d = 0; d < 27; d++)
                    sum_near +=
                        bins[centre + ((d / 9 - 1) * BINS + d / 3 % 3 - 1) * BINS + d % 3 - 1];
                if (sum_near > best) {
                    best = sum_near;
                    at = centre;
                }
            }
    mode[0] = ((float)(at / BINS / BINS) + 0.5f) * BIN;
    mode[1] = ((float)(at / BINS % BINS) + 0.5f) * BIN - 64;
    mode[2] = ((float)(at % BINS) + 0.5f) * BIN - 64;
    for (size_t i = 0; i < (size_t)h * (size_t)w; i++)
        if (apart(lab + 3 * i, mode) < 4) {
            count++;
            for (int k = 0; k < 3; k++)
                sum[k] += lab[3 * i + (size_t)k];
        }
    for (int k = 0; k < 3 && count; k++)
        mode[k] = (float)(sum[k] / count);
    return count;
}

/* ---- the sheet in its mount */

/* The rectangle of cells with the largest sum; sums[i][j] over rows 0..i-1 of column j. */
static void rectangle(const float *sums, int rows, int columns, int *y0, int *x0, int *y1, int *x1)
{
    float best = -1e30f;
    for (int top = 0; top < rows; top++)
        for (int low = top + 1; low <= rows; low++) {
            float run = 0;
            int start = 0;
            for (int j = 0; j < columns; j++) {
                if (run <= 0) {
                    run = 0;
                    start = j;
                }
                run += sums[low * columns + j] - sums[top * columns + j];
                if (run > best) {
                    best = run;
                    *y0 = top;
                    *y1 = low;
                    *x0 = start;
                    *x1 = j + 1;
                }
            }
        }
}

/* 1 for the sheet, -1 for the mount, 0 for neither. */
static int vote(const float *lab, const float *sheet, const float *mount)
{
    float a = apart(lab, sheet), b = apart(lab, mount);
    return a < b ? a < SAME : -(b < SAME);
}

/* Moves an edge to where the votes on one side are the sheet's, on the other the mount's: the line
   (row or column) is summed over its length from..to. */
static int edge(const float *lab, int w, int upright, int at, int limit, int from, int to, int sign,
                const float *sheet, const float *mount)
{
    int best = at, reach = 2 * CELL, sum = 0, most = 0;
    int first = at - reach < 0 ? 0 : at - reach, last = at + reach > limit ? limit : at + reach;
    if (at == 0 || at == limit)
        return at;
    for (int i = first; i < last; i++) { /* an edge at i + 1 leaves line i outside or inside */
        for (int j = from; j < to; j += 2) {
            size_t y = (size_t)(upright ? j : i), x = (size_t)(upright ? i : j);
            sum -= sign * vote(lab + 3 * (y * (size_t)w + x), sheet, mount);
        }
        if (sum > most || i == first) {
            most = sum;
            best = i + 1;
        }
    }
    return best;
}

static int sheet_find(const float *lab, latent_page_background *p, const float *sheet,
                      const float *mount, latent_error *e)
{
    int rows = (p->h + CELL - 1) / CELL, columns = (p->w + CELL - 1) / CELL;
    float *sums = calloc((size_t)(rows + 1) * (size_t)columns, sizeof(float));
    int x0 = 0, y0 = 0, x1 = columns, y1 = rows, margin = 1 + p->w / 300;
    long outside = 0, of_mount = 0;
    if (!sums)
        return latent_fail(e, "there is no memory to look for the paper");
    for (int y = 0; y < p->h; y++)
        for (int x = 0; x < p->w; x++)
            sums[(y / CELL + 1) * columns + x / CELL] +=
                (float)vote(lab + 3 * ((size_t)y * (size_t)p->w + (size_t)x), sheet, mount);
    for (int i = columns; i < (rows + 1) * columns; i++)
        sums[i] += sums[i - columns];
    rectangle(sums, rows, columns, &y0, &x0, &y1, &x1);
    free(sums);
    p->x0 = x0 * CELL;
    p->y0 = y0 * CELL;
    p->x1 = x1 * CELL > p->w ? p->w : x1 * CELL;
    p->y1 = y1 * CELL > p->h ? p->h : y1 * CELL;
    p->x0 = edge(lab, p->w, 1, p->x0, p->w, p->y0, p->y1, 1, sheet, mount);
    p->x1 = edge(lab, p->w, 1, p->x1, p->w, p->y0, p->y1, -1, sheet, mount);
    p->y0 = edge(lab, p->w, 0, p->y0, p->h, p->x0, p->x1, 1, sheet, mount);
    p->y1 = edge(lab, p->w, 0, p->y1, p->h, p->x0, p->x1, -1, sheet, mount);
    for (int y = 0; y < p->h; y++)
        for (int x = 0; x < p->w; x++)
            if (y < p->y0 || y >= p->y1 || x < p->x0 || x >= p->x1) {
                outside++;
                of_mount +=
                    vote(lab + 3 * ((size_t)y * (size_t)p->w + (size_t)x), sheet, mount) < 0;
            }
    if (of_mount * 3 < outside * 2) { /* that is no mount but something painted */
        p->x0 = p->y0 = 0;
        p->x1 = p->w;
        p->y1 = p->h;
    }
    p->x0 += p->x0 ? margin : 0;
    p->y0 += p->y0 ? margin : 0;
    p->x1 -= p->x1 < p->w ? margin : 0;
    p->y1 -= p->y1 < p->h ? margin : 0;
    return 0;
}

/* ---- the light */

static void place(const latent_page_background *p, int y, int x, double *base)
{
    double u = 2.0 * x / p->w - 1, v = 2.0 * y / p->h - 1;
    base[0] = 1;
    base[1] = u;
    base[2] = v;
    base[3] = u * u;
    base[4] = u * v;
    base[5] = v * v;
}

static void paper_at(const latent_page_background *p, int y, int x, float *lab)
{
    double base[6];
    place(p, y, x, base);
    for (int k = 0; k < 3; k++) {
        double sum = 0;
        for (int i = 0; i < 6; i++)
            sum += base[i] * (double)p->surface[i][k];
        lab[k] = (float)sum;
    }
}

/* Solves a (6 x 6, symmetric, with a little on its diagonal) for three right sides, in place. */
static void solve(double a[6][9])
{
    for (int i = 0; i < 6; i++) {
        double pivot = a[i][i] > 1e-9 ? a[i][i] : 1e-9;
        for (int j = i; j < 9; j++)
            a[i][j] /= pivot;
        for (int r = 0; r < 6; r++)
            if (r != i) {
                double f = a[r][i];
                for (int j = i; j < 9; j++)
                    a[r][j] -= f * a[i][j];
            }
    }
}

/* Fits the surface to the pixels of the sheet that are nearer than limit to the last surface. */
static void fit(latent_page_background *p, const float *lab, float limit)
{
    double a[6][9] = {{0}}, base[6];
    float here[3];
    for (int y = p->y0; y < p->y1; y += 2)
        for (int x = p->x0; x < p->x1; x += 2) {
            const float *c = lab + 3 * ((size_t)y * (size_t)p->w + (size_t)x);
            paper_at(p, y, x, here);
            if (apart(c, here) >= limit)
                continue;
            place(p, y, x, base);
            for (int i = 0; i < 6; i++) {
                for (int j = 0; j < 6; j++)
                    a[i][j] += base[i] * base[j];
                for (int k = 0; k < 3; k++)
                    a[i][6 + k] += base[i] * (double)c[k];
            }
        }
    if (a[0][0] < 64)
        return;
    for (int i = 1; i < 6; i++) /* where hardly any paper is seen it is taken to be even */
        a[i][i] += 0.002 * a[0][0];
    solve(a);
    for (int i = 0; i < 6; i++)
        for (int k = 0; k < 3; k++)
            p->surface[i][k] = (float)a[i][6 + k];
}

static void measure(latent_page_background *p, const float *lab)
{
    float here[3];
    double sum = 0;
    long n = 0;
    for (int y = p->y0; y < p->y1; y++)
        for (int x = p->x0; x < p->x1; x++) {
            size_t i = (size_t)y * (size_t)p->w + (size_t)x;
            float u, v;
            paper_at(p, y, x, here);
            u = lab[3 * i + 1] - here[1];
            v = lab[3 * i + 2] - here[2];
            p->distance[i] = apart(lab + 3 * i, here);
            p->chroma[i] = sqrtf(u * u + v * v);
            if (p->distance[i] < SAME) {
                sum += (double)p->distance[i];
                n++;
            }
        }
    p->noise = n ? (float)(sum / (double)n) : 1;
}

/* The mean colour of what is paper. */
static void colour(latent_page_background *p, const latent_tensor *t)
{
    const latent_shape s = t->shape;
    double sum[3] = {0};
    long n = 0;
    for (int y = p->y0; y < p->y1; y++)
        for (int x = p->x0; x < p->x1; x++) {
            size_t from_y = (size_t)(((float)y + 0.5f) * p->scale);
            size_t from_x = (size_t)(((float)x + 0.5f) * p->scale);
            if (p->distance[(size_t)y * (size_t)p->w + (size_t)x] > p->noise ||
                from_y >= (size_t)s.h || from_x >= (size_t)s.w)
                continue;
            for (size_t k = 0; k < 3; k++)
                sum[k] += (double)t->data[(from_y * (size_t)s.w + from_x) * (size_t)s.c + k];
            n++;
        }
    for (int k = 0; k < 3; k++)
        p->colour[k] = n ? (float)(sum[k] / (double)n) : 1;
}

/* ---- all together */

static int find(const latent_tensor *t, latent_page_background *p, float *lab, int *bins,
                latent_error *e)
{
    float modes[2][3];
    size_t pixels = (size_t)p->h * (size_t)p->w;
    int first, second, lighter;
    shrink(t, lab, p->h, p->w, p->scale);
    first = mode_find(lab, p->h, p->w, bins, NULL, 0, modes[0]);
    second = mode_find(lab, p->h, p->w, bins, modes[0], 1, modes[1]);
    p->x1 = p->w;
    p->y1 = p->h;
    lighter = modes[1][0] > modes[0][0];
    /* a strip of mount may be narrow; a sheet is no mere light spot */
    if ((size_t)second * (lighter ? 10 : 200) > pixels && second * 100 > first &&
        modes[1 - lighter][0] > 55) {
        if (sheet_find(lab, p, modes[lighter], modes[1 - lighter], e))
            return -1;
        if (p->x0 == 0 && p->y0 == 0 && p->x1 == p->w && p->y1 == p->h)
            lighter = 0;
    } else
        lighter = 0;
    for (int k = 0; k < 3; k++)
        p->surface[0][k] = modes[lighter][k];
    for (int i = 0; i < FITS; i++)
        fit(p, lab, i ? SAME - (float)i : SAME + 2);
    measure(p, lab);
    colour(p, t);
    return 0;
}

int latent_page_background_find(const latent_tensor *t, latent_page_background *p, latent_error *e)
{
    const latent_shape s = t->shape;
    int longest = s.h > s.w ? s.h : s.w, failed;
    float *lab;
    int *bins;
    size_t pixels;
    memset(p, 0, sizeof(*p));
    if (s.n != 1 || s.c < 3 || s.h < 8 || s.w < 8)
        return latent_fail(e,
                           "a picture of %d x %d with %d channels can't be cleaned; one in colour, "
                           "at least 8 x 8, was expected",
                           s.w, s.h, s.c);
    p->scale = longest > LATENT_PAPER_SIDE ? (float)longest / LATENT_PAPER_SIDE : 1;
    p->h = (int)((float)s.h / p->scale);
    p->w = (int)((float)s.w / p->scale);
    p->h = p->h < 1 ? 1 : p->h;
    p->w = p->w < 1 ? 1 : p->w;
    pixels = (size_t)p->h * (size_t)p->w;
    lab = malloc(pixels * 3 * sizeof(float));
    bins = malloc(sizeof(int) * BINS * BINS * BINS);
    p->distance = calloc(pixels, sizeof(float));
    p->chroma = calloc(pixels, sizeof(float));
    failed = !lab || !bins || !p->distance || !p->chroma;
    if (failed)
        latent_fail(e, "there is no memory to look for the paper of a picture");
    else
        failed = find(t, p, lab, bins, e);
    free(lab);
    free(bins);
    return failed ? -1 : 0;
}

void latent_page_background_free(latent_page_background *p)
{
    free(p->distance);
    free(p->chroma);
    p->distance = p->chroma = NULL;
}
