/* names: where the files lie that a patch names without a folder, the same for every box.  They are
   looked for beside the user's patch, and written there.  A box of ours that is a patch itself
   ([latent.film], [latent.project] ...) is not the user's patch: the one that it was put into is.
   "~" is the home folder.  Nothing here touches the disk. */
#ifndef LATENT_NAMES_H
#define LATENT_NAMES_H
#include "engine/base/error.h"
#include <m_pd.h>

#include <g_canvas.h>

#pragma GCC visibility push(default)

/* Where file may lie: beside the patch (canvas: canvas_getcurrent() of the box's new method, kept),
   beside those that the patch is a part of, and in Pd's path.  The candidates, each a full path,
   one after another, ended by an empty one, size bytes before that; to be free()d.  Open the first
   that exists, on a worker.  NULL and a sentence. */
char *latent_names_find(t_canvas *canvas, const char *file, size_t *size, latent_error *e);
/* The same for a box, which says what is wrong. */
char *latent_find_paths(t_object *x, t_canvas *canvas, const char *file);

/* Where a file, or folder, of that name is to be written: beside the patch.  0, or -1 and a
   sentence, as the box's own error, and as "error ..." where there is an outlet for that. */
int latent_place(t_object *x, t_outlet *info, t_canvas *canvas, const char *file,
                 char path[MAXPDSTRING]);

#pragma GCC visibility pop
#endif
