/* SPDX-License-Identifier: ISC */
/*
 * serve.h - one mounted volume: a FUSE session over coffer_volume_*.
 *
 * serve_block mounts and begins to answer on threads of its own, so that a caller can do something with the
 * mounted volume (make a file system in it) or wait for the end of the mount. The session never owns the
 * volume: close it after serve_free.
 *
 * Signals: threads of the session run with all signals blocked. The caller decides what ends a mount and
 * calls serve_stop, which is the only function here that may be called while another thread is in serve_wait.
 *
 * Programs that the caller starts may use the mount, and so may the caller itself, but it must have closed what
 * it opened there before it ends: the kernel would wait for ever for a server that dies with its own user.
 */
#ifndef SERVE_H
#define SERVE_H

#include <stdbool.h>
#include <sys/types.h>

#include "coffer.h"

struct serve_options {
    const char *mount_point; /* an existing empty directory; absolute, without symbolic links */
    const char *source;      /* what /proc/mounts shows as the device: the volume's path; may hold any bytes */
    bool read_only;          /* also when the volume is */
    bool no_exec;            /* nothing in it can be run as a program */
    bool allow_other;        /* root as well; as an ordinary user only where /etc/fuse.conf allows it */
    bool writeback;          /* see below */
    bool uncached;           /* see below */
    bool device;             /* see below */
    unsigned threads;        /* 0 = as many as suit the machine */
};

/*
 * writeback lets the kernel collect small buffered writes. It is for a mount whose only user is our own (mkfs, a
 * loop device, a file system in user space), because the kernel then keeps the size and the times itself: a
 * write past the end fails only at fsync and close, so "dd of=volume" would never end, and O_DIRECT writes wait
 * for each other. Large writes gain nothing from it.
 */

/*
 * uncached sends every read and write of the block file to the volume, for a volume that refuses some writes: a
 * refused one must not live on in the kernel's cache. Older kernels then refuse shared mappings.
 */

/*
 * device says that a block device of the kernel's will use the block file. It tells nobody of a write that failed, so
 * serve_wait does, not only of those from the cache.
 */

struct serve_session;

/* DIR/volume, the cleartext as one regular file. Usable when this returns.
 *
 * It behaves like a medium. Its size is fixed: writing past the end is ENOSPC, ftruncate to another size and
 * O_TRUNC are EPERM and destroy nothing. fsync reaches the medium; what the medium refuses comes back as its own
 * errno. Thin volumes: punching holes and zeroing ranges make holes, SEEK_HOLE finds them, and posix_fallocate
 * really writes (fallocate is EOPNOTSUPP, for nobody can promise space of the file system below). Thick ones:
 * punching and zeroing are EOPNOTSUPP, fallocate has nothing to do. Names, modes and owners cannot be changed.
 *
 * Errors: NOT_PERMITTED (sys and text say whether /dev/fuse or fusermount3 is missing or refuses), NOT_FOUND and
 * INVALID (the mount point), NO_MEMORY, FAILED. */
enum coffer_status serve_block(struct coffer_volume *volume, const struct serve_options *options,
                               struct serve_session **session, struct coffer_error *error);

struct files; /* of files.h */

/* To whom the files seem to belong. */
struct serve_owner {
    bool mapped; /* to uid and gid, all of them, and new ones are made for these; else as the volume says */
    uid_t uid;
    gid_t gid;
};

/* The files of a file system that a driver of files.h has opened. Close that after serve_free: only then is
 * everything on the medium.
 *
 * Permissions are checked by the kernel, from owner, group and mode. `writeback` helps programs that write a few
 * bytes at a time, and costs those that write much: the kernel lets an ordinary user's file system collect very
 * little (measured for 1 GiB: pieces of 4 KiB 3.2 s with and 8.4 s without it, of 1 MiB 3.4 and 1.1). Without it
 * who writes is told at once when there is no space. Errors: as for serve_block. */
enum coffer_status serve_files(struct files *files, const struct serve_owner *owner,
                               const struct serve_options *options, struct serve_session **session,
                               struct coffer_error *error);

/* Waits until the file system is unmounted, by serve_stop or by anyone else, and all its threads are gone. After
 * a lazy unmount that is when the last file in it is closed. A mount whose connection was cut is taken away.
 * Reports the first error that no request could report: cached data that could not be written (see also `device`). */
enum coffer_status serve_wait(struct serve_session *session, struct coffer_error *error);

/* Unmounts; OK when it is unmounted already. Errors: IN_USE while files are open in it (never when lazy) or
 * another file system stands on it, NOT_PERMITTED, FAILED; it goes on serving then. */
enum coffer_status serve_stop(struct serve_session *session, bool lazy, struct coffer_error *error);

/* After serve_wait. */
void serve_free(struct serve_session *session);

/* What it is built on, "libfuse 3.14.0". */
const char *serve_component(void);

#endif
