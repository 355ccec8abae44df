/* main: all tests of the engine in one program.  Each file test_x.c here and in tests/models is a
   program of its own in all but name: its main() becomes a function, which this one calls.  Which
   it is says the name by which it was called ("test_x", a link that "make build/tests/test_x"
   makes), or the first argument ("engine x"); without one it lists them. */
#include <stdio.h>
#include <string.h>

#define GROUP(name) int name##_main(void);
#include "groups.h" /* GROUP(test_x) for each, written by tests.mk */
#undef GROUP

static const struct {
    const char *name;
    int (*run)(void);
} groups[] = {
#define GROUP(name) {#name, name##_main},
#include "groups.h"
};

int main(int argc, char **argv)
{
    const char *slash = strrchr(argv[0], '/'), *name = slash ? slash + 1 : argv[0];
    if (strncmp(name, "test_", 5))
        name = argc > 1 ? argv[1] : "";
    for (size_t i = 0; i < sizeof(groups) / sizeof(*groups); i++)
        if (!strcmp(groups[i].name, name) || !strcmp(groups[i].name + 5, name))
            return groups[i].run();
    for (size_t i = 0; i < sizeof(groups) / sizeof(*groups); i++)
        printf("%s\n", groups[i].name + 5);
    return *name ? 2 : 0;
}
