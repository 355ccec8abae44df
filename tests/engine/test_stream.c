/* test_stream: the web server of [latent.stream], looked at by viewers of all kinds: quick ones,
   one that stops reading, too many of them. */
#include "engine/media/picture.h"
#include "engine/stage/stream.h"
#include "helper_folder.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define SIDE 64
#define NOISE -1
#define PATIENCE 60000 /* ms */

#if !__has_include(<microhttpd.h>)

static void test_says_what_is_missing(void **state)
{
    latent_stream *s = latent_stream_new();
    latent_error e;
    (void)state;
    assert_non_null(s);
    assert_int_equal(latent_stream_listen(s, 0, 0, &e), -1);
    assert_non_null(strstr(e.text, "libmicrohttpd-dev"));
    latent_stream_release(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_says_what_is_missing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

static latent_stream *serve(void)
{
    latent_error e;
    latent_stream *s = latent_stream_new();
    assert_non_null(s);
    if (latent_stream_listen(s, 0, 0, &e))
        fail_msg("%s", e.text);
    assert_true(latent_stream_port(s) > 0);
    return s;
}

/* A picture of one grey, or of chance, whose JPEG is large. */
static void show(latent_stream *s, int grey, int side)
{
    latent_error e;
    uint8_t *rgb = malloc((size_t)side * (size_t)side * 3);
    assert_non_null(rgb);
    memset(rgb, grey, (size_t)side * (size_t)side * 3);
    for (int i = 0; i < side * side * 3 && grey == NOISE; i++)
        rgb[i] = (uint8_t)((uint32_t)i * 2654435761u >> 24);
    if (latent_stream_show(s, rgb, side, side, 80, &e))
        fail_msg("%s", e.text);
    free(rgb);
}

static int ask(const latent_stream *s, const char *what)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)latent_stream_port(s)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    char words[100];
    int fd = socket(AF_INET, SOCK_STREAM, 0), n;
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    n = snprintf(words, sizeof(words),
                 "%s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", what);
    assert_int_equal(send(fd, words, (size_t)n, MSG_NOSIGNAL), n);
    return fd;
}

/* Reads until the text has come so often (NULL: to the end); how many bytes, malloc'd with a zero
   behind them. */
static size_t read_until(int fd, const char *text, int often, char **got)
{
    size_t n = 0, room = 1 << 20;
    char *to = malloc(room + 1);
    assert_non_null(to);
    for (;;) {
        struct pollfd p = {fd, POLLIN, 0};
        ssize_t more;
        int found = 0;
        assert_true(poll(&p, 1, PATIENCE) > 0);
        more = recv(fd, to + n, room - n, 0);
        if (more <= 0)
            break;
        n += (size_t)more;
        to[n] = 0;
        for (char *at = to; text && (at = memmem(at, n - (size_t)(at - to), text, strlen(text)));
             at++)
            found++;
        if (text && found >= often)
            break;
        assert_true(n < room);
    }
    to[n] = 0;
    *got = to;
    return n;
}

/* The one grey of the last whole JPEG in bytes, -1 when there is none. */
static int grey_of(const char *bytes, size_t n)
{
    const char *first = NULL, *end = NULL, *path = in_folder("picture.jpg");
    latent_error e;
    latent_tensor *t;
    int grey;
    for (const char *at = bytes; (at = memmem(at, n - (size_t)(at - bytes), "\xff\xd8\xff", 3));
         at++) {
        const char *to = memmem(at, n - (size_t)(at - bytes), "\xff\xd9", 2);
        first = to ? at : first;
        end = to ? to + 2 : end;
    }
    if (!first)
        return -1;
    write_file(path, (const uint8_t *)first, (size_t)(end - first));
    if (!(t = latent_picture_read(path, 3, NULL, &e)))
        fail_msg("%s", e.text);
    assert_int_equal(t->shape.h, SIDE);
    assert_int_equal(t->shape.w, SIDE);
    grey = (int)(t->data[0] * 127.5f + 128);
    latent_tensor_release(t);
    return grey;
}

static void wait_for_viewers(const latent_stream *s, int n)
{
    for (int i = 0; i < PATIENCE && latent_stream_viewers(s) != n; i++)
        usleep(1000);
    assert_int_equal(latent_stream_viewers(s), n);
}

static void test_page(void **state)
{
    latent_stream *s = serve();
    char *got;
    size_t n;
    int fd;
    (void)state;
    fd = ask(s, "GET /");
    read_until(fd, NULL, 0, &got);
    assert_memory_equal(got, "HTTP/1.1 200", 12);
    assert_non_null(strstr(got, "<img src=\"stream.mjpeg\""));
    free(got);
    close(fd);
    fd = ask(s, "GET /../../secret");
    read_until(fd, NULL, 0, &got);
    assert_memory_equal(got, "HTTP/1.1 404", 12);
    free(got);
    close(fd);
    fd = ask(s, "DELETE /");
    read_until(fd, NULL, 0, &got);
    assert_memory_equal(got, "HTTP/1.1 405", 12);
    free(got);
    close(fd);
    fd = ask(s, "GET /picture.jpg"); /* none yet */
    read_until(fd, NULL, 0, &got);
    assert_memory_equal(got, "HTTP/1.1 404", 12);
    free(got);
    close(fd);
    show(s, 200, SIDE);
    fd = ask(s, "GET /picture.jpg");
    n = read_until(fd, NULL, 0, &got);
    assert_in_range(grey_of(got, n), 198, 202);
    free(got);
    close(fd);
    latent_stream_release(s);
}

/* Each picture arrives, whole, without waiting for the next one. */
static void test_film(void **state)
{
    latent_stream *s = serve();
    char *got;
    size_t n;
    int fd;
    (void)state;
    fd = ask(s, "GET /stream.mjpeg");
    wait_for_viewers(s, 1);
    for (int grey = 50; grey <= 200; grey += 50) {
        show(s, grey, SIDE);
        n = read_until(fd, "\r\n--latent-picture\r\n", 1, &got);
        assert_in_range(grey_of(got, n), grey - 2, grey + 2);
        free(got);
    }
    close(fd);
    for (int i = 0; i < PATIENCE && latent_stream_viewers(s); i++) { /* noticed when one is sent */
        show(s, 0, SIDE);
        usleep(1000);
    }
    assert_int_equal(latent_stream_viewers(s), 0);
    latent_stream_release(s);
}

/* One who stops reading holds up neither the others nor the end; who is slow gets the newest. */
static void test_slow(void **state)
{
    latent_stream *s = serve();
    int slow = ask(s, "GET /stream.mjpeg"), quick = ask(s, "GET /stream.mjpeg");
    char *got;
    size_t n;
    (void)state;
    wait_for_viewers(s, 2);
    for (int i = 0; i < 60; i++) { /* 12 MB: more than a socket keeps */
        show(s, NOISE, 512);
        read_until(quick, "\r\n--latent-picture\r\n", 1, &got);
        free(got);
    }
    show(s, 150, SIDE);
    n = read_until(quick, "\r\n--latent-picture\r\n", 1, &got);
    assert_in_range(grey_of(got, n), 148, 152);
    free(got);
    assert_int_equal(latent_stream_viewers(s), 2);
    latent_stream_release(s);
    close(slow);
    close(quick);
}

static void test_too_many(void **state)
{
    latent_stream *s = serve();
    int fd[LATENT_STREAM_VIEWERS], more;
    char *got;
    (void)state;
    for (int i = 0; i < LATENT_STREAM_VIEWERS; i++)
        fd[i] = ask(s, "GET /stream.mjpeg");
    wait_for_viewers(s, LATENT_STREAM_VIEWERS);
    more = ask(s, "GET /stream.mjpeg");
    read_until(more, NULL, 0, &got);
    assert_memory_equal(got, "HTTP/1.1 503", 12);
    free(got);
    close(more);
    show(s, 100, SIDE);
    for (int i = 0; i < LATENT_STREAM_VIEWERS; i++) {
        size_t n = read_until(fd[i], "\r\n--latent-picture\r\n", 1, &got);
        assert_in_range(grey_of(got, n), 98, 102);
        free(got);
    }
    latent_stream_release(s); /* while they look */
    for (int i = 0; i < LATENT_STREAM_VIEWERS; i++)
        close(fd[i]);
}

/* A port that is taken is refused by a sentence; another can be taken while somebody looks. */
static void test_ports(void **state)
{
    latent_stream *s = serve(), *other = latent_stream_new();
    latent_error e;
    char *got;
    int port = latent_stream_port(s), fd;
    (void)state;
    assert_int_equal(latent_stream_listen(other, port, 0, &e), -1);
    assert_non_null(strstr(e.text, "is taken"));
    assert_int_equal(latent_stream_port(other), 0);
    fd = ask(s, "GET /stream.mjpeg");
    wait_for_viewers(s, 1);
    assert_int_equal(latent_stream_listen(s, 0, 0, &e), 0);
    read_until(fd, NULL, 0, &got); /* the old one ends */
    free(got);
    close(fd);
    assert_int_equal(latent_stream_viewers(s), 0);
    fd = ask(s, "GET /");
    read_until(fd, NULL, 0, &got);
    assert_memory_equal(got, "HTTP/1.1 200", 12);
    free(got);
    close(fd);
    latent_stream_release(other);
    latent_stream_release(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_page),     cmocka_unit_test(test_film),  cmocka_unit_test(test_slow),
        cmocka_unit_test(test_too_many), cmocka_unit_test(test_ports),
    };
    return cmocka_run_group_tests(tests, folder_set_up, folder_tear_down);
}

#endif
