/* heif: see heif.h.  The file is a tree of boxes, each with its length and four letters before it.
   Its picture is an "item"; lists in the box "meta" say which one, what it refers to, which
   properties it has, and where its bytes are. */
#include "heif.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LONGEST ((int64_t)1 << 20) /* bytes of the box "meta" that are read */
#define BOXES 256                  /* at the top of the file, before we stop looking */
#define NESTED 1024                /* in a box */
#define FEW 64                     /* properties of an item, things that belong to it */

/* Bytes that are read one after another; what is behind their end is 0. */
typedef struct {
    const uint8_t *p, *end;
} bytes;

static uint64_t get(bytes *b, int n)
{
    uint64_t value = 0;
    for (int i = 0; i < n; i++)
        value = value << 8 | (b->p < b->end ? *b->p++ : 0);
    return value;
}

/* The next box in another one: its letters are *type and what is in it *in; 0 at the end. */
static int next_box(bytes *b, uint32_t *type, bytes *in)
{
    uint64_t size;
    const uint8_t *begin = b->p;
    if (b->end - b->p < 8)
        return 0;
    size = get(b, 4);
    *type = (uint32_t)get(b, 4);
    if (size == 1)
        size = get(b, 8);
    if (size == 0)
        size = (uint64_t)(b->end - begin);
    if (size < (uint64_t)(b->p - begin) || size > (uint64_t)(b->end - begin))
        return 0;
    *in = (bytes){b->p, begin + size};
    b->p = begin + size;
    return 1;
}

#define LETTERS(a, b, c, d)                                                                        \
    ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d))

static int find_box(bytes b, uint32_t type, bytes *in)
{
    uint32_t found;
    for (int i = 0; i < NESTED && next_box(&b, &found, in); i++)
        if (found == type)
            return 1;
    return 0;
}

static uint32_t primary_item(bytes meta)
{
    bytes b;
    int version;
    if (!find_box(meta, LETTERS('p', 'i', 't', 'm'), &b))
        return 0;
    version = (int)get(&b, 1);
    get(&b, 3);
    return (uint32_t)get(&b, version ? 4 : 2);
}

/* The four letters of what an item is, or "". */
static void item_kind(bytes meta, uint32_t item, char kind[5])
{
    bytes b, entry;
    uint32_t type;
    int version;
    memset(kind, 0, 5);
    if (!find_box(meta, LETTERS('i', 'i', 'n', 'f'), &b))
        return;
    version = (int)get(&b, 1);
    get(&b, 3);
    get(&b, version ? 4 : 2); /* how many */
    for (int i = 0; i < NESTED && next_box(&b, &type, &entry); i++) {
        version = (int)get(&entry, 1);
        get(&entry, 3);
        if (type != LETTERS('i', 'n', 'f', 'e') || version < 2 ||
            get(&entry, version == 2 ? 2 : 4) != item)
            continue;
        get(&entry, 2); /* protection */
        for (int k = 0; k < 4; k++)
            kind[k] = (char)get(&entry, 1);
    }
}

/* ---- properties: numbered from 1 in one box, given to items in another */

static int property(bytes all, int number, uint32_t *type, bytes *in)
{
    for (int i = 1; i < number; i++)
        if (!next_box(&all, type, in))
            return 0;
    return next_box(&all, type, in);
}

/* Turns as one property says. */
static void apply(uint32_t type, bytes in, latent_orientation *t)
{
    if (type == LETTERS('i', 'r', 'o', 't'))
        for (int quarters = (int)get(&in, 1) & 3; quarters > 0; quarters--)
            *t = latent_orientation_left(*t);
    else if (type == LETTERS('i', 'm', 'i', 'r')) {
        if (get(&in, 1) & 1)
            t->flip_x ^= 1;
        else
            t->flip_y ^= 1;
    }
}

static int is_alpha(uint32_t type, bytes in)
{
    static const char *const names[] = {"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha",
                                        "urn:mpeg:hevc:2015:auxid:1"};
    if (type != LETTERS('a', 'u', 'x', 'C'))
        return 0;
    get(&in, 4);
    for (int i = 0; i < 2; i++)
        if ((size_t)(in.end - in.p) > strlen(names[i]) && !strcmp((const char *)in.p, names[i]))
            return in.p[strlen(names[i])] == 0;
    return 0;
}

/* Goes through an item's properties in their order: turns, and tells whether it is an opacity. */
static int properties(bytes meta, uint32_t item, latent_orientation *t)
{
    bytes iprp, all, given, in;
    uint32_t type;
    int version, wide, used = 0, alpha = 0;
    uint64_t items;
    if (!find_box(meta, LETTERS('i', 'p', 'r', 'p'), &iprp) ||
        !find_box(iprp, LETTERS('i', 'p', 'c', 'o'), &all) ||
        !find_box(iprp, LETTERS('i', 'p', 'm', 'a'), &given))
        return 0;
    version = (int)get(&given, 1);
    wide = get(&given, 3) & 1;
    items = get(&given, 4);
    for (uint64_t i = 0; i < items && given.p < given.end; i++) {
        int mine = get(&given, version < 1 ? 2 : 4) == item;
        for (int n = (int)get(&given, 1); n > 0; n--) {
            int number = (int)get(&given, wide ? 2 : 1) & (wide ? 0x7fff : 0x7f);
            if (!mine || !number || number > NESTED || ++used > FEW ||
                !property(all, number, &type, &in))
                continue;
            apply(type, in, t);
            alpha |= is_alpha(type, in);
        }
    }
    return alpha;
}

/* ---- the opacity: an item that is "auxiliary" to the picture */

/* The n-th item that is so to another one; 0: there are no more. */
static uint32_t auxiliary_of(bytes meta, uint32_t item, int n)
{
    bytes b, in;
    uint32_t type;
    int width;
    if (!find_box(meta, LETTERS('i', 'r', 'e', 'f'), &b))
        return 0;
    width = get(&b, 1) ? 4 : 2;
    get(&b, 3);
    for (int i = 0; i < NESTED && next_box(&b, &type, &in); i++) {
        uint32_t from = (uint32_t)get(&in, width);
        int count = (int)get(&in, 2), found = 0;
        for (; count > 0 && in.p < in.end; count--)
            found |= get(&in, width) == item;
        if (type == LETTERS('a', 'u', 'x', 'l') && found && n-- == 0)
            return from;
    }
    return 0;
}

/* Where an item's bytes are, when they are in one piece.  at: of the box "meta" in the file. */
static void locate(bytes meta, int64_t at, uint32_t item, latent_heif *h)
{
    bytes b, data = {NULL, NULL};
    int version, sizes, offset_size, length_size, base_size, index_size;
    uint64_t items;
    const uint8_t *begin = meta.p;
    if (!find_box(meta, LETTERS('i', 'l', 'o', 'c'), &b))
        return;
    find_box(meta, LETTERS('i', 'd', 'a', 't'), &data);
    version = (int)get(&b, 1);
    get(&b, 3);
    sizes = (int)get(&b, 2);
    offset_size = sizes >> 12 & 15;
    length_size = sizes >> 8 & 15;
    base_size = sizes >> 4 & 15;
    index_size = version ? sizes & 15 : 0;
    items = get(&b, version < 2 ? 2 : 4);
    for (uint64_t i = 0; i < items && b.p < b.end; i++) {
        int mine = get(&b, version < 2 ? 2 : 4) == item, inside = 0;
        uint64_t base, offset = 0, length = 0;
        if (version)
            inside = (int)get(&b, 2) & 15; /* in the box "idat" */
        get(&b, 2);
        base = get(&b, base_size);
        int pieces = (int)get(&b, 2);
        for (int k = 0; k < pieces && b.p < b.end; k++) {
            get(&b, index_size);
            offset = base + get(&b, offset_size);
            length = get(&b, length_size);
        }
        if (!mine || pieces != 1 || inside > 1 || (inside && !data.p) || length > INT32_MAX / 2 ||
            offset > INT64_MAX / 4)
            continue;
        h->alpha = (int64_t)offset + (inside ? at + (data.p - begin) : 0);
        h->alpha_size = (int64_t)length;
    }
}

/* ---- the file */

/* Is the file of that family at all, by its first box?  A film may hold pictures besides. */
static int is_picture(bytes ftyp)
{
    static const char brands[][5] = {"avif", "mif1", "heic", "heix", "heim", "heis", "mif2"};
    for (size_t i = 0; i < sizeof(brands) / sizeof(*brands); i++)
        if (ftyp.end - ftyp.p >= 4 && !memcmp(ftyp.p, brands[i], 4))
            return 1;
    return 0;
}

static void understand(bytes meta, int64_t at, latent_heif *h)
{
    latent_orientation ignored = {0, 0, 0};
    uint32_t item, alpha;
    get(&meta, 4); /* version */
    item = primary_item(meta);
    item_kind(meta, item, h->kind);
    properties(meta, item, &h->turn);
    for (int n = 0; n < FEW && (alpha = auxiliary_of(meta, item, n)); n++)
        if (properties(meta, alpha, &ignored))
            locate(meta, at + 4, alpha, h);
}

latent_heif latent_heif_read(int fd)
{
    latent_heif h = {.kind = ""};
    int64_t at = 0;
    for (int i = 0; i < BOXES; i++) {
        uint8_t head[64] = {0};
        ssize_t n = pread(fd, head, sizeof(head), at);
        bytes b = {head, head + (n > 0 ? n : 0)};
        int64_t size = (int64_t)get(&b, 4), skip = 8;
        uint32_t type = (uint32_t)get(&b, 4);
        uint8_t *meta;
        if (size == 1) {
            size = (int64_t)(get(&b, 8) & INT64_MAX);
            skip = 16;
        }
        if (n < 8 || size < skip || size > INT64_MAX - at ||
            (i == 0 && (type != LETTERS('f', 't', 'y', 'p') || !is_picture(b))))
            return h;
        if (type == LETTERS('m', 'e', 't', 'a') && size <= LONGEST &&
            (meta = malloc((size_t)(size - skip) + 1))) {
            if (pread(fd, meta, (size_t)(size - skip), at + skip) == size - skip)
                understand((bytes){meta, meta + (size - skip)}, at + skip, &h);
            free(meta);
            return h;
        }
        at += size;
    }
    return h;
}
