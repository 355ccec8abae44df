/* page_background: where in a photographed page the paper is, and how far every other pixel is from
   it in colour.  A page may lie in a mount of darker paper; it is unevenly lit and stained.  The
   first half of cleaning a plate; subject_mask.h is the second. */
#ifndef LATENT_PAGE_BACKGROUND_H
#define LATENT_PAGE_BACKGROUND_H
#include "../graph/tensor.h"

#define LATENT_PAPER_SIDE 768 /* pages are looked at with at most this many pixels a side */

typedef struct {
    int h, w;            /* of the page made smaller */
    float scale;         /* pixels of the page in one of these, at least 1 */
    int x0, y0, x1, y1;  /* the sheet: from, and up to but without */
    float noise;         /* how far paper is from paper, typically */
    float *distance;     /* [h][w] from the paper, in CIE L*a*b*; 0 outside the sheet; owned */
    float *chroma;       /* [h][w] the part of it that is colour, not light; owned */
    float surface[6][3]; /* the paper's L*, a*, b* as a square polynomial of the place */
    float colour[3];     /* the paper's usual red, green, blue, in [-1, 1] */
} latent_page_background;

/* Looks at a picture [1][h][w][3 or more] in [-1, 1].  0, or -1 and a sentence (no memory, no
   picture).  Free with latent_page_background_free() either way. */
int latent_page_background_find(const latent_tensor *picture, latent_page_background *p,
                                latent_error *e);
void latent_page_background_free(latent_page_background *p);

#endif
