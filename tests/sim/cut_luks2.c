/* SPDX-License-Identifier: ISC */
/*
 * LUKS2 headers of ours under power cuts: a volume that is made on a device, and one that is completed after a copy
 * (CREATE-1, in the words of LUKS2). No secret is needed to see which header counts; whether it opens is looked at where
 * it matters, because each look takes a key derivation.
 */
#include "helper_cut.h"
#include "helper_scene.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "luks.h"
#include "luks2_layout.h"

#define SIZE       (LUKS2_HEADER_SIZE + 0x40000u)
#define AREA       (2u * LUKS2_COPY_MIN) /* of the key slot */
#define AREA_SIZE  0x40000u
#define RECOVERIES 6u
#define OLD        0xee

static uint64_t states; /* of each of the two updates */
static uint64_t seen;

static uint64_t budget(void)
{
    const char *text = getenv("COFFER_SIM_STATES");
    return text != NULL ? strtoull(text, NULL, 10) : 100000;
}

/* ---- volumes ---- */

static struct coffer_volume *make(bool unfinished)
{
    struct coffer_create_options options = COFFER_CREATE_OPTIONS_INIT;
    struct coffer_error error = COFFER_ERROR_INIT;
    struct coffer_volume *volume;
    options.format = "luks2";
    options.container_size = machine.device ? 0 : SIZE;
    options.unfinished = unfinished;
    options.kdf_memory = 8u << 10;
    options.kdf_passes = 4;
    options.label = "copied";
    scene_must(coffer_volume_create(MACHINE_VOLUME, scene_secret(0), &options, &volume, &error), &error, "create");
    scene_must(coffer_volume_publish(volume, &error), &error, "publish");
    return volume;
}

static void must_close(struct coffer_volume *volume)
{
    struct coffer_error error = COFFER_ERROR_INIT;
    scene_must(coffer_volume_close(volume, &error), &error, "close");
}

static enum coffer_status open_state(bool unfinished, struct coffer_volume **volume, struct coffer_error *error)
{
    struct coffer_open_options options = COFFER_OPEN_OPTIONS_INIT;
    options.unfinished = unfinished;
    options.type = "luks"; /* where only the second copy is left, it must be meant */
    return coffer_volume_open(MACHINE_VOLUME, scene_secret(0), &options, volume, error);
}

static enum coffer_status complete(struct coffer_volume *volume, struct coffer_error *error)
{
    const struct coffer_open_options options = COFFER_OPEN_OPTIONS_INIT;
    return coffer_volume_complete(volume, scene_secret(0), &options, error);
}

/* ---- looking ---- */

enum kind { ABSENT, UNFINISHED, FINISHED };

static enum kind kind_of(const struct luks_header *header)
{
    const struct luks_slot *slot = &header->slot[0];
    if (strcmp(header->label, "copied") != 0 || header->segments != 1 || !slot->used || slot->salt_size != 32 ||
        header->segment[0].offset != LUKS2_HEADER_SIZE ||
        strcmp(header->segment[0].cipher, "aes-xts-plain64") != 0) {
        scene_fail("another header: '%s', %u segments", header->label, header->segments);
    }
    return header->unfinished ? UNFINISHED : FINISHED;
}

/* The header that counts in the machine, for whoever names it LUKS: garbage may have hit the magic in front. */
static enum kind look(void)
{
    struct coffer_error error = COFFER_ERROR_INIT;
    struct luks_header *header = malloc(sizeof(*header));
    struct storage *storage;
    seen++;
    scene_must(storage_open(MACHINE_VOLUME, -1, true, STORAGE_UNLOCKED, NULL, &storage, &error), &error, "open");
    enum coffer_status status = luks2_read(storage, header, &error);
    storage_close(storage);
    enum kind kind = status == COFFER_OK ? kind_of(header) : ABSENT;
    free(header);
    if (status != COFFER_OK && status != COFFER_DAMAGED) {
        scene_fail("status %d, %s", (int)status, error.text);
    }
    return kind;
}

/* Whether it is seen by somebody who knows nothing about it. */
static bool is_recognised(void)
{
    struct coffer_info info = { .size = sizeof(info) };
    struct coffer_error error = COFFER_ERROR_INIT;
    return coffer_probe(MACHINE_VOLUME, &info, &error) == COFFER_OK;
}

static void take_finding(void *user, enum coffer_finding finding, const char *text)
{
    (void)user;
    (void)finding;
    (void)text;
}

static bool both_copies_are_good(void)
{
    struct coffer_error error = COFFER_ERROR_INIT;
    struct coffer_check_result result;
    const struct coffer_open_options options = COFFER_OPEN_OPTIONS_INIT;
    scene_must(coffer_check(MACHINE_VOLUME, NULL, &options, take_finding, NULL, &result, &error), &error, "check");
    return !result.damaged;
}

/* ---- completing ---- */

/* In every state that completing can be cut to, the header says one of two things, and whatever a copy holds, going on leads
 * to a volume that opens, with both copies good. */
static void go_on_from(enum kind kind, const struct disk *state, struct log *log)
{
    struct coffer_error error = COFFER_ERROR_INIT;
    struct coffer_volume *volume;
    machine_insert(disk_clone(state));
    if (kind == UNFINISHED) {
        machine.log = log;
        scene_must(open_state(true, &volume, &error), &error, "open what is unfinished");
        scene_must(complete(volume, &error), &error, "go on");
        machine.log = NULL;
        must_close(volume);
        if (!both_copies_are_good()) {
            scene_fail("a copy is damaged still");
        }
    }
    if (look() != FINISHED) {
        scene_fail("it is not complete");
    }
    scene_must(open_state(false, &volume, &error), &error, "open what is complete");
    must_close(volume);
}

/* `garble`: garbage hits once in a history. */
static void cut_completion(const struct disk *before, const struct log *log, bool garble, unsigned recoveries)
{
    for (unsigned entries = 0; entries <= log->entries; entries++) {
        struct cut cut = cut_after(before, log, entries);
        uint8_t *fate = calloc(cut.pieces + 1, 1);
        /* Two moments of it have pieces that are undecided. */
        uint64_t all = cut.pieces == 0 ? 1 : recoveries > 0 ? states / 2 : states / 200;
        for (uint64_t i = 0; i < all; i++) {
            cut_choose(&cut, cut_exhaustive(&cut) + i, garble, fate);
            struct disk *state = cut_state(&cut, fate);
            machine_insert(disk_clone(state));
            enum kind kind = look();
            if (kind == ABSENT || (entries == log->entries && kind != FINISHED)) {
                scene_fail("after %u of %u steps: %s", entries, log->entries,
                           kind == ABSENT ? "no header is left" : "completed, and not complete");
            }
            if (i < recoveries) {
                struct log more = { .entries = 0 };
                go_on_from(kind, state, &more);
                if (kind == UNFINISHED) {
                    cut_completion(state, &more, false, 0);
                }
                log_free(&more);
            }
            disk_free(state);
        }
        free(fate);
        cut_free(&cut);
    }
}

static void completing_is_cut(void)
{
    struct log log = { .entries = 0 };
    struct coffer_error error = COFFER_ERROR_INIT;
    machine.device = false;
    machine_insert(NULL);
    struct coffer_volume *volume = make(true);
    if (look() != UNFINISHED) {
        scene_fail("it is not unfinished");
    }
    struct disk *before = disk_clone(machine.volume);
    machine.log = &log;
    scene_must(complete(volume, &error), &error, "complete");
    machine.log = NULL;
    must_close(volume);
    cut_seed("complete");
    cut_completion(before, &log, true, RECOVERIES);
    disk_free(before);
    log_free(&log);
}

/* Every call of the medium fails in turn; what is left is still one of the two, and the next time it succeeds. */
static void completing_fails(void)
{
    machine.device = false;
    machine_insert(NULL);
    must_close(make(true));
    struct disk *before = disk_clone(machine.volume);
    for (unsigned at = 1;; at++) {
        struct coffer_error error = COFFER_ERROR_INIT;
        struct coffer_volume *volume;
        machine_insert(disk_clone(before));
        scene_must(open_state(true, &volume, &error), &error, "open");
        machine_fail(CALL_WRITE | CALL_SYNC, at, EIO);
        enum coffer_status status = complete(volume, &error);
        bool failed = machine.failed;
        machine_fail_never();
        (void)coffer_volume_close(volume, NULL); /* says again what has failed */
        if (status == COFFER_OK ? failed : !failed) {
            scene_fail("call %u: status %d", at, (int)status);
        }
        if (!failed) {
            break;
        }
        struct disk *state = disk_clone(machine.volume);
        enum kind kind = look();
        if (kind == ABSENT) {
            scene_fail("call %u failed and no header is left", at);
        }
        struct log log = { .entries = 0 };
        go_on_from(kind, state, &log);
        log_free(&log);
        disk_free(state);
    }
    disk_free(before);
}

/* ---- creating ---- */

/* On a device that holds old data: what is recognised has its key slot, and once it was said to be there, it is. */
static void creating_is_cut(void)
{
    struct log log = { .entries = 0 };
    uint8_t old[DISK_PAGE], *area = malloc(AREA_SIZE), *got = malloc(AREA_SIZE);
    memset(old, OLD, sizeof(old));
    machine.device = true;
    machine_insert(disk_new(SIZE));
    for (uint64_t at = 0; at < SIZE; at += sizeof(old)) {
        disk_write(machine.volume, old, sizeof(old), at);
    }
    struct disk *before = disk_clone(machine.volume);
    machine.log = &log;
    must_close(make(false));
    machine.log = NULL;
    disk_read(machine.volume, area, AREA_SIZE, AREA);
    cut_seed("create");
    for (unsigned entries = 0; entries <= log.entries; entries++) {
        struct cut cut = cut_after(before, &log, entries);
        uint8_t *fate = calloc(cut.pieces + 1, 1);
        /* While the room for the header is filled there is nothing but noise; the header itself is few pieces. */
        uint64_t all = cut.pieces == 0 ? 1 : cut.pieces > 1000 ? 1 + states / 2000 : states;
        for (uint64_t i = 0; i < all; i++) {
            cut_choose(&cut, cut_exhaustive(&cut) + i, i % 2 == 1, fate);
            machine_insert(cut_state(&cut, fate));
            enum kind kind = look();
            disk_read(machine.volume, got, AREA_SIZE, AREA);
            if (kind == UNFINISHED || (is_recognised() && memcmp(area, got, AREA_SIZE) != 0) ||
                (entries == log.entries && (kind != FINISHED || !is_recognised()))) {
                scene_fail("after %u of %u steps it is wrong", entries, log.entries);
            }
        }
        free(fate);
        cut_free(&cut);
    }
    for (uint64_t at = 0; at < LUKS2_HEADER_SIZE; at += sizeof(old)) { /* all that was there before is gone */
        uint8_t page[DISK_PAGE];
        disk_read(machine.volume, page, sizeof(page), at);
        if (memcmp(page, old, sizeof(page)) == 0) {
            scene_fail("old data is left at %llu", (unsigned long long)at);
        }
    }
    free(area);
    free(got);
    disk_free(before);
    log_free(&log);
}

int main(void)
{
    scene_use_passphrases(true);
    states = budget();
    if (coffer_init(NULL) != COFFER_OK) {
        return 1;
    }
    completing_is_cut();
    completing_fails();
    printf("complete: %llu states\n", (unsigned long long)seen);
    seen = 0;
    creating_is_cut();
    printf("create: %llu states\n", (unsigned long long)seen);
    scene_end();
    return 0;
}
