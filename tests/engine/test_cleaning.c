/* The cleaning of plates: against thirty paintings labelled by hand (needs the paintings:
   LATENT_DATA), and against a page drawn here. */
#include "engine/data/cleaning.h"
#include "engine/media/picture.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define LABELS "tests/fixtures/haicuotu-masks.txt"
#define CORNERS 400
#define BOXES 16
#define PAINTINGS 30

/* Under a sanitizer, which makes it six times slower, a few paintings show what it could find. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define FEW 4
#else
#define FEW PAINTINGS
#endif

/* ---- labels: polygons, strokes and boxes of writing, at a size of their own */

typedef struct {
    char file[100];
    int w, h;
    uint8_t *animal;
    float boxes[BOXES][4];
    int n_boxes;
} label;

static void draw_polygon(label *l, const float *xy, int corners)
{
    for (int y = 0; y < l->h; y++)
        for (int x = 0; x < l->w; x++) {
            float px = (float)x + 0.5f, py = (float)y + 0.5f;
            int inside = 0;
            for (int i = 0, j = corners - 1; i < corners; j = i++) {
                const float *a = xy + 2 * i, *b = xy + 2 * j;
                if ((a[1] > py) != (b[1] > py) &&
                    px < (b[0] - a[0]) * (py - a[1]) / (b[1] - a[1]) + a[0])
                    inside = !inside;
            }
            l->animal[y * l->w + x] |= (uint8_t)inside;
        }
}

static void draw_stroke(label *l, float wide, const float *xy, int corners)
{
    for (int y = 0; y < l->h; y++)
        for (int x = 0; x < l->w; x++)
            for (int i = 0; i + 1 < corners; i++) {
                const float *a = xy + 2 * i, *b = xy + 2 * i + 2;
                float dx = b[0] - a[0], dy = b[1] - a[1];
                float px = (float)x + 0.5f - a[0], py = (float)y + 0.5f - a[1];
                float t = (px * dx + py * dy) / (dx * dx + dy * dy);
                t = t < 0 ? 0 : t > 1 ? 1 : t;
                if (hypotf(px - t * dx, py - t * dy) <= wide / 2)
                    l->animal[y * l->w + x] = 1;
            }
}

static int numbers(char *text, float *v, int room)
{
    int n = 0;
    for (char *word = strtok(text, " \n"); word && n < room; word = strtok(NULL, " \n"))
        v[n++] = strtof(word, NULL);
    return n;
}

/* Reads the next label: 1, or 0 at the end.  line holds the line that was read last. */
static int next_label(FILE *f, char *line, size_t room, label *l)
{
    float v[2 * CORNERS + 1];
    memset(l, 0, sizeof(*l));
    while (*line != '=')
        if (!fgets(line, (int)room, f))
            return 0;
    assert_int_equal(sscanf(line, "= %99s %d %d", l->file, &l->w, &l->h), 3);
    l->animal = calloc((size_t)l->w, (size_t)l->h);
    assert_non_null(l->animal);
    while (fgets(line, (int)room, f) && *line != '=') {
        int n = numbers(line + 1, v, 2 * CORNERS + 1);
        if (*line == '+')
            draw_polygon(l, v, n / 2);
        else if (*line == '|')
            draw_stroke(l, v[0], v + 1, n / 2);
        else if (*line == 't') {
            assert_int_equal(n, 4);
            assert_true(l->n_boxes < BOXES);
            memcpy(l->boxes[l->n_boxes++], v, sizeof(l->boxes[0]));
        }
    }
    return 1;
}

/* ---- the measure */

static int marked(const latent_cleaning *c, const label *l, int y, int x)
{
    int v = (int)(((float)y + 0.5f) * (float)c->h / (float)l->h);
    int u = (int)(((float)x + 0.5f) * (float)c->w / (float)l->w);
    return c->mask[v * c->w + u] > 127;
}

static int near_animal(const label *l, int y, int x, int reach)
{
    for (int v = y - reach; v <= y + reach; v++)
        for (int u = x - reach; u <= x + reach; u++)
            if (v >= 0 && u >= 0 && v < l->h && u < l->w && l->animal[v * l->w + u])
                return 1;
    return 0;
}

static double overlap(const latent_cleaning *c, const label *l)
{
    long both = 0, either = 0;
    for (int y = 0; y < l->h; y++)
        for (int x = 0; x < l->w; x++) {
            int a = marked(c, l, y, x), b = l->animal[y * l->w + x];
            both += a && b;
            either += a || b;
        }
    return either ? (double)both / (double)either : 1;
}

/* How many marked pixels lie where writing is and the animal is not. */
static long writing_left(const latent_cleaning *c, const label *l)
{
    long left = 0;
    for (int i = 0; i < l->n_boxes; i++)
        for (int y = (int)l->boxes[i][1]; y < (int)l->boxes[i][3] && y < l->h; y++)
            for (int x = (int)l->boxes[i][0]; x < (int)l->boxes[i][2] && x < l->w; x++)
                left += marked(c, l, y, x) && !near_animal(l, y, x, 5);
    return left;
}

static const char *folder(void)
{
    const char *data = getenv("LATENT_DATA");
    return data ? data : "../shared/data";
}

static void paintings_are_cleaned(void **state)
{
    FILE *f = fopen(LABELS, "r");
    char line[8000] = "", path[4096];
    double sum = 0;
    int n = 0, clean = 0;
    label l;
    (void)state;
    assert_non_null(f);
    snprintf(path, sizeof(path), "%s/haicuotu/index.json", folder());
    if (access(path, R_OK)) {
        fclose(f);
        print_message("SKIP the paintings are not there (LATENT_DATA=%s)\n", folder());
        skip();
    }
    while (n < FEW && next_label(f, line, sizeof(line), &l)) {
        latent_error e = {""};
        latent_cleaning c;
        latent_tensor *t;
        double one;
        long left;
        snprintf(path, sizeof(path), "%s/haicuotu/%s", folder(), l.file);
        t = latent_picture_read(path, 3, NULL, &e);
        assert_string_equal(e.text, "");
        assert_non_null(t);
        assert_int_equal(latent_cleaning_find(t, &c, &e), 0);
        one = overlap(&c, &l);
        left = writing_left(&c, &l);
        print_message("%-28s %.3f%s\n", l.file, one, left > 20 ? "  writing is left" : "");
        sum += one;
        n++;
        clean += left <= 20;
        latent_cleaning_free(&c);
        latent_tensor_release(t);
        free(l.animal);
    }
    fclose(f);
    print_message("intersection over union %.3f on average; no writing left in %d of %d\n", sum / n,
                  clean, n);
    assert_int_equal(n, FEW);
    assert_true(sum / n >= 0.75);
    assert_true(clean * PAINTINGS >= 25 * FEW);
}

/* ---- a page drawn here: lighter paper in a mount, a fish with an eye of plain paper, two columns
   of dark characters, a piece of a neighbour at the edge */

#define H 300
#define W 400

static void dot(latent_tensor *t, int y, int x, float r, float g, float b)
{
    float *p = t->data + 3 * (y * W + x);
    p[0] = r;
    p[1] = g;
    p[2] = b;
}

static int in_fish(int y, int x)
{
    float u = ((float)x - 170) / 90, v = ((float)y - 190) / 40;
    return u * u + v * v < 1 || (x > 240 && x < 300 && abs(y - 190) < (x - 240) / 2 + 5);
}

static void draw_page(latent_tensor *t, int with_fish)
{
    uint32_t noise = 1;
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) {
            float light, dx = (float)(x - 110), dy = (float)(y - 180);
            noise = noise * 1664525 + 1013904223;
            light = (float)(noise >> 24) / 255 * 0.03f - 0.05f * (float)x / W;
            if (x < 20 || y > H - 25)
                dot(t, y, x, 0.5f + light, 0.3f + light, -0.1f + light);
            else
                dot(t, y, x, 0.75f + light, 0.6f + light, 0.35f + light);
            if (with_fish && in_fish(y, x) && dx * dx + dy * dy > 30)
                dot(t, y, x, -0.2f, -0.4f, -0.1f);
            if (with_fish && x > W - 25 && y > 20 && y < 70)
                dot(t, y, x, 0.6f, -0.5f, -0.5f);
        }
    for (int column = 0; column < 2; column++)
        for (int row = 0; row < 6; row++)
            for (int y = 0; y < 14; y++)
                for (int x = 0; x < 14; x++)
                    if (y % 6 < 2 || x % 6 < 2)
                        dot(t, 20 + 18 * row + y, 80 + 22 * column + x, -0.7f, -0.75f, -0.8f);
}

static void a_page_is_cleaned(void **state)
{
    latent_tensor *t = latent_tensor_new((latent_shape){1, H, W, 3}, NULL), *out;
    latent_cleaning c;
    latent_error e;
    long both = 0, either = 0, text = 0;
    (void)state;
    assert_non_null(t);
    draw_page(t, 1);
    assert_int_equal(latent_cleaning_find(t, &c, &e), 0);
    assert_int_equal(c.figures, 1);
    assert_true(c.h == H && c.w == W);
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) {
            int found = c.mask[y * W + x] > 127;
            both += found && in_fish(y, x);
            either += found || in_fish(y, x);
            text += found && y < 130;
        }
    assert_true((double)both / (double)either > 0.97);
    assert_int_equal(text, 0);
    assert_true(c.mask[180 * W + 110] > 127); /* the eye belongs to it */
    out = latent_cleaning_draw(t, &c, 64, 0.85f, &e);
    assert_non_null(out);
    for (int k = 0; k < 3; k++) { /* paper at the corners, fish in the middle */
        assert_true(fabsf(out->data[k] - c.paper[k]) < 1e-5f);
        assert_true(out->data[3 * (32 * 64 + 32) + k] < 0);
    }
    latent_tensor_release(out);
    latent_cleaning_free(&c);
    /* writing alone is no animal */
    draw_page(t, 0);
    assert_int_equal(latent_cleaning_find(t, &c, &e), 0);
    assert_int_equal(c.figures, 0);
    assert_null(latent_cleaning_draw(t, &c, 64, 0.85f, &e));
    assert_non_null(strstr(e.text, "nothing but paper"));
    latent_cleaning_free(&c);
    latent_tensor_release(t);
}

static void odd_pictures_are_no_harm(void **state)
{
    static const int sizes[][3] = {{8, 8, 3}, {1, 9, 3}, {9, 400, 4}, {64, 64, 1}, {900, 8, 3}};
    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
        for (int kind = 0; kind < 3; kind++) {
            latent_shape s = {1, sizes[i][0], sizes[i][1], sizes[i][2]};
            latent_tensor *t = latent_tensor_new(s, NULL), *out;
            latent_cleaning c;
            latent_error e;
            assert_non_null(t);
            for (size_t j = 0; j < t->count; j++)
                t->data[j] = kind == 0 ? 0 : kind == 1 ? NAN : (float)(j * 7919 % 255) / 127 - 1;
            if (!latent_cleaning_find(t, &c, &e) &&
                (out = latent_cleaning_draw(t, &c, 16, 0.85f, &e)))
                latent_tensor_release(out);
            latent_cleaning_free(&c);
            latent_tensor_release(t);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_page_is_cleaned),
                                       cmocka_unit_test(odd_pictures_are_no_harm),
                                       cmocka_unit_test(paintings_are_cleaned)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
