/* orientation: see orientation.h */
#include "orientation.h"
#include <string.h>
#include <unistd.h>

#define ORIENTATION 274
#define CHUNKS 4096 /* of a PNG, before we stop looking */

latent_orientation latent_orientation_of_exif(int way)
{
    static const latent_orientation turns[9] = {{0, 0, 0}, {0, 0, 0}, {0, 1, 0},
                                                {0, 1, 1}, {0, 0, 1}, {1, 0, 0},
                                                {1, 1, 0}, {1, 1, 1}, {1, 0, 1}};
    return turns[way >= 1 && way <= 8 ? way : 0];
}

latent_orientation latent_orientation_of_matrix(const int32_t m[9])
{
    /* x' = m[0] x + m[3] y, y' = m[1] x + m[4] y: a quarter turn has no diagonal */
    latent_orientation t = {m[0] == 0 && m[4] == 0, 0, 0};
    t.flip_x = (t.swap ? m[3] : m[0]) < 0;
    t.flip_y = (t.swap ? m[1] : m[4]) < 0;
    return t;
}

latent_orientation latent_orientation_left(latent_orientation t)
{
    return (latent_orientation){!t.swap, t.flip_y, !t.flip_x};
}

/* ---- files */

static int take(int fd, int64_t at, void *bytes, size_t n)
{
    return pread(fd, bytes, n, at) == (ssize_t)n ? 0 : -1;
}

static uint32_t number(const uint8_t *p, int bytes, int big)
{
    uint32_t n = 0;
    for (int i = 0; i < bytes; i++)
        n = n << 8 | p[big ? i : bytes - 1 - i];
    return n;
}

#define NO_TIFF -2

/* The first of an entry's numbers, of two bytes or of four; more than fit in lie elsewhere. */
static int64_t first_number(int fd, int64_t base, const uint8_t entry[12], int big)
{
    int size = number(entry + 2, 2, big) == 4 ? 4 : 2;
    uint8_t far[4];
    if (number(entry + 4, 4, big) <= (uint32_t)(4 / size))
        return number(entry + 8, size, big);
    return take(fd, base + number(entry + 8, 4, big), far, (size_t)size)
               ? -1
               : (int64_t)number(far, size, big);
}

/* A number of the first directory of a TIFF (EXIF is one, too); -1 when it is not there, NO_TIFF
   when there is no TIFF. */
static int64_t tiff_number(int fd, int64_t base, unsigned tag)
{
    uint8_t head[8], count[2], entry[12];
    int big;
    int64_t at;
    if (take(fd, base, head, 8) || (memcmp(head, "II*", 4) && memcmp(head, "MM\0*", 4)))
        return NO_TIFF;
    big = head[0] == 'M';
    at = base + number(head + 4, 4, big);
    if (take(fd, at, count, 2))
        return -1;
    for (uint32_t i = 0, n = number(count, 2, big); i < n; i++)
        if (take(fd, at + 2 + 12 * (int64_t)i, entry, 12))
            return -1;
        else if (number(entry, 2, big) == tag)
            return first_number(fd, base, entry, big);
    return -1;
}

int64_t latent_orientation_tiff(int fd, unsigned tag)
{
    int64_t n = tiff_number(fd, 0, tag);
    return n == NO_TIFF ? -1 : n;
}

/* Its way up: 1 when it names none, -1 when there is no TIFF. */
static int tiff_way(int fd, int64_t base)
{
    int64_t way = tiff_number(fd, base, ORIENTATION);
    return way == NO_TIFF ? -1 : way >= 1 && way <= 8 ? (int)way : 1;
}

/* The same of a PNG. */
static int png_way(int fd)
{
    uint8_t head[8];
    int64_t at = 8;
    if (take(fd, 0, head, 8) || memcmp(head, "\x89PNG\r\n\x1a\n", 8))
        return -1;
    for (int i = 0; i < CHUNKS && !take(fd, at, head, 8) && memcmp(head + 4, "IEND", 4); i++) {
        int way = memcmp(head + 4, "eXIf", 4) ? -1 : tiff_way(fd, at + 8);
        if (way > 0)
            return way;
        at += 12 + (int64_t)number(head, 4, 1);
    }
    return 1;
}

int latent_orientation_read(int fd, latent_orientation *t)
{
    int way = png_way(fd);
    if (way < 0)
        way = tiff_way(fd, 0);
    *t = latent_orientation_of_exif(way);
    return way >= 0;
}
