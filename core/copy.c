/* SPDX-License-Identifier: ISC */
/*
 * copy.c - the cleartext of one volume into another.
 *
 * No record says how far a copy is: what was cut short is gone through again, and what is the same already is left
 * alone. So there is no state that could be wrong, torn, or put there by somebody else; the price is one more reading
 * of what was copied before. Where the copy is thin, what is a hole on both sides is passed over. In the end both sides
 * are read once more, past what the system remembers of its own writes as far as that can be had.
 *
 * Threads: as many as there are processors take one piece after the other, each into its own buffers; the caller's is
 * one of them, and alone calls back. A failure ends the taking: every piece before the one that failed has been taken
 * and comes to its end, so that the failure that is told is the first one in the volume, whoever met it.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "processors.h"
#include "volume.h"

#define PIECE       (1u << 20)
#define RUN         4096u          /* bytes that become a hole or data as a whole */
#define FLUSH_SIZE  (256ull << 20) /* so that progress does not run ahead of the medium */
#define THREADS_MAX 8

struct copy;

/* What one thread has for itself. */
struct hand {
    struct copy *copy;
    pthread_t thread;
    uint8_t *wanted, *present; /* PIECE bytes each, of cleartext */
};

/* One piece of `size` bytes at `offset`. */
typedef enum coffer_status piece_fn(struct hand *hand, uint64_t offset, size_t size, struct coffer_error *error);

struct copy {
    struct coffer_volume *from, *to;
    const struct coffer_callbacks *callbacks;
    uint64_t end; /* of what is copied: the source's, and zeros up to whole runs */
    struct hand hand[THREADS_MAX];
    unsigned hands;
    const char *what; /* is done with all pieces now */
    piece_fn *piece;

    pthread_mutex_t mutex; /* over all below */
    uint64_t next;         /* the first byte that nobody has taken */
    uint64_t done;         /* bytes that are copied or passed over */
    uint64_t unflushed;
    bool is_over; /* nothing more is taken */
    uint64_t failed_at;
    struct coffer_error failure;
};

/* ---- reading ---- */

/* Where the source has ended there are zeros. */
static enum coffer_status read_source(struct hand *hand, uint64_t offset, size_t size, struct coffer_error *error)
{
    const struct copy *copy = hand->copy;
    uint64_t end = copy->from->data_size;
    size_t there = offset >= end ? 0 : end - offset < size ? (size_t)(end - offset) : size;
    struct coffer_error reason = COFFER_ERROR_INIT;
    memset(hand->wanted + there, 0, size - there);
    if (there == 0 || coffer_volume_pread(copy->from, hand->wanted, there, offset, &reason) == COFFER_OK) {
        return COFFER_OK;
    }
    return error_set(error, reason.status, reason.sys, "the source at byte %llu: %.180s",
                     (unsigned long long)offset, reason.text);
}

static enum coffer_status read_both(struct hand *hand, uint64_t offset, size_t size, bool *same,
                                    struct coffer_error *error)
{
    enum coffer_status status = read_source(hand, offset, size, error);
    status = status ? status : coffer_volume_pread(hand->copy->to, hand->present, size, offset, error);
    *same = status == COFFER_OK && memcmp(hand->wanted, hand->present, size) == 0;
    return status;
}

/* ---- writing ---- */

static bool is_zero(const uint8_t *data, size_t size)
{
    return data[0] == 0 && memcmp(data, data + 1, size - 1) == 0;
}

/* What is all zeros, or not, from the start of `data`. */
static size_t run_size(const uint8_t *data, size_t size, bool *zero)
{
    size_t end = size < RUN ? size : RUN;
    *zero = is_zero(data, end);
    while (end < size) {
        size_t next = size - end < RUN ? size - end : RUN;
        if (is_zero(data + end, next) != *zero) {
            break;
        }
        end += next;
    }
    return end;
}

static enum coffer_status write_thin(struct hand *hand, uint64_t offset, size_t size, struct coffer_error *error)
{
    struct coffer_volume *to = hand->copy->to;
    for (size_t at = 0; at < size;) {
        bool zero;
        size_t run = run_size(hand->wanted + at, size - at, &zero);
        enum coffer_status status = COFFER_OK;
        if (!zero) {
            status = coffer_volume_pwrite(to, hand->wanted + at, run, offset + at, error);
        } else if (!to->is_new) {
            status = coffer_volume_discard(to, offset + at, run, error);
        }
        if (status != COFFER_OK) {
            return status;
        }
        at += run;
    }
    return COFFER_OK;
}

/* After `size` bytes were written; now and then that takes a flush. */
static enum coffer_status written(struct copy *copy, size_t size, struct coffer_error *error)
{
    pthread_mutex_lock(&copy->mutex);
    copy->unflushed += size;
    bool flush = copy->unflushed >= FLUSH_SIZE;
    copy->unflushed = flush ? 0 : copy->unflushed;
    pthread_mutex_unlock(&copy->mutex);
    return flush ? coffer_volume_flush(copy->to, error) : COFFER_OK;
}

static enum coffer_status copy_piece(struct hand *hand, uint64_t offset, size_t size, struct coffer_error *error)
{
    struct coffer_volume *to = hand->copy->to;
    bool same = false;
    enum coffer_status status =
        to->is_new ? read_source(hand, offset, size, error) : read_both(hand, offset, size, &same, error);
    if (status != COFFER_OK || same) {
        return status;
    }
    status = to->thin ? write_thin(hand, offset, size, error)
                      : coffer_volume_pwrite(to, hand->wanted, size, offset, error);
    return status ? status : written(hand->copy, size, error);
}

static enum coffer_status verify_piece(struct hand *hand, uint64_t offset, size_t size, struct coffer_error *error)
{
    bool same;
    enum coffer_status status = read_both(hand, offset, size, &same, error);
    if (status != COFFER_OK || same) {
        return status;
    }
    return error_set(error, COFFER_FAILED, EILSEQ,
                     "what is read back differs from the source, at byte %llu or soon after it",
                     (unsigned long long)offset);
}

/* ---- the next piece ---- */

/* The first byte at or after `offset` that need not be zero on one of the two sides. */
static enum coffer_status next_data(struct coffer_volume *volume, uint64_t *offset, struct coffer_error *error)
{
    struct coffer_error reason = COFFER_ERROR_INIT;
    if (*offset >= volume->data_size || coffer_volume_seek(volume, *offset, false, offset, &reason) == COFFER_OK) {
        return COFFER_OK;
    }
    if (reason.sys != ENXIO) {
        return error_set(error, reason.status, reason.sys, "%s", reason.text);
    }
    *offset = volume->data_size;
    return COFFER_OK;
}

static enum coffer_status skip_holes(struct copy *copy, uint64_t *offset, struct coffer_error *error)
{
    uint64_t from = *offset, to = *offset;
    if (!copy->to->thin) {
        return COFFER_OK;
    }
    enum coffer_status status = next_data(copy->from, &from, error);
    status = status ? status : next_data(copy->to, &to, error);
    from = from >= copy->from->data_size ? copy->to->data_size : from;
    *offset = (from < to ? from : to) & ~(uint64_t)(RUN - 1);
    return status;
}

/* Under the mutex. The failure that counts is the first one in the volume. */
static void fail(struct copy *copy, uint64_t offset, const struct coffer_error *reason)
{
    if (copy->failure.status == COFFER_OK || offset < copy->failed_at) {
        copy->failure = *reason;
        copy->failed_at = offset;
    }
    copy->is_over = true;
}

static bool take(struct copy *copy, uint64_t *offset, size_t *size)
{
    struct coffer_error reason = COFFER_ERROR_INIT;
    pthread_mutex_lock(&copy->mutex);
    *offset = copy->next;
    if (!copy->is_over && *offset < copy->end && skip_holes(copy, offset, &reason) != COFFER_OK) {
        fail(copy, copy->next, &reason);
    }
    bool is_there = !copy->is_over && *offset < copy->end;
    if (is_there) {
        *size = copy->end - *offset < PIECE ? (size_t)(copy->end - *offset) : PIECE;
        copy->done += *offset - copy->next;
        copy->next = *offset + *size;
    }
    pthread_mutex_unlock(&copy->mutex);
    return is_there;
}

static void end_piece(struct copy *copy, uint64_t offset, size_t size, const struct coffer_error *reason)
{
    pthread_mutex_lock(&copy->mutex);
    if (reason->status != COFFER_OK) {
        fail(copy, offset, reason);
    }
    copy->done += size;
    pthread_mutex_unlock(&copy->mutex);
}

static void report(struct copy *copy)
{
    static const struct coffer_error stopped = { .status = COFFER_INTERRUPTED, .text = "stopped" };
    const struct coffer_callbacks *callbacks = copy->callbacks;
    pthread_mutex_lock(&copy->mutex);
    uint64_t done = copy->done;
    pthread_mutex_unlock(&copy->mutex);
    if (callbacks->progress != NULL && !callbacks->progress(callbacks->user, copy->what, done, copy->end)) {
        pthread_mutex_lock(&copy->mutex);
        fail(copy, copy->end, &stopped); /* what really failed counts more */
        pthread_mutex_unlock(&copy->mutex);
    }
}

/* ---- all of it ---- */

static void *work(void *user)
{
    struct hand *hand = user;
    struct copy *copy = hand->copy;
    uint64_t offset;
    size_t size;
    while (take(copy, &offset, &size)) {
        struct coffer_error reason = COFFER_ERROR_INIT;
        (void)copy->piece(hand, offset, size, &reason);
        end_piece(copy, offset, size, &reason);
        if (hand == copy->hand) { /* the caller's */
            report(copy);
        }
    }
    return NULL;
}

static enum coffer_status over_all(struct copy *copy, const char *what, piece_fn *piece,
                                   struct coffer_error *error)
{
    unsigned started = 1;
    copy->what = what;
    copy->piece = piece;
    copy->next = copy->done = 0;
    report(copy);
    while (started < copy->hands &&
           pthread_create(&copy->hand[started].thread, NULL, work, &copy->hand[started]) == 0) {
        started++;
    }
    (void)work(&copy->hand[0]);
    while (started-- > 1) {
        (void)pthread_join(copy->hand[started].thread, NULL);
    }
    if (!copy->is_over) {
        copy->done = copy->end;
        report(copy);
    }
    const struct coffer_error *failure = &copy->failure;
    return failure->status == COFFER_OK ? COFFER_OK
                                        : error_set(error, failure->status, failure->sys, "%s", failure->text);
}

static enum coffer_status copy_and_verify(struct copy *copy, struct coffer_error *error)
{
    enum coffer_status status = over_all(copy, "copy", copy_piece, error);
    copy->to->is_new = false;
    status = status ? status : coffer_volume_flush(copy->to, error);
    if (status != COFFER_OK) {
        return status;
    }
    storage_forget(copy->to->storage, 0, copy->to->storage->size);
    return over_all(copy, "verify", verify_piece, error);
}

enum coffer_status coffer_volume_copy(struct coffer_volume *from, struct coffer_volume *to,
                                      const struct coffer_callbacks *callbacks, struct coffer_error *error)
{
    if (to->data_size < from->data_size) {
        return error_set(error, COFFER_INVALID, ENOSPC, "it is smaller than the source: %llu of %llu bytes",
                         (unsigned long long)to->data_size, (unsigned long long)from->data_size);
    }
    uint64_t end = (from->data_size + RUN - 1) & ~(uint64_t)(RUN - 1);
    struct copy copy = {
        .from = from,
        .to = to,
        .end = end < to->data_size ? end : to->data_size,
        .callbacks = callbacks,
        .hands = processors_up_to(THREADS_MAX),
        .mutex = PTHREAD_MUTEX_INITIALIZER,
        .failure = COFFER_ERROR_INIT,
    };
    size_t size = copy.hands * 2 * (size_t)PIECE;
    uint8_t *buffer = calloc(1, size);
    if (buffer == NULL) {
        return error_set_no_memory(error);
    }
    for (unsigned i = 0; i < copy.hands; i++) {
        copy.hand[i].copy = &copy;
        copy.hand[i].wanted = buffer + 2 * i * (size_t)PIECE;
        copy.hand[i].present = copy.hand[i].wanted + PIECE;
    }
    enum coffer_status status = copy_and_verify(&copy, error);
    pthread_mutex_destroy(&copy.mutex);
    crypto_wipe(buffer, size);
    free(buffer);
    return status;
}
