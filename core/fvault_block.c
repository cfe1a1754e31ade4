/* SPDX-License-Identifier: ISC */
/*
 * fvault_block.c - the header of a CoreStorage volume, and the blocks of its metadata that matter for opening it: the
 * logical volume, its encryption context and its map. Pure.
 *
 * Nothing that a block says is taken without looking at its bounds, for whoever wrote it may be hostile.
 */
#include "fvault.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "crc32.h"
#include "plist.h"
#include "uuid.h"

#define HEADER_SIZE 512

/* Offsets in the header and, up to BLOCK_OBJECT, in every block. */
enum {
    CHECKSUM = 0, /* CRC-32C of all behind the seed */
    CHECKSUM_SEED = 4,
    VERSION = 8,
    TYPE = 10,
    BLOCK_TRANSACTION = 16,
    BLOCK_OBJECT = 24,
    SIGNATURE = 88,
    CHECKSUM_KIND = 90,
    BLOCK_SIZE = 96,
    METADATA_SIZE = 100,
    LABELS = 104,
    KEY_SIZE = 168,
    METHOD = 172,
    KEY = 176,
    PHYSICAL_UUID = 304,
};

/* Offsets in blocks of metadata. */
enum {
    CONTEXT_STORED = 104, /* bytes of the list as it is stored, and as it is */
    CONTEXT_SIZE = 108,
    CONTEXT_LIST = 112, /* offset and bytes in this block */
    VOLUME_LIST = 128,
    MAP_COUNT = 64,
    MAP_ENTRIES = 72,
};

/* In an entry of the map. */
enum { ENTRY_LOGICAL = 8, ENTRY_COUNT = 16, ENTRY_PHYSICAL = 32, ENTRY_DISK = 38, ENTRY_SIZE = 40 };

enum block_type {
    TYPE_HEADER = 0x0010,
    TYPE_CONTEXT = 0x0019,
    TYPE_VOLUME = 0x001a,
    TYPE_MAP = 0x0305,
    TYPE_MAP_OF_SYSTEM = 0x0505,
};

#define CHECKSUM_CRC32C 1
#define METHOD_XTS      2
#define USER_SIZE       284 /* bytes of a PassphraseWrappedKEKStruct */
#define USER_ITERATIONS 168
#define KEY_STRUCT_SIZE 256 /* of a KEKWrappedVolumeKeyStruct */

bool fvault_is_whole(struct bytes view)
{
    return bytes_get_le32(view, CHECKSUM_SEED) == CRC32_BEGIN &&
           crc32c_add(CRC32_BEGIN, view.data + VERSION, view.size - VERSION) == bytes_get_le32(view, CHECKSUM);
}

static void refuse(struct fvault *fvault, const char *what)
{
    if (fvault->refused[0] == '\0') {
        (void)snprintf(fvault->refused, sizeof(fvault->refused), "%s", what);
    }
}

/* ---- the header ---- */

bool fvault_parse_header(struct bytes view, struct fvault *fvault)
{
    if (view.size != HEADER_SIZE || bytes_get_le16(view, VERSION) != 1 ||
        bytes_get_le16(view, TYPE) != TYPE_HEADER || bytes_get_be16(view, SIGNATURE) != 0x4353 /* "CS" */ ||
        bytes_get_le32(view, CHECKSUM_KIND) != CHECKSUM_CRC32C || !fvault_is_whole(view)) {
        return false;
    }
    memcpy(fvault->uuid, bytes_at(view, PHYSICAL_UUID, 16), 16);
    memcpy(fvault->metadata_key, bytes_at(view, KEY, 16), 16);
    memcpy(fvault->metadata_key + 16, fvault->uuid, 16);
    fvault->block_size = bytes_get_le32(view, BLOCK_SIZE);
    fvault->metadata_size = bytes_get_le32(view, METADATA_SIZE);
    for (unsigned i = 0; i < FVAULT_LABELS; i++) {
        fvault->label[i] = bytes_get_le64(view, LABELS + 8 * (size_t)i);
    }
    bool is_power = (fvault->block_size & (fvault->block_size - 1)) == 0;
    if (!is_power || fvault->block_size < 512 || fvault->block_size > 65536) {
        fvault->fault = "its blocks have an impossible size";
    }
    if (bytes_get_le32(view, KEY_SIZE) != 16 || bytes_get_le32(view, METHOD) != METHOD_XTS) {
        refuse(fvault, "its metadata is encrypted in an unknown way");
    }
    return true;
}

/* ---- blocks ---- */

/* Whether this version of what the block describes is the one that counts so far. Two objects of a kind: refused. */
static bool is_latest(struct bytes view, struct fvault_version *version, struct fvault *fvault,
                      const char *several)
{
    uint64_t transaction = bytes_get_le64(view, BLOCK_TRANSACTION), object = bytes_get_le64(view, BLOCK_OBJECT);
    if (version->found && version->object != object) {
        refuse(fvault, several);
        return false;
    }
    if (version->found && version->transaction > transaction) {
        return false;
    }
    *version = (struct fvault_version){ .found = true, .transaction = transaction, .object = object };
    return true;
}

static bool get_list(struct bytes view, size_t at, struct bytes *list)
{
    uint32_t offset = bytes_get_le32(view, at), size = bytes_get_le32(view, at + 4);
    if (!bytes_has(view, offset, size)) {
        return false;
    }
    *list = (struct bytes){ view.data + offset, size };
    return true;
}

static bool get_uuid(struct bytes value, uint8_t uuid[16])
{
    char text[37] = "";
    if (value.size != sizeof(text) - 1) {
        return false;
    }
    memcpy(text, value.data, value.size);
    return uuid_parse(text, uuid);
}

/* "0xa000000". */
static bool get_number(struct bytes value, uint64_t *number)
{
    char text[24] = "", *end;
    if (value.size == 0 || value.size >= sizeof(text)) {
        return false;
    }
    memcpy(text, value.data, value.size);
    *number = strtoull(text, &end, 0);
    return *end == '\0';
}

static void take_volume(struct bytes view, struct fvault *fvault)
{
    struct bytes list, value;
    if (!is_latest(view, &fvault->volume, fvault, "it has several logical volumes")) {
        return;
    }
    if (!get_list(view, VOLUME_LIST, &list) ||
        !plist_find(list, "com.apple.corestorage.lv.familyUUID", "string", &value) ||
        !get_uuid(value, fvault->family) ||
        !plist_find(list, "com.apple.corestorage.lv.size", "integer", &value) ||
        !get_number(value, &fvault->size)) {
        fvault->fault = "what describes the volume";
        return;
    }
    fvault->name[0] = '\0';
    if (plist_find(list, "com.apple.corestorage.lv.name", "string", &value)) {
        size_t size = value.size < sizeof(fvault->name) ? value.size : sizeof(fvault->name) - 1;
        memcpy(fvault->name, value.data, size);
        fvault->name[size] = '\0';
    }
}

/* ---- the encryption context ---- */

static void take_users(struct bytes list, struct fvault *fvault)
{
    struct bytes value;
    uint8_t data[USER_SIZE];
    size_t at = 0, size;
    fvault->users = 0;
    while (fvault->users < FVAULT_USERS_MAX &&
           plist_next(list, &at, "PassphraseWrappedKEKStruct", "data", &value)) {
        if (!base64_decode((const char *)value.data, value.size, data, sizeof(data), &size) || size != USER_SIZE) {
            continue; /* of a user without a passphrase */
        }
        struct bytes view = { data, sizeof(data) };
        struct fvault_user *user = &fvault->user[fvault->users++];
        memcpy(user->salt, bytes_at(view, 8, FVAULT_SALT_SIZE), FVAULT_SALT_SIZE);
        memcpy(user->wrapped, bytes_at(view, 32, FVAULT_WRAPPED_SIZE), FVAULT_WRAPPED_SIZE);
        user->iterations = bytes_get_le32(view, USER_ITERATIONS);
    }
}

static void take_keys(struct bytes list, struct fvault *fvault)
{
    struct bytes value;
    uint8_t data[KEY_STRUCT_SIZE];
    size_t at = 0, size;
    fvault->keys = 0;
    while (fvault->keys < FVAULT_KEYS_MAX && plist_next(list, &at, "KEKWrappedVolumeKeyStruct", "data", &value)) {
        if (base64_decode((const char *)value.data, value.size, data, sizeof(data), &size) &&
            size == KEY_STRUCT_SIZE) {
            memcpy(fvault->key[fvault->keys++], data + 8, FVAULT_WRAPPED_SIZE);
        }
    }
}

static void take_context(struct bytes view, struct fvault *fvault)
{
    struct bytes list, value;
    if (!is_latest(view, &fvault->context, fvault, "it has several logical volumes")) {
        return;
    }
    uint32_t stored = bytes_get_le32(view, CONTEXT_STORED), size = bytes_get_le32(view, CONTEXT_SIZE);
    fvault->users = fvault->keys = 0;
    if (!get_list(view, CONTEXT_LIST, &list)) {
        fvault->fault = "its encryption context";
        return;
    }
    if (stored != size || list.size != size) {
        refuse(fvault, "its encryption context is compressed or spread over several blocks");
        return;
    }
    if (plist_find(list, "ConversionStatus", "string", &value) &&
        (value.size != 8 || memcmp(value.data, "Complete", 8) != 0)) {
        refuse(fvault, "it is being encrypted or decrypted; let its Mac finish that");
    }
    take_users(list, fvault);
    take_keys(list, fvault);
}

/* ---- the map ---- */

static void take_map(struct bytes view, struct fvault *fvault)
{
    if (!is_latest(view, &fvault->map, fvault, "it has several logical volumes")) {
        return;
    }
    uint32_t count = bytes_get_le32(view, MAP_COUNT);
    fvault->extents = 0;
    if (count > FVAULT_EXTENTS_MAX) {
        refuse(fvault, "it is in too many pieces");
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        size_t at = MAP_ENTRIES + i * (size_t)ENTRY_SIZE;
        fvault->extent[i] = (struct fvault_extent){
            .logical = bytes_get_le64(view, at + ENTRY_LOGICAL),
            .physical = bytes_get_le64(view, at + ENTRY_PHYSICAL) & UINT64_C(0xffffffffffff),
            .count = bytes_get_le32(view, at + ENTRY_COUNT),
        };
        if (bytes_get_le16(view, at + ENTRY_DISK) != 0) {
            refuse(fvault, "it is spread over several disks");
        }
    }
    fvault->extents = count;
}

void fvault_take_block(struct bytes view, struct fvault *fvault)
{
    switch (bytes_get_le16(view, TYPE)) {
    case TYPE_CONTEXT:
        take_context(view, fvault);
        return;
    case TYPE_VOLUME:
        take_volume(view, fvault);
        return;
    case TYPE_MAP:
        take_map(view, fvault);
        return;
    case TYPE_MAP_OF_SYSTEM:
        refuse(fvault, "it is the disk of a Mac's system, whose keys lie on another partition");
        return;
    default:
        return;
    }
}

bool fvault_parse_block(struct bytes view, struct fvault *fvault)
{
    if (view.size != FVAULT_BLOCK_SIZE || bytes_get_le16(view, VERSION) != 1 || !fvault_is_whole(view)) {
        return false;
    }
    fvault_take_block(view, fvault);
    return true;
}
