/* SPDX-License-Identifier: ISC */
/*
 * fat_entry.c - the slots of a directory. A file has one with its alias and all that is known of it; slots before
 * that hold its long name, backwards, thirteen characters each, and a sum of the alias that they belong to. Pieces
 * that do not fit together belong to nobody: older systems rename and remove files without knowing of them.
 */
#include <string.h>

#include "fat.h"

#define LAST_PIECE  0x40
#define PIECE_UNITS 13u
#define REMOVED     0xe5

/* Where the characters of a piece are. */
static const uint8_t unit_places[PIECE_UNITS] = { 1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30 };

bool fat_entry_is_free(const uint8_t *slot)
{
    return fat_dir_is_end(slot) || slot[0] == REMOVED;
}

void fat_entry_remove(uint8_t *slot)
{
    slot[0] = REMOVED;
}

static bool is_piece(const uint8_t *slot)
{
    return (slot[11] & 0x3f) == FAT_ATTR_LONG && !fat_entry_is_free(slot);
}

/* ---- Reading ---- */

static void read_facts(const struct fat *fat, const uint8_t *slot, struct fat_facts *facts)
{
    *facts = (struct fat_facts){
        .attributes = slot[11],
        .start = fat_get16(slot + 26),
        .size = fat_get32(slot + 28),
        .birth = { .date = fat_get16(slot + 16), .time = fat_get16(slot + 14), .hundredths = slot[13] },
        .modified = { .date = fat_get16(slot + 24), .time = fat_get16(slot + 22) },
        .accessed = { .date = fat_get16(slot + 18) },
    };
    if (fat->geometry.kind == FAT_32) {
        facts->start |= (uint32_t)fat_get16(slot + 20) << 16;
    }
    if ((facts->attributes & FAT_ATTR_DIR) != 0) {
        facts->size = 0;
    }
    facts->valid = facts->size;
}

/* A piece holds a zero behind the last character, and then nothing. What a path cannot hold is replaced. */
static void read_piece(const uint8_t *slot, struct fat_name *name, size_t number)
{
    for (size_t i = 0; i < PIECE_UNITS; i++) {
        size_t at = number * PIECE_UNITS + i;
        uint16_t unit = fat_get16(slot + unit_places[i]);
        if (unit == 0 || at >= FAT_NAME_UNITS) {
            name->count = at < name->count ? at : name->count;
            return;
        }
        name->units[at] = unit == '/' ? '_' : unit;
    }
}

/* The long name whose pieces begin at slot `at`; the number of pieces, 0 for none. */
static uint32_t read_pieces(const uint8_t *slots, uint32_t count, uint32_t at, struct fat_name *name)
{
    const uint8_t *first = slots + (size_t)at * FAT_SLOT;
    uint32_t pieces = first[0] & 0x3f;
    if ((first[0] & LAST_PIECE) == 0 || pieces == 0 || pieces >= FAT_NAME_SLOTS || at + pieces >= count) {
        return 0;
    }
    name->count = pieces * PIECE_UNITS;
    name->count = name->count < FAT_NAME_UNITS ? name->count : FAT_NAME_UNITS;
    for (uint32_t i = 0; i < pieces; i++) {
        const uint8_t *slot = first + (size_t)i * FAT_SLOT;
        uint32_t number = pieces - i;
        if (!is_piece(slot) || (i > 0 && slot[0] != number) || slot[13] != first[13]) {
            return 0;
        }
        read_piece(slot, name, number - 1);
    }
    const uint8_t *own = first + (size_t)pieces * FAT_SLOT;
    bool fits = !fat_entry_is_free(own) && !is_piece(own) && fat_alias_sum(own) == first[13] && name->count > 0;
    return fits ? pieces : 0;
}

static bool is_dots(const struct fat_name *name)
{
    return name->units[0] == '.' && (name->count == 1 || (name->count == 2 && name->units[1] == '.'));
}

bool fat_entry_read(const struct fat *fat, const uint8_t *slots, uint32_t count, uint32_t at,
                    struct fat_entry *entry)
{
    uint32_t pieces = 0;
    if (is_piece(slots + (size_t)at * FAT_SLOT)) {
        pieces = read_pieces(slots, count, at, &entry->name);
        if (pieces == 0) {
            return false;
        }
    }
    const uint8_t *slot = slots + (size_t)(at + pieces) * FAT_SLOT;
    if (fat_entry_is_free(slot) || (slot[11] & FAT_ATTR_VOLUME) != 0) {
        return false;
    }
    if (pieces == 0) {
        fat_alias_read(slot, &entry->name);
    }
    if (entry->name.count == 0 || is_dots(&entry->name)) {
        return false;
    }
    memcpy(entry->alias, slot, FAT_ALIAS);
    entry->first = at;
    entry->last = entry->own = at + pieces;
    entry->has_alias = pieces > 0;
    entry->extras = 0;
    read_facts(fat, slot, &entry->facts);
    return true;
}

/* ---- Writing ---- */

uint32_t fat_entry_slots(const struct fat_entry *entry)
{
    return entry->has_alias ? (uint32_t)((entry->name.count + PIECE_UNITS - 1) / PIECE_UNITS) + 1 : 1;
}

static void write_piece(uint8_t *slot, const struct fat_name *name, uint32_t number, bool last, uint8_t sum)
{
    memset(slot, 0, FAT_SLOT);
    slot[0] = (uint8_t)((number + 1) | (last ? LAST_PIECE : 0));
    slot[11] = FAT_ATTR_LONG;
    slot[13] = sum;
    for (size_t i = 0; i < PIECE_UNITS; i++) {
        size_t at = number * PIECE_UNITS + i;
        fat_put16(slot + unit_places[i], at < name->count ? name->units[at] : at == name->count ? 0 : 0xffff);
    }
}

void fat_entry_set_start(const struct fat *fat, uint8_t *slot, uint32_t start)
{
    fat_put16(slot + 26, start);
    if (fat->geometry.kind == FAT_32) {
        fat_put16(slot + 20, start >> 16);
    }
}

static void write_facts(const struct fat *fat, uint8_t *slot, const struct fat_facts *facts)
{
    slot[11] = (uint8_t)facts->attributes;
    slot[13] = facts->birth.hundredths;
    fat_put16(slot + 14, facts->birth.time);
    fat_put16(slot + 16, facts->birth.date);
    fat_put16(slot + 18, facts->accessed.date);
    fat_put16(slot + 22, facts->modified.time);
    fat_put16(slot + 24, facts->modified.date);
    fat_put32(slot + 28, (uint32_t)facts->size);
    fat_entry_set_start(fat, slot, facts->start);
}

void fat_entry_update(const struct fat *fat, uint8_t *slots, uint32_t count, const struct fat_facts *facts)
{
    write_facts(fat, slots + (size_t)(count - 1) * FAT_SLOT, facts);
}

void fat_entry_write(const struct fat *fat, uint8_t *slots, uint32_t count, const struct fat_entry *entry)
{
    uint8_t sum = fat_alias_sum(entry->alias);
    for (uint32_t i = 0; i + 1 < count; i++) {
        write_piece(slots + (size_t)i * FAT_SLOT, &entry->name, count - 2 - i, i == 0, sum);
    }
    uint8_t *slot = slots + (size_t)(count - 1) * FAT_SLOT;
    memset(slot, 0, FAT_SLOT);
    memcpy(slot, entry->alias, FAT_ALIAS);
    write_facts(fat, slot, &entry->facts);
}

void fat_entry_dots(const struct fat *fat, uint8_t *slots, uint32_t self, uint32_t parent,
                    const struct fat_facts *facts)
{
    for (unsigned i = 0; i < 2; i++) {
        uint8_t *slot = slots + (size_t)i * FAT_SLOT;
        memset(slot, 0, FAT_SLOT);
        memset(slot, ' ', FAT_ALIAS);
        memset(slot, '.', i + 1);
        write_facts(fat, slot, facts);
        fat_entry_set_start(fat, slot, i == 0 ? self : parent);
    }
}
