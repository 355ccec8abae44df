/* pictures: see pictures.h */
#include "pictures.h"
#include "dataset_jobs.h"
#include "encoder.h"
#include "engine/base/number.h"
#include "engine/data/source_rule.h"
#include "engine/rules/rules.h"
#include <stdlib.h>
#include <string.h>

static latent_source *of_rule(int argc, const t_atom *argv, latent_error *e)
{
    const char *name = argc ? atom_getsymbol(argv)->s_name : "fish";
    const latent_rule *rule = latent_rule_find(name);
    if (rule)
        return latent_source_rule(rule, argc > 1 ? latent_whole32(atom_getfloat(argv + 1)) : 1, e);
    latent_fail(e, "there is no rule %s", name);
    return NULL;
}

int latent_pictures_source(int argc, const t_atom *argv, latent_source **source, latent_error *e)
{
    const char *what = argc ? atom_getsymbol(argv)->s_name : "";
    char *name = latent_words_join(argc, argv);
    t_symbol *set = gensym(name ? name : "");
    int known = latent_dataset_known(set), folder = 0;
    free(name);
    if (!argc)
        return latent_fail(e,
                           "data wants to know which pictures: a rule, as in \"data rule fish\", "
                           "the name of a [latent.dataset], or a folder");
    *source = NULL;
    if (!strcmp(what, "discs"))
        *source = latent_source_discs(e);
    else if (!strcmp(what, "rule"))
        *source = of_rule(argc - 1, argv + 1, e);
    else if (known)
        *source = latent_dataset_named(set, e);
    else
        folder = 1;
    return *source || folder ? 0 : -1;
}
