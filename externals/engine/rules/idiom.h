/* idiom: the things that surround fish in Chinese sayings, for idiom.c, which puts them together.
   Units are those of a sheet of 64 x 64.  All of them leave no path behind. */
#ifndef LATENT_RULES_IDIOM_H
#define LATENT_RULES_IDIOM_H
#include "rule.h"

/* The whole sheet, from one colour above to another below. */
void idiom_ground(cairo_t *c, rgb above, rgb below);
/* The part of the sheet below y, with a wavy edge; crests are so high. */
void idiom_water(cairo_t *c, double y, double crest, rgb water);
void idiom_rings(cairo_t *c, double x, double y, double r, int n, rgb line);
/* How a moon of radius r lies on the water from y on. */
void idiom_moonlight(cairo_t *c, double x, double y, double r, rgb light);
/* A round thing: the moon, the sun, a pearl (which shines). */
void idiom_disc(cairo_t *c, double x, double y, double r, rgb fill);
void idiom_pearl(cairo_t *c, double x, double y, double r);
/* A lotus in flower, s wide to each side of x, standing on y; a leaf seen from above at a slant. */
void idiom_lotus(cairo_t *c, double x, double y, double s);
void idiom_leaf(cairo_t *c, double x, double y, double r, double notch);
void idiom_gate(cairo_t *c, double x, double y, double s);
/* A bird with wings spread, s wide to each side; angle: radians, 0 flies to the right. */
void idiom_bird(cairo_t *c, double x, double y, double s, double angle, rgb feathers);
void idiom_net(cairo_t *c, double x, double y, double w, double h);
void idiom_hook(cairo_t *c, double x, double y);
void idiom_flame(cairo_t *c, double x, double y, double s);
void idiom_pot(cairo_t *c, double x, double y, double s);
void idiom_tree(cairo_t *c, double x, double y, double s);
void idiom_cracks(cairo_t *c, double y);
void idiom_stone(cairo_t *c, double x, double y, double r);
void idiom_dragon(cairo_t *c, double y);
void idiom_letter(cairo_t *c, double x, double y, double s);
void idiom_heart(cairo_t *c, double x, double y, double s);
/* Swirls of mud over what is there. */
void idiom_mud(cairo_t *c, double phase);

#endif
