/* helper_sound: sound files of every kind that FFmpeg writes here, for tests of what reads them. */
#ifndef HELPER_SOUND_H
#define HELPER_SOUND_H

/* Writes a sine of 440 Hz and that amplitude; muxer and encoder in FFmpeg's words.  spoiled: so
   many of its samples are no numbers (of encoders that take floats as they are).  0, or -1 where
   this FFmpeg has no such encoder. */
int write_tone(const char *path, const char *muxer, const char *encoder, int rate, int channels,
               double seconds, double amplitude, int spoiled);
/* The root mean square of what latent_track reads from a file, in its own rate; *samples is how
   many of each channel.  The test fails where it can't be read. */
double track_rms(const char *path, int *channels, int *samples);

#endif
