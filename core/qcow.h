/* SPDX-License-Identifier: ISC */
/*
 * qcow.h - QEMU's disk images, QCOW of versions 1 to 3: what their header says, and where the cleartext lies.
 *
 * An image is made of clusters. Two levels of tables, L1 and L2, say for each cluster of the disk where in the file
 * it is; nothing vouches for them, so all that they say is checked when the image is opened, once and for all.
 */
#ifndef CORE_QCOW_H
#define CORE_QCOW_H

#include "coffer.h"
#include "format.h"
#include "storage.h"

#define QCOW_SECTOR_SIZE 512
#define QCOW_AES_CIPHER  "aes-cbc-plain64"
#define QCOW_AES_KEY     16 /* bytes: the passphrase itself, cut or filled with zeros */

#define QCOW_L1_MAX     (32u << 20)  /* bytes of the L1 table */
#define QCOW_TABLES_MAX (4ull << 30) /* bytes of all L2 tables, which are read one by one */

enum qcow_encryption { QCOW_IN_THE_CLEAR, QCOW_AES, QCOW_LUKS };

struct qcow {
    unsigned version;
    enum qcow_encryption encryption;
    uint64_t size;         /* bytes of cleartext, in whole sectors, at least one */
    unsigned cluster_bits; /* a cluster has 1 << cluster_bits bytes */
    unsigned table_bits;   /* an L2 table has 1 << table_bits entries */
    uint64_t header_size;  /* bytes at the start of the file in which nothing else lies */
    uint64_t l1_offset;
    uint64_t l1_entries; /* as many as the cleartext needs; there may be more, for the state of a machine */
    uint64_t luks_offset, luks_size; /* QCOW_LUKS: where its header lies, within the file */
    uint32_t snapshots;
    bool dirty;        /* it was not closed; reading does not need what may be wrong then */
    bool corrupt;      /* QEMU has found damage */
    char refused[128]; /* what of it is not supported, so that it must not be opened; "" = nothing */
};

/* Whether the store begins as an image does, of whatever version. */
bool qcow_find(struct storage *storage);

/* Reads and checks the header. Where it sets `refused`, what comes after encryption and version may be missing.
 * Errors: DAMAGED, UNSUPPORTED (the version), FAILED. */
enum coffer_status qcow_read(struct storage *storage, struct qcow *qcow, struct coffer_error *error);

/* Reads the tables into the map of `opened`. All that they name lies inside the file and apart from each other.
 * Takes less than 512 MiB of memory whatever they say, the map included, and for common images a few; asks the
 * progress callback. Errors: DAMAGED, UNSUPPORTED (compressed clusters, too large, too many pieces), NO_MEMORY,
 * INTERRUPTED, FAILED. */
enum coffer_status qcow_map(struct storage *storage, const struct qcow *qcow,
                            const struct coffer_callbacks *callbacks, struct format_opened *opened,
                            struct coffer_error *error);

#endif
