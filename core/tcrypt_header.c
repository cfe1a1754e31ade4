/* SPDX-License-Identifier: ISC */
/*
 * The decrypted header of TrueCrypt and VeraCrypt. All numbers are big-endian. Up to version 3 (TrueCrypt 5) a
 * volume had no say about where its data is.
 */
#include "tcrypt_header.h"

#include <string.h>

#include "bytes.h"
#include "crc32.h"

#define MAGIC       0
#define VERSION     4
#define KEYS_CRC    8
#define HIDDEN_SIZE 28
#define VOLUME_SIZE 36
#define DATA_OFFSET 44
#define DATA_SIZE   52
#define FLAGS       60
#define HEADER_CRC  188
#define KEYS        192

#define UNIT              512
#define OLD_DATA_OFFSET   512
#define OLD_HIDDEN_HEADER 1536 /* from the end of the store */

bool tcrypt_header_decode(const uint8_t plain[TCRYPT_PLAIN_SIZE], struct tcrypt_header *header)
{
    struct bytes view = { (uint8_t *)(uintptr_t)plain, TCRYPT_PLAIN_SIZE };
    bool truecrypt = memcmp(plain + MAGIC, "TRUE", 4) == 0;
    bool veracrypt = memcmp(plain + MAGIC, "VERA", 4) == 0;
    if ((!truecrypt && !veracrypt) ||
        bytes_get_be32(view, KEYS_CRC) != ~crc32_add(CRC32_BEGIN, plain + KEYS, TCRYPT_KEYS_SIZE)) {
        return false;
    }
    uint16_t version = bytes_get_be16(view, VERSION);
    if (version > 3 && bytes_get_be32(view, HEADER_CRC) != ~crc32_add(CRC32_BEGIN, plain, HEADER_CRC)) {
        return false;
    }
    *header = (struct tcrypt_header){
        .veracrypt = veracrypt,
        .version = version,
        .hidden_size = bytes_get_be64(view, HIDDEN_SIZE),
        .volume_size = bytes_get_be64(view, VOLUME_SIZE),
        .data_offset = bytes_get_be64(view, DATA_OFFSET),
        .data_size = bytes_get_be64(view, DATA_SIZE),
        .flags = bytes_get_be32(view, FLAGS),
    };
    memcpy(header->keys, plain + KEYS, TCRYPT_KEYS_SIZE);
    return true;
}

/* Versions up to 3: an outer volume takes all but the first header, a hidden one ends before its own. */
static enum tcrypt_verdict place_old(const struct tcrypt_header *header, uint64_t storage_size,
                                     struct tcrypt_place *place)
{
    uint64_t whole = storage_size - storage_size % UNIT;
    if (whole <= OLD_DATA_OFFSET + OLD_HIDDEN_HEADER ||
        header->hidden_size > whole - OLD_DATA_OFFSET - OLD_HIDDEN_HEADER) {
        return TCRYPT_DAMAGED;
    }
    if (header->hidden_size == 0) {
        *place = (struct tcrypt_place){ OLD_DATA_OFFSET, whole - OLD_DATA_OFFSET };
    } else {
        *place = (struct tcrypt_place){ whole - OLD_HIDDEN_HEADER - header->hidden_size, header->hidden_size };
    }
    return TCRYPT_USABLE;
}

enum tcrypt_verdict tcrypt_header_place(const struct tcrypt_header *header, bool is_system, uint64_t storage_size,
                                        struct tcrypt_place *place)
{
    struct tcrypt_place found = { header->data_offset, header->data_size };
    enum tcrypt_verdict verdict = TCRYPT_USABLE;
    if (header->version <= 3 && !is_system) {
        verdict = place_old(header, storage_size, &found);
    } else if ((is_system || (header->flags & (TCRYPT_FLAG_SYSTEM | TCRYPT_FLAG_IN_PLACE)) != 0) &&
               header->data_size != header->volume_size) {
        return TCRYPT_UNFINISHED;
    }
    if (verdict != TCRYPT_USABLE || found.offset % UNIT != 0 || found.size % UNIT != 0 || found.size == 0 ||
        found.offset > storage_size || found.size > storage_size - found.offset) {
        return TCRYPT_DAMAGED;
    }
    *place = found;
    return TCRYPT_USABLE;
}
