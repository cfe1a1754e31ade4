/* SPDX-License-Identifier: ISC */
/*
 * loop.h - the threads that answer the kernel.
 *
 * A fixed number of them, each with its own descriptor of the connection and its own buffer: however large, a
 * request needs no memory that its thread does not have, but for some hundred bytes of libfuse's.
 */
#ifndef LOOP_H
#define LOOP_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "coffer.h"
#include "wire.h"

#define LOOP_DATA_MAX (UINT32_C(1) << 20) /* bytes of data in one READ or WRITE */

struct loop_worker;

struct loop {
    struct fuse_session *fuse;
    int fd; /* of the connection; belongs to `fuse` */
    unsigned count;
    struct loop_worker *workers;
    uint8_t *buffers; /* one for each */
    size_t buffers_size;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned running; /* threads that still answer */
    bool greeted;     /* INIT has been answered */
    int failure;      /* errno that ended a thread although the file system is mounted, or 0 */
    atomic_bool coherent_direct_io;
    bool takes_privileges; /* set before the start: accept wire_offers_privileges */
};

/* How many threads suit this machine. */
unsigned loop_default_threads(void);

/* Takes over `fd` as the connection of `fuse`. Errors: NO_MEMORY, FAILED. */
enum coffer_status loop_init(struct loop *loop, struct fuse_session *fuse, int fd, struct coffer_error *error);

/* Starts the threads and waits until the kernel has been greeted. When it fails, threads may be running: end
 * the connection, then loop_join. Errors: NO_MEMORY, FAILED. */
enum coffer_status loop_start(struct loop *loop, unsigned threads, struct coffer_error *error);

/* Waits until all threads are gone, which they are once the connection has ended. */
void loop_join(struct loop *loop);

/* Whether the connection still serves a mounted file system. */
bool loop_is_connected(const struct loop *loop);

void loop_destroy(struct loop *loop); /* after loop_join; wipes the buffers */

/* The memory of the calling thread for the data of one request: LOOP_DATA_MAX bytes, page-aligned. A WRITE's
 * data is already there. Only on a thread of a loop. */
uint8_t *loop_buffer(void);

/* The request that the calling thread is answering, as the kernel sent it; what follows its header is gone once
 * the thread's buffer is used. */
const void *loop_request(void);

/* Whether a descriptor that bypasses the page cache sees what others have written into it. */
bool loop_has_coherent_direct_io(void);

#endif
