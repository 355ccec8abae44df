/* palette: the colours that rules draw with: a paper and a few colours, each with how often it is
   taken.  All rules share them.  After the palettes of plotter art, whose colours are drawn by lot
   with unequal chances (Hobbs 2021). */
#ifndef LATENT_RULES_PALETTE_H
#define LATENT_RULES_PALETTE_H

#pragma GCC visibility push(default)

#define LATENT_PALETTE_MOST 12

/* Each colour is red, green and blue in [0, 1].  Plain floats without padding: it can be part of a
   promise's parameters. */
typedef struct {
    float count; /* colours beside the paper, 1 to LATENT_PALETTE_MOST */
    float paper[3];
    float colour[LATENT_PALETTE_MOST][3];
    float share[LATENT_PALETTE_MOST]; /* how often; they add up to 1 */
} latent_palette;

/* The palette of that name; 0, or -1 where there is none.  Names one after another, NULL behind the
   last. */
int latent_palette_find(const char *name, latent_palette *p);
const char *latent_palette_name(int i);
/* Of 3 numbers (0 to 255) a colour, the paper first: 2 to LATENT_PALETTE_MOST + 1 colours; shares
   are equal.  0, or -1 where the numbers make none. */
int latent_palette_of_numbers(const float *v, int n, latent_palette *p);
/* The main colours of a picture (h x w x c numbers in [-1, 1], c = 1 or at least 3): the paper is
   the colour of most of its border, the others are found by k-means and come with their shares.
   The same picture gives the same palette. */
void latent_palette_of_picture(const float *picture, int h, int w, int c, latent_palette *p);

#pragma GCC visibility pop
#endif
