/* examiner: a judge for the tests of the built-in networks alone: a small convolutional network
   that has learned from the rules' own numbers what is to be seen in a picture.  It is of another
   shape than clip-tiny (plain convolutions, no words), and nothing that is trained for playing ever
   sees it.  How sure it is, is a part of what it says: what is not clear is not clear.  How often
   it is right, test_examiner.c measures: believe it no further (of eyes: not at all).

   It is built of the engine's operations and trained (train_examiner.c) through the same graph. */
#ifndef EXAMINER_H
#define EXAMINER_H
#include "engine/train/parameters.h"
#include <stdint.h>

#define EXAMINER_SIZE 64
#define EXAMINER_PIXELS (EXAMINER_SIZE * EXAMINER_SIZE * 3)
#define EXAMINER_WEIGHTS "tests/models/examiner.safetensors"

/* Questions with a few answers.  An answer's number is that of the rule's parameter, of a colour
   its nearest place on its closed row. */
typedef enum {
    ASK_SUBJECT, /* SUBJECTS */
    ASK_SAYING,  /* which of the rule idiom's */
    ASK_COLOUR,  /* from here on of a fish */
    ASK_SECOND,
    ASK_PATTERN,
    ASK_TAIL,
    ASK_FACING,
    ASK_WATER,
    ASK_NEON,
    ASK_EYE, /* EYES */
    ASK_CHOICES
} examiner_choice;
enum { A_FISH, A_TIGER, A_SAYING, ANOTHER, SUBJECTS };
enum { WITH_PUPIL, BLANK_EYE, NO_EYE, EYES };

/* And with a number: as the rule's parameters are (tilt -1 to 1, the others 0 to 1). */
typedef enum {
    HOW_ARMED,
    HOW_FAT,
    HOW_LONG,
    HOW_TALL_FIN,
    HOW_SPIKY,
    HOW_BIG_EYE,
    HOW_TILTED,
    HOW_BENT,
    ASK_NUMBERS
} examiner_number;

#define EXAMINER_ANSWERS 24 /* to one question, at most */

typedef struct {
    int is[ASK_CHOICES];       /* the likeliest answer; of the truth -1: nobody can say */
    float sure[ASK_CHOICES];   /* how likely that is, 0 to 1 */
    float number[ASK_NUMBERS]; /* of the truth NAN: nobody can say */
} examiner_view;

extern const char *const examiner_questions[ASK_CHOICES];
extern const char *const examiner_numbers[ASK_NUMBERS];
int examiner_answers(examiner_choice q); /* how many there are */

/* A picture by chance for it to learn from or to be asked about, [EXAMINER_PIXELS] in [-1, 1], and
   the truth about it: a fish mostly, a tiger, a saying, another rule's.  Some eyes are spoilt; when
   rough, it is also blurred, uneven and of other brightness, as what a network draws. */
int examiner_picture(uint32_t seed, uint32_t index, int rough, float *picture, examiner_view *truth,
                     latent_error *e);

/* The same picture seen in a mirror, and the truth about that. */
void examiner_mirror(float *picture, examiner_view *truth);

typedef struct {
    latent_parameters weights;
} examiner;

/* A network with weights by chance; with those of a file.  -1 and a sentence. */
int examiner_new(examiner *x, uint32_t seed, latent_error *e);
int examiner_read(examiner *x, const char *path, latent_error *e);
/* In half precision, the average of the training's. */
int examiner_write(examiner *x, const char *path, const char *note, latent_error *e);
void examiner_free(examiner *x);

/* What it sees in n pictures [n][EXAMINER_PIXELS]. */
int examiner_look(examiner *x, const float *pictures, int n, examiner_view *seen, latent_error *e);
/* The gradient of how wrong it is about n pictures is added to its parameters'. */
int examiner_learn(examiner *x, const float *pictures, const examiner_view *truth, int n,
                   float *loss, latent_error *e);

#endif
