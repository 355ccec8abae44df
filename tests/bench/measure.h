/* measure: what every bench program measures with, and against what. */
#ifndef MEASURE_H
#define MEASURE_H

/* Seconds, of which differences mean something. */
double now(void);
/* Ends the program with why. */
void die(const char *why);
/* GFLOP/s of one product of matrices, 512 x 4096 x 4608, by as many threads as the engine has now.
 */
double sgemm_gflops(void);

#endif
