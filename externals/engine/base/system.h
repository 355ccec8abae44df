/* system: the few things that every system has, but each by another name.  For the engine and the
   boxes; only system.c asks which system it is. */
#ifndef LATENT_SYSTEM_H
#define LATENT_SYSTEM_H
#include <pthread.h>
#include <stddef.h>
#include <sys/stat.h>
#include <time.h>

/* Bytes of the processor's second or third cache; 0 where the system does not say. */
size_t latent_cache_bytes(int level);

/* When the file was last written. */
#pragma GCC visibility push(default)
struct timespec latent_changed(const struct stat *s);
/* The path of a file that lies beside this library, there or not; malloc'd, NULL: no memory. */
char *latent_beside(const char *file);
#pragma GCC visibility pop

/* This thread takes only the time that no other wants. */
void latent_idle_priority(void);
/* 1: it does so now. */
int latent_gives_way(void);
/* Where processors are few it gets a tenth of what the others get. */
void latent_low_priority(void);

/* That thread is waited for: it gets what others get again, however it was started. */
void latent_hurry(pthread_t thread);

/* Calls each with every word of the process's command line, in order; with none where the system
   does not tell a library. */
void latent_command_line(void (*each)(void *context, const char *word), void *context);

#endif
