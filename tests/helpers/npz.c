/* npz: the zip archive (PKWARE's APPNOTE, 4.3), deflate (RFC 1951) and numpy's .npy header, as far
   as tests need them. */
#include "npz.h"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned u16(const uint8_t *p)
{
    return p[0] | p[1] << 8;
}

static size_t u32(const uint8_t *p)
{
    return u16(p) | (size_t)u16(p + 2) << 16;
}

/* ---- deflate */

typedef struct {
    const uint8_t *in, *in_end;
    uint32_t bits;
    int n_bits;
    uint8_t *out;
    size_t written, room;
    int bad;
} stream;

/* A Huffman code: how many codes of each length there are, and the symbols in code order. */
typedef struct {
    uint16_t count[16], symbol[288];
} huffman;

static unsigned take(stream *s, int n)
{
    while (s->n_bits < n) {
        if (s->in == s->in_end) {
            s->bad = 1;
            return 0;
        }
        s->bits |= (uint32_t)*s->in++ << s->n_bits;
        s->n_bits += 8;
    }
    unsigned v = s->bits & ((1u << n) - 1);
    s->bits >>= n;
    s->n_bits -= n;
    return v;
}

static void put(stream *s, uint8_t byte)
{
    if (s->written < s->room)
        s->out[s->written++] = byte;
    else
        s->bad = 1;
}

static void huffman_make(huffman *h, const uint8_t *lengths, int n)
{
    uint16_t start[16];
    memset(h, 0, sizeof(*h));
    for (int i = 0; i < n; i++)
        h->count[lengths[i]]++;
    h->count[0] = 0;
    start[1] = 0;
    for (int l = 1; l < 15; l++)
        start[l + 1] = start[l] + h->count[l];
    for (int i = 0; i < n; i++)
        if (lengths[i])
            h->symbol[start[lengths[i]]++] = (uint16_t)i;
}

static int decode(stream *s, const huffman *h)
{
    int code = 0, first = 0, place = 0;
    for (int l = 1; l < 16 && !s->bad; l++) {
        code |= (int)take(s, 1);
        if (code - first < h->count[l])
            return h->symbol[place + code - first];
        place += h->count[l];
        first = (first + h->count[l]) << 1;
        code <<= 1;
    }
    s->bad = 1;
    return 256;
}

static void inflate_stored(stream *s)
{
    s->bits = 0;
    s->n_bits = 0;
    if (s->in_end - s->in < 4) {
        s->bad = 1;
        return;
    }
    size_t n = u16(s->in);
    s->in += 4;
    if ((size_t)(s->in_end - s->in) < n || s->room - s->written < n) {
        s->bad = 1;
        return;
    }
    memcpy(s->out + s->written, s->in, n);
    s->written += n;
    s->in += n;
}

static void inflate_codes(stream *s, const huffman *lengths, const huffman *distances)
{
    static const uint16_t base[29] = {3,  4,  5,  6,   7,   8,   9,   10,  11, 13,
                                      15, 17, 19, 23,  27,  31,  35,  43,  51, 59,
                                      67, 83, 99, 115, 131, 163, 195, 227, 258};
    static const uint8_t extra[29] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2,
                                      2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0};
    while (!s->bad) {
        int symbol = decode(s, lengths);
        if (symbol == 256)
            return;
        if (symbol < 256) {
            put(s, (uint8_t)symbol);
            continue;
        }
        symbol -= 257;
        if (symbol > 28) {
            s->bad = 1;
            return;
        }
        size_t n = base[symbol] + take(s, extra[symbol]);
        int d = decode(s, distances);
        if (d > 29) {
            s->bad = 1;
            return;
        }
        size_t back =
            d < 4 ? (size_t)d + 1 : ((size_t)(2 + (d & 1)) << (d / 2 - 1)) + 1 + take(s, d / 2 - 1);
        if (back > s->written)
            s->bad = 1;
        while (n-- && !s->bad)
            put(s, s->out[s->written - back]);
    }
}

static void inflate_block(stream *s, int kind)
{
    static const uint8_t order[19] = {16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
                                      11, 4,  12, 3, 13, 2, 14, 1, 15};
    uint8_t lengths[320] = {0};
    huffman literal, distance;
    int n_literal = 288, n_distance = 30;
    if (kind == 1) {
        for (int i = 0; i < 288; i++)
            lengths[i] = i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8;
        memset(lengths + 288, 5, 30);
    } else {
        n_literal = (int)take(s, 5) + 257;
        n_distance = (int)take(s, 5) + 1;
        int n_code = (int)take(s, 4) + 4;
        huffman code;
        if (n_literal > 286) {
            s->bad = 1;
            return;
        }
        for (int i = 0; i < n_code; i++)
            lengths[order[i]] = (uint8_t)take(s, 3);
        huffman_make(&code, lengths, 19);
        memset(lengths, 0, sizeof(lengths));
        for (int i = 0; i < n_literal + n_distance && !s->bad;) {
            int symbol = decode(s, &code), repeat = 1, value = symbol;
            if (symbol == 16) {
                value = i ? lengths[i - 1] : 0;
                repeat = 3 + (int)take(s, 2);
            } else if (symbol > 16) {
                value = 0;
                repeat = symbol == 17 ? 3 + (int)take(s, 3) : 11 + (int)take(s, 7);
            }
            while (repeat-- && i < n_literal + n_distance)
                lengths[i++] = (uint8_t)value;
        }
    }
    huffman_make(&literal, lengths, n_literal);
    huffman_make(&distance, lengths + n_literal, n_distance);
    inflate_codes(s, &literal, &distance);
}

static int inflate_all(stream *s)
{
    int last = 0;
    while (!last && !s->bad) {
        last = (int)take(s, 1);
        int kind = (int)take(s, 2);
        if (kind == 0)
            inflate_stored(s);
        else if (kind < 3)
            inflate_block(s, kind);
        else
            s->bad = 1;
    }
    return s->bad || s->written != s->room ? -1 : 0;
}

/* ---- zip */

static uint8_t *file_read(const char *path, size_t *size)
{
    FILE *f = fopen(path, "rb");
    uint8_t *bytes = NULL;
    long n;
    if (!f)
        return NULL;
    if (!fseek(f, 0, SEEK_END) && (n = ftell(f)) >= 0 && !fseek(f, 0, SEEK_SET) &&
        (bytes = malloc((size_t)n + 1)) && fread(bytes, 1, (size_t)n, f) != (size_t)n) {
        free(bytes);
        bytes = NULL;
    }
    fclose(f);
    if (bytes)
        *size = (size_t)n;
    return bytes;
}

/* The member "<key>.npy", unpacked into a new block. */
static uint8_t *member_read(const uint8_t *zip, size_t size, const char *key, size_t *length)
{
    size_t end = size < 22 ? 0 : size - 22, name_length = strlen(key) + 4;
    while (end && u32(zip + end) != 0x06054b50)
        end--;
    if (size < 22 || u32(zip + end) != 0x06054b50)
        return NULL;
    size_t entry = u32(zip + end + 16);
    for (int n = (int)u16(zip + end + 10); n > 0 && entry + 46 <= end; n--) {
        const uint8_t *e = zip + entry;
        size_t e_name = u16(e + 28), packed = u32(e + 20), local = u32(e + 42);
        entry += 46 + e_name + u16(e + 30) + u16(e + 32);
        if (entry > end || e_name != name_length || memcmp(e + 46, key, name_length - 4) ||
            memcmp(e + 46 + name_length - 4, ".npy", 4))
            continue;
        if (local + 30 > end)
            return NULL;
        size_t data = local + 30 + u16(zip + local + 26) + u16(zip + local + 28);
        if (data > end || packed > end - data)
            return NULL;
        *length = u32(e + 24);
        uint8_t *out = malloc(*length + 1);
        if (!out)
            return NULL;
        stream s = {.in = zip + data, .in_end = zip + data + packed, .out = out, .room = *length};
        int ok = 0;
        if (u16(e + 10) == 8)
            ok = !inflate_all(&s);
        else if (u16(e + 10) == 0 && packed == *length) {
            memcpy(out, zip + data, packed);
            ok = 1;
        }
        if (ok)
            return out;
        free(out);
        return NULL;
    }
    return NULL;
}

/* ---- npy */

static int npy_shape(npz_array *a, const char *p)
{
    a->n_axes = 0;
    a->count = 1;
    for (p++; *p && *p != ')';) {
        char *after;
        unsigned long long n = strtoull(p, &after, 10);
        if (after == p) {
            p++;
            continue;
        }
        if (a->n_axes == NPZ_MAX_AXES || n > SIZE_MAX / 16 || (n && a->count > SIZE_MAX / 16 / n))
            return -1;
        a->shape[a->n_axes++] = (size_t)n;
        a->count *= (size_t)n;
        p = after;
    }
    return 0;
}

static float number(const uint8_t *p, char kind, int bytes)
{
    float f4;
    double f8;
    int32_t i4;
    int64_t i8;
    if (kind == 'f' && bytes == 4)
        return memcpy(&f4, p, 4), f4;
    if (kind == 'f')
        return memcpy(&f8, p, 8), (float)f8;
    if (bytes == 4)
        return memcpy(&i4, p, 4), (float)i4;
    return memcpy(&i8, p, 8), (float)i8;
}

static const char *npy_parse(npz_array *a, const uint8_t *npy, size_t length)
{
    char header[1024], kind;
    int bytes;
    if (length < 12 || memcmp(npy, "\x93NUMPY", 6))
        return "is not an .npy array";
    size_t start = npy[6] == 1 ? 10 : 12, n = npy[6] == 1 ? u16(npy + 8) : u32(npy + 8);
    if (n >= sizeof(header) || n > length - start)
        return "has an impossible header";
    memcpy(header, npy + start, n);
    header[n] = 0;
    const char *descr = strstr(header, "'descr': '<"), *shape = strstr(header, "'shape': (");
    if (!descr || sscanf(descr, "'descr': '<%c%d'", &kind, &bytes) != 2 || !strchr("fi", kind) ||
        (bytes != 4 && bytes != 8))
        return "holds neither float32, float64, int32 nor int64";
    if (strstr(header, "'fortran_order': True"))
        return "is in Fortran order";
    if (!shape || npy_shape(a, shape + 9) || a->count > (length - start - n) / (size_t)bytes)
        return "is shorter than its shape says";
    if (!(a->data = malloc(a->count * sizeof(float) + 1)))
        return "does not fit into memory";
    for (size_t i = 0; i < a->count; i++)
        a->data[i] = number(npy + start + n + i * (size_t)bytes, kind, bytes);
    return NULL;
}

int npz_read(npz_array *a, const char *path, const char *key, char *error, size_t error_size)
{
    size_t size, length;
    memset(a, 0, sizeof(*a));
    uint8_t *zip = file_read(path, &size);
    if (!zip) {
        snprintf(error, error_size, "%s can't be read", path);
        return -1;
    }
    uint8_t *npy = member_read(zip, size, key, &length);
    free(zip);
    const char *wrong = npy ? npy_parse(a, npy, length) : "is missing or damaged";
    free(npy);
    if (wrong) {
        snprintf(error, error_size, "%s: '%s' %s", path, key, wrong);
        return -1;
    }
    return 0;
}

void npz_free(npz_array *a)
{
    free(a->data);
    memset(a, 0, sizeof(*a));
}
