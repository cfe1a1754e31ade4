/* SPDX-License-Identifier: ISC */
/*
 * fat_index.c - finds entries of a directory by the hash of their names. An entry with an alias is found by
 * that as well.
 */
#include <errno.h>
#include <stdlib.h>

#include "fat.h"

#define FIRST_BUCKETS 16u

struct fat_key {
    uint32_t hash;
    uint32_t first; /* slot of the entry */
    uint32_t next;  /* of the same bucket, or spare; one more than its number, 0: none */
};

void fat_index_free(struct fat_index *index)
{
    free(index->keys);
    free(index->buckets);
    *index = (struct fat_index){ 0 };
}

static void insert(struct fat_index *index, uint32_t number)
{
    struct fat_key *key = &index->keys[number - 1];
    uint32_t *bucket = &index->buckets[key->hash & (index->bucket_count - 1)];
    key->next = *bucket;
    *bucket = number;
}

/* Twice the buckets, and everything sorted into them anew. */
static int grow(struct fat_index *index)
{
    uint32_t count = index->bucket_count > 0 ? index->bucket_count * 2 : FIRST_BUCKETS;
    uint32_t *buckets = calloc(count, sizeof(*buckets));
    struct fat_key *keys = realloc(index->keys, count * sizeof(*keys));
    index->keys = keys != NULL ? keys : index->keys;
    if (buckets == NULL || keys == NULL) {
        free(buckets);
        return -ENOMEM;
    }
    uint32_t *old = index->buckets;
    uint32_t old_count = index->bucket_count;
    index->buckets = buckets;
    index->bucket_count = count;
    index->room = count;
    for (uint32_t i = 0; i < old_count; i++) {
        for (uint32_t number = old[i]; number != 0;) {
            uint32_t next = index->keys[number - 1].next;
            insert(index, number);
            number = next;
        }
    }
    free(old);
    return 0;
}

static int add(struct fat_index *index, uint32_t hash, uint32_t first)
{
    if (index->spare == 0 && index->count == index->room) {
        int result = grow(index);
        if (result < 0) {
            return result;
        }
    }
    uint32_t number = index->spare;
    if (number != 0) {
        index->spare = index->keys[number - 1].next;
    } else {
        number = ++index->count;
    }
    index->keys[number - 1] = (struct fat_key){ .hash = hash, .first = first };
    insert(index, number);
    return 0;
}

static void take_out(struct fat_index *index, uint32_t hash, uint32_t first)
{
    uint32_t *link = &index->buckets[hash & (index->bucket_count - 1)];
    while (*link != 0) {
        struct fat_key *key = &index->keys[*link - 1];
        if (key->hash == hash && key->first == first) {
            uint32_t number = *link;
            *link = key->next;
            key->next = index->spare;
            index->spare = number;
            return;
        }
        link = &key->next;
    }
}

static uint32_t alias_hash(const struct fat *fat, const struct fat_entry *entry)
{
    struct fat_name name;
    uint8_t slot[FAT_SLOT] = { 0 };
    for (size_t i = 0; i < FAT_ALIAS; i++) {
        slot[i] = entry->alias[i];
    }
    fat_alias_read(slot, &name);
    return fat_name_hash(fat, &name);
}

int fat_index_add(const struct fat *fat, struct fat_index *index, const struct fat_entry *entry)
{
    int result = add(index, fat_name_hash(fat, &entry->name), entry->first);
    if (result == 0 && entry->has_alias) {
        result = add(index, alias_hash(fat, entry), entry->first);
    }
    return result;
}

void fat_index_remove(const struct fat *fat, struct fat_index *index, const struct fat_entry *entry)
{
    if (index->bucket_count == 0) {
        return;
    }
    take_out(index, fat_name_hash(fat, &entry->name), entry->first);
    if (entry->has_alias) {
        take_out(index, alias_hash(fat, entry), entry->first);
    }
}

bool fat_index_next(const struct fat_index *index, uint32_t hash, uint32_t *key, uint32_t *first)
{
    if (index->bucket_count == 0) {
        return false;
    }
    uint32_t number = *key == 0 ? index->buckets[hash & (index->bucket_count - 1)] : index->keys[*key - 1].next;
    while (number != 0 && index->keys[number - 1].hash != hash) {
        number = index->keys[number - 1].next;
    }
    *key = number;
    if (number == 0) {
        return false;
    }
    *first = index->keys[number - 1].first;
    return true;
}
