/* fractal: the solid and the camera of fractal.c, for the files that march its rays. */
#ifndef LATENT_RULES_FRACTAL_H
#define LATENT_RULES_FRACTAL_H
#include "rule.h"

enum { BULB, BOX };

typedef struct {
    int kind, rounds;
    float power, fold;
    float size; /* half of the solid, in its own units */
} solid;

#define OPENING 0.42f /* half of what is seen, one unit away */

typedef struct {
    float eye[3], ahead[3], right[3], up[3], light[3];
    float bound; /* of a sphere around the solid */
    float pixel; /* a pixel's half width, one unit away */
    solid s;
    float shadow, coloured;
    int size; /* of the picture, in pixels */
    const latent_palette *palette;
} scenery;

/* For one kind of processor.  tiles: how far all rays of tiles of so many pixels a side can go at
   once; start (or NULL) is what larger ones, of parent pixels, found.  rows: FRACTAL_TILE rows of
   pixels from y on; start is of tiles of FRACTAL_TILE. */
#define FRACTAL_TILE 4
typedef struct {
    void (*tiles)(const scenery *w, int tile, const float *start, int parent, float *found);
    void (*rows)(const scenery *w, int y, const float *start, float *rgba);
} fractal_code;
extern const fractal_code fractal_code_base;
const fractal_code *fractal_code_avx2(void); /* NULL where the processor has no such instructions */
const fractal_code *fractal_code_avx512(void);

#endif
