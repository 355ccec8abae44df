/* pickle: a machine for Python's pickle streams that builds data and nothing else.  Python's own
   machine calls whatever function a stream names; this one keeps the name as a name ("global"), and
   what would be a call as an object that remembers the name, the arguments and the state.  What
   torch.c knows (tensors, modules, numpy arrays) it recognises in these objects afterwards.
   Protocols 0 to 5, after the description in Python's Lib/pickletools.py.

   Nothing nests by recursion, long byte strings stay in the file as (offset, length), and all
   memory comes from an arena with a limit. */
#ifndef LATENT_PICKLE_H
#define LATENT_PICKLE_H
#include "bytes.h"

typedef enum {
    PICKLE_NOTHING, /* no value here */
    PICKLE_NONE,
    PICKLE_BOOL,   /* integer */
    PICKLE_INT,    /* integer */
    PICKLE_FLOAT,  /* real */
    PICKLE_LONG,   /* string: a whole number of more than 64 bits, its bytes in the file */
    PICKLE_STRING, /* string */
    PICKLE_BYTES,  /* string, text NULL */
    PICKLE_GLOBAL, /* string: text is "module.name" */
    PICKLE_TUPLE,  /* list */
    PICKLE_LIST,   /* list */
    PICKLE_SET,    /* list */
    PICKLE_DICT,   /* list: key, value, key, value ... */
    PICKLE_OBJECT, /* object: what a call would have made */
    PICKLE_PERSID  /* object: args is the persistent id */
} pickle_kind;

/* Strings longer than this have no text, only their place in the file. */
#define PICKLE_LONGEST_TEXT 1023

/* How the text or bytes stand in the file. */
typedef enum {
    PICKLE_RAW,    /* as they are */
    PICKLE_UTF8,   /* text */
    PICKLE_CODED,  /* text, some of it as \u1234 */
    PICKLE_ESCAPED /* bytes, some of them as \x12 */
} pickle_form;

typedef struct {
    const char *text; /* zero-terminated copy, or NULL */
    uint64_t offset, length;
    pickle_form form;
} pickle_string;

typedef struct pickle_value {
    pickle_kind kind;
    union {
        int64_t integer;
        double real;
        pickle_string *string;
        struct pickle_list *list;
        struct pickle_object *object;
    };
} pickle_value;

typedef struct pickle_list {
    pickle_value *items;
    uint32_t count, room;
    int open; /* for who walks through: it is being walked now */
} pickle_list;

typedef struct pickle_object {
    pickle_value callable, args, state;
    pickle_list values; /* appended to it, as to a list */
    pickle_list pairs;  /* set in it, as in a dict */
    int open;
    void *known;                /* for who interprets: what it was found to be */
    struct pickle_object *next; /* the persistent id before this one */
} pickle_object;

/* Runs one pickle from the cursor on and leaves the cursor behind it.  The result lives in the
   arena.  persids, if not NULL, gets the last of the chain of persistent ids. */
int latent_pickle_load(latent_cursor *c, latent_arena *a, pickle_value *result,
                       pickle_object **persids, latent_error *e);

/* The value of a text key in a dict (PICKLE_NOTHING when it is not there). */
pickle_value latent_pickle_get(const pickle_list *dict, const char *key);
/* The text of a string or global, "" for anything else. */
const char *latent_pickle_text(pickle_value v);
/* A tuple's items, NULL for anything else; and one of them (PICKLE_NOTHING when it is not there).
 */
const pickle_list *latent_pickle_tuple(pickle_value v);
pickle_value latent_pickle_item(const pickle_list *list, uint32_t i);
int latent_pickle_is_int(pickle_value v); /* a bool too, as in Python */

/* The bytes that a value stands for: those of a byte string, or of a text that the program which
   wrote the file put in their place (protocols 0 to 2 have no byte strings).  The latter are put
   behind the source.  1 and where they lie; 0 when it is something else; -1 and a sentence. */
int latent_pickle_bytes(pickle_value v, latent_bytes *source, pickle_string *bytes,
                        latent_error *e);

#endif
