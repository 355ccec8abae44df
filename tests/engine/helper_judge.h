/* helper_judge: who looks at a fish and says what it is: armed or not, of which colour, with which
   tail, how fat and how long.  It has learned that from pictures of the rule and their parameters
   alone, by ridge regression on features of the pixels: it knows nothing of the CLIP whose guidance
   it judges. */
#ifndef HELPER_JUDGE_H
#define HELPER_JUDGE_H
#include <stdint.h>

#define JUDGE_SIZE 64 /* of the pictures */
#define JUDGE_COLOURS 8
#define JUDGE_TAILS 4
#define JUDGE_ARMED 0.5 /* armed above that */
/* What it learns from, usually: takes about two seconds. */
#define JUDGE_SEED 20261125
#define JUDGE_LEARNS 2000

typedef struct judge judge;

typedef struct {
    double armed;  /* about 0 for no, 1 for yes */
    int colour;    /* 0 to JUDGE_COLOURS - 1: red orange yellow green blue purple pink brown */
    int tail;      /* 0 to JUDGE_TAILS - 1: forked round fan pointed */
    double girth;  /* about 0 to 1 */
    double length; /* likewise */
} verdict;

/* The rule's numbers [LATENT_RULE_MOST] of a fish by chance, as those were from which the networks
   of 64 pixels learned: on paper, straight, to the left, wholly armed or not at all. */
void judge_fish(uint32_t seed, uint32_t index, float *params);
/* Learns from n such fish of that seed; fails the test where that can't be.  The caller frees it.
 */
judge *judge_new(uint32_t seed, int n);
void judge_free(judge *j);
/* picture [JUDGE_SIZE][JUDGE_SIZE][3] in [-1, 1]. */
verdict judge_look(const judge *j, const float *picture);

/* The same of the rule's own parameters: what is right.  colour is -1 between two colours. */
verdict judge_truth(const float *params);

#endif
