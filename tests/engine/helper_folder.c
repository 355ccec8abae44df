/* helper_folder: see helper_folder.h */
#include "helper_folder.h"
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

char folder[] = P_tmpdir "/latent-test-XXXXXX";

int folder_set_up(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int forget(const char *path, const struct stat *st, int kind, struct FTW *f)
{
    (void)st;
    (void)kind;
    (void)f;
    return remove(path);
}

int folder_tear_down(void **state)
{
    (void)state;
    return nftw(folder, forget, 16, FTW_DEPTH | FTW_PHYS);
}

const char *in_folder(const char *format, ...)
{
    static char name[16][300];
    static int turn;
    char *to = name[turn++ & 15];
    va_list args;
    int n = snprintf(to, sizeof(name[0]), "%s/", folder);
    va_start(args, format);
    vsnprintf(to + n, sizeof(name[0]) - (size_t)n, format, args);
    va_end(args);
    return to;
}

uint8_t *read_file(const char *path, size_t *n)
{
    FILE *f = fopen(path, "rb");
    uint8_t *bytes = malloc(8 << 20);
    assert_non_null(f);
    assert_non_null(bytes);
    *n = fread(bytes, 1, 8 << 20, f);
    fclose(f);
    return bytes;
}

void write_file(const char *path, const uint8_t *bytes, size_t n)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    fclose(f);
}
