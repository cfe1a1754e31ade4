/* SPDX-License-Identifier: ISC */
/*
 * restore_ends.c - how a restore writes (spec/volume.md): what of each end stays as it is today, which end comes
 * last, and in which order, so that a cut leaves the secrets of now or those of then.
 */
#include <string.h>

#include "crypto.h"
#include "error.h"
#include "restore.h"

/* One end of the store, and what of it is written: of the blocks of the first `volumes` volumes the sealed parts from
 * volume `bodies` on, and what lies before them from volume `cells` on; and all that is behind the blocks. */
struct end {
    const uint8_t *data;
    uint64_t offset;
    unsigned bodies, cells, volumes;
};

/* From `data`, or noise. 0 or a negative errno. */
static int write_bodies(struct storage *storage, const struct end *end, bool noise)
{
    uint8_t random[HEADER_BLOCK_SIZE - HEADER_BODY_OFFSET];
    int result = 0;
    for (unsigned volume = end->bodies; volume < end->volumes && result == 0; volume++) {
        size_t at = volume * (size_t)HEADER_VOLUME_STRIDE + HEADER_BODY_OFFSET;
        crypto_random(random, sizeof(random));
        result = storage_write(storage, noise ? random : end->data + at, sizeof(random), end->offset + at);
    }
    return result != 0 ? result : storage_sync(storage);
}

/* Everything but the sealed parts. */
static int write_rest(struct storage *storage, const struct end *end)
{
    int result = 0;
    for (unsigned volume = end->cells; volume < end->volumes && result == 0; volume++) {
        size_t at = volume * (size_t)HEADER_VOLUME_STRIDE;
        result = storage_write(storage, end->data + at, HEADER_BODY_OFFSET, end->offset + at);
    }
    const size_t behind = HEADER_VOLUMES * (size_t)HEADER_VOLUME_STRIDE;
    if (result == 0) {
        result = storage_write(storage, end->data + behind, RESTORE_END_SIZE - behind, end->offset + behind);
    }
    return result != 0 ? result : storage_sync(storage);
}

/* The sealed parts go first and come last: no block may open with slots that are not its own, for then neither the
 * secrets of then nor those of now would be listed. */
static int write_end(struct storage *storage, const struct end *end)
{
    int result = write_bodies(storage, end, true);
    result = result != 0 ? result : write_rest(storage, end);
    return result != 0 ? result : write_bodies(storage, end, false);
}

/* Whether the secrets of a hidden volume find their salt and their cost in an end as it is today. */
static bool is_outer_usable(const struct restoring *restoring, enum header_copy copy)
{
    const struct unlock_image *present = restoring->present;
    struct copies *copies = restoring->copies;
    const struct header_preamble *preamble = &present->preamble[copy];
    if (!present->present[copy][0] || !crypto_equal(header_salt(present->block[copy][0]),
                                                    header_listed_salt(&copies->body, copy), HEADER_SALT_SIZE)) {
        return false;
    }
    return !copies->marked || (present->verdict[copy] == HEADER_USABLE && preamble->memory == copies->memory &&
                               preamble->passes == copies->passes);
}

/* Cell 0 for hidden slots whose salt is lost. What is sealed in the hidden header says which salt that is: the rest of
 * the file is not authenticated by it. */
static void renew_cell_0(const struct restoring *restoring, uint8_t *block, enum header_copy copy)
{
    const struct unlock_image *backup = restoring->backup;
    const uint8_t *salt = header_listed_salt(&restoring->copies->body, copy);
    enum header_copy source = HEADER_FRONT;
    if (backup->verdict[source] != HEADER_USABLE || backup->preamble[source].memory != restoring->copies->memory ||
        backup->preamble[source].passes != restoring->copies->passes) {
        source = HEADER_TAIL;
    }
    if (restoring->copies->marked) {
        header_copy_preamble(block, copy, backup->block[source][0], salt);
    } else {
        header_write_random_preamble(block, salt);
    }
}

/* With a hidden volume's secret, the header of the outer one stays as it is today: it may be of another size by now,
 * and have other keys. Only where the hidden slots could not be opened beside it, its cell 0 is made anew. */
static struct end keep_outer(const struct restoring *restoring, uint8_t *data, enum header_copy copy)
{
    struct end end = { .data = data, .bodies = 1, .cells = 1, .volumes = HEADER_VOLUMES };
    uint8_t *slots = data + HEADER_CELL_SIZE;
    const size_t size = HEADER_BODY_OFFSET - HEADER_CELL_SIZE;
    if (is_outer_usable(restoring, copy)) {
        return end;
    }
    end.cells = 0;
    if (restoring->present->present[copy][0]) {
        memcpy(slots, restoring->present->block[copy][0] + HEADER_CELL_SIZE, size);
    } else {
        crypto_random(slots, size);
    }
    renew_cell_0(restoring, data, copy);
    return end;
}

/* With the outer secret, the block of a hidden volume stays: who restores need not know of one. What cannot be one does
 * not, or what is left of whatever was written over this end would be told from noise for ever. */
static struct end keep_hidden(struct storage *storage, uint64_t offset, uint8_t *data)
{
    uint8_t *block = data + HEADER_VOLUME_STRIDE;
    struct end end = { .data = data, .volumes = 1 };
    if (storage_read(storage, block, HEADER_BLOCK_SIZE, offset + HEADER_VOLUME_STRIDE) != 0 ||
        !header_looks_random(block)) {
        crypto_random(block, HEADER_BLOCK_SIZE);
        end.volumes = HEADER_VOLUMES;
    }
    return end;
}

/* How many of the secrets of today open the volume through this end. */
static unsigned count_ways_in(const struct restoring *restoring, enum header_copy copy)
{
    const struct copies *today = restoring->today;
    unsigned count = 0;
    if (!today->good[copy] || (today->volume != 0 && !is_outer_usable(restoring, copy))) {
        return 0;
    }
    for (unsigned slot = 0; slot < HEADER_SLOTS; slot++) {
        struct header_slot_record record;
        header_get_slot(&today->body, slot, &record);
        count += record.kind != CREDENTIAL_EMPTY && copies_slot_is_listed(today, copy, slot);
    }
    return count;
}

/* The end that is written last: it may be the only one that opens, for some or for all. */
static enum header_copy choose_last(const struct restoring *restoring)
{
    if (restoring->today == NULL) {
        return HEADER_FRONT;
    }
    const enum header_copy winner = restoring->today->winner, other = copies_other(winner);
    return count_ways_in(restoring, other) > count_ways_in(restoring, winner) ? other : winner;
}

enum coffer_status restore_ends(const struct restoring *restoring, uint8_t *data, struct coffer_error *error)
{
    const struct copies *today = restoring->today;
    struct storage *storage = restoring->present->storage;
    const unsigned volume = restoring->copies->volume;
    const uint64_t tail =
        today != NULL && volume == 0 ? today->offset[HEADER_TAIL] : restoring->present->offset[HEADER_TAIL];
    const enum header_copy last = choose_last(restoring);
    const uint64_t offset[HEADER_COPIES] = { [HEADER_FRONT] = 0, [HEADER_TAIL] = tail };
    const enum header_copy order[] = { copies_other(last), last };
    int result = 0;
    for (unsigned i = 0; i < HEADER_COPIES && result == 0; i++) {
        uint8_t *part = data + order[i] * (size_t)RESTORE_END_SIZE;
        struct end end =
            volume == 0 ? keep_hidden(storage, offset[order[i]], part) : keep_outer(restoring, part, order[i]);
        end.offset = offset[order[i]];
        result = write_end(storage, &end);
    }
    return result == 0 ? COFFER_OK : error_set_system(error, -result, "cannot write the header");
}
