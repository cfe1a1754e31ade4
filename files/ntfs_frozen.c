/* SPDX-License-Identifier: ISC */
/*
 * ntfs_frozen.c - clusters that were freed since the last commit. The volume still says that they belong to
 * somebody: whatever is written to them before the next commit has to wait for it. The library frees clusters in
 * many places, and always by a write to $Bitmap: that is where this looks.
 */
#include "ntfs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PAGE      4096u /* bytes of bits */
#define PAGE_BITS (PAGE * 8u)

int nt_frozen_init(struct nt *nt)
{
    const uint64_t clusters = (uint64_t)nt->library->nr_clusters;
    nt->frozen.page_count = (size_t)((clusters + PAGE_BITS - 1) / PAGE_BITS);
    nt->frozen.pages = calloc(nt->frozen.page_count + 1, sizeof(uint8_t *));
    if (nt->frozen.pages == NULL) {
        return -ENOMEM;
    }
    return ntfs_attr_map_whole_runlist(nt->library->lcnbmp_na) == 0 ? 0 : nt_error();
}

static void forget(struct nt_frozen *frozen)
{
    for (size_t i = 0; i < frozen->page_count && frozen->pages != NULL; i++) {
        free(frozen->pages[i]);
        frozen->pages[i] = NULL;
    }
    frozen->count = 0;
}

void nt_frozen_free(struct nt *nt)
{
    forget(&nt->frozen);
    free(nt->frozen.pages);
    nt->frozen.pages = NULL;
}

static bool is_frozen(const struct nt_frozen *frozen, uint64_t cluster)
{
    const uint64_t page = cluster / PAGE_BITS;
    return page < frozen->page_count && frozen->pages[page] != NULL &&
           (frozen->pages[page][cluster % PAGE_BITS / 8] >> cluster % 8 & 1) != 0;
}

bool nt_frozen_touches(const struct nt *nt, uint64_t offset, size_t size)
{
    if (nt->frozen.count == 0 || size == 0) {
        return false;
    }
    const unsigned bits = nt->library->cluster_size_bits;
    const uint64_t last = (offset + size - 1) >> bits;
    for (uint64_t cluster = offset >> bits; cluster <= last; cluster++) {
        if (is_frozen(&nt->frozen, cluster)) {
            return true;
        }
    }
    return false;
}

/* ---- Watching $Bitmap ---- */

/* A byte of the bitmap changes: bits that go from 1 to 0 are clusters set free. */
static int note_byte(struct nt_frozen *frozen, uint64_t byte, uint8_t old, uint8_t new)
{
    const uint8_t freed = (uint8_t)(old & ~new);
    const uint64_t page = byte / PAGE;
    if (freed == 0 || page >= frozen->page_count) {
        return 0;
    }
    if (frozen->pages[page] == NULL) {
        frozen->pages[page] = calloc(1, PAGE);
        if (frozen->pages[page] == NULL) {
            return -ENOMEM;
        }
    }
    uint8_t *noted = &frozen->pages[page][byte % PAGE];
    frozen->count += (unsigned)__builtin_popcount(freed & ~*noted & 0xff);
    *noted |= freed;
    return 0;
}

static int compare(struct nt *nt, const uint8_t *new, size_t size, uint64_t offset, uint64_t byte)
{
    uint8_t old[512];
    int result = 0;
    while (size > 0 && result == 0) {
        const size_t part = size < sizeof(old) ? size : sizeof(old);
        result = nt_store_read(nt, old, part, offset);
        for (size_t i = 0; i < part && result == 0; i++) {
            result = note_byte(&nt->frozen, byte + i, old[i], new[i]);
        }
        new += part;
        offset += part;
        byte += part;
        size -= part;
    }
    return result;
}

int nt_frozen_watch(struct nt *nt, const void *data, size_t size, uint64_t offset)
{
    if (nt->frozen.pages == NULL) {
        return 0;
    }
    const unsigned bits = nt->library->cluster_size_bits;
    int result = 0;
    for (const runlist_element *run = nt->library->lcnbmp_na->rl; run->length > 0 && result == 0; run++) {
        if (run->lcn < 0) {
            continue;
        }
        const uint64_t start = (uint64_t)run->lcn << bits;
        const uint64_t end = start + ((uint64_t)run->length << bits);
        const uint64_t from = offset > start ? offset : start;
        const uint64_t to = offset + size < end ? offset + size : end;
        if (from < to) {
            result = compare(nt, (const uint8_t *)data + (from - offset), (size_t)(to - from), from,
                             ((uint64_t)run->vcn << bits) + (from - start));
        }
    }
    return result;
}

/* ---- Giving space back ---- */

static void discard_run(struct nt *nt, uint64_t first, uint64_t end)
{
    const unsigned bits = nt->library->cluster_size_bits;
    if (first < end) { /* a wish: whether it is granted changes nothing */
        coffer_volume_discard(nt->volume, first << bits, (end - first) << bits, NULL);
    }
}

/* Bits of the page that are noted, and still free in $Bitmap. */
static void discard_page(struct nt *nt, size_t page)
{
    uint8_t now[PAGE];
    const uint64_t first = (uint64_t)page * PAGE_BITS;
    memset(now, 0xff, sizeof(now));
    if (ntfs_attr_pread(nt->library->lcnbmp_na, (s64)(first / 8), PAGE, now) <= 0) {
        return;
    }
    uint64_t run = 0, end = 0;
    for (uint64_t i = 0; i < PAGE_BITS; i++) {
        const bool freed = is_frozen(&nt->frozen, first + i) && (now[i / 8] >> i % 8 & 1) == 0;
        if (freed && end != first + i) {
            discard_run(nt, run, end);
            run = first + i;
        }
        end = freed ? first + i + 1 : end;
    }
    discard_run(nt, run, end);
}

void nt_frozen_thaw(struct nt *nt)
{
    for (size_t page = 0; nt->discard && page < nt->frozen.page_count && nt->frozen.count > 0; page++) {
        if (nt->frozen.pages[page] != NULL) {
            discard_page(nt, page);
        }
    }
    forget(&nt->frozen);
}
