/* SPDX-License-Identifier: ISC */
/*
 * The kernel's own structures, where libfuse has no words: FOPEN_PARALLEL_DIRECT_WRITES in the answer to OPEN;
 * FUSE_DIRECT_IO_ALLOW_MMAP, without which a descriptor that bypasses the page cache neither sees dirty pages of
 * the others nor can be mapped; FUSE_HANDLE_KILLPRIV_V2, without which the kernel asks for an extended attribute
 * before each write.
 */
#include "wire.h"

#define DIRECT_IO_ALLOW_MMAP_2 (UINT32_C(1) << (36 - 32)) /* in flags2, since protocol 7.39 (Linux 6.6) */

_Static_assert(WIRE_WRITE_HEADER == 80, "the kernel's interface never changes");

bool wire_is_init(const void *request, size_t size)
{
    const struct fuse_in_header *header = request;
    return size >= sizeof(*header) && header->opcode == FUSE_INIT;
}

static const void *body(const void *request)
{
    return (const uint8_t *)request + sizeof(struct fuse_in_header);
}

/* NULL where this is no INIT, or one of a kernel that has nothing to offer. */
static const struct fuse_init_in *init_request(const void *request, size_t size)
{
    const bool whole = size >= sizeof(struct fuse_in_header) + sizeof(struct fuse_init_in);
    return wire_is_init(request, size) && whole ? body(request) : NULL;
}

/* NULL where this is no answer to INIT. */
static struct fuse_init_out *init_answer(const struct iovec *iov, int count)
{
    if (count != 2 || iov[0].iov_len != sizeof(struct fuse_out_header) ||
        iov[1].iov_len < sizeof(struct fuse_init_out)) {
        return NULL;
    }
    const struct fuse_out_header *header = iov[0].iov_base;
    return header->error == 0 ? iov[1].iov_base : NULL;
}

bool wire_offers_coherent_direct_io(const void *request, size_t size)
{
    const struct fuse_init_in *init = init_request(request, size);
    return init && (init->flags & FUSE_INIT_EXT) != 0 && (init->flags2 & DIRECT_IO_ALLOW_MMAP_2) != 0;
}

bool wire_accept_coherent_direct_io(const struct iovec *iov, int count)
{
    struct fuse_init_out *init = init_answer(iov, count);
    if (!init) {
        return false;
    }
    init->flags |= FUSE_INIT_EXT;
    init->flags2 |= DIRECT_IO_ALLOW_MMAP_2;
    return true;
}

bool wire_offers_privileges(const void *request, size_t size)
{
    const struct fuse_init_in *init = init_request(request, size);
    return init && (init->flags & FUSE_HANDLE_KILLPRIV_V2) != 0;
}

void wire_accept_privileges(const struct iovec *iov, int count)
{
    struct fuse_init_out *init = init_answer(iov, count);
    if (init) {
        init->flags |= FUSE_HANDLE_KILLPRIV_V2;
    }
}

bool wire_kills_set_uid(const void *request)
{
    const struct fuse_in_header *header = request;
    if (header->opcode == FUSE_WRITE) {
        const struct fuse_write_in *write = body(request);
        return (write->write_flags & FUSE_WRITE_KILL_SUIDGID) != 0;
    }
    const struct fuse_setattr_in *setattr = body(request);
    return header->opcode == FUSE_SETATTR && (setattr->valid & FATTR_KILL_SUIDGID) != 0;
}

int wire_reply_open(fuse_req_t request, uint64_t handle, uint32_t open_flags)
{
    const struct fuse_open_out out = { .fh = handle, .open_flags = open_flags };
    return fuse_reply_buf(request, (const char *)&out, sizeof(out));
}
