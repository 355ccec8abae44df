/* tensors: see tensors.h */
#include "tensors.h"
#include <stdarg.h>
#include <stdio.h>

int latent_tensor_list(const latent_tensor_lister *l, int rank, const int64_t *dim,
                       const char *format, ...)
{
    char name[LATENT_TENSOR_NAME];
    va_list args;
    va_start(args, format);
    vsnprintf(name, sizeof(name), format, args);
    va_end(args);
    return l->visit(l->context, name, rank, dim, l->error);
}

latent_node *latent_tensor_find(latent_tensors *t, latent_error *e, const char *format, ...)
{
    char name[LATENT_TENSOR_NAME];
    va_list args;
    va_start(args, format);
    vsnprintf(name, sizeof(name), format, args);
    va_end(args);
    return t->find(t, name, e);
}
