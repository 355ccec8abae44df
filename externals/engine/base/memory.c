/* memory: see memory.h */
#include "memory.h"
#include <stdlib.h>
#include <sys/mman.h>

#define LINE ((size_t)64)
#define HUGE_PAGE ((size_t)2 << 20)

void *latent_memory(size_t bytes)
{
    size_t boundary = bytes < HUGE_PAGE ? LINE : HUGE_PAGE;
    void *block;
    if (posix_memalign(&block, boundary, bytes ? bytes : 1))
        return NULL;
#ifdef MADV_HUGEPAGE
    if (bytes >= HUGE_PAGE) /* no page beyond the block's end */
        madvise(block, bytes & ~(HUGE_PAGE - 1), MADV_HUGEPAGE);
#endif
    return block;
}
