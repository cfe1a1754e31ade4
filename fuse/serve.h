/* SPDX-License-Identifier: ISC */
/*
 * serve.h - one mounted volume: a FUSE session over coffer_volume_*.
 *
 * serve_start mounts and begins to answer on threads of its own, so that a caller can do something with the
 * mounted volume (make a file system in it) or wait for the end of the mount. The session never owns the
 * volume: close it after serve_free.
 *
 * Signals: threads of the session run with all signals blocked. The caller decides what ends a mount and
 * calls serve_stop, which is the only function here that may be called while another thread is in serve_wait.
 */
#ifndef SERVE_H
#define SERVE_H

#include <stdbool.h>

#include "coffer.h"

struct serve_options {
    const char *mount_point; /* an existing empty directory; absolute */
    const char *source;      /* what /proc/mounts shows as the device: the volume's path */
    bool read_only;
    bool allow_other;
    bool writeback;   /* cache writes in the kernel: errors show at fsync and close */
    unsigned threads; /* 0 = as many as suit the machine */
};

struct serve_session;

/* DIR/volume, the cleartext as one regular file. Usable when this returns.
 * Errors: NOT_PERMITTED (no /dev/fuse, no fusermount3, mount refused), INVALID, NO_MEMORY, FAILED. */
enum coffer_status serve_block(struct coffer_volume *volume, const struct serve_options *options,
                               struct serve_session **session, struct coffer_error *error);

/* Waits until the file system is unmounted, by serve_stop or by anyone else, and all its threads are gone.
 * Reports the first error that a request could not report. */
enum coffer_status serve_wait(struct serve_session *session, struct coffer_error *error);

/* Unmounts. lazy = false: IN_USE while files are open in it, and it goes on serving. */
enum coffer_status serve_stop(struct serve_session *session, bool lazy, struct coffer_error *error);

/* After serve_wait. */
void serve_free(struct serve_session *session);

#endif
