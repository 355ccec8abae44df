/* memory: blocks for pictures and weights, for the whole engine.  Large ones ask the system for
   huge pages: a network goes through hundreds of megabytes a frame, and with small pages the
   processor spends much of that looking up where they are. */
#ifndef LATENT_MEMORY_H
#define LATENT_MEMORY_H
#include <stddef.h>

#pragma GCC visibility push(default)

/* bytes of memory on the boundary of a cache line, to be freed with free; NULL: there is none.  Any
   thread. */
void *latent_memory(size_t bytes);

#pragma GCC visibility pop
#endif
