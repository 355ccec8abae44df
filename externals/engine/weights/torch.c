/* torch: models as PyTorch's programs store them.  What the pickle machine built is gone through
   from the root, and names, tensors and settings go into the table.  Three wrappings:

   pickle        a plain pickle, as NVIDIA's StyleGAN programs write: networks are records of
                 torch_utils.persistence, and each tensor's storage is a legacy stream in a byte
                 string
   torch zip     a zip with data.pkl, and one member for each storage; TorchScript archives too
   torch legacy  five pickles in a row, then the storages one after the other

   After the public descriptions in torch/serialization.py and torch/_utils.py. */
#include "storage.h"
#include "table.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEEPEST 100          /* dictionaries in dictionaries; real files have about 20 */
#define MOST_VISITS 4000000u /* values gone through, shared ones each time */
#define LONGEST_LIST 256     /* longer lists of plain numbers are data, not settings */

typedef struct {
    latent_weights *w;
    latent_arena arena; /* what the machine built; given back after the walk */
    latent_error *e;
    char path[PICKLE_LONGEST_TEXT + 1];
    size_t length; /* of path */
    uint32_t visits;
    latent_storages storages;
} reader;

/* Small helpers over the machine's values. */

/* A tuple of whole numbers, also as torch.Size. */
static int whole_numbers(pickle_value v, int64_t *n, int *count)
{
    if (v.kind == PICKLE_OBJECT && !strcmp(latent_pickle_text(v.object->callable), "torch.Size"))
        v = latent_pickle_item(latent_pickle_tuple(v.object->args), 0);
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

/* Tensors.  1: it was one; 0: it is something else; -1: it is a damaged one. */

static int read_tensor(reader *r, const char *function, const pickle_list *args)
{
    const char name[] = "torch._utils._rebuild_tensor", *version = function + sizeof(name) - 1;
    latent_entry entry = {0};
    latent_storage s;
    int strides;
    uint64_t from;
    pickle_value offset = latent_pickle_item(args, 1);
    if (strncmp(function, name, sizeof(name) - 1) ||
        (*version && strcmp(version, "_v2") && strcmp(version, "_v3")))
        return 0;
    if (latent_storage_find(&r->storages, latent_pickle_item(args, 0), here(r), &s, r->e) < 0)
        return -1;
    if (!strcmp(version, "_v3"))
        s.kind = latent_kind_of_dtype(latent_pickle_item(args, 6));
    if (!s.kind || !s.kind->readable)
        return 1;
    if (!latent_pickle_is_int(offset) ||
        whole_numbers(latent_pickle_item(args, 2), entry.dim, &entry.rank) < 0 ||
        whole_numbers(latent_pickle_item(args, 3), entry.stride, &strides) < 0 ||
        strides != entry.rank)
        return latent_fail(r->e, "the shape of %s is impossible: the file is damaged",
                           latent_print(here(r)).text);
    entry.dtype = s.kind->d;
    from = (uint64_t)offset.integer;
    if (offset.integer < 0 || from > s.bytes / (uint64_t)s.kind->size)
        return latent_fail(r->e, "%s begins outside its storage: the file is damaged",
                           latent_print(here(r)).text);
    from *= (uint64_t)s.kind->size;
    entry.offset = s.offset + from;
    return latent_table_entry(r->w, here(r), &entry, s.bytes - from, r->e) < 0 ? -1 : 1;
}

/* Arrays of numpy. */

static const latent_number_kind *numpy_kind(pickle_value dtype)
{
    const char *name, *order;
    const latent_number_kind *kind;
    if (dtype.kind != PICKLE_OBJECT ||
        !latent_ends_with(latent_pickle_text(dtype.object->callable), "numpy.dtype"))
        return NULL;
    name = latent_pickle_text(latent_pickle_item(latent_pickle_tuple(dtype.object->args), 0));
    order = latent_pickle_text(latent_pickle_item(latent_pickle_tuple(dtype.object->state), 1));
    if (*order == '>' || *name == '>')
        return NULL;
    name += *name == '<' || *name == '|';
    kind = latent_kind_of_numpy(name);
    return kind && kind->readable ? kind : NULL;
}

static int add_array(reader *r, const latent_number_kind *kind, pickle_value shape, int fortran,
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
static int add_scalar(reader *r, const latent_number_kind *kind, const pickle_string *bytes)
{
    latent_entry entry = {.dtype = kind->d, .offset = bytes->offset, .count = 1};
    float number;
    double exact;
    if (bytes->length != (uint64_t)kind->size)
        return latent_fail(r->e, "the number %s has not the size of one: the file is damaged",
                           latent_print(here(r)).text);
    if (latent_weights_read(r->w, &entry, &number, r->e) < 0)
        return -1;
    exact = number;
    if (kind->d == LATENT_F64 &&
        latent_bytes_read(&r->w->source, bytes->offset, &exact, sizeof(exact), r->e) < 0)
        return -1;
    if (latent_table_number(r->w, here(r), exact, r->e) < 0 ||
        latent_table_entry(r->w, here(r), &entry, bytes->length, r->e) < 0)
        return -1;
    return 1;
}

static int read_numpy(reader *r, const char *function, const pickle_object *o)
{
    const pickle_list *args = latent_pickle_tuple(o->args), *state = latent_pickle_tuple(o->state);
    pickle_value shape, bytes;
    const latent_number_kind *kind;
    pickle_string raw;
    int fortran = 0, is_scalar = 0, found;
    if (strncmp(function, "numpy", 5))
        return 0;
    if (latent_ends_with(function, ".multiarray._reconstruct")) {
        kind = numpy_kind(latent_pickle_item(state, 2));
        shape = latent_pickle_item(state, 1);
        fortran = latent_pickle_item(state, 3).kind == PICKLE_BOOL &&
                  latent_pickle_item(state, 3).integer;
        bytes = latent_pickle_item(state, 4);
    } else if (latent_ends_with(function, ".numeric._frombuffer")) {
        kind = numpy_kind(latent_pickle_item(args, 1));
        shape = latent_pickle_item(args, 2);
        fortran = *latent_pickle_text(latent_pickle_item(args, 3)) == 'F';
        bytes = latent_pickle_item(args, 0);
    } else if (latent_ends_with(function, ".multiarray.scalar")) {
        kind = numpy_kind(latent_pickle_item(args, 0));
        bytes = latent_pickle_item(args, 1);
        is_scalar = 1;
    } else
        return 0;
    /* Arrays of Python objects, dates and the like are no numbers: passed over. */
    if (!kind)
        return 1;
    found = latent_pickle_bytes(bytes, r->storages.source, &raw, r->e);
    if (found <= 0)
        return found < 0 ? -1 : 1;
    return is_scalar ? add_scalar(r, kind, &raw) : add_array(r, kind, shape, fortran, &raw);
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
    pickle_value first = latent_pickle_item(args, 0);
    int found;
    if (latent_ends_with(function, "._reconstruct_persistent_obj"))
        return walk_record(r, first, depth);
    if (!strncmp(function, "torch._utils._rebuild_parameter", 31) ||
        !strcmp(function, "torch.nn.parameter.Parameter") || !strcmp(function, "torch.Size") ||
        !strncmp(function, "torch.jit._pickle.", 18))
        return walk(r, first, depth + 1);
    if (latent_ends_with(function,
                         "._rebuild_from_type_v2")) { /* (function, type, arguments, state) */
        function = latent_pickle_text(first);
        args = latent_pickle_item(args, 2).kind == PICKLE_TUPLE ? latent_pickle_item(args, 2).list
                                                                : NULL;
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
    /* Protocols 0 and 1: a kind of dict, (class, dict, its pairs) */
    if (latent_ends_with(function, "._reconstructor") &&
        latent_pickle_item(args, 2).kind == PICKLE_DICT &&
        walk_pairs(r, latent_pickle_item(args, 2).list, 0, depth) < 0)
        return -1;
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
    r->storages.source = &w->source;
    r->storages.arena = &r->arena;
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
             latent_legacy_load(&c, &r->arena, &root, &r->storages.list, &r->storages.count, e) < 0;
    return finish(r, failed, root);
}

/* data.pkl lies in a folder named after the file; its name without "data.pkl". */
static char *find_folder(const latent_zip *z, latent_arena *a, latent_error *e)
{
    const latent_member *best = NULL;
    for (size_t i = 0; i < z->count; i++) {
        const char *name = z->members[i].name;
        if ((latent_ends_with(name, "/data.pkl") || !strcmp(name, "data.pkl")) &&
            (!best || strlen(name) < strlen(best->name)))
            best = z->members + i;
    }
    if (!best) {
        latent_stranger_zip(z, e);
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
        latent_bytes_read(z->source, offset, order, sizeof(order), e) < 0)
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
             !(r->storages.folder = find_folder(&z, &r->arena, e));
    if (!failed) {
        r->storages.zip = &z;
        snprintf(name, sizeof(name), "%sdata.pkl", r->storages.folder);
        m = latent_zip_find(&z, name);
        if (!m)
            failed = latent_fail(e, "a name in the zip archive is too long");
    }
    failed = failed || check_byte_order(&z, r->storages.folder, e) < 0 ||
             latent_zip_place(&z, m, &offset, e) < 0 ||
             latent_cursor_open(&c, &w->source, offset, m->size, e) < 0 ||
             latent_pickle_load(&c, &r->arena, &root, NULL, e) < 0;
    return finish(r, failed, root);
}
