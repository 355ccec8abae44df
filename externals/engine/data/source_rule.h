/* source_rule: pictures for a training from a rule, without end. */
#ifndef LATENT_SOURCE_RULE_H
#define LATENT_SOURCE_RULE_H
#include "../rules/rules.h"
#include "source.h"

#pragma GCC visibility push(default)

/* A source whose picture number i is the rule's picture of seed + i / 2^32 and index i % 2^32, each
   with a sentence in English and one in Chinese.  Not to be mirrored: what looks to the left does
   so in every picture.  NULL and a sentence when there is no memory. */
latent_source *latent_source_rule(const latent_rule *rule, uint32_t seed, latent_error *e);
/* The same with nothing of what a rule got when it grew: by chance are the parameters that it had
   before (latent_rule_first_count), all over their range, the others are usual. */
latent_source *latent_source_rule_first(const latent_rule *rule, uint32_t seed, latent_error *e);

#pragma GCC visibility pop
#endif
