/* SPDX-License-Identifier: ISC */
/*
 * Whole lives of a volume with a hidden one in it: keys come, change and go, it grows, headers are backed up and
 * restored, blocks are damaged or put back from earlier, and the power goes in the middle of any of it, one after the
 * other in random order. The other tests of power cuts look at one update, from a volume in order.
 *
 * After every step the secrets that open are those that should, and the data is what was written; what a cut leaves
 * open is settled by what is seen, once. When all secrets have healed their headers, any one block may be lost.
 * COFFER_LIVES says how many, COFFER_LIFE the first: a failure is seen again alone.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "helper_cut.h"
#include "helper_scene.h"

enum { STEPS = 40, BACKUPS = 6, AGES = 12, GROWTHS = 3, HIDDEN_FIRST = 4, OUTER = 0x0f, HIDDEN = 0xf0 };

#define GROWTH 0x30000u

static struct {
    unsigned opens; /* secrets; those of the hidden volume from HIDDEN_FIRST on */
    unsigned maybe; /* whose coming or going was cut short: a salt that is healed may bring their cells back */
    bool settled;   /* every secret has healed its header: any one block may be lost now */
    bool growing;   /* a growth was cut short: the store is larger than the volume */
    unsigned growths;
} life;

static struct {
    struct disk *bytes;
    unsigned opens;
} backup[BACKUPS];
static unsigned backups;

/* Header blocks of earlier. */
static uint8_t age[AGES][HEADER_COPIES][HEADER_VOLUMES][HEADER_BLOCK_SIZE];
static unsigned ages;

static char what[4096]; /* the last steps, for messages */

static void note(const char *step, unsigned a, unsigned b)
{
    size_t used = strlen(what);
    if (sizeof(what) - used < 64) { /* the oldest make room */
        used -= sizeof(what) / 2;
        memmove(what, what + sizeof(what) / 2, used + 1);
    }
    (void)snprintf(what + used, sizeof(what) - used, " %s(%u,%u)", step, a, b);
}

static uint64_t place(unsigned copy, unsigned volume)
{
    uint64_t end = copy == HEADER_FRONT ? 0 : disk_size(machine.volume) - HEADER_END_SIZE;
    return end + (uint64_t)volume * HEADER_VOLUME_STRIDE;
}

static unsigned pick(unsigned set)
{
    unsigned skip = (unsigned)cut_random((unsigned)__builtin_popcount(set)), secret = 0;
    while ((set & SECRET(secret)) == 0 || skip-- > 0) {
        secret++;
    }
    return secret;
}

static unsigned who_opens(void)
{
    struct view view;
    scene_look(machine.volume, 0xff, &view);
    return view.opens;
}

static void expect_same(const char *when)
{
    unsigned opens = who_opens();
    if (((opens ^ life.opens) & ~life.maybe) != 0) {
        scene_fail("%s, after%s: secrets %#x open instead of %#x", when, what, opens, life.opens);
    }
    life.opens = opens;
}

/* ---- data ---- */

static const uint64_t MARK_OUTER[] = { 0, 0x0f000 }, MARK_HIDDEN[] = { 0, 0x0f000 };

static void with_data(unsigned secret, bool write)
{
    struct coffer_open_options options = scene_options(!write);
    struct coffer_error error = COFFER_ERROR_INIT;
    struct coffer_volume *volume;
    uint8_t stamp[512], found[512];
    memset(stamp, secret < HIDDEN_FIRST ? 'o' : 'h', sizeof(stamp));
    const uint64_t *mark = secret < HIDDEN_FIRST ? MARK_OUTER : MARK_HIDDEN;
    scene_must(coffer_volume_open(MACHINE_VOLUME, scene_secret(secret), &options, &volume, &error), &error, what);
    for (unsigned i = 0; i < 2; i++) {
        if (write) {
            scene_must(coffer_volume_pwrite(volume, stamp, sizeof(stamp), mark[i], &error), &error, what);
            continue;
        }
        scene_must(coffer_volume_pread(volume, found, sizeof(found), mark[i], &error), &error, what);
        if (memcmp(found, stamp, sizeof(stamp)) != 0) {
            scene_fail("after%s: data of secret %u is lost", what, secret);
        }
    }
    scene_must(coffer_volume_close(volume, &error), &error, what);
}

static void check_data(void)
{
    for (unsigned secret = 0; secret < SCENE_SECRETS; secret++) {
        if ((life.opens & SECRET(secret)) != 0) {
            with_data(secret, false);
        }
    }
}

/* ---- settling ---- */

static void finish_growing(void)
{
    struct coffer_open_options options = scene_options(false);
    struct coffer_error error = COFFER_ERROR_INIT;
    unsigned secret = pick(life.opens & OUTER);
    enum coffer_status status = coffer_volume_grow(MACHINE_VOLUME, scene_secret(secret), &options, 0, &error);
    if (status != COFFER_OK && status != COFFER_INVALID) { /* the latter: it had been finished */
        scene_must(status, &error, what);
    }
    life.growing = false;
}

static void settle(void)
{
    for (unsigned secret = 0; secret < SCENE_SECRETS; secret++) {
        if ((life.opens & SECRET(secret)) != 0) {
            coffer_header_close(scene_open(secret));
        }
    }
    expect_same("settled");
    if (life.growing) {
        finish_growing();
        expect_same("grown");
    }
    for (unsigned round = 0; round < 2;
         round++) { /* healing the outer header may bring cells of the hidden one back */
        for (unsigned secret = 0; secret < SCENE_SECRETS; secret++) {
            if ((life.opens & SECRET(secret)) != 0) {
                coffer_header_close(scene_open(secret));
            }
        }
    }
    note("settled", 0, 0);
    life.settled = true;
    life.maybe = 0;
    check_data();
    for (unsigned i = 0; i < 4; i++) { /* any one block */
        struct disk *whole = disk_clone(machine.volume);
        scene_damage(place(i % 2, i / 2), HEADER_BLOCK_SIZE);
        expect_same(i == 0 ? "H0 lost" : i == 1 ? "H0' lost" : i == 2 ? "H1 lost" : "H1' lost");
        machine_insert(whole);
    }
}

/* ---- steps ---- */

/* What may open when a step is cut: any of these for the outer secrets, together with any for the hidden ones. */
struct allowed {
    unsigned sets, set[8];
};

static void allow(struct allowed *allowed, unsigned set)
{
    allowed->set[allowed->sets++] = set;
}

static bool is_allowed(const struct allowed *allowed, unsigned opens)
{
    bool outer = false, hidden = false;
    for (unsigned i = 0; i < allowed->sets; i++) {
        unsigned wrong = (allowed->set[i] ^ opens) & ~life.maybe;
        outer |= (wrong & OUTER) == 0;
        hidden |= (wrong & HIDDEN) == 0;
    }
    return outer && hidden;
}

static struct coffer_header *try_open(unsigned secret)
{
    struct coffer_open_options options = scene_options(false);
    struct coffer_error error = COFFER_ERROR_INIT;
    struct coffer_header *header = NULL;
    scene_must(coffer_header_open(MACHINE_VOLUME, scene_secret(secret), &options, &header, &error), &error, what);
    return header;
}

static enum coffer_status heal(unsigned opener, unsigned other, struct allowed *allowed)
{
    (void)other;
    coffer_header_close(try_open(opener));
    allow(allowed, life.opens);
    return COFFER_OK;
}

static enum coffer_status add(unsigned opener, unsigned other, struct allowed *allowed)
{
    unsigned slot;
    struct coffer_header *header = try_open(opener);
    enum coffer_status status = coffer_header_add_key(header, scene_secret(other), NULL, &slot, NULL);
    coffer_header_close(header);
    allow(allowed, life.opens | SECRET(other));
    return status;
}

static enum coffer_status change(unsigned opener, unsigned other, struct allowed *allowed)
{
    unsigned slot;
    struct coffer_header *header = try_open(opener);
    enum coffer_status status = coffer_header_change_key(header, scene_secret(other), &slot, NULL);
    coffer_header_close(header);
    allow(allowed, (life.opens | SECRET(other)) & ~SECRET(opener));
    allow(allowed, life.opens | SECRET(other));
    return status;
}

static enum coffer_status take_out(unsigned opener, unsigned other, struct allowed *allowed)
{
    struct coffer_key keys[COFFER_SLOTS];
    unsigned slot = 0;
    struct coffer_header *header = try_open(opener);
    (void)other;
    coffer_header_keys(header, keys);
    while (!keys[slot].opened_it) {
        slot++;
    }
    enum coffer_status status = coffer_header_remove_key(header, slot, false, NULL);
    coffer_header_close(header);
    allow(allowed, life.opens & ~SECRET(opener));
    return status;
}

static enum coffer_status grow(unsigned opener, unsigned other, struct allowed *allowed)
{
    struct coffer_open_options options = scene_options(false);
    (void)other;
    allow(allowed, life.opens);
    return coffer_volume_grow(MACHINE_VOLUME, scene_secret(opener), &options, disk_size(machine.volume) + GROWTH,
                              NULL);
}

static enum coffer_status restore(unsigned opener, unsigned from, struct allowed *allowed)
{
    struct coffer_open_options options = scene_options(false);
    struct coffer_error error = COFFER_ERROR_INIT;
    disk_free(machine.backup);
    machine.backup = disk_clone(backup[from].bytes);
    enum coffer_status status =
        coffer_header_restore(MACHINE_VOLUME, MACHINE_BACKUP, scene_secret(opener), &options, &error);
    scene_must(status, &error, what);
    const unsigned theirs = opener < HIDDEN_FIRST ? OUTER : HIDDEN;
    const unsigned then = (backup[from].opens & theirs) | (life.opens & ~theirs);
    allow(allowed, then);
    allow(allowed, life.opens);
    return status;
}

/* Runs one step; as a rule the power goes meanwhile. */
static void step(const char *name, enum coffer_status (*run)(unsigned, unsigned, struct allowed *),
                 unsigned opener, unsigned other)
{
    struct log log = { 0 };
    struct allowed allowed = { 0 };
    struct disk *before = disk_clone(machine.volume);
    const unsigned before_opens = life.opens;
    note(name, opener, other);
    machine.log = &log;
    enum coffer_status status = run(opener, other, &allowed);
    machine.log = NULL;
    if (status == COFFER_INVALID) { /* refused: no slot, or a cell of earlier knows the secret */
        note("refused", 0, 0);
        expect_same("refused");
    } else if (status != COFFER_OK) {
        scene_fail("after%s: status %d", what, (int)status);
    } else if (cut_random(3) != 0) {
        bool garble = life.settled && cut_random(2) == 0;
        unsigned entries = (unsigned)cut_random(log.entries + 1ull);
        struct cut cut = cut_after(before, &log, entries);
        uint8_t *fate = disk_memory(cut.pieces + 1);
        cut_choose(&cut, UINT64_MAX, garble, fate);
        machine_insert(cut_state(&cut, fate));
        free(fate);
        cut_free(&cut);
        note(garble ? "CUT-garbled" : "CUT", entries, log.entries);
        allow(&allowed, life.opens);
        life.growing |= run == grow;
        life.opens = who_opens();
        life.settled = false;
        life.maybe |= allowed.set[0] ^ before_opens;
        if (!is_allowed(&allowed, life.opens)) {
            scene_fail("cut after%s: secrets %#x open, and neither %#x nor %#x", what, life.opens, allowed.set[0],
                       allowed.set[allowed.sets - 1]);
        }
    } else {
        life.opens = allowed.set[0];
        expect_same("done");
    }
    disk_free(before);
    log_free(&log);
}

static void remember(void)
{
    if (ages < AGES) {
        for (unsigned i = 0; i < 4; i++) {
            disk_read(machine.volume, age[ages][i % 2][i / 2], HEADER_BLOCK_SIZE, place(i % 2, i / 2));
        }
        ages++;
    }
}

static void back_up(void)
{
    struct coffer_open_options options = scene_options(true);
    struct coffer_error error = COFFER_ERROR_INIT;
    if (backups == BACKUPS) {
        return;
    }
    note("backup", backups, life.opens);
    disk_free(machine.backup);
    machine.backup = NULL;
    scene_must(coffer_header_backup(MACHINE_VOLUME, MACHINE_BACKUP, scene_secret(pick(life.opens & OUTER)),
                                    &options, &error),
               &error, what);
    backup[backups].bytes = disk_clone(machine.backup);
    backup[backups++].opens = life.opens;
}

/* One block, or a piece of it, becomes noise, or what it was earlier. */
static void damage(void)
{
    unsigned copy = (unsigned)cut_random(2), volume = (unsigned)cut_random(2), from = (unsigned)cut_random(ages);
    if (cut_random(2) == 0) {
        note("damage", copy, volume);
        bool all = cut_random(2) == 0;
        uint64_t at = all ? 0 : cut_random(8) * 512;
        scene_damage(place(copy, volume) + at, all ? HEADER_BLOCK_SIZE : 512);
    } else {
        note("older", copy, volume);
        disk_write(machine.volume, age[from][copy][volume], HEADER_BLOCK_SIZE, place(copy, volume));
    }
    life.settled = false;
    expect_same("damaged");
}

static void do_something(void)
{
    const unsigned choice = (unsigned)cut_random(20), opener = pick(life.opens);
    const unsigned theirs = opener < HIDDEN_FIRST ? OUTER : HIDDEN;
    const unsigned absent = theirs & ~life.opens;
    const unsigned from = backups > 0 ? (unsigned)cut_random(backups) : 0;
    if (choice < 2) {
        settle();
    } else if (choice < 4) {
        step("heal", heal, opener, 0);
    } else if (life.growing && opener < HIDDEN_FIRST) {
        settle();
    } else if (choice < 8 && absent != 0) {
        step("add", add, opener, pick(absent));
    } else if (choice < 11 && absent != 0) {
        step("change", change, opener, pick(absent));
    } else if (choice < 14 && (life.opens & theirs & ~SECRET(opener)) != 0) {
        step("remove", take_out, opener, 0);
    } else if (choice == 14 && opener < HIDDEN_FIRST && life.growths < GROWTHS) {
        settle();
        life.growths++;
        step("grow", grow, opener, 0);
    } else if (choice == 15 && !life.growing) {
        settle();
        back_up();
    } else if (choice == 16 && backups > 0) {
        settle(); /* else a cut may leave the copy that has lost the cells of some: restoring again helps */
        step("restore", restore, pick(backup[from].opens), from);
    } else if (choice >= 17 && life.settled && !life.growing && ages > 0) {
        damage();
    }
    if (!life.growing) {
        remember();
    }
}

static void live(enum scene_kind kind)
{
    memset(&life, 0, sizeof(life));
    what[0] = '\0';
    ages = 0;
    scene_create(kind);
    life.opens = SECRET(0);
    back_up(); /* from before there is a hidden one */
    scene_hide(HIDDEN_FIRST);
    life.opens |= SECRET(HIDDEN_FIRST);
    with_data(0, true);
    with_data(HIDDEN_FIRST, true);
    for (unsigned i = 0; i < STEPS; i++) {
        do_something();
    }
    settle();
    while (backups > 0) {
        disk_free(backup[--backups].bytes);
    }
}

int main(void)
{
    if (coffer_init(NULL) != COFFER_OK) {
        return 1;
    }
    const char *text = getenv("COFFER_LIVES"), *first = getenv("COFFER_LIFE");
    const unsigned lives = text != NULL ? (unsigned)atoi(text) : 60;
    for (unsigned i = first != NULL ? (unsigned)atoi(first) : 0; i < lives; i++) {
        char seed[32];
        (void)snprintf(seed, sizeof(seed), "life %u", i);
        cut_seed(seed);
        printf("%s\n", seed); /* the last one is that which failed */
        live(i % 2 == 0 ? SCENE_FILLED : SCENE_UNMARKED);
    }
    scene_end();
    return 0;
}
