/* SPDX-License-Identifier: ISC */
/*
 * tree_nodes.c - a table of inodes by number. The kernel says when it has forgotten one, as a count of the times
 * it was told of it; only then may the file system reuse the number.
 */
#include <stdlib.h>

#include "tree.h"

#define FIRST_ROOM 1024

void tree_nodes_init(struct tree_nodes *nodes)
{
    *nodes = (struct tree_nodes){ 0 };
    pthread_mutex_init(&nodes->lock, NULL);
}

void tree_nodes_destroy(struct tree_nodes *nodes)
{
    free(nodes->slots);
    pthread_mutex_destroy(&nodes->lock);
}

static size_t home(const struct tree_nodes *nodes, uint64_t ino)
{
    return (size_t)(ino * UINT64_C(0x9e3779b97f4a7c15) >> 20) & (nodes->room - 1);
}

/* The inode's slot, or the free one where it belongs. */
static size_t find(const struct tree_nodes *nodes, uint64_t ino)
{
    size_t i = home(nodes, ino);
    while (nodes->slots[i].lookups != 0 && nodes->slots[i].ino != ino) {
        i = (i + 1) & (nodes->room - 1);
    }
    return i;
}

static bool grow(struct tree_nodes *nodes)
{
    struct tree_nodes bigger = *nodes;
    bigger.room = nodes->room > 0 ? nodes->room * 2 : FIRST_ROOM;
    bigger.slots = calloc(bigger.room, sizeof(*bigger.slots));
    if (!bigger.slots) {
        return false;
    }
    for (size_t i = 0; i < nodes->room; i++) {
        if (nodes->slots[i].lookups != 0) {
            bigger.slots[find(&bigger, nodes->slots[i].ino)] = nodes->slots[i];
        }
    }
    free(nodes->slots);
    nodes->slots = bigger.slots;
    nodes->room = bigger.room;
    return true;
}

bool tree_nodes_add(struct tree_nodes *nodes, uint64_t ino)
{
    pthread_mutex_lock(&nodes->lock);
    const bool fine = (nodes->used + 1) * 4 <= nodes->room * 3 || grow(nodes);
    if (fine) {
        struct tree_node *node = &nodes->slots[find(nodes, ino)];
        nodes->used += node->lookups == 0;
        node->ino = ino;
        node->lookups++;
    }
    pthread_mutex_unlock(&nodes->lock);
    return fine;
}

/* Empties a slot and moves up what would not be found any more. */
static void release(struct tree_nodes *nodes, size_t gap)
{
    const size_t mask = nodes->room - 1;
    nodes->used--;
    nodes->slots[gap].lookups = 0;
    for (size_t i = (gap + 1) & mask; nodes->slots[i].lookups != 0; i = (i + 1) & mask) {
        const size_t wanted = home(nodes, nodes->slots[i].ino);
        if (((i - wanted) & mask) >= ((i - gap) & mask)) {
            nodes->slots[gap] = nodes->slots[i];
            nodes->slots[i].lookups = 0;
            gap = i;
        }
    }
}

bool tree_nodes_forget(struct tree_nodes *nodes, uint64_t ino, uint64_t lookups)
{
    bool gone = false;
    pthread_mutex_lock(&nodes->lock);
    if (nodes->room > 0) {
        const size_t i = find(nodes, ino);
        gone = nodes->slots[i].lookups != 0 && nodes->slots[i].lookups <= lookups;
        if (gone) {
            release(nodes, i);
        } else if (nodes->slots[i].lookups != 0) {
            nodes->slots[i].lookups -= lookups;
        }
    }
    pthread_mutex_unlock(&nodes->lock);
    return gone;
}
