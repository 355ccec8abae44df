/* stream: pictures to browsers, phones and OBS, for [latent.stream]: a web server (libmicrohttpd)
   with a page, a film that never ends (MJPEG: JPEG files one after the other, which every browser
   shows in an <img>) and the last picture by itself.  Each viewer gets the newest picture when it
   has taken the one before: a slow one skips pictures and holds up nobody.  Linked only into that
   box.

     /              the page
     /stream.mjpeg  the film
     /picture.jpg   the last picture */
#ifndef LATENT_STREAM_H
#define LATENT_STREAM_H
#include "../base/error.h"
#include <stddef.h>
#include <stdint.h>

#define LATENT_STREAM_VIEWERS 20

typedef struct latent_stream latent_stream;

/* One holder; nobody is served yet.  NULL: no memory. */
latent_stream *latent_stream_new(void);
latent_stream *latent_stream_retain(latent_stream *s);
/* s may be NULL.  The last holder's waits for the server to end: not on Pd's thread. */
void latent_stream_release(latent_stream *s);

/* Serves at this port (0: any that is free) from now on, and no longer at the one before: this
   machine only, or everyone who can reach it.  0, or -1 and a sentence; then nobody is served.  Not
   on Pd's thread. */
int latent_stream_listen(latent_stream *s, int port, int everyone, latent_error *e);
int latent_stream_port(const latent_stream *s); /* 0: not served */

/* The next picture: h rows of w pixels of red, green and blue; it is made a JPEG of this quality (1
   to 100), once for all viewers.  0, or -1 and a sentence.  Takes milliseconds: not on Pd's thread,
   and on one thread at a time. */
int latent_stream_show(latent_stream *s, const uint8_t *rgb, int h, int w, int quality,
                       latent_error *e);

/* Lets go in the background, for Pd's thread; s may be NULL. */
void latent_stream_end(latent_stream *s);

/* How many watch the film; from any thread. */
int latent_stream_viewers(const latent_stream *s);

#endif
