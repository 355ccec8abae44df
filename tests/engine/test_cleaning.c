/* The cleaning of plates: against thirty paintings labelled by hand (needs the paintings:
   LATENT_DATA), and against a page drawn here. */
#include "engine/media/picture.h"
#include "engine/train/cleaning.h"
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
    while (next_label(f, line, sizeof(line), &l)) {
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
    assert_int_equal(n, 30);
    assert_true(sum / n >= 0.75);
    assert_true(clean >= 25);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(paintings_are_cleaned)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
