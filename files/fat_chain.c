/* SPDX-License-Identifier: ISC */
/*
 * fat_chain.c - the clusters of one file, as runs of neighbours, learnt from the table as far as somebody asks.
 *
 * A chain on the medium may go in circles, into free clusters or out of the table: it is never followed for more
 * clusters than there are, and what cannot be followed is -EUCLEAN. exFAT does without the table as long as clusters
 * are neighbours.
 */
#include <errno.h>
#include <stdlib.h>

#include "fat.h"

uint64_t fat_cluster_offset(const struct fat *fat, uint32_t cluster)
{
    return fat->geometry.data + (uint64_t)(cluster - FAT_FIRST) * fat->geometry.cluster;
}

static bool is_cluster(const struct fat *fat, uint32_t cluster)
{
    return cluster >= FAT_FIRST && cluster - FAT_FIRST < fat->geometry.clusters;
}

uint32_t fat_clusters_of(const struct fat *fat, uint64_t size)
{
    return (uint32_t)((size + fat->geometry.cluster - 1) / fat->geometry.cluster);
}

struct fat_chain fat_chain_of(const struct fat *fat, const struct fat_facts *facts)
{
    return (struct fat_chain){
        .start = facts->start,
        .limit = fat->codec->sized ? fat_clusters_of(fat, facts->size) : FAT_END,
        .neighbours = facts->neighbours,
    };
}

void fat_chain_tell(const struct fat *fat, const struct fat_chain *chain, struct fat_facts *facts)
{
    facts->start = chain->start;
    facts->neighbours = chain->neighbours;
    if (fat->codec->sized && (facts->attributes & FAT_ATTR_DIR) != 0) {
        facts->size = facts->valid = (uint64_t)chain->limit * fat->geometry.cluster;
    }
}

void fat_chain_forget(struct fat_chain *chain)
{
    free(chain->runs);
    *chain = (struct fat_chain){ .start = chain->start, .limit = chain->limit, .neighbours = chain->neighbours };
}

static uint32_t last_of(const struct fat_chain *chain)
{
    const struct fat_run *run = &chain->runs[chain->count - 1];
    return run->start + run->count - 1;
}

static int learn(struct fat_chain *chain, struct fat_span span)
{
    if (chain->count > 0 && last_of(chain) + 1 == span.start) {
        chain->runs[chain->count - 1].count += span.count;
        chain->known += span.count;
        return 0;
    }
    if (chain->count == chain->room) {
        size_t room = chain->room * 2 + 4;
        struct fat_run *runs = realloc(chain->runs, room * sizeof(*runs));
        if (runs == NULL) {
            return -ENOMEM;
        }
        chain->runs = runs;
        chain->room = room;
    }
    chain->runs[chain->count++] = (struct fat_run){ chain->known, span.start, span.count };
    chain->known += span.count;
    return 0;
}

/* Without the table. */
static int learn_neighbours(const struct fat *fat, struct fat_chain *chain)
{
    uint32_t at = chain->start - FAT_FIRST;
    if (!is_cluster(fat, chain->start) || chain->limit > fat->geometry.clusters - at) {
        return -EUCLEAN;
    }
    int result = learn(chain, (struct fat_span){ chain->start, chain->limit });
    chain->whole = result == 0;
    return result;
}

int fat_chain_reach(struct fat *fat, struct fat_chain *chain, uint32_t clusters)
{
    if (chain->start == 0 || chain->known >= chain->limit) {
        chain->whole = true;
    }
    if (!chain->whole && chain->neighbours) {
        return learn_neighbours(fat, chain);
    }
    clusters = clusters < chain->limit ? clusters : chain->limit;
    while (chain->known < clusters && !chain->whole) {
        uint32_t next = chain->start;
        int result = chain->known > 0 ? fat_table_next(fat, last_of(chain), &next) : 0;
        if (result < 0) {
            return result;
        }
        if (next == FAT_END && chain->known > 0) {
            chain->whole = true;
            return 0;
        }
        if (!is_cluster(fat, next) || chain->known >= fat->geometry.clusters) {
            return -EUCLEAN;
        }
        result = learn(chain, (struct fat_span){ next, 1 });
        if (result < 0) {
            return result;
        }
    }
    return 0;
}

int fat_chain_find(struct fat *fat, struct fat_chain *chain, uint32_t at, struct fat_span *span)
{
    int result = fat_chain_reach(fat, chain, at + 1);
    if (result < 0) {
        return result;
    }
    if (at >= chain->known) {
        return -ENODATA;
    }
    size_t low = 0;
    for (size_t high = chain->count; high - low > 1;) { /* the run of `at` is in [low, high) */
        size_t middle = low + (high - low) / 2;
        if (chain->runs[middle].at <= at) {
            low = middle;
        } else {
            high = middle;
        }
    }
    const struct fat_run *run = &chain->runs[low];
    *span = (struct fat_span){ run->start + (at - run->at), run->count - (at - run->at) };
    return 0;
}

/* They follow each other, and the last one ends the chain. */
static int link_neighbours(struct fat *fat, struct fat_span span)
{
    int result = 0;
    for (uint32_t i = 0; i < span.count && result == 0; i++) {
        uint32_t cluster = span.start + i;
        result = fat_table_set(fat, cluster, i + 1 < span.count ? cluster + 1 : FAT_END);
    }
    return result;
}

/* What leads to the new clusters comes last. */
static int link_span(struct fat *fat, struct fat_chain *chain, struct fat_span span)
{
    int result = 0;
    if (chain->neighbours) {
        if (last_of(chain) + 1 == span.start) {
            return 0;
        }
        result = link_neighbours(fat, (struct fat_span){ chain->start, chain->known });
    }
    if (result == 0) {
        result = link_neighbours(fat, span);
    }
    if (result == 0 && chain->known > 0) {
        result = fat_table_set(fat, last_of(chain), span.start);
    }
    if (result == 0) {
        chain->neighbours = false;
    }
    return result;
}

static int append(struct fat *fat, struct fat_chain *chain, struct fat_span span)
{
    bool alone = chain->known == 0 && fat->codec->sized;
    int result = alone ? 0 : link_span(fat, chain, span);
    if (result == 0) {
        result = learn(chain, span);
    }
    if (result < 0) {
        return result;
    }
    if (chain->start == 0) {
        chain->start = span.start;
        chain->neighbours = alone;
    }
    chain->limit = chain->limit != FAT_END ? chain->known : FAT_END;
    return 0;
}

int fat_chain_extend(struct fat *fat, struct fat_chain *chain, uint32_t clusters)
{
    int result = fat_chain_reach(fat, chain, clusters);
    if (result == 0) {
        result = fat_space_load(fat);
    }
    if (result == 0 && chain->known < clusters && clusters - chain->known > fat->space.free) {
        result = -ENOSPC;
    }
    while (result == 0 && chain->known < clusters) {
        struct fat_span span;
        uint32_t goal = chain->known > 0 ? last_of(chain) + 1 : 0;
        result = fat_space_take(fat, goal, clusters - chain->known, &span);
        if (result == 0) {
            result = append(fat, chain, span);
            if (result < 0) {
                fat_space_release(fat, span);
            }
        }
    }
    return result;
}

/* The end comes into the table at once, and so before the file is known to be shorter: it may then seem to lack what
 * it should lose anyway, but never shares it with somebody else. */
int fat_chain_cut(struct fat *fat, struct fat_chain *chain, uint32_t keep)
{
    int result = fat_chain_reach(fat, chain, FAT_END); /* as far as it can be followed */
    if (keep >= chain->known) {
        return result;
    }
    if (keep > 0 && !chain->neighbours) {
        struct fat_span last;
        int ended = fat_chain_find(fat, chain, keep - 1, &last);
        ended = ended == 0 ? fat_table_set(fat, last.start, FAT_END) : ended;
        if (ended < 0) {
            return ended;
        }
    }
    while (chain->known > keep) {
        struct fat_run *run = &chain->runs[chain->count - 1];
        uint32_t stay = keep > run->at ? keep - run->at : 0;
        int freed = fat_space_release(fat, (struct fat_span){ run->start + stay, run->count - stay });
        result = result < 0 ? result : freed;
        chain->known -= run->count - stay;
        run->count = stay;
        chain->count -= stay == 0;
    }
    if (keep == 0) {
        chain->start = 0;
        chain->neighbours = false;
    }
    chain->limit = chain->limit != FAT_END ? keep : FAT_END;
    chain->whole = true;
    return result;
}
