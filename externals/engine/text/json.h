/* json: walks through a text in JSON that comes from a stranger, without building anything of it.
   For vocabularies and settings beside model files. */
#ifndef LATENT_JSON_H
#define LATENT_JSON_H
#include <stddef.h>

typedef struct {
    const char *at, *end;
} latent_json;

/* Steps into an object '{' or a list '['.  0, or -1 when there is none here. */
int latent_json_enter(latent_json *j, char open);
/* The next member of the object (its name goes to key, cut to room) or list (key NULL) that was
   entered: 1 when there is one, whose value must then be read or skipped; 0 when it has ended; -1
   when the text is damaged.  *n counts the members, 0 before the first. */
int latent_json_next(latent_json *j, char open, int *n, char *key, size_t room);
/* Reads a string into text as UTF-8, ended by 0 and cut to room; its whole length, or -1. */
long latent_json_string(latent_json *j, char *text, size_t room);
int latent_json_number(latent_json *j, double *value);
int latent_json_skip(latent_json *j);
/* The first thing that is no space, or 0 at the end. */
char latent_json_peek(latent_json *j);

#endif
