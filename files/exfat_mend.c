/* SPDX-License-Identifier: ISC */
/*
 * exfat_mend.c - puts in order what our own commits leave behind when they are interrupted, before anything is changed:
 *
 *   - a set that spans sectors and of which not all were written;
 *   - a file under its old and its new name: the new one is branded, the old one goes;
 *   - a chain that is longer than its file, or shorter because the file was to be;
 *   - clusters that are in use and nobody's.
 *
 * fsck.exfat would empty one of two names, whichever it sees second, make sizes fill the last cluster, and leave the
 * clusters lost. Whatever else is found is left to it (-EUCLEAN): then nothing has been written here.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "exfat.h"

#define WORD 64u

/* A set whose file has clusters. */
struct claim {
    uint32_t start;
    uint32_t first; /* slot */
    struct fat_node *dir;
    struct fat_node *node; /* of a directory that was looked into by this name */
    int brand;
};

struct mend {
    struct fat *fat;
    uint64_t *seen; /* a bit for each cluster: the first of something; then, anybody's */
    struct fat_node **dirs;
    size_t dir_count, dir_room;
    struct claim *claims;
    size_t claim_count, claim_room;
};

/* What a walk does with a set; *node is the directory that it names, to be looked into, or becomes NULL. */
typedef int set_fn(struct mend *mend, struct fat_dir *dir, struct fat_entry *entry, struct fat_node **node);

static bool see(struct mend *mend, uint32_t cluster)
{
    uint32_t bit = cluster - FAT_FIRST;
    uint64_t mask = UINT64_C(1) << bit % WORD;
    bool before = (mend->seen[bit / WORD] & mask) != 0;
    mend->seen[bit / WORD] |= mask;
    return before;
}

static bool is_in_heap(const struct fat *fat, uint32_t cluster)
{
    return cluster >= FAT_FIRST && cluster - FAT_FIRST < fat->geometry.clusters;
}

/* ---- Walking through all directories ---- */

/* Pinned until the end. */
static int add_dir(struct mend *mend, struct fat_node *node)
{
    if (mend->dir_count == mend->dir_room) {
        size_t room = mend->dir_room * 2 + 64;
        struct fat_node **dirs = realloc(mend->dirs, room * sizeof(*dirs));
        if (dirs == NULL) {
            return -ENOMEM;
        }
        mend->dirs = dirs;
        mend->dir_room = room;
    }
    mend->dirs[mend->dir_count++] = node;
    fat_node_pin(mend->fat, node);
    return 0;
}

static void forget_dirs(struct mend *mend)
{
    while (mend->dir_count > 0) {
        fat_node_unpin(mend->fat, mend->dirs[--mend->dir_count]);
    }
}

/* Something that is in use and begins no set: part of one that is not whole, or nothing that a crash leaves. */
static int drop_rest(struct mend *mend, struct fat_dir *dir, uint32_t *at)
{
    struct fat *fat = mend->fat;
    uint8_t *slot = dir->slots + (size_t)*at * FAT_SLOT;
    uint32_t unit = fat->geometry.sector / FAT_SLOT;
    bool is_torn = slot[0] == EXFAT_FILE && *at / unit != (*at + slot[1]) / unit &&
                   !exfat_entry_is_whole(slot, dir->end - *at);
    if (!is_torn && slot[0] != EXFAT_STREAM && slot[0] != EXFAT_NAME) {
        return -EUCLEAN;
    }
    exfat_entry_remove(slot);
    fat_dir_changed(fat, dir, *at);
    ++*at;
    return 0;
}

static bool is_of_root(const uint8_t *slot)
{
    return slot[0] == EXFAT_BITMAP || slot[0] == EXFAT_UPCASE || slot[0] == EXFAT_LABEL;
}

static int walk_dir(struct mend *mend, struct fat_node *node, set_fn *visit)
{
    struct fat *fat = mend->fat;
    struct fat_dir *dir;
    struct fat_entry entry;
    int result = fat_dir_open(fat, node, &dir);
    for (uint32_t at = 0; result == 0 && at < dir->end;) {
        const uint8_t *slot = dir->slots + (size_t)at * FAT_SLOT;
        struct fat_node *below = NULL;
        if (exfat_entry_is_free(slot) || (node == fat->root && is_of_root(slot))) {
            at++;
        } else if (!exfat_entry_read(fat, dir->slots, dir->end, at, &entry)) {
            result = drop_rest(mend, dir, &at);
        } else {
            result = visit(mend, dir, &entry, &below);
            result = result == 0 && below != NULL ? add_dir(mend, below) : result;
            at = entry.last + 1;
        }
    }
    return result;
}

static int walk(struct mend *mend, set_fn *visit)
{
    memset(mend->seen, 0, (mend->fat->geometry.clusters / WORD + 1) * sizeof(*mend->seen));
    int result = add_dir(mend, mend->fat->root);
    for (size_t i = 0; result == 0 && i < mend->dir_count; i++) {
        result = walk_dir(mend, mend->dirs[i], visit);
        fat_dir_trim(mend->fat);
    }
    return result;
}

/* ---- Two names for a file ---- */

static int add_claim(struct mend *mend, const struct claim *claim)
{
    if (mend->claim_count == mend->claim_room) {
        size_t room = mend->claim_room * 2 + 256;
        struct claim *claims = realloc(mend->claims, room * sizeof(*claims));
        if (claims == NULL) {
            return -ENOMEM;
        }
        mend->claims = claims;
        mend->claim_room = room;
    }
    mend->claims[mend->claim_count++] = *claim;
    return 0;
}

static int note_set(struct mend *mend, struct fat_dir *dir, struct fat_entry *entry, struct fat_node **node)
{
    struct fat *fat = mend->fat;
    const uint8_t *slot = dir->slots + (size_t)entry->first * FAT_SLOT;
    struct claim claim = { entry->facts.start, entry->first, dir->node, NULL, exfat_entry_brand_of(slot) };
    bool is_dir = (entry->facts.attributes & FAT_ATTR_DIR) != 0;
    if (claim.start == 0) {
        return claim.brand >= 0 ? fat_dir_brand(fat, dir, entry) : 0;
    }
    if (!is_in_heap(fat, claim.start)) {
        return -EUCLEAN;
    }
    if (!see(mend, claim.start) && is_dir) {
        int result = fat_node_get(fat, dir->node, entry, node);
        if (result < 0) {
            return result;
        }
        claim.node = *node;
    }
    return add_claim(mend, &claim);
}

/* Commits are counted modulo 256. */
static bool is_newer(const struct claim *claim, const struct claim *other)
{
    return claim->brand >= 0 && (other->brand < 0 || (int8_t)(claim->brand - other->brand) > 0);
}

static int compare(const void *left, const void *right)
{
    const struct claim *a = left, *b = right;
    return a->start < b->start ? -1 : a->start > b->start ? 1 : is_newer(a, b) - is_newer(b, a);
}

static int open_claim(struct fat *fat, const struct claim *claim, struct fat_dir **dir, struct fat_entry *entry)
{
    int result = fat_dir_open(fat, claim->dir, dir);
    if (result == 0 && !exfat_entry_read(fat, (*dir)->slots, (*dir)->end, claim->first, entry)) {
        result = -EUCLEAN;
    }
    return result;
}

/* The old name goes; the directory that was found by it has the new one. */
static int keep_newer(struct fat *fat, const struct claim *old, const struct claim *newer)
{
    struct fat_dir *dir, *newer_dir;
    struct fat_entry entry, newer_entry;
    uint64_t offset;
    int result = open_claim(fat, old, &dir, &entry);
    result = result == 0 ? open_claim(fat, newer, &newer_dir, &newer_entry) : result;
    result = result == 0 ? fat_dir_remove(fat, dir, &entry, false) : result;
    if (result == 0 && old->node != NULL) {
        result = fat_dir_place(fat, newer_dir, newer_entry.own, &offset);
        if (result == 0) {
            fat_node_name(fat, old->node, newer->dir, &newer_entry, offset / FAT_SLOT);
        }
    }
    return result;
}

/* The brand goes only when the old name is gone. */
static int settle_claims(struct mend *mend)
{
    struct fat *fat = mend->fat;
    int result = 0;
    if (mend->claim_count > 1) {
        qsort(mend->claims, mend->claim_count, sizeof(*mend->claims), compare);
    }
    for (size_t i = 0; result == 0 && i < mend->claim_count; i++) {
        const struct claim *claim = &mend->claims[i];
        bool twice = i + 1 < mend->claim_count && claim[1].start == claim->start;
        if (twice && !is_newer(claim + 1, claim)) {
            return -EUCLEAN;
        }
        if (twice) {
            result = keep_newer(fat, claim, claim + 1);
        } else if (claim->brand >= 0) {
            struct fat_dir *dir;
            struct fat_entry entry;
            result = open_claim(fat, claim, &dir, &entry);
            result = result == 0 ? fat_dir_brand(fat, dir, &entry) : result;
        }
        fat_dir_trim(fat);
    }
    return result;
}

/* ---- Chains, and what is nobody's ---- */

/* All of a chain is its owner's alone, and ends where it should. */
static int take_chain(struct mend *mend, struct fat_chain *chain)
{
    struct fat *fat = mend->fat;
    uint32_t next = FAT_END;
    int result = fat_chain_reach(fat, chain, chain->limit);
    for (size_t i = 0; result == 0 && i < chain->count; i++) {
        for (uint32_t j = 0; j < chain->runs[i].count && result == 0; j++) {
            result = see(mend, chain->runs[i].start + j) ? -EUCLEAN : 0;
        }
    }
    if (result < 0 || chain->known == 0 || chain->neighbours) {
        return result;
    }
    const struct fat_run *last = &chain->runs[chain->count - 1];
    if (fat_table_next(fat, last->start + last->count - 1, &next) != 0 || next != FAT_END) {
        result = fat_table_set(fat, last->start + last->count - 1, FAT_END);
    }
    return result;
}

static int take_slot(struct mend *mend, const uint8_t *slot, bool neighbours)
{
    const struct fat_facts facts = { .start = fat_get32(slot + 20),
                                     .size = fat_get64(slot + 24),
                                     .neighbours = neighbours };
    if (facts.size > mend->fat->geometry.most_size) {
        return -EUCLEAN;
    }
    struct fat_chain chain = fat_chain_of(mend->fat, &facts);
    int result = take_chain(mend, &chain);
    fat_chain_forget(&chain);
    return result;
}

static int take_set(struct mend *mend, struct fat_dir *dir, struct fat_entry *entry, struct fat_node **node)
{
    struct fat *fat = mend->fat;
    struct fat_facts *facts = &entry->facts;
    bool is_dir = (facts->attributes & FAT_ATTR_DIR) != 0;
    if (entry->extras > 0) {
        return -EUCLEAN;
    }
    struct fat_chain chain = fat_chain_of(fat, facts);
    int result = take_chain(mend, &chain);
    uint64_t size = (uint64_t)chain.known * fat->geometry.cluster;
    if (result == 0 && chain.known < chain.limit) {
        facts->size = size;
        facts->valid = facts->valid < size ? facts->valid : size;
        fat_dir_update(fat, dir, entry->first, entry->last, facts);
    }
    fat_chain_forget(&chain);
    return result == 0 && is_dir ? fat_node_get(fat, dir->node, entry, node) : result;
}

/* What the file system itself has. */
static int take_own(struct mend *mend)
{
    struct fat *fat = mend->fat;
    struct fat_dir *dir;
    int result = take_chain(mend, &fat->root->chain);
    result = result == 0 ? fat_dir_open(fat, fat->root, &dir) : result;
    for (uint32_t at = 0; result == 0 && at < dir->end; at++) {
        const uint8_t *slot = dir->slots + (size_t)at * FAT_SLOT;
        if (slot[0] == EXFAT_BITMAP || slot[0] == EXFAT_UPCASE) {
            result = take_slot(mend, slot, false);
        }
    }
    return result;
}

static int free_lost(struct mend *mend)
{
    struct fat *fat = mend->fat;
    const uint64_t *used = fat->space.used;
    for (uint32_t bit = 0; bit < fat->geometry.clusters; bit++) {
        bool is_used = (used[bit / WORD] >> bit % WORD & 1) != 0;
        bool is_seen = (mend->seen[bit / WORD] >> bit % WORD & 1) != 0;
        if (is_seen && !is_used) {
            return -EUCLEAN;
        }
        int result = is_used && !is_seen ? fat_space_release(fat, (struct fat_span){ bit + FAT_FIRST, 1 }) : 0;
        if (result < 0) {
            return result;
        }
    }
    return 0;
}

int exfat_mend(struct fat *fat)
{
    struct mend mend = { .fat = fat, .seen = malloc((fat->geometry.clusters / WORD + 1) * sizeof(*mend.seen)) };
    int result = mend.seen != NULL ? walk(&mend, note_set) : -ENOMEM;
    result = result == 0 ? settle_claims(&mend) : result;
    forget_dirs(&mend);
    result = result == 0 ? walk(&mend, take_set) : result;
    result = result == 0 ? take_own(&mend) : result;
    result = result == 0 ? free_lost(&mend) : result;
    forget_dirs(&mend);
    free(mend.seen);
    free(mend.dirs);
    free(mend.claims);
    fat->in_use = true; /* as the volume says */
    return result == 0 ? fat_sync(&fat->files) : result;
}
