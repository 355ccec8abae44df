/* test_share: pictures as Gem reads them.  The layout and the key are Gem's own; that its
   [pix_share_read] draws such a picture is tested in tests/gui/share.sh. */
#include "engine/stage/share.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <unistd.h>

#include <cmocka.h>

typedef struct {
    size_t size;
    int w, h;
    unsigned format;
    unsigned char upside_down;
    unsigned char pixels[] __attribute__((aligned(8)));
} gem_header;

static latent_tensor *picture(int h, int w, float red)
{
    latent_error e;
    latent_tensor *t = latent_tensor_new((latent_shape){1, h, w, 3}, &e);
    assert_non_null(t);
    for (size_t i = 0; i < t->count; i++)
        t->data[i] = i % 3 ? -1 : red;
    return t;
}

static const char *name(void)
{
    static char text[40];
    snprintf(text, sizeof(text), "latent-test-%d", (int)getpid());
    return text;
}

static int find(void)
{
    return shmget(latent_share_key(name()), 0, 0600);
}

static void show(latent_share *s, int h, int w)
{
    latent_error e;
    latent_tensor *t = picture(h, w, 1);
    if (latent_share_show(s, t, &e))
        fail_msg("%s", e.text);
    latent_tensor_release(t);
}

static void test_key(void **state)
{
    (void)state;
    assert_int_equal(latent_share_key("fish"), 0xdaca); /* as "ipcs -m" shows it of Gem */
    assert_int_equal(latent_share_key("a"), 'a');
    assert_int_equal(latent_share_key(""), 0);
}

static void test_layout(void **state)
{
    latent_error e;
    latent_share *s = latent_share_new(name(), 4, 2, &e);
    const gem_header *at;
    (void)state;
    assert_non_null(s);
    assert_true(find() < 0); /* nothing before the first picture */
    show(s, 2, 4);
    assert_true(find() > 0);
    at = shmat(find(), NULL, SHM_RDONLY);
    assert_ptr_not_equal(at, (void *)-1);
    assert_int_equal(sizeof(*at), 24);
    assert_int_equal(at->size, 32);
    assert_int_equal(at->w, 4);
    assert_int_equal(at->h, 2);
    assert_int_equal(at->upside_down, 1);
#ifndef __APPLE__
    assert_int_equal(at->format, 0x1908);
    assert_memory_equal(at->pixels, "\xff\0\0\xff\xff\0\0\xff", 8);
#endif
    show(s, 40, 80); /* larger than there is room */
    assert_int_equal(at->w, 4);
    assert_int_equal(at->h, 2);
    latent_share_release(s);
    assert_true(find() >= 0); /* it is still being read */
    shmctl(find(), IPC_RMID, NULL);
    shmdt(at);
}

/* Gem was first, with less room; and then it is gone again. */
static void test_smaller(void **state)
{
    latent_error e;
    latent_share *s = latent_share_new(name(), 64, 64, &e);
    int id = shmget(latent_share_key(name()), sizeof(gem_header) + 16, IPC_CREAT | 0600);
    (void)state;
    assert_true(id >= 0);
    assert_non_null(s);
    show(s, 64, 64);
    latent_share_release(s);
    assert_true(find() < 0); /* who was last removes it */
    if (find() >= 0)
        shmctl(id, IPC_RMID, NULL);
}

/* Some containers have no such memory. */
static int has_memory(void)
{
    int id = shmget(IPC_PRIVATE, 1, IPC_CREAT | 0600);
    return id >= 0 && shmctl(id, IPC_RMID, NULL) == 0;
}

int main(void)
{
    if (!has_memory()) {
        printf("SKIP there is no System V shared memory\n");
        return 77;
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_key), cmocka_unit_test(test_layout),
                                       cmocka_unit_test(test_smaller)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
