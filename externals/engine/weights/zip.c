/* zip: see zip.h */
#include "zip.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define END_RECORD 22
#define LONGEST_COMMENT 65535

static int damaged(latent_error *e, const char *what)
{
    return latent_fail(e, "the zip archive is damaged or cut off: %s; fetch the file again", what);
}

/* Where the table of contents lies and how many members it has. */
static int find_table(const latent_bytes *s, latent_arena *a, uint64_t *offset, uint64_t *length,
                      uint64_t *count, latent_error *e)
{
    size_t n =
        s->size < END_RECORD + LONGEST_COMMENT ? (size_t)s->size : END_RECORD + LONGEST_COMMENT;
    uint64_t place = 0;
    uint8_t *tail = latent_arena_take(a, n, e), *end = NULL, long_end[56];
    if (!tail || latent_bytes_read(s, s->size - n, tail, n, e) < 0)
        return -1;
    for (size_t i = n < END_RECORD ? 0 : n - END_RECORD + 1; i-- > 0 && !end;)
        if (!memcmp(tail + i, "PK\5\6", 4) && latent_u16(tail + i + 20) <= n - i - END_RECORD) {
            end = tail + i;
            place = s->size - n + i;
        }
    if (!end)
        return damaged(e, "it has no table of contents at its end");
    *count = latent_u16(end + 10);
    *length = latent_u32(end + 12);
    *offset = latent_u32(end + 16);
    if (end - tail >= 20 && !memcmp(end - 20, "PK\6\7", 4)) {
        place = latent_u64(end - 12);
        if (latent_bytes_read(s, place, long_end, sizeof(long_end), e) < 0)
            return -1;
        if (memcmp(long_end, "PK\6\6", 4))
            return damaged(e, "its 64-bit end record is not where it should be");
        *count = latent_u64(long_end + 32);
        *length = latent_u64(long_end + 40);
        *offset = latent_u64(long_end + 48);
    }
    if (*offset > place || *length > place - *offset || *count > *length / 46)
        return damaged(e, "its table of contents does not fit into it");
    return 0;
}

/* The 64-bit values of a member are in an extra field, those alone that did not fit. */
static int long_values(latent_member *m, const uint8_t *extra, size_t n)
{
    uint64_t *wide[3] = {&m->size, &m->packed, &m->header};
    while (n >= 4) {
        size_t length = latent_u16(extra + 2);
        if (length > n - 4)
            return -1;
        if (latent_u16(extra) == 1) {
            const uint8_t *value = extra + 4;
            for (int i = 0; i < 3; i++) {
                if (*wide[i] != UINT32_MAX)
                    continue;
                if (length < 8)
                    return -1;
                *wide[i] = latent_u64(value);
                value += 8;
                length -= 8;
            }
            return 0;
        }
        extra += 4 + length;
        n -= 4 + length;
    }
    return 0;
}

static int read_member(latent_cursor *c, latent_member *m, latent_arena *a, latent_error *e)
{
    uint8_t h[46], extra[UINT16_MAX];
    char *name;
    uint16_t name_length, extra_length;
    if (latent_cursor_take(c, h, sizeof(h), e) < 0)
        return -1;
    if (memcmp(h, "PK\1\2", 4))
        return damaged(e, "its table of contents has an entry that is none");
    m->flags = latent_u16(h + 8);
    m->method = latent_u16(h + 10);
    m->packed = latent_u32(h + 20);
    m->size = latent_u32(h + 24);
    m->header = latent_u32(h + 42);
    name_length = latent_u16(h + 28);
    extra_length = latent_u16(h + 30);
    name = latent_arena_take(a, (size_t)name_length + 1, e);
    if (!name || latent_cursor_take(c, name, name_length, e) < 0 ||
        latent_cursor_take(c, extra, extra_length, e) < 0 ||
        latent_cursor_skip(c, latent_u16(h + 32), e) < 0)
        return -1;
    m->name = name;
    if (long_values(m, extra, extra_length) < 0)
        return damaged(e, "a member has no size");
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const latent_member *)a)->name, ((const latent_member *)b)->name);
}

int latent_zip_open(latent_zip *z, const latent_bytes *s, latent_arena *a, latent_error *e)
{
    uint64_t offset = 0, length = 0, count = 0;
    latent_cursor c;
    memset(z, 0, sizeof(*z));
    z->source = s;
    if (find_table(s, a, &offset, &length, &count, e) < 0 ||
        latent_cursor_open(&c, s, offset, length, e) < 0)
        return -1;
    if (count > SIZE_MAX / sizeof(*z->members))
        return damaged(e, "it has too many members");
    z->members = latent_arena_take(a, (size_t)count * sizeof(*z->members), e);
    if (!z->members)
        return -1;
    for (; z->count < count; z->count++)
        if (read_member(&c, z->members + z->count, a, e) < 0)
            return -1;
    if (count)
        qsort(z->members, z->count, sizeof(*z->members), by_name);
    return 0;
}

const latent_member *latent_zip_find(const latent_zip *z, const char *name)
{
    const latent_member key = {.name = name};
    return z->count ? bsearch(&key, z->members, z->count, sizeof(key), by_name) : NULL;
}

int latent_zip_packed(const latent_zip *z, const latent_member *m, uint64_t *offset,
                      latent_error *e)
{
    uint8_t h[30];
    if (m->flags & 1)
        return latent_fail(e,
                           "%s in the zip archive is encrypted: save the model again without a "
                           "password",
                           latent_print(m->name).text);
    if (!(m->method == 8 || (m->method == 0 && m->packed == m->size)))
        return latent_fail(
            e,
            "%s in the zip archive is compressed in a way that is not known: pack it "
            "again without compression (zip -0)",
            latent_print(m->name).text);
    if (latent_bytes_read(z->source, m->header, h, sizeof(h), e) < 0)
        return -1;
    if (memcmp(h, "PK\3\4", 4))
        return damaged(e, "a member is not where the table of contents says");
    *offset = m->header + sizeof(h) + latent_u16(h + 26) + latent_u16(h + 28);
    if (*offset > z->source->size || m->packed > z->source->size - *offset)
        return latent_fail(e,
                           "%s in the zip archive should have %" PRIu64 " bytes at byte %" PRIu64
                           ", but the file ends before: it is damaged or cut off, fetch it again",
                           latent_print(m->name).text, m->packed, *offset);
    return 0;
}

int latent_zip_place(const latent_zip *z, const latent_member *m, uint64_t *offset, latent_error *e)
{
    if (m->method != 0 && !(m->flags & 1))
        return latent_fail(e,
                           "%s in the zip archive is compressed, which torch never does: pack "
                           "it again without compression (zip -0)",
                           latent_print(m->name).text);
    return latent_zip_packed(z, m, offset, e);
}
