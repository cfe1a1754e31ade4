/* SPDX-License-Identifier: ISC */
/*
 * qcow.c - reads the header of QEMU's disk images. All numbers are big-endian.
 *
 * Version 1 has a short header of its own; 3 is 2 with more fields, and bits that say what a reader has to know. After
 * the header of 2 and 3 come extensions, of which the place of the LUKS header is one.
 */
#include "qcow.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "bytes.h"
#include "error.h"

/* Versions are small: a long magic is not met by chance. */
static const uint8_t MAGIC[7] = "QFI\xfb\0\0\0";

#define HEADER_MAX   104 /* bytes that are looked at */
#define HEADER_1     48  /* bytes of the header of version 1, */
#define HEADER_2     72  /* of version 2 */
#define HEADER_3_MIN 104 /* and of version 3, at least */

#define TABLE_ENTRY 8 /* bytes */

/* Offsets of fields. */
enum {
    VERSION = 4,
    BACKING_FILE = 8,

    /* version 1 */
    SIZE_1 = 24,
    CLUSTER_BITS_1 = 32,
    TABLE_BITS_1 = 33,
    ENCRYPTION_1 = 36,
    L1_OFFSET_1 = 40,

    /* versions 2 and 3 */
    CLUSTER_BITS = 20,
    SIZE = 24,
    ENCRYPTION = 32,
    L1_ENTRIES = 36,
    L1_OFFSET = 40,
    SNAPSHOTS = 60,

    /* version 3 */
    INCOMPATIBLE = 72,
    HEADER_SIZE = 100,
};

/* Bits of INCOMPATIBLE. */
#define DIRTY         1u
#define CORRUPT       2u
#define EXTERNAL_DATA 4u
#define COMPRESSION   8u /* the kind of compression is not the usual one: no matter, none is read */
#define EXTENDED_L2   16u
#define KNOWN_BITS    31u

#define EXTENSION_END  0u
#define EXTENSION_LUKS 0x0537be77u

static enum coffer_status damaged(struct coffer_error *error, const char *what)
{
    return error_set(error, COFFER_DAMAGED, 0, "its QCOW header is damaged: %s", what);
}

/* The first reason counts. */
static void refuse(struct qcow *qcow, const char *reason, ...) COFFER_PRINTF(2, 3);

static void refuse(struct qcow *qcow, const char *reason, ...)
{
    if (qcow->refused[0] == '\0') {
        va_list arguments;
        va_start(arguments, reason);
        (void)vsnprintf(qcow->refused, sizeof(qcow->refused), reason, arguments);
        va_end(arguments);
    }
}

bool qcow_find(struct storage *storage)
{
    uint8_t data[sizeof(MAGIC)];
    return storage->size >= sizeof(data) && storage_read(storage, data, sizeof(data), 0) == 0 &&
           memcmp(data, MAGIC, sizeof(MAGIC)) == 0;
}

/* ---- what all versions have ---- */

static void take_encryption(struct qcow *qcow, uint32_t method)
{
    if (method == 0) {
        refuse(qcow, "it is not encrypted; 'qemu-img convert -O raw' makes a raw image of it");
    } else if (method > (qcow->version == 1 ? QCOW_AES : QCOW_LUKS)) {
        refuse(qcow, "it is encrypted in an unknown way, %u", method);
    } else {
        qcow->encryption = (enum qcow_encryption)method;
    }
}

static void take_backing_file(struct qcow *qcow, uint64_t offset)
{
    if (offset != 0) {
        refuse(qcow, "it lies over another image, its backing file; 'qemu-img rebase' makes one of the two");
    }
}

/* How much of the L1 table the cleartext needs; that has to lie in the file. */
static enum coffer_status place_l1(const struct storage *storage, struct qcow *qcow, struct coffer_error *error)
{
    unsigned span_bits = qcow->cluster_bits + qcow->table_bits; /* of an L2 table */
    qcow->size -= qcow->size % QCOW_SECTOR_SIZE;                /* QEMU shows no more either */
    if (qcow->size == 0) {
        return damaged(error, "it has no content");
    }
    qcow->l1_entries = ((qcow->size - 1) >> span_bits) + 1;
    if (qcow->l1_entries > QCOW_L1_MAX / TABLE_ENTRY) {
        refuse(qcow, "its L1 table has more than %u MiB", QCOW_L1_MAX >> 20);
        return COFFER_OK;
    }
    uint64_t bytes = qcow->l1_entries * TABLE_ENTRY;
    if (qcow->l1_offset > storage->size || bytes > storage->size - qcow->l1_offset) {
        return damaged(error, "its L1 table lies beyond the end");
    }
    return COFFER_OK;
}

/* ---- version 1 ---- */

static enum coffer_status read_version1(const struct storage *storage, struct bytes view, struct qcow *qcow,
                                        struct coffer_error *error)
{
    take_encryption(qcow, bytes_get_be32(view, ENCRYPTION_1));
    take_backing_file(qcow, bytes_get_be64(view, BACKING_FILE));
    qcow->header_size = HEADER_1;
    qcow->size = bytes_get_be64(view, SIZE_1);
    qcow->cluster_bits = bytes_get_u8(view, CLUSTER_BITS_1);
    qcow->table_bits = bytes_get_u8(view, TABLE_BITS_1);
    qcow->l1_offset = bytes_get_be64(view, L1_OFFSET_1);
    if (qcow->cluster_bits < 9 || qcow->cluster_bits > 16) {
        return damaged(error, "its clusters have an impossible size");
    }
    if (qcow->table_bits < 6 || qcow->table_bits > 13) {
        return damaged(error, "its L2 tables have an impossible size");
    }
    return place_l1(storage, qcow, error);
}

/* ---- versions 2 and 3 ---- */

static void take_features(struct qcow *qcow, uint64_t bits)
{
    qcow->dirty = (bits & DIRTY) != 0;
    qcow->corrupt = (bits & CORRUPT) != 0;
    if ((bits & ~(uint64_t)KNOWN_BITS) != 0) {
        refuse(qcow, "it has features that are not known, incompatible bits 0x%llx",
               (unsigned long long)(bits & ~(uint64_t)KNOWN_BITS));
    }
    if ((bits & EXTERNAL_DATA) != 0) {
        refuse(qcow, "its data lies in another file, an external data file");
    }
    if ((bits & EXTENDED_L2) != 0) {
        refuse(qcow, "its L2 tables have extended entries; 'qemu-img convert' makes one without of it");
    }
}

static enum coffer_status take_luks(struct storage *storage, uint64_t at, uint32_t size, struct qcow *qcow,
                                    struct coffer_error *error)
{
    uint8_t data[16];
    struct bytes view = { data, sizeof(data) };
    if (qcow->encryption != QCOW_LUKS || qcow->luks_size != 0 || size != sizeof(data)) {
        return damaged(error, "the place of its LUKS header is not as it has to be");
    }
    int result = storage_read(storage, data, sizeof(data), at);
    if (result != 0) {
        return error_set_system(error, -result, "cannot read the header");
    }
    qcow->luks_offset = bytes_get_be64(view, 0);
    qcow->luks_size = bytes_get_be64(view, 8);
    if (qcow->luks_size == 0 || (qcow->luks_offset & ((1ull << qcow->cluster_bits) - 1)) != 0) {
        return damaged(error, "the place of its LUKS header is not as it has to be");
    }
    if (qcow->luks_offset > storage->size || qcow->luks_size > storage->size - qcow->luks_offset) {
        return damaged(error, "its LUKS header lies beyond the end");
    }
    return COFFER_OK;
}

/* They end with a mark, or with the cluster, which the store holds. */
static enum coffer_status read_extensions(struct storage *storage, uint64_t at, struct qcow *qcow,
                                          struct coffer_error *error)
{
    uint8_t data[8];
    struct bytes view = { data, sizeof(data) };
    while (at + sizeof(data) <= qcow->header_size) {
        int result = storage_read(storage, data, sizeof(data), at);
        if (result != 0) {
            return error_set_system(error, -result, "cannot read the header");
        }
        uint32_t kind = bytes_get_be32(view, 0), size = bytes_get_be32(view, 4);
        at += sizeof(data);
        if (kind == EXTENSION_END) {
            break;
        }
        if (size > qcow->header_size - at) {
            return damaged(error, "an extension of it does not end");
        }
        enum coffer_status status = kind == EXTENSION_LUKS ? take_luks(storage, at, size, qcow, error) : COFFER_OK;
        if (status != COFFER_OK) {
            return status;
        }
        at += ((uint64_t)size + 7) & ~7ull;
    }
    return qcow->encryption != QCOW_LUKS || qcow->luks_size != 0
               ? COFFER_OK
               : damaged(error, "it does not say where its LUKS header is");
}

/* The table that the cleartext needs, and where it lies. */
static enum coffer_status read_disk(const struct storage *storage, struct bytes view, struct qcow *qcow,
                                    struct coffer_error *error)
{
    uint32_t cluster_bits = bytes_get_be32(view, CLUSTER_BITS);
    if (cluster_bits < 9 || cluster_bits > 21) {
        return damaged(error, "its clusters have an impossible size");
    }
    qcow->cluster_bits = cluster_bits;
    qcow->table_bits = cluster_bits - 3;
    qcow->header_size = 1ull << cluster_bits;
    qcow->size = bytes_get_be64(view, SIZE);
    qcow->l1_offset = bytes_get_be64(view, L1_OFFSET);
    if (storage->size < qcow->header_size) {
        return damaged(error, "it is cut short");
    }
    if ((qcow->l1_offset & (qcow->header_size - 1)) != 0) {
        return damaged(error, "its L1 table begins inside a cluster");
    }
    enum coffer_status status = place_l1(storage, qcow, error);
    if (status != COFFER_OK || qcow->refused[0] != '\0') {
        return status;
    }
    return qcow->l1_entries <= bytes_get_be32(view, L1_ENTRIES) ? COFFER_OK
                                                                : damaged(error, "its L1 table is too small");
}

static enum coffer_status read_version3(struct storage *storage, struct bytes view, struct qcow *qcow,
                                        struct coffer_error *error)
{
    uint64_t header_size = HEADER_2;
    take_encryption(qcow, bytes_get_be32(view, ENCRYPTION));
    take_backing_file(qcow, bytes_get_be64(view, BACKING_FILE));
    if (qcow->version == 3) {
        header_size = bytes_get_be32(view, HEADER_SIZE);
        take_features(qcow, bytes_get_be64(view, INCOMPATIBLE));
    }
    if (qcow->refused[0] != '\0') { /* what is not known may mean other tables */
        return COFFER_OK;
    }
    qcow->snapshots = bytes_get_be32(view, SNAPSHOTS);
    enum coffer_status status = read_disk(storage, view, qcow, error);
    if (status != COFFER_OK || qcow->refused[0] != '\0') {
        return status;
    }
    if (qcow->version == 3 &&
        (header_size < HEADER_3_MIN || header_size % 8 != 0 || header_size > qcow->header_size)) {
        return damaged(error, "it has an impossible size");
    }
    return read_extensions(storage, header_size, qcow, error);
}

enum coffer_status qcow_read(struct storage *storage, struct qcow *qcow, struct coffer_error *error)
{
    uint8_t data[HEADER_MAX] = { 0 };
    struct bytes view = { data, sizeof(data) };
    *qcow = (struct qcow){ .version = 0 };
    if (storage->size < HEADER_1) {
        return damaged(error, "it is cut short");
    }
    int result =
        storage_read(storage, data, storage->size < sizeof(data) ? (size_t)storage->size : sizeof(data), 0);
    if (result != 0) {
        return error_set_system(error, -result, "cannot read the header");
    }
    qcow->version = bytes_get_be32(view, VERSION);
    switch (qcow->version) {
    case 1:
        return read_version1(storage, view, qcow, error);
    case 2:
    case 3:
        return read_version3(storage, view, qcow, error);
    default:
        return error_set(error, COFFER_UNSUPPORTED, 0, "it is a disk image of QEMU (QCOW) of version %u",
                         qcow->version);
    }
}
