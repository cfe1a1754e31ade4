/* SPDX-License-Identifier: ISC */
/*
 * transfer.c - cleartext in, ciphertext out, and back.
 *
 * Work goes in pieces that stay in a core's cache: a piece is read and at once decrypted where it lies, or
 * encrypted into the worker's buffer and at once written. What is not whole sectors goes through the buffer
 * too, and is read first when it is to be written. The caller holds the range, in whole sectors.
 */
#include <errno.h>
#include <string.h>

#include "volume.h"

static const uint8_t ZEROS[4096];

/* A stretch that lies in one segment and is either whole sectors or inside one sector. */
struct piece {
    const struct segment *segment;
    uint64_t at;       /* bytes into the segment, start of the first sector */
    size_t skip, size; /* bytes of that to leave out in front, and to transfer */
    size_t span;       /* whole sectors around both */
};

static struct piece next_piece(const struct coffer_volume *volume, uint64_t offset, size_t size)
{
    struct piece piece;
    uint32_t sector = volume->sector_size;
    piece.segment = volume_segment_at(volume, offset);
    uint64_t inside = offset - piece.segment->start;
    uint64_t left = piece.segment->size - inside;
    piece.skip = (size_t)(inside % sector);
    piece.at = inside - piece.skip;
    piece.size = size < left ? size : (size_t)left;
    piece.size = piece.size < WORKER_BUFFER_SIZE ? piece.size : WORKER_BUFFER_SIZE;
    if (piece.skip != 0 || piece.size < sector) {
        piece.size = piece.size < sector - piece.skip ? piece.size : sector - piece.skip;
        piece.span = sector;
    } else {
        piece.size -= piece.size % sector;
        piece.span = piece.size;
    }
    return piece;
}

/* Decrypts in place. A stored sector of zeros in a thin volume is a hole. */
static void decrypt(const struct coffer_volume *volume, struct worker *worker, const struct piece *piece,
                    uint8_t *data)
{
    size_t sector = volume->sector_size;
    uint64_t tweak = piece->segment->tweak + piece->at / 512;
    if (!volume->thin) {
        crypto_sector_decrypt(worker->cipher, tweak, data, data, piece->span);
        return;
    }
    size_t start = 0; /* of a run of sectors that are not holes */
    for (size_t at = 0; at <= piece->span; at += sector) {
        if (at < piece->span && memcmp(data + at, ZEROS, sector) != 0) {
            continue;
        }
        if (at > start) {
            crypto_sector_decrypt(worker->cipher, tweak + start / 512, data + start, data + start, at - start);
        }
        start = at + sector;
    }
}

/* The whole sectors of a piece, as cleartext. */
static int read_sectors(struct coffer_volume *volume, struct worker *worker, const struct piece *piece,
                        uint8_t *data)
{
    if (piece->segment->kind == SEGMENT_ZERO) {
        memset(data, 0, piece->span);
        return 0;
    }
    int result = storage_read(volume->storage, data, piece->span, piece->segment->storage_offset + piece->at);
    if (result == 0 && piece->segment->kind == SEGMENT_CIPHER) {
        decrypt(volume, worker, piece, data);
    }
    return result;
}

int transfer_read(struct coffer_volume *volume, struct worker *worker, uint8_t *data, size_t size, uint64_t offset)
{
    while (size > 0) {
        struct piece piece = next_piece(volume, offset, size);
        bool whole = piece.span == piece.size;
        int result = read_sectors(volume, worker, &piece, whole ? data : worker->buffer);
        if (result != 0) {
            return result;
        }
        if (!whole) {
            memcpy(data, worker->buffer + piece.skip, piece.size);
        }
        data += piece.size;
        offset += piece.size;
        size -= piece.size;
    }
    return 0;
}

/* Fills the worker's buffer with the piece's new cleartext; where that is all of it, the caller's memory will do. */
static int gather(struct coffer_volume *volume, struct worker *worker, const struct piece *piece,
                  const uint8_t *data, const uint8_t **cleartext)
{
    if (piece->span == piece->size && data != NULL) {
        *cleartext = data;
        return 0;
    }
    int result = piece->span == piece->size ? 0 : read_sectors(volume, worker, piece, worker->buffer);
    if (result != 0) {
        return result;
    }
    if (data != NULL) {
        memcpy(worker->buffer + piece->skip, data, piece->size);
    } else {
        memset(worker->buffer + piece->skip, 0, piece->size);
    }
    *cleartext = worker->buffer;
    return 0;
}

int transfer_write(struct coffer_volume *volume, struct worker *worker, const uint8_t *data, size_t size,
                   uint64_t offset)
{
    while (size > 0) {
        struct piece piece = next_piece(volume, offset, size);
        const uint8_t *cleartext;
        if (piece.segment->kind != SEGMENT_CIPHER) {
            return -EIO;
        }
        int result = gather(volume, worker, &piece, data, &cleartext);
        if (result != 0) {
            return result;
        }
        crypto_sector_encrypt(worker->cipher, piece.segment->tweak + piece.at / 512, worker->buffer, cleartext,
                              piece.span);
        result =
            storage_write(volume->storage, worker->buffer, piece.span, piece.segment->storage_offset + piece.at);
        if (result != 0) {
            return result;
        }
        data = data != NULL ? data + piece.size : NULL;
        offset += piece.size;
        size -= piece.size;
    }
    return 0;
}
