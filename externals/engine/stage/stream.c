/* stream: see stream.h.  The server's own thread asks for bytes when a viewer can take some
   (more_bytes); a viewer that has seen everything sleeps until latent_stream_show() wakes it. */
#include "stream.h"
#include "../base/parallel.h"
#include "../media/jpeg.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A picture with what stands before and behind it in the film.  The line that ends it goes out with
   it, for browsers show a picture only when they know that it is whole; the next one begins behind
   that line. */
typedef struct {
    int holders; /* under the stream's lock */
    size_t head, jpeg, n;
    char bytes[];
} part;

struct latent_stream {
    atomic_int holders, viewers, port;
    latent_jpeg *jpeg;
    pthread_mutex_t lock; /* of all below */
    struct MHD_Daemon *server;
    part *newest;     /* or NULL */
    unsigned showing; /* how many were shown */
    int ending;
    struct viewer *first;
};

latent_stream *latent_stream_new(void)
{
    latent_stream *s = calloc(1, sizeof(*s));
    if (!s || !(s->jpeg = latent_jpeg_new())) {
        free(s);
        return NULL;
    }
    pthread_mutex_init(&s->lock, NULL);
    atomic_init(&s->holders, 1);
    return s;
}

latent_stream *latent_stream_retain(latent_stream *s)
{
    atomic_fetch_add(&s->holders, 1);
    return s;
}

int latent_stream_viewers(const latent_stream *s)
{
    return atomic_load(&s->viewers);
}

int latent_stream_port(const latent_stream *s)
{
    return atomic_load(&s->port);
}

static void let_go(part *p)
{
    if (p && --p->holders == 0)
        free(p);
}

#if __has_include(<microhttpd.h>)
#include <microhttpd.h>

#define LINE "--latent-picture\r\n" /* between two pictures */
#define CONNECTIONS 64
#define PATIENCE 30 /* seconds after which a viewer that takes nothing is let go */

static const char page[] =
    "<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"><title>latent</title>\n"
    "<meta name=\"viewport\" content=\"width=device-width\">\n"
    "<style>html,body{margin:0;height:100%;background:#000}"
    "img{width:100%;height:100%;object-fit:contain}</style></head>\n"
    "<body><img src=\"stream.mjpeg\" alt=\"the picture 画面\"></body></html>\n";

typedef struct viewer {
    struct viewer *next, **at; /* what points to it */
    latent_stream *stream;
    struct MHD_Connection *connection;
    part *part; /* on its way, or NULL */
    size_t sent;
    unsigned seen; /* how many had been shown when it took its last one */
    int begun, asleep;
} viewer;

static void wake_all(latent_stream *s)
{
    for (viewer *v = s->first; v; v = v->next)
        if (v->asleep) {
            v->asleep = 0;
            MHD_resume_connection(v->connection);
        }
}

/* ---- the film */

/* As many bytes as there are, at most room; 0: it sleeps now. */
static ssize_t more_bytes(void *context, uint64_t position, char *to, size_t room)
{
    viewer *v = context;
    latent_stream *s = v->stream;
    size_t n;
    (void)position;
    pthread_mutex_lock(&s->lock);
    if (!v->part && s->newest && v->seen != s->showing) {
        v->part = s->newest;
        v->part->holders++;
        v->sent = v->begun ? strlen(LINE) : 0;
        v->begun = 1;
        v->seen = s->showing;
    }
    if (s->ending || !v->part) {
        ssize_t none = s->ending ? MHD_CONTENT_READER_END_OF_STREAM : 0;
        if (!s->ending) {
            v->asleep = 1;
            MHD_suspend_connection(v->connection);
        }
        pthread_mutex_unlock(&s->lock);
        return none;
    }
    n = v->part->n - v->sent;
    n = n < room ? n : room;
    memcpy(to, v->part->bytes + v->sent, n);
    v->sent += n;
    if (v->sent == v->part->n) {
        let_go(v->part);
        v->part = NULL;
    }
    pthread_mutex_unlock(&s->lock);
    return (ssize_t)n;
}

static void leave(void *context)
{
    viewer *v = context;
    latent_stream *s = v->stream;
    pthread_mutex_lock(&s->lock);
    *v->at = v->next;
    if (v->next)
        v->next->at = v->at;
    let_go(v->part);
    pthread_mutex_unlock(&s->lock);
    atomic_fetch_sub(&s->viewers, 1);
    free(v);
}

static struct MHD_Response *film(latent_stream *s, struct MHD_Connection *c)
{
    struct MHD_Response *r;
    viewer *v = calloc(1, sizeof(*v));
    if (!v)
        return NULL;
    v->stream = s;
    v->connection = c;
    r = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 32768, more_bytes, v, leave);
    if (!r) {
        free(v);
        return NULL;
    }
    atomic_fetch_add(&s->viewers, 1);
    pthread_mutex_lock(&s->lock);
    v->seen = s->showing - 1;
    v->next = s->first;
    v->at = &s->first;
    if (v->next)
        v->next->at = &v->next;
    s->first = v;
    pthread_mutex_unlock(&s->lock);
    MHD_add_response_header(r, "Content-Type",
                            "multipart/x-mixed-replace; boundary=latent-picture");
    return r;
}

/* ---- all else */

static struct MHD_Response *text_of(const char *text, const char *type)
{
    struct MHD_Response *r =
        MHD_create_response_from_buffer(strlen(text), (void *)(size_t)text, MHD_RESPMEM_PERSISTENT);
    if (r)
        MHD_add_response_header(r, "Content-Type", type);
    return r;
}

static struct MHD_Response *picture(latent_stream *s)
{
    struct MHD_Response *r = NULL;
    pthread_mutex_lock(&s->lock);
    if (s->newest)
        r = MHD_create_response_from_buffer(s->newest->jpeg, s->newest->bytes + s->newest->head,
                                            MHD_RESPMEM_MUST_COPY);
    pthread_mutex_unlock(&s->lock);
    if (r)
        MHD_add_response_header(r, "Content-Type", "image/jpeg");
    return r;
}

static enum MHD_Result answer(void *context, struct MHD_Connection *c, const char *url,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_size, void **request)
{
    latent_stream *s = context;
    struct MHD_Response *r = NULL;
    unsigned status = MHD_HTTP_OK;
    enum MHD_Result sent;
    (void)version;
    (void)upload;
    (void)request;
    if (*upload_size) { /* nothing is taken from anybody */
        *upload_size = 0;
        return MHD_NO;
    }
    if (strcmp(method, "GET") && strcmp(method, "HEAD")) {
        status = MHD_HTTP_METHOD_NOT_ALLOWED;
        r = text_of("only GET\n", "text/plain");
    } else if (!strcmp(url, "/"))
        r = text_of(page, "text/html; charset=utf-8");
    else if (!strcmp(url, "/stream.mjpeg") && latent_stream_viewers(s) >= LATENT_STREAM_VIEWERS) {
        status = MHD_HTTP_SERVICE_UNAVAILABLE;
        r = text_of("too many are watching; try again later\n", "text/plain");
    } else if (!strcmp(url, "/stream.mjpeg"))
        r = film(s, c);
    else if (!strcmp(url, "/picture.jpg"))
        r = picture(s);
    if (!r) {
        status = MHD_HTTP_NOT_FOUND;
        r = text_of("there is nothing here\n", "text/plain");
    }
    if (!r)
        return MHD_NO;
    MHD_add_response_header(r, "Cache-Control", "no-store");
    sent = MHD_queue_response(c, status, r);
    MHD_destroy_response(r);
    return sent;
}

/* ---- the server */

static void end_server(latent_stream *s)
{
    struct MHD_Daemon *server;
    pthread_mutex_lock(&s->lock);
    server = s->server;
    s->server = NULL;
    s->ending = 1;
    wake_all(s);
    pthread_mutex_unlock(&s->lock);
    if (server)
        MHD_stop_daemon(server);
    atomic_store(&s->port, 0);
    pthread_mutex_lock(&s->lock);
    s->ending = 0;
    pthread_mutex_unlock(&s->lock);
}

/* A socket at that port, or -1. */
static int listen_at(int *port, int everyone, latent_error *e)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)*port)};
    socklen_t size = sizeof(at);
    int yes = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    at.sin_addr.s_addr = htonl(everyone ? INADDR_ANY : INADDR_LOOPBACK);
    if (fd >= 0 && fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 &&
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) == 0 &&
        bind(fd, (struct sockaddr *)&at, size) == 0 && listen(fd, CONNECTIONS) == 0 &&
        getsockname(fd, (struct sockaddr *)&at, &size) == 0) {
        *port = ntohs(at.sin_port);
        return fd;
    }
    if (errno == EADDRINUSE)
        latent_fail(e,
                    "port %d is taken by another program, or another [latent.stream]; take "
                    "another number, such as %d",
                    *port, *port < 65535 ? *port + 1 : 8080);
    else if (errno == EACCES)
        latent_fail(e, "port %d is not for everybody; take a number from 1024 on, such as 8080",
                    *port);
    else
        latent_fail(e, "pictures can't be served at port %d: %s", *port, strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}

static void say_nothing(void *context, const char *format, va_list words)
{
    (void)context;
    (void)format;
    (void)words;
}

int latent_stream_listen(latent_stream *s, int port, int everyone, latent_error *e)
{
    int fd;
    end_server(s);
    if ((fd = listen_at(&port, everyone, e)) < 0)
        return -1;
    s->server = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_AUTO | MHD_USE_ITC |
                                     MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG,
                                 0, NULL, NULL, answer, s, MHD_OPTION_EXTERNAL_LOGGER, say_nothing,
                                 NULL, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
                                 (unsigned)CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT,
                                 (unsigned)PATIENCE, MHD_OPTION_END);
    if (!s->server) {
        close(fd);
        return latent_fail(e, "the server for port %d can't be started", port);
    }
    atomic_store(&s->port, port);
    return 0;
}

static int show(latent_stream *s, const uint8_t *jpeg, size_t n)
{
    char head[160];
    int length = snprintf(head, sizeof(head),
                          LINE "Content-Type: image/jpeg\r\nContent-Length: %zu\r\n\r\n", n);
    size_t before = (size_t)length, all = before + n + strlen("\r\n" LINE);
    part *p = malloc(sizeof(*p) + all);
    if (!p)
        return -1;
    *p = (part){1, before, n, all};
    memcpy(p->bytes, head, before);
    memcpy(p->bytes + before, jpeg, n);
    memcpy(p->bytes + before + n, "\r\n" LINE, strlen("\r\n" LINE));
    pthread_mutex_lock(&s->lock);
    let_go(s->newest);
    s->newest = p;
    s->showing++;
    wake_all(s);
    pthread_mutex_unlock(&s->lock);
    return 0;
}

#else

static void end_server(latent_stream *s)
{
    (void)s;
}

int latent_stream_listen(latent_stream *s, int port, int everyone, latent_error *e)
{
    (void)s;
    (void)port;
    (void)everyone;
    return latent_fail(e, "this latent was built without libmicrohttpd, so there is no stream; "
                          "install it (libmicrohttpd-dev) and run make again");
}

static int show(latent_stream *s, const uint8_t *jpeg, size_t n)
{
    (void)s;
    (void)jpeg;
    (void)n;
    return 0;
}

#endif

int latent_stream_show(latent_stream *s, const uint8_t *rgb, int h, int w, int quality,
                       latent_error *e)
{
    size_t n;
    const uint8_t *jpeg = latent_jpeg_encode(s->jpeg, rgb, h, w, quality, &n, e);
    if (!jpeg)
        return -1;
    return show(s, jpeg, n) ? latent_fail(e, "there is no memory to send a picture") : 0;
}

void latent_stream_release(latent_stream *s)
{
    if (!s || atomic_fetch_sub(&s->holders, 1) > 1)
        return;
    end_server(s);
    let_go(s->newest);
    latent_jpeg_free(s->jpeg);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

static void *end(void *context)
{
    latent_stream_release(context);
    return NULL;
}

void latent_stream_end(latent_stream *s)
{
    pthread_t thread;
    if (s && latent_thread_start(&thread, end, s) == 0)
        pthread_detach(thread);
}
