/* SPDX-License-Identifier: ISC */
/*
 * bitlk.c - reads the metadata of BitLocker volumes: a boot sector that names three copies, each a header and a list of
 * entries, some of which hold lists of entries themselves.
 *
 * Every entry says how long it is; none may reach out of the one around it.
 */
#include "bitlk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "crc32.h"
#include "error.h"

#define BOOT_SIZE       512
#define METADATA_HEADER 112 /* bytes before the first entry */
#define ENTRY_HEADER    8
#define VALIDATION_SIZE 8
#define BEK_HEADER      48

/* Offsets in the boot sector. */
enum {
    BOOT_SIGNATURE = 3,
    BOOT_SECTOR_SIZE = 11,
    BOOT_GUID = 160, /* three offsets follow */
    BOOT_GUID_TO_GO = 424,
};

/* Offsets in the metadata. */
enum {
    SIZE = 8, /* in units of 16 bytes */
    VERSION = 10,
    STATE = 12,
    ENCRYPTED_SIZE = 16,
    BOOT_SECTORS = 28,
    AREAS = 32,
    BOOT_OFFSET = 56,
    LIST_SIZE = 64, /* from here, header and entries */
    VOLUME_GUID = 80,
    METHOD = 100,
};

enum entry_type { ENTRY_MASTER = 2, ENTRY_KEY = 3, ENTRY_STARTUP = 6, ENTRY_DESCRIPTION = 7, ENTRY_BOOT = 0x0f };

enum value_type {
    VALUE_KEY = 1,
    VALUE_TEXT = 2,
    VALUE_STRETCHED = 3,
    VALUE_SEALED = 5,
    VALUE_MASTER = 8,
    VALUE_EXTERNAL = 9,
    VALUE_RANGE = 0x0f,
};

#define STATE_ENCRYPTED 4

static const uint8_t SIGNATURE[8] = "-FVE-FS-";
static const uint8_t SIGNATURE_TO_GO[8] = "MSWIN4.1";
static const uint8_t GUID[BITLK_GUID_SIZE] = { 0x3b, 0xd6, 0x67, 0x49, 0x29, 0x2e, 0xd8, 0x4a,
                                               0x83, 0x99, 0xf6, 0xa3, 0x39, 0xe3, 0xd0, 0x01 };
static const uint8_t GUID_ON_WRITE[BITLK_GUID_SIZE] = { 0x3b, 0x4d, 0xa8, 0x92, 0x80, 0xdd, 0x0e, 0x4d,
                                                        0x9e, 0x4e, 0xb1, 0xe3, 0x28, 0x4e, 0xae, 0xd8 };

/* ---- entries ---- */

struct entry {
    uint16_t type, value;
    struct bytes data;
};

/* Takes the next entry off a list; false at its end, or where it is broken. */
static bool next_entry(struct bytes *list, struct entry *entry)
{
    if (!bytes_has(*list, 0, ENTRY_HEADER)) {
        return false;
    }
    uint16_t size = bytes_get_le16(*list, 0);
    if (size < ENTRY_HEADER || !bytes_has(*list, 0, size)) {
        return false;
    }
    entry->type = bytes_get_le16(*list, 2);
    entry->value = bytes_get_le16(*list, 4);
    entry->data = (struct bytes){ list->data + ENTRY_HEADER, size - (size_t)ENTRY_HEADER };
    *list = (struct bytes){ list->data + size, list->size - size };
    return true;
}

static struct bytes rest(struct bytes view, size_t offset)
{
    return offset <= view.size ? (struct bytes){ view.data + offset, view.size - offset }
                               : (struct bytes){ view.data, 0 };
}

static void read_sealed(struct bytes data, struct bitlk_sealed *sealed)
{
    const size_t head = BITLK_NONCE_SIZE + BITLK_TAG_SIZE;
    if (data.size <= head || data.size - head > BITLK_SEALED_MAX) {
        return;
    }
    memcpy(sealed->nonce, data.data, BITLK_NONCE_SIZE);
    memcpy(sealed->tag, data.data + BITLK_NONCE_SIZE, BITLK_TAG_SIZE);
    sealed->size = (uint32_t)(data.size - head);
    memcpy(sealed->data, data.data + head, sealed->size);
}

/* GUID 16, time 8, unknown 2, protection 2, entries. */
static void read_master(struct bytes data, struct bitlk_master *master)
{
    struct entry entry;
    memcpy(master->guid, bytes_at(data, 0, BITLK_GUID_SIZE), BITLK_GUID_SIZE);
    master->protection = bytes_get_le16(data, 26);
    struct bytes list = rest(data, 28);
    while (next_entry(&list, &entry)) {
        if (entry.value == VALUE_SEALED) {
            read_sealed(entry.data, &master->key);
        } else if (entry.value == VALUE_STRETCHED && bytes_has(entry.data, 4, BITLK_SALT_SIZE)) {
            memcpy(master->salt, bytes_at(entry.data, 4, BITLK_SALT_SIZE), BITLK_SALT_SIZE);
            master->has_salt = true;
        } else if (entry.value == VALUE_KEY && entry.data.size == 4 + 32) {
            memcpy(master->clear_key, bytes_at(entry.data, 4, 32), 32);
            master->has_clear_key = true;
        }
    }
}

/* UTF-16 to as much UTF-8 as there is room for; what is no character becomes a question mark. */
static void read_text(struct bytes data, char *out, size_t room)
{
    size_t used = 0;
    for (size_t at = 0; at + 2 <= data.size; at += 2) {
        uint32_t c = bytes_get_le16(data, at);
        if (c >= 0xd800 && c < 0xdc00 && at + 4 <= data.size) {
            uint32_t low = bytes_get_le16(data, at + 2);
            if (low >= 0xdc00 && low < 0xe000) {
                c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
                at += 2;
            }
        }
        c = c >= 0xd800 && c < 0xe000 ? '?' : c;
        size_t size = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
        if (c == 0 || used + size >= room) {
            break;
        }
        static const uint8_t LEAD[5] = { 0, 0, 0xc0, 0xe0, 0xf0 };
        for (size_t i = size; i-- > 1; c >>= 6) {
            out[used + i] = (char)(0x80 | (c & 0x3f));
        }
        out[used] = (char)(LEAD[size] | c);
        used += size;
    }
    out[used] = '\0';
}

static void read_entry(const struct entry *entry, struct bitlk *bitlk)
{
    if (entry->type == ENTRY_MASTER && entry->value == VALUE_MASTER && entry->data.size >= 28 &&
        bitlk->masters < BITLK_KEYS_MAX) {
        read_master(entry->data, &bitlk->master[bitlk->masters++]);
    } else if (entry->type == ENTRY_KEY && entry->value == VALUE_SEALED) {
        read_sealed(entry->data, &bitlk->key);
    } else if (entry->type == ENTRY_DESCRIPTION && entry->value == VALUE_TEXT) {
        read_text(entry->data, bitlk->label, sizeof(bitlk->label));
    } else if (entry->type == ENTRY_BOOT && entry->value == VALUE_RANGE && entry->data.size >= 16) {
        bitlk->boot_offset = bytes_get_le64(entry->data, 0);
        bitlk->boot_size = bytes_get_le64(entry->data, 8);
    }
}

/* ---- one copy of the metadata ---- */

bool bitlk_parse(struct bytes view, struct bitlk *bitlk)
{
    struct entry entry;
    if (!bytes_has(view, 0, METADATA_HEADER) || memcmp(view.data, SIGNATURE, sizeof(SIGNATURE)) != 0) {
        return false;
    }
    uint32_t size = bytes_get_le32(view, LIST_SIZE);
    if (size < METADATA_HEADER - LIST_SIZE || !bytes_has(view, LIST_SIZE, size)) {
        return false;
    }
    bitlk->masters = 0;
    bitlk->version = bytes_get_le16(view, VERSION);
    bitlk->method = bytes_get_le16(view, METHOD);
    bitlk->encrypted_size =
        bytes_get_le16(view, STATE) == STATE_ENCRYPTED ? 0 : bytes_get_le64(view, ENCRYPTED_SIZE);
    memcpy(bitlk->guid, bytes_at(view, VOLUME_GUID, BITLK_GUID_SIZE), BITLK_GUID_SIZE);
    for (unsigned i = 0; i < BITLK_AREAS; i++) {
        bitlk->area[i] = bytes_get_le64(view, AREAS + 8 * (size_t)i);
    }
    bitlk->boot_offset = bytes_get_le64(view, BOOT_OFFSET);
    bitlk->boot_size = (uint64_t)bytes_get_le32(view, BOOT_SECTORS) * bitlk->sector_size;
    struct bytes list = { view.data + METADATA_HEADER, size - (METADATA_HEADER - LIST_SIZE) };
    while (next_entry(&list, &entry)) {
        read_entry(&entry, bitlk);
    }
    return true;
}

/* Its size without the validation behind it; 0: it is not whole. */
static size_t check_copy(struct bytes view)
{
    if (memcmp(view.data, SIGNATURE, sizeof(SIGNATURE)) != 0) {
        return 0;
    }
    size_t size = (size_t)bytes_get_le16(view, SIZE) * 16;
    if (size < METADATA_HEADER || !bytes_has(view, size, VALIDATION_SIZE)) {
        return 0;
    }
    return bytes_get_le32(view, size + 4) == ~crc32_add(CRC32_BEGIN, view.data, size) ? size : 0;
}

/* ---- the volume ---- */

static bool read_boot(struct storage *storage, uint8_t boot[BOOT_SIZE], bool *to_go)
{
    if (storage->size < BOOT_SIZE || storage_read(storage, boot, BOOT_SIZE, 0) != 0) {
        return false;
    }
    const uint8_t *signature = boot + BOOT_SIGNATURE;
    *to_go = memcmp(signature, SIGNATURE_TO_GO, 8) == 0;
    if (*to_go) {
        const uint8_t *guid = boot + BOOT_GUID_TO_GO; /* a FAT of Windows 98 has the same signature */
        return memcmp(guid, GUID, sizeof(GUID)) == 0 || memcmp(guid, GUID_ON_WRITE, sizeof(GUID)) == 0;
    }
    return memcmp(signature, SIGNATURE, sizeof(SIGNATURE)) == 0;
}

bool bitlk_find(struct storage *storage)
{
    uint8_t boot[BOOT_SIZE];
    bool to_go;
    return read_boot(storage, boot, &to_go);
}

static enum coffer_status damaged(struct coffer_error *error, const char *what)
{
    return error_set(error, COFFER_DAMAGED, 0, "its BitLocker metadata is damaged: %s", what);
}

/* One copy, through `area` of BITLK_AREA_SIZE bytes. False: it is not whole. */
static bool read_copy(struct storage *storage, uint64_t offset, uint8_t *area, struct bitlk *bitlk)
{
    if (offset >= storage->size) {
        return false;
    }
    uint64_t left = storage->size - offset;
    struct bytes view = { area, left < BITLK_AREA_SIZE ? (size_t)left : BITLK_AREA_SIZE };
    if (view.size < METADATA_HEADER || storage_read(storage, area, view.size, offset) != 0) {
        return false;
    }
    size_t size = check_copy(view);
    return size != 0 && bitlk_parse((struct bytes){ area, size }, bitlk);
}

static enum coffer_status read_copies(struct storage *storage, const uint64_t offset[BITLK_AREAS], uint8_t *area,
                                      struct bitlk *bitlk, struct coffer_error *error)
{
    for (unsigned i = 0; i < BITLK_AREAS; i++) {
        if (read_copy(storage, offset[i], area, bitlk)) {
            return COFFER_OK;
        }
    }
    return damaged(error, "none of the three copies is whole");
}

enum coffer_status bitlk_read(struct storage *storage, struct bitlk *bitlk, struct coffer_error *error)
{
    uint8_t boot[BOOT_SIZE];
    uint64_t offset[BITLK_AREAS];
    memset(bitlk, 0, sizeof(*bitlk));
    if (!read_boot(storage, boot, &bitlk->to_go)) {
        return error_set(error, COFFER_NOT_FOUND, 0, "it is not a BitLocker volume");
    }
    struct bytes view = { boot, sizeof(boot) };
    size_t at = bitlk->to_go ? BOOT_GUID_TO_GO : BOOT_GUID;
    const uint8_t *guid = bytes_at(view, at, BITLK_GUID_SIZE);
    bitlk->on_write = memcmp(guid, GUID_ON_WRITE, sizeof(GUID_ON_WRITE)) == 0;
    if (!bitlk->on_write && memcmp(guid, GUID, sizeof(GUID)) != 0) {
        return error_set(error, COFFER_UNSUPPORTED, 0,
                         "it is a BitLocker volume of Windows Vista, whose layout is not supported");
    }
    bitlk->sector_size = bytes_get_le16(view, BOOT_SECTOR_SIZE);
    if (bitlk->sector_size < 512 || bitlk->sector_size > 4096 ||
        (bitlk->sector_size & (bitlk->sector_size - 1)) != 0) {
        return damaged(error, "its sectors have an impossible size");
    }
    for (unsigned i = 0; i < BITLK_AREAS; i++) {
        offset[i] = bytes_get_le64(view, at + BITLK_GUID_SIZE + 8 * (size_t)i);
    }
    uint8_t *area = calloc(1, BITLK_AREA_SIZE);
    if (area == NULL) {
        return error_set_no_memory(error);
    }
    enum coffer_status status = read_copies(storage, offset, area, bitlk, error);
    free(area);
    if (status == COFFER_OK && bitlk->version != 2) {
        return error_set(error, COFFER_UNSUPPORTED, 0,
                         "it is a BitLocker volume of version %u, which is not supported", bitlk->version);
    }
    return status;
}

enum coffer_status bitlk_check_copies(struct storage *storage, const struct bitlk *bitlk, bool whole[BITLK_AREAS],
                                      struct coffer_error *error)
{
    uint8_t *area = calloc(1, BITLK_AREA_SIZE);
    struct bitlk *copy = calloc(1, sizeof(*copy));
    if (area == NULL || copy == NULL) {
        free(area);
        free(copy);
        return error_set_no_memory(error);
    }
    for (unsigned i = 0; i < BITLK_AREAS; i++) {
        copy->sector_size = bitlk->sector_size;
        whole[i] = read_copy(storage, bitlk->area[i], area, copy) &&
                   memcmp(copy->guid, bitlk->guid, sizeof(copy->guid)) == 0 &&
                   memcmp(copy->area, bitlk->area, sizeof(copy->area)) == 0;
    }
    free(area);
    free(copy);
    return COFFER_OK;
}

/* ---- startup keys ---- */

bool bitlk_parse_startup_key(const uint8_t *data, size_t size, uint8_t key[32], uint8_t guid[BITLK_GUID_SIZE])
{
    struct bytes list = rest((struct bytes){ (uint8_t *)(uintptr_t)data, size }, BEK_HEADER);
    struct entry entry, inner;
    while (next_entry(&list, &entry)) {
        if (entry.type != ENTRY_STARTUP || entry.value != VALUE_EXTERNAL || entry.data.size < 24) {
            continue;
        }
        struct bytes nested = rest(entry.data, 24); /* GUID 16, time 8 */
        while (next_entry(&nested, &inner)) {
            if (inner.value == VALUE_KEY && inner.data.size == 4 + 32) {
                memcpy(key, bytes_at(inner.data, 4, 32), 32);
                memcpy(guid, bytes_at(entry.data, 0, BITLK_GUID_SIZE), BITLK_GUID_SIZE);
                return true;
            }
        }
    }
    return false;
}
