/* SPDX-License-Identifier: ISC */
/*
 * wire.h - the few things that the kernel understands and the libfuse we build on cannot say: spoken in the
 * kernel's own structures.
 */
#ifndef WIRE_H
#define WIRE_H

#define FUSE_USE_VERSION FUSE_MAKE_VERSION(3, 12)
#include <fuse_lowlevel.h>
#include <linux/fuse.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/* What a WRITE request has before its data, which is the longest beginning of all requests. */
#define WIRE_WRITE_HEADER (sizeof(struct fuse_in_header) + sizeof(struct fuse_write_in))

/* The kernel offers to keep descriptors that bypass the page cache coherent with those that use it. */
bool wire_offers_coherent_direct_io(const void *request, size_t size);

/* Whether these bytes from the kernel are the INIT request that opens the conversation. */
bool wire_is_init(const void *request, size_t size);

/* Accepts that offer in the INIT reply that libfuse is about to send. False where this is no such reply. */
bool wire_accept_coherent_direct_io(const struct iovec *iov, int count);

/* The kernel offers not to ask for "security.capability" before each write, if whoever writes, truncates or gives
 * away a file then takes its privileges (set-uid, set-gid, capabilities) away here. */
bool wire_offers_privileges(const void *request, size_t size);

/* Accepts that offer in the INIT reply that libfuse is about to send. */
void wire_accept_privileges(const struct iovec *iov, int count);

/* Whether this WRITE or SETATTR takes set-uid and set-gid away. */
bool wire_kills_set_uid(const void *request);

/* Answers OPEN; open_flags are FOPEN_*. */
int wire_reply_open(fuse_req_t request, uint64_t handle, uint32_t open_flags);

#endif
