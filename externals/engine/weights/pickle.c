/* pickle: see pickle.h */
#include "pickle.h"
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    latent_cursor *in;
    latent_arena *arena;
    latent_error *e;
    uint64_t opcode_at;
    pickle_value *stack;
    size_t depth, room;
    size_t *marks; /* depths of the stack at the open marks */
    size_t mark_depth, mark_room;
    pickle_value *memo;
    size_t memo_count, memo_room; /* memo_count: one more than the last index in use */
    pickle_object *persids;
    int done;
} machine;

static int damaged(machine *m, const char *what)
{
    return latent_fail(m->e, "the pickle is damaged at byte %" PRIu64 ": %s; fetch the file again",
                       m->opcode_at, what);
}

/* Reading operands. */

static int read_number(machine *m, int bytes, uint64_t *n)
{
    uint8_t raw[8] = {0};
    if (latent_cursor_take(m->in, raw, (size_t)bytes, m->e) < 0)
        return -1;
    *n = latent_u64(raw);
    return 0;
}

/* A line without its newline.  What is longer than the room is cut: *length tells the whole. */
static int read_line(machine *m, char *line, size_t room, uint64_t *offset, uint64_t *length)
{
    size_t n = 0;
    *offset = m->in->at;
    for (;;) {
        char c;
        if (latent_cursor_take(m->in, &c, 1, m->e) < 0)
            return -1;
        if (c == '\n')
            break;
        if (n < room - 1)
            line[n] = c;
        n++;
    }
    *length = n;
    line[n < room - 1 ? n : room - 1] = 0;
    return 0;
}

static int read_short_line(machine *m, char *line, size_t room)
{
    uint64_t offset, length;
    if (read_line(m, line, room, &offset, &length) < 0)
        return -1;
    if (length >= room)
        return damaged(m, "a line of text is longer than any real one");
    return 0;
}

/* The stack.  What lies below an open mark cannot be reached. */

static size_t ground(const machine *m)
{
    return m->mark_depth ? m->marks[m->mark_depth - 1] : 0;
}

static int push(machine *m, pickle_value v)
{
    if (latent_arena_grow(m->arena, &m->stack, &m->room, m->depth + 1, sizeof(v), m->e) < 0)
        return -1;
    m->stack[m->depth++] = v;
    return 0;
}

static int pop(machine *m, pickle_value *v)
{
    memset(v, 0, sizeof(*v));
    if (m->depth <= ground(m))
        return damaged(m, "it takes a value from an empty stack");
    *v = m->stack[--m->depth];
    return 0;
}

static int top(machine *m, pickle_value *v)
{
    memset(v, 0, sizeof(*v));
    if (m->depth <= ground(m))
        return damaged(m, "it uses a value of an empty stack");
    *v = m->stack[m->depth - 1];
    return 0;
}

static int push_mark(machine *m)
{
    if (latent_arena_grow(m->arena, &m->marks, &m->mark_room, m->mark_depth + 1, sizeof(size_t),
                          m->e) < 0)
        return -1;
    m->marks[m->mark_depth++] = m->depth;
    return 0;
}

static pickle_value constant(pickle_kind kind, int64_t n)
{
    pickle_value v = {.kind = kind};
    v.integer = n;
    return v;
}

static int push_list(machine *m, pickle_kind kind, const pickle_value *items, size_t count)
{
    pickle_value v = {.kind = kind};
    v.list = latent_arena_take(m->arena, sizeof(*v.list), m->e);
    if (!v.list)
        return -1;
    if (count > UINT32_MAX / 2)
        return damaged(m, "a list is longer than any real one");
    if (count) {
        v.list->items = latent_arena_take(m->arena, count * sizeof(*items), m->e);
        if (!v.list->items)
            return -1;
        memcpy(v.list->items, items, count * sizeof(*items));
    }
    v.list->count = v.list->room = (uint32_t)count;
    return push(m, v);
}

static int append(machine *m, pickle_list *to, const pickle_value *items, size_t count)
{
    size_t need = to->count + count;
    if (need > UINT32_MAX / 2)
        return damaged(m, "a list is longer than any real one");
    if (need > to->room) {
        size_t room = need > 2 * (size_t)to->room ? need : 2 * (size_t)to->room;
        pickle_value *grown = latent_arena_take(m->arena, room * sizeof(*grown), m->e);
        if (!grown)
            return -1;
        if (to->count)
            memcpy(grown, to->items, to->count * sizeof(*grown));
        to->items = grown;
        to->room = (uint32_t)room;
    }
    if (count)
        memcpy(to->items + to->count, items, count * sizeof(*items));
    to->count = (uint32_t)need;
    return 0;
}

static int push_string(machine *m, pickle_kind kind, pickle_form form, const char *text,
                       uint64_t offset, uint64_t length)
{
    pickle_value v = {.kind = kind};
    v.string = latent_arena_take(m->arena, sizeof(*v.string), m->e);
    if (!v.string)
        return -1;
    v.string->form = form;
    v.string->offset = offset;
    v.string->length = length;
    if (text) {
        v.string->text = latent_arena_text(m->arena, text, strlen(text), m->e);
        if (!v.string->text)
            return -1;
    }
    return push(m, v);
}

/* Strings and bytes whose length comes first, as a number of so many bytes. */
static int counted(machine *m, pickle_kind kind, pickle_form form, int length_bytes)
{
    char text[PICKLE_LONGEST_TEXT + 1];
    uint64_t length, offset;
    if (read_number(m, length_bytes, &length) < 0)
        return -1;
    offset = m->in->at;
    if (kind != PICKLE_STRING || length > PICKLE_LONGEST_TEXT) {
        if (latent_cursor_skip(m->in, length, m->e) < 0)
            return -1;
        return push_string(m, kind, form, NULL, offset, length);
    }
    if (latent_cursor_take(m->in, text, (size_t)length, m->e) < 0)
        return -1;
    text[length] = 0;
    /* A text with a zero byte in it names nothing: only its place is kept. */
    return push_string(m, kind, form, strlen(text) == length ? text : NULL, offset, length);
}

static int text_line(machine *m, int quoted)
{
    char line[PICKLE_LONGEST_TEXT + 1], *text = line;
    uint64_t offset, length;
    if (read_line(m, line, sizeof(line), &offset, &length) < 0)
        return -1;
    if (length >= sizeof(line) || strlen(line) < length)
        text = NULL; /* too long for a name, or it has a zero byte in it */
    if (quoted) {
        if (length < 2 || (line[0] != '\'' && line[0] != '"') ||
            (text && line[length - 1] != line[0]))
            return damaged(m, "a text has no quotes");
        if (text) {
            line[length - 1] = 0;
            text++;
        }
        offset++;
        length -= 2;
    }
    return push_string(m, PICKLE_STRING, quoted ? PICKLE_ESCAPED : PICKLE_CODED, text, offset,
                       length);
}

/* A whole number of any length, two's complement; up to 64 bits it is an int. */
static int long_bytes(machine *m, int length_bytes)
{
    uint64_t length, offset;
    uint8_t raw[8];
    if (read_number(m, length_bytes, &length) < 0)
        return -1;
    offset = m->in->at;
    if (length > 8) {
        if (latent_cursor_skip(m->in, length, m->e) < 0)
            return -1;
        return push_string(m, PICKLE_LONG, PICKLE_RAW, NULL, offset, length);
    }
    if (latent_cursor_take(m->in, raw, (size_t)length, m->e) < 0)
        return -1;
    memset(raw + length, length && raw[length - 1] & 0x80 ? 0xff : 0, 8 - length);
    return push(m, constant(PICKLE_INT, (int64_t)latent_u64(raw)));
}

static int number_line(machine *m, char opcode)
{
    char line[512], *end;
    if (read_short_line(m, line, sizeof(line)) < 0)
        return -1;
    if (opcode == 'F') {
        pickle_value v = {.kind = PICKLE_FLOAT};
        v.real = strtod(line, &end);
        if (end == line || *end)
            return damaged(m, "a number is no number");
        return push(m, v);
    }
    if (opcode == 'I' && (!strcmp(line, "00") || !strcmp(line, "01")))
        return push(m, constant(PICKLE_BOOL, line[1] == '1'));
    long long n = strtoll(line, &end, 10);
    if (*end == 'L')
        end++;
    if (end == line || *end)
        return damaged(m, "a number is no number");
    return push(m, constant(PICKLE_INT, n));
}

static int real_number(machine *m)
{
    uint8_t raw[8];
    uint64_t bits = 0;
    pickle_value v = {.kind = PICKLE_FLOAT};
    if (latent_cursor_take(m->in, raw, 8, m->e) < 0)
        return -1;
    for (int i = 0; i < 8; i++)
        bits = bits << 8 | raw[i];
    memcpy(&v.real, &bits, 8);
    return push(m, v);
}

/* The memo. */

static int put(machine *m, uint64_t index)
{
    pickle_value v;
    size_t before = m->memo_room;
    if (top(m, &v) < 0)
        return -1;
    /* Indices are dealt in order, so there are fewer than bytes before. */
    if (index > m->in->at)
        return damaged(m, "it remembers a value under an impossible number");
    if (latent_arena_grow(m->arena, &m->memo, &m->memo_room, (size_t)index + 1, sizeof(v), m->e) <
        0)
        return -1;
    if (m->memo_room > before)
        memset(m->memo + before, 0, (m->memo_room - before) * sizeof(v));
    m->memo[index] = v;
    if (index >= m->memo_count)
        m->memo_count = (size_t)index + 1;
    return 0;
}

static int get(machine *m, uint64_t index)
{
    if (index >= m->memo_count || m->memo[index].kind == PICKLE_NOTHING)
        return damaged(m, "it recalls a value that it never remembered");
    return push(m, m->memo[index]);
}

static int index_line(machine *m, uint64_t *index)
{
    char line[32], *end;
    if (read_short_line(m, line, sizeof(line)) < 0)
        return -1;
    *index = strtoull(line, &end, 10);
    if (end == line || *end || line[0] == '-')
        return damaged(m, "the number of a remembered value is no number");
    return 0;
}

/* Globals and what would be calls. */

static int push_global(machine *m, const char *module, const char *name)
{
    char text[PICKLE_LONGEST_TEXT + 1];
    int n = snprintf(text, sizeof(text), "%s.%s", module, name);
    if (n < 0 || n >= (int)sizeof(text))
        return damaged(m, "a name is longer than any real one");
    return push_string(m, PICKLE_GLOBAL, PICKLE_RAW, text, m->in->at, 0);
}

static int global_lines(machine *m)
{
    char module[512], name[512];
    if (read_short_line(m, module, sizeof(module)) < 0 ||
        read_short_line(m, name, sizeof(name)) < 0)
        return -1;
    return push_global(m, module, name);
}

static int stack_global(machine *m)
{
    pickle_value module, name;
    if (pop(m, &name) < 0 || pop(m, &module) < 0)
        return -1;
    if (module.kind != PICKLE_STRING || name.kind != PICKLE_STRING || !module.string->text ||
        !name.string->text)
        return damaged(m, "a name is no text");
    return push_global(m, module.string->text, name.string->text);
}

static int push_object(machine *m, pickle_kind kind, pickle_value callable, pickle_value args)
{
    pickle_value v = {.kind = kind};
    v.object = latent_arena_take(m->arena, sizeof(*v.object), m->e);
    if (!v.object)
        return -1;
    v.object->callable = callable;
    v.object->args = args;
    if (kind == PICKLE_PERSID) {
        v.object->next = m->persids;
        m->persids = v.object;
    }
    return push(m, v);
}

static int make(machine *m, int has_keywords)
{
    pickle_value callable, args, keywords;
    if ((has_keywords && pop(m, &keywords) < 0) || pop(m, &args) < 0 || pop(m, &callable) < 0)
        return -1;
    if (args.kind != PICKLE_TUPLE)
        return damaged(m, "the arguments of an object are no tuple");
    return push_object(m, PICKLE_OBJECT, callable, args);
}

/* INST and OBJ, of protocol 0 and 1: the arguments lie above the mark. */
static int make_old(machine *m, const pickle_value *items, size_t count, int class_is_first)
{
    pickle_value callable = {0}, args;
    if (class_is_first && !count)
        return damaged(m, "an object has no class");
    if (class_is_first)
        callable = items[0]; /* before its place on the stack is used again */
    if (push_list(m, PICKLE_TUPLE, items + class_is_first, count - (size_t)class_is_first) < 0 ||
        pop(m, &args) < 0)
        return -1;
    if (!class_is_first && (global_lines(m) < 0 || pop(m, &callable) < 0))
        return -1;
    return push_object(m, PICKLE_OBJECT, callable, args);
}

static int build(machine *m)
{
    pickle_value state, object;
    if (pop(m, &state) < 0 || top(m, &object) < 0)
        return -1;
    if (object.kind != PICKLE_OBJECT)
        return damaged(m, "it gives a state to something that has none");
    object.object->state = state;
    return 0;
}

static int set_items(machine *m, const pickle_value *items, size_t count)
{
    pickle_value to;
    if (count % 2)
        return damaged(m, "a key has no value");
    if (top(m, &to) < 0)
        return -1;
    if (to.kind != PICKLE_DICT && to.kind != PICKLE_OBJECT)
        return damaged(m, "it sets a key in something that is no dictionary");
    return append(m, to.kind == PICKLE_DICT ? to.list : &to.object->pairs, items, count);
}

static int append_items(machine *m, const pickle_value *items, size_t count, int to_set)
{
    pickle_value to;
    if (top(m, &to) < 0)
        return -1;
    if (to.kind != (to_set ? PICKLE_SET : PICKLE_LIST) && to.kind != PICKLE_OBJECT)
        return damaged(m, "it appends to something that is no list");
    return append(m, to.kind == PICKLE_OBJECT ? &to.object->values : to.list, items, count);
}

/* Opcodes that work on all values above the last mark. */
static int marked(machine *m, char opcode)
{
    size_t count;
    pickle_value *items;
    if (!m->mark_depth)
        return damaged(m, "it goes back to a mark that was never set");
    count = m->depth - ground(m);
    m->depth = ground(m);
    m->mark_depth--;
    items = m->stack + m->depth;
    switch (opcode) {
    case '1':
        return 0;
    case 't':
        return push_list(m, PICKLE_TUPLE, items, count);
    case 'l':
        return push_list(m, PICKLE_LIST, items, count);
    case '\x91':
        return push_list(m, PICKLE_SET, items, count);
    case 'd':
        return count % 2 ? damaged(m, "a key has no value")
                         : push_list(m, PICKLE_DICT, items, count);
    case 'u':
        return set_items(m, items, count);
    case 'e':
        return append_items(m, items, count, 0);
    case '\x90':
        return append_items(m, items, count, 1);
    default:
        return make_old(m, items, count, opcode == 'o');
    }
}

static int tuple(machine *m, size_t count)
{
    if (m->depth - ground(m) < count)
        return damaged(m, "it takes a value from an empty stack");
    m->depth -= count;
    return push_list(m, PICKLE_TUPLE, m->stack + m->depth, count);
}

static int frame(machine *m)
{
    uint64_t n;
    if (read_number(m, 8, &n) < 0)
        return -1;
    if (n > m->in->end - m->in->at)
        return latent_fail(m->e,
                           "the pickle claims %" PRIu64 " more bytes at byte %" PRIu64
                           ", but the file has only %" PRIu64 ": it is damaged or cut off, fetch "
                           "it again",
                           n, m->opcode_at, m->in->end - m->in->at);
    return 0;
}

static int step(machine *m)
{
    uint8_t opcode;
    uint64_t n;
    pickle_value v = {0}, w[2];
    const pickle_value none = {0};
    m->opcode_at = m->in->at;
    if (latent_cursor_take(m->in, &opcode, 1, m->e) < 0)
        return -1;
    switch (opcode) {
    case 0x80: /* PROTO */
        if (read_number(m, 1, &n) < 0)
            return -1;
        return n > 5 ? damaged(m, "its protocol is newer than 5") : 0;
    case 0x95: /* FRAME */
        return frame(m);
    case '.': /* STOP */
        m->done = 1;
        return 0;

    case '(': /* MARK */
        return push_mark(m);
    case '0': /* POP: takes a mark when there is nothing above it */
        if (m->mark_depth && m->depth == ground(m))
            return marked(m, '1');
        return pop(m, &v);
    case '2': /* DUP */
        return top(m, &v) < 0 ? -1 : push(m, v);
    case '1':  /* POP_MARK */
    case 't':  /* TUPLE */
    case 'l':  /* LIST */
    case 'd':  /* DICT */
    case 'u':  /* SETITEMS */
    case 'e':  /* APPENDS */
    case 0x90: /* ADDITEMS */
    case 0x91: /* FROZENSET */
    case 'i':  /* INST */
    case 'o':  /* OBJ */
        return marked(m, (char)opcode);

    case 'N': /* NONE */
        return push(m, constant(PICKLE_NONE, 0));
    case 0x88: /* NEWTRUE */
        return push(m, constant(PICKLE_BOOL, 1));
    case 0x89: /* NEWFALSE */
        return push(m, constant(PICKLE_BOOL, 0));
    case 'K': /* BININT1 */
        return read_number(m, 1, &n) < 0 ? -1 : push(m, constant(PICKLE_INT, (int64_t)n));
    case 'M': /* BININT2 */
        return read_number(m, 2, &n) < 0 ? -1 : push(m, constant(PICKLE_INT, (int64_t)n));
    case 'J': /* BININT */
        return read_number(m, 4, &n) < 0 ? -1 : push(m, constant(PICKLE_INT, (int32_t)(uint32_t)n));
    case 'G': /* BINFLOAT */
        return real_number(m);
    case 0x8a: /* LONG1 */
        return long_bytes(m, 1);
    case 0x8b: /* LONG4 */
        return long_bytes(m, 4);
    case 'I': /* INT */
    case 'L': /* LONG */
    case 'F': /* FLOAT */
        return number_line(m, (char)opcode);

    case 0x8c: /* SHORT_BINUNICODE */
        return counted(m, PICKLE_STRING, PICKLE_UTF8, 1);
    case 'U': /* SHORT_BINSTRING */
        return counted(m, PICKLE_STRING, PICKLE_RAW, 1);
    case 'X': /* BINUNICODE */
        return counted(m, PICKLE_STRING, PICKLE_UTF8, 4);
    case 'T': /* BINSTRING */
        return counted(m, PICKLE_STRING, PICKLE_RAW, 4);
    case 0x8d: /* BINUNICODE8 */
        return counted(m, PICKLE_STRING, PICKLE_UTF8, 8);
    case 'C': /* SHORT_BINBYTES */
        return counted(m, PICKLE_BYTES, PICKLE_RAW, 1);
    case 'B': /* BINBYTES */
        return counted(m, PICKLE_BYTES, PICKLE_RAW, 4);
    case 0x8e: /* BINBYTES8 */
    case 0x96: /* BYTEARRAY8 */
        return counted(m, PICKLE_BYTES, PICKLE_RAW, 8);
    case 'S': /* STRING */
        return text_line(m, 1);
    case 'V': /* UNICODE */
        return text_line(m, 0);

    case ')': /* EMPTY_TUPLE */
        return push_list(m, PICKLE_TUPLE, NULL, 0);
    case ']': /* EMPTY_LIST */
        return push_list(m, PICKLE_LIST, NULL, 0);
    case '}': /* EMPTY_DICT */
        return push_list(m, PICKLE_DICT, NULL, 0);
    case 0x8f: /* EMPTY_SET */
        return push_list(m, PICKLE_SET, NULL, 0);
    case 0x85: /* TUPLE1 */
        return tuple(m, 1);
    case 0x86: /* TUPLE2 */
        return tuple(m, 2);
    case 0x87: /* TUPLE3 */
        return tuple(m, 3);
    case 'a': /* APPEND */
        return pop(m, &v) < 0 ? -1 : append_items(m, &v, 1, 0);
    case 's': /* SETITEM */
        return pop(m, &w[1]) < 0 || pop(m, &w[0]) < 0 ? -1 : set_items(m, w, 2);

    case 'p': /* PUT */
        return index_line(m, &n) < 0 ? -1 : put(m, n);
    case 'q': /* BINPUT */
        return read_number(m, 1, &n) < 0 ? -1 : put(m, n);
    case 'r': /* LONG_BINPUT */
        return read_number(m, 4, &n) < 0 ? -1 : put(m, n);
    case 0x94: /* MEMOIZE */
        return put(m, m->memo_count);
    case 'g': /* GET */
        return index_line(m, &n) < 0 ? -1 : get(m, n);
    case 'h': /* BINGET */
        return read_number(m, 1, &n) < 0 ? -1 : get(m, n);
    case 'j': /* LONG_BINGET */
        return read_number(m, 4, &n) < 0 ? -1 : get(m, n);

    case 'c': /* GLOBAL */
        return global_lines(m);
    case 0x93: /* STACK_GLOBAL */
        return stack_global(m);
    case 'R':  /* REDUCE */
    case 0x81: /* NEWOBJ */
        return make(m, 0);
    case 0x92: /* NEWOBJ_EX */
        return make(m, 1);
    case 'b': /* BUILD */
        return build(m);
    case 'P': /* PERSID */
        return text_line(m, 0) < 0 || pop(m, &v) < 0 ? -1 : push_object(m, PICKLE_PERSID, none, v);
    case 'Q': /* BINPERSID */
        return pop(m, &v) < 0 ? -1 : push_object(m, PICKLE_PERSID, none, v);

    case 0x82: /* EXT1, EXT2, EXT4: names registered in some program */
    case 0x83:
    case 0x84:
        return latent_fail(m->e,
                           "this pickle uses names that only the program which wrote it knows; "
                           "save its weights as .safetensors there");
    case 0x97: /* NEXT_BUFFER */
        return latent_fail(m->e,
                           "the arrays of this pickle lie outside the file; save its weights as "
                           ".safetensors in the program which wrote it");
    case 0x98: /* READONLY_BUFFER */
        return top(m, &v);
    default:
        return damaged(m, "there is no such instruction");
    }
}

int latent_pickle_load(latent_cursor *c, latent_arena *a, pickle_value *result,
                       pickle_object **persids, latent_error *e)
{
    machine m = {.in = c, .arena = a, .e = e};
    int failed = latent_arena_grow(a, &m.stack, &m.room, 1, sizeof(*m.stack), e);
    while (!failed && !m.done)
        failed = step(&m);
    if (!failed)
        failed = pop(&m, result);
    if (!failed && (m.depth || m.mark_depth))
        failed = damaged(&m, "it ends with values left over");
    if (!failed && persids)
        *persids = m.persids;
    latent_arena_ungrow(a, &m.stack, &m.room, sizeof(*m.stack));
    latent_arena_ungrow(a, &m.marks, &m.mark_room, sizeof(*m.marks));
    latent_arena_ungrow(a, &m.memo, &m.memo_room, sizeof(*m.memo));
    return failed;
}

const char *latent_pickle_text(pickle_value v)
{
    int has = v.kind == PICKLE_STRING || v.kind == PICKLE_GLOBAL;
    return has && v.string->text ? v.string->text : "";
}

pickle_value latent_pickle_get(const pickle_list *dict, const char *key)
{
    pickle_value none = {0};
    /* Set twice, the later one counts, as in Python. */
    for (uint32_t i = dict->count; i >= 2; i -= 2)
        if (!strcmp(latent_pickle_text(dict->items[i - 2]), key))
            return dict->items[i - 1];
    return none;
}

const pickle_list *latent_pickle_tuple(pickle_value v)
{
    return v.kind == PICKLE_TUPLE ? v.list : NULL;
}

pickle_value latent_pickle_item(const pickle_list *list, uint32_t i)
{
    pickle_value none = {0};
    return list && i < list->count ? list->items[i] : none;
}

int latent_pickle_is_int(pickle_value v)
{
    return v.kind == PICKLE_INT || v.kind == PICKLE_BOOL;
}
