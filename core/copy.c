/* SPDX-License-Identifier: ISC */
/*
 * copy.c - the cleartext of one volume into another.
 *
 * No record says how far a copy is: what was cut short is gone through again, and what is the same already is left
 * alone. So there is no state that could be wrong, torn, or put there by somebody else; the price is one more reading
 * of what was copied before. Where both sides are thin, holes are passed over. In the end both sides are read once
 * more, past what the system remembers of its own writes as far as that can be had.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "volume.h"

#define PIECE      (1u << 20)
#define RUN        4096u          /* bytes that become a hole or data as a whole */
#define FLUSH_SIZE (256ull << 20) /* so that progress does not run ahead of the medium */

struct copy {
    struct coffer_volume *from, *to;
    const struct coffer_callbacks *callbacks;
    uint64_t end; /* of what is copied: the source's, and zeros up to whole runs */
    uint64_t unflushed;
    uint8_t *wanted, *present; /* PIECE bytes each, of cleartext */
};

/* One piece of `size` bytes at `offset`. */
typedef enum coffer_status piece_fn(struct copy *copy, uint64_t offset, size_t size, struct coffer_error *error);

/* ---- reading ---- */

/* Where the source has ended there are zeros. */
static enum coffer_status read_source(struct copy *copy, uint64_t offset, size_t size, struct coffer_error *error)
{
    uint64_t end = copy->from->data_size;
    size_t there = offset >= end ? 0 : end - offset < size ? (size_t)(end - offset) : size;
    struct coffer_error reason = COFFER_ERROR_INIT;
    memset(copy->wanted + there, 0, size - there);
    if (there == 0 || coffer_volume_pread(copy->from, copy->wanted, there, offset, &reason) == COFFER_OK) {
        return COFFER_OK;
    }
    return error_set(error, reason.status, reason.sys, "the source at byte %llu: %.180s",
                     (unsigned long long)offset, reason.text);
}

static enum coffer_status read_both(struct copy *copy, uint64_t offset, size_t size, bool *same,
                                    struct coffer_error *error)
{
    enum coffer_status status = read_source(copy, offset, size, error);
    status = status ? status : coffer_volume_pread(copy->to, copy->present, size, offset, error);
    *same = status == COFFER_OK && memcmp(copy->wanted, copy->present, size) == 0;
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

static enum coffer_status write_thin(struct copy *copy, uint64_t offset, size_t size, struct coffer_error *error)
{
    for (size_t at = 0; at < size;) {
        bool zero;
        size_t run = run_size(copy->wanted + at, size - at, &zero);
        enum coffer_status status = COFFER_OK;
        if (!zero) {
            status = coffer_volume_pwrite(copy->to, copy->wanted + at, run, offset + at, error);
        } else if (!copy->to->is_new) {
            status = coffer_volume_discard(copy->to, offset + at, run, error);
        }
        if (status != COFFER_OK) {
            return status;
        }
        at += run;
    }
    return COFFER_OK;
}

static enum coffer_status copy_piece(struct copy *copy, uint64_t offset, size_t size, struct coffer_error *error)
{
    bool same = false;
    enum coffer_status status =
        copy->to->is_new ? read_source(copy, offset, size, error) : read_both(copy, offset, size, &same, error);
    if (status != COFFER_OK || same) {
        return status;
    }
    status = copy->to->thin ? write_thin(copy, offset, size, error)
                            : coffer_volume_pwrite(copy->to, copy->wanted, size, offset, error);
    copy->unflushed += size;
    if (status == COFFER_OK && copy->unflushed >= FLUSH_SIZE) {
        copy->unflushed = 0;
        status = coffer_volume_flush(copy->to, error);
    }
    return status;
}

static enum coffer_status verify_piece(struct copy *copy, uint64_t offset, size_t size, struct coffer_error *error)
{
    bool same;
    enum coffer_status status = read_both(copy, offset, size, &same, error);
    if (status != COFFER_OK || same) {
        return status;
    }
    return error_set(error, COFFER_FAILED, EILSEQ,
                     "what is read back differs from the source, at byte %llu or soon after it",
                     (unsigned long long)offset);
}

/* ---- all of it ---- */

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
    if (!copy->from->thin || !copy->to->thin) {
        return COFFER_OK;
    }
    enum coffer_status status = next_data(copy->from, &from, error);
    status = status ? status : next_data(copy->to, &to, error);
    from = from >= copy->from->data_size ? copy->to->data_size : from;
    *offset = (from < to ? from : to) & ~(uint64_t)(RUN - 1);
    return status;
}

static enum coffer_status over_all(struct copy *copy, const char *what, piece_fn *piece,
                                   struct coffer_error *error)
{
    uint64_t end = copy->end, offset = 0;
    const struct coffer_callbacks *callbacks = copy->callbacks;
    enum coffer_status status = skip_holes(copy, &offset, error);
    while (status == COFFER_OK && offset < end) {
        size_t size = end - offset < PIECE ? (size_t)(end - offset) : PIECE;
        status = piece(copy, offset, size, error);
        offset += size;
        status = status ? status : skip_holes(copy, &offset, error);
        if (status == COFFER_OK && callbacks->progress != NULL &&
            !callbacks->progress(callbacks->user, what, offset < end ? offset : end, end)) {
            return error_set(error, COFFER_INTERRUPTED, 0, "stopped");
        }
    }
    return status;
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
    uint8_t *buffer = calloc(2, PIECE);
    if (buffer == NULL) {
        return error_set_no_memory(error);
    }
    uint64_t end = (from->data_size + RUN - 1) & ~(uint64_t)(RUN - 1);
    struct copy copy = {
        .from = from,
        .to = to,
        .end = end < to->data_size ? end : to->data_size,
        .callbacks = callbacks,
        .wanted = buffer,
        .present = buffer + PIECE,
    };
    enum coffer_status status = copy_and_verify(&copy, error);
    crypto_wipe(buffer, 2 * (size_t)PIECE);
    free(buffer);
    return status;
}
