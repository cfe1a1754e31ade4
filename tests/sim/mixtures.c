/* SPDX-License-Identifier: ISC */
/*
 * Whoever can write to the medium keeps every header that a volume ever had, and puts pieces of them together. The
 * newest body that opens decides (OPEN-10, OPEN-11): a secret that it does not list opens nothing, and what it lists
 * opens as long as its cell is there. Healing changes nothing about who opens (HEAL-3), and updates that come
 * after do what they say and nothing else.
 *
 * Two ends of different ages are tried in every combination, cells of different ages at random, over the life of
 * an outer volume and of the hidden one in it. COFFER_MIXTURES says how many of the latter.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "helper_cut.h"
#include "helper_scene.h"

enum { SPARE = 6, AGES_MAX = 12 };

static const uint64_t END[] = { 0, SCENE_TAIL };

/* What the medium held at one time, and who opened it then. */
struct age {
    uint8_t block[HEADER_COPIES][HEADER_VOLUMES][HEADER_BLOCK_SIZE];
    unsigned opens;
};

static struct age age[AGES_MAX];
static unsigned ages;

static uint64_t place(unsigned copy, unsigned volume)
{
    return END[copy] + (uint64_t)volume * HEADER_VOLUME_STRIDE;
}

static void remember(unsigned opens)
{
    struct age *now = &age[ages++];
    struct view view;
    for (unsigned copy = 0; copy < HEADER_COPIES; copy++) {
        for (unsigned volume = 0; volume < HEADER_VOLUMES; volume++) {
            disk_read(machine.volume, now->block[copy][volume], HEADER_BLOCK_SIZE, place(copy, volume));
        }
    }
    scene_look(machine.volume, 0xff, &view);
    if (view.opens != opens) {
        scene_fail("age %u: secrets %#x open instead of %#x", ages - 1, view.opens, opens);
    }
    now->opens = opens;
}

/* ---- the life of a volume ---- */

static void add(unsigned opener, unsigned secret)
{
    struct coffer_header *header = scene_open(opener);
    (void)scene_add(header, secret);
    coffer_header_close(header);
}

static void change(unsigned from, unsigned to)
{
    struct coffer_error error = COFFER_ERROR_INIT;
    struct coffer_header *header = scene_open(from);
    unsigned slot;
    scene_must(coffer_header_change_key(header, scene_secret(to), &slot, &error), &error, "change a key");
    coffer_header_close(header);
}

/* The secret takes out the slot that it opens itself. */
static void take_out(unsigned secret)
{
    struct coffer_error error = COFFER_ERROR_INIT;
    struct coffer_header *header = scene_open(secret);
    struct coffer_key keys[COFFER_SLOTS];
    unsigned slot = 0;
    coffer_header_keys(header, keys);
    while (!keys[slot].opened_it) {
        slot++;
    }
    scene_must(coffer_header_remove_key(header, slot, false, &error), &error, "remove a key");
    coffer_header_close(header);
}

/* 0 to 3 belong to the outer volume, 4, 5 and 7 to the hidden one. A secret comes back after it was removed. */
static void live(enum scene_kind kind)
{
    ages = 0;
    scene_create(kind);
    remember(SECRET(0));
    scene_hide(4);
    remember(SECRET(0) | SECRET(4));
    add(0, 1);
    remember(SECRET(0) | SECRET(1) | SECRET(4));
    add(4, 5);
    remember(SECRET(0) | SECRET(1) | SECRET(4) | SECRET(5));
    change(0, 2);
    remember(SECRET(1) | SECRET(2) | SECRET(4) | SECRET(5));
    take_out(4);
    remember(SECRET(1) | SECRET(2) | SECRET(5));
    take_out(1);
    remember(SECRET(2) | SECRET(5));
    add(2, 0);
    remember(SECRET(0) | SECRET(2) | SECRET(5));
    change(5, 7);
    remember(SECRET(0) | SECRET(2) | SECRET(7));
    add(2, 3);
    take_out(0);
    remember(SECRET(2) | SECRET(3) | SECRET(7));
}

/* ---- what must hold, whatever was put together ---- */

static unsigned who_opens(void)
{
    struct view view;
    scene_look(machine.volume, 0xff, &view);
    return view.opens;
}

static void heal(unsigned secret)
{
    struct coffer_open_options options = scene_options(false);
    struct coffer_error error = COFFER_ERROR_INIT;
    struct coffer_volume *volume;
    scene_must(coffer_volume_open(MACHINE_VOLUME, scene_secret(secret), &options, &volume, &error), &error,
               "heal");
    scene_must(coffer_volume_close(volume, &error), &error, "close");
}

/* Each secret that opens heals it, then adds a key, which is taken out again. Nobody else's way in changes. */
static void use(const char *what)
{
    const unsigned before = who_opens();
    for (unsigned secret = 0; secret < SCENE_SECRETS; secret++) {
        if ((before & SECRET(secret)) == 0) {
            continue;
        }
        struct disk *medium = disk_clone(machine.volume);
        heal(secret);
        unsigned after = who_opens();
        if (after != before) {
            scene_fail("%s: secrets %#x open, and %#x when %u has healed it", what, before, after, secret);
        }
        uint64_t written = machine.bytes_written;
        heal(secret);
        if (machine.bytes_written != written) {
            scene_fail("%s: healed twice by %u", what, secret);
        }
        add(secret, SPARE);
        after = who_opens();
        if (after != (before | SECRET(SPARE))) {
            scene_fail("%s: secrets %#x open, and %#x when %u has added one", what, before, after, secret);
        }
        take_out(SPARE);
        after = who_opens();
        if (after != before) {
            scene_fail("%s: secrets %#x open, and %#x when one was added and removed", what, before, after);
        }
        machine_insert(medium);
    }
}

static void put(unsigned copy, unsigned volume, const struct age *from, unsigned cell, unsigned cells)
{
    disk_write(machine.volume, from->block[copy][volume] + (size_t)cell * HEADER_CELL_SIZE,
               cells * (size_t)HEADER_CELL_SIZE, place(copy, volume) + (uint64_t)cell * HEADER_CELL_SIZE);
}

/* A front of one time and a tail of another: the newer one's secrets open, and no others. */
static void ends_of_different_ages(void)
{
    for (unsigned front = 0; front < ages; front++) {
        for (unsigned tail = 0; tail < ages; tail++) {
            char what[64];
            for (unsigned volume = 0; volume < HEADER_VOLUMES; volume++) {
                put(HEADER_FRONT, volume, &age[front], 0, HEADER_BLOCK_SIZE / HEADER_CELL_SIZE);
                put(HEADER_TAIL, volume, &age[tail], 0, HEADER_BLOCK_SIZE / HEADER_CELL_SIZE);
            }
            (void)snprintf(what, sizeof(what), "front of age %u, tail of age %u", front, tail);
            unsigned opens = who_opens(), expected = age[front > tail ? front : tail].opens;
            if (opens != expected) {
                scene_fail("%s: secrets %#x open instead of %#x", what, opens, expected);
            }
            use(what);
        }
    }
}

/* Bodies of two ages, and every slot of any: nobody opens whom the newer body does not list. */
static void cells_of_different_ages(unsigned mixtures)
{
    unsigned opened = 0;
    for (unsigned mixture = 0; mixture < mixtures; mixture++) {
        unsigned allowed = 0;
        char what[64];
        for (unsigned volume = 0; volume < HEADER_VOLUMES; volume++) {
            unsigned newest = 0;
            for (unsigned copy = 0; copy < HEADER_COPIES; copy++) {
                unsigned body = (unsigned)cut_random(ages);
                newest = body > newest ? body : newest;
                put(copy, volume, &age[body], 0, HEADER_BLOCK_SIZE / HEADER_CELL_SIZE);
                for (unsigned slot = 0; slot < HEADER_SLOTS && mixture % 4 != 0; slot++) {
                    put(copy, volume, &age[cut_random(ages)], slot + 1, 1);
                }
            }
            const unsigned theirs = volume == 0 ? 0x0fu : 0xf0u;
            allowed |= age[newest].opens & theirs;
        }
        (void)snprintf(what, sizeof(what), "mixture %u", mixture);
        unsigned opens = who_opens();
        if ((opens & ~allowed) != 0) {
            scene_fail("%s: secrets %#x open, of whom the newest bodies list %#x", what, opens, allowed);
        }
        opened += opens != 0;
        use(what);
    }
    printf("%u of %u mixtures of cells opened\n", opened, mixtures);
}

int main(void)
{
    static const enum scene_kind KINDS[] = { SCENE_FILLED, SCENE_UNMARKED };
    if (coffer_init(NULL) != COFFER_OK) {
        return 1;
    }
    const char *text = getenv("COFFER_MIXTURES");
    const unsigned mixtures = text != NULL ? (unsigned)atoi(text) : 400;
    cut_seed("mixtures");
    for (size_t i = 0; i < sizeof(KINDS) / sizeof(KINDS[0]); i++) {
        live(KINDS[i]);
        ends_of_different_ages();
        cells_of_different_ages(mixtures);
    }
    scene_end();
    return 0;
}
