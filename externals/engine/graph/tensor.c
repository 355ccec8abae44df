/* tensor: see tensor.h */
#include "tensor.h"
#include "../base/lock.h"
#include "../base/memory.h"
#include <pthread.h>
#include <stdlib.h>

#define LARGE ((size_t)64 << 10) /* bytes from which a block is stored instead of freed */

typedef struct block {
    struct block *next;
    size_t bytes;
} block;

/* What is freed comes in without a lock, since it may be Pd's thread that frees it; who looks for a
   block puts it into the store first. */
static block *_Atomic incoming;
LATENT_LOCK(store_lock)
static block *store; /* newest first */
static size_t store_bytes;
static atomic_size_t living_bytes;

size_t latent_shape_count(latent_shape s)
{
    size_t count;
    if (s.n < 1 || s.h < 1 || s.w < 1 || s.c < 1)
        return 0;
    count = (size_t)s.n * (size_t)s.h; /* two 31-bit numbers fit */
    if (count > LATENT_MAX_COUNT || (count *= (size_t)s.w) > LATENT_MAX_COUNT ||
        (count *= (size_t)s.c) > LATENT_MAX_COUNT)
        return 0;
    return count;
}

int latent_shape_equal(latent_shape a, latent_shape b)
{
    return a.n == b.n && a.h == b.h && a.w == b.w && a.c == b.c;
}

/* Large blocks come in eight sizes between a power of two and the next, so that what is nearly as
   large, as the words of another batch of texts, fits where they were. */
static size_t block_bytes(size_t count)
{
    size_t bytes = count * sizeof(float), step = 64;
    while (bytes >= LARGE && 16 * step <= bytes)
        step *= 2;
    return (bytes + step - 1) & ~(step - 1);
}

static void bring_in(void) /* locked */
{
    block *first = atomic_exchange(&incoming, NULL), **b = &first;
    for (; *b; b = &(*b)->next)
        store_bytes += (*b)->bytes;
    *b = store;
    store = first;
}

static void *take_stored(size_t bytes)
{
    block **b, *found = NULL;
    if (pthread_mutex_trylock(&store_lock)) /* a new block rather than to wait for a thread that
                                               may have to give way */
        return NULL;
    bring_in();
    for (b = &store; *b; b = &(*b)->next)
        if ((*b)->bytes == bytes) {
            found = *b;
            *b = found->next;
            store_bytes -= bytes;
            break;
        }
    pthread_mutex_unlock(&store_lock);
    return found;
}

latent_tensor *latent_tensor_new(latent_shape s, latent_error *e)
{
    size_t count = latent_shape_count(s), bytes = block_bytes(count);
    latent_tensor *t;
    if (!count) {
        latent_fail(e, "a picture of %d x %d with %d channels is impossible", s.w, s.h, s.c);
        return NULL;
    }
    if (!(t = malloc(sizeof(*t))) || (!(bytes >= LARGE && (t->data = take_stored(bytes))) &&
                                      !(t->data = latent_memory(bytes)))) {
        free(t);
        latent_fail(e, "no memory for %d x %d with %d channels (%.0f MB)", s.w, s.h, s.c,
                    (double)bytes / 1e6);
        return NULL;
    }
    atomic_init(&t->refs, 1);
    t->shape = s;
    t->count = count;
    t->fresh = 0;
    atomic_fetch_add(&living_bytes, bytes);
    return t;
}

latent_tensor *latent_tensor_retain(latent_tensor *t)
{
    if (t)
        atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
    return t;
}

void latent_tensor_release(latent_tensor *t)
{
    size_t bytes;
    if (!t || atomic_fetch_sub(&t->refs, 1) > 1)
        return;
    bytes = block_bytes(t->count);
    atomic_fetch_sub(&living_bytes, bytes);
    if (bytes >= LARGE) {
        block *b = (block *)t->data;
        b->bytes = bytes;
        b->next = atomic_load(&incoming);
        while (!atomic_compare_exchange_weak(&incoming, &b->next, b))
            ;
    } else
        free(t->data);
    free(t);
}

void latent_tensor_trim(size_t keep)
{
    for (;;) {
        block **b, *oldest = NULL;
        if (pthread_mutex_trylock(&store_lock)) /* the next one trims */
            return;
        bring_in();
        if (store_bytes > keep && store) {
            for (b = &store; (*b)->next;)
                b = &(*b)->next;
            oldest = *b;
            *b = NULL;
            store_bytes -= oldest->bytes;
        }
        pthread_mutex_unlock(&store_lock);
        if (!oldest)
            return;
        free(oldest);
    }
}

size_t latent_tensor_bytes(void)
{
    return atomic_load(&living_bytes);
}

size_t latent_tensor_stored(void)
{
    size_t bytes;
    pthread_mutex_lock(&store_lock);
    bring_in();
    bytes = store_bytes;
    pthread_mutex_unlock(&store_lock);
    return bytes;
}
