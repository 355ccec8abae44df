/* clean: see clean.h */
#include "clean.h"
#include "unicode_tables.h"
#include <stdlib.h>
#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof(*(table)))
#define UNKNOWN 0xfffd

/* ---- kinds of characters */

static int in_ranges(const code_range *r, size_t n, uint32_t c)
{
    size_t low = 0;
    while (n) { /* the first row that ends at c or later */
        size_t half = n / 2;
        if (r[low + half].last < c) {
            low += half + 1;
            n -= half + 1;
        } else
            n = half;
    }
    return r[low].first <= c && c <= r[low].last;
}

int latent_is_letter(uint32_t c)
{
    return c <= letters[COUNT(letters) - 1].last && in_ranges(letters, COUNT(letters), c);
}

int latent_is_number(uint32_t c)
{
    return c <= numbers[COUNT(numbers) - 1].last && in_ranges(numbers, COUNT(numbers), c);
}

int latent_is_space(uint32_t c)
{
    return (c >= 9 && c <= 13) || c == 32 || c == 0x85 || c == 0xa0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f ||
           c == 0x205f || c == 0x3000;
}

static uint32_t lower_of(uint32_t c)
{
    for (size_t i = 0; i < COUNT(lower) && lower[i].first <= c; i++)
        if (c <= lower[i].last && (c - lower[i].first) % (uint32_t)lower[i].step == 0)
            return c + (uint32_t)lower[i].delta;
    return c;
}

/* ---- UTF-8 */

int latent_utf8(uint32_t c, char *bytes)
{
    if (c < 0x80) {
        bytes[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        bytes[0] = (char)(0xc0 | c >> 6);
        bytes[1] = (char)(0x80 | (c & 63));
        return 2;
    }
    if (c < 0x10000) {
        bytes[0] = (char)(0xe0 | c >> 12);
        bytes[1] = (char)(0x80 | (c >> 6 & 63));
        bytes[2] = (char)(0x80 | (c & 63));
        return 3;
    }
    bytes[0] = (char)(0xf0 | c >> 18);
    bytes[1] = (char)(0x80 | (c >> 12 & 63));
    bytes[2] = (char)(0x80 | (c >> 6 & 63));
    bytes[3] = (char)(0x80 | (c & 63));
    return 4;
}

/* Reads one character and moves on. */
static uint32_t next_of(const unsigned char **p)
{
    static const uint32_t least[4] = {0, 0x80, 0x800, 0x10000};
    const unsigned char *s = *p;
    int more = *s < 0x80 ? 0 : *s < 0xc0 ? -1 : *s < 0xe0 ? 1 : *s < 0xf0 ? 2 : *s < 0xf8 ? 3 : -1;
    uint32_t c = more > 0 ? *s & (0x3fu >> more) : *s;
    (*p)++;
    for (int i = 1; i <= more; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return UNKNOWN; /* the next character begins here, or the text ends */
        c = c << 6 | (s[i] & 63u);
    }
    if (more < 0)
        return UNKNOWN;
    *p = s + 1 + more;
    return c < least[more] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000) ? UNKNOWN : c;
}

/* ---- HTML's names */

static int digit_of(uint32_t c, int base)
{
    int d = c >= '0' && c <= '9'                 ? (int)(c - '0')
            : base == 16 && c >= 'a' && c <= 'f' ? (int)(c - 'a') + 10
            : base == 16 && c >= 'A' && c <= 'F' ? (int)(c - 'A') + 10
                                                 : -1;
    return d;
}

/* What a number stands for; 0: for nothing. */
static uint32_t numbered(uint32_t c)
{
    /* 0x80 to 0x9f are meant as Windows' code page 1252; a point: as they are */
    static const uint16_t windows[32] = {
        0x20ac, 0x81,   0x201a, 0x192,  0x201e, 0x2026, 0x2020, 0x2021, 0x2c6,  0x2030, 0x160,
        0x2039, 0x152,  0x8d,   0x17d,  0x8f,   0x90,   0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
        0x2013, 0x2014, 0x2dc,  0x2122, 0x161,  0x203a, 0x153,  0x9d,   0x17e,  0x178};
    if (c >= 0x80 && c < 0xa0)
        return windows[c - 0x80];
    if (!c || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
        return UNKNOWN;
    if ((c < 32 && c != 9 && c != 10 && c != 12 && c != 13) || c == 127 ||
        (c >= 0xfdd0 && c < 0xfdf0) || (c & 0xfffe) == 0xfffe)
        return 0;
    return c;
}

/* "&#38;" or "&#x26;" at t, after the &.  Returns how many characters belong to it, or 0. */
static size_t read_number(const uint32_t *t, size_t n, uint32_t *c)
{
    int base = n > 1 && (t[1] == 'x' || t[1] == 'X') ? 16 : 10;
    size_t i = base == 16 ? 2 : 1, first = i;
    uint32_t value = 0;
    for (; i < n && digit_of(t[i], base) >= 0; i++)
        if (value <= 0x10ffff)
            value = value * (uint32_t)base + (uint32_t)digit_of(t[i], base);
    if (i == first)
        return 0;
    *c = numbered(value);
    return i + (i < n && t[i] == ';');
}

static uint32_t named(const uint32_t *t, size_t n)
{
    static const char capitals[][5] = {"AMP", "COPY", "GT", "LT", "QUOT", "REG"};
    static const uint8_t codes[] = {'&', 0xa9, '>', '<', '"', 0xae};
    char name[9] = "";
    if (n > 8)
        return 0;
    for (size_t i = 0; i < n; i++)
        name[i] = t[i] < 128 ? (char)t[i] : ' ';
    for (size_t i = 0; i < COUNT(entities); i++)
        if (!strcmp(entities[i].name, name))
            return entities[i].code;
    for (size_t i = 0; i < COUNT(capitals); i++)
        if (!strcmp(capitals[i], name))
            return codes[i];
    return 0;
}

/* "&amp;", or an old name without its semicolon, even at the beginning of a word: "&ampx". */
static size_t read_name(const uint32_t *t, size_t n, uint32_t *c)
{
    size_t length = 0;
    while (length < n && length < 9 && t[length] < 128 && !strchr("\t\n\f <&#;", (int)t[length]))
        length++;
    if (length < n && t[length] == ';' && (*c = named(t, length)))
        return length + 1;
    for (; length > 1; length--)
        if ((*c = named(t, length)) && *c < 256 && *c != '\'')
            return length;
    return 0;
}

static size_t unescape(uint32_t *t, size_t n)
{
    size_t kept = 0, i = 0;
    while (i < n) {
        uint32_t c = 0;
        size_t used = 0;
        if (t[i] == '&' && i + 1 < n)
            used = t[i + 1] == '#' ? read_number(t + i + 1, n - i - 1, &c)
                                   : read_name(t + i + 1, n - i - 1, &c);
        if (!used)
            t[kept++] = t[i++];
        else {
            if (c)
                t[kept++] = c;
            i += 1 + used;
        }
    }
    return kept;
}

/* ---- spaces and case */

static int is_margin(uint32_t c)
{
    return latent_is_space(c) || (c >= 0x1c && c <= 0x1f);
}

static size_t single_spaces(uint32_t *t, size_t n)
{
    size_t first = 0, kept = 0;
    while (n && is_margin(t[n - 1]))
        n--;
    while (first < n && is_margin(t[first]))
        first++;
    for (size_t i = first; i < n; i++)
        if (!latent_is_space(t[i]))
            t[kept++] = t[i];
        else if (!latent_is_space(t[i - 1]))
            t[kept++] = ' ';
    return kept;
}

/* Is there an upper and a lower case of it? */
static int is_cased(uint32_t c)
{
    for (size_t i = 0; i < COUNT(lower); i++) {
        uint32_t up = c - lower[i].first, low = up - (uint32_t)lower[i].delta;
        uint32_t room = lower[i].last - lower[i].first, step = (uint32_t)lower[i].step;
        if ((up <= room && up % step == 0) || (low <= room && low % step == 0))
            return 1;
    }
    return 0;
}

/* Marks that do not end a word. */
static int is_inside(uint32_t c)
{
    return c == '\'' || c == '.' || c == ':' || c == 0xad || c == 0xb7 || c == 0x2019 ||
           (c >= 0x300 && c < 0x370);
}

/* A capital sigma at the end of a word has a lower case of its own. */
static int ends_word(const uint32_t *t, size_t n, size_t i)
{
    size_t before = i, after = i + 1;
    while (before && is_inside(t[before - 1]))
        before--;
    while (after < n && is_inside(t[after]))
        after++;
    return before && is_cased(t[before - 1]) && (after == n || !is_cased(t[after]));
}

uint32_t *latent_clean(const char *text, size_t *n, latent_error *e)
{
    const unsigned char *p = (const unsigned char *)text;
    size_t length = strlen(text), count = 0;
    uint32_t *t = malloc((2 * length + 1) * sizeof(*t)), *out;
    if (!t) {
        latent_fail(e, "no memory for a text of %zu bytes", length);
        return NULL;
    }
    out = t + length;
    while (*p)
        t[count++] = next_of(&p);
    count = unescape(t, count);
    count = unescape(t, count);
    count = single_spaces(t, count);
    *n = 0;
    for (size_t i = 0; i < count; i++)
        if (t[i] == 0x130) { /* the capital i with a dot, two bytes: becomes two characters */
            out[(*n)++] = 'i';
            out[(*n)++] = 0x307;
        } else
            out[(*n)++] = t[i] == 0x3a3 && ends_word(t, count, i) ? 0x3c2 : lower_of(t[i]);
    memmove(t, out, *n * sizeof(*t));
    return t;
}
