/* arrays: see arrays.h */
#include "arrays.h"
#include "zip.h"
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include <zlib.h>

#define MEMBERS ((size_t)16 << 20) /* memory for an archive's table of contents */
#define MAGIC "\x93NUMPY"
#define LONGEST_HEADER 4096
#define MOST_PACKED 1100 /* deflate makes nothing smaller than by 1032 */
#define PIECE 4096
#define LONGEST_TEXT (256 << 20)

void latent_array_free(latent_array *a)
{
    free(a->data);
    memset(a, 0, sizeof(*a));
}

/* ---- bytes that come one after another, packed or not */

typedef struct {
    latent_cursor from;
    int deflated;
    z_stream z;
    uint8_t packed[PIECE];
    uint64_t left; /* bytes that are still to come */
} stream;

static int damaged(latent_error *e)
{
    return latent_fail(e,
                       "the array's bytes are damaged or cut off; fetch or write the file again");
}

static int stream_open(stream *s, const latent_bytes *source, uint64_t offset, uint64_t packed,
                       uint64_t size, int deflated, latent_error *e)
{
    memset(&s->z, 0, sizeof(s->z));
    s->deflated = deflated;
    s->left = size;
    if (latent_cursor_open(&s->from, source, offset, packed, e))
        return -1;
    return deflated && inflateInit2(&s->z, -MAX_WBITS) != Z_OK
               ? latent_fail(e, "no memory to unpack an array")
               : 0;
}

static void stream_close(stream *s)
{
    if (s->deflated)
        inflateEnd(&s->z);
}

static int take(stream *s, void *to, size_t n, latent_error *e)
{
    if (n > s->left)
        return damaged(e);
    s->left -= n;
    if (!s->deflated)
        return latent_cursor_take(&s->from, to, n, e);
    s->z.next_out = to;
    s->z.avail_out = (uInt)n;
    while (s->z.avail_out) {
        uint64_t rest = s->from.end - s->from.at;
        if (!s->z.avail_in && rest) {
            size_t some = rest < PIECE ? (size_t)rest : PIECE;
            if (latent_cursor_take(&s->from, s->packed, some, e))
                return -1;
            s->z.next_in = s->packed;
            s->z.avail_in = (uInt)some;
        }
        switch (inflate(&s->z, Z_NO_FLUSH)) {
        case Z_OK:
            break;
        case Z_STREAM_END:
            if (!s->z.avail_out)
                break;
            return damaged(e);
        default:
            return damaged(e);
        }
    }
    return 0;
}

/* ---- .npy */

typedef struct {
    char kind; /* f, i, u */
    int bytes, big, fortran;
} number_format;

/* What stands behind 'name': in the header's dictionary, or NULL. */
static const char *value_of(const char *header, const char *name)
{
    char quoted[40];
    const char *p;
    snprintf(quoted, sizeof(quoted), "'%s'", name);
    if (!(p = strstr(header, quoted)))
        return NULL;
    p += strlen(quoted);
    p += strspn(p, " ");
    if (*p++ != ':')
        return NULL;
    return p + strspn(p, " ");
}

static int parse_shape(latent_array *a, const char *p)
{
    int count = 0;
    if (!p || *p++ != '(')
        return -1;
    a->count = 1;
    while (*(p += strspn(p, " ")) != ')') {
        char *end;
        long long side;
        if (!isdigit((unsigned char)*p) || count == LATENT_MAX_RANK)
            return -1;
        errno = 0;
        side = strtoll(p, &end, 10);
        if (errno || side < 1 || (unsigned long long)side > LATENT_MOST_NUMBERS)
            return -1;
        a->dim[count++] = side;
        a->count *= (size_t)side;
        if (a->count > LATENT_MOST_NUMBERS)
            return -1;
        p = end + (*end == 'L');
        p += strspn(p, " ");
        if (*p == ',')
            p++;
        else if (*p != ')')
            return -1;
    }
    if (!count)
        a->dim[count++] = 1; /* a single number */
    a->rank = count;
    return 0;
}

static int parse_header(latent_array *a, number_format *f, const char *header, latent_error *e)
{
    const char *descr = value_of(header, "descr"), *order = value_of(header, "fortran_order");
    char quote = descr ? *descr : 0;
    if (!descr || !order || (quote != '\'' && quote != '"'))
        return latent_fail(e, "it does not say what kind of numbers it holds");
    descr++;
    f->big = *descr == '>';
    descr += strspn(descr, "<>=|") > 0;
    f->kind = *descr;
    f->bytes = descr[1] - '0';
    if (!*descr || !strchr("fiu", *descr) || !descr[1] || descr[2] != quote ||
        !(f->bytes == 1 || f->bytes == 2 || f->bytes == 4 || f->bytes == 8) ||
        (f->kind == 'f' && f->bytes == 1))
        return latent_fail(e,
                           "it holds numbers of the kind %.10s; floats (f2, f4, f8) and whole "
                           "numbers are read: save it as float32",
                           latent_print(descr).text);
    f->fortran = !strncmp(order, "True", 4);
    if (parse_shape(a, value_of(header, "shape")))
        return latent_fail(e, "its shape is none that is read: up to %d sides, up to %zu numbers",
                           LATENT_MAX_RANK, LATENT_MOST_NUMBERS);
    return 0;
}

static float number_of(const uint8_t *p, const number_format *f)
{
    uint64_t bits = 0;
    uint32_t half;
    double d;
    float s;
    for (int i = 0; i < f->bytes; i++)
        bits |= (uint64_t)p[f->big ? f->bytes - 1 - i : i] << (8 * i);
    if (f->kind == 'u')
        return (float)bits;
    if (f->kind == 'i')
        return (float)((int64_t)(bits << (64 - 8 * f->bytes)) >> (64 - 8 * f->bytes));
    if (f->bytes == 2)
        return latent_half_to_float((uint16_t)bits);
    if (f->bytes == 4) {
        half = (uint32_t)bits;
        memcpy(&s, &half, sizeof(s));
        return s;
    }
    memcpy(&d, &bits, sizeof(d));
    return d > 3.5e38 || d < -3.5e38 ? INFINITY : (float)d;
}

/* Numbers that lie column after column, put row after row. */
static int turn(latent_array *a, latent_error *e)
{
    float *row = malloc(a->count * sizeof(*row));
    if (!row)
        return latent_fail(e, "no memory for an array of %zu numbers", a->count);
    for (size_t i = 0; i < a->count; i++) {
        size_t rest = i, place = 0;
        for (int k = 0; k < a->rank; k++) { /* i = the first axis fastest */
            size_t step = 1;
            for (int l = k + 1; l < a->rank; l++)
                step *= (size_t)a->dim[l];
            place += rest % (size_t)a->dim[k] * step;
            rest /= (size_t)a->dim[k];
        }
        row[place] = a->data[i];
    }
    free(a->data);
    a->data = row;
    return 0;
}

static int read_npy(latent_array *a, stream *s, latent_error *e)
{
    uint8_t start[12], piece[PIECE];
    char header[LONGEST_HEADER + 1];
    number_format f = {0};
    size_t length, done = 0;
    if (take(s, start, 10, e))
        return -1;
    if (memcmp(start, MAGIC, 6) || start[6] < 1 || start[6] > 3)
        return latent_fail(e, "it is no array of numpy's, or one of a version that is not known");
    length = latent_u16(start + 8);
    if (start[6] > 1) {
        if (take(s, start + 10, 2, e))
            return -1;
        length = latent_u32(start + 8);
    }
    if (length > LONGEST_HEADER)
        return latent_fail(e, "its header has %zu bytes; none has more than %d", length,
                           LONGEST_HEADER);
    if (take(s, header, length, e))
        return -1;
    header[length] = 0;
    if (parse_header(a, &f, header, e))
        return -1;
    if (s->left < (uint64_t)a->count * (uint64_t)f.bytes)
        return damaged(e);
    if (!(a->data = malloc(a->count * sizeof(*a->data))))
        return latent_fail(e, "no memory for an array of %zu numbers", a->count);
    while (done < a->count) {
        size_t n = a->count - done, most = PIECE / (size_t)f.bytes;
        n = n < most ? n : most;
        if (take(s, piece, n * (size_t)f.bytes, e))
            return -1;
        for (size_t i = 0; i < n; i++)
            a->data[done++] = number_of(piece + i * (size_t)f.bytes, &f);
    }
    return f.fortran && a->rank > 1 ? turn(a, e) : 0;
}

/* ---- .npz */

static int is_array(const latent_member *m)
{
    size_t n = strlen(m->name);
    return n > 4 && !strcmp(m->name + n - 4, ".npy");
}

/* The member that is meant, or NULL and a sentence that lists what there is. */
static const latent_member *choose(const latent_zip *z, const char *key, latent_error *e)
{
    char name[200], list[240] = "";
    const latent_member *m = NULL, *only = NULL;
    size_t n = 0, used = 0;
    snprintf(name, sizeof(name), "%s.npy", key ? key : "w");
    if ((m = latent_zip_find(z, name)))
        return m;
    for (size_t i = 0; i < z->count; i++) {
        if (!is_array(&z->members[i]))
            continue;
        only = &z->members[i];
        if (n++ < 20 && used < sizeof(list))
            used += (size_t)snprintf(list + used, sizeof(list) - used, " %.*s",
                                     (int)strlen(latent_print(only->name).text) - 4,
                                     latent_print(only->name).text);
    }
    if (n == 1 && !key)
        return only;
    if (!n)
        latent_fail(e, "there is no array in the archive");
    else if (key)
        latent_fail(e, "there is no array %s in it; there is%s", latent_print(key).text, list);
    else
        latent_fail(e, "it holds several arrays:%s; say which one, behind the file's name", list);
    return NULL;
}

static int read_npz(latent_array *a, const latent_bytes *source, const char *key, latent_error *e)
{
    latent_arena arena;
    latent_zip z;
    const latent_member *m;
    uint64_t offset;
    stream s;
    int failed = -1;
    latent_arena_init(&arena, MEMBERS);
    if (!latent_zip_open(&z, source, &arena, e) && (m = choose(&z, key, e))) {
        if (m->method == 8 && m->size / MOST_PACKED > m->packed)
            damaged(e);
        else if (!latent_zip_packed(&z, m, &offset, e) &&
                 !stream_open(&s, source, offset, m->packed, m->size, m->method == 8, e)) {
            failed = read_npy(a, &s, e);
            stream_close(&s);
        }
    }
    latent_arena_free(&arena);
    return failed;
}

/* ---- text */

/* Rows as one kind of mark ends them. */
typedef struct {
    size_t width, now, rows;
    int uneven;
} rows;

static void end_row(rows *r)
{
    if (!r->now)
        return;
    r->uneven |= r->rows && r->now != r->width;
    r->width = r->now;
    r->now = 0;
    r->rows++;
}

static int add_number(latent_array *a, size_t *room, char *word, size_t length, size_t line,
                      latent_error *e)
{
    char *end;
    word[length] = 0;
    if (a->count == LATENT_MOST_NUMBERS)
        return latent_fail(e, "it holds more than %zu numbers", LATENT_MOST_NUMBERS);
    if (a->count == *room) {
        size_t more = *room ? 2 * *room : 1024;
        float *data = realloc(a->data, more * sizeof(*data));
        if (!data)
            return latent_fail(e, "no memory for %zu numbers", more);
        a->data = data;
        *room = more;
    }
    a->data[a->count] = strtof(word, &end);
    if (*end || end == word)
        return latent_fail(e, "%s in line %zu is no number", latent_print(word).text, line);
    a->count++;
    return 0;
}

static int read_text(latent_array *a, const latent_bytes *source, latent_error *e)
{
    latent_cursor c;
    rows marks = {0}, lines = {0}, *by;
    char word[64];
    size_t length = 0, room = 0, line = 1;
    int marked = 0;
    if (source->size > LONGEST_TEXT)
        return latent_fail(e, "a text of more than %d MB is no latent", LONGEST_TEXT >> 20);
    if (latent_cursor_open(&c, source, 0, source->size, e))
        return -1;
    for (int more = 1; more;) {
        char b = '\n'; /* what the file's end stands for */
        more = c.at < c.end;
        if (more && latent_cursor_take(&c, &b, 1, e))
            return -1;
        if (b && !isspace((unsigned char)b) && b != ';' && b != ',') {
            if (length == sizeof(word) - 1) {
                word[length] = 0;
                return latent_fail(e, "%s... in line %zu is no number", latent_print(word).text,
                                   line);
            }
            word[length++] = b;
            continue;
        }
        if (!b)
            return latent_fail(e, "it is neither an array of numpy's nor text with numbers");
        if (length && add_number(a, &room, word, length, line, e))
            return -1;
        marks.now += length > 0;
        lines.now += length > 0;
        length = 0;
        if (b == ';') {
            marked = 1;
            end_row(&marks);
        }
        if (b == '\n') {
            end_row(&lines);
            line++;
        }
    }
    end_row(&marks);
    by = marked ? &marks : &lines;
    if (!a->count)
        return latent_fail(e, "there are no numbers in it");
    if (by->uneven)
        return latent_fail(e,
                           "its rows are not equally long; each row is one latent, or one row of "
                           "a W+");
    a->rank = by->rows > 1 && by->width > 1 ? 2 : 1;
    a->dim[0] = a->rank == 2 ? (int64_t)by->rows : (int64_t)a->count;
    a->dim[1] = (int64_t)by->width;
    return 0;
}

/* ---- any of them */

static int read_source(latent_array *a, const latent_bytes *source, const char *key,
                       latent_error *e)
{
    uint8_t start[6] = {0};
    stream s;
    int failed;
    memset(a, 0, sizeof(*a));
    if (latent_bytes_read(source, 0, start, source->size < 6 ? (size_t)source->size : 6, e))
        return -1;
    if (!memcmp(start, "PK\3\4", 4))
        failed = read_npz(a, source, key, e);
    else if (!memcmp(start, MAGIC, 6)) {
        if ((failed = stream_open(&s, source, 0, source->size, source->size, 0, e)) == 0)
            failed = read_npy(a, &s, e);
    } else
        failed = read_text(a, source, e);
    for (size_t i = 0; !failed && i < a->count; i++)
        if (!isfinite(a->data[i]))
            failed = latent_fail(e, "number %zu is not finite; such numbers are no latent", i + 1);
    if (failed)
        latent_array_free(a);
    return failed ? -1 : 0;
}

int latent_array_read(latent_array *a, const char *path, const char *key, latent_error *e)
{
    latent_bytes s;
    int failed;
    memset(a, 0, sizeof(*a));
    if (latent_bytes_open(&s, path, e))
        return -1;
    failed = read_source(a, &s, key, e);
    latent_bytes_close(&s);
    return failed;
}

int latent_array_read_memory(latent_array *a, const void *data, size_t size, const char *key,
                             latent_error *e)
{
    latent_bytes s;
    latent_bytes_memory(&s, data, size);
    return read_source(a, &s, key, e);
}

/* ---- writing */

/* The header of an .npy, padded so that the numbers begin on a boundary; its length. */
static size_t make_header(uint8_t *to, int rank, const int64_t *dim)
{
    char text[256];
    size_t n = (size_t)snprintf(text, sizeof(text),
                                "{'descr': '<f4', 'fortran_order': False, 'shape': ("),
           whole;
    for (int i = 0; i < rank; i++)
        n += (size_t)snprintf(text + n, sizeof(text) - n, i ? ", %" PRId64 : "%" PRId64, dim[i]);
    n += (size_t)snprintf(text + n, sizeof(text) - n, rank == 1 ? ",), }" : "), }");
    whole = (10 + n + 1 + 63) / 64 * 64;
    memcpy(to, MAGIC "\1\0", 8);
    to[8] = (uint8_t)(whole - 10);
    to[9] = (uint8_t)((whole - 10) >> 8);
    memset(to + 10, ' ', whole - 10);
    memcpy(to + 10, text, n);
    to[whole - 1] = '\n';
    return whole;
}

static void put(uint8_t **p, uint32_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        *(*p)++ = (uint8_t)(value >> (8 * i));
}

/* What a zip's local header and its entry in the table have in common. */
static void put_member(uint8_t **p, uint32_t crc, size_t size, size_t name)
{
    put(p, 20, 2);         /* needs version 2.0 */
    put(p, 0, 4);          /* no flags, stored */
    put(p, 0x21 << 16, 4); /* the first of January 1980 */
    put(p, crc, 4);
    put(p, (uint32_t)size, 4);
    put(p, (uint32_t)size, 4);
    put(p, (uint32_t)name, 2);
    put(p, 0, 2);
}

/* Little-endian bytes of the numbers. */
static void bytes_of(uint8_t *to, const float *data, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, data + i, sizeof(bits));
        put(&to, bits, 4);
    }
}

static int write_npy(FILE *f, int zip, const char *key, int rank, const int64_t *dim,
                     const float *data, size_t count)
{
    uint8_t header[512], frame[400], *p = frame;
    size_t head = make_header(header, rank, dim), size = head + 4 * count;
    size_t name = strlen(key) + 4, at;
    uint8_t *bytes = malloc(4 * count);
    uint32_t crc;
    int failed;
    if (!bytes)
        return -1;
    bytes_of(bytes, data, count);
    crc = (uint32_t)crc32(crc32(0, header, (uInt)head), bytes, (uInt)(4 * count));
    if (zip) {
        memcpy(p, "PK\3\4", 4);
        p += 4;
        put_member(&p, crc, size, name);
        p += snprintf((char *)p, 200, "%s.npy", key);
    }
    failed = fwrite(frame, 1, (size_t)(p - frame), f) != (size_t)(p - frame) ||
             fwrite(header, 1, head, f) != head || fwrite(bytes, 4, count, f) != count;
    free(bytes);
    if (!zip || failed)
        return failed;
    at = (size_t)(p - frame) + size;
    p = frame;
    memcpy(p, "PK\1\2", 4);
    p += 4;
    put(&p, 20, 2);
    put_member(&p, crc, size, name);
    for (int i = 0; i < 14; i++) /* no comment, the first disk, no attributes, header at 0 */
        *p++ = 0;
    p += snprintf((char *)p, 200, "%s.npy", key);
    size = (size_t)(p - frame);
    memcpy(p, "PK\5\6\0\0\0\0\1\0\1\0", 12);
    p += 12;
    put(&p, (uint32_t)size, 4);
    put(&p, (uint32_t)at, 4);
    put(&p, 0, 2);
    return fwrite(frame, 1, (size_t)(p - frame), f) != (size_t)(p - frame);
}

static int write_text(FILE *f, size_t width, const float *data, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (fprintf(f, "%.9g%s", (double)data[i], (i + 1) % width ? " " : ";\n") < 0)
            return -1;
    return 0;
}

int latent_array_write(const char *path, const char *key, int rank, const int64_t *dim,
                       const float *data, latent_error *e)
{
    const char *dot = strrchr(path, '.');
    size_t room = strlen(path) + 40, count = 1;
    int npy = dot && !strcasecmp(dot, ".npy"), npz = dot && !strcasecmp(dot, ".npz"), failed;
    char *beside;
    FILE *f;
    if (!npy && !npz && !(dot && !strcasecmp(dot, ".txt")))
        return latent_fail(e, "latents are written as .npy, .npz or .txt; a name that ends so was "
                              "expected, as in \"write fish.npz\"");
    if (!*key || strlen(key) > 100 || strchr(key, '/'))
        return latent_fail(e, "the name of an array in an .npz is a short word");
    if (rank < 1 || rank > LATENT_MAX_RANK)
        return latent_fail(e, "an array has 1 to %d sides", LATENT_MAX_RANK);
    for (int i = 0; i < rank; i++) {
        if (dim[i] < 1 || (uint64_t)dim[i] > LATENT_MOST_NUMBERS ||
            (count *= (size_t)dim[i]) > LATENT_MOST_NUMBERS)
            return latent_fail(e, "an array has up to %zu numbers", LATENT_MOST_NUMBERS);
    }
    if (!(beside = malloc(room)))
        return latent_fail(e, "no memory to write %s", latent_print(path).text);
    snprintf(beside, room, "%s.%ld.part", path, (long)getpid());
    errno = 0;
    failed = !(f = fopen(beside, "wb"));
    if (f) {
        failed = npy || npz ? write_npy(f, npz, key, rank, dim, data, count)
                            : write_text(f, (size_t)dim[rank - 1], data, count);
        failed |= fclose(f) != 0;
    }
    if (!failed)
        failed = rename(beside, path);
    if (failed) {
        int why = errno;
        if (f)
            unlink(beside);
        latent_fail(e, "cannot write %s: %s", latent_print(path).text,
                    why ? strerror(why) : "no memory");
    }
    free(beside);
    return failed ? -1 : 0;
}
