/* SPDX-License-Identifier: ISC */
/*
 * exfat_entry.c - the slots of a directory. A file has a set of them: the file itself, its stream of contents, fifteen
 * characters of its name in each of the next, and perhaps what others have added. A checksum holds them together: a set
 * that was written in part only is nobody's. What changes later is in the first two, which lie in one sector (see
 * fat_dir_can_update), so that a set that is whole stays whole.
 */
#include <errno.h>
#include <string.h>

#include "exfat.h"

#define LEAST_SLOTS 3u
#define MOST_SLOTS  19u
#define NAME_UNITS  15u
#define FREE        0x05 /* a file, not in use */
#define ALLOCATES   0x01 /* flags of a stream, and of all that can have clusters */
#define NEIGHBOURS  0x02
#define START       20u /* of these, too */
#define LENGTH      24u
#define BRAND       25u /* six reserved bytes of a file, at which others do not look, and one with the commit */

static const uint8_t brand[] = { 'r', 'e', 'n', 'a', 'm', 'e' };

bool exfat_entry_is_free(const uint8_t *slot)
{
    return (slot[0] & EXFAT_IN_USE) == 0;
}

void exfat_entry_remove(uint8_t *slot)
{
    slot[0] = fat_dir_is_end(slot) ? FREE : (uint8_t)(slot[0] & ~EXFAT_IN_USE);
}

bool exfat_entry_is_strange(const uint8_t *slot)
{
    return (slot[0] & (EXFAT_IN_USE | EXFAT_SECONDARY | EXFAT_BENIGN)) == EXFAT_IN_USE && slot[0] != EXFAT_FILE;
}

static bool is_extra(const uint8_t *slot)
{
    const unsigned kind = EXFAT_IN_USE | EXFAT_SECONDARY | EXFAT_BENIGN;
    return (slot[0] & kind) == kind;
}

static uint32_t name_slots(size_t units)
{
    return (uint32_t)((units + NAME_UNITS - 1) / NAME_UNITS);
}

/* Of a whole set, but for the sum itself. */
static uint16_t sum_of(const uint8_t *slots, uint32_t count)
{
    unsigned sum = 0;
    for (size_t i = 0; i < (size_t)count * FAT_SLOT; i++) {
        if (i != 2 && i != 3) {
            sum = ((sum >> 1 | sum << 15) + slots[i]) & 0xffff;
        }
    }
    return (uint16_t)sum;
}

bool exfat_entry_is_whole(const uint8_t *slots, uint32_t count)
{
    uint32_t size = slots[1] + 1u;
    return size <= count && fat_get16(slots + 2) == sum_of(slots, size);
}

int exfat_entry_brand_of(const uint8_t *slots)
{
    return memcmp(slots + BRAND, brand, sizeof(brand)) == 0 ? slots[BRAND + sizeof(brand)] : -1;
}

void exfat_entry_brand(uint8_t *slots, uint32_t count, int commit)
{
    memset(slots + BRAND, 0, FAT_SLOT - BRAND);
    if (commit >= 0) {
        memcpy(slots + BRAND, brand, sizeof(brand));
        slots[BRAND + sizeof(brand)] = (uint8_t)commit;
    }
    fat_put16(slots + 2, sum_of(slots, count));
}

/* Of a name in upper case, by which others find it faster. */
static uint16_t hash_of(const struct fat *fat, const struct fat_name *name)
{
    unsigned hash = 0;
    for (size_t i = 0; i < name->count; i++) {
        unsigned unit = fat->upper[name->units[i]];
        hash = ((hash >> 1 | hash << 15) + (unit & 0xff)) & 0xffff;
        hash = ((hash >> 1 | hash << 15) + (unit >> 8)) & 0xffff;
    }
    return (uint16_t)hash;
}

/* ---- Reading ---- */

static struct fat_stamp read_stamp(const uint8_t *at, uint8_t hundredths, uint8_t zone)
{
    return (struct fat_stamp){
        .time = fat_get16(at),
        .date = fat_get16(at + 2),
        .hundredths = hundredths < 200 ? hundredths : 0,
        .zone = (zone & FAT_ZONE) != 0 ? zone : 0,
    };
}

/* A file that is larger than the volume is not. */
static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void read_facts(const struct fat *fat, const uint8_t *file, struct fat_facts *facts)
{
    const uint8_t *stream = file + FAT_SLOT;
    uint64_t size = least(fat_get64(stream + LENGTH), fat->geometry.most_size);
    *facts = (struct fat_facts){
        .attributes = fat_get16(file + 4),
        .start = size > 0 ? fat_get32(stream + START) : 0,
        .size = size,
        .valid = least(fat_get64(stream + 8), size),
        .neighbours = size > 0 && (stream[1] & NEIGHBOURS) != 0,
        .birth = read_stamp(file + 8, file[20], file[22]),
        .modified = read_stamp(file + 12, file[21], file[23]),
        .accessed = read_stamp(file + 16, 0, file[24]),
    };
}

/* What a path cannot hold is replaced. */
static bool read_name(const uint8_t *slots, size_t count, struct fat_name *name)
{
    name->count = count;
    for (size_t i = 0; i < count; i++) {
        const uint8_t *slot = slots + i / NAME_UNITS * FAT_SLOT;
        uint16_t unit = fat_get16(slot + 2 + i % NAME_UNITS * 2);
        name->units[i] = unit == 0 || unit == '/' ? '_' : unit;
        if (slot[0] != EXFAT_NAME) {
            return false;
        }
    }
    bool dots = name->units[0] == '.' && (count == 1 || (count == 2 && name->units[1] == '.'));
    return count > 0 && !dots;
}

bool exfat_entry_read(const struct fat *fat, const uint8_t *slots, uint32_t count, uint32_t at,
                      struct fat_entry *entry)
{
    const uint8_t *file = slots + (size_t)at * FAT_SLOT;
    uint32_t size = file[1] + 1u;
    if (file[0] != EXFAT_FILE || size < LEAST_SLOTS || size > MOST_SLOTS || size > count - at) {
        return false;
    }
    const uint8_t *stream = file + FAT_SLOT;
    uint32_t names = name_slots(stream[3]);
    if (stream[0] != EXFAT_STREAM || fat_get16(file + 2) != sum_of(file, size) || 2 + names > size ||
        !read_name(stream + FAT_SLOT, stream[3], &entry->name)) {
        return false;
    }
    entry->extras = size - 2 - names;
    for (uint32_t i = 0; i < entry->extras; i++) {
        const uint8_t *extra = file + (size_t)(2 + names + i) * FAT_SLOT;
        if (!is_extra(extra)) {
            return false;
        }
        memcpy(entry->extra + (size_t)i * FAT_SLOT, extra, FAT_SLOT);
    }
    entry->first = entry->own = at;
    entry->last = at + size - 1;
    entry->has_alias = false;
    read_facts(fat, file, &entry->facts);
    return true;
}

/* ---- Writing ---- */

uint32_t exfat_entry_slots(const struct fat_entry *entry)
{
    return 2 + name_slots(entry->name.count) + entry->extras;
}

static void write_stamp(uint8_t *at, struct fat_stamp stamp)
{
    fat_put16(at, stamp.time);
    fat_put16(at + 2, stamp.date);
}

void exfat_entry_update(const struct fat *fat, uint8_t *slots, uint32_t count, const struct fat_facts *facts)
{
    (void)fat;
    uint8_t *stream = slots + FAT_SLOT;
    bool has_clusters = facts->size > 0 && facts->start != 0;
    fat_put16(slots + 4, facts->attributes);
    write_stamp(slots + 8, facts->birth);
    write_stamp(slots + 12, facts->modified);
    write_stamp(slots + 16, facts->accessed);
    slots[20] = facts->birth.hundredths;
    slots[21] = facts->modified.hundredths;
    slots[22] = facts->birth.zone;
    slots[23] = facts->modified.zone;
    slots[24] = facts->accessed.zone;
    stream[1] = has_clusters && facts->neighbours ? ALLOCATES | NEIGHBOURS : ALLOCATES;
    fat_put64(stream + 8, facts->valid);
    fat_put32(stream + START, has_clusters ? facts->start : 0);
    fat_put64(stream + LENGTH, facts->size);
    fat_put16(slots + 2, sum_of(slots, count));
}

void exfat_entry_write(const struct fat *fat, uint8_t *slots, uint32_t count, const struct fat_entry *entry)
{
    const struct fat_name *name = &entry->name;
    uint8_t *stream = slots + FAT_SLOT, *names = stream + FAT_SLOT;
    uint32_t name_count = name_slots(name->count);
    memset(slots, 0, (size_t)count * FAT_SLOT);
    slots[0] = EXFAT_FILE;
    slots[1] = (uint8_t)(count - 1);
    stream[0] = EXFAT_STREAM;
    stream[3] = (uint8_t)name->count;
    fat_put16(stream + 4, hash_of(fat, name));
    for (uint32_t i = 0; i < name_count; i++) {
        names[(size_t)i * FAT_SLOT] = EXFAT_NAME;
    }
    for (size_t i = 0; i < name->count; i++) {
        fat_put16(names + i / NAME_UNITS * FAT_SLOT + 2 + i % NAME_UNITS * 2, name->units[i]);
    }
    memcpy(names + (size_t)name_count * FAT_SLOT, entry->extra, (size_t)entry->extras * FAT_SLOT);
    exfat_entry_update(fat, slots, count, &entry->facts);
}

int exfat_entry_name(struct fat *fat, struct fat_dir *dir, struct fat_entry *entry)
{
    (void)fat;
    (void)dir;
    return exfat_entry_slots(entry) > MOST_SLOTS ? -ENAMETOOLONG : 0;
}

void exfat_entry_drop_extras(struct fat *fat, const struct fat_entry *entry)
{
    for (uint32_t i = 0; i < entry->extras; i++) {
        const uint8_t *extra = entry->extra + (size_t)i * FAT_SLOT;
        uint64_t size = fat_get64(extra + LENGTH);
        if ((extra[1] & ALLOCATES) == 0 || fat_get32(extra + START) == 0 || size > fat->geometry.most_size) {
            continue;
        }
        struct fat_chain chain = fat_chain_of(fat, &(struct fat_facts){
                                                       .start = fat_get32(extra + START),
                                                       .size = size,
                                                       .neighbours = (extra[1] & NEIGHBOURS) != 0,
                                                   });
        fat_chain_cut(fat, &chain, 0); /* what cannot be followed of it is lost */
        fat_chain_forget(&chain);
    }
}
