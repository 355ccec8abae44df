/* weights: see weights.h.  Which format it is, the table of entries and settings, and the reading
   of numbers; the formats themselves are in pickle.c, torch.c and safetensors.c. */
#include "weights.h"
#include "storage.h"
#include "table.h"
#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The table may take this much, and a quarter of the file, but no more than that again.  With the
   tensors as float32 (see latent_table_entry), and qsort's own copy of what it sorts, a load stays
   below twice the file and 64 MB. */
#define TABLE_BASE ((uint64_t)16 << 20)
#define TABLE_MORE ((uint64_t)16 << 20)
#define CLAIM_BASE ((uint64_t)16 << 20)

size_t latent_dtype_size(latent_dtype d)
{
    switch (d) {
    case LATENT_F64:
    case LATENT_I64:
        return 8;
    case LATENT_F32:
    case LATENT_I32:
        return 4;
    case LATENT_F16:
    case LATENT_BF16:
    case LATENT_I16:
        return 2;
    case LATENT_I8:
    case LATENT_U8:
    case LATENT_BOOL:
        return 1;
    }
    return 1;
}

int latent_ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && !strcmp(text + n - m, end);
}

/* Filling the table. */

/* Takes out of a name the wrappers that training programs put around a network or around parts of
   it ("synthesis.module.b4.const"). */
static char *unwrap(char *name)
{
    static const char *const wrappers[] = {"module.", "_orig_mod.", "_fsdp_wrapped_module."};
    char *to = name;
    for (const char *from = name; *from;) {
        size_t n = strcspn(from, "."), k = 0;
        n += from[n] == '.';
        while (k < 3 && (n != strlen(wrappers[k]) || strncmp(from, wrappers[k], n)))
            k++;
        if (k == 3) {
            memmove(to, from, n);
            to += n;
        }
        from += n;
    }
    *to = 0;
    return name;
}

int latent_table_entry(latent_weights *w, const char *name, const latent_entry *entry,
                       uint64_t size, latent_error *e)
{
    latent_entry copy = *entry;
    uint64_t count = 1, last = 0, room = size / latent_dtype_size(entry->dtype);
    if (entry->offset > w->source.size || size > w->source.size - entry->offset)
        return latent_fail(e,
                           "the numbers of %s should lie at byte %" PRIu64 ", but the file ends "
                           "at byte %" PRIu64 ": it is damaged or cut off, fetch it again",
                           latent_print(name).text, entry->offset, w->source.size);
    for (int i = 0; i < copy.rank; i++) {
        uint64_t reach;
        if (copy.dim[i] < 0 || copy.stride[i] < 0 ||
            __builtin_mul_overflow(count, (uint64_t)copy.dim[i], &count) || count > INT64_MAX / 8 ||
            (copy.dim[i] > 0 &&
             (__builtin_mul_overflow((uint64_t)copy.dim[i] - 1, (uint64_t)copy.stride[i], &reach) ||
              __builtin_add_overflow(last, reach, &last))))
            return latent_fail(e, "the shape of %s is impossible: the file is damaged",
                               latent_print(name).text);
    }
    if (count && last >= room)
        return latent_fail(e,
                           "%s claims a number at place %" PRIu64 ", but the file holds only "
                           "%" PRIu64 " numbers for it: it is damaged",
                           latent_print(name).text, last, room);
    if (count * 4 > 2 * (w->source.size - w->source.kept) + CLAIM_BASE - w->claimed)
        return latent_fail(e,
                           "with %s its tensors would need more than twice the memory of the "
                           "file: it is damaged, or stored in a form that is too dense to be read",
                           latent_print(name).text);
    w->claimed += count * 4;
    copy.count = (int64_t)count;
    copy.name = latent_arena_text(&w->arena, name, strlen(name), e);
    if (!copy.name || latent_arena_grow(&w->arena, &w->entries, &w->entry_room, w->n_entries + 1,
                                        sizeof(copy), e) < 0)
        return -1;
    unwrap(copy.name);
    w->entries[w->n_entries++] = copy;
    return 0;
}

static int add_setting(latent_weights *w, const char *key, const char *text, double number,
                       latent_error *e)
{
    latent_setting s = {.number = number, .order = w->n_settings};
    if (latent_arena_grow(&w->arena, &w->settings, &w->setting_room, w->n_settings + 1, sizeof(s),
                          e) < 0 ||
        !(s.key = latent_arena_text(&w->arena, key, strlen(key), e)) ||
        (text && !(s.text = latent_arena_text(&w->arena, text, strlen(text), e))))
        return -1;
    unwrap(s.key);
    w->settings[w->n_settings++] = s;
    return 0;
}

int latent_table_text(latent_weights *w, const char *key, const char *text, latent_error *e)
{
    return add_setting(w, key, text, 0, e);
}

int latent_table_number(latent_weights *w, const char *key, double number, latent_error *e)
{
    return add_setting(w, key, NULL, number, e);
}

static int by_name(const void *a, const void *b)
{
    const latent_entry *x = *(latent_entry *const *)a, *y = *(latent_entry *const *)b;
    int order = strcmp(x->name, y->name);
    return order ? order : (x > y) - (x < y);
}

static int by_key(const void *a, const void *b)
{
    const latent_setting *x = a, *y = b;
    int order = strcmp(x->key, y->key);
    return order ? order : (x->order > y->order) - (x->order < y->order);
}

/* Of what came twice under a name the later one counts, as in Python. */
static int sort(latent_weights *w, latent_error *e)
{
    size_t n = 0;
    if (latent_arena_grow(&w->arena, &w->by_name, &w->name_room, w->n_entries, sizeof(*w->by_name),
                          e) < 0)
        return -1;
    for (size_t i = 0; i < w->n_entries; i++)
        w->by_name[i] = w->entries + i;
    if (w->n_entries)
        qsort(w->by_name, w->n_entries, sizeof(*w->by_name), by_name);
    for (size_t i = 0; i < w->n_entries; i++)
        if (i + 1 == w->n_entries || strcmp(w->by_name[i]->name, w->by_name[i + 1]->name))
            w->by_name[n++] = w->by_name[i];
    w->n_names = n;
    if (w->n_settings)
        qsort(w->settings, w->n_settings, sizeof(*w->settings), by_key);
    n = 0;
    for (size_t i = 0; i < w->n_settings; i++)
        if (i + 1 == w->n_settings || strcmp(w->settings[i].key, w->settings[i + 1].key))
            w->settings[n++] = w->settings[i];
    w->n_settings = n;
    return 0;
}

/* Opening. */

static int begins(const uint8_t *head, size_t n, const char *with)
{
    return n >= strlen(with) && !memcmp(head, with, strlen(with));
}

/* Two lines with the name of a class, as a pickle of protocol 0 begins. */
static int is_class_name(const uint8_t *text, size_t n)
{
    size_t lines = 0;
    for (size_t i = 0; i < n && lines < 2; i++) {
        if (text[i] == '\n')
            lines++;
        else if (!isalnum(text[i]) && text[i] != '_' && text[i] != '.')
            return 0;
    }
    return n > 0;
}

/* Protocols 0 and 1 have no mark of their own. */
static int is_old_pickle(const uint8_t *head, size_t n)
{
    if (head[0] == '}' || head[0] == ']')
        return head[1] >= 32;
    if (head[0] == '(' && head[1] != 'c')
        return head[1] && strchr("dltiSVUXTNKMJILFG(}])", head[1]) != NULL;
    if (head[0] == '(')
        return is_class_name(head + 2, n - 2);
    return head[0] == 'c' && is_class_name(head + 1, n - 1);
}

/* The format by what the file begins with; its name is not trusted. */
static int read_table(latent_weights *w, const char *path, latent_error *e)
{
    uint8_t head[65] = {0};
    size_t n = w->source.size < 64 ? (size_t)w->source.size : 64;
    int is_pickle;
    if (latent_bytes_read(&w->source, 0, head, n, e) < 0)
        return -1;
    if (n < 2)
        return latent_fail(e, "the file is empty: fetch it again");
    is_pickle = head[0] == 0x80 && head[1] <= 5;
    if (begins(head, n, "PK\3\4")) {
        w->format = "torch zip";
        return latent_zip_read(w, e);
    }
    if (n >= 10 && head[8] == '{' && (!is_pickle || latent_u64(head) <= w->source.size - 8) &&
        head[7] < 32) { /* what is longer is a text that has a bracket there */
        w->format = "safetensors";
        return latent_safetensors_read(w, e);
    }
    if (is_pickle && latent_is_legacy(&w->source)) {
        w->format = "torch legacy";
        return latent_legacy_read(w, e);
    }
    if (is_pickle || is_old_pickle(head, n)) {
        w->format = "pickle";
        return latent_pickle_read(w, e);
    }
    if (path && latent_ends_with(path, ".json") && strspn((char *)head, " \t\r\n{") > 0)
        return latent_parts_index(w, path, e);
    return latent_stranger(&w->source, path, e);
}

/* alone: what lies beside the file is not asked for. */
static latent_weights *open_source(latent_bytes source, const char *path, int alone,
                                   latent_error *e)
{
    latent_weights *w = calloc(1, sizeof(*w));
    latent_error why = {""};
    uint64_t more = source.size / 4 < TABLE_MORE ? source.size / 4 : TABLE_MORE;
    int failed;
    if (!w) {
        latent_bytes_close(&source);
        latent_fail(e, "no memory to open a model file");
        return NULL;
    }
    w->source = source;
    latent_arena_init(&w->arena, (size_t)(TABLE_BASE + more));
    failed = path && !alone && latent_parts_are(path) ? latent_parts_read(w, path, &why)
                                                      : read_table(w, alone ? NULL : path, &why);
    if (failed == 0 && sort(w, &why) == 0) {
        if (w->n_names)
            return w;
        latent_fail(&why, "there are no tensors in this file");
    }
    if (path) {
        const char *base = strrchr(path, '/');
        latent_fail(e, "%s: %s", latent_print(base ? base + 1 : path).text, why.text);
    } else
        latent_fail(e, "%s", why.text);
    latent_weights_close(w);
    return NULL;
}

static latent_weights *open_path(const char *path, int alone, latent_error *e)
{
    latent_bytes source;
    latent_error why = {""};
    if (latent_bytes_open(&source, path, &why) < 0) {
        latent_fail(e, "%s: %s", latent_print(path).text, why.text);
        return NULL;
    }
    return open_source(source, path, alone, e);
}

latent_weights *latent_weights_open(const char *path, latent_error *e)
{
    return open_path(path, 0, e);
}

latent_weights *latent_weights_open_alone(const char *path, latent_error *e)
{
    return open_path(path, 1, e);
}

latent_weights *latent_weights_open_memory(const void *data, size_t size, latent_error *e)
{
    latent_bytes source;
    latent_bytes_memory(&source, data, size);
    return open_source(source, NULL, 1, e);
}

void latent_weights_close(latent_weights *w)
{
    if (!w)
        return;
    latent_bytes_close(&w->source);
    latent_arena_ungrow(&w->arena, &w->entries, &w->entry_room, sizeof(*w->entries));
    latent_arena_ungrow(&w->arena, &w->by_name, &w->name_room, sizeof(*w->by_name));
    latent_arena_ungrow(&w->arena, &w->settings, &w->setting_room, sizeof(*w->settings));
    latent_arena_free(&w->arena);
    free(w);
}

/* Asking. */

const char *latent_weights_format(const latent_weights *w)
{
    return w->format;
}

size_t latent_weights_count(const latent_weights *w)
{
    return w->n_names;
}

const latent_entry *latent_weights_at(const latent_weights *w, size_t i)
{
    return i < w->n_names ? w->by_name[i] : NULL;
}

const latent_entry *latent_weights_find(const latent_weights *w, const char *name)
{
    size_t low = 0, high = w->n_names;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(w->by_name[middle]->name, name);
        if (order == 0)
            return w->by_name[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* The weights that are played are a running mean of those that learn: where both are there, they
   are meant.  Else those that stand for themselves, then any. */
static int rank_of(const char *prefix, size_t n)
{
    for (size_t i = 0; i + 3 <= n; i++)
        if (!strncasecmp(prefix + i, "ema", 3))
            return 0;
    return n ? 2 : 1;
}

int latent_weights_prefix(const latent_weights *w, const char *name, char *prefix, size_t room)
{
    size_t length = strlen(name);
    int best = 3;
    for (size_t i = 0; i < w->n_names; i++) {
        const char *full = w->by_name[i]->name;
        size_t before = strlen(full);
        if (before < length || strcmp(full + before - length, name))
            continue;
        before -= length;
        if ((before && full[before - 1] != '.') || before >= room || rank_of(full, before) >= best)
            continue;
        best = rank_of(full, before);
        memcpy(prefix, full, before);
        prefix[before] = 0;
    }
    return best < 3;
}

static const latent_setting *setting(const latent_weights *w, const char *key)
{
    size_t low = 0, high = w->n_settings;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(w->settings[middle].key, key);
        if (order == 0)
            return w->settings + middle;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const char *latent_weights_text(const latent_weights *w, const char *key)
{
    const latent_setting *s = setting(w, key);
    return s ? s->text : NULL;
}

int latent_weights_number(const latent_weights *w, const char *key, double *value)
{
    const latent_setting *s = setting(w, key);
    char *end;
    double n;
    if (!s)
        return -1;
    if (!s->text) {
        *value = s->number;
        return 0;
    }
    n = strtod(s->text, &end);
    if (end == s->text || *end)
        return -1;
    *value = n;
    return 0;
}

/* Reading numbers. */

static float one_number(latent_dtype d, const uint8_t *p)
{
    uint32_t bits;
    uint64_t long_bits;
    float f;
    double g;
    switch (d) {
    case LATENT_F32:
        bits = latent_u32(p);
        memcpy(&f, &bits, 4);
        return f;
    case LATENT_F16:
        return latent_half_to_float(latent_u16(p));
    case LATENT_BF16:
        bits = (uint32_t)latent_u16(p) << 16;
        memcpy(&f, &bits, 4);
        return f;
    case LATENT_F64:
        long_bits = latent_u64(p);
        memcpy(&g, &long_bits, 8);
        /* what float32 cannot hold becomes infinite; a plain cast of it is undefined in C */
        if (fabs(g) > 3.4028235677973366e38)
            return g > 0 ? INFINITY : -INFINITY;
        return (float)g;
    case LATENT_I64:
        return (float)(int64_t)latent_u64(p);
    case LATENT_I32:
        return (float)(int32_t)latent_u32(p);
    case LATENT_I16:
        return (int16_t)latent_u16(p);
    case LATENT_I8:
        return (int8_t)p[0];
    case LATENT_U8:
        return p[0];
    case LATENT_BOOL:
        return p[0] != 0;
    }
    return 0;
}

/* Numbers that lie side by side. */
static int read_run(const latent_weights *w, latent_dtype d, uint64_t offset, float *dst,
                    uint64_t count, latent_error *e)
{
    uint8_t block[32768];
    const size_t size = latent_dtype_size(d), most = sizeof(block) / size;
    const uint16_t order = 1;
    if (d == LATENT_F32 && *(const uint8_t *)&order == 1)
        return latent_bytes_read(&w->source, offset, dst, (size_t)count * 4, e);
    while (count) {
        size_t n = count < most ? (size_t)count : most;
        if (latent_bytes_read(&w->source, offset, block, n * size, e) < 0)
            return -1;
        if (d == LATENT_F16)
            latent_halves_to_floats(block, dst, n);
        else
            for (size_t i = 0; i < n; i++)
                dst[i] = one_number(d, block + i * size);
        offset += n * size;
        dst += n;
        count -= n;
    }
    return 0;
}

/* Numbers at any strides.  The axes are sorted by how far they step in the file, and the file is
   read in windows that hold as many steps as fit. */
#define WINDOW ((uint64_t)1 << 18) /* numbers */

typedef struct {
    int64_t dim, from, to; /* how many, and the strides in the file and in dst */
} axis;

typedef struct {
    const latent_weights *w;
    float *window;
    axis axes[LATENT_MAX_RANK];
    int rank;
    latent_error *e;
} gather;

static int by_step(const void *a, const void *b)
{
    const axis *x = a, *y = b;
    return (x->from < y->from) - (x->from > y->from);
}

static void scatter(const gather *g, int level, const float *from, float *dst)
{
    const axis a = g->axes[level];
    if (level == g->rank - 1)
        for (int64_t i = 0; i < a.dim; i++)
            dst[i * a.to] = from[i * a.from];
    else
        for (int64_t i = 0; i < a.dim; i++)
            scatter(g, level + 1, from + i * a.from, dst + i * a.to);
}

/* Numbers from the first to the last one of the axes from level on. */
static uint64_t span(const gather *g, int level)
{
    uint64_t n = 1;
    for (int i = level; i < g->rank; i++)
        n += (uint64_t)(g->axes[i].dim - 1) * (uint64_t)g->axes[i].from;
    return n;
}

/* The axes from level on; place is that of their first number in the file, in numbers. */
static int gather_from(gather *g, const latent_entry *entry, int level, int64_t place, float *dst)
{
    axis *a = g->axes + level;
    const axis whole = *a;
    uint64_t inner = span(g, level + 1);
    int64_t steps;
    int failed = 0;
    if (span(g, level) <= WINDOW) {
        uint64_t offset = entry->offset + (uint64_t)place * latent_dtype_size(entry->dtype);
        if (read_run(g->w, entry->dtype, offset, g->window, span(g, level), g->e) < 0)
            return -1;
        scatter(g, level, g->window, dst);
        return 0;
    }
    steps = inner > WINDOW ? 1 : (int64_t)((WINDOW - inner) / (uint64_t)whole.from) + 1;
    for (int64_t i = 0; i < whole.dim && !failed; i += steps) {
        int64_t at = place + i * whole.from;
        a->dim = whole.dim - i < steps ? whole.dim - i : steps;
        failed = gather_from(g, entry, inner > WINDOW ? level + 1 : level, at, dst + i * whole.to);
        a->dim = whole.dim;
    }
    return failed;
}

int latent_weights_read(latent_weights *w, const latent_entry *entry, float *dst, latent_error *e)
{
    gather g = {.w = w, .e = e};
    int64_t step = 1;
    uint64_t room;
    int contiguous = 1, failed;
    if (!entry->count)
        return 0;
    for (int i = entry->rank - 1; i >= 0; i--) {
        axis a = {entry->dim[i], entry->stride[i], step};
        if (a.dim == 1)
            continue;
        contiguous = contiguous && a.from == a.to;
        step *= a.dim;
        g.axes[g.rank++] = a;
    }
    if (contiguous)
        return read_run(w, entry->dtype, entry->offset, dst, (uint64_t)entry->count, e);
    qsort(g.axes, (size_t)g.rank, sizeof(axis), by_step);
    room = span(&g, 0) < WINDOW ? span(&g, 0) : WINDOW;
    g.window = malloc((size_t)room * sizeof(float));
    if (!g.window)
        return latent_fail(e, "no memory to read %s", latent_print(entry->name).text);
    failed = gather_from(&g, entry, 0, 0, dst);
    free(g.window);
    return failed;
}
