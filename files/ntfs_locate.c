/* SPDX-License-Identifier: ISC */
/*
 * ntfs_locate.c - finds $LogFile from the boot sector and its record in $MFT alone. It has to be found before the
 * library opens the volume, because a commit may have been interrupted, and nobody changes what is read here.
 */
#include "ntfs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BOOT_SIZE   512u
#define RECORD_MAX  4096u
#define LOG_RECORD  2u
#define UNIT        512u /* of the sequence numbers that protect a record */
#define ATTR_DATA   0x80u
#define ATTR_END    0xffffffffu
#define MOST_RUNS   10000u
#define CLUSTER_MAX (2u << 20)

struct place {
    uint32_t cluster_size, record_size;
    uint64_t mft; /* offset */
};

static uint16_t get16(const uint8_t *at)
{
    return (uint16_t)(at[0] | at[1] << 8);
}

static uint32_t get32(const uint8_t *at)
{
    return get16(at) | (uint32_t)get16(at + 2) << 16;
}

static uint64_t get64(const uint8_t *at)
{
    return get32(at) | (uint64_t)get32(at + 4) << 32;
}

static int read_boot(struct nt *nt, struct place *place)
{
    uint8_t boot[BOOT_SIZE];
    if (nt->volume_size < BOOT_SIZE) {
        return -ENOENT;
    }
    int result = nt_volume_read(nt, boot, sizeof(boot), 0);
    if (result < 0) {
        return result;
    }
    if (memcmp(boot + 3, "NTFS    ", 8) != 0) {
        return -ENOENT;
    }
    const uint32_t sector = get16(boot + 11);
    /* Above 128 these two are negative powers of two. */
    const uint8_t cluster = boot[13], record = boot[64];
    const uint64_t sectors = cluster <= 128 ? cluster : UINT64_C(1) << (256 - cluster) % 64;
    const uint64_t cluster_size = sectors * sector;
    const uint64_t record_size = record < 128 ? record * cluster_size : UINT64_C(1) << (256 - record) % 64;
    if (cluster_size == 0 || cluster_size > CLUSTER_MAX || (cluster_size & (cluster_size - 1)) != 0 ||
        record_size < UNIT || record_size > RECORD_MAX || (record_size & (record_size - 1)) != 0) {
        return -EUCLEAN;
    }
    place->cluster_size = (uint32_t)cluster_size;
    place->record_size = (uint32_t)record_size;
    return __builtin_mul_overflow(get64(boot + 48), cluster_size, &place->mft) ? -EUCLEAN : 0;
}

/* Puts back the ends of sectors, which hold a sequence number while the record is on the volume. */
static bool unprotect(uint8_t *record, uint32_t size)
{
    const uint32_t array = get16(record + 4), count = get16(record + 6);
    if (count != size / UNIT + 1 || array + count * 2 > size) {
        return false;
    }
    for (uint32_t i = 1; i < count; i++) {
        uint8_t *end = record + i * UNIT - 2;
        if (memcmp(end, record + array, 2) != 0) {
            return false;
        }
        memcpy(end, record + array + i * 2, 2);
    }
    return true;
}

/* The attribute with the file's contents, which are not in the record itself; its size in *size. */
static const uint8_t *find_data(const uint8_t *record, uint32_t record_size, uint32_t *size)
{
    for (uint32_t at = get16(record + 20); at + 64 <= record_size;) {
        const uint32_t type = get32(record + at), length = get32(record + at + 4);
        if (type == ATTR_END || length < 24 || length > record_size - at) {
            return NULL;
        }
        if (type == ATTR_DATA && record[at + 8] != 0 && record[at + 9] == 0 && length >= 64 &&
            get64(record + at + 16) == 0) {
            *size = length;
            return record + at;
        }
        at += length;
    }
    return NULL;
}

/* A number of 1 to 8 bytes, the last of which has the sign. */
static int64_t get_number(const uint8_t *at, unsigned size)
{
    uint64_t value = size > 0 && (at[size - 1] & 0x80) != 0 ? UINT64_MAX : 0;
    for (unsigned i = size; i > 0; i--) {
        value = value << 8 | at[i - 1];
    }
    return (int64_t)value;
}

/* Where the runs of an attribute lie: pairs of a length and a distance from the run before. */
static int decode_runs(struct nt *nt, const uint8_t *attr, uint32_t size, uint32_t cluster_size,
                       struct nt_run **runs, size_t *count)
{
    int64_t cluster = 0;
    const int64_t clusters = (int64_t)(nt->volume_size / cluster_size);
    for (uint32_t at = get16(attr + 32); at < size && attr[at] != 0;) {
        const unsigned length_size = attr[at] & 15, step_size = attr[at] >> 4;
        if (length_size == 0 || length_size > 8 || step_size == 0 || step_size > 8 ||
            at + 1 + length_size + step_size > size || *count == MOST_RUNS) {
            return -EUCLEAN;
        }
        const int64_t length = get_number(attr + at + 1, length_size);
        if (__builtin_add_overflow(cluster, get_number(attr + at + 1 + length_size, step_size), &cluster) ||
            cluster < 0 || cluster > clusters || length <= 0 || length > clusters - cluster) {
            return -EUCLEAN;
        }
        struct nt_run *more = realloc(*runs, (*count + 1) * sizeof(**runs));
        if (more == NULL) {
            return -ENOMEM;
        }
        *runs = more;
        more[(*count)++] = (struct nt_run){ (uint64_t)cluster * cluster_size, (uint64_t)length * cluster_size };
        at += 1 + length_size + step_size;
    }
    return *count > 0 ? 0 : -EUCLEAN;
}

int nt_locate_log(struct nt *nt, struct nt_run **runs, size_t *count)
{
    uint8_t record[RECORD_MAX];
    struct place place;
    uint64_t offset;
    uint32_t size = 0;
    *runs = NULL;
    *count = 0;
    int result = read_boot(nt, &place);
    if (result < 0) {
        return result;
    }
    if (__builtin_add_overflow(place.mft, LOG_RECORD * place.record_size, &offset) || offset > nt->volume_size ||
        nt->volume_size - offset < place.record_size) {
        return -EUCLEAN;
    }
    result = nt_volume_read(nt, record, place.record_size, offset);
    if (result < 0) {
        return result;
    }
    const uint8_t *data = memcmp(record, "FILE", 4) == 0 && unprotect(record, place.record_size)
                              ? find_data(record, place.record_size, &size)
                              : NULL;
    return data != NULL ? decode_runs(nt, data, size, place.cluster_size, runs, count) : -EUCLEAN;
}
