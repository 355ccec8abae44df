/* torch: models as PyTorch's programs store them.  What the pickle machine built is gone through
   from the root, and names, tensors and settings go into the table.  Three wrappings:

   pickle        a plain pickle, as NVIDIA's StyleGAN programs write: networks are records of
                 torch_utils.persistence, and each tensor's storage is a legacy stream in a byte
                 string
   torch zip     a zip with data.pkl, and one member for each storage; TorchScript archives too
   torch legacy  five pickles in a row, then the storages one after the other

   After the public descriptions in torch/serialization.py and torch/_utils.py. */
#include "pickle.h"
#include "table.h"
#include "zip.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEEPEST 100          /* dictionaries in dictionaries; real files have about 20 */
#define MOST_VISITS 4000000u /* values gone through, shared ones each time */
#define LONGEST_LIST 256     /* longer lists of plain numbers are data, not settings */
#define SMALL_ARENA 0x100000 /* for the few records around an embedded storage */

typedef struct {
    uint64_t offset, bytes;
    latent_dtype dtype;
    int readable; /* 0: numbers of a kind that we do not read */
} storage;

typedef struct {
    const char *key;
    uint64_t count; /* of numbers */
    storage storage;
} keyed_storage;

typedef struct {
    latent_weights *w;
    latent_arena arena; /* what the machine built; given back after the walk */
    latent_error *e;
    char path[PICKLE_LONGEST_TEXT + 1];
    size_t length; /* of path */
    uint32_t visits;
    uint64_t parsed;       /* bytes of the records around embedded storages */
    const latent_zip *zip; /* torch zip: the archive and the folder in it */
    const char *folder;
    keyed_storage *storages; /* torch legacy: sorted by key */
    size_t n_storages;
} reader;

/* Names of number kinds. */

typedef struct {
    const char *name; /* a storage's class without "Storage", a torch.dtype, a numpy type */
    const char *dtype, *numpy;
    int size, readable;
    latent_dtype d;
} number_kind;

static const number_kind kinds[] = {
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
static const number_kind *kind_of_storage(pickle_value class)
{
    const char *name = latent_pickle_text(class), *last = strrchr(name, '.');
    last = last ? last + 1 : name;
    for (size_t i = 0; i < N_KINDS; i++)
        if (!strcmp(kinds[i].name, last))
            return kinds + i;
    return NULL;
}

static const number_kind *kind_of_dtype(pickle_value dtype)
{
    const char *name = latent_pickle_text(dtype);
    if (strncmp(name, "torch.", 6))
        return NULL;
    for (size_t i = 0; i < N_KINDS; i++)
        if (*kinds[i].dtype && !strcmp(kinds[i].dtype, name + 6))
            return kinds + i;
    return NULL;
}

/* Small helpers over the machine's values. */

static int is_int(pickle_value v)
{
    return v.kind == PICKLE_INT || v.kind == PICKLE_BOOL;
}

static const pickle_list *as_tuple(pickle_value v)
{
    return v.kind == PICKLE_TUPLE ? v.list : NULL;
}

static pickle_value argument(const pickle_list *args, uint32_t i)
{
    pickle_value none = {0};
    return args && i < args->count ? args->items[i] : none;
}

static int ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && !strcmp(text + n - m, end);
}

/* A tuple of whole numbers, also as torch.Size. */
static int whole_numbers(pickle_value v, int64_t *n, int *count)
{
    if (v.kind == PICKLE_OBJECT && !strcmp(latent_pickle_text(v.object->callable), "torch.Size"))
        v = argument(as_tuple(v.object->args), 0);
    if ((v.kind != PICKLE_TUPLE && v.kind != PICKLE_LIST) || v.list->count > LATENT_MAX_RANK)
        return -1;
    for (uint32_t i = 0; i < v.list->count; i++) {
        if (v.list->items[i].kind != PICKLE_INT)
            return -1;
        n[i] = v.list->items[i].integer;
    }
    *count = (int)v.list->count;
    return 0;
}

/* The name of what is being looked at. */
static const char *here(const reader *r)
{
    return r->length ? r->path : "value";
}

static int no_storage(reader *r, const char *what)
{
    return latent_fail(r->e, "the numbers of %s cannot be found (%s): the file is damaged",
                       latent_print(here(r)).text, what);
}

/* Torch's legacy stream. */

static const uint8_t magic[12] = {0x8a, 10,   0x6c, 0xfc, 0x9c, 0x46,
                                  0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19};

int latent_is_legacy(const latent_source *s)
{
    uint8_t head[23];
    size_t n = s->size < sizeof(head) ? (size_t)s->size : sizeof(head), at = 2;
    if (n < 2 + sizeof(magic) || latent_source_read(s, 0, head, n, NULL) < 0)
        return 0;
    if (head[2] == 0x95) /* a frame, in protocol 4 */
        at += 9;
    return n >= at + sizeof(magic) && !memcmp(head + at, magic, sizeof(magic));
}

/* A persistent id: ('storage', class, key, location, number, view). */
static const pickle_list *storage_id(pickle_value id)
{
    const pickle_list *t = as_tuple(id);
    if (!t || t->count < 5 || strcmp(latent_pickle_text(t->items[0]), "storage") ||
        !*latent_pickle_text(t->items[2]) || !is_int(t->items[4]) || t->items[4].integer < 0)
        return NULL;
    return t;
}

static int by_key(const void *a, const void *b)
{
    return strcmp(((const keyed_storage *)a)->key, ((const keyed_storage *)b)->key);
}

/* All storages that a pickle names, sorted by key, each once.  offset is not known yet. */
static int collect_storages(const pickle_object *persids, latent_arena *a, keyed_storage **list,
                            size_t *count, latent_error *e)
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
        const number_kind *kind;
        keyed_storage *s = *list + n;
        if (!id)
            continue;
        kind = kind_of_storage(id->items[1]);
        s->key = latent_pickle_text(id->items[2]);
        if (!kind || __builtin_mul_overflow((uint64_t)id->items[4].integer, (uint64_t)kind->size,
                                            &s->storage.bytes))
            return latent_fail(e,
                               "the kind or size of a storage (%s) is unknown: the file is "
                               "damaged, or newer than this library",
                               latent_print(latent_pickle_text(id->items[1])).text);
        s->count = (uint64_t)id->items[4].integer;
        s->storage.dtype = kind->d;
        s->storage.readable = kind->readable;
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

static keyed_storage *find_storage(keyed_storage *list, size_t count, const char *key)
{
    const keyed_storage wanted = {.key = key};
    return count ? bsearch(&wanted, list, count, sizeof(wanted), by_key) : NULL;
}

/* Reads the five pickles and finds where each storage's numbers lie. */
static int read_legacy(latent_cursor *c, latent_arena *a, pickle_value *root,
                       keyed_storage **storages, size_t *n_storages, latent_error *e)
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
        keyed_storage *s = find_storage(*storages, *n_storages, key);
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

static int embedded_storage(reader *r, const pickle_string *bytes, storage *s)
{
    latent_arena small;
    latent_cursor c;
    pickle_value root = {0};
    keyed_storage *list, *found = NULL;
    const pickle_list *id = NULL;
    size_t n;
    int failed;
    if (r->parsed > r->w->source.size)
        return no_storage(r, "the file describes the same storages over and over");
    latent_arena_init(&small, SMALL_ARENA);
    failed = latent_cursor_open(&c, &r->w->source, bytes->offset, bytes->length, r->e) < 0 ||
             read_legacy(&c, &small, &root, &list, &n, r->e) < 0;
    if (!failed) {
        if (root.kind == PICKLE_PERSID)
            id = storage_id(root.object->args);
        if (id)
            found = find_storage(list, n, latent_pickle_text(id->items[2]));
        if (!found || !found->storage.offset)
            failed = no_storage(r, "its byte string holds no storage");
        else
            *s = found->storage;
        r->parsed += c.at - bytes->offset - s->bytes;
    }
    latent_arena_free(&small);
    return failed ? -1 : 0;
}

static int zip_storage(reader *r, const pickle_list *id, storage *s)
{
    const number_kind *kind = kind_of_storage(id->items[1]);
    char name[2 * PICKLE_LONGEST_TEXT];
    const latent_member *m;
    if (!kind)
        return no_storage(r, "an unknown kind of storage");
    snprintf(name, sizeof(name), "%sdata/%s", r->folder, latent_pickle_text(id->items[2]));
    m = latent_zip_find(r->zip, name);
    if (!m)
        return no_storage(r, "the archive has no such member");
    if (latent_zip_place(r->zip, m, &s->offset, r->e) < 0)
        return -1;
    if ((uint64_t)id->items[4].integer > m->size / (uint64_t)kind->size)
        return no_storage(r, "its member in the archive is too small");
    s->bytes = (uint64_t)id->items[4].integer * (uint64_t)kind->size;
    s->dtype = kind->d;
    s->readable = kind->readable;
    return 0;
}

static int persistent_storage(reader *r, pickle_value args, storage *s)
{
    const pickle_list *id = storage_id(args), *view;
    keyed_storage *found;
    if (!id)
        return no_storage(r, "its storage has no proper name");
    if (r->zip)
        return zip_storage(r, id, s);
    found = find_storage(r->storages, r->n_storages, latent_pickle_text(id->items[2]));
    if (!found || !found->storage.offset)
        return no_storage(r, "its storage is not in the file");
    *s = found->storage;
    /* Old files: a view (key, offset, count) of the storage. */
    view = as_tuple(argument(id, 5));
    if (view) {
        pickle_value from = argument(view, 1), count = argument(view, 2);
        uint64_t size = latent_dtype_size(s->dtype), room = s->bytes / size;
        if (!is_int(from) || !is_int(count) || from.integer < 0 || count.integer < 0 ||
            (uint64_t)from.integer > room ||
            (uint64_t)count.integer > room - (uint64_t)from.integer)
            return no_storage(r, "it lies outside its storage");
        s->offset += (uint64_t)from.integer * size;
        s->bytes = (uint64_t)count.integer * size;
    }
    return 0;
}

static int find_numbers(reader *r, pickle_value v, storage *s)
{
    int failed;
    if (v.kind != PICKLE_OBJECT && v.kind != PICKLE_PERSID)
        return no_storage(r, "it has no storage");
    if (v.object->known) {
        memcpy(s, v.object->known, sizeof(*s));
        return 0;
    }
    memset(s, 0, sizeof(*s));
    if (v.kind == PICKLE_PERSID)
        failed = persistent_storage(r, v.object->args, s);
    else {
        pickle_value bytes = argument(as_tuple(v.object->args), 0);
        if (!ends_with(latent_pickle_text(v.object->callable), "._load_from_bytes"))
            return no_storage(r, "its storage is of an unknown kind");
        if (bytes.kind != PICKLE_BYTES && bytes.kind != PICKLE_STRING)
            return no_storage(r, "its storage is not in the file as bytes");
        failed = embedded_storage(r, bytes.string, s);
    }
    if (failed < 0)
        return -1;
    v.object->known = latent_arena_take(&r->arena, sizeof(*s), r->e);
    if (!v.object->known)
        return -1;
    memcpy(v.object->known, s, sizeof(*s));
    return 0;
}

/* Tensors.  1: it was one; 0: it is something else; -1: it is a damaged one. */

static int read_tensor(reader *r, const char *function, const pickle_list *args)
{
    int version = !strcmp(function, "torch._utils._rebuild_tensor_v3")   ? 3
                  : !strcmp(function, "torch._utils._rebuild_tensor_v2") ? 2
                  : !strcmp(function, "torch._utils._rebuild_tensor")    ? 1
                                                                         : 0;
    latent_entry entry = {0};
    storage s;
    int strides;
    uint64_t from;
    pickle_value offset = argument(args, 1);
    if (!version)
        return 0;
    if (find_numbers(r, argument(args, 0), &s) < 0)
        return -1;
    if (version == 3) {
        const number_kind *kind = kind_of_dtype(argument(args, 6));
        s.readable = kind && kind->readable;
        s.dtype = kind ? kind->d : LATENT_U8;
    }
    if (!s.readable)
        return 1;
    if (!is_int(offset) || whole_numbers(argument(args, 2), entry.dim, &entry.rank) < 0 ||
        whole_numbers(argument(args, 3), entry.stride, &strides) < 0 || strides != entry.rank)
        return latent_fail(r->e, "the shape of %s is impossible: the file is damaged",
                           latent_print(here(r)).text);
    entry.dtype = s.dtype;
    from = (uint64_t)offset.integer;
    if (offset.integer < 0 || from > s.bytes / latent_dtype_size(s.dtype))
        return no_storage(r, "it begins outside its storage");
    from *= latent_dtype_size(s.dtype);
    entry.offset = s.offset + from;
    return latent_table_entry(r->w, here(r), &entry, s.bytes - from, r->e) < 0 ? -1 : 1;
}

/* Arrays of numpy. */

static const number_kind *numpy_kind(pickle_value dtype)
{
    const char *name, *order;
    if (dtype.kind != PICKLE_OBJECT ||
        !ends_with(latent_pickle_text(dtype.object->callable), "numpy.dtype"))
        return NULL;
    name = latent_pickle_text(argument(as_tuple(dtype.object->args), 0));
    order = latent_pickle_text(argument(as_tuple(dtype.object->state), 1));
    if (*order == '>' || *name == '>')
        return NULL;
    name += *name == '<' || *name == '|';
    for (size_t i = 0; i < N_KINDS; i++)
        if (kinds[i].readable && *kinds[i].numpy && !strcmp(kinds[i].numpy, name))
            return kinds + i;
    return NULL;
}

static int add_array(reader *r, const number_kind *kind, pickle_value shape, int fortran,
                     const pickle_string *bytes)
{
    latent_entry entry = {.dtype = kind->d, .offset = bytes->offset};
    int64_t step = 1;
    if (whole_numbers(shape, entry.dim, &entry.rank) < 0)
        return latent_fail(r->e, "the shape of %s is impossible: the file is damaged",
                           latent_print(here(r)).text);
    for (int i = 0; i < entry.rank; i++) {
        int axis = fortran ? i : entry.rank - 1 - i;
        entry.stride[axis] = step;
        if (__builtin_mul_overflow(step, entry.dim[axis], &step))
            return latent_fail(r->e, "the shape of %s is impossible: the file is damaged",
                               latent_print(here(r)).text);
    }
    return latent_table_entry(r->w, here(r), &entry, bytes->length, r->e) < 0 ? -1 : 1;
}

/* A single number: a setting and an entry. */
static int add_scalar(reader *r, const number_kind *kind, const pickle_string *bytes)
{
    latent_entry entry = {.dtype = kind->d, .offset = bytes->offset, .count = 1};
    float number;
    double exact;
    if (bytes->length != (uint64_t)kind->size)
        return no_storage(r, "a single number has not the size of one");
    if (latent_weights_read(r->w, &entry, &number, r->e) < 0)
        return -1;
    exact = number;
    if (kind->d == LATENT_F64 &&
        latent_source_read(&r->w->source, bytes->offset, &exact, sizeof(exact), r->e) < 0)
        return -1;
    if (latent_table_number(r->w, here(r), exact, r->e) < 0 ||
        latent_table_entry(r->w, here(r), &entry, bytes->length, r->e) < 0)
        return -1;
    return 1;
}

static int read_numpy(reader *r, const char *function, const pickle_object *o)
{
    const pickle_list *args = as_tuple(o->args), *state = as_tuple(o->state);
    pickle_value shape, bytes;
    const number_kind *kind;
    int fortran = 0, is_scalar = 0;
    if (strncmp(function, "numpy", 5))
        return 0;
    if (ends_with(function, ".multiarray._reconstruct")) {
        kind = numpy_kind(argument(state, 2));
        shape = argument(state, 1);
        fortran = argument(state, 3).kind == PICKLE_BOOL && argument(state, 3).integer;
        bytes = argument(state, 4);
    } else if (ends_with(function, ".numeric._frombuffer")) {
        kind = numpy_kind(argument(args, 1));
        shape = argument(args, 2);
        fortran = *latent_pickle_text(argument(args, 3)) == 'F';
        bytes = argument(args, 0);
    } else if (ends_with(function, ".multiarray.scalar")) {
        kind = numpy_kind(argument(args, 0));
        bytes = argument(args, 1);
        is_scalar = 1;
    } else
        return 0;
    /* Arrays of Python objects, dates and the like are no numbers: passed over. */
    if (!kind || (bytes.kind != PICKLE_BYTES && bytes.kind != PICKLE_STRING))
        return 1;
    return is_scalar ? add_scalar(r, kind, bytes.string)
                     : add_array(r, kind, shape, fortran, bytes.string);
}

/* Going through everything from the root. */

static int walk(reader *r, pickle_value v, int depth);

/* Counts values gone through: shared ones count each time, so a small file can unfold to much. */
static int visit(reader *r, uint32_t count)
{
    if (count > MOST_VISITS - r->visits)
        return latent_fail(r->e,
                           "it unfolds to more than %u values: the file is damaged or no "
                           "model",
                           MOST_VISITS);
    r->visits += count;
    return 0;
}

static int walk_named(reader *r, const char *name, pickle_value v, int depth)
{
    size_t before = r->length, n = strlen(name);
    int failed;
    if (before + n + 2 > sizeof(r->path))
        return latent_fail(r->e,
                           "a name in it is longer than any real one (%s): the file is "
                           "damaged",
                           latent_print(here(r)).text);
    if (before)
        r->path[r->length++] = '.';
    memcpy(r->path + r->length, name, n + 1);
    r->length += n;
    failed = walk(r, v, depth);
    r->length = before;
    r->path[before] = 0;
    return failed;
}

static int walk_list(reader *r, pickle_list *list, int depth)
{
    int failed = 0;
    if (list->open)
        return 0; /* it contains itself */
    if (visit(r, list->count) < 0)
        return -1;
    list->open = 1;
    for (uint32_t i = 0; i < list->count && !failed; i++) {
        char name[16];
        if (list->count > LONGEST_LIST && list->items[i].kind <= PICKLE_STRING)
            continue;
        snprintf(name, sizeof(name), "%" PRIu32, i);
        failed = walk_named(r, name, list->items[i], depth + 1);
    }
    list->open = 0;
    return failed;
}

static int has_pairs(pickle_value v)
{
    return v.kind == PICKLE_DICT || v.kind == PICKLE_OBJECT;
}

/* In a module's state, parameters, buffers and submodules lie in dictionaries of their own, but
   belong to the module itself. */
static int is_part(const char *name, pickle_value v)
{
    return has_pairs(v) &&
           (!strcmp(name, "_parameters") || !strcmp(name, "_buffers") || !strcmp(name, "_modules"));
}

static int walk_pairs(reader *r, pickle_list *dict, int is_module, int depth)
{
    int failed = 0;
    if (dict->open)
        return 0; /* it contains itself */
    if (visit(r, dict->count) < 0)
        return -1;
    dict->open = 1;
    for (uint32_t i = 0; i + 1 < dict->count && !failed; i += 2) {
        pickle_value key = dict->items[i], v = dict->items[i + 1];
        char number[24];
        const char *name = latent_pickle_text(key);
        /* Each network in a file is allowed its own share of memory: they are not played at
           once, and G_ema is often G again. */
        uint64_t claimed = r->w->claimed;
        int is_network = r->length == 0 && has_pairs(v);
        if (key.kind == PICKLE_INT) {
            snprintf(number, sizeof(number), "%" PRId64, key.integer);
            name = number;
        } else if (key.kind != PICKLE_STRING || !key.string->text)
            continue;
        if (is_network)
            r->w->claimed = 0;
        if (is_module && is_part(name, v))
            failed = walk(r, v, depth + 1);
        else
            failed = walk_named(r, name, v, depth + 1);
        if (is_network)
            r->w->claimed = claimed;
    }
    dict->open = 0;
    return failed;
}

/* A record of torch_utils.persistence: {type, version, module_src, class_name, state}. */
static int walk_record(reader *r, pickle_value meta, int depth)
{
    pickle_value state, class;
    if (meta.kind != PICKLE_DICT)
        return latent_fail(r->e, "the record of the network %s is damaged",
                           latent_print(here(r)).text);
    if (visit(r, meta.list->count) < 0)
        return -1;
    state = latent_pickle_get(meta.list, "state");
    class = latent_pickle_get(meta.list, "class_name");
    if (class.kind == PICKLE_STRING && walk_named(r, "class_name", class, depth) < 0)
        return -1;
    if (state.kind == PICKLE_DICT)
        return walk_pairs(r, state.list, 1, depth);
    return walk(r, state, depth);
}

static int walk_state(reader *r, pickle_value state, int is_dict, int depth)
{
    int failed = 0;
    if (state.kind == PICKLE_TUPLE) /* (attributes, slots) */
        for (uint32_t i = 0; i < state.list->count && !failed; i++)
            if (state.list->items[i].kind == PICKLE_DICT)
                failed = walk_pairs(r, state.list->items[i].list, 1, depth);
    /* What an OrderedDict has beside its items is a state_dict's version numbers. */
    if (state.kind == PICKLE_DICT && !is_dict)
        failed = walk_pairs(r, state.list, 1, depth);
    return failed;
}

static int walk_object(reader *r, pickle_object *o, int depth)
{
    const char *function = latent_pickle_text(o->callable);
    pickle_list *args = o->args.kind == PICKLE_TUPLE ? o->args.list : NULL;
    pickle_value first = argument(args, 0);
    int found;
    if (ends_with(function, "._reconstruct_persistent_obj"))
        return walk_record(r, first, depth);
    if (!strncmp(function, "torch._utils._rebuild_parameter", 31) ||
        !strcmp(function, "torch.nn.parameter.Parameter") || !strcmp(function, "torch.Size") ||
        !strncmp(function, "torch.jit._pickle.", 18))
        return walk(r, first, depth + 1);
    if (ends_with(function, "._rebuild_from_type_v2")) { /* (function, type, arguments, state) */
        function = latent_pickle_text(first);
        args = argument(args, 2).kind == PICKLE_TUPLE ? argument(args, 2).list : NULL;
    }
    found = read_tensor(r, function, args);
    if (!found)
        found = read_numpy(r, function, o);
    if (found)
        return found < 0 ? -1 : 0;
    if (!strcmp(function, "collections.OrderedDict") && first.kind == PICKLE_LIST) {
        /* Python 2: OrderedDict([[key, value], ...]) */
        for (uint32_t i = 0; i < first.list->count; i++) {
            pickle_value pair = first.list->items[i];
            if (pair.kind != PICKLE_LIST || pair.list->count != 2)
                continue;
            if (!pair.list->open && walk_pairs(r, pair.list, 0, depth) < 0)
                return -1;
        }
    }
    if (walk_list(r, &o->values, depth) < 0 || walk_pairs(r, &o->pairs, 0, depth) < 0)
        return -1;
    return walk_state(r, o->state, !strcmp(function, "collections.OrderedDict"), depth);
}

static int walk(reader *r, pickle_value v, int depth)
{
    int failed = 0;
    if (depth > DEEPEST)
        return latent_fail(r->e,
                           "its parts are nested deeper than %d (at %s): the file is "
                           "damaged or no model",
                           DEEPEST, latent_print(here(r)).text);
    if (visit(r, 1) < 0)
        return -1;
    switch (v.kind) {
    case PICKLE_BOOL:
    case PICKLE_INT:
        return latent_table_number(r->w, here(r), (double)v.integer, r->e);
    case PICKLE_FLOAT:
        return latent_table_number(r->w, here(r), v.real, r->e);
    case PICKLE_STRING:
        return v.string->text ? latent_table_text(r->w, here(r), v.string->text, r->e) : 0;
    case PICKLE_TUPLE:
    case PICKLE_LIST:
        return walk_list(r, v.list, depth);
    case PICKLE_DICT:
        return walk_pairs(r, v.list, 0, depth);
    case PICKLE_OBJECT:
        if (v.object->open)
            return 0; /* it contains itself */
        v.object->open = 1;
        failed = walk_object(r, v.object, depth);
        v.object->open = 0;
        return failed;
    default:
        return 0;
    }
}

/* The three wrappings. */

static reader *begin(latent_weights *w, latent_error *e)
{
    reader *r = calloc(1, sizeof(*r));
    if (!r) {
        latent_fail(e, "no memory to read the file");
        return NULL;
    }
    r->w = w;
    r->e = e;
    latent_arena_init(&r->arena, w->arena.limit);
    return r;
}

/* Goes through the tree and gives back what was only needed for that.  While both are there, the
   tree and the table share one limit. */
static int finish(reader *r, int failed, pickle_value root)
{
    latent_arena *a = &r->w->arena;
    size_t limit = a->limit;
    if (!failed) {
        a->limit = limit > r->arena.used ? limit - r->arena.used : 0;
        failed = walk(r, root, 0);
        a->limit = limit;
    }
    latent_arena_free(&r->arena);
    free(r);
    return failed ? -1 : 0;
}

int latent_pickle_read(latent_weights *w, latent_error *e)
{
    reader *r = begin(w, e);
    latent_cursor c;
    pickle_value root = {0};
    int failed;
    if (!r)
        return -1;
    failed = latent_cursor_open(&c, &w->source, 0, w->source.size, e) < 0 ||
             latent_pickle_load(&c, &r->arena, &root, NULL, e) < 0;
    return finish(r, failed, root);
}

int latent_legacy_read(latent_weights *w, latent_error *e)
{
    reader *r = begin(w, e);
    latent_cursor c;
    pickle_value root = {0};
    int failed;
    if (!r)
        return -1;
    failed = latent_cursor_open(&c, &w->source, 0, w->source.size, e) < 0 ||
             read_legacy(&c, &r->arena, &root, &r->storages, &r->n_storages, e) < 0;
    return finish(r, failed, root);
}

/* data.pkl lies in a folder named after the file; its name without "data.pkl". */
static char *find_folder(const latent_zip *z, latent_arena *a, latent_error *e)
{
    const latent_member *best = NULL;
    for (size_t i = 0; i < z->count; i++) {
        const char *name = z->members[i].name;
        if ((ends_with(name, "/data.pkl") || !strcmp(name, "data.pkl")) &&
            (!best || strlen(name) < strlen(best->name)))
            best = z->members + i;
    }
    if (!best) {
        latent_fail(e, "this zip archive has no data.pkl in it, so torch did not write it: a .pt "
                       "or .pth file is expected");
        return NULL;
    }
    return latent_arena_text(a, best->name, strlen(best->name) - strlen("data.pkl"), e);
}

static int check_byte_order(const latent_zip *z, const char *folder, latent_error *e)
{
    char name[PICKLE_LONGEST_TEXT + 1], order[3] = "";
    uint64_t offset;
    const latent_member *m;
    snprintf(name, sizeof(name), "%sbyteorder", folder);
    m = latent_zip_find(z, name);
    if (!m || m->size < sizeof(order))
        return 0;
    if (latent_zip_place(z, m, &offset, e) < 0 ||
        latent_source_read(z->source, offset, order, sizeof(order), e) < 0)
        return -1;
    if (!memcmp(order, "big", 3))
        return latent_fail(e, "the file was written on a big-endian machine: save it again on an "
                              "ordinary one");
    return 0;
}

int latent_zip_read(latent_weights *w, latent_error *e)
{
    reader *r = begin(w, e);
    latent_zip z;
    latent_cursor c;
    pickle_value root = {0};
    uint64_t offset;
    const latent_member *m = NULL;
    char name[PICKLE_LONGEST_TEXT + 16];
    int failed;
    if (!r)
        return -1;
    failed = latent_zip_open(&z, &w->source, &r->arena, e) < 0 ||
             !(r->folder = find_folder(&z, &r->arena, e));
    if (!failed) {
        r->zip = &z;
        snprintf(name, sizeof(name), "%sdata.pkl", r->folder);
        m = latent_zip_find(&z, name);
        if (!m)
            failed = latent_fail(e, "a name in the zip archive is too long");
    }
    failed = failed || check_byte_order(&z, r->folder, e) < 0 ||
             latent_zip_place(&z, m, &offset, e) < 0 ||
             latent_cursor_open(&c, &w->source, offset, m->size, e) < 0 ||
             latent_pickle_load(&c, &r->arena, &root, NULL, e) < 0;
    return finish(r, failed, root);
}
