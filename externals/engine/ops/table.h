/* table: every operation of the graph, in one list: what has a shape, a forward and, where it can
   be differentiated, a backward.  Who adds an operation adds its row; tests/engine/test_ops.c asks
   that each row with a backward is compared with finite differences. */
#ifndef LATENT_TABLE_H
#define LATENT_TABLE_H
#include "../graph/graph.h"

#pragma GCC visibility push(default)

/* The effects (effect.h), each an operation of its own, follow these; the losses of a generator's
   training are in train/losses.c. */
#define LATENT_OPERATIONS(ROW)                                                                     \
    ROW(parameter) /* leaf.c */                                                                    \
    ROW(half_parameter)                                                                            \
    ROW(picture)                                                                                   \
    ROW(style)                                                                                     \
    ROW(noise_map) /* graph/noise_maps.c */                                                        \
    ROW(chance)    /* chance.c, mask.c, generate.c */                                              \
    ROW(mask)                                                                                      \
    ROW(timestep)                                                                                  \
    ROW(constant)                                                                                  \
    ROW(normal)                                                                                    \
    ROW(state) /* rule.c, fit.c */                                                                 \
    ROW(rule)                                                                                      \
    ROW(fit_view)                                                                                  \
    ROW(conv_weight) /* conv.c, conv_variable.c, convolve.c */                                     \
    ROW(conv)                                                                                      \
    ROW(conv_variable)                                                                             \
    ROW(convolve)                                                                                  \
    ROW(upsample) /* resample.c */                                                                 \
    ROW(downsample)                                                                                \
    ROW(pad) /* alias_free.c */                                                                    \
    ROW(filtered_lrelu)                                                                            \
    ROW(waves)                                                                                     \
    ROW(linear) /* linear.c */                                                                     \
    ROW(reshape)                                                                                   \
    ROW(add) /* pointwise.c, lrelu.c, deviation.c */                                               \
    ROW(multiply)                                                                                  \
    ROW(silu)                                                                                      \
    ROW(film)                                                                                      \
    ROW(lrelu)                                                                                     \
    ROW(deviation)                                                                                 \
    ROW(group_norm) /* norms.c */                                                                  \
    ROW(lengths)                                                                                   \
    ROW(softmax)                                                                                   \
    ROW(as_noise)                                                                                  \
    ROW(concat) /* arrange.c */                                                                    \
    ROW(arrange)                                                                                   \
    ROW(pick)                                                                                      \
    ROW(turn)                                                                                      \
    ROW(attend) /* attend.c, recurrent.c */                                                        \
    ROW(attention)                                                                                 \
    ROW(gru)                                                                                       \
    ROW(layer_norm) /* transformer.c */                                                            \
    ROW(gelu)                                                                                      \
    ROW(patches)                                                                                   \
    ROW(position_embedding)                                                                        \
    ROW(embedding)                                                                                 \
    ROW(select_token)                                                                              \
    ROW(embedding_bag) /* embedding_bag.c */                                                       \
    ROW(neighbours)                                                                                \
    ROW(pool_words)                                                                                \
    ROW(pool)                                                                                      \
    ROW(scale) /* cutout.c */                                                                      \
    ROW(center_crop)                                                                               \
    ROW(cutouts)                                                                                   \
    ROW(augment)                                                                                   \
    ROW(channels) /* feature_images.c */                                                           \
    ROW(grid)                                                                                      \
    ROW(pca)                                                                                       \
    ROW(statistics)                                                                                \
    ROW(sse) /* loss.c */                                                                          \
    ROW(dot)                                                                                       \
    ROW(halve)                                                                                     \
    ROW(sum)                                                                                       \
    ROW(resized)                                                                                   \
    ROW(distance) /* embedding.c */                                                                \
    ROW(cosine_distance)                                                                           \
    ROW(blend)                                                                                     \
    ROW(stop_gradient)                                                                             \
    ROW(contrastive) /* contrastive.c, choice.c, mixture.c */                                      \
    ROW(found)                                                                                     \
    ROW(choice_loss)                                                                               \
    ROW(mixture_loss)                                                                              \
    ROW(feedback) /* effect.c */

#define LATENT_OPERATION(name) extern const latent_op latent_operation_##name;
LATENT_OPERATIONS(LATENT_OPERATION)
#undef LATENT_OPERATION

/* All of them, effects too; NULL ends them. */
const latent_op *const *latent_operations(void);

#pragma GCC visibility pop
#endif
