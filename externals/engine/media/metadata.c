/* metadata: see metadata.h */
#include "metadata.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define MOST_CHUNKS 4096
#define MOST_TEXT 4096                                /* bytes of a short text */
#define MOST_PACKED ((size_t)LATENT_NOTES_LATENT * 6) /* of the latent's, packed or not */
#define FLOATS "float32"

/* ---- base64 */

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void put_base64(const uint8_t *from, size_t n, char *to)
{
    for (; n; from += 3) {
        uint32_t v =
            (uint32_t)from[0] << 16 | (n > 1 ? (uint32_t)from[1] << 8 : 0) | (n > 2 ? from[2] : 0);
        for (int i = 0; i < 4; i++)
            *to++ = (size_t)i <= n ? digits[v >> (18 - 6 * i) & 63] : '=';
        n -= n < 3 ? n : 3;
    }
    *to = 0;
}

/* Exactly n bytes of exactly that text: 0, else -1. */
static int get_base64(const char *from, uint8_t *to, size_t n)
{
    if (strlen(from) != (n + 2) / 3 * 4)
        return -1;
    for (size_t done = 0; done < n; from += 4) {
        uint32_t v = 0;
        for (int i = 0; i < 4; i++) {
            const char *d = from[i] == '=' ? digits : strchr(digits, from[i]);
            if (!d)
                return -1;
            v = v << 6 | (uint32_t)(d - digits);
        }
        for (int i = 0; i < 3 && done < n; i++)
            to[done++] = (uint8_t)(v >> (16 - 8 * i));
    }
    return 0;
}

/* ---- writing */

typedef struct {
    uint8_t *data;
    size_t n;
    int failed;
} buffer;

static void put_be(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (24 - 8 * i));
}

/* One chunk: keyword, 0, head (of the kind), text. */
static void put_chunk(buffer *b, const char *type, const char *keyword, const uint8_t *head,
                      size_t n_head, const void *text, size_t n_text)
{
    size_t n_key = strlen(keyword) + 1, n = n_key + n_head + n_text;
    uint8_t *p = b->failed ? NULL : realloc(b->data, b->n + n + 12);
    if (!p) {
        b->failed = 1;
        return;
    }
    b->data = p;
    p += b->n;
    put_be(p, (uint32_t)n);
    memcpy(p + 4, type, 4);
    memcpy(p + 8, keyword, n_key);
    if (n_head)
        memcpy(p + 8 + n_key, head, n_head);
    memcpy(p + 8 + n_key + n_head, text, n_text);
    put_be(p + 8 + n, (uint32_t)crc32(0, p + 4, (uInt)(n + 4)));
    b->n += n + 12;
}

static void put_text(buffer *b, const char *keyword, const char *text)
{
    if (*text)
        put_chunk(b, "tEXt", keyword, NULL, 0, text, strlen(text));
}

static void put_unicode(buffer *b, const char *keyword, const char *text)
{
    static const uint8_t plain[4]; /* not compressed, method 0, no language, no translation */
    if (*text)
        put_chunk(b, "iTXt", keyword, plain, sizeof(plain), text, strlen(text));
}

static void put_latent(buffer *b, const latent_provenance *o)
{
    static const uint8_t method[1]; /* deflate */
    size_t count = (size_t)o->rows * (size_t)o->w_dim, room = count * 4 / 3 + 80;
    uint8_t *bytes = malloc(count * 4), *packed = NULL;
    char *text = malloc(room + 8);
    uLongf n_packed;
    size_t head;
    if (bytes && text) {
        for (size_t i = 0; i < count; i++) {
            uint32_t v;
            memcpy(&v, o->w + i, 4);
            for (int k = 0; k < 4; k++)
                bytes[4 * i + (size_t)k] = (uint8_t)(v >> (8 * k));
        }
        head = (size_t)snprintf(text, room, FLOATS " %d %d ", o->rows, o->w_dim);
        text = realloc(text, head + (count * 4 + 2) / 3 * 4 + 1);
    }
    if (bytes && text) {
        size_t n;
        put_base64(bytes, count * 4, text + head);
        n = strlen(text);
        n_packed = compressBound((uLong)n);
        if ((packed = malloc(n_packed)) &&
            compress2(packed, &n_packed, (const Bytef *)text, (uLong)n, 6) == Z_OK)
            put_chunk(b, "zTXt", "latent:w", method, 1, packed, n_packed);
        else
            b->failed = 1;
    } else
        b->failed = 1;
    free(bytes);
    free(text);
    free(packed);
}

int latent_metadata_chunks(const latent_metadata *n, uint8_t **chunks, size_t *size,
                           latent_error *e)
{
    buffer b = {NULL, 0, 0};
    char seed[40] = "";
    if (n->has_seed)
        snprintf(seed, sizeof(seed), "%.17g", n->seed);
    put_text(&b, "Software", "latent " LATENT_VERSION);
    put_unicode(&b, "latent:patch", n->patch);
    put_text(&b, "latent:seed", seed);
    put_unicode(&b, "latent:model", n->origin.drawer.name);
    put_text(&b, "latent:hash", n->origin.drawer.hash);
    if (n->origin.rows)
        put_latent(&b, &n->origin);
    if (b.failed) {
        free(b.data);
        return latent_fail(e, "there is no memory for what a picture says about itself");
    }
    *chunks = b.data;
    *size = b.n;
    return 0;
}

/* ---- reading */

static uint32_t get_be(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* The text of a chunk's content (n bytes behind the keyword), malloc'd and ended by 0, or NULL. */
static char *unpack(const char *type, const uint8_t *p, size_t n, size_t most)
{
    char *text;
    uLongf got = (uLongf)most;
    size_t head = 0;
    int packed = !strcmp(type, "zTXt");
    if (packed && (n < 1 || p[0]))
        return NULL;
    if (packed)
        head = 1;
    if (!strcmp(type, "iTXt")) { /* flag, method, language, 0, translated keyword, 0 */
        if (n < 4 || p[1])
            return NULL;
        packed = p[0] == 1;
        head = 2;
        for (int i = 0; i < 2; i++) {
            const uint8_t *end = memchr(p + head, 0, n - head);
            if (!end)
                return NULL;
            head = (size_t)(end - p) + 1;
        }
    }
    p += head;
    n -= head;
    if (!packed && n > most)
        return NULL;
    if (!(text = malloc((packed ? most : n) + 1)))
        return NULL;
    if (!packed)
        memcpy(text, p, got = (uLongf)n);
    else if (uncompress((Bytef *)text, &got, p, (uLong)n) != Z_OK) {
        free(text);
        return NULL;
    }
    text[got] = 0;
    if (strlen(text) == got)
        return text;
    free(text);
    return NULL;
}

static void read_latent(const char *text, latent_provenance *o)
{
    int rows, w_dim, head = 0;
    size_t count;
    uint8_t *bytes;
    float *w;
    if (sscanf(text, FLOATS " %6d %7d %n", &rows, &w_dim, &head) < 2 || !head || rows < 1 ||
        w_dim < 1 || rows > LATENT_NOTES_LATENT / w_dim)
        return;
    count = (size_t)rows * (size_t)w_dim;
    bytes = malloc(count * 4);
    w = malloc(count * sizeof(*w));
    if (!bytes || !w || get_base64(text + head, bytes, count * 4)) {
        free(bytes);
        free(w);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const uint8_t *p = bytes + 4 * i;
        uint32_t v =
            (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
        memcpy(w + i, &v, 4);
        if (!isfinite(w[i]))
            w[i] = 0;
    }
    free(bytes);
    free(o->w);
    o->w = w;
    o->rows = rows;
    o->w_dim = w_dim;
}

static void take(latent_metadata *n, const char *keyword, const char *text)
{
    if (!strcmp(keyword, "patch"))
        snprintf(n->patch, sizeof(n->patch), "%s", text);
    else if (!strcmp(keyword, "model"))
        snprintf(n->origin.drawer.name, sizeof(n->origin.drawer.name), "%s", text);
    else if (!strcmp(keyword, "hash"))
        snprintf(n->origin.drawer.hash, sizeof(n->origin.drawer.hash), "%s", text);
    else if (!strcmp(keyword, "seed")) {
        char *end;
        double seed = strtod(text, &end);
        if (end != text && !*end && isfinite(seed)) {
            n->has_seed = 1;
            n->seed = seed;
        }
    } else if (!strcmp(keyword, "w"))
        read_latent(text, &n->origin);
}

/* One text chunk of n bytes, in memory. */
static void read_chunk(latent_metadata *notes, const char *type, const uint8_t *p, size_t n)
{
    const uint8_t *end = memchr(p, 0, n < 80 ? n : 80);
    const char *keyword = (const char *)p;
    char *text;
    if (!end || strncmp(keyword, "latent:", 7) != 0)
        return;
    text = unpack(type, end + 1, n - (size_t)(end + 1 - p),
                  strcmp(keyword, "latent:w") ? MOST_TEXT : MOST_PACKED);
    if (text)
        take(notes, keyword + 7, text);
    free(text);
}

static int read_file(FILE *f, latent_metadata *n, const char *path, latent_error *e)
{
    uint8_t head[8], sum[4];
    if (fread(head, 1, 8, f) < 8 || memcmp(head, "\x89PNG\r\n\x1a\n", 8) != 0)
        return 0;
    for (int i = 0; i < MOST_CHUNKS && fread(head, 1, 8, f) == 8; i++) {
        char type[5] = {(char)head[4], (char)head[5], (char)head[6], (char)head[7], 0};
        uint32_t size = get_be(head);
        uint8_t *p;
        int got;
        if (!strcmp(type, "IEND") || size > INT32_MAX)
            return 0;
        if ((strcmp(type, "tEXt") && strcmp(type, "zTXt") && strcmp(type, "iTXt")) ||
            size > MOST_PACKED) {
            if (fseeko(f, (off_t)size + 4, SEEK_CUR))
                return 0;
            continue;
        }
        if (!(p = malloc((size_t)size + 1)))
            return latent_fail(e, "there is no memory to read what %s says about itself", path);
        got = fread(p, 1, size, f) == size && fread(sum, 1, 4, f) == 4;
        if (got && get_be(sum) == crc32(crc32(0, head + 4, 4), p, size))
            read_chunk(n, type, p, size);
        free(p);
        if (!got)
            return 0;
    }
    return 0;
}

int latent_metadata_read(const char *path, latent_metadata *n, latent_error *e)
{
    FILE *f = fopen(path, "rb");
    int failed;
    memset(n, 0, sizeof(*n));
    if (!f) /* whoever reads the picture says so */
        return 0;
    failed = read_file(f, n, path, e);
    fclose(f);
    return failed;
}

void latent_metadata_free(latent_metadata *n)
{
    latent_provenance_free(&n->origin);
    memset(n, 0, sizeof(*n));
}
