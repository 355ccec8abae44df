/* bpe: see bpe.h.  In the files a byte is written as one printable character: itself where it is
   printable, U+0100 and on for the others; a word's last symbol ends in "</w>". */
#include "bpe.h"
#include "clean.h"
#include "json.h"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define LARGEST_FILE ((size_t)32 << 20) /* unpacked; OpenAI's has 3 MB, tokenizer.json 4 */
#define MOST_TOKENS (1 << 20)
#define LONGEST_SYMBOL 256
#define LONGEST_TEXT 65536
#define N_BASE 512 /* 256 bytes, and 256 that end a word */

typedef struct {
    int left, right; /* symbols; left -1: free */
    int rank, joined;
} merge;

struct latent_bpe {
    int n_symbols;
    int *number;   /* of each symbol, as the model counts */
    merge *merges; /* by a hash of left and right */
    size_t n_places;
    int start, end;       /* the numbers of the start's and the end's mark */
    int base[256];        /* the symbol of each byte; + 256 where it ends a word */
    size_t longest_bytes; /* that one token may stand for */
};

/* While a file is being read: symbols by their text. */
typedef struct {
    latent_bpe *b;
    char *text; /* all symbols' texts, each ended by 0 */
    size_t used, room;
    size_t *at; /* of each symbol in text */
    int *table; /* symbol + 1, by a hash of the text */
    size_t n_places;
    int most, n_merges;
    const char *name; /* the file's, for sentences */
    latent_error *e;
} reader;

static size_t places_for(int n)
{
    size_t places = 1024;
    while (places < 2 * (size_t)n)
        places *= 2;
    return places;
}

static size_t hash_text(const char *text)
{
    uint64_t h = 1469598103934665603u;
    for (; *text; text++)
        h = (h ^ (unsigned char)*text) * 1099511628211u;
    return (size_t)(h ^ h >> 32);
}

static size_t hash_pair(int left, int right)
{
    uint64_t h = ((uint64_t)(uint32_t)left << 32 | (uint32_t)right) * 0x9e3779b97f4a7c15u;
    return (size_t)(h >> 20);
}

static merge *merge_place(const latent_bpe *b, int left, int right)
{
    size_t i = hash_pair(left, right) & (b->n_places - 1);
    while (b->merges[i].left >= 0 && (b->merges[i].left != left || b->merges[i].right != right))
        i = (i + 1) & (b->n_places - 1);
    return &b->merges[i];
}

/* ---- building */

static int *symbol_place(const reader *r, const char *text)
{
    size_t i = hash_text(text) & (r->n_places - 1);
    while (r->table[i] && strcmp(r->text + r->at[r->table[i] - 1], text))
        i = (i + 1) & (r->n_places - 1);
    return &r->table[i];
}

/* The symbol of that text, made when there is none; -1 without memory. */
static int symbol_of(reader *r, const char *text)
{
    int *place = symbol_place(r, text);
    size_t length = strlen(text) + 1;
    if (*place)
        return *place - 1;
    if (r->used + length > r->room) {
        size_t room = 2 * r->room + length;
        char *larger = realloc(r->text, room);
        if (!larger)
            return latent_fail(r->e, "no memory for a vocabulary");
        r->text = larger;
        r->room = room;
    }
    memcpy(r->text + r->used, text, length);
    r->at[r->b->n_symbols] = r->used;
    r->used += length;
    *place = ++r->b->n_symbols;
    return *place - 1;
}

/* The characters that stand for bytes, in the order of the model's numbers. */
static void byte_characters(uint32_t character[256], int byte[256])
{
    int n = 0;
    for (int pass = 0; pass < 2; pass++)
        for (int b = 0; b < 256; b++) {
            int printable =
                (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || (b >= 174 && b <= 255);
            if (printable == pass)
                continue;
            byte[n] = b;
            character[n] = (uint32_t)(printable ? b : 256 + n - 188);
            n++;
        }
}

static int add_base(reader *r)
{
    uint32_t character[256];
    int byte[256];
    char text[12];
    byte_characters(character, byte);
    for (int i = 0; i < N_BASE; i++) {
        int n = latent_utf8(character[i % 256], text);
        memcpy(text + n, i < 256 ? "" : "</w>", i < 256 ? 1 : 5);
        if (symbol_of(r, text) < 0)
            return -1;
        r->b->base[byte[i % 256]] = i % 256;
    }
    return 0;
}

static int add_merge(reader *r, const char *left, const char *right)
{
    int a = *symbol_place(r, left) - 1, b = *symbol_place(r, right) - 1, joined;
    char text[2 * LONGEST_SYMBOL];
    size_t length = strlen(left) + strlen(right);
    merge *m;
    if (a < 0 || b < 0)
        return latent_fail(r->e, "%s is damaged: merge number %d joins what is not there", r->name,
                           r->n_merges + 1);
    if (length >= LONGEST_SYMBOL)
        return latent_fail(r->e, "%s is damaged: a symbol of %zu bytes", r->name, length);
    snprintf(text, sizeof(text), "%s%s", left, right);
    if ((joined = symbol_of(r, text)) < 0)
        return -1;
    m = merge_place(r->b, a, b);
    *m = (merge){a, b, r->n_merges, joined};
    r->b->number[joined] = N_BASE + r->n_merges;
    if (length > r->b->longest_bytes)
        r->b->longest_bytes = length;
    r->n_merges++;
    return 0;
}

static int begin(reader *r, int vocabulary, const char *name, latent_error *e)
{
    latent_bpe *b = calloc(1, sizeof(*b));
    *r = (reader){.b = b, .name = name, .e = e, .most = vocabulary - N_BASE - 2};
    r->n_places = places_for(vocabulary);
    r->at = calloc((size_t)vocabulary + N_BASE, sizeof(*r->at));
    r->table = calloc(r->n_places, sizeof(*r->table));
    if (!b || !r->at || !r->table)
        return latent_fail(e, "no memory for a vocabulary");
    b->n_places = places_for(vocabulary);
    b->number = malloc(((size_t)vocabulary + N_BASE) * sizeof(*b->number));
    b->merges = malloc(b->n_places * sizeof(*b->merges));
    if (!b->number || !b->merges)
        return latent_fail(e, "no memory for a vocabulary");
    for (size_t i = 0; i < b->n_places; i++)
        b->merges[i].left = -1;
    for (int i = 0; i < N_BASE; i++)
        b->number[i] = i;
    b->longest_bytes = 1;
    b->start = vocabulary - 2;
    b->end = vocabulary - 1;
    return add_base(r);
}

static void end(reader *r)
{
    free(r->text);
    free(r->at);
    free(r->table);
}

/* ---- files */

/* Reads a file, unpacked where it is packed.  1, 0 when there is none, -1 and a sentence. */
static int read_file(const char *folder, const char *name, char **text, size_t *size,
                     latent_error *e)
{
    char path[4096];
    gzFile f;
    int n = snprintf(path, sizeof(path), "%s%s%s", folder,
                     *folder && folder[strlen(folder) - 1] != '/' ? "/" : "", name),
        got = 0;
    *text = NULL;
    *size = 0;
    if (n < 0 || n >= (int)sizeof(path) || !(f = gzopen(path, "rb")))
        return 0;
    for (size_t room = 0; *size <= LARGEST_FILE; *size += (size_t)got) {
        if (*size + 65536 > room) {
            char *larger = realloc(*text, room = 2 * room + 131072);
            if (!larger) {
                got = -1;
                break;
            }
            *text = larger;
        }
        if ((got = gzread(f, *text + *size, 65536)) <= 0)
            break;
    }
    if (gzclose(f) != Z_OK || got < 0 || *size > LARGEST_FILE) {
        free(*text);
        return latent_fail(e,
                           *size > LARGEST_FILE ? "%s is too large for a vocabulary"
                                                : "%s can't be read or is damaged; fetch it again",
                           name);
    }
    (*text)[*size] = 0; /* there is always room behind it */
    return 1;
}

/* "a b" to the two; -1 when it is no pair of symbols. */
static int split(const char *line, size_t length, char *left, char *right)
{
    const char *space = memchr(line, ' ', length);
    size_t a = space ? (size_t)(space - line) : 0, b = length - a - 1;
    if (!a || !b || a >= LONGEST_SYMBOL || b >= LONGEST_SYMBOL || memchr(space + 1, ' ', b) ||
        memchr(line, 0, length))
        return -1;
    memcpy(left, line, a);
    left[a] = 0;
    memcpy(right, space + 1, b);
    right[b] = 0;
    return 0;
}

/* One merge a line, after a line that says the version. */
static int read_lines(reader *r, const char *text, size_t size)
{
    const char *at = text, *last = text + size;
    char left[LONGEST_SYMBOL], right[LONGEST_SYMBOL];
    for (int line = 0; at < last && r->n_merges < r->most; line++) {
        const char *stop = memchr(at, '\n', (size_t)(last - at));
        size_t length = stop ? (size_t)(stop - at) : (size_t)(last - at);
        size_t whole = length;
        if (length && at[length - 1] == '\r')
            length--;
        if (line && length) {
            if (split(at, length, left, right))
                return latent_fail(r->e, "%s is damaged: line %d is no pair of symbols", r->name,
                                   line + 1);
            if (add_merge(r, left, right))
                return -1;
        }
        at += whole + (stop != NULL);
    }
    return 0;
}

static int bad_json(reader *r)
{
    return latent_fail(r->e, "%s is damaged; fetch it again", r->name);
}

/* {"symbol": number, ...}: the model's own numbers. */
static int read_numbers(reader *r, latent_json *j, int vocabulary)
{
    char text[2 * LONGEST_SYMBOL];
    double value;
    int n = 0, more, *place;
    for (int i = 0; i < r->b->n_symbols; i++)
        r->b->number[i] = -1;
    if (latent_json_enter(j, '{'))
        return bad_json(r);
    while ((more = latent_json_next(j, '{', &n, text, sizeof(text))) > 0) {
        if (latent_json_number(j, &value) || !(value >= 0 && value < vocabulary) ||
            value != (int)value)
            return bad_json(r);
        if (!strcmp(text, "<|startoftext|>"))
            r->b->start = (int)value;
        else if (!strcmp(text, "<|endoftext|>"))
            r->b->end = (int)value;
        else if (*(place = symbol_place(r, text)))
            r->b->number[*place - 1] = (int)value;
    }
    if (more < 0)
        return bad_json(r);
    for (int i = 0; i < r->b->n_symbols; i++)
        if (r->b->number[i] < 0)
            return latent_fail(r->e, "%s has no number for %s, which the merges make", r->name,
                               r->text + r->at[i]);
    return 0;
}

/* ["a b", ...] or [["a", "b"], ...] */
static int read_merges(reader *r, latent_json *j)
{
    char line[2 * LONGEST_SYMBOL], left[LONGEST_SYMBOL], right[LONGEST_SYMBOL];
    int n = 0, more;
    if (latent_json_enter(j, '['))
        return bad_json(r);
    while ((more = latent_json_next(j, '[', &n, NULL, 0)) > 0 && r->n_merges < r->most) {
        long length;
        int two = 0;
        if (latent_json_peek(j) == '[') {
            latent_json_enter(j, '[');
            if (latent_json_next(j, '[', &two, NULL, 0) != 1 ||
                (length = latent_json_string(j, left, sizeof(left))) < 1 ||
                length >= LONGEST_SYMBOL || latent_json_next(j, '[', &two, NULL, 0) != 1 ||
                (length = latent_json_string(j, right, sizeof(right))) < 1 ||
                length >= LONGEST_SYMBOL || latent_json_next(j, '[', &two, NULL, 0) != 0)
                return bad_json(r);
        } else if ((length = latent_json_string(j, line, sizeof(line))) < 0 ||
                   length >= (long)sizeof(line) || split(line, (size_t)length, left, right))
            return bad_json(r);
        if (add_merge(r, left, right))
            return -1;
    }
    return more < 0 ? bad_json(r) : 0;
}

/* tokenizer.json: {"model": {"vocab": {...}, "merges": [...]}, ...} */
static int read_tokenizer(reader *r, const char *text, size_t size, int vocabulary)
{
    latent_json j = {text, text + size}, vocab = {NULL, NULL}, merges = {NULL, NULL};
    char key[32];
    int n = 0, inner = 0, more, deeper;
    if (latent_json_enter(&j, '{'))
        return bad_json(r);
    while ((more = latent_json_next(&j, '{', &n, key, sizeof(key))) > 0) {
        if (strcmp(key, "model")) {
            if (latent_json_skip(&j))
                return bad_json(r);
            continue;
        }
        if (latent_json_enter(&j, '{'))
            return bad_json(r);
        while ((deeper = latent_json_next(&j, '{', &inner, key, sizeof(key))) > 0) {
            if (!strcmp(key, "vocab"))
                vocab = j;
            else if (!strcmp(key, "merges"))
                merges = j;
            if (latent_json_skip(&j))
                return bad_json(r);
        }
        if (deeper < 0)
            return bad_json(r);
    }
    if (more < 0 || !vocab.at || !merges.at)
        return bad_json(r);
    return read_merges(r, &merges) || read_numbers(r, &vocab, vocabulary) ? -1 : 0;
}

static int read_vocab_json(reader *r, const char *folder, int vocabulary)
{
    char *text;
    size_t size;
    int found = read_file(folder, "vocab.json", &text, &size, r->e), failed;
    latent_json j;
    if (found <= 0)
        return found; /* without it the numbers are those of the original */
    j = (latent_json){text, text + size};
    r->name = "vocab.json";
    failed = read_numbers(r, &j, vocabulary);
    free(text);
    return failed;
}

int latent_bpe_find(const char *folder, int vocabulary, latent_bpe **b, latent_error *e)
{
    static const char *const names[] = {"bpe_simple_vocab_16e6.txt.gz", "bpe_simple_vocab_16e6.txt",
                                        "tokenizer.json", "merges.txt"};
    char *text = NULL;
    size_t size = 0, k = 0;
    int found = 0, failed;
    reader r;
    *b = NULL;
    for (; k < 4 && !found; k++)
        found = read_file(folder, names[k], &text, &size, e);
    if (found <= 0)
        return found;
    k--;
    if (vocabulary < N_BASE + 2 || vocabulary > MOST_TOKENS) {
        free(text);
        return latent_fail(e, "a vocabulary of %d tokens is no byte-pair vocabulary", vocabulary);
    }
    failed = begin(&r, vocabulary, names[k], e);
    if (!failed)
        failed = k == 2 ? read_tokenizer(&r, text, size, vocabulary) : read_lines(&r, text, size);
    if (!failed && r.n_merges < r.most)
        failed = latent_fail(e,
                             "%s has %d merges, and the model has tokens for %d: they don't "
                             "belong together",
                             names[k], r.n_merges, r.most);
    if (!failed && k == 3)
        failed = read_vocab_json(&r, folder, vocabulary);
    free(text);
    end(&r);
    if (failed) {
        latent_bpe_free(r.b);
        return -1;
    }
    *b = r.b;
    return 1;
}

void latent_bpe_free(latent_bpe *b)
{
    if (!b)
        return;
    free(b->number);
    free(b->merges);
    free(b);
}

/* ---- encoding */

typedef struct {
    const latent_bpe *b;
    int *tokens, n, room;
    int *symbols; /* of the word, room for all bytes of the text */
    latent_error *e;
} writer;

static int too_long(const writer *w)
{
    return latent_fail(w->e,
                       "this text is too long: the model reads %d tokens (a token is a word or "
                       "less), start and end included; shorten it",
                       w->room);
}

static int put(writer *w, int number)
{
    if (w->n >= w->room)
        return too_long(w);
    w->tokens[w->n++] = number;
    return 0;
}

/* The mark that begins here, "<|startoftext|>" or "<|endoftext|>": its length, or 0. */
static size_t mark_at(const latent_bpe *b, const uint32_t *t, size_t n, int *number)
{
    static const char *const marks[2] = {"<|startoftext|>", "<|endoftext|>"};
    for (int k = 0; k < 2; k++) {
        size_t length = strlen(marks[k]), i = 0;
        while (i < length && i < n && t[i] == (unsigned char)marks[k][i])
            i++;
        if (i == length) {
            *number = k ? b->end : b->start;
            return length;
        }
    }
    return 0;
}

/* How many characters belong to the word that begins here: 's 't 're 've 'm 'll 'd, letters, one
   digit, or a run of other things.  The long s counts as s, as it does where case is ignored. */
static size_t word_at(const uint32_t *t, size_t n)
{
    size_t i = 1;
    if (*t == '\'' && n > 1) {
        uint32_t a = t[1] == 0x17f ? 's' : t[1], b = n > 2 ? t[2] : 0;
        if (a == 's' || a == 't')
            return 2;
        if ((a == 'r' || a == 'v') && b == 'e')
            return 3;
        if (a == 'm')
            return 2;
        if (a == 'l' && b == 'l')
            return 3;
        if (a == 'd')
            return 2;
    }
    if (latent_is_number(*t))
        return 1;
    if (latent_is_letter(*t))
        while (i < n && latent_is_letter(t[i]))
            i++;
    else
        while (i < n && !latent_is_letter(t[i]) && !latent_is_number(t[i]) &&
               !latent_is_space(t[i]))
            i++;
    return i;
}

/* Joins the symbols of a word until no merge fits; how many are left. */
static int join(const latent_bpe *b, int *s, int n)
{
    for (;;) {
        const merge *best = NULL;
        int kept = 0;
        for (int i = 0; i + 1 < n; i++) {
            const merge *m = merge_place(b, s[i], s[i + 1]);
            if (m->left >= 0 && (!best || m->rank < best->rank))
                best = m;
        }
        if (!best)
            return n;
        for (int i = 0; i < n; i++)
            if (i + 1 < n && s[i] == best->left && s[i + 1] == best->right) {
                s[kept++] = best->joined;
                i++;
            } else
                s[kept++] = s[i];
        n = kept;
    }
}

static int put_word(writer *w, const uint32_t *t, size_t length)
{
    const latent_bpe *b = w->b;
    int n = 0;
    for (size_t i = 0; i < length; i++) {
        char bytes[4];
        int count = latent_utf8(t[i], bytes);
        for (int k = 0; k < count; k++)
            w->symbols[n++] = b->base[(unsigned char)bytes[k]];
    }
    if ((size_t)n > (size_t)w->room * b->longest_bytes)
        return too_long(w);
    w->symbols[n - 1] += 256;
    n = join(b, w->symbols, n);
    for (int i = 0; i < n; i++)
        if (put(w, b->number[w->symbols[i]]))
            return -1;
    return 0;
}

static int put_text(writer *w, const uint32_t *t, size_t n)
{
    size_t i = 0;
    if (put(w, w->b->start))
        return -1;
    while (i < n) {
        int number, failed;
        size_t length = mark_at(w->b, t + i, n - i, &number);
        if (latent_is_space(t[i])) {
            i++;
            continue;
        }
        if (length)
            failed = put(w, number);
        else
            failed = put_word(w, t + i, length = word_at(t + i, n - i));
        if (failed)
            return -1;
        i += length;
    }
    return put(w, w->b->end);
}

int latent_bpe_encode(const latent_bpe *b, const char *text, int *tokens, int room, latent_error *e)
{
    size_t n;
    uint32_t *t;
    writer w = {b, tokens, 0, room, NULL, e};
    int failed;
    if (strlen(text) > LONGEST_TEXT)
        return too_long(&w);
    if (!(t = latent_clean(text, &n, e)))
        return -1;
    if (!(w.symbols = malloc((4 * n + 1) * sizeof(*w.symbols)))) {
        free(t);
        return latent_fail(e, "no memory for a text of %zu characters", n);
    }
    failed = put_text(&w, t, n);
    free(w.symbols);
    free(t);
    return failed ? -1 : w.n;
}
