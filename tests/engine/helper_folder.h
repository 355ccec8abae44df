/* helper_folder: a folder for the files of one test program, which is there from its setup to its
   teardown, for tests of what is read from disk and written to it. */
#ifndef HELPER_FOLDER_H
#define HELPER_FOLDER_H
#include <stddef.h>
#include <stdint.h>

extern char folder[]; /* its path, once it is there */

/* cmocka's group setup and teardown: the folder is made; it goes with all that is in it. */
int folder_set_up(void **state);
int folder_tear_down(void **state);
/* A path in it, printf's way; the last 16 stay as they are. */
const char *in_folder(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A file's first 8 MB, for the caller to free(); and a file of these bytes.  The test fails where
   that can't be. */
uint8_t *read_file(const char *path, size_t *n);
void write_file(const char *path, const uint8_t *bytes, size_t n);

#endif
