/* rules: see rules.h */
#include "../picture/mirror.h"
#include "rule.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* clang-format off */
static const latent_rule *const all_rules[] = {
    &latent_rule_fish,
    &latent_rule_tiger,
    &latent_rule_molnar,
    &latent_rule_flow,
    &latent_rule_turing,
    &latent_rule_automaton,
    &latent_rule_field,
    &latent_rule_lsystem,
    &latent_rule_fractal,
    &latent_rule_idiom,
    NULL};
/* clang-format on */

const latent_rule *latent_rule_at(int i)
{
    return i >= 0 && i < (int)(sizeof(all_rules) / sizeof(*all_rules)) ? all_rules[i] : NULL;
}

const latent_rule *latent_rule_find(const char *name)
{
    int i = 0;
    while (all_rules[i] && strcmp(all_rules[i]->name, name))
        i++;
    return all_rules[i];
}

const char *latent_rule_name(const latent_rule *rule)
{
    return rule->name;
}

int latent_rule_count(const latent_rule *rule)
{
    return rule->count;
}

int latent_rule_first_count(const latent_rule *rule)
{
    return rule->first_count ? rule->first_count : rule->count;
}

const latent_rule_param *latent_rule_params(const latent_rule *rule)
{
    return rule->params;
}

const char *latent_rule_palette(const latent_rule *rule)
{
    return rule->palette;
}

const char *latent_rule_list(const latent_rule *rule, int *group)
{
    *group = rule->group;
    return rule->list;
}

const char *latent_rule_follows(const latent_rule *rule)
{
    return rule->follows;
}

int latent_rule_channels(const latent_rule *rule)
{
    return rule->channels;
}

/* ---- parameters */

int latent_rule_param_find(const latent_rule *rule, const char *name)
{
    for (int i = 0; i < rule->count; i++)
        if (!strcmp(rule->params[i].name, name))
            return i;
    return -1;
}

int latent_rule_choice(const latent_rule_param *p, const char *word)
{
    const char *c = p->choices ? p->choices : "";
    size_t length = strlen(word);
    for (int i = 0; *c; i++) {
        size_t n = strcspn(c, " ");
        if (n == length && !strncmp(c, word, n))
            return i;
        c += n + strspn(c + n, " ");
    }
    return -1;
}

void latent_rule_word(const latent_rule_param *p, float value, char *word, size_t room)
{
    const char *c = p->choices ? p->choices : "";
    for (int i = 0; i < (int)value; i++) {
        c += strcspn(c, " ");
        c += strspn(c, " ");
    }
    snprintf(word, room, "%.*s", (int)strcspn(c, " "), c);
}

void latent_rule_usual(const latent_rule *rule, float *params)
{
    for (int i = 0; i < rule->count; i++)
        params[i] = rule->params[i].usual;
}

void latent_rule_clamp(const latent_rule *rule, float *params)
{
    for (int i = 0; i < rule->count; i++) {
        const latent_rule_param *p = rule->params + i;
        float v = isnan(params[i]) ? p->usual : params[i];
        v = v < p->low ? p->low : v > p->high ? p->high : v;
        params[i] = (p->choices ? floorf(v + 0.5f) : v) + 0.0f; /* -0 becomes 0 */
    }
}

void latent_rule_random(const latent_rule *rule, uint32_t seed, uint32_t index, float *params)
{
    rule_chance r = rule_chance_of(seed, index, 0);
    latent_rule_usual(rule, params);
    rule->random(&r, params);
    latent_rule_clamp(rule, params);
}

/* ---- pictures */

/* The scene as rules see it: clamped parameters (into p) and a palette (into own where none was
   given).  0, or -1 when no picture can be of that size. */
static int look_at(const latent_rule *rule, const latent_rule_scene *given, int size, float *p,
                   latent_palette *own, rule_scene *scene, latent_error *e)
{
    if (size < LATENT_RULE_SMALLEST || size > LATENT_RULE_LARGEST)
        return latent_fail(e, "a picture of %s is %d to %d pixels wide, but %d were asked for",
                           rule->name, LATENT_RULE_SMALLEST, LATENT_RULE_LARGEST, size);
    memcpy(p, given->params, (size_t)rule->count * sizeof(*p));
    latent_rule_clamp(rule, p);
    *scene = (rule_scene){*given, p, NULL, size};
    scene->s.params = p;
    if (!scene->s.palette) {
        latent_palette_find(rule->palette ? rule->palette : "ink", own);
        scene->s.palette = own;
    }
    return 0;
}

static int no_memory(const latent_rule *rule, latent_error *e)
{
    return latent_fail(e, "there is no memory to draw %s with", rule->name);
}

static void sheet_to_floats(cairo_surface_t *sheet, int size, int mask, float *picture)
{
    const unsigned char *from = cairo_image_surface_get_data(sheet);
    size_t stride = (size_t)cairo_image_surface_get_stride(sheet);
    for (int y = 0; y < size; y++) {
        const unsigned char *row = from + (size_t)y * stride;
        for (int x = 0; x < size; x++, picture += 3) {
            uint32_t pixel;
            memcpy(&pixel, row + 4 * x, 4);
            if (mask)
                pixel = (pixel >> 24) * 0x010101;
            picture[0] = (float)(pixel >> 16 & 255) / 127.5f - 1;
            picture[1] = (float)(pixel >> 8 & 255) / 127.5f - 1;
            picture[2] = (float)(pixel & 255) / 127.5f - 1;
        }
    }
}

static int draw_sheet(const latent_rule *rule, const rule_scene *scene, float *picture,
                      latent_error *e)
{
    cairo_surface_t *sheet =
        cairo_image_surface_create(CAIRO_FORMAT_ARGB32, scene->size, scene->size);
    cairo_t *c = cairo_create(sheet);
    int failed;
    cairo_scale(c, scene->size / 64.0, scene->size / 64.0);
    failed = rule->draw(c, scene) || cairo_status(c) != CAIRO_STATUS_SUCCESS;
    cairo_surface_flush(sheet);
    if (!failed)
        sheet_to_floats(sheet, scene->size, scene->s.mask, picture);
    cairo_destroy(c);
    cairo_surface_destroy(sheet);
    return failed ? no_memory(rule, e) : 0;
}

static int paint_pixels(const latent_rule *rule, const rule_scene *scene, float *picture,
                        latent_error *e)
{
    size_t pixels = (size_t)scene->size * (size_t)scene->size;
    float *rgba = malloc(pixels * 4 * sizeof(float));
    int failed = !rgba ? no_memory(rule, e) : rule->paint(scene, rgba, e);
    for (size_t i = 0; i < pixels && !failed; i++)
        for (int k = 0; k < 3; k++)
            picture[3 * i + (size_t)k] = 2 * rgba[4 * i + (size_t)(scene->s.mask ? 3 : k)] - 1;
    free(rgba);
    return failed;
}

static int show(const latent_rule *rule, const rule_scene *scene, float *picture, latent_error *e)
{
    return (rule->draw ? draw_sheet : paint_pixels)(rule, scene, picture, e);
}

int latent_rule_begin(const latent_rule *rule, const latent_rule_scene *given, int size,
                      float *state, latent_error *e)
{
    float p[LATENT_RULE_MOST];
    latent_palette own;
    rule_scene scene;
    return look_at(rule, given, size, p, &own, &scene, e) ? -1 : rule->begin(&scene, state, e);
}

int latent_rule_step(const latent_rule *rule, const latent_rule_scene *given, int size,
                     const float *before, float *after, latent_error *e)
{
    float p[LATENT_RULE_MOST];
    latent_palette own;
    rule_scene scene;
    return look_at(rule, given, size, p, &own, &scene, e) ? -1
                                                          : rule->step(&scene, before, after, e);
}

int latent_rule_show(const latent_rule *rule, const latent_rule_scene *given, int size,
                     const float *state, float *picture, latent_error *e)
{
    float p[LATENT_RULE_MOST];
    latent_palette own;
    rule_scene scene;
    if (look_at(rule, given, size, p, &own, &scene, e))
        return -1;
    scene.state = state;
    return show(rule, &scene, picture, e);
}

/* A process from its beginning to its first picture. */
static int run(const latent_rule *rule, rule_scene *scene, float *picture, latent_error *e)
{
    size_t numbers = (size_t)scene->size * (size_t)scene->size * (size_t)rule->channels;
    float *state = malloc(numbers * sizeof(float)), *next = malloc(numbers * sizeof(float));
    int failed = !state || !next ? no_memory(rule, e) : rule->begin(scene, state, e);
    for (int i = 0; i < (int)scene->p[0] && !failed; i++) {
        float *before = state;
        failed = rule->step(scene, before, next, e);
        state = next;
        next = before;
    }
    scene->state = state;
    if (!failed)
        failed = show(rule, scene, picture, e);
    free(state);
    free(next);
    return failed;
}

int latent_rule_paint(const latent_rule *rule, const latent_rule_scene *given, int size,
                      float *picture, latent_error *e)
{
    float p[LATENT_RULE_MOST];
    latent_palette own;
    rule_scene scene;
    if (look_at(rule, given, size, p, &own, &scene, e))
        return -1;
    return rule->channels ? run(rule, &scene, picture, e) : show(rule, &scene, picture, e);
}

int latent_rule_draw(const latent_rule *rule, const float *params, int size, float *picture,
                     latent_error *e)
{
    latent_rule_scene scene = {.params = params};
    return latent_rule_paint(rule, &scene, size, picture, e);
}

/* ---- what rules draw with */

rgb rule_mix(rgb a, rgb b, double f)
{
    return (rgb){a.r + (b.r - a.r) * f, a.g + (b.g - a.g) * f, a.b + (b.b - a.b) * f};
}

rgb rule_around(const rgb *colours, int n, double place)
{
    int i = (int)floor(place);
    return rule_mix(colours[i % n], colours[(i + 1) % n], place - i);
}

void rule_paper(cairo_t *c, const rule_scene *scene, const float rgb[3])
{
    if (scene->s.mask)
        return;
    cairo_set_source_rgb(c, (double)rgb[0], (double)rgb[1], (double)rgb[2]);
    cairo_paint(c);
}

void rule_colour(cairo_t *c, const float rgb[3], double alpha)
{
    cairo_set_source_rgba(c, (double)rgb[0], (double)rgb[1], (double)rgb[2], alpha);
}

const float *rule_lot(const rule_scene *scene, rule_chance *r)
{
    const latent_palette *p = scene->s.palette;
    double u = rule_uniform(r);
    int i = 0;
    while (i + 1 < (int)p->count && (u -= (double)p->share[i]) >= 0)
        i++;
    return p->colour[i];
}

void rule_along(const latent_palette *p, double u, float rgb[3])
{
    int last = (int)p->count - 1;
    double place = (isnan(u) ? 0 : fmin(fmax(u, 0), 1)) * last;
    int i = last ? (int)fmin(place, last - 1) : 0, k = last ? i + 1 : 0;
    float f = (float)(place - i);
    for (int j = 0; j < 3; j++)
        rgb[j] = p->colour[i][j] + (p->colour[k][j] - p->colour[i][j]) * f;
}

static double grey_at(const latent_rule_scene *s, int y, int x)
{
    const float *v = s->follow + ((size_t)latent_mirrored(y, s->follow_h) * (size_t)s->follow_w +
                                  (size_t)latent_mirrored(x, s->follow_w)) *
                                     (size_t)s->follow_c;
    float grey = s->follow_c < 3 ? v[0] : .299f * v[0] + .587f * v[1] + .114f * v[2];
    return isnan(grey) ? .5 : fmin(fmax(((double)grey + 1) / 2, 0), 1);
}

double rule_follow(const rule_scene *scene, double x, double y, double otherwise)
{
    const latent_rule_scene *s = &scene->s;
    if (!s->follow)
        return otherwise;
    double px = fmin(fmax(x, -4), 4) * s->follow_w - .5,
           py = fmin(fmax(y, -4), 4) * s->follow_h - .5;
    int ix = (int)floor(px), iy = (int)floor(py);
    double fx = px - ix, fy = py - iy;
    double above = grey_at(s, iy, ix) * (1 - fx) + grey_at(s, iy, ix + 1) * fx;
    double below = grey_at(s, iy + 1, ix) * (1 - fx) + grey_at(s, iy + 1, ix + 1) * fx;
    return above * (1 - fy) + below * fy;
}

/* ---- sentences */

void latent_rule_caption(const latent_rule *rule, const float *params, uint32_t seed,
                         uint32_t index, latent_language language, char *text)
{
    rule_chance r = rule_chance_of(seed, index, 1 + (uint32_t)language);
    rule_text t = {text, 0};
    float p[LATENT_RULE_MOST];
    memcpy(p, params, (size_t)rule->count * sizeof(*p));
    latent_rule_clamp(rule, p);
    *text = 0;
    rule->caption(p, &r, language, &t);
}

void rule_say(rule_text *t, const char *words)
{
    size_t n = strlen(words);
    if (t->used + n >= LATENT_RULE_CAPTION)
        return;
    memcpy(t->text + t->used, words, n + 1);
    t->used += n;
}

void rule_say_number(rule_text *t, int n)
{
    char digits[16];
    snprintf(digits, sizeof(digits), "%d", n);
    rule_say(t, digits);
}

const char *rule_one_of(rule_chance *r, const char *const *words, int n)
{
    return words[rule_below(r, n)];
}

/* ---- chance */

static uint64_t mixed(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

rule_chance rule_chance_of(uint32_t seed, uint32_t index, uint32_t purpose)
{
    uint64_t start = mixed((uint64_t)seed << 32 | index);
    return (rule_chance){mixed(start + 0x9e3779b97f4a7c15u * (purpose + 1))};
}

double rule_uniform(rule_chance *r)
{
    r->state += 0x9e3779b97f4a7c15u;
    return (double)(mixed(r->state) >> 11) / 9007199254740992.0;
}

double rule_between(rule_chance *r, double low, double high)
{
    return low + (high - low) * rule_uniform(r);
}

int rule_below(rule_chance *r, int n)
{
    return (int)(rule_uniform(r) * n);
}

int rule_luck(rule_chance *r, double often)
{
    return rule_uniform(r) < often;
}
