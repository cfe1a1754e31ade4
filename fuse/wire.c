/* SPDX-License-Identifier: ISC */
/*
 * The kernel's own structures, where libfuse has no words: FOPEN_PARALLEL_DIRECT_WRITES in the answer to OPEN,
 * and FUSE_DIRECT_IO_ALLOW_MMAP, without which a descriptor that bypasses the page cache neither sees dirty
 * pages of the others nor can be mapped.
 */
#include "wire.h"

#define DIRECT_IO_ALLOW_MMAP_2 (UINT32_C(1) << (36 - 32)) /* in flags2, since protocol 7.39 (Linux 6.6) */

_Static_assert(WIRE_WRITE_HEADER == 80, "the kernel's interface never changes");

bool wire_is_init(const void *request, size_t size)
{
    const struct fuse_in_header *header = request;
    return size >= sizeof(*header) && header->opcode == FUSE_INIT;
}

bool wire_offers_coherent_direct_io(const void *request, size_t size)
{
    if (!wire_is_init(request, size) || size < sizeof(struct fuse_in_header) + sizeof(struct fuse_init_in)) {
        return false;
    }
    const struct fuse_init_in *init =
        (const struct fuse_init_in *)((const uint8_t *)request + sizeof(struct fuse_in_header));
    return (init->flags & FUSE_INIT_EXT) != 0 && (init->flags2 & DIRECT_IO_ALLOW_MMAP_2) != 0;
}

bool wire_accept_coherent_direct_io(const struct iovec *iov, int count)
{
    if (count != 2 || iov[0].iov_len != sizeof(struct fuse_out_header) ||
        iov[1].iov_len < sizeof(struct fuse_init_out)) {
        return false;
    }
    const struct fuse_out_header *header = iov[0].iov_base;
    struct fuse_init_out *init = iov[1].iov_base;
    if (header->error != 0) {
        return false;
    }
    init->flags |= FUSE_INIT_EXT;
    init->flags2 |= DIRECT_IO_ALLOW_MMAP_2;
    return true;
}

int wire_reply_open(fuse_req_t request, uint64_t handle, uint32_t open_flags)
{
    const struct fuse_open_out out = { .fh = handle, .open_flags = open_flags };
    return fuse_reply_buf(request, (const char *)&out, sizeof(out));
}
