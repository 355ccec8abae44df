/* screen: pictures on their way to the patch's window, for [latent.view].  Tk reads a PPM file six
   times faster than anything sent through Pd's socket (measured with 512 x 512), so a picture goes
   through a file in memory; the window deletes it after reading. */
#ifndef LATENT_SCREEN_H
#define LATENT_SCREEN_H
#include "pixels.h"

#pragma GCC visibility push(default)

/* Writes a picture, as large as it fits into room_h x room_w, to a new file in $XDG_RUNTIME_DIR,
   /dev/shm, TMPDIR or /tmp, and its full name to path.  0, or -1 and a sentence.  Not on Pd's
   thread. */
int latent_screen_write(const latent_tensor *t, int room_h, int room_w, latent_enlarging enlarging,
                        char *path, size_t path_room, latent_error *e);

/* The same as a PNG of that name, where what stands is always whole, for editors that show such
   files. */
int latent_screen_write_png(const latent_tensor *t, int room_h, int room_w,
                            latent_enlarging enlarging, const char *path, latent_error *e);
/* Two names for such files, in the same folder, belong to each id; the ids are 1, 2, 3 ... */
unsigned latent_screen_id(void);
void latent_screen_name(unsigned id, int turn, char *path, size_t room);
/* Has a worker delete both files. */
void latent_screen_forget_names(unsigned id);

/* Has a worker delete a file that nobody has read: even in memory that can take milliseconds. */
void latent_screen_forget(const char *path);

/* Deletes what was left: by a process that is gone, and by this one if own is set (at its end). */
void latent_screen_sweep(int own);

#pragma GCC visibility pop
#endif
