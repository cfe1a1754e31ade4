/* SPDX-License-Identifier: ISC */
/*
 * fuzz_qcow.c - the header and the tables of a disk image, all of it the attacker's. Input: the size of the file in units of 4096
 * bytes, the version, then what comes after them.
 *
 * What opens is looked up once more, cluster by cluster, in the tables; and no two runs share a sector with each other or with
 * the tables.
 */
#include <stdlib.h>
#include <string.h>

#include "crypto.h"
#include "foreign_open.h"
#include "qcow.h"

#define FIXED        8
#define SECTORS_MAX  (256 * 4096 / QCOW_SECTOR_SIZE)
#define CLUSTERS_MAX 4096 /* that are looked up */
#define PLACE        0x00fffffffffffe00ull
#define ENTRY_SIZE   8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t get_be64(const uint8_t *at)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < 8; i++) {
        value = value << 8 | at[i];
    }
    return value;
}

/* Where the tables say that a cluster is; 0: nowhere. */
static uint64_t look_up(const struct memory_store *store, const struct qcow *qcow, uint64_t cluster)
{
    uint64_t mask = qcow->version == 1 ? ~0ull : PLACE;
    const uint8_t *l1 = store->data + qcow->l1_offset + (cluster >> qcow->table_bits) * ENTRY_SIZE;
    uint64_t table = get_be64(l1) & mask;
    if (table == 0) {
        return 0;
    }
    uint64_t entry = get_be64(store->data + table + (cluster & ((1ull << qcow->table_bits) - 1)) * ENTRY_SIZE);
    return qcow->version == 3 && (entry & 1) != 0 ? 0 : entry & mask;
}

static void check_lookups(const struct memory_store *store, const struct qcow *qcow,
                          const struct format_opened *opened)
{
    const struct segment *segment = opened->segment;
    uint64_t clusters = ((qcow->size - 1) >> qcow->cluster_bits) + 1;
    for (uint64_t i = 0; i < clusters && i < CLUSTERS_MAX; i++) {
        uint64_t offset = i << qcow->cluster_bits, place = look_up(store, qcow, i);
        while (offset - segment->start >= segment->size) {
            segment++;
        }
        uint64_t inside = offset - segment->start;
        uint64_t number = qcow->encryption == QCOW_LUKS ? place : offset;
        bool is_right = place == 0
                            ? segment->kind == SEGMENT_ZERO
                            : segment->kind == SEGMENT_CIPHER && segment->storage_offset + inside == place &&
                                  segment->tweak + inside / 512 == number / 512;
        if (!is_right) {
            abort();
        }
    }
}

/* Ends the program where something is there already. */
static void take(bool taken[SECTORS_MAX], uint64_t offset, uint64_t size)
{
    for (uint64_t at = offset; at < offset + size; at += QCOW_SECTOR_SIZE) {
        if (taken[at / QCOW_SECTOR_SIZE]) {
            abort();
        }
        taken[at / QCOW_SECTOR_SIZE] = true;
    }
}

static void check_apart(const struct qcow *qcow, const struct format_opened *opened)
{
    static bool taken[SECTORS_MAX];
    memset(taken, 0, sizeof(taken));
    if (qcow->version != 1) { /* where it is not half a sector */
        take(taken, 0, qcow->header_size);
    }
    for (size_t i = 0; i < opened->segments; i++) {
        if (opened->segment[i].kind == SEGMENT_CIPHER) {
            take(taken, opened->segment[i].storage_offset, opened->segment[i].size);
        }
    }
}

static void check_map(struct memory_store *store)
{
    const struct coffer_callbacks callbacks = { .notice = NULL };
    struct qcow qcow;
    struct format_opened *opened = format_opened_new();
    if (opened == NULL) {
        abort();
    }
    if (qcow_read(&store->storage, &qcow, NULL) == COFFER_OK && qcow.refused[0] == '\0' &&
        qcow_map(&store->storage, &qcow, &callbacks, opened, NULL) == COFFER_OK) {
        if (opened->data_size != qcow.size) {
            abort();
        }
        check_lookups(store, &qcow, opened);
        check_apart(&qcow, opened);
    }
    format_opened_free(opened);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct memory_store store;
    if (crypto_init() != 0 || size < 2) {
        return 0;
    }
    memory_store_open(&store, 4096u * (data[0] + 1u));
    memcpy(store.data, "QFI\xfb\0\0\0", FIXED - 1);
    store.data[FIXED - 1] = data[1] & 3;
    size_t room = store.storage.size - FIXED;
    memcpy(store.data + FIXED, data + 2, size - 2 < room ? size - 2 : room);
    foreign_open(&FORMAT_QCOW, &store);
    check_map(&store);
    memory_store_close(&store);
    return 0;
}
