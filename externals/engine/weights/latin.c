/* latin: bytes that stand as text in a pickle (see pickle.h).  Protocols 0 to 2 know no byte
   strings, so Python 3 writes _codecs.encode(text, "latin1") instead: each byte as the character of
   that number.  Python 2 writes bytes as a string in quotes. */
#include "pickle.h"
#include <stdlib.h>
#include <string.h>

#define PIECE 16384

/* Text to bytes, byte after byte: what has begun and is not yet complete is in here. */
typedef struct {
    pickle_form form;
    char kind; /* of what has begun: 0, a backslash, or u, U, x, o: so many digits are to come */
    int digits;
    uint32_t code;
    uint8_t *to;
    size_t n;
} decoder;

static int put_code(decoder *d)
{
    if (d->code > 255)
        return -1;
    d->to[d->n++] = (uint8_t)d->code;
    d->kind = 0;
    return 0;
}

static int digit_of(uint8_t c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static int begin_digits(decoder *d, char kind, int digits)
{
    d->kind = kind;
    d->digits = digits;
    d->code = 0;
    return 0;
}

/* What follows a backslash. */
static int escaped(decoder *d, uint8_t c)
{
    static const char from[] = "\\'\"abfnrtv", to[] = "\\'\"\a\b\f\n\r\t\v";
    const char *found;
    d->kind = 0;
    if (d->form == PICKLE_CODED && (c == 'u' || c == 'U'))
        return begin_digits(d, (char)c, c == 'u' ? 4 : 8);
    if (d->form == PICKLE_ESCAPED && c == 'x')
        return begin_digits(d, 'x', 2);
    if (d->form == PICKLE_ESCAPED && (found = c ? strchr(from, c) : NULL))
        d->to[d->n++] = (uint8_t)to[found - from];
    else { /* a backslash that means itself */
        d->to[d->n++] = '\\';
        if (d->form == PICKLE_CODED && c == '\\')
            d->kind = '\\';
        else
            d->to[d->n++] = c;
    }
    return 0;
}

static int decode(decoder *d, uint8_t c)
{
    if (d->kind == '\\')
        return escaped(d, c);
    if (d->kind) {
        int digit = d->kind == '8' ? (c >> 6 == 2 ? c & 63 : -1) : digit_of(c);
        if (digit < 0)
            return -1;
        d->code = d->code << (d->kind == '8' ? 6 : 4) | (uint32_t)digit;
        return --d->digits ? 0 : put_code(d);
    }
    if (d->form == PICKLE_UTF8 && c >= 0x80) {
        if (c != 0xc2 && c != 0xc3) /* it is none of the 256 first characters */
            return -1;
        begin_digits(d, '8', 1);
        d->code = c & 31;
        return 0;
    }
    if (d->form != PICKLE_UTF8 && c == '\\')
        d->kind = '\\';
    else
        d->to[d->n++] = c;
    return 0;
}

static int no_bytes(latent_error *e)
{
    return latent_fail(e, "bytes are written as a text that stands for none: the file is damaged, "
                          "fetch it again");
}

static int decode_text(pickle_string *text, latent_bytes *source, latent_error *e)
{
    decoder d = {.form = text->form};
    uint8_t piece[PIECE];
    if (text->length > SIZE_MAX / 2 ||
        !(d.to = latent_bytes_room(source, (size_t)text->length + 1, e)))
        return -1;
    for (uint64_t at = 0; at < text->length;) {
        size_t n = text->length - at < PIECE ? (size_t)(text->length - at) : PIECE;
        if (latent_bytes_read(source, text->offset + at, piece, n, e) < 0)
            return -1;
        for (size_t i = 0; i < n; i++)
            if (decode(&d, piece[i]))
                return no_bytes(e);
        at += n;
    }
    if (d.kind && d.kind != '\\')
        return no_bytes(e);
    if (d.kind)
        d.to[d.n++] = '\\';
    text->length = d.n;
    text->offset = latent_bytes_keep(source, d.n);
    text->form = PICKLE_RAW; /* so that a text which is used again is not decoded again */
    text->text = NULL;
    return 0;
}

/* "__builtin__.bytes" of Python 2 is "builtins.bytes" of Python 3. */
static int is_builtin(const char *function, const char *name)
{
    return (!strncmp(function, "__builtin__.", 12) && !strcmp(function + 12, name)) ||
           (!strncmp(function, "builtins.", 9) && !strcmp(function + 9, name));
}

int latent_pickle_bytes(pickle_value v, latent_bytes *source, pickle_string *bytes, latent_error *e)
{
    if (v.kind == PICKLE_OBJECT) {
        const char *function = latent_pickle_text(v.object->callable);
        const pickle_list *args = latent_pickle_tuple(v.object->args);
        if (strcmp(function, "_codecs.encode") && !is_builtin(function, "bytes") &&
            !is_builtin(function, "bytearray"))
            return 0;
        v = latent_pickle_item(args, 0);
        if (v.kind == PICKLE_NOTHING) {
            *bytes = (pickle_string){.form = PICKLE_RAW};
            return 1;
        }
        if (v.kind == PICKLE_OBJECT) /* bytearray(_codecs.encode(...)) */
            v = latent_pickle_item(latent_pickle_tuple(v.object->args), 0);
    }
    if (v.kind != PICKLE_BYTES && v.kind != PICKLE_STRING)
        return 0;
    if (v.string->form != PICKLE_RAW && decode_text(v.string, source, e))
        return -1;
    *bytes = *v.string;
    return 1;
}
