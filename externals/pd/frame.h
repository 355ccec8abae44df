/* frame: a place for pictures in the patch's window, drawn by Tk: a rectangle with the marks of an
   inlet and an outlet, and a picture in its middle.  For [latent.view].  All on Pd's thread;
   without a window nothing is drawn. */
#ifndef LATENT_FRAME_H
#define LATENT_FRAME_H
#include <m_pd.h>

#include <g_canvas.h>

#pragma GCC visibility push(default)

typedef struct {
    t_object *owner;
    t_glist *glist;
    int w, h;      /* in the patch's pixels; the window has zoom times as many */
    int drawn;     /* Tk has our items */
    int has_photo; /* Tk has our picture, maybe an empty one */
    char tag[40], photo[40];
} t_latent_frame;

/* Inside the owner's new method. */
void latent_frame_init(t_latent_frame *f, t_object *owner, int w, int h);
void latent_frame_free(t_latent_frame *f);

/* Can it be seen just now? */
int latent_frame_visible(const t_latent_frame *f);
int latent_frame_zoom(const t_latent_frame *f);
/* Where it lies in the window. */
void latent_frame_rectangle(const t_latent_frame *f, t_glist *glist, int *x1, int *y1, int *x2,
                            int *y2);

/* Writes the size into the owner's words ("latent.view 320 240 -scaling smooth"), in the place of
   the numbers there, so that it is saved with the patch. */
void latent_frame_save_size(t_latent_frame *f);

/* What Pd asks of a box that draws itself; show begins with an empty picture. */
void latent_frame_show(t_latent_frame *f);
void latent_frame_hide(t_latent_frame *f);
void latent_frame_move(t_latent_frame *f, t_glist *glist, int dx, int dy);
void latent_frame_select(t_latent_frame *f, int on);

/* The picture in a PPM file, which Tk deletes when it has read it; NULL: none. */
void latent_frame_picture(t_latent_frame *f, const char *file);
/* Has Tk delete a file, so that Pd's thread need not. */
void latent_frame_delete_file(const char *file);

#pragma GCC visibility pop
#endif
