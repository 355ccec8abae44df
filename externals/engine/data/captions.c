/* captions: see captions.h */
#include "captions.h"
#include "../text/json.h"
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define NAME 1024 /* bytes of a file's name */

/* How many bytes the character at s has, 0 when it is none; n are there.  (RFC 3629) */
static size_t utf8_length(const unsigned char *s, size_t n)
{
    size_t length = s[0] < 0x80   ? 1
                    : s[0] < 0xc2 ? 0
                    : s[0] < 0xe0 ? 2
                    : s[0] < 0xf0 ? 3
                    : s[0] < 0xf5 ? 4
                                  : 0;
    if (length > n)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
        (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
        return 0;
    return length;
}

void latent_captions_copy(char to[LATENT_CAPTION], const char *from, size_t length)
{
    const unsigned char *s = (const unsigned char *)from;
    size_t used = 0;
    while (length) {
        size_t n = utf8_length(s, length);
        if (n && used + n >= LATENT_CAPTION)
            break;
        if (n > 1 || (n == 1 && s[0] >= 32 && s[0] != 127)) {
            memcpy(to + used, s, n);
            used += n;
        } else if (n == 1 && used && to[used - 1] != ' ')
            to[used++] = ' ';
        n = n ? n : 1;
        s += n;
        length -= n;
    }
    while (used && to[used - 1] == ' ')
        used--;
    to[used] = 0;
}

/* Has it a character of Chinese (U+3400 to U+9FFF, U+F900 to U+FAFF, U+20000 on)? */
static int is_chinese(const char *text)
{
    for (const unsigned char *s = (const unsigned char *)text; *s; s++)
        if ((s[0] == 0xe3 && s[1] >= 0x90) || (s[0] > 0xe3 && s[0] <= 0xe9) ||
            (s[0] == 0xef && s[1] >= 0xa4 && s[1] < 0xac) || s[0] >= 0xf0)
            return 1;
    return 0;
}

void latent_captions_lines(const char *text, size_t size, char english[LATENT_CAPTION],
                           char chinese[LATENT_CAPTION])
{
    char line[LATENT_CAPTION];
    english[0] = chinese[0] = 0;
    if (size >= 3 && !memcmp(text, "\xef\xbb\xbf", 3)) {
        text += 3;
        size -= 3;
    }
    while (size && (!*english || !*chinese)) {
        const char *end = memchr(text, '\n', size);
        size_t n = end ? (size_t)(end - text) : size;
        char *to;
        latent_captions_copy(line, text, n);
        to = is_chinese(line) ? chinese : english;
        if (!*to)
            memcpy(to, line, sizeof(line));
        n += end != NULL;
        text += n;
        size -= n;
    }
}

/* ---- JSON */

static char *copy_text(const char *text)
{
    char cut[LATENT_CAPTION];
    latent_captions_copy(cut, text, strlen(text));
    return strdup(cut);
}

static int add(latent_captions *c, const char *file, const char *english, const char *chinese,
               int label, latent_error *e)
{
    latent_caption *q;
    if (c->n == LATENT_CAPTIONS_MOST)
        return latent_fail(e, "it speaks of more than %d pictures", LATENT_CAPTIONS_MOST);
    if (c->n == c->room) {
        int room = c->room ? 2 * c->room : 64;
        latent_caption *list = realloc(c->list, sizeof(*list) * (size_t)room);
        if (!list)
            return latent_fail(e, "there is no memory for what it says");
        c->list = list;
        c->room = room;
    }
    while (!strncmp(file, "./", 2))
        file += 2;
    q = c->list + c->n;
    q->file = strdup(file);
    q->english = copy_text(english);
    q->chinese = copy_text(chinese);
    q->label = label;
    c->n++; /* what is missing is NULL, and freed so */
    if (!q->file || !q->english || !q->chinese)
        return latent_fail(e, "there is no memory for what it says");
    return 0;
}

/* The place of a key in a list of words with blanks between, from 1; 0: it is not there.  Earlier
   words are better names for the same thing. */
static int rank(const char *key, const char *words)
{
    size_t n = strlen(key);
    int at = 1;
    for (const char *w = words; *w; at++) {
        size_t length = strcspn(w, " ");
        if (n == length && !strncasecmp(w, key, n))
            return at;
        w += length;
        w += *w == ' ';
    }
    return 0;
}

#define FILE_KEYS "file file_name filename image path fname"
#define ENGLISH_KEYS "en english caption text caption_en name_en name latin"
#define CHINESE_KEYS "zh chinese caption_zh name_zh modern_zh"
#define LABEL_KEYS "class label"

/* One of the entry's strings; the better named wins. */
static int take(latent_json *j, char *to, size_t room, int *best, int found)
{
    char text[LATENT_CAPTION > NAME ? LATENT_CAPTION : NAME];
    if (latent_json_peek(j) != '"')
        return latent_json_skip(j);
    if (latent_json_string(j, text, room) < 0)
        return -1;
    if (*text && (!*best || found < *best)) {
        strcpy(to, text);
        *best = found;
    }
    return 0;
}

/* { "file": ..., "en": ..., "zh": ..., "class": ... } */
static int read_entry(latent_captions *c, latent_json *j, latent_error *e)
{
    char key[64], file[NAME] = "", english[LATENT_CAPTION] = "", chinese[LATENT_CAPTION] = "";
    int n = 0, more, best[3] = {0}, label = -1, found;
    double number;
    if (latent_json_enter(j, '{'))
        return -1;
    while ((more = latent_json_next(j, '{', &n, key, sizeof(key))) > 0) {
        int bad;
        if ((found = rank(key, FILE_KEYS)))
            bad = take(j, file, sizeof(file), best, found);
        else if ((found = rank(key, ENGLISH_KEYS)))
            bad = take(j, english, sizeof(english), best + 1, found);
        else if ((found = rank(key, CHINESE_KEYS)))
            bad = take(j, chinese, sizeof(chinese), best + 2, found);
        else if (rank(key, LABEL_KEYS) && strchr("-0123456789", latent_json_peek(j))) {
            bad = latent_json_number(j, &number);
            if (!bad && number >= 0 && number < 1e6)
                label = (int)number;
        } else
            bad = latent_json_skip(j);
        if (bad)
            return -1;
    }
    if (more < 0)
        return -1;
    return *file ? add(c, file, english, chinese, label, e) : 0;
}

/* [ "file", 3 ] */
static int read_pair(latent_captions *c, latent_json *j, latent_error *e)
{
    char file[NAME] = "";
    int n = 0, more, at = 0, label = -1;
    double number;
    if (latent_json_enter(j, '['))
        return -1;
    for (; (more = latent_json_next(j, '[', &n, NULL, 0)) > 0; at++) {
        char c0 = latent_json_peek(j);
        if (at == 0 && c0 == '"') {
            if (latent_json_string(j, file, sizeof(file)) < 0)
                return -1;
        } else if (at == 1 && strchr("-0123456789", c0)) {
            if (latent_json_number(j, &number))
                return -1;
            label = number >= 0 && number < 1e6 ? (int)number : -1;
        } else if (latent_json_skip(j))
            return -1;
    }
    if (more < 0)
        return -1;
    return *file ? add(c, file, "", "", label, e) : 0;
}

static int read_list(latent_captions *c, latent_json *j, latent_error *e)
{
    int n = 0, more;
    if (latent_json_enter(j, '['))
        return -1;
    while ((more = latent_json_next(j, '[', &n, NULL, 0)) > 0) {
        char c0 = latent_json_peek(j);
        if (c0 == '{' ? read_entry(c, j, e) : c0 == '[' ? read_pair(c, j, e) : latent_json_skip(j))
            return -1;
    }
    return more;
}

/* { "labels": [...] } or { "fish.png": "a fish" } */
static int read_map(latent_captions *c, latent_json *j, latent_error *e)
{
    char key[NAME], text[LATENT_CAPTION];
    int n = 0, more;
    if (latent_json_enter(j, '{'))
        return -1;
    while ((more = latent_json_next(j, '{', &n, key, sizeof(key))) > 0) {
        char c0 = latent_json_peek(j);
        if (c0 == '"') {
            if (latent_json_string(j, text, sizeof(text)) < 0 ||
                add(c, key, is_chinese(text) ? "" : text, is_chinese(text) ? text : "", -1, e))
                return -1;
        } else if (c0 == '[' ? read_list(c, j, e) : latent_json_skip(j))
            return -1;
    }
    return more;
}

int latent_captions_json(latent_captions *c, const char *text, size_t size, latent_error *e)
{
    latent_json j = {text, text + size};
    latent_error own = {""};
    int before = c->n, bad;
    char first;
    if (size >= 3 && !memcmp(text, "\xef\xbb\xbf", 3))
        j.at += 3;
    first = latent_json_peek(&j);
    bad = first == '[' ? read_list(c, &j, &own) : first == '{' ? read_map(c, &j, &own) : -1;
    if (!bad)
        return 0;
    if (*own.text)
        return latent_fail(e, "%s", own.text);
    return latent_fail(
        e, "it is no JSON, or is damaged after %zu of %zu bytes (%d pictures were read)",
        (size_t)(j.at - text), size, c->n - before);
}

/* ---- looking up */

static int compare(const void *a, const void *b)
{
    const latent_caption *p = a, *q = b;
    const char *x = p->file ? p->file : "", *y = q->file ? q->file : "";
    return strcmp(x, y);
}

/* Merges what two entries say about one file: words of the later, where it has some. */
static void merge(latent_caption *to, latent_caption *from)
{
    char *swap;
    if (from->english && *from->english) {
        swap = to->english;
        to->english = from->english;
        from->english = swap;
    }
    if (from->chinese && *from->chinese) {
        swap = to->chinese;
        to->chinese = from->chinese;
        from->chinese = swap;
    }
    if (from->label >= 0)
        to->label = from->label;
}

static void free_one(latent_caption *q)
{
    free(q->file);
    free(q->english);
    free(q->chinese);
}

void latent_captions_sort(latent_captions *c)
{
    int kept = 0;
    if (c->n)
        qsort(c->list, (size_t)c->n, sizeof(*c->list), compare);
    for (int i = 0; i < c->n; i++)
        if (kept && !compare(c->list + kept - 1, c->list + i)) {
            merge(c->list + kept - 1, c->list + i);
            free_one(c->list + i);
        } else
            c->list[kept++] = c->list[i];
    c->n = kept;
}

const latent_caption *latent_captions_find(const latent_captions *c, const char *file)
{
    latent_caption wanted = {(char *)file, NULL, NULL, -1};
    const char *slash = strrchr(file, '/');
    const latent_caption *q =
        c->n ? bsearch(&wanted, c->list, (size_t)c->n, sizeof(*c->list), compare) : NULL;
    return q || !slash ? q : latent_captions_find(c, slash + 1);
}

void latent_captions_free(latent_captions *c)
{
    for (int i = 0; i < c->n; i++)
        free_one(c->list + i);
    free(c->list);
    *c = (latent_captions){0};
}
