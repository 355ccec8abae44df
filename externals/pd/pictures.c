/* pictures: see pictures.h */
#include "pictures.h"
#include "engine/rules/rules.h"
#include "engine/train/source_rule.h"
#include <string.h>

static latent_source *of_rule(int argc, const t_atom *argv, latent_error *e)
{
    const char *name = argc ? atom_getsymbol(argv)->s_name : "fish";
    const latent_rule *rule = latent_rule_find(name);
    if (rule)
        return latent_source_rule(rule, argc > 1 ? (uint32_t)atom_getfloat(argv + 1) : 1, e);
    latent_fail(e, "there is no rule %s", name);
    return NULL;
}

latent_source *latent_pictures_source(int argc, const t_atom *argv, latent_error *e)
{
    const char *what = argc ? atom_getsymbol(argv)->s_name : "";
    if (!strcmp(what, "discs"))
        return latent_source_discs(e);
    if (!strcmp(what, "rule"))
        return of_rule(argc - 1, argv + 1, e);
    latent_fail(e,
                *what ? "there are no pictures %s; \"data rule fish\" has some"
                      : "data wants to know which pictures%s, as in \"data rule fish\"",
                what);
    return NULL;
}
