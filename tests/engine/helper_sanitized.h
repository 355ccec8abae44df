/* helper_sanitized: how thorough a test is to be.  Under a sanitizer everything takes ten times as
   long, and whether the numbers are right is known from the tests without it: there each path needs
   to be gone once, not for every shape, nor until something is learned. */
#ifndef LATENT_TEST_SANITIZED_H
#define LATENT_TEST_SANITIZED_H

#ifndef __has_feature
#define __has_feature(x) 0
#endif

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) ||                               \
    __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

/* For the slow reference of a test, which one thread computes in its own memory. */
#define UNWATCHED __attribute__((no_sanitize("address"), no_sanitize("thread")))

#define THOROUGH(all, few) (SANITIZED ? (few) : (all))

#endif
