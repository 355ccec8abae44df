/* storage: see storage.h.  After the public descriptions in torch/serialization.py. */
#include "storage.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SMALL_ARENA 0x100000 /* for the few records around an embedded storage */

/* Kinds of numbers. */

static const latent_number_kind kinds[] = {
    {"FloatStorage", "float32", "f4", 4, 1, LATENT_F32},
    {"HalfStorage", "float16", "f2", 2, 1, LATENT_F16},
    {"BFloat16Storage", "bfloat16", "", 2, 1, LATENT_BF16},
    {"DoubleStorage", "float64", "f8", 8, 1, LATENT_F64},
    {"LongStorage", "int64", "i8", 8, 1, LATENT_I64},
    {"IntStorage", "int32", "i4", 4, 1, LATENT_I32},
    {"ShortStorage", "int16", "i2", 2, 1, LATENT_I16},
    {"CharStorage", "int8", "i1", 1, 1, LATENT_I8},
    {"ByteStorage", "uint8", "u1", 1, 1, LATENT_U8},
    {"UntypedStorage", "", "", 1, 1, LATENT_U8},
    {"BoolStorage", "bool", "b1", 1, 1, LATENT_BOOL},
    {"ComplexFloatStorage", "complex64", "c8", 8, 0, LATENT_F32},
    {"ComplexDoubleStorage", "complex128", "c16", 16, 0, LATENT_F64},
    {"QInt8Storage", "qint8", "", 1, 0, LATENT_I8},
    {"QUInt8Storage", "quint8", "", 1, 0, LATENT_U8},
    {"QInt32Storage", "qint32", "", 4, 0, LATENT_I32},
};
#define N_KINDS (sizeof(kinds) / sizeof(*kinds))

/* "torch.cuda.HalfStorage" */
const latent_number_kind *latent_kind_of_storage(pickle_value class)
{
    const char *name = latent_pickle_text(class), *last = strrchr(name, '.');
    last = last ? last + 1 : name;
    for (size_t i = 0; i < N_KINDS; i++)
        if (!strcmp(kinds[i].name, last))
            return kinds + i;
    return NULL;
}

const latent_number_kind *latent_kind_of_dtype(pickle_value dtype)
{
    const char *name = latent_pickle_text(dtype);
    if (strncmp(name, "torch.", 6))
        return NULL;
    for (size_t i = 0; i < N_KINDS; i++)
        if (*kinds[i].dtype && !strcmp(kinds[i].dtype, name + 6))
            return kinds + i;
    return NULL;
}

const latent_number_kind *latent_kind_of_numpy(const char *name)
{
    for (size_t i = 0; i < N_KINDS; i++)
        if (*kinds[i].numpy && !strcmp(kinds[i].numpy, name))
            return kinds + i;
    return NULL;
}

/* Torch's legacy stream. */

static const uint8_t magic[12] = {0x8a, 10,   0x6c, 0xfc, 0x9c, 0x46,
                                  0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19};

int latent_is_legacy(const latent_bytes *s)
{
    uint8_t head[23];
    size_t n = s->size < sizeof(head) ? (size_t)s->size : sizeof(head), at = 2;
    if (n < 2 + sizeof(magic) || latent_bytes_read(s, 0, head, n, NULL) < 0)
        return 0;
    if (head[2] == 0x95) /* a frame, in protocol 4 */
        at += 9;
    return n >= at + sizeof(magic) && !memcmp(head + at, magic, sizeof(magic));
}

/* A persistent id: ('storage', class, key, location, number, view). */
static const pickle_list *storage_id(pickle_value id)
{
    const pickle_list *t = latent_pickle_tuple(id);
    if (!t || t->count < 5 || strcmp(latent_pickle_text(t->items[0]), "storage") ||
        !*latent_pickle_text(t->items[2]) || !latent_pickle_is_int(t->items[4]) ||
        t->items[4].integer < 0)
        return NULL;
    return t;
}

static int by_key(const void *a, const void *b)
{
    return strcmp(((const latent_keyed_storage *)a)->key, ((const latent_keyed_storage *)b)->key);
}

/* All storages that a pickle names, sorted by key, each once.  offset is not known yet. */
static int collect_storages(const pickle_object *persids, latent_arena *a,
                            latent_keyed_storage **list, size_t *count, latent_error *e)
{
    size_t n = 0, kept = 0;
    for (const pickle_object *p = persids; p; p = p->next)
        n += storage_id(p->args) != NULL;
    *list = latent_arena_take(a, n * sizeof(**list), e);
    if (!*list)
        return -1;
    n = 0;
    for (const pickle_object *p = persids; p; p = p->next) {
        const pickle_list *id = storage_id(p->args);
        const latent_number_kind *kind;
        latent_keyed_storage *s = *list + n;
        if (!id)
            continue;
        kind = latent_kind_of_storage(id->items[1]);
        s->key = latent_pickle_text(id->items[2]);
        if (!kind || __builtin_mul_overflow((uint64_t)id->items[4].integer, (uint64_t)kind->size,
                                            &s->storage.bytes))
            return latent_fail(e,
                               "the kind or size of a storage (%s) is unknown: the file is "
                               "damaged, or newer than this library",
                               latent_print(latent_pickle_text(id->items[1])).text);
        s->count = (uint64_t)id->items[4].integer;
        s->storage.kind = kind;
        n++;
    }
    if (n)
        qsort(*list, n, sizeof(**list), by_key);
    for (size_t i = 0; i < n; i++)
        if (!kept || strcmp((*list)[kept - 1].key, (*list)[i].key))
            (*list)[kept++] = (*list)[i];
    *count = kept;
    return 0;
}

static latent_keyed_storage *find_keyed(latent_keyed_storage *list, size_t count, const char *key)
{
    const latent_keyed_storage wanted = {.key = key};
    return count ? bsearch(&wanted, list, count, sizeof(wanted), by_key) : NULL;
}

/* Reads the five pickles and finds where each storage's numbers lie. */
int latent_legacy_load(latent_cursor *c, latent_arena *a, pickle_value *root,
                       latent_keyed_storage **storages, size_t *n_storages, latent_error *e)
{
    pickle_value v, little;
    pickle_object *persids = NULL;
    if (latent_pickle_load(c, a, &v, NULL, e) < 0)
        return -1;
    if (v.kind != PICKLE_LONG || v.string->length != 10)
        return latent_fail(e, "torch's magic number is missing: the file is damaged");
    if (latent_pickle_load(c, a, &v, NULL, e) < 0)
        return -1;
    if (v.kind != PICKLE_INT || v.integer != 1001)
        return latent_fail(e, "torch's stream has an unknown version, 1001 is expected");
    if (latent_pickle_load(c, a, &v, NULL, e) < 0)
        return -1;
    if (v.kind == PICKLE_DICT) {
        little = latent_pickle_get(v.list, "little_endian");
        if (little.kind == PICKLE_BOOL && !little.integer)
            return latent_fail(e, "the file was written on a big-endian machine: save it again "
                                  "on an ordinary one");
    }
    if (latent_pickle_load(c, a, root, &persids, e) < 0 ||
        collect_storages(persids, a, storages, n_storages, e) < 0 ||
        latent_pickle_load(c, a, &v, NULL, e) < 0)
        return -1;
    if (v.kind != PICKLE_LIST)
        return latent_fail(e, "torch's list of storages is missing: the file is damaged");
    for (uint32_t i = 0; i < v.list->count; i++) {
        const char *key = latent_pickle_text(v.list->items[i]);
        latent_keyed_storage *s = find_keyed(*storages, *n_storages, key);
        uint8_t count[8];
        if (!s)
            return latent_fail(e, "the storage %s belongs to no tensor: the file is damaged",
                               latent_print(key).text);
        if (latent_cursor_take(c, count, sizeof(count), e) < 0)
            return -1;
        if (latent_u64(count) != s->count)
            return latent_fail(e,
                               "the storage %s has %" PRIu64 " numbers in one place and %" PRIu64
                               " in another: the file is damaged",
                               latent_print(key).text, s->count, latent_u64(count));
        s->storage.offset = c->at;
        if (latent_cursor_skip(c, s->storage.bytes, e) < 0)
            return -1;
    }
    return 0;
}

/* Finding a tensor's storage. */

static int no_storage(const char *tensor, const char *what, latent_error *e)
{
    return latent_fail(e, "the numbers of %s cannot be found (%s): the file is damaged",
                       latent_print(tensor).text, what);
}

static int embedded_storage(latent_storages *all, const pickle_string *bytes, const char *tensor,
                            latent_storage *s, latent_error *e)
{
    latent_arena small;
    latent_cursor c;
    pickle_value root;
    latent_keyed_storage *list, *found = NULL;
    const pickle_list *id = NULL;
    size_t n;
    int failed;
    if (all->parsed > all->source->size)
        return no_storage(tensor, "the file describes the same storages over and over", e);
    latent_arena_init(&small, SMALL_ARENA);
    failed = latent_cursor_open(&c, all->source, bytes->offset, bytes->length, e) < 0 ||
             latent_legacy_load(&c, &small, &root, &list, &n, e) < 0;
    if (!failed) {
        if (root.kind == PICKLE_PERSID)
            id = storage_id(root.object->args);
        if (id)
            found = find_keyed(list, n, latent_pickle_text(id->items[2]));
        if (!found || !found->storage.offset)
            failed = no_storage(tensor, "its byte string holds no storage", e);
        else {
            *s = found->storage;
            all->parsed += c.at - bytes->offset - s->bytes;
        }
    }
    latent_arena_free(&small);
    return failed ? -1 : 0;
}

static int zip_storage(const latent_storages *all, const pickle_list *id, const char *tensor,
                       latent_storage *s, latent_error *e)
{
    char name[2 * PICKLE_LONGEST_TEXT];
    const latent_member *m;
    uint64_t count = (uint64_t)id->items[4].integer;
    s->kind = latent_kind_of_storage(id->items[1]);
    if (!s->kind)
        return no_storage(tensor, "an unknown kind of storage", e);
    snprintf(name, sizeof(name), "%sdata/%s", all->folder, latent_pickle_text(id->items[2]));
    m = latent_zip_find(all->zip, name);
    if (!m)
        return no_storage(tensor, "the archive has no such member", e);
    if (latent_zip_place(all->zip, m, &s->offset, e) < 0)
        return -1;
    if (count > m->size / (uint64_t)s->kind->size)
        return no_storage(tensor, "its member in the archive is too small", e);
    s->bytes = count * (uint64_t)s->kind->size;
    return 0;
}

static int persistent_storage(const latent_storages *all, pickle_value args, const char *tensor,
                              latent_storage *s, latent_error *e)
{
    const pickle_list *id = storage_id(args), *view;
    const latent_keyed_storage *found;
    if (!id)
        return no_storage(tensor, "its storage has no proper name", e);
    if (all->zip)
        return zip_storage(all, id, tensor, s, e);
    found = find_keyed(all->list, all->count, latent_pickle_text(id->items[2]));
    if (!found || !found->storage.offset)
        return no_storage(tensor, "its storage is not in the file", e);
    *s = found->storage;
    /* Old files: a view (key, offset, count) of the storage. */
    view = latent_pickle_tuple(latent_pickle_item(id, 5));
    if (view) {
        pickle_value from = latent_pickle_item(view, 1), count = latent_pickle_item(view, 2);
        uint64_t size = (uint64_t)s->kind->size, room = s->bytes / size;
        if (!latent_pickle_is_int(from) || !latent_pickle_is_int(count) || from.integer < 0 ||
            count.integer < 0 || (uint64_t)from.integer > room ||
            (uint64_t)count.integer > room - (uint64_t)from.integer)
            return no_storage(tensor, "it lies outside its storage", e);
        s->offset += (uint64_t)from.integer * size;
        s->bytes = (uint64_t)count.integer * size;
    }
    return 0;
}

int latent_storage_find(latent_storages *all, pickle_value v, const char *tensor, latent_storage *s,
                        latent_error *e)
{
    int failed;
    if (v.kind != PICKLE_OBJECT && v.kind != PICKLE_PERSID)
        return no_storage(tensor, "it has no storage", e);
    if (v.object->known) {
        memcpy(s, v.object->known, sizeof(*s));
        return 0;
    }
    if (v.kind == PICKLE_PERSID)
        failed = persistent_storage(all, v.object->args, tensor, s, e);
    else {
        pickle_value bytes = latent_pickle_item(latent_pickle_tuple(v.object->args), 0);
        pickle_string raw;
        if (strcmp(latent_pickle_text(v.object->callable), "torch.storage._load_from_bytes"))
            return no_storage(tensor, "its storage is of an unknown kind", e);
        failed = latent_pickle_bytes(bytes, all->source, &raw, e);
        if (!failed)
            return no_storage(tensor, "its storage is not in the file as bytes", e);
        failed = failed < 0 ? failed : embedded_storage(all, &raw, tensor, s, e);
    }
    if (failed < 0)
        return -1;
    v.object->known = latent_arena_take(all->arena, sizeof(*s), e);
    if (!v.object->known)
        return -1;
    memcpy(v.object->known, s, sizeof(*s));
    return 0;
}
