/* safetensors: read and write (github.com/huggingface/safetensors, "Format").  Eight bytes with the
   header's length, the header in JSON, then the tensors' numbers side by side, little-endian and
   row-major:

   {"__metadata__": {"key": "value"}, "name": {"dtype": "F32", "shape": [2, 3],
    "data_offsets": [0, 24]}, ...}

   The grammar is as narrow as that, so the parser is too. */
#include "table.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LONGEST_HEADER 100000000u /* the format's own limit */
#define LONGEST_NAME 1023

static const struct {
    const char *name;
    latent_dtype d;
} dtypes[] = {{"F32", LATENT_F32}, {"F16", LATENT_F16},  {"BF16", LATENT_BF16}, {"F64", LATENT_F64},
              {"I64", LATENT_I64}, {"I32", LATENT_I32},  {"I16", LATENT_I16},   {"I8", LATENT_I8},
              {"U8", LATENT_U8},   {"BOOL", LATENT_BOOL}};
#define N_DTYPES (sizeof(dtypes) / sizeof(*dtypes))

/* Reading. */

typedef struct {
    uint64_t begin, end;
} range;

typedef struct {
    latent_weights *w;
    latent_error *e;
    latent_cursor c;
    uint64_t data, size; /* where the numbers begin, and how many bytes of them there are */
    range *ranges;       /* of all tensors */
    size_t n_ranges, range_room;
} reader;

static int damaged(reader *r, const char *what)
{
    return latent_fail(r->e, "its header is damaged at byte %" PRIu64 ": %s; fetch the file again",
                       r->c.at, what);
}

static int next(reader *r, char *c)
{
    return latent_cursor_take(&r->c, c, 1, r->e);
}

/* The next character that is no space. */
static int next_mark(reader *r, char *c)
{
    do
        if (next(r, c) < 0)
            return -1;
    while (*c == ' ' || *c == '\n' || *c == '\r' || *c == '\t');
    return 0;
}

static int expect(reader *r, char wanted)
{
    char c, what[] = "'?' is expected";
    what[1] = wanted;
    if (next_mark(r, &c) < 0)
        return -1;
    return c == wanted ? 0 : damaged(r, what);
}

/* After a value: 1 when another follows, 0 at the closing mark. */
static int more(reader *r, char closing)
{
    char c;
    if (next_mark(r, &c) < 0)
        return -1;
    if (c != ',' && c != closing)
        return damaged(r, "a comma or a closing bracket is expected");
    return c == ',';
}

static int hex4(reader *r, uint32_t *n)
{
    *n = 0;
    for (int i = 0; i < 4; i++) {
        char c;
        const char digits[] = "0123456789abcdef0123456789ABCDEF", *place;
        if (next(r, &c) < 0)
            return -1;
        place = c ? strchr(digits, c) : NULL;
        if (!place)
            return damaged(r, "a character code is none");
        *n = *n << 4 | ((uint32_t)(place - digits) & 15);
    }
    return 0;
}

static int utf8(uint32_t code, char *out)
{
    int n = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const unsigned char first[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (int i = n - 1; i > 0; i--, code >>= 6)
        out[i] = (char)(0x80 | (code & 0x3f));
    out[0] = (char)(first[n] | code);
    return n;
}

/* The character after a backslash, as 1 to 4 bytes. */
static int escaped(reader *r, char *out, int *n)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    char c;
    const char *place;
    uint32_t code, low;
    if (next(r, &c) < 0)
        return -1;
    *n = 1;
    if (c != 'u') {
        place = c ? strchr(from, c) : NULL;
        if (!place)
            return damaged(r, "there is no such escape");
        out[0] = to[place - from];
        return 0;
    }
    if (hex4(r, &code) < 0)
        return -1;
    if (code >= 0xd800 && code < 0xdc00) { /* the first half of a pair */
        char slash, u;
        if (next(r, &slash) < 0 || next(r, &u) < 0 || hex4(r, &low) < 0)
            return -1;
        if (slash != '\\' || u != 'u' || low < 0xdc00 || low > 0xdfff)
            return damaged(r, "half a character is missing");
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    } else if (code >= 0xdc00 && code <= 0xdfff)
        return damaged(r, "half a character is missing");
    if (!code)
        return damaged(r, "a name has a zero in it");
    *n = utf8(code, out);
    return 0;
}

/* A string, its opening quote still to come.  1 when it is longer than the room: then text is
   empty. */
static int string(reader *r, char *text, size_t room)
{
    size_t n = 0;
    if (expect(r, '"') < 0)
        return -1;
    for (;;) {
        char c[4];
        int bytes = 1;
        if (next(r, c) < 0)
            return -1;
        if (c[0] == '"')
            break;
        if ((unsigned char)c[0] < 32)
            return damaged(r, "a text has a control character in it");
        if (c[0] == '\\' && escaped(r, c, &bytes) < 0)
            return -1;
        if (n + (size_t)bytes < room)
            memcpy(text + n, c, (size_t)bytes);
        n += (size_t)bytes;
    }
    text[n < room ? n : 0] = 0;
    return n >= room;
}

static int name_of(reader *r, char *text)
{
    int long_one = string(r, text, LONGEST_NAME + 1);
    return long_one > 0 ? damaged(r, "a name is longer than any real one") : long_one;
}

/* [n, n, ...]: at most room whole numbers. */
static int numbers(reader *r, uint64_t *n, int room, int *count)
{
    char c;
    *count = 0;
    if (expect(r, '[') < 0 || next_mark(r, &c) < 0)
        return -1;
    if (c == ']')
        return 0;
    for (;;) {
        int digits = 0;
        uint64_t value = 0;
        while (c >= '0' && c <= '9') {
            if (value > (INT64_MAX - 9) / 10)
                return damaged(r, "a number is larger than any real one");
            value = value * 10 + (uint64_t)(c - '0');
            digits++;
            if (next(r, &c) < 0)
                return -1;
        }
        if (!digits)
            return damaged(r, "a whole number is expected");
        if (*count == room)
            return damaged(r, "there are more numbers in a list than any tensor has axes");
        n[(*count)++] = value;
        while (c == ' ' || c == '\n' || c == '\r' || c == '\t')
            if (next(r, &c) < 0)
                return -1;
        if (c == ']')
            return 0;
        if (c != ',')
            return damaged(r, "a comma or a closing bracket is expected");
        if (next_mark(r, &c) < 0)
            return -1;
    }
}

static int read_metadata(reader *r)
{
    char key[LONGEST_NAME + 1], text[LONGEST_NAME + 1], c;
    int another, too_long;
    if (expect(r, '{') < 0 || next_mark(r, &c) < 0)
        return -1;
    if (c == '}')
        return 0;
    r->c.at--;
    do {
        if (name_of(r, key) < 0 || expect(r, ':') < 0)
            return -1;
        too_long = string(r, text, sizeof(text)); /* such a one is no setting */
        if (too_long < 0 || (!too_long && latent_table_text(r->w, key, text, r->e) < 0))
            return -1;
        another = more(r, '}');
    } while (another > 0);
    return another;
}

static int read_tensor(reader *r, const char *name)
{
    char key[LONGEST_NAME + 1], dtype[16] = "";
    uint64_t dim[LATENT_MAX_RANK], offsets[2], count = 1;
    latent_entry entry = {0};
    int n_offsets = 0, has_shape = 0, another;
    size_t kind = 0;
    if (expect(r, '{') < 0)
        return -1;
    do {
        if (name_of(r, key) < 0 || expect(r, ':') < 0)
            return -1;
        if (!strcmp(key, "dtype")) {
            if (string(r, dtype, sizeof(dtype)) < 0)
                return -1;
        } else if (!strcmp(key, "shape")) {
            if (numbers(r, dim, LATENT_MAX_RANK, &entry.rank) < 0)
                return -1;
            has_shape = 1;
        } else if (!strcmp(key, "data_offsets")) {
            if (numbers(r, offsets, 2, &n_offsets) < 0)
                return -1;
        } else
            return damaged(r, "a tensor has a property that the format does not know");
        another = more(r, '}');
    } while (another > 0);
    if (another < 0)
        return -1;
    if (!*dtype || !has_shape || n_offsets != 2)
        return damaged(r, "a tensor lacks its dtype, shape or data_offsets");
    if (offsets[0] > offsets[1] || offsets[1] > r->size)
        return latent_fail(r->e,
                           "%s claims the bytes %" PRIu64 " to %" PRIu64 " of %" PRIu64
                           ": the file is damaged or cut off, fetch it again",
                           latent_print(name).text, offsets[0], offsets[1], r->size);
    if (latent_arena_grow(&r->w->arena, &r->ranges, &r->range_room, r->n_ranges + 1, sizeof(range),
                          r->e) < 0)
        return -1;
    r->ranges[r->n_ranges++] = (range){offsets[0], offsets[1]};
    while (kind < N_DTYPES && strcmp(dtypes[kind].name, dtype))
        kind++;
    if (kind == N_DTYPES) /* a kind of number that no network here uses */
        return 0;
    entry.dtype = dtypes[kind].d;
    entry.offset = r->data + offsets[0];
    for (int i = entry.rank - 1; i >= 0; i--) {
        entry.dim[i] = (int64_t)dim[i];
        entry.stride[i] = (int64_t)count;
        if (__builtin_mul_overflow(count, dim[i], &count) || count > INT64_MAX / 8)
            return latent_fail(r->e, "the shape of %s is impossible: the file is damaged",
                               latent_print(name).text);
    }
    if (count * latent_dtype_size(entry.dtype) != offsets[1] - offsets[0])
        return latent_fail(r->e,
                           "the shape of %s needs %" PRIu64 " bytes, but it has %" PRIu64
                           ": the file is damaged",
                           latent_print(name).text, count * latent_dtype_size(entry.dtype),
                           offsets[1] - offsets[0]);
    return latent_table_entry(r->w, name, &entry, offsets[1] - offsets[0], r->e);
}

static int by_begin(const void *a, const void *b)
{
    const range *x = a, *y = b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return (x->end > y->end) - (x->end < y->end);
}

/* The tensors must fill the file, without overlaps and without holes. */
static int check_ranges(reader *r)
{
    uint64_t at = 0;
    if (r->n_ranges)
        qsort(r->ranges, r->n_ranges, sizeof(range), by_begin);
    for (size_t i = 0; i < r->n_ranges; i++) {
        if (r->ranges[i].begin != at)
            return latent_fail(r->e,
                               "its tensors overlap or leave holes at byte %" PRIu64
                               " of the numbers: the file is damaged",
                               at);
        at = r->ranges[i].end;
    }
    if (at != r->size)
        return latent_fail(r->e,
                           "it has %" PRIu64 " bytes of numbers, but its header names %" PRIu64
                           ": the file is damaged",
                           r->size, at);
    return 0;
}

static int read_header(reader *r)
{
    char name[LONGEST_NAME + 1], c;
    int another;
    if (expect(r, '{') < 0 || next_mark(r, &c) < 0)
        return -1;
    another = c != '}';
    if (another)
        r->c.at--;
    while (another > 0) {
        if (name_of(r, name) < 0 || expect(r, ':') < 0 ||
            (strcmp(name, "__metadata__") ? read_tensor(r, name) : read_metadata(r)) < 0)
            return -1;
        another = more(r, '}');
    }
    if (another < 0)
        return -1;
    while (r->c.at < r->c.end)
        if (next(r, &c) < 0 || (c != ' ' && c != '\n' && c != '\0'))
            return damaged(r, "something follows after its end");
    return check_ranges(r);
}

int latent_safetensors_read(latent_weights *w, latent_error *e)
{
    reader r = {.w = w, .e = e};
    uint8_t raw[8];
    uint64_t length;
    int failed;
    if (latent_bytes_read(&w->source, 0, raw, sizeof(raw), e) < 0)
        return -1;
    length = latent_u64(raw);
    if (length > w->source.size - 8 || length > LONGEST_HEADER)
        return latent_fail(e,
                           "its header should have %" PRIu64 " bytes, but the whole file has only "
                           "%" PRIu64 ": it is damaged or cut off, fetch it again",
                           length, w->source.size);
    r.data = 8 + length;
    r.size = w->source.size - r.data;
    failed = latent_cursor_open(&r.c, &w->source, 8, length, e) < 0 || read_header(&r) < 0;
    latent_arena_ungrow(&w->arena, &r.ranges, &r.range_room, sizeof(range));
    return failed ? -1 : 0;
}

/* Writing. */

/* Text that grows; room is 0 after a failure. */
typedef struct {
    char *text;
    size_t length, room;
    int failed;
} buffer;

static void put(buffer *b, const char *text, size_t n)
{
    if (b->length + n > b->room && !b->failed) {
        size_t room = 2 * (b->length + n);
        char *grown = realloc(b->text, room);
        b->failed = !grown;
        if (grown) {
            b->text = grown;
            b->room = room;
        }
    }
    if (b->failed)
        return;
    memcpy(b->text + b->length, text, n);
    b->length += n;
}

static void put_text(buffer *b, const char *text)
{
    put(b, text, strlen(text));
}

static void put_number(buffer *b, uint64_t n)
{
    char text[24];
    snprintf(text, sizeof(text), "%" PRIu64, n);
    put_text(b, text);
}

static void put_string(buffer *b, const char *text)
{
    put_text(b, "\"");
    for (; *text; text++) {
        char code[8];
        if (*text == '"' || *text == '\\')
            put_text(b, "\\");
        if ((unsigned char)*text < 32) {
            snprintf(code, sizeof(code), "\\u%04x", (unsigned)*text);
            put_text(b, code);
        } else
            put(b, text, 1);
    }
    put_text(b, "\"");
}

/* How many numbers a tensor has; -1 when its shape is none. */
static int64_t count_of(const latent_tensor_out *t)
{
    int64_t n = 1;
    if (t->rank < 0 || t->rank > LATENT_MAX_RANK)
        return -1;
    for (int i = 0; i < t->rank; i++)
        if (t->dim[i] < 0 || __builtin_mul_overflow(n, t->dim[i], &n) || n > INT64_MAX / 8)
            return -1;
    return n;
}

static int write_all(int fd, const void *data, size_t n)
{
    const char *from = data;
    while (n) {
        ssize_t done = write(fd, from, n < (1u << 30) ? n : (1u << 30));
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return -1;
        from += done;
        n -= (size_t)done;
    }
    return 0;
}

/* Where numbers go: a file, or a text that grows. */
typedef struct {
    int fd; /* -1: memory */
    buffer *memory;
} sink;

static int give(const sink *to, const void *data, size_t n)
{
    if (to->fd >= 0)
        return write_all(to->fd, data, n);
    put(to->memory, data, n);
    return to->memory->failed ? -1 : 0;
}

static int write_numbers(const sink *to, const latent_tensor_out *t)
{
    uint8_t block[32768];
    int64_t count = count_of(t);
    const size_t size = t->dtype == LATENT_F16 ? 2 : 4, most = sizeof(block) / size;
    for (int64_t i = 0; i < count;) {
        size_t n = (uint64_t)(count - i) < most ? (size_t)(count - i) : most;
        for (size_t k = 0; k < n; k++, i++) {
            uint32_t bits;
            if (size == 2)
                bits = latent_half_from_float(t->data[i]);
            else
                memcpy(&bits, t->data + i, 4);
            for (size_t byte = 0; byte < size; byte++)
                block[k * size + byte] = (uint8_t)(bits >> 8 * byte);
        }
        if (give(to, block, n * size) < 0)
            return -1;
    }
    return 0;
}

static void put_tensor(buffer *b, const latent_tensor_out *t, uint64_t *at)
{
    uint64_t size = (uint64_t)count_of(t) * (t->dtype == LATENT_F16 ? 2 : 4);
    put_string(b, t->name);
    put_text(b, t->dtype == LATENT_F16 ? ":{\"dtype\":\"F16\",\"shape\":["
                                       : ":{\"dtype\":\"F32\",\"shape\":[");
    for (int i = 0; i < t->rank; i++) {
        put_text(b, i ? "," : "");
        put_number(b, (uint64_t)t->dim[i]);
    }
    put_text(b, "],\"data_offsets\":[");
    put_number(b, *at);
    put_text(b, ",");
    put_number(b, *at + size);
    put_text(b, "]}");
    *at += size;
}

/* The numbers of four bytes come before those of two, so that all are aligned. */
static const latent_dtype order[2] = {LATENT_F32, LATENT_F16};

static void put_header(buffer *b, const latent_tensor_out *tensors, size_t n_tensors,
                       const latent_meta_out *meta, size_t n_meta)
{
    uint64_t at = 0;
    const char *comma = "";
    uint8_t length[8] = {0};
    put(b, (const char *)length, 8);
    put_text(b, "{");
    if (n_meta) {
        put_text(b, "\"__metadata__\":{");
        for (size_t i = 0; i < n_meta; i++) {
            put_text(b, i ? "," : "");
            put_string(b, meta[i].key);
            put_text(b, ":");
            put_string(b, meta[i].value);
        }
        put_text(b, "}");
        comma = ",";
    }
    for (int k = 0; k < 2; k++)
        for (size_t i = 0; i < n_tensors; i++)
            if (tensors[i].dtype == order[k]) {
                put_text(b, comma);
                put_tensor(b, tensors + i, &at);
                comma = ",";
            }
    put_text(b, "}");
    while (!b->failed && b->length % 8)
        put_text(b, " ");
    for (int i = 0; i < 8 && !b->failed; i++)
        b->text[i] = (char)((b->length - 8) >> 8 * i);
}

static int write_all_numbers(const sink *to, const latent_tensor_out *tensors, size_t n_tensors)
{
    int failed = 0;
    for (int k = 0; k < 2; k++)
        for (size_t i = 0; i < n_tensors && !failed; i++)
            if (tensors[i].dtype == order[k])
                failed = write_numbers(to, tensors + i);
    return failed;
}

static int write_file(const char *path, const buffer *header, const latent_tensor_out *tensors,
                      size_t n_tensors)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666), failed;
    if (fd < 0)
        return -1;
    failed = write_all(fd, header->text, header->length) ||
             write_all_numbers(&(sink){fd, NULL}, tensors, n_tensors);
    if (!failed)
        failed = fsync(fd);
    if (close(fd) < 0)
        failed = -1;
    return failed;
}

static int check_tensors(const latent_tensor_out *tensors, size_t n_tensors, latent_error *e)
{
    for (size_t i = 0; i < n_tensors; i++)
        if ((tensors[i].dtype != LATENT_F32 && tensors[i].dtype != LATENT_F16) ||
            count_of(tensors + i) < 0)
            return latent_fail(e,
                               "%s cannot be written: it has no proper shape, or is to be "
                               "stored as something else than float32 or float16",
                               latent_print(tensors[i].name).text);
    return 0;
}

int latent_safetensors_put(latent_model_place *to, const latent_tensor_out *tensors,
                           size_t n_tensors, const latent_meta_out *meta, size_t n_meta,
                           latent_error *e)
{
    buffer all = {0};
    if (to->path)
        return latent_safetensors_write(to->path, tensors, n_tensors, meta, n_meta, e);
    if (check_tensors(tensors, n_tensors, e))
        return -1;
    put_header(&all, tensors, n_tensors, meta, n_meta);
    if (all.failed || write_all_numbers(&(sink){-1, &all}, tensors, n_tensors)) {
        free(all.text);
        return latent_fail(e, "no memory for a model of %zu tensors", n_tensors);
    }
    to->data = all.text;
    to->size = all.length;
    return 0;
}

int latent_safetensors_write(const char *path, const latent_tensor_out *tensors, size_t n_tensors,
                             const latent_meta_out *meta, size_t n_meta, latent_error *e)
{
    buffer header = {0};
    size_t room = strlen(path) + 32;
    char *beside;
    int failed;
    if (check_tensors(tensors, n_tensors, e))
        return -1;
    put_header(&header, tensors, n_tensors, meta, n_meta);
    beside = malloc(room);
    if (header.failed || !beside) {
        free(header.text);
        free(beside);
        return latent_fail(e, "no memory to write %s", latent_print(path).text);
    }
    snprintf(beside, room, "%s.%ld.part", path, (long)getpid());
    failed = write_file(beside, &header, tensors, n_tensors);
    if (!failed)
        failed = rename(beside, path);
    if (failed) {
        int why = errno;
        /* what stands there under that name when it exists already is not ours */
        if (why != EEXIST)
            unlink(beside);
        latent_fail(e, "cannot write %s: %s", latent_print(path).text, strerror(why));
    }
    free(header.text);
    free(beside);
    return failed ? -1 : 0;
}
