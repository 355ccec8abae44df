/* system: see system.h */
#include "system.h"
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if defined(__APPLE__)

#include <crt_externs.h>
#include <pthread.h>
#include <sys/sysctl.h>

/* An Apple chip has several kinds of cores: those that are meant come first. */
size_t latent_cache_bytes(int level)
{
    const char *second[] = {"hw.perflevel0.l2cachesize", "hw.l2cachesize"};
    const char *third[] = {"hw.perflevel0.l3cachesize", "hw.l3cachesize"};
    const char **names = level == 2 ? second : third;
    for (int i = 0; i < 2; i++) {
        unsigned long long bytes = 0;
        size_t room = sizeof(bytes);
        if (!sysctlbyname(names[i], &bytes, &room, NULL, 0) && bytes)
            return (size_t)bytes;
    }
    return 0;
}

struct timespec latent_changed(const struct stat *s)
{
    return s->st_mtimespec;
}

void latent_idle_priority(void)
{
    pthread_set_qos_class_self_np(QOS_CLASS_UTILITY, 0);
}

int latent_gives_way(void)
{
    return 0;
}

void latent_low_priority(void)
{
    pthread_set_qos_class_self_np(QOS_CLASS_UTILITY, 0);
}

/* Apple's system lends a thread that is joined the priority of the one that waits. */
void latent_hurry(pthread_t thread)
{
    (void)thread;
}

void latent_command_line(void (*each)(void *context, const char *word), void *context)
{
    char **words = *_NSGetArgv();
    for (int i = 0, n = *_NSGetArgc(); i < n; i++)
        each(context, words[i]);
}

#else

#include <sched.h>
#ifdef __linux__
#include <sys/resource.h>
#include <sys/syscall.h>
#endif

#define TENTH 10 /* the niceness of a thread that gets a tenth */

size_t latent_cache_bytes(int level)
{
    long bytes = 0;
#ifdef _SC_LEVEL3_CACHE_SIZE
    bytes = sysconf(level == 2 ? _SC_LEVEL2_CACHE_SIZE : _SC_LEVEL3_CACHE_SIZE);
#else
    (void)level;
#endif
    return bytes > 0 ? (size_t)bytes : 0;
}

struct timespec latent_changed(const struct stat *s)
{
    return s->st_mtim;
}

void latent_idle_priority(void)
{
    /* a nice of 19 would keep the processor for milliseconds after another thread, say a sound
       card's, has woken up */
#ifdef SCHED_IDLE
    const struct sched_param none = {0};
    sched_setscheduler(0, SCHED_IDLE, &none);
#endif
}

int latent_gives_way(void)
{
#ifdef SCHED_IDLE
    return sched_getscheduler(0) == SCHED_IDLE;
#else
    return 0;
#endif
}

void latent_low_priority(void)
{
#ifdef __linux__ /* where each thread has a niceness of its own */
    setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), TENTH);
#endif
}

void latent_hurry(pthread_t thread)
{
    const struct sched_param none = {0};
    pthread_setschedparam(thread, SCHED_OTHER, &none);
}

void latent_command_line(void (*each)(void *context, const char *word), void *context)
{
    FILE *f = fopen("/proc/self/cmdline", "rb");
    char *word = NULL;
    size_t room = 0;
    while (f && getdelim(&word, &room, 0, f) > 0)
        each(context, word);
    free(word);
    if (f)
        fclose(f);
}

#endif

char *latent_beside(const char *file)
{
    Dl_info info;
    const char *from = dladdr((void *)(size_t)latent_beside, &info) ? info.dli_fname : NULL;
    const char *slash = from ? strrchr(from, '/') : NULL;
    char *path = NULL;
    if (asprintf(&path, "%.*s/%s", slash ? (int)(slash - from) : 1, slash ? from : ".", file) < 0)
        return NULL;
    return path;
}
