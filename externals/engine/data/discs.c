/* discs: the simplest source; see source.h */
#include "../base/counter_random.h"
#include "source.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define CHANCE_DISC 1

static int draw(latent_source *s, uint64_t index, int size, float *picture,
                char english[LATENT_CAPTION], char chinese[LATENT_CAPTION], latent_error *e)
{
    static const float colours[3][3] = {
        {0.7f, -0.6f, -0.6f}, {-0.6f, -0.3f, 0.7f}, {0.1f, 0.2f, -0.5f}};
    static const char *const names[3][2] = {{"red", "红"}, {"blue", "蓝"}, {"green", "绿"}};
    latent_counter_random c = latent_counter_random_at(0, CHANCE_DISC, index);
    int which = (int)latent_counter_random_below(&c, 3);
    double x = 0.3 + 0.4 * latent_counter_random_uniform(&c),
           y = 0.3 + 0.4 * latent_counter_random_uniform(&c);
    double r = 0.12 + 0.15 * latent_counter_random_uniform(&c);
    (void)s;
    (void)e;
    for (int i = 0; picture && i < size * size; i++) {
        double far = hypot((i % size + 0.5) / size - x, (i / size + 0.5) / size - y);
        double inside = 0.5 + (r - far) * size; /* the edge is a pixel wide */
        inside = inside < 0 ? 0 : inside > 1 ? 1 : inside;
        for (int k = 0; k < 3; k++)
            picture[3 * i + k] =
                (float)(0.85 - 0.05 * k + inside * (colours[which][k] - 0.85 + 0.05 * k));
    }
    if (english)
        snprintf(english, LATENT_CAPTION, "a %s disc", names[which][0]);
    if (chinese)
        snprintf(chinese, LATENT_CAPTION, "一个%s色的圆", names[which][1]);
    return 0;
}

static void release(latent_source *s)
{
    free(s);
}

latent_source *latent_source_discs(latent_error *e)
{
    latent_source *s = calloc(1, sizeof(*s));
    if (!s) {
        latent_fail(e, "no memory for a source of pictures");
        return NULL;
    }
    s->draw = draw;
    s->release = release;
    return s;
}
