/* drawing: see drawing.h */
#include "drawing.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

void latent_drawing_init(t_object *x, t_latent_drawing *d, int argc, const t_atom *argv)
{
    const latent_rule *rule;
    char word[80], names[400] = "";
    size_t used = 0;
    memset(d, 0, sizeof(*d));
    d->rule = latent_rule_at(0);
    if (argc) {
        atom_string((t_atom *)argv, word, sizeof(word));
        d->rule = latent_rule_find(word);
    }
    for (int i = 0; !d->rule && (rule = latent_rule_at(i)) && used < sizeof(names); i++)
        used += (size_t)snprintf(names + used, sizeof(names) - used, " %s", latent_rule_name(rule));
    if (!d->rule) {
        d->rule = latent_rule_at(0);
        latent_complain(x, "there is no rule %s; the rules are%s; %s is taken", word, names,
                        latent_rule_name(d->rule));
    }
    latent_rule_usual(d->rule, d->params);
}

void latent_drawing_free(t_latent_drawing *d)
{
    latent_node_release(d->follow);
    latent_node_release(d->colours);
    latent_list_free(&d->items);
}

/* ---- numbers by name */

/* The number that one atom means for a parameter; 0, or -1 after a complaint. */
static int value_of(t_object *x, const latent_rule_param *p, int argc, const t_atom *argv, float *v)
{
    char word[80];
    double f = 0;
    int symbol = argc == 1 && argv->a_type == A_SYMBOL;
    if (argc != 1) {
        latent_complain(x, "%s wants one %s, but %d came; it stays as it was", p->name,
                        p->choices ? "word or number" : "number", argc);
        return -1;
    }
    f = symbol ? latent_rule_choice(p, argv->a_w.w_symbol->s_name) : argv->a_w.w_float;
    if (isfinite(f) && f >= p->low && f <= p->high) {
        *v = (float)f;
        return 0;
    }
    atom_string((t_atom *)argv, word, sizeof(word));
    if (p->choices)
        latent_complain(x, "%s is one of %s, but %s came; it stays as it was", p->name, p->choices,
                        word);
    else
        latent_complain(x,
                        "%s takes a number from %g to %g, but %s came; it stays as it "
                        "was",
                        p->name, (double)p->low, (double)p->high, word);
    return -1;
}

int latent_drawing_flag(t_object *x, t_latent_drawing *d, const char *name, int argc,
                        const t_atom *argv)
{
    int i = latent_rule_param_find(d->rule, name);
    if (i < 0)
        return 0;
    if (value_of(x, latent_rule_params(d->rule) + i, argc, argv, d->params + i))
        return -1;
    latent_rule_clamp(d->rule, d->params);
    return 1;
}

/* The rule's list of items: 1, 0 when the word does not name it, -1 after a complaint. */
static int set_items(t_object *x, t_latent_drawing *d, const char *word, int argc,
                     const t_atom *argv)
{
    int group;
    const char *items = latent_rule_list(d->rule, &group);
    if (!items || strcmp(word, items))
        return 0;
    if (argc % group || argc > LATENT_RULE_LIST_MOST) {
        latent_complain(x,
                        "%s wants %d numbers for each, at most %d in all, but %d came; they stay "
                        "as they were",
                        items, group, LATENT_RULE_LIST_MOST, argc);
        return -1;
    }
    return latent_list_set(x, &d->items, argc, argv) ? -1 : 1;
}

int latent_drawing_set(t_object *x, t_latent_drawing *d, const char *name, int argc,
                       const t_atom *argv)
{
    int set = latent_drawing_flag(x, d, name, argc, argv), group;
    const char *items = latent_rule_list(d->rule, &group);
    char names[400] = "";
    size_t used = 0;
    if (set || (set = set_items(x, d, name, argc, argv)))
        return set;
    for (int i = 0; i < latent_rule_count(d->rule) && used < sizeof(names); i++)
        used += (size_t)snprintf(names + used, sizeof(names) - used, " %s",
                                 latent_rule_params(d->rule)[i].name);
    latent_complain(x, "a %s has no %s; it has%s%s%s", latent_rule_name(d->rule), name, names,
                    items ? " " : "", items ? items : "");
    return -1;
}

/* ---- colours and pictures */

int latent_drawing_palette(t_object *x, t_latent_drawing *d, int argc, const t_atom *argv)
{
    t_latent_list list = {0, 0, NULL};
    latent_palette palette;
    char names[200] = "";
    const char *word = argc == 1 ? atom_getsymbol((t_atom *)argv)->s_name : "", *name;
    size_t used = 0;
    int wrong;
    if (!latent_rule_palette(d->rule)) {
        latent_complain(x, "a %s has colours of its own and takes no palette",
                        latent_rule_name(d->rule));
        return -1;
    }
    wrong = argc > 1 ? latent_list_set(x, &list, argc, argv) ||
                           latent_palette_of_numbers(list.v, list.n, &palette)
                     : latent_palette_find(word, &palette);
    latent_list_free(&list);
    if (!wrong) {
        d->palette = palette;
        return 0;
    }
    for (int i = 0; (name = latent_palette_name(i)) && used < sizeof(names); i++)
        used += (size_t)snprintf(names + used, sizeof(names) - used, " %s", name);
    latent_complain(x,
                    "palette wants a name, one of%s, or three numbers from 0 to 255 for each of 2 "
                    "to %d colours, the paper first; the colours stay as they were",
                    names, LATENT_PALETTE_MOST + 1);
    return -1;
}

static int take(t_object *x, latent_node **place, t_symbol *s, int argc, const t_atom *argv)
{
    latent_node *n = NULL, *before = *place;
    if (s != gensym("clear") && !(n = latent_promise_get(x, s, argc, argv)))
        return -1;
    *place = n;
    latent_node_release(before);
    return 0;
}

int latent_drawing_follow(t_object *x, t_latent_drawing *d, t_symbol *s, int argc,
                          const t_atom *argv)
{
    if (latent_rule_follows(d->rule))
        return take(x, &d->follow, s, argc, argv);
    latent_complain(x, "a %s follows no picture; its help names the rules that do",
                    latent_rule_name(d->rule));
    return -1;
}

int latent_drawing_colours(t_object *x, t_latent_drawing *d, t_symbol *s, int argc,
                           const t_atom *argv)
{
    if (latent_rule_palette(d->rule))
        return take(x, &d->colours, s, argc, argv);
    latent_complain(x,
                    "a %s has colours of its own and takes none from a picture; its help names the "
                    "rules that do",
                    latent_rule_name(d->rule));
    return -1;
}

/* ---- out */

latent_rule_setting latent_drawing_setting(t_latent_drawing *d, int size, int mask)
{
    return (latent_rule_setting){
        .params = d->params,
        .size = size,
        .mask = mask,
        .palette = d->palette.count > 0 ? &d->palette : NULL,
        .list = d->items.v,
        .list_count = d->items.n,
        .follow = d->follow,
        .colours = d->colours,
    };
}

void latent_drawing_info(const t_latent_drawing *d, t_outlet *o)
{
    const latent_rule_param *p = latent_rule_params(d->rule);
    int n = latent_rule_count(d->rule), group;
    const char *items = latent_rule_list(d->rule, &group), *follows = latent_rule_follows(d->rule);
    char word[64];
    latent_info_number(o, "count", n);
    for (int i = 0; i < n; i++)
        if (p[i].choices) {
            latent_rule_word(p + i, d->params[i], word, sizeof(word));
            latent_info_word(o, p[i].name, word);
        } else
            latent_info_number(o, p[i].name, d->params[i]);
    if (latent_rule_palette(d->rule))
        latent_info_word(o, "palette", latent_rule_palette(d->rule));
    if (items)
        latent_info_word(o, "items", items);
    if (follows)
        latent_info_word(o, "follows", follows);
}
