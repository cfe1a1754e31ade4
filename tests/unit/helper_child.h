/* SPDX-License-Identifier: ISC */
/*
 * Runs a function in a child process: for what ends a process, needs a fresh one, or must not leak into others.
 */
#ifndef HELPER_CHILD_H
#define HELPER_CHILD_H

#define CHILD_SKIPPED 77

/* Whether the build has a sanitizer that puts its own memory and system calls in front of the real ones. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CHILD_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define CHILD_SANITIZED 1
#endif
#endif
#ifndef CHILD_SANITIZED
#define CHILD_SANITIZED 0
#endif

/* The child's wait status. No core file; whatever it writes to stderr goes to `stderr_text` if not NULL, which then
 * holds at most 4095 bytes and a NUL. */
int child_status(int (*function)(void *context), void *context, char stderr_text[4096]);

/* The function must return 0; CHILD_SKIPPED skips the test. */
void child_must_pass(int (*function)(void *context), void *context);

/* The child must be ended by this signal. */
void child_must_die(int (*function)(void *context), void *context, int signal);

/* For use in the child: reports and returns 1 from the function when the condition does not hold. */
#define CHILD_CHECK(condition)                                                      \
    do {                                                                            \
        if (!(condition)) {                                                         \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
            return 1;                                                               \
        }                                                                           \
    } while (0)

#endif
