/* rows: which rows of W+ a message means ("freeze 0 3", "layers 4 9"), for boxes that work on some
   of them. */
#ifndef LATENT_ROWS_H
#define LATENT_ROWS_H
#include <m_pd.h>

#pragma GCC visibility push(default)

/* Takes the first and the last row, or one row, or nothing, which is all or none as the box has it:
   first and last become -1.  0, or -1 after a complaint, both staying what they were; purpose goes
   into it: "that stay". */
int latent_rows_range(t_object *x, t_symbol *s, int argc, const t_atom *argv, const char *purpose,
                      int *first, int *last);

#pragma GCC visibility pop
#endif
