/* SPDX-License-Identifier: ISC */
/*
 * fat_rename.c - another name for a file. The new entry is on the medium before the old one is gone from it, so that
 * the file cannot be lost; a loss of power between the two leaves it under both names. An entry that is replaced stays
 * where it is and gets the other file's contents in one write of a sector.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "fat.h"

struct rename {
    struct fat_node *from, *to; /* directories */
    struct fat_dir *from_dir, *to_dir;
    struct fat_entry entry, victim; /* the victim's name is the new one */
    struct fat_node *node, *victim_node;
    bool replaces;
};

static bool is_below(const struct fat_node *node, const struct fat_node *above)
{
    while (node != NULL && node != above) {
        node = node->parent;
    }
    return node == above;
}

static int check_victim(struct fat *fat, struct rename *move)
{
    struct fat_dir *dir;
    bool is_dir = fat_node_is_dir(move->victim_node);
    if (is_dir != fat_node_is_dir(move->node)) {
        return is_dir ? -EISDIR : -ENOTDIR;
    }
    if (!is_dir) {
        return 0;
    }
    int result = fat_dir_open(fat, move->victim_node, &dir);
    return result == 0 ? fat_dir_is_empty(fat, dir) : result;
}

/* Finds everything there is to find. */
static int prepare(struct fat *fat, struct rename *move, const struct fat_name *name, unsigned flags)
{
    struct fat_name new_name = move->victim.name;
    int result = fat_dir_find(fat, move->from_dir, name, &move->entry);
    if (result == 0) {
        result = fat_node_get(fat, move->from, &move->entry, &move->node);
    }
    if (result < 0) {
        return result;
    }
    result = fat_dir_find(fat, move->to_dir, &new_name, &move->victim);
    if (result == 0 && (flags & RENAME_NOREPLACE) != 0) {
        return -EEXIST;
    }
    if (fat_node_is_dir(move->node) && is_below(move->to, move->node)) {
        return -EINVAL;
    }
    if (result < 0) {
        move->victim.name = new_name;
        return result == -ENOENT ? fat_name_check(&new_name) : result;
    }
    if (move->from == move->to && move->victim.first == move->entry.first) {
        move->victim.name = new_name; /* itself, spelt in another way */
        return fat_name_check(&new_name);
    }
    if (move->entry.extras + move->victim.extras > 0) {
        return -EPERM; /* they cannot change places with the contents */
    }
    move->replaces = true;
    result = fat_node_get(fat, move->to, &move->victim, &move->victim_node);
    return result == 0 ? check_victim(fat, move) : result;
}

/* A directory knows where it is. */
static int set_parent(struct fat *fat, struct fat_node *node, const struct fat_node *parent)
{
    struct fat_dir *dir;
    int result = fat_dir_open(fat, node, &dir);
    if (result < 0) {
        return result;
    }
    if (fat->codec->dots == NULL) {
        return 0;
    }
    uint8_t *slot = dir->slots + FAT_SLOT;
    if (dir->end < 2 || slot[0] != '.' || slot[1] != '.') {
        return 0; /* it never did */
    }
    fat_entry_set_start(fat, slot, parent == fat->root ? 0 : parent->chain.start);
    fat_dir_changed(fat, dir, 1);
    return 0;
}

/* To where one write can change it. */
static int move_victim(struct fat *fat, struct rename *move)
{
    struct fat_node *node = move->victim_node;
    int result = fat_node_store(fat, node);
    move->victim.first = node->first;
    move->victim.last = node->last;
    move->victim.own = node->own;
    return result;
}

static int put_in_place(struct fat *fat, struct rename *move)
{
    struct fat_entry *place = &move->victim;
    int result = 0;
    if (move->replaces && !fat_dir_can_update(fat, place->own)) {
        result = move_victim(fat, move);
    }
    if (result < 0) {
        return result;
    }
    place->facts = move->node->facts;
    if (move->replaces) {
        fat_dir_update(fat, move->to_dir, place->first, place->last, &place->facts);
        return 0;
    }
    place->extras = move->entry.extras;
    memcpy(place->extra, move->entry.extra, sizeof(place->extra));
    return fat_dir_add(fat, move->to_dir, place);
}

static int carry_out(struct fat *fat, struct rename *move)
{
    uint64_t offset;
    int result = fat_node_is_dir(move->node) && move->from != move->to ? set_parent(fat, move->node, move->to) : 0;
    if (result == 0) {
        result = put_in_place(fat, move);
    }
    if (result == 0) {
        result = fat_dir_brand(fat, move->to_dir, &move->victim);
    }
    if (result == 0) {
        result = fat_dir_place(fat, move->to_dir, move->victim.own, &offset);
    }
    if (result == 0) {
        result = fat_dir_remove(fat, move->from_dir, &move->entry, true);
    }
    if (result < 0) {
        return result;
    }
    if (move->replaces) {
        fat_node_unname(fat, move->victim_node);
    }
    fat_node_name(fat, move->node, move->to, &move->victim, offset / FAT_SLOT);
    move->node->due = fat->taken + 1;
    fat_node_touch(fat, move->from);
    fat_node_touch(fat, move->to);
    result = fat_node_store(fat, move->from);
    return result == 0 ? fat_node_store(fat, move->to) : result;
}

static int rename_locked(struct fat *fat, struct rename *move, uint64_t dir, const char *text, uint64_t new_dir,
                         const char *new_text, unsigned flags)
{
    struct fat_name name;
    int result = fat_tree_open(fat, dir, text, &move->from, &move->from_dir, &name);
    if (result == 0) {
        result = fat_tree_open(fat, new_dir, new_text, &move->to, &move->to_dir, &move->victim.name);
    }
    if (result == 0) {
        result = prepare(fat, move, &name, flags);
    }
    return result == 0 ? carry_out(fat, move) : result;
}

int fat_rename(struct files *files, uint64_t dir, const char *name, uint64_t new_dir, const char *new_name,
               unsigned flags)
{
    struct fat *fat = (struct fat *)files;
    struct rename move = { 0 };
    if ((flags & ~(unsigned)RENAME_NOREPLACE) != 0) {
        return -EINVAL; /* two entries cannot be changed at once */
    }
    int result = fat_begin(fat, 1);
    if (result < 0) {
        return result;
    }
    result = rename_locked(fat, &move, dir, name, new_dir, new_name, flags);
    fat_end(fat);
    return result;
}
