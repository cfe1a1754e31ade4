/* SPDX-License-Identifier: ISC */
/*
 * The threads that answer the kernel. libfuse decodes requests and encodes answers; reading, writing, threads
 * and buffers are ours: a request is read so that the data of a WRITE starts on a page and goes to the volume
 * from where it lies, and the data of a READ uses the same memory. A thread ends when its read says that the
 * connection is gone, whoever ended it, so nothing here has to be woken or told.
 */
#include "loop.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "failure.h"

#define HEADER_SPACE 4096 /* before the data; keeps it on a page boundary where pages are that small */
#define BUFFER_SIZE  ((size_t)HEADER_SPACE + LOOP_DATA_MAX)
#define HUGE_PAGE    ((size_t)2 << 20)
#define REQUEST_MAX  (WIRE_WRITE_HEADER + LOOP_DATA_MAX)
#define STACK_SIZE   (512 * 1024)
#define THREADS_MIN  8
#define THREADS_MAX  12

#ifndef PR_SET_IO_FLUSHER
#define PR_SET_IO_FLUSHER 57
#endif

struct loop_worker {
    struct loop *loop;
    pthread_t thread;
    bool started;
    int fd; /* the loop's own, or a clone of it that spares the kernel a lock */
    uint8_t *buffer;
    bool accept_coherent_direct_io, accept_privileges; /* in the answer to the request at hand */
};

static _Thread_local struct loop_worker *self;

uint8_t *loop_buffer(void)
{
    return self->buffer + HEADER_SPACE;
}

const void *loop_request(void)
{
    return self->buffer + HEADER_SPACE - WIRE_WRITE_HEADER;
}

bool loop_has_coherent_direct_io(void)
{
    return self->loop->coherent_direct_io;
}

unsigned loop_default_threads(void)
{
    /* Threads also wait for the medium, so there are more of them than processors; each is worth a MiB of
     * memory, so there are not many more. */
    const long threads = sysconf(_SC_NPROCESSORS_ONLN) * 2;
    return threads < THREADS_MIN ? THREADS_MIN : threads > THREADS_MAX ? THREADS_MAX : (unsigned)threads;
}

/* ---- What libfuse calls to speak --------------------------------------------------------------------------- */

static ssize_t send_answer(int fd, struct iovec *iov, int count, void *user)
{
    (void)user;
    if (self && self->accept_coherent_direct_io) {
        self->loop->coherent_direct_io = wire_accept_coherent_direct_io(iov, count);
    }
    if (self && self->accept_privileges) {
        wire_accept_privileges(iov, count);
    }
    const ssize_t sent = writev(self ? self->fd : fd, iov, count);
    if (sent < 0 && (errno == ENODEV || errno == ECONNABORTED)) {
        errno = ENOENT; /* nobody waits for the answer any more: the one error that libfuse does not print */
    }
    return sent;
}

static ssize_t read_request(int fd, void *buffer, size_t size, void *user)
{
    (void)user;
    return read(fd, buffer, size);
}

static void drop_message(enum fuse_log_level level, const char *format, va_list arguments)
{
    /* What matters comes back as an error; this layer has no terminal to write to. */
    (void)level;
    (void)format;
    (void)arguments;
}

/* ---- One thread -------------------------------------------------------------------------------------------- */

static void note_greeting(struct loop *loop)
{
    pthread_mutex_lock(&loop->lock);
    loop->greeted = true;
    pthread_cond_broadcast(&loop->changed);
    pthread_mutex_unlock(&loop->lock);
}

static void note_end(struct loop *loop, int failure)
{
    pthread_mutex_lock(&loop->lock);
    loop->running--;
    if (loop->failure == 0) {
        loop->failure = failure;
    }
    pthread_cond_broadcast(&loop->changed);
    pthread_mutex_unlock(&loop->lock);
}

/* Answers requests until the connection ends; returns 0, or the errno that makes going on impossible. */
static int answer_requests(struct loop_worker *worker)
{
    uint8_t *request = worker->buffer + HEADER_SPACE - WIRE_WRITE_HEADER;
    for (;;) {
        const ssize_t size = read(worker->fd, request, REQUEST_MAX);
        if (size < 0 && (errno == EINTR || errno == EAGAIN || errno == ENOENT)) {
            continue; /* ENOENT: its sender gave up while we were reading it */
        }
        if (size < 0) {
            return errno == ENODEV || errno == ECONNABORTED ? 0 : errno;
        }
        const bool greeting = wire_is_init(request, (size_t)size);
        worker->accept_coherent_direct_io = wire_offers_coherent_direct_io(request, (size_t)size);
        worker->accept_privileges =
            worker->loop->takes_privileges && wire_offers_privileges(request, (size_t)size);
        const struct fuse_buf buffer = { .size = (size_t)size, .mem = request };
        fuse_session_process_buf(worker->loop->fuse, &buffer);
        worker->accept_coherent_direct_io = worker->accept_privileges = false;
        if (fuse_session_exited(worker->loop->fuse)) {
            return EPROTO; /* kernel and libfuse did not come to terms */
        }
        if (greeting) {
            note_greeting(worker->loop);
        }
    }
}

static void *worker_main(void *argument)
{
    self = argument;
    /* Memory that the kernel reclaims on behalf of this thread must not be written through this thread. It
     * takes CAP_SYS_RESOURCE, so as a rule only root gets the promise. */
    prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0);
    note_end(self->loop, answer_requests(self));
    return NULL;
}

/* ---- All of them ------------------------------------------------------------------------------------------- */

enum coffer_status loop_init(struct loop *loop, struct fuse_session *fuse, int fd, struct coffer_error *error)
{
    static const struct fuse_custom_io io = { .writev = send_answer, .read = read_request };

    *loop = (struct loop){ .fuse = fuse, .fd = fd };
    fuse_set_log_func(drop_message);
    if (fuse_session_custom_io(fuse, &io, fd) != 0) {
        close(fd);
        return failure_set(error, COFFER_NO_MEMORY, ENOMEM, "not enough memory for a file system session");
    }
    pthread_mutex_init(&loop->lock, NULL);
    pthread_cond_init(&loop->changed, NULL);
    return COFFER_OK;
}

static int clone_connection(int fd)
{
    const int clone = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    uint32_t source = (uint32_t)fd;
    if (clone >= 0 && ioctl(clone, FUSE_DEV_IOC_CLONE, &source) == 0) {
        return clone;
    }
    if (clone >= 0) {
        close(clone);
    }
    return fd; /* sharing works as well, only slower */
}

/* One piece of memory for all buffers, in huge pages where the system gives them: it spares a sixth of the time
 * that large transfers take. Kept out of core dumps and of children, for it will hold cleartext. */
static bool map_buffers(struct loop *loop, unsigned threads)
{
    const size_t size = (threads * BUFFER_SIZE + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1);
    uint8_t *memory = mmap(NULL, size + HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        return false;
    }
    const size_t before = (HUGE_PAGE - (uintptr_t)memory % HUGE_PAGE) % HUGE_PAGE;
    if (before > 0) {
        munmap(memory, before);
    }
    munmap(memory + before + size, HUGE_PAGE - before);
    loop->buffers = memory + before;
    loop->buffers_size = size;
    madvise(loop->buffers, size, MADV_HUGEPAGE);
    madvise(loop->buffers, size, MADV_DONTDUMP);
    madvise(loop->buffers, size, MADV_DONTFORK);
    return true;
}

static int start_workers(struct loop *loop)
{
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_SIZE);
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    int status = 0;
    pthread_mutex_lock(&loop->lock);
    for (unsigned i = 0; i < loop->count && status == 0; i++) {
        struct loop_worker *worker = &loop->workers[i];
        status = pthread_create(&worker->thread, &attributes, worker_main, worker);
        worker->started = status == 0;
        loop->running += worker->started;
    }
    pthread_mutex_unlock(&loop->lock);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return status;
}

enum coffer_status loop_start(struct loop *loop, unsigned threads, struct coffer_error *error)
{
    loop->workers = calloc(threads, sizeof(*loop->workers));
    if (!loop->workers || !map_buffers(loop, threads)) {
        return failure_set(error, COFFER_NO_MEMORY, errno, "not enough memory for the threads of the mount");
    }
    for (; loop->count < threads; loop->count++) {
        loop->workers[loop->count] = (struct loop_worker){
            .loop = loop,
            .fd = loop->count == 0 ? loop->fd : clone_connection(loop->fd),
            .buffer = loop->buffers + loop->count * BUFFER_SIZE,
        };
    }
    const int status = start_workers(loop);
    if (status != 0) {
        return failure_set(error, COFFER_NO_MEMORY, status, "cannot start the threads of the mount");
    }
    pthread_mutex_lock(&loop->lock);
    while (!loop->greeted && loop->running == loop->count) {
        pthread_cond_wait(&loop->changed, &loop->lock);
    }
    const bool greeted = loop->greeted;
    const int failure = loop->failure;
    pthread_mutex_unlock(&loop->lock);
    return greeted ? COFFER_OK : failure_set(error, COFFER_FAILED, failure, "the kernel ended the mount at once");
}

void loop_join(struct loop *loop)
{
    for (unsigned i = 0; i < loop->count; i++) {
        if (loop->workers[i].started) {
            pthread_join(loop->workers[i].thread, NULL);
            loop->workers[i].started = false;
        }
    }
}

bool loop_is_connected(const struct loop *loop)
{
    struct pollfd poller = { .fd = loop->fd };
    return poll(&poller, 1, 0) == 0 || (poller.revents & POLLERR) == 0;
}

void loop_destroy(struct loop *loop)
{
    for (unsigned i = 0; i < loop->count; i++) {
        struct loop_worker *worker = &loop->workers[i];
        if (worker->fd != loop->fd) {
            close(worker->fd);
        }
    }
    if (loop->buffers) {
        explicit_bzero(loop->buffers, loop->buffers_size);
        munmap(loop->buffers, loop->buffers_size);
    }
    free(loop->workers);
    pthread_cond_destroy(&loop->changed);
    pthread_mutex_destroy(&loop->lock);
}
