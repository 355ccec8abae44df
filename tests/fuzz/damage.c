/* damage: makes many damaged model files and files with latents out of right ones, in memory, and
   loads each.  What must
   hold for all: nothing crashes (the sanitizers watch), a refusal has a sentence, and the memory
   that the loading takes stays below twice the file and 64 MB.

   damage [-n variants] [-s seed] [-o only this variant] [file ...]

   The right files are those of helper_files.c and the files named.  Variant number i is always the
   same for the same seed and files. */
#include "engine/weights/arrays.h"
#include "engine/weights/weights.h"
#include "helper_files.h"
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Counting memory: the linker (--wrap) sends all calls of malloc and its kin in this program here.
 */

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void __real_free(void *p);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void __wrap_free(void *p);

static size_t held, peak;

static void *count(void *p)
{
    held += malloc_usable_size(p);
    peak = held > peak ? held : peak;
    return p;
}

void *__wrap_malloc(size_t n)
{
    return count(__real_malloc(n));
}

void *__wrap_calloc(size_t n, size_t size)
{
    return count(__real_calloc(n, size));
}

/* Worst case: the old block and the new one at once. */
void *__wrap_realloc(void *p, size_t n)
{
    size_t before = malloc_usable_size(p);
    void *q = __real_realloc(p, n);
    if (q) {
        count(q);
        held -= before;
    }
    return q;
}

void __wrap_free(void *p)
{
    held -= malloc_usable_size(p);
    __real_free(p);
}

/* Chance. */

static uint64_t state;

static uint32_t chance(void)
{
    /* splitmix64 (Steele, Lea and Flood 2014) */
    uint64_t z = state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)(z >> 32);
}

static size_t below(size_t n)
{
    return n ? chance() % n : 0;
}

/* Damage. */

/* A place in the file; half of them near its ends, where the tables are. */
static size_t somewhere(const bytes *b)
{
    size_t end = b->size < 4096 ? b->size : 4096;
    switch (below(4)) {
    case 0:
        return below(end);
    case 1:
        return b->size - 1 - below(end);
    default:
        return below(b->size);
    }
}

static void cut(bytes *b)
{
    b->size = below(4) ? somewhere(b) + 1 : below(b->size) + 1;
}

static void flip(bytes *b)
{
    for (size_t n = 1 + below(8); n; n--)
        b->data[somewhere(b)] ^= (uint8_t)(1u << below(8));
}

static void overwrite(bytes *b)
{
    size_t at = somewhere(b), n = 1 + below(16);
    for (; n && at < b->size; n--)
        b->data[at++] = (uint8_t)chance();
}

/* Sizes, counts and offsets that lie. */
static void lie(bytes *b)
{
    static const uint64_t lies[] = {0,
                                    1,
                                    0x7f,
                                    0xff,
                                    0x7fff,
                                    0xffff,
                                    0x7fffffff,
                                    0xffffffff,
                                    0x100000000,
                                    0x3fffffffffffffff,
                                    0x4000000000000000,
                                    0x7fffffffffffffff,
                                    0x8000000000000000,
                                    0xffffffffffffffff};
    uint64_t n = lies[below(sizeof(lies) / sizeof(*lies))];
    size_t at = somewhere(b), width = (size_t)1 << below(4);
    if (!below(4))
        n = b->size + below(64) - 32;
    for (; width && at < b->size; width--, n >>= 8)
        b->data[at++] = (uint8_t)n;
}

/* Makes room for n bytes at a place. */
static uint8_t *insert(bytes *b, size_t at, size_t n)
{
    bytes rest = {0};
    put(&rest, b->data + at, b->size - at);
    b->size = at;
    put(b, rest.data, n < rest.size ? n : rest.size);
    while (b->size < at + n)
        put(b, "", 1);
    put(b, rest.data, rest.size);
    bytes_free(&rest);
    return b->data + at;
}

/* A piece of this file or of another one, put in or laid over. */
static void splice(bytes *b, const bytes *other)
{
    const bytes *from = below(2) ? other : b;
    size_t length = 1 + below(below(8) ? 64 : 4096), start = below(from->size), at = somewhere(b);
    bytes piece = {0};
    length = length < from->size - start ? length : from->size - start;
    put(&piece, from->data + start, length);
    if (below(2))
        insert(b, at, length);
    length = length < b->size - at ? length : b->size - at;
    memcpy(b->data + at, piece.data, length);
    bytes_free(&piece);
}

static void take_out(bytes *b)
{
    size_t at = somewhere(b), n = 1 + below(below(4) ? 16 : 2048);
    n = n < b->size - at ? n : b->size - at;
    memmove(b->data + at, b->data + at + n, b->size - at - n);
    b->size -= n;
    if (!b->size)
        put(b, "", 1);
}

/* Openings without end, of every kind that the formats have. */
static void nest(bytes *b)
{
    static const char *const openings[] = {
        "(",  "]", "}", "}(",     "]a", "\x85", "2\x86",      "(lp",   "\x80\2", "{\"a\":",  "[",
        "[[", "N", "0", "}\x94h", "2a", "2(u",  "cos\nx\n)R", ")\x81", "K\1b",   "X\1\0\0\0"};
    const char *text = openings[below(sizeof(openings) / sizeof(*openings))];
    size_t n = 1 + below(below(8) ? 300 : 60000), length = strlen(text), at = below(b->size);
    uint8_t *to = insert(b, at, n * length);
    for (size_t i = 0; i < n; i++)
        memcpy(to + i * length, text, length);
}

/* A pickle's own words about size, put over what stands there. */
static void claim(bytes *b)
{
    static const char *const claims[] = {
        "B\xff\xff\xff\xff",
        "X\xff\xff\xff\x7f",
        "\x8e\xff\xff\xff\xff\xff\xff\xff\x7f",
        "\x95\xff\xff\xff\xff\xff\xff\xff\xff",
        "\x8b\xff\xff\xff\x7f",
        "r\xff\xff\xff\xff",
        "j\xff\xff\xff\x7f",
        "J\xff\xff\xff\x7f",
        "J\xff\xff\xff\xff",
        "\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f",
        "\x96\xff\xff\xff\xff\xff\xff\xff\x7f",
        "999999999999999999",
    };
    const char *text = claims[below(sizeof(claims) / sizeof(*claims))];
    size_t at = somewhere(b), n = strlen(text);
    n = n < b->size - at ? n : b->size - at;
    memcpy(b->data + at, text, n);
}

static bytes damaged(const bytes *right, const bytes *other)
{
    bytes b = {0};
    put(&b, right->data, right->size);
    for (size_t n = 1 + (below(3) ? 0 : below(4)); n; n--)
        switch (below(10)) {
        case 0:
            cut(&b);
            break;
        case 1:
        case 2:
            flip(&b);
            break;
        case 3:
            overwrite(&b);
            break;
        case 4:
        case 5:
            lie(&b);
            break;
        case 6:
            splice(&b, other);
            break;
        case 7:
            take_out(&b);
            break;
        case 8:
            nest(&b);
            break;
        default:
            claim(&b);
        }
    return b;
}

/* Loading. */

/* Do two tensors belong to the same network?  ("G_ema.synthesis..." and "G_ema.mapping...") */
static int same_network(const char *a, const char *b)
{
    size_t n = strcspn(a, ".");
    return !strncmp(a, b, n) && (b[n] == '.' || !b[n]);
}

typedef struct {
    float **x;
    size_t n;
} loaded;

static void let_go(loaded *l)
{
    for (size_t i = 0; i < l->n; i++)
        free(l->x[i]);
    l->n = 0;
}

/* As a loader does it: the tensors of one network stay.  What went wrong, or NULL. */
static const char *load(const bytes *b, latent_error *e)
{
    latent_weights *w = latent_weights_open_memory(b->data, b->size, e);
    const char *wrong = NULL;
    loaded l = {0};
    if (!w)
        return strlen(e->text) < 20 ? "it was refused without a sentence" : NULL;
    l.x = calloc(latent_weights_count(w), sizeof(*l.x));
    for (size_t i = 0; i < latent_weights_count(w) && !wrong; i++) {
        const latent_entry *t = latent_weights_at(w, i);
        if (i && !same_network(latent_weights_at(w, i - 1)->name, t->name))
            let_go(&l);
        l.x[l.n] = malloc((size_t)t->count * sizeof(float) + 1);
        if (!l.x[l.n])
            wrong = "no memory";
        else if (latent_weights_read(w, t, l.x[l.n++], e) < 0)
            wrong = "a tensor of its table cannot be read";
    }
    let_go(&l);
    free(l.x);
    latent_weights_close(w);
    return wrong;
}

/* The same of a file with latents. */
static const char *load_array(const bytes *b, latent_error *e)
{
    static const char *const keys[] = {NULL, "w", "z"};
    for (size_t i = 0; i < 3; i++) {
        latent_array a;
        if (!latent_array_read_memory(&a, b->data, b->size, keys[i], e))
            latent_array_free(&a);
        else if (strlen(e->text) < 20)
            return "it was refused without a sentence";
    }
    return NULL;
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int read_file(const char *path, bytes *b)
{
    FILE *f = fopen(path, "rb");
    char part[65536];
    size_t n;
    if (!f)
        return -1;
    while ((n = fread(part, 1, sizeof(part), f)) > 0)
        put(b, part, n);
    fclose(f);
    return b->size ? 0 : -1;
}

int main(int argc, char **argv)
{
    bytes right[64] = {0};
    const size_t n_small = n_seeds() + n_arrays();
    size_t n_right = 0, n = 10000, refused = 0, failed = 0, most = 0;
    long only = -1;
    uint64_t seed = 1;
    double start = seconds(), slowest = 0;
    for (; n_right < n_seeds(); n_right++)
        right[n_right] = make_seed(n_right, NULL);
    for (; n_right < n_small; n_right++)
        right[n_right] = make_array(n_right - n_seeds(), NULL);
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (argv[i][0] == '-' && argv[i][1] && strchr("nso", argv[i][1])) {
            if (argv[i][1] == 'n')
                n = strtoull(value, NULL, 10);
            else if (argv[i][1] == 's')
                seed = strtoull(value, NULL, 10);
            else
                only = strtol(value, NULL, 10);
            i++;
        } else if (n_right < 64 && read_file(argv[i], right + n_right) == 0)
            n_right++;
        else
            fprintf(stderr, "SKIP %s cannot be read\n", argv[i]);
    }
    for (size_t i = 0; i < n; i++) {
        const char *wrong;
        latent_error e = {""};
        double began = seconds(), took;
        size_t before, used, pick;
        bytes b;
        if (only >= 0 && (size_t)only != i)
            continue;
        state = seed * UINT64_C(1000003) + i;
        /* the small files are where the structure is; the large ones have their turn */
        pick = i % 8 ? below(n_small) : below(n_right);
        b = damaged(right + pick, right + below(n_small));
        before = peak = held;
        wrong = pick < n_seeds() || pick >= n_small ? load(&b, &e) : load_array(&b, &e);
        took = seconds() - began;
        used = peak - before;
        if (!wrong && used > 2 * b.size + ((size_t)64 << 20))
            wrong = "it took more memory than twice the file and 64 MB";
        if (!wrong && held != before)
            wrong = "it did not give back its memory";
        if (wrong) {
            failed++;
            fprintf(stderr, "variant %zu (%zu bytes): %s: %s\n", i, b.size, wrong, e.text);
        }
        if (only >= 0)
            printf("%zu bytes, %zu used: %s\n", b.size, used, *e.text ? e.text : "loaded");
        refused += *e.text != 0;
        most = used > most ? used : most;
        slowest = took > slowest ? took : slowest;
        bytes_free(&b);
    }
    for (size_t i = 0; i < n_right; i++)
        bytes_free(right + i);
    printf("%zu files damaged in %zu ways: %zu refused, %zu loaded all the same; at most %zu KB of "
           "memory, %.2f s at the slowest, %.0f s in all\n",
           n_right, n, refused, n - refused, most >> 10, slowest, seconds() - start);
    printf("%zu passed, %zu failed\n", only < 0 ? n - failed : 1 - failed, failed);
    return failed != 0;
}
