/* table: see table.h */
#include "table.h"
#include "effect.h"

extern const latent_op latent_operation_effects[LATENT_FEEDBACK];

const latent_op *const *latent_operations(void)
{
#define ROW(name) &latent_operation_##name,
    static const latent_op *const all[] = {
        &latent_operation_effects[LATENT_BLUR],      &latent_operation_effects[LATENT_EDGES],
        &latent_operation_effects[LATENT_THRESHOLD], &latent_operation_effects[LATENT_POSTERISE],
        &latent_operation_effects[LATENT_MIRROR],    &latent_operation_effects[LATENT_KALEIDOSCOPE],
        &latent_operation_effects[LATENT_TILE],      &latent_operation_effects[LATENT_DISPLACE],
        &latent_operation_effects[LATENT_BLEND],     LATENT_OPERATIONS(ROW) NULL};
#undef ROW
    return all;
}
