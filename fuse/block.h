/* SPDX-License-Identifier: ISC */
/*
 * block.h - what the operations on DIR/volume share.
 */
#ifndef BLOCK_H
#define BLOCK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "coffer.h"
#include "losses.h"
#include "wire.h"

#define BLOCK_INO 2 /* of DIR/volume */

struct block {
    struct coffer_volume *volume;
    uint64_t size; /* of the cleartext, bytes */
    bool thin;
    bool read_only;
    bool device;    /* a loop device uses it, which reports no failed write */
    bool uncached;  /* the kernel's cache is never used for data */
    bool writeback; /* the kernel keeps size and times, and holds data that was not written yet */
    uid_t owner;
    gid_t group;
    _Atomic int64_t read_time, write_time, change_time; /* ns since 1970 */
    atomic_int dirtiers; /* descriptors through which the kernel may hold dirty pages */
    struct losses losses;
};

/* Data has changed, or may have. */
void block_touch(struct block *block);

void block_open(fuse_req_t request, fuse_ino_t ino, struct fuse_file_info *file);
void block_release(fuse_req_t request, fuse_ino_t ino, struct fuse_file_info *file);
void block_flush(fuse_req_t request, fuse_ino_t ino, struct fuse_file_info *file);
void block_fsync(fuse_req_t request, fuse_ino_t ino, int data_only, struct fuse_file_info *file);
void block_read(fuse_req_t request, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *file);
void block_write(fuse_req_t request, fuse_ino_t ino, const char *data, size_t size, off_t offset,
                 struct fuse_file_info *file);
void block_fallocate(fuse_req_t request, fuse_ino_t ino, int mode, off_t offset, off_t length,
                     struct fuse_file_info *file);
void block_lseek(fuse_req_t request, fuse_ino_t ino, off_t offset, int whence, struct fuse_file_info *file);

#endif
