/* kinds: see kinds.h */
#include "kinds.h"
#include <ctype.h>
#include <string.h>
#include <strings.h>

#define UNPACK LATENT_KIND_PACKED
#define TO_PNG "convert it to PNG or JPEG"
#define TO_MP4 "convert it to MP4"
#define TO_WAV "render it as WAV"
#define ANOTHER "choose another file"

static const struct {
    size_t at, n;
    const char *bytes, *name, *advice;
} marks[] = {
    {0, 6,
     "\xfd"
     "7zXZ",
     "an xz archive", UNPACK},
    {0, 6, "Rar!\x1a\x07", "a rar archive", UNPACK},
    {0, 6, "7z\xbc\xaf\x27\x1c", "a 7z archive", UNPACK},
    {0, 4, "PK\x03\x04", "a zip archive, or a document that is one inside", UNPACK},
    {0, 4, "PK\x05\x06", "a zip archive with nothing in it", ANOTHER},
    {0, 2, "\x1f\x8b", "a gzip archive", UNPACK},
    {0, 3, "BZh", "a bzip2 archive", UNPACK},
    {0, 4, "\x28\xb5\x2f\xfd", "a zstd archive", UNPACK},
    {0, 4, "\x04\x22\x4d\x18", "an lz4 archive", UNPACK},
    {257, 5, "ustar", "a tar archive", UNPACK},
    {0, 4, "II+\0", "a BigTIFF picture", TO_PNG},
    {0, 4, "MM\0+", "a BigTIFF picture", TO_PNG},
    {0, 5, "%PDF-", "a PDF document", TO_PNG},
    {0, 4, "%!PS", "a PostScript document", TO_PNG},
    {0, 4, "\xc5\xd0\xd3\xc6", "an EPS document", TO_PNG},
    {0, 9, "gimp xcf ", "a GIMP picture (XCF)", TO_PNG},
    {0, 4, "\xd7\xcd\xc6\x9a", "a Windows drawing (WMF)", TO_PNG},
    {4, 8, "ftypcrx ", "a Canon raw picture (CR3)", TO_PNG},
    {0, 8, "FUJIFILM", "a Fujifilm raw picture (RAF)", TO_PNG},
    {4, 8, "ftypheic", "an HEIC picture", TO_PNG},
    {4, 8, "ftypheix", "an HEIC picture", TO_PNG},
    {4, 8, "ftyphevc", "an HEIC picture sequence", TO_PNG},
    {4, 8, "ftypheim", "an HEIC picture", TO_PNG},
    {4, 8, "ftypheis", "an HEIC picture", TO_PNG},
    {4, 8, "ftypmif1", "an HEIF picture", TO_PNG},
    {4, 8, "ftypmsf1", "an HEIF picture sequence", TO_PNG},
    {0, 16, "\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c", "WMV or WMA (ASF)",
     "convert it to MP4, a sound to WAV"},
    {0, 3, "FLV", "Flash Video (FLV)", TO_MP4},
    {0, 4, ".RMF", "RealMedia", TO_MP4},
    {0, 4, "\x00\x00\x01\xba", "an MPEG program stream (MPG, VOB)", TO_MP4},
    {0, 3, "FWS", "a Flash program (SWF)", TO_MP4},
    {0, 3, "CWS", "a Flash program (SWF)", TO_MP4},
    {0, 4, "MThd", "a MIDI file: notes, no sound", TO_WAV},
    {8, 4, "sfbk", "a SoundFont", TO_WAV},
    {0, 7, "#EXTM3U", "a list of films or sounds (M3U)", "choose one that is on it"},
    {0, 9, "#N canvas", "a Pd patch", ANOTHER},
    {0, 23, "version https://git-lfs", "the place of a file that Git LFS has not fetched yet",
     "fetch it by \"git lfs pull\""},
    {0, 2, "MZ", "a program for Windows", ANOTHER},
    {0, 4,
     "\x7f"
     "ELF",
     "a program", ANOTHER},
};

/* An XML or HTML file's first word, behind what may stand before it. */
static const char *markup(const uint8_t *head, size_t n, const char **advice)
{
    static const char *const words[][3] = {{"<svg", "an SVG drawing", TO_PNG},
                                           {"<!doctype html", "a web page", ANOTHER},
                                           {"<html", "a web page", ANOTHER}};
    for (size_t at = 0; at < n && at < 1024; at++)
        for (int i = 0; head[at] == '<' && i < 3; i++)
            if (n - at >= strlen(words[i][0]) &&
                !strncasecmp((const char *)head + at, words[i][0], strlen(words[i][0]))) {
                *advice = words[i][2];
                return words[i][1];
            }
    return NULL;
}

/* Letters of any language, and no zeroes. */
static int is_text(const uint8_t *head, size_t n)
{
    size_t plain = 0;
    n = n < 512 ? n : 512;
    for (size_t i = 0; i < n; i++)
        if (isprint(head[i]) || isspace(head[i]))
            plain++;
        else if (head[i] < 0x80)
            return 0;
    return n > 0 && (plain == n || plain > n / 8) && !memchr(head, 0xff, n) &&
           !memchr(head, 0xfe, n) && !memchr(head, 0xc0, n);
}

const char *latent_kind_of(const uint8_t *head, size_t n, const char **advice)
{
    const char *name;
    for (size_t i = 0; i < sizeof(marks) / sizeof(*marks); i++)
        if (n >= marks[i].at + marks[i].n &&
            !memcmp(head + marks[i].at, marks[i].bytes, marks[i].n)) {
            *advice = marks[i].advice;
            return marks[i].name;
        }
    if (n > 4 * 188 && head[0] == 0x47 && head[188] == 0x47 && head[376] == 0x47) {
        *advice = TO_MP4;
        return "an MPEG transport stream (TS)";
    }
    if ((name = markup(head, n, advice)))
        return name;
    *advice = ANOTHER;
    return is_text(head, n) ? "text" : NULL;
}

const char *latent_kind_picture(const uint8_t *head, size_t n)
{
    static const char *const portable[] = {"pbm_pipe", "pgm_pipe", "ppm_pipe",
                                           "pbm_pipe", "pgm_pipe", "ppm_pipe"};
    if (n > 3 && !memcmp(head, "\xff\xd8\xff", 3)) /* of several in one file the first */
        return "jpeg_pipe";
    if (n > 3 && head[0] == 'P' && head[1] >= '1' && head[1] <= '6' && isspace(head[2]))
        return portable[head[1] - '1'];
    return NULL;
}
