/* guide: see guide.h */
#include "guide.h"
#include "../graph/evaluate.h"
#include "../ops/encoder.h"
#include "../ops/ops.h"
#include <stdlib.h>
#include <string.h>

int latent_goal_copy(latent_goal *to, const latent_goal *g)
{
    *to = (latent_goal){g->weight, NULL, NULL, NULL};
    if (g->text && !(to->text = strdup(g->text)))
        return -1;
    to->image = latent_node_retain(g->image);
    to->embedding = latent_node_retain(g->embedding);
    return 0;
}

void latent_goal_free(latent_goal *g)
{
    free((char *)(size_t)g->text);
    latent_node_release(g->image);
    latent_node_release(g->embedding);
}

int latent_guide_preset(const char *name, latent_guide_settings *s, latent_error *e)
{
    static const struct {
        const char *name;
        latent_guide_loss loss;
        int cutouts;
        float power, augment;
    } known[] = {
        {"sg3clip", LATENT_GUIDE_SPHERICAL, 32, 0.5f, 0},
        {"styleclip", LATENT_GUIDE_COSINE, 0, 0.5f, 0},
        {"nada", LATENT_GUIDE_DIRECTIONAL, 0, 0.5f, 0},
        {"stylemc", LATENT_GUIDE_SPHERICAL, 0, 0.5f, 0},
        {"vqganclip", LATENT_GUIDE_SPHERICAL, 32, 1, 0.7f},
    };
    memset(s, 0, sizeof(*s));
    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
        if (!strcmp(name, known[i].name)) {
            s->loss = known[i].loss;
            s->cutouts = known[i].cutouts;
            s->power = known[i].power;
            s->augment = known[i].augment;
            return 0;
        }
    return latent_fail(e,
                       "preset is one of sg3clip styleclip nada stylemc vqganclip, but %.40s "
                       "came; all stays as it was",
                       name);
}

void latent_guide_forget(latent_guide_kept *kept)
{
    while (kept->n)
        latent_node_release(kept->node[--kept->n]);
}

/* Takes an embedding over, as given, into what is kept. */
static latent_node *keep(latent_guide_kept *kept, latent_node *embedding, latent_error *e)
{
    latent_node *given = embedding ? latent_op_stop_gradient(embedding, e) : NULL;
    latent_node_release(embedding);
    if (given)
        kept->node[kept->n++] = given;
    return given;
}

static latent_node *embed_goal(latent_model *m, const latent_goal *g, latent_error *e)
{
    if (g->text)
        return latent_model_embed_text(m, g->text, e);
    if (g->image)
        return latent_model_embed_picture(m, g->image, e);
    if (g->embedding->shape.c != m->encoder.embedding) {
        latent_fail(e, "a target of %d numbers came; the embeddings of %s have %d",
                    g->embedding->shape.c, m->label, m->encoder.embedding);
        return NULL;
    }
    return latent_node_retain(g->embedding);
}

/* What the cutouts look like to the network, [cutouts][1][1][embedding]. */
static latent_node *look(latent_model *m, latent_node *picture, const latent_guide_settings *s,
                         latent_error *e)
{
    latent_node *cut, *changed, *seen = NULL;
    cut = latent_op_cutouts(picture, s->cutouts, m->encoder.resolution, s->power, s->seed, e);
    if (cut && s->augment > 0) {
        changed = latent_op_augment(cut, s->augment, s->seed, e);
        latent_node_release(cut);
        cut = changed;
    }
    if (cut)
        seen = latent_model_embed_picture(m, cut, e);
    latent_node_release(cut);
    return seen;
}

/* start, moved as the goal is from from. */
static latent_node *move(latent_node *start, latent_node *goal, latent_node *from, float reach,
                         latent_error *e)
{
    latent_node *step, *moved;
    if (reach <= 0)
        return latent_op_blend((latent_node *[]){start, goal, from}, (float[]){1, 1, -1}, 3, e);
    if (!(step = latent_op_blend((latent_node *[]){goal, from}, (float[]){1, -1}, 2, e)))
        return NULL;
    moved = latent_op_blend((latent_node *[]){start, step}, (float[]){1, reach}, 2, e);
    latent_node_release(step);
    return moved;
}

static latent_distance kind_of(const latent_guide_settings *s)
{
    return s->loss == LATENT_GUIDE_COSINE ? LATENT_COSINE : LATENT_SPHERICAL;
}

/* The embedding that is aimed at; start and from are embeddings, or NULL. */
static latent_node *aim(latent_model *m, const latent_goal *g, latent_node *start,
                        latent_node *from, const latent_guide_settings *s, latent_guide_kept *kept,
                        latent_error *e)
{
    latent_node *goal = keep(kept, embed_goal(m, g, e), e);
    if (!goal || s->loss != LATENT_GUIDE_DIRECTIONAL)
        return latent_node_retain(goal);
    return move(start, goal, from, s->reach, e);
}

/* The embeddings of the beginning, for a directional loss. */
static int embed_start(latent_model *m, const latent_guide_settings *s, latent_node **start,
                       latent_node **from, latent_guide_kept *kept, latent_error *e)
{
    if (!s->from || !s->start)
        return latent_fail(e, "a directional loss needs to know what the picture shows now: send "
                              "from and words, as in \"from a fish\"");
    *start = keep(kept, latent_model_embed_picture(m, s->start, e), e);
    *from = *start ? keep(kept, latent_model_embed_text(m, s->from, e), e) : NULL;
    return *from ? 0 : -1;
}

/* What is to be asked before: an encoder, goals, and what a directional loss begins with. */
static int begin(latent_model *m, int n, const latent_guide_settings *s, latent_node **start,
                 latent_node **from, latent_guide_kept *kept, latent_error *e)
{
    *start = *from = NULL;
    if (latent_model_is(m, LATENT_ENCODER, e))
        return -1;
    if (n < 1 || n > LATENT_MAX_GOALS)
        return latent_fail(e,
                           n < 1 ? "there is nothing to go towards yet: send prompt and words, as "
                                   "in \"prompt an armed fish\""
                                 : "%d targets at once; %d are possible",
                           n, LATENT_MAX_GOALS);
    return s->loss == LATENT_GUIDE_DIRECTIONAL ? embed_start(m, s, start, from, kept, e) : 0;
}

latent_node *latent_guide(latent_model *m, latent_node *picture, const latent_goal *goals, int n,
                          const latent_guide_settings *s, latent_guide_kept *kept, latent_error *e)
{
    latent_node *seen, *start, *from, *distance[LATENT_MAX_GOALS], *sum = NULL;
    float weight[LATENT_MAX_GOALS];
    int done = 0;
    if (begin(m, n, s, &start, &from, kept, e) || !(seen = look(m, picture, s, e)))
        return NULL;
    for (; done < n; done++) {
        latent_node *aimed = aim(m, &goals[done], start, from, s, kept, e);
        weight[done] = goals[done].weight;
        distance[done] = aimed ? latent_op_distance(seen, aimed, kind_of(s), e) : NULL;
        latent_node_release(aimed);
        if (!distance[done])
            break;
    }
    if (done == n)
        sum = latent_op_sum(distance, weight, n, e);
    while (done)
        latent_node_release(distance[--done]);
    latent_node_release(seen);
    return sum;
}

/* The numbers of what is aimed at. */
static int evaluate_aim(latent_node *aimed, float *numbers, latent_error *e)
{
    latent_tensor *t;
    if (!aimed || latent_evaluate(aimed, NULL, &t, e))
        return -1;
    memcpy(numbers, t->data, t->count * sizeof(*numbers));
    latent_tensor_release(t);
    return 0;
}

int latent_guide_recall(latent_model *m, const latent_recall *r, const latent_goal *goals, int n,
                        const latent_guide_settings *s, latent_guide_kept *kept, float *w,
                        latent_goal *reached, latent_error *e)
{
    latent_node *start, *from;
    float weight[LATENT_MAX_GOALS], *numbers, *seen;
    size_t wide = (size_t)m->encoder.embedding;
    int failed = 0;
    *reached = (latent_goal){.weight = 1};
    if (begin(m, n, s, &start, &from, kept, e))
        return -1;
    if (!(numbers = malloc(((size_t)n + 1) * wide * sizeof(*numbers))))
        return latent_fail(e, "no memory to recall pictures");
    seen = numbers + (size_t)n * wide;
    for (int i = 0; i < n && !failed; i++) {
        latent_node *aimed = aim(m, &goals[i], start, from, s, kept, e);
        weight[i] = goals[i].weight;
        failed = evaluate_aim(aimed, numbers + (size_t)i * wide, e);
        latent_node_release(aimed);
    }
    if (!failed && !latent_recall_nearest(r, n, numbers, weight, kind_of(s), w, seen, e))
        reached->embedding = latent_op_planes(seen, m->encoder.embedding, 1, 1, NULL, e);
    free(numbers);
    return reached->embedding ? 0 : -1;
}

latent_node *latent_guide_recalled(latent_model *m, latent_node *picture, const latent_recall *r,
                                   const latent_goal *goals, int n, const latent_guide_settings *s,
                                   latent_guide_kept *kept, float *w, latent_error *e)
{
    latent_guide_settings there = *s;
    latent_guide_kept none = {.n = 0};
    latent_goal reached;
    latent_node *loss = NULL;
    there.loss = LATENT_GUIDE_SPHERICAL;
    if (!latent_guide_recall(m, r, goals, n, s, kept, w, &reached, e))
        loss = latent_guide(m, picture, &reached, 1, &there, &none, e);
    latent_guide_forget(&none);
    latent_goal_free(&reached);
    return loss;
}
