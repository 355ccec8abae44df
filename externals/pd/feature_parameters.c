/* feature_parameters: see feature_parameters.h */
#include "feature_parameters.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[LATENT_FEATURES] = {
    "mel", "chroma", "rms", "centroid", "flatness", "flux", "onset", "pitch", "tempo"};

void latent_feature_parameters_init(t_latent_feature_parameters *h)
{
    *h = (t_latent_feature_parameters){.window = 2048,
                                       .bands = 40,
                                       .low = 30,
                                       .high = 16000,
                                       .follow = {5, 150, 1, 0, 20},
                                       .n_chosen = LATENT_FEATURES};
    for (int i = 0; i < LATENT_FEATURES; i++)
        h->chosen[i] = i;
}

latent_ear_settings latent_feature_parameters_settings(const t_latent_feature_parameters *h,
                                                       double sample_rate, int voices, int block)
{
    return (latent_ear_settings){.sample_rate = sample_rate,
                                 .window = h->window,
                                 .hop = h->hop ? h->hop : h->window / 4,
                                 .bands = h->bands,
                                 .low = h->low,
                                 .high = h->high,
                                 .rate = h->rate > 0 ? h->rate : 0,
                                 .voices = voices,
                                 .block = block,
                                 .follow = h->follow};
}

static int find_feature(const t_atom *a)
{
    const char *word = a->a_type == A_SYMBOL ? a->a_w.w_symbol->s_name : "";
    for (int i = 0; i < LATENT_FEATURES; i++)
        if (!strcmp(word, names[i]))
            return i;
    return -1;
}

int latent_feature_parameters_is_feature(const t_atom *a)
{
    return find_feature(a) >= 0;
}

int latent_feature_parameters_choose(t_object *x, t_latent_feature_parameters *h, int argc,
                                     const t_atom *argv)
{
    latent_feature chosen[LATENT_FEATURES];
    if (argc && argv->a_type == A_FLOAT) { /* those of a network */
        latent_wrong(x, gensym("features"), argc, argv);
        return -1;
    }
    if (argc > LATENT_FEATURES) {
        latent_complain(x, "there are %d features, but %d words came; the list stays as it was",
                        LATENT_FEATURES, argc);
        return -1;
    }
    for (int i = 0; i < argc; i++) {
        int f = find_feature(argv + i);
        if (f < 0) {
            char word[80];
            atom_string((t_atom *)argv + i, word, sizeof(word));
            latent_complain(x, "there is no feature %s; there are %s", word, LATENT_EAR_FEATURES);
            return -1;
        }
        chosen[i] = (latent_feature)f;
    }
    h->n_chosen = argc ? argc : LATENT_FEATURES;
    for (int i = 0; i < h->n_chosen; i++)
        h->chosen[i] = argc ? chosen[i] : (latent_feature)i;
    return 0;
}

void latent_feature_parameters_info(const t_latent_feature_parameters *h, int bands, t_outlet *info)
{
    t_atom a[LATENT_FEATURES + 1];
    int numbers = 0;
    SETSYMBOL(a, gensym("features"));
    for (int i = 0; i < h->n_chosen; i++) {
        int first, n;
        latent_feature_place(bands, h->chosen[i], &first, &n);
        numbers += n;
        SETSYMBOL(a + i + 1, gensym(names[h->chosen[i]]));
    }
    outlet_anything(info, gensym("info"), h->n_chosen + 1, a);
    latent_info_number(info, "numbers", numbers);
}

/* The chosen numbers of all voices as atoms, which the sender owns; *n is how many. */
static t_atom *gather(const t_latent_feature_parameters *h, int bands, int voices,
                      const float *values, int *n)
{
    int count = latent_ear_count(bands);
    t_atom *a = malloc((size_t)(count * voices * LATENT_FEATURES) * sizeof(*a));
    *n = 0;
    for (int v = 0; a && v < voices; v++)
        for (int i = 0; i < h->n_chosen; i++) {
            int first, many;
            latent_feature_place(bands, h->chosen[i], &first, &many);
            for (int k = first; k < first + many; k++, ++*n)
                SETFLOAT(a + *n, values[v * count + k]);
        }
    return a;
}

void latent_feature_parameters_send(t_object *x, const t_latent_feature_parameters *h, int bands,
                                    int voices, const float *values, t_outlet *list,
                                    t_outlet *named)
{
    const t_latent_feature_parameters now = *h; /* the messages may change it */
    int n, at = 0;
    t_atom *a = gather(&now, bands, voices, values, &n), voice;
    if (!a) {
        latent_complain(x, "there is no memory for a list");
        return;
    }
    for (int v = 0; v < voices; v++) {
        SETFLOAT(&voice, v + 1);
        if (voices > 1)
            outlet_anything(named, gensym("voice"), 1, &voice);
        for (int i = 0; i < now.n_chosen; i++) {
            int first, many;
            latent_feature_place(bands, now.chosen[i], &first, &many);
            outlet_anything(named, gensym(names[now.chosen[i]]), many, a + at);
            at += many;
        }
    }
    outlet_list(list, &s_list, n, a);
    free(a);
}
