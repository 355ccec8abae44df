/* captions: what is known about pictures from the files beside them: index.json (a list of objects,
   as [latent.dataset] writes it, or a map from file to sentence), dataset.json (StyleGAN's: labels,
   a list of [file, class]), a .txt with sentences.  All of them come from strangers: names in them
   are only compared with files that are there, never opened. */
#ifndef LATENT_CAPTIONS_H
#define LATENT_CAPTIONS_H
#include "source.h"
#include <stddef.h>

#pragma GCC visibility push(default)

typedef struct {
    char *file;              /* as it is written there, '/' between folders */
    char *english, *chinese; /* cut to LATENT_CAPTION, never NULL */
    int label;               /* the class, from 0, or -1 */
} latent_caption;

typedef struct {
    latent_caption *list; /* sorted by file once complete; owned */
    int n, room;
} latent_captions;

#define LATENT_CAPTIONS_MOST 1000000 /* entries that one file may have */

/* Adds what a JSON text says.  0, or -1 and a sentence, what was added before staying. */
int latent_captions_json(latent_captions *c, const char *text, size_t size, latent_error *e);
/* Sorts; later entries for a file win over earlier ones.  Before the first find. */
void latent_captions_sort(latent_captions *c);
/* What is said about a file, or NULL.  When nothing is said about that path the file's bare name is
   looked for. */
const latent_caption *latent_captions_find(const latent_captions *c, const char *file);
void latent_captions_free(latent_captions *c);

/* Sentences of a text file, one a line: the first with a Chinese character is Chinese, the first
   without is English. */
void latent_captions_lines(const char *text, size_t size, char english[LATENT_CAPTION],
                           char chinese[LATENT_CAPTION]);
/* Copies, cut before the character that does not fit, without control characters; bytes that are no
   UTF-8 are left out. */
void latent_captions_copy(char to[LATENT_CAPTION], const char *from, size_t length);

#pragma GCC visibility pop
#endif
