/* SPDX-License-Identifier: ISC */
/*
 * mounted.h - a mounted volume for one test: made, mounted in a directory of its own, taken away again.
 *
 * The volume is whatever subject_*.c gives: the fake one, or libcoffer's. A test that needs faults works on the
 * fake one only and is skipped otherwise.
 */
#ifndef MOUNTED_H
#define MOUNTED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdbool.h>

#include "coffer.h"
#include "fake_volume.h"
#include "serve.h"

#define MIB (UINT64_C(1) << 20)

#define assert_fails(call, error)         \
    do {                                  \
        errno = 0;                        \
        assert_int_equal((call), -1);     \
        assert_int_equal(errno, (error)); \
    } while (0)

/* ---- The subject: subject_fake.c or subject_real.c --------------------------------------------------------- */

/* Whether a volume can have this size. */
bool subject_can_be(uint64_t size);

/* A volume of `size` bytes of cleartext, all zeros or holes. Fails the test when it cannot. */
struct coffer_volume *subject_new(uint64_t size, bool thin);
enum coffer_status subject_close(struct coffer_volume *volume, struct coffer_error *error);

/* Its faults; skips the test where the subject has none. */
struct fake_faults *subject_faults(struct coffer_volume *volume);

/* ---- The mount --------------------------------------------------------------------------------------------- */

struct mounted {
    char directory[64];
    char path[80]; /* of the volume file in it */
    struct coffer_volume *volume;
    struct serve_session *session;
    bool ended; /* serve_wait has returned */
};

enum mounted_flags {
    MOUNTED_THIN = 1,
    MOUNTED_READ_ONLY = 2,
    MOUNTED_WRITEBACK = 4,
};

/* `flags` are MOUNTED_*. */
struct mounted *mounted_new(uint64_t size, int flags);

/* Unmounts, which must work. Whoever looks at all open files of a machine makes it busy for a moment, so this
 * asks again for some time. */
void mounted_stop(struct serve_session *session);

/* Waits for the end of the mount; what serve_wait says. */
enum coffer_status mounted_wait(struct mounted *mounted, struct coffer_error *error);

/* Unmounts if it is still mounted, which must work, and frees. */
void mounted_free(struct mounted *mounted);

int mounted_open(const struct mounted *mounted, int flags); /* must work */

/* Of a shared mapping of the volume. munmap would write to our own server what is dirty, with the lock on the
 * memory of this process held: a thread of the server that asks for memory just then would wait for it, and both
 * for ever. So it is written before. */
void mounted_unmap(void *map, size_t size);

/* Memory as O_DIRECT likes it; to be freed. */
void *mounted_buffer(size_t size) __attribute__((returns_nonnull));

/* Whether FUSE mounts work here; says on standard output why not. */
bool mounted_is_possible(void);

/* Before the program ends with `result`: closes what failed tests left open in their mounts. The kernel would wait
 * for ever for a server that ends together with its user. */
int mounted_end(int result);

#endif
