/* SPDX-License-Identifier: ISC */
/*
 * qcow_map.c - from the tables of QEMU's disk images to the map of a volume.
 *
 * The L1 table names L2 tables, an L2 table names clusters. A table that is named twice, or is part of something else,
 * is found before any is read: so the work is bounded by what the file holds, and a table that is named a million times
 * costs nothing. When the map is there, the same is asked of the data: whoever could make two parts one could move data
 * around in the disk.
 */
#include <stdlib.h>

#include "bytes.h"
#include "derivation.h"
#include "error.h"
#include "qcow.h"
#include "scope.h"

#define ENTRY 8 /* bytes */

/* Entries of versions 2 and 3. */
#define L1_RESERVED   0x7f000000000001ffull
#define L2_RESERVED   0x3f000000000001feull
#define PLACE         0x00fffffffffffe00ull
#define COMPRESSED    (1ull << 62)
#define REFERRED_ONCE (1ull << 63)
#define ZERO          1ull

/* Entries of version 1. */
#define COMPRESSED_1 (1ull << 63)

/* Bytes of the file that belong to one thing. */
struct extent {
    uint64_t offset, size;
};

struct mapper {
    struct storage *storage;
    const struct qcow *qcow;
    struct format_opened *opened;
    uint8_t *l1;            /* as it is stored */
    uint8_t *table;         /* an L2 table as it is stored */
    struct extent *extents; /* of all but the data */
    size_t extents_count;
    uint64_t tables;
};

static void release(struct mapper *mapper)
{
    free(mapper->l1);
    free(mapper->table);
    free(mapper->extents);
}

static enum coffer_status damaged(struct coffer_error *error, const char *what)
{
    return error_set(error, COFFER_DAMAGED, 0, "its QCOW tables are damaged: %s", what);
}

static uint64_t entry_of(const uint8_t *table, uint64_t index)
{
    struct bytes view = { (uint8_t *)table + index * ENTRY, ENTRY };
    return bytes_get_be64(view, 0);
}

static uint64_t table_size(const struct qcow *qcow)
{
    return (uint64_t)ENTRY << qcow->table_bits;
}

/* What a table or a cluster of `size` bytes at `offset` has to be. Clusters of version 1 lie at any sector. */
static enum coffer_status check_place(const struct mapper *mapper, uint64_t offset, uint64_t size,
                                      struct coffer_error *error)
{
    const struct qcow *qcow = mapper->qcow;
    uint64_t unit = qcow->version == 1 ? QCOW_SECTOR_SIZE : 1ull << qcow->cluster_bits;
    if (offset % unit != 0) {
        return damaged(error, "something begins inside a cluster");
    }
    if (offset > mapper->storage->size || size > mapper->storage->size - offset) {
        return damaged(error, "something lies beyond the end, or the file was cut short");
    }
    return COFFER_OK;
}

/* ---- apart from each other ---- */

static int compare_extents(const void *a, const void *b)
{
    const struct extent *left = a, *right = b;
    return (left->offset > right->offset) - (left->offset < right->offset);
}

static enum coffer_status check_apart(struct extent *extents, size_t count, struct coffer_error *error)
{
    qsort(extents, count, sizeof(extents[0]), compare_extents);
    for (size_t i = 1; i < count; i++) {
        if (extents[i].offset - extents[i - 1].offset < extents[i - 1].size) {
            return damaged(error, "two parts of it overlap");
        }
    }
    return COFFER_OK;
}

static void add_extent(struct mapper *mapper, uint64_t offset, uint64_t size)
{
    if (size > 0) {
        mapper->extents[mapper->extents_count++] = (struct extent){ offset, size };
    }
}

static enum coffer_status check_data_apart(struct mapper *mapper, struct coffer_error *error)
{
    const struct format_opened *opened = mapper->opened;
    size_t count = mapper->extents_count + opened->segments;
    struct extent *larger = reallocarray(mapper->extents, count, sizeof(*larger));
    if (larger == NULL) {
        return error_set_no_memory(error);
    }
    mapper->extents = larger;
    for (size_t i = 0; i < opened->segments; i++) {
        if (opened->segment[i].kind != SEGMENT_ZERO) {
            add_extent(mapper, opened->segment[i].storage_offset, opened->segment[i].size);
        }
    }
    return check_apart(mapper->extents, mapper->extents_count, error);
}

/* ---- L1 ---- */

static enum coffer_status read_l1(struct mapper *mapper, struct coffer_error *error)
{
    size_t bytes = (size_t)mapper->qcow->l1_entries * ENTRY;
    mapper->l1 = malloc(bytes);
    if (mapper->l1 == NULL) {
        return error_set_no_memory(error);
    }
    int result = storage_read(mapper->storage, mapper->l1, bytes, mapper->qcow->l1_offset);
    return result == 0 ? COFFER_OK : error_set_system(error, -result, "cannot read its tables");
}

static enum coffer_status place_of_table(const struct mapper *mapper, uint64_t index, uint64_t *place,
                                         struct coffer_error *error)
{
    uint64_t entry = entry_of(mapper->l1, index);
    if (mapper->qcow->version != 1 && (entry & L1_RESERVED) != 0) {
        return damaged(error, "an L1 entry has bits that mean nothing");
    }
    *place = mapper->qcow->version == 1 ? entry : entry & PLACE;
    return *place == 0 ? COFFER_OK : check_place(mapper, *place, table_size(mapper->qcow), error);
}

/* Everything but the data has its place, and no two the same. */
static enum coffer_status place_tables(struct mapper *mapper, struct coffer_error *error)
{
    const struct qcow *qcow = mapper->qcow;
    for (uint64_t i = 0; i < qcow->l1_entries; i++) {
        uint64_t place = 0;
        enum coffer_status status = place_of_table(mapper, i, &place, error);
        if (status != COFFER_OK) {
            return status;
        }
        mapper->tables += place != 0;
    }
    if (mapper->tables > QCOW_TABLES_MAX / table_size(qcow)) {
        return error_set(error, COFFER_UNSUPPORTED, 0, "its tables take more than %llu GiB",
                         QCOW_TABLES_MAX >> 30);
    }
    mapper->extents = calloc((size_t)mapper->tables + 3, sizeof(mapper->extents[0]));
    if (mapper->extents == NULL) {
        return error_set_no_memory(error);
    }
    add_extent(mapper, 0, qcow->header_size);
    add_extent(mapper, qcow->luks_offset, qcow->luks_size);
    add_extent(mapper, qcow->l1_offset, qcow->l1_entries * ENTRY);
    for (uint64_t i = 0; i < qcow->l1_entries; i++) {
        uint64_t place = 0;
        (void)place_of_table(mapper, i, &place, NULL); /* it has been seen to be right */
        add_extent(mapper, place, place != 0 ? table_size(qcow) : 0);
    }
    return check_apart(mapper->extents, mapper->extents_count, error);
}

/* ---- L2 ---- */

/* Where a cluster lies; 0: nowhere, it reads as zeros. */
static enum coffer_status place_of_cluster(const struct qcow *qcow, uint64_t entry, uint64_t *place,
                                           struct coffer_error *error)
{
    if ((entry & (qcow->version == 1 ? COMPRESSED_1 : COMPRESSED)) != 0) {
        return error_set(error, COFFER_UNSUPPORTED, 0,
                         "some of its clusters are compressed; 'qemu-img convert' makes one without of it");
    }
    if (qcow->version == 1) {
        *place = entry;
        return COFFER_OK;
    }
    if ((entry & L2_RESERVED) != 0 || (qcow->version == 2 && (entry & ZERO) != 0)) {
        return damaged(error, "an L2 entry has bits that mean nothing");
    }
    if (entry == REFERRED_ONCE) {
        return damaged(error, "a cluster lies where the header is");
    }
    *place = (entry & ZERO) != 0 ? 0 : entry & PLACE;
    return COFFER_OK;
}

static enum coffer_status add_cluster(struct mapper *mapper, uint64_t entry, struct coffer_error *error)
{
    const struct qcow *qcow = mapper->qcow;
    struct format_opened *opened = mapper->opened;
    uint64_t place = 0, left = qcow->size - opened->data_size, size = 1ull << qcow->cluster_bits;
    size = size < left ? size : left;
    enum coffer_status status = place_of_cluster(qcow, entry, &place, error);
    if (status == COFFER_OK && place == 0) {
        return format_opened_add(opened, SEGMENT_ZERO, size, 0, 0, error);
    }
    status = status != COFFER_OK ? status : check_place(mapper, place, size, error);
    if (status != COFFER_OK) {
        return status;
    }
    /* The IV of LUKS counts sectors of the file, that of AES those of the disk. */
    uint64_t tweak = (qcow->encryption == QCOW_LUKS ? place : opened->data_size) / QCOW_SECTOR_SIZE;
    return format_opened_add(opened, SEGMENT_CIPHER, size, place, tweak, error);
}

static enum coffer_status add_table(struct mapper *mapper, uint64_t place, struct coffer_error *error)
{
    int result = storage_read(mapper->storage, mapper->table, (size_t)table_size(mapper->qcow), place);
    if (result != 0) {
        return error_set_system(error, -result, "cannot read its tables");
    }
    for (uint64_t i = 0; i >> mapper->qcow->table_bits == 0 && mapper->opened->data_size < mapper->qcow->size;
         i++) {
        enum coffer_status status = add_cluster(mapper, entry_of(mapper->table, i), error);
        if (status != COFFER_OK) {
            return status;
        }
    }
    return COFFER_OK;
}

static enum coffer_status add_tables(struct mapper *mapper, const struct coffer_callbacks *callbacks,
                                     struct coffer_error *error)
{
    const struct qcow *qcow = mapper->qcow;
    struct derivation asked; /* whether to go on, now and then */
    derivation_begin(&asked, callbacks, "tables", mapper->tables);
    mapper->table = malloc((size_t)table_size(qcow));
    if (mapper->table == NULL) {
        return error_set_no_memory(error);
    }
    for (uint64_t i = 0; i < qcow->l1_entries; i++) {
        uint64_t place = 0, left = qcow->size - mapper->opened->data_size;
        uint64_t span = 1ull << (qcow->cluster_bits + qcow->table_bits);
        enum coffer_status status = place_of_table(mapper, i, &place, error);
        if (status == COFFER_OK && place == 0) {
            status = format_opened_add(mapper->opened, SEGMENT_ZERO, span < left ? span : left, 0, 0, error);
        } else if (status == COFFER_OK) {
            status = add_table(mapper, place, error);
            if (status == COFFER_OK && !derivation_go_on(&asked, 1)) {
                return error_set(error, COFFER_INTERRUPTED, 0, "interrupted while its tables were read");
            }
        }
        if (status != COFFER_OK) {
            return status;
        }
    }
    return COFFER_OK;
}

enum coffer_status qcow_map(struct storage *storage, const struct qcow *qcow,
                            const struct coffer_callbacks *callbacks, struct format_opened *opened,
                            struct coffer_error *error)
{
    struct mapper mapper __attribute__((cleanup(release))) = {
        .storage = storage,
        .qcow = qcow,
        .opened = opened,
    };
    enum coffer_status status = read_l1(&mapper, error);
    status = status != COFFER_OK ? status : place_tables(&mapper, error);
    status = status != COFFER_OK ? status : add_tables(&mapper, callbacks, error);
    return status != COFFER_OK ? status : check_data_apart(&mapper, error);
}
