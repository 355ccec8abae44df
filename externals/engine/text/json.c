/* json: see json.h (RFC 8259) */
#include "json.h"
#include "clean.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define DEEPEST 64

char latent_json_peek(latent_json *j)
{
    while (j->at < j->end && strchr(" \t\r\n", *j->at) && *j->at)
        j->at++;
    return j->at < j->end ? *j->at : 0;
}

static int expect(latent_json *j, char c)
{
    if (latent_json_peek(j) != c)
        return -1;
    j->at++;
    return 0;
}

int latent_json_enter(latent_json *j, char open)
{
    return expect(j, open);
}

int latent_json_next(latent_json *j, char open, int *n, char *key, size_t room)
{
    char c = latent_json_peek(j);
    if (c == (open == '{' ? '}' : ']')) {
        j->at++;
        return 0;
    }
    if (*n && expect(j, ','))
        return -1;
    (*n)++;
    if (open == '{' && (latent_json_string(j, key, room) < 0 || expect(j, ':')))
        return -1;
    return latent_json_peek(j) ? 1 : -1;
}

static int hex4(latent_json *j, uint32_t *c)
{
    *c = 0;
    if (j->end - j->at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        char d = *j->at++;
        int v = d >= '0' && d <= '9'   ? d - '0'
                : d >= 'a' && d <= 'f' ? d - 'a' + 10
                : d >= 'A' && d <= 'F' ? d - 'A' + 10
                                       : -1;
        if (v < 0)
            return -1;
        *c = *c << 4 | (uint32_t)v;
    }
    return 0;
}

/* What follows a backslash. */
static int escaped(latent_json *j, uint32_t *c)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    char mark = j->at < j->end ? *j->at++ : 0;
    const char *found = mark ? strchr(from, mark) : NULL;
    uint32_t low;
    if (found) {
        *c = (unsigned char)to[found - from];
        return 0;
    }
    if (mark != 'u' || hex4(j, c))
        return -1;
    if (*c >= 0xd800 && *c < 0xdc00) {
        if (j->end - j->at < 2 || j->at[0] != '\\' || j->at[1] != 'u')
            return -1;
        j->at += 2;
        if (hex4(j, &low) || low < 0xdc00 || low > 0xdfff)
            return -1;
        *c = 0x10000 + ((*c - 0xd800) << 10) + (low - 0xdc00);
    }
    return *c >= 0xdc00 && *c < 0xe000 ? -1 : 0;
}

long latent_json_string(latent_json *j, char *text, size_t room)
{
    size_t length = 0;
    if (expect(j, '"'))
        return -1;
    while (j->at < j->end && *j->at != '"') {
        char bytes[4];
        uint32_t c;
        int n = 1;
        bytes[0] = *j->at++;
        if (bytes[0] == '\\') {
            if (escaped(j, &c))
                return -1;
            n = latent_utf8(c, bytes);
        }
        for (int i = 0; i < n; i++, length++)
            if (length + 1 < room)
                text[length] = bytes[i];
    }
    if (room)
        text[length < room ? length : room - 1] = 0;
    return expect(j, '"') ? -1 : (long)length;
}

int latent_json_number(latent_json *j, double *value)
{
    char text[40], *end;
    size_t n = 0;
    latent_json_peek(j);
    while (j->at < j->end && n < sizeof(text) - 1 && *j->at && strchr("+-.0123456789eE", *j->at))
        text[n++] = *j->at++;
    text[n] = 0;
    *value = strtod(text, &end);
    return n && !*end ? 0 : -1;
}

int latent_json_skip(latent_json *j)
{
    char open[DEEPEST], none[1];
    int depth = 0, n = 0;
    do {
        char c = latent_json_peek(j);
        if (c == '{' || c == '[') {
            if (depth == DEEPEST)
                return -1;
            open[depth++] = c;
            j->at++;
            n = 0;
        } else if (c == '"') {
            if (latent_json_string(j, none, 0) < 0)
                return -1;
        } else { /* a number, true, false or null */
            const char *first = j->at;
            while (j->at < j->end && *j->at && !strchr(",]} \t\r\n", *j->at))
                j->at++;
            if (j->at == first)
                return -1;
        }
        while (depth) { /* on to the next value, or out of what has ended */
            int more = latent_json_next(j, open[depth - 1], &n, none, 0);
            if (more < 0)
                return -1;
            if (more)
                break;
            depth--;
            n = 1;
        }
    } while (depth);
    return 0;
}
