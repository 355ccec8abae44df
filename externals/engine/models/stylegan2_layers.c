/* stylegan2_layers: see stylegan2_layers.h (Karras et al. 2020, figures 2c and 7b) */
#include "stylegan2_layers.h"
#include "../ops/ops.h"
#include <math.h>
#include <stdio.h>

void latent_stylegan2_free_layer(sg2_layer *l)
{
    latent_node_release(l->weight);
    latent_node_release(l->bias);
    latent_node_release(l->affine_w);
    latent_node_release(l->affine_b);
    latent_node_release(l->noise);
    latent_node_release(l->noise_strength);
}

latent_node *latent_stylegan2_style(const sg2_layer *l, latent_node *w, const char *stage,
                                    latent_error *e)
{
    return latent_op_linear(w, l->affine_w, l->affine_b, 1 / sqrtf((float)w->shape.c), 1, stage, e);
}

latent_node *latent_stylegan2_convolve(const sg2_block *b, const sg2_layer *l, latent_node *x,
                                       latent_node *style, float gain, latent_node *map,
                                       float strength, latent_node *add, latent_error *e)
{
    int up = l == &b->conv0 ? 2 : 1;
    latent_conv_settings c = {
        up, 1, 1, 1, strength, LATENT_LRELU_SLOPE, LATENT_SQRT2 * gain, l->clamp * gain};
    char stage[24];
    snprintf(stage, sizeof(stage), "%d.conv%d", b->resolution, up == 2 ? 0 : 1);
    return latent_op_conv(x, style, l->weight, l->bias, map, map ? l->noise_strength : NULL, add,
                          &c, stage, e);
}

/* 1 x 1, enlarged, no bias; W is scaled by 1 / sqrt(in). */
latent_node *latent_stylegan2_shortcut(const sg2_block *b, latent_node *x, latent_error *e)
{
    latent_conv_settings c = {2, 0, 1, 1 / sqrtf((float)x->shape.c), 0, 1, sqrtf(0.5f), 0};
    char stage[24];
    snprintf(stage, sizeof(stage), "%d.skip", b->resolution);
    return latent_op_conv(x, NULL, b->skip, NULL, NULL, NULL, NULL, &c, stage, e);
}

latent_node *latent_stylegan2_draw(const sg2_block *b, latent_node *x, latent_node *style,
                                   latent_node *drawn, latent_error *e)
{
    latent_conv_settings c = {1, 0, 1 / sqrtf((float)x->shape.c), 1, 0, 1, 1, b->torgb.clamp};
    latent_node *large = NULL, *y = NULL;
    char stage[24];
    snprintf(stage, sizeof(stage), "%d.torgb", b->resolution);
    if (!drawn || (large = latent_op_upsample(drawn, NULL, stage, e)))
        y = latent_op_conv(x, style, b->torgb.weight, b->torgb.bias, NULL, NULL, large, &c, stage,
                           e);
    latent_node_release(large);
    return y;
}
