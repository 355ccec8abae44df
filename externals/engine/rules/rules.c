/* rules: see rules.h */
#include "rule.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const latent_rule *const all_rules[] = {&latent_rule_fish, NULL};

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

const latent_rule_param *latent_rule_params(const latent_rule *rule)
{
    return rule->params;
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

static void to_floats(const unsigned char *from, int stride, int size, float *picture)
{
    for (int y = 0; y < size; y++) {
        const unsigned char *row = from + (size_t)y * (size_t)stride;
        for (int x = 0; x < size; x++, picture += 3) {
            uint32_t pixel;
            memcpy(&pixel, row + 4 * x, 4);
            picture[0] = (float)(pixel >> 16 & 255) / 127.5f - 1;
            picture[1] = (float)(pixel >> 8 & 255) / 127.5f - 1;
            picture[2] = (float)(pixel & 255) / 127.5f - 1;
        }
    }
}

int latent_rule_draw(const latent_rule *rule, const float *params, int size, float *picture,
                     latent_error *e)
{
    float p[LATENT_RULE_MOST];
    cairo_surface_t *sheet;
    cairo_t *c;
    int failed;
    if (size < LATENT_RULE_SMALLEST || size > LATENT_RULE_LARGEST)
        return latent_fail(e, "a picture of %s is %d to %d pixels wide, but %d were asked for",
                           rule->name, LATENT_RULE_SMALLEST, LATENT_RULE_LARGEST, size);
    memcpy(p, params, (size_t)rule->count * sizeof(*p));
    latent_rule_clamp(rule, p);
    sheet = cairo_image_surface_create(CAIRO_FORMAT_RGB24, size, size);
    c = cairo_create(sheet);
    cairo_scale(c, size / 64.0, size / 64.0);
    rule->draw(c, p);
    failed = cairo_status(c) != CAIRO_STATUS_SUCCESS;
    cairo_surface_flush(sheet);
    if (!failed)
        to_floats(cairo_image_surface_get_data(sheet), cairo_image_surface_get_stride(sheet), size,
                  picture);
    cairo_destroy(c);
    cairo_surface_destroy(sheet);
    return failed ? latent_fail(e, "there is no memory to draw %s with", rule->name) : 0;
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
