/* bytes: see bytes.h */
#include "bytes.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int latent_bytes_open(latent_bytes *s, const char *path, latent_error *e)
{
    struct stat status = {0};
    memset(s, 0, sizeof(*s));
    /* Without O_NONBLOCK a named pipe would hold us here for ever. */
    s->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (s->fd < 0)
        return latent_fail(e, "cannot open the file: %s", strerror(errno));
    if (fstat(s->fd, &status) < 0 || !S_ISREG(status.st_mode)) {
        int is_folder = S_ISDIR(status.st_mode);
        close(s->fd);
        s->fd = -1;
        return latent_fail(e, is_folder
                                  ? "this is a folder: give the file of the network that lies in it"
                                  : "this is not a file: give the path of a model file");
    }
    s->size = s->own = (uint64_t)status.st_size;
    return 0;
}

void latent_bytes_memory(latent_bytes *s, const void *data, size_t size)
{
    *s = (latent_bytes){.fd = -1, .memory = data, .size = size, .own = size};
}

void latent_bytes_close(latent_bytes *s)
{
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
    for (size_t i = 0; i < s->n_more; i++) {
        if (s->more[i].fd >= 0)
            close(s->more[i].fd);
        free(s->more[i].memory);
    }
    free(s->more);
    s->more = NULL;
    s->n_more = 0;
}

static int read_file(int fd, uint64_t offset, char *to, size_t n, latent_error *e)
{
    while (n) {
        /* one read() gives at most 2 GB on Linux */
        ssize_t got = pread(fd, to, n < (1u << 30) ? n : (1u << 30), (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return latent_fail(e, "cannot read the file: %s", strerror(errno));
        if (got == 0)
            return latent_fail(e, "the file became shorter while it was read: load it again when "
                                  "it is complete");
        to += got;
        offset += (uint64_t)got;
        n -= (size_t)got;
    }
    return 0;
}

/* The part of the source that holds the byte at an offset. */
static latent_segment find_segment(const latent_bytes *s, uint64_t offset)
{
    size_t low = 0, high = s->n_more;
    if (offset < s->own || !s->n_more)
        return (latent_segment){0, s->own, s->fd, NULL, 0};
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (s->more[middle].at <= offset)
            low = middle;
        else
            high = middle;
    }
    return s->more[low];
}

int latent_bytes_read(const latent_bytes *s, uint64_t offset, void *dst, size_t n, latent_error *e)
{
    char *to = dst;
    if (offset > s->size || n > s->size - offset)
        return latent_fail(e,
                           "%zu bytes are expected at byte %" PRIu64 ", but the file ends at byte "
                           "%" PRIu64 ": it is damaged or cut off, fetch it again",
                           n, offset, s->size);
    while (n) {
        latent_segment part = find_segment(s, offset);
        const uint8_t *memory = part.memory ? part.memory : part.at ? NULL : s->memory;
        uint64_t inside = offset - part.at;
        size_t some = part.size - inside < n ? (size_t)(part.size - inside) : n;
        if (part.fd < 0)
            memcpy(to, memory + inside, some);
        else if (read_file(part.fd, inside, to, some, e))
            return -1;
        to += some;
        offset += some;
        n -= some;
    }
    return 0;
}

static latent_segment *add_segment(latent_bytes *s, latent_error *e)
{
    latent_segment *more = realloc(s->more, (s->n_more + 1) * sizeof(*more));
    if (!more) {
        latent_fail(e, "no memory to read the file");
        return NULL;
    }
    s->more = more;
    more[s->n_more] = (latent_segment){.at = s->size, .fd = -1};
    return more + s->n_more;
}

#define SMALLEST_ROOM ((size_t)1 << 16)

uint8_t *latent_bytes_room(latent_bytes *s, size_t n, latent_error *e)
{
    latent_segment *last = s->n_more ? s->more + s->n_more - 1 : NULL;
    if (!last || last->fd >= 0 || last->room - (size_t)last->size < n) {
        size_t room = n > SMALLEST_ROOM ? n : SMALLEST_ROOM;
        uint8_t *memory = malloc(room);
        last = memory ? add_segment(s, e) : NULL;
        if (!last) {
            free(memory);
            latent_fail(e, "no memory to read the file");
            return NULL;
        }
        last->memory = memory;
        last->room = room;
        s->n_more++;
    }
    return last->memory + last->size;
}

uint64_t latent_bytes_keep(latent_bytes *s, size_t n)
{
    uint64_t offset = s->size;
    s->more[s->n_more - 1].size += n;
    s->size += n;
    s->kept += n;
    return offset;
}

int latent_bytes_join(latent_bytes *s, latent_bytes *other, uint64_t *offset, latent_error *e)
{
    latent_segment *more = realloc(s->more, (s->n_more + 1 + other->n_more) * sizeof(*more));
    if (!more)
        return latent_fail(e, "no memory to read the file");
    *offset = s->size;
    s->more = more;
    more[s->n_more++] = (latent_segment){.at = s->size, .size = other->own, .fd = other->fd};
    for (size_t i = 0; i < other->n_more; i++) {
        more[s->n_more] = other->more[i];
        more[s->n_more++].at += *offset;
    }
    s->size += other->size;
    s->kept += other->kept;
    free(other->more);
    other->more = NULL;
    other->n_more = 0;
    other->fd = -1;
    return 0;
}

int latent_cursor_open(latent_cursor *c, const latent_bytes *s, uint64_t offset, uint64_t length,
                       latent_error *e)
{
    if (offset > s->size || length > s->size - offset)
        return latent_fail(e,
                           "a part of %" PRIu64 " bytes should lie at byte %" PRIu64
                           ", but the file ends at byte %" PRIu64 ": it is damaged or cut off, "
                           "fetch it again",
                           length, offset, s->size);
    c->source = s;
    c->at = offset;
    c->end = offset + length;
    c->place = 0;
    c->filled = 0;
    return 0;
}

static int enough(const latent_cursor *c, uint64_t n, latent_error *e)
{
    if (n > c->end - c->at)
        return latent_fail(e,
                           "%" PRIu64 " bytes are expected at byte %" PRIu64
                           ", but that part of the file ends at byte %" PRIu64
                           ": it is damaged or cut off, fetch it again",
                           n, c->at, c->end);
    return 0;
}

int latent_cursor_take(latent_cursor *c, void *dst, size_t n, latent_error *e)
{
    uint8_t *to = dst;
    if (enough(c, n, e) < 0)
        return -1;
    while (n) {
        size_t inside, part;
        if (c->at < c->place || c->at >= c->place + c->filled) {
            uint64_t left = c->end - c->at;
            c->filled = left < sizeof(c->buffer) ? (size_t)left : sizeof(c->buffer);
            c->place = c->at;
            if (latent_bytes_read(c->source, c->at, c->buffer, c->filled, e) < 0) {
                c->filled = 0;
                return -1;
            }
        }
        inside = (size_t)(c->at - c->place);
        part = c->filled - inside < n ? c->filled - inside : n;
        memcpy(to, c->buffer + inside, part);
        to += part;
        c->at += part;
        n -= part;
    }
    return 0;
}

int latent_cursor_skip(latent_cursor *c, uint64_t n, latent_error *e)
{
    if (enough(c, n, e) < 0)
        return -1;
    c->at += n;
    return 0;
}

uint16_t latent_u16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

uint32_t latent_u32(const uint8_t *p)
{
    return latent_u16(p) | (uint32_t)latent_u16(p + 2) << 16;
}

uint64_t latent_u64(const uint8_t *p)
{
    return latent_u32(p) | (uint64_t)latent_u32(p + 4) << 32;
}

struct latent_chunk {
    latent_chunk *next;
    size_t size;
    max_align_t data[];
};

#define SMALLEST_CHUNK ((size_t)4096)
#define LARGEST_CHUNK ((size_t)1 << 20)

static int too_much(const latent_arena *a, latent_error *e)
{
    return latent_fail(e,
                       "its table needs more than %zu MB of memory, far more than any network's "
                       "does: the file is damaged or no model",
                       a->limit >> 20);
}

void latent_arena_init(latent_arena *a, size_t limit)
{
    memset(a, 0, sizeof(*a));
    a->limit = limit;
}

void latent_arena_free(latent_arena *a)
{
    while (a->chunks) {
        latent_chunk *c = a->chunks;
        a->chunks = c->next;
        a->used -= c->size;
        free(c);
    }
    a->next = NULL;
    a->left = 0;
}

void *latent_arena_take(latent_arena *a, size_t size, latent_error *e)
{
    const size_t align = sizeof(max_align_t);
    void *taken;
    if (size > a->limit) {
        too_much(a, e);
        return NULL;
    }
    size = (size + align - 1) / align * align;
    if (size > a->left) {
        /* Chunks grow with the arena, so that small streams take little. */
        size_t room = a->used < SMALLEST_CHUNK ? SMALLEST_CHUNK : a->used;
        latent_chunk *c;
        room = room > LARGEST_CHUNK ? LARGEST_CHUNK : room;
        room = room < size ? size : room;
        if (a->used > a->limit || room + sizeof(*c) > a->limit - a->used) {
            too_much(a, e);
            return NULL;
        }
        c = calloc(1, sizeof(*c) + room);
        if (!c) {
            latent_fail(e, "no memory for the file's table");
            return NULL;
        }
        c->size = sizeof(*c) + room;
        c->next = a->chunks;
        a->chunks = c;
        a->used += c->size;
        a->next = (char *)c->data;
        a->left = room;
    }
    taken = a->next;
    a->next += size;
    a->left -= size;
    return taken;
}

char *latent_arena_text(latent_arena *a, const char *text, size_t length, latent_error *e)
{
    char *copy = latent_arena_take(a, length + 1, e);
    if (copy && length)
        memcpy(copy, text, length);
    return copy;
}

int latent_arena_grow(latent_arena *a, void *array, size_t *room, size_t need, size_t item,
                      latent_error *e)
{
    void *old, *grown;
    size_t more = *room ? *room * 2 : 16;
    if (need <= *room)
        return 0;
    more = more < need ? need : more;
    /* realloc may hold the old and the new block at once: both count. */
    if (more > a->limit / item || a->used > a->limit || more * item > a->limit - a->used)
        return too_much(a, e);
    memcpy(&old, array, sizeof(old));
    grown = realloc(old, more * item);
    if (!grown)
        return latent_fail(e, "no memory for the file's table");
    memcpy(array, &grown, sizeof(grown));
    a->used += (more - *room) * item;
    *room = more;
    return 0;
}

void latent_arena_ungrow(latent_arena *a, void *array, size_t *room, size_t item)
{
    void *old, *none = NULL;
    memcpy(&old, array, sizeof(old));
    free(old);
    memcpy(array, &none, sizeof(none));
    a->used -= *room * item;
    *room = 0;
}

latent_printable latent_print(const char *text)
{
    latent_printable p;
    size_t n = 0;
    for (; text && text[n] && n + 4 < sizeof(p.text); n++)
        p.text[n] = (unsigned char)text[n] < 32 || text[n] == 127 ? '?' : text[n];
    if (text && text[n]) {
        memcpy(p.text + n, "...", 3);
        n += 3;
    }
    p.text[n] = 0;
    return p;
}
