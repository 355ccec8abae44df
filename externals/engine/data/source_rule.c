/* source_rule: see source_rule.h */
#include "source_rule.h"
#include <stdlib.h>

typedef struct {
    latent_source source;
    const latent_rule *rule;
    uint32_t seed;
    int chance; /* so many of its parameters are by chance */
} rule_source;

_Static_assert(LATENT_CAPTION >= LATENT_RULE_CAPTION, "a rule's sentence fits");

static int rule_source_draw(latent_source *s, uint64_t index, int size, float *picture,
                            char english[LATENT_CAPTION], char chinese[LATENT_CAPTION],
                            latent_error *e)
{
    const rule_source *r = (const rule_source *)s;
    uint32_t seed = r->seed + (uint32_t)(index >> 32), i = (uint32_t)index;
    float params[LATENT_RULE_MOST], usual[LATENT_RULE_MOST];
    latent_rule_usual(r->rule, usual);
    latent_rule_random(r->rule, seed, i, params);
    for (int k = r->chance; k < latent_rule_count(r->rule); k++)
        params[k] = usual[k];
    if (english)
        latent_rule_caption(r->rule, params, seed, i, LATENT_ENGLISH, english);
    if (chinese)
        latent_rule_caption(r->rule, params, seed, i, LATENT_CHINESE, chinese);
    return picture ? latent_rule_draw(r->rule, params, size, picture, e) : 0;
}

static void rule_source_release(latent_source *s)
{
    free(s);
}

static latent_source *begin(const latent_rule *rule, uint32_t seed, int chance, latent_error *e)
{
    rule_source *r = malloc(sizeof(*r));
    if (!r) {
        latent_fail(e, "there is no memory for a source of pictures");
        return NULL;
    }
    *r = (rule_source){{rule_source_draw, rule_source_release, 0, 0}, rule, seed, chance};
    return &r->source;
}

latent_source *latent_source_rule(const latent_rule *rule, uint32_t seed, latent_error *e)
{
    return begin(rule, seed, latent_rule_count(rule), e);
}

latent_source *latent_source_rule_first(const latent_rule *rule, uint32_t seed, latent_error *e)
{
    return begin(rule, seed, latent_rule_first_count(rule), e);
}
