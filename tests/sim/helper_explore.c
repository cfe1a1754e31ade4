/* SPDX-License-Identifier: ISC */
/*
 * Walks through the states of an update. Everything is repeatable: the choices come from a generator that is
 * seeded with the update's name.
 */
#include "helper_explore.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "helper_cut.h"
#include "helper_memory.h"

#define PIECES_MAX 8192u

struct run {
    const struct update *update;
    bool spare_is_in;                         /* may be */
    unsigned long first, recovering, failing; /* states seen, by kind */
    struct view before, after;
    const struct disk *disk; /* before */
};

/* Where a state comes from, for messages. */
struct history {
    const char *what;
    unsigned entries;
    uint64_t index;
    const struct history *earlier;
};

static unsigned long states(const struct run *run)
{
    return run->first + run->recovering + run->failing;
}

_Noreturn static void wrong(const struct run *run, const struct history *history, const struct view *view,
                            const char *what)
{
    for (; history != NULL; history = history->earlier) {
        fprintf(stderr, "  %s: after entry %u, choice %" PRIu64 "\n", history->what, history->entries,
                history->index);
    }
    scene_fail("%s: %s; opens %#x (hidden %#x, told of damage %#x, sequence %u), state %lu", run->update->name,
               what, view->opens, view->hidden, view->damaged, view->seq, states(run));
}

/* ---- looking ---- */

static bool is_allowed(const unsigned *sets, unsigned opens)
{
    for (; *sets != 0; sets++) {
        if ((*sets & ~EXPLORE_NOBODY) == opens) {
            return true;
        }
    }
    return false;
}

/* As a set. */
static unsigned spare_of(const struct update *update)
{
    return update->spare != 0 ? SECRET(update->spare) : 0;
}

static bool is_same(const struct view *a, const struct view *b, unsigned secret)
{
    const struct identity *left = &a->identity[secret], *right = &b->identity[secret];
    return (b->opens & SECRET(secret)) != 0 && memcmp(left->key, right->key, sizeof(left->key)) == 0 &&
           left->data_size == right->data_size;
}

/* Whatever opens is the volume that it was, or will be. */
static void check_identity(const struct run *run, const struct history *history, const struct view *view)
{
    for (unsigned i = 0; i < SCENE_SECRETS; i++) {
        if ((view->opens & ~run->update->made & ~spare_of(run->update) & SECRET(i)) != 0 &&
            !is_same(view, &run->before, i) && !is_same(view, &run->after, i)) {
            wrong(run, history, view, "a secret opens another volume");
        }
    }
}

/* Nothing that the user has stored changes. */
static void check_data(const struct run *run, const struct history *history, const struct disk *disk,
                       const struct view *view)
{
    if ((run->update->writes & WRITES_DATA) == 0 &&
        !disk_equal_part(disk, run->disk, HEADER_DATA_OFFSET, SCENE_TAIL - HEADER_DATA_OFFSET)) {
        wrong(run, history, view, "the data has changed");
    }
    if (run->update->check != NULL && !run->update->check(disk, view)) {
        wrong(run, history, view, "not as the update demands");
    }
}

static void look(const struct run *run, const struct history *history, const struct disk *disk,
                 const unsigned *sets, struct view *view)
{
    scene_look(disk, run->update->secrets & ~(run->spare_is_in ? 0 : spare_of(run->update)), view);
    if (!is_allowed(sets, view->opens)) {
        wrong(run, history, view, "another set of secrets opens");
    }
    check_identity(run, history, view);
    check_data(run, history, disk, view);
}

/* ---- writing ---- */

static bool is_within(const struct log_entry *entry, uint64_t start, uint64_t length)
{
    return entry->offset >= start && entry->offset + entry->size <= start + length;
}

static bool may_write(unsigned writes, const struct log_entry *entry)
{
    static const uint64_t PLACE[] = { 0, SCENE_TAIL, SCENE_TAIL + SCENE_GROWTH };
    bool may = (writes & WRITES_DATA) != 0;
    for (unsigned i = 0; i < ((writes & WRITES_GROWTH) != 0 ? 3 : 2); i++) {
        may |= (writes & WRITES_OUTER) != 0 && is_within(entry, PLACE[i], HEADER_BLOCK_SIZE);
        may |=
            (writes & WRITES_HIDDEN) != 0 && is_within(entry, PLACE[i] + HEADER_VOLUME_STRIDE, HEADER_BLOCK_SIZE);
        may |= (writes & WRITES_ENDS) != 0 && is_within(entry, PLACE[i], HEADER_END_SIZE / 2);
    }
    return may || ((writes & WRITES_GROWTH) != 0 && is_within(entry, SCENE_TAIL, HEADER_END_SIZE + SCENE_GROWTH));
}

static void check_writes(const struct run *run, const struct history *history, const struct log *log,
                         unsigned writes)
{
    for (unsigned i = 0; i < log->entries; i++) {
        if (log->entry[i].kind == LOG_WRITE && !may_write(writes, &log->entry[i])) {
            wrong(run, history, &run->before, "writes where it must not");
        }
    }
}

/* ---- opening for writing, which recovers ---- */

/* One of the secrets of a set. */
static unsigned pick(unsigned opens)
{
    unsigned count = (unsigned)__builtin_popcount(opens);
    unsigned skip = (unsigned)cut_random(count), secret = 0;
    while ((opens & SECRET(secret)) == 0 || skip-- > 0) {
        secret++;
    }
    return secret;
}

static unsigned blocks_of(const struct view *view, unsigned secret)
{
    return (view->hidden & SECRET(secret)) != 0 ? WRITES_HIDDEN : WRITES_OUTER;
}

static struct coffer_header *open_logged(const struct run *run, const struct history *history,
                                         const struct disk *state, unsigned secret, const struct view *view,
                                         struct log *log)
{
    struct coffer_open_options options = scene_options(false);
    struct coffer_error error = COFFER_ERROR_INIT;
    struct coffer_header *header = NULL;
    machine_insert(disk_clone(state));
    machine.log = log;
    enum coffer_status status =
        coffer_header_open(MACHINE_VOLUME, scene_secret(secret), &options, &header, &error);
    if (status != COFFER_OK && machine.failed && (run->update->writes & WRITES_GROWTH) != 0) {
        return NULL; /* a growth that cannot be finished: HEAL-8 */
    }
    if (status != COFFER_OK) {
        fprintf(stderr, "secret %u: %s\n", secret, error.text);
        wrong(run, history, view, "opening for writing fails");
    }
    return header;
}

/* Whether a recovery may change which of the allowed sets opens. */
static bool is_loose(const struct update *update)
{
    return update->salt_is_lost || update->recovery_decides;
}

/* Recovers a state with one of the secrets that open it, and checks what became of it: the same secrets open; or,
 * with garbage in the state, which may have hidden the salt of a copy, one of `sets`. */
static void recover(const struct run *run, const struct history *history, const struct disk *state,
                    const struct view *view, const unsigned *sets, bool garbage, struct log *log)
{
    struct log again = { 0 };
    struct view now;
    const unsigned same[] = { view->opens, 0 };
    unsigned secret = pick(view->opens);
    coffer_header_close(open_logged(run, history, state, secret, view, log));
    machine.log = NULL;
    check_writes(run, history, log, blocks_of(view, secret) | (run->update->writes & WRITES_GROWTH));
    look(run, history, machine.volume, garbage || is_loose(run->update) ? sets : same, &now);
    struct disk *healed = disk_clone(machine.volume);
    coffer_header_close(open_logged(run, history, healed, secret, view, &again));
    machine.log = NULL;
    if (again.entries != 0) {
        wrong(run, history, &now, "a healed volume is written again");
    }
    disk_free(healed);
}

/* A state: looked at, recovered, and the recovery cut `samples` times at each of its writes. garbled: there is
 * garbage in it; garble: there may be some afterwards. */
static void visit(struct run *run, const struct history *history, const struct disk *state, const unsigned *sets,
                  bool garbled, bool garble, unsigned samples)
{
    struct log log = { 0 };
    struct view view, after;
    uint8_t fate[PIECES_MAX];
    look(run, history, state, sets, &view);
    if (view.opens == 0) {
        return;
    }
    recover(run, history, state, &view, sets, garbled, &log);
    const unsigned same[] = { view.opens, 0 }; /* garbage may take what is there once: one side of an update */
    for (unsigned entries = 1; entries <= log.entries; entries++) {
        struct cut cut = cut_after(state, &log, entries);
        for (unsigned i = 0; cut.pieces > 0 && i < samples; i++) {
            struct history here = { "recovery", entries, i, history };
            cut_choose(&cut, UINT64_MAX, garble, fate);
            struct disk *torn = cut_state(&cut, fate);
            look(run, &here, torn, garbled || garble || is_loose(run->update) ? sets : same, &after);
            run->recovering++;
            if (i == 0) { /* now and then all the way: the second recovery, too */
                struct log second = { 0 };
                recover(run, &here, torn, &after, sets, garble || garbled, &second);
                log_free(&second);
            }
            disk_free(torn);
        }
        cut_free(&cut);
    }
    log_free(&log);
}

/* ---- the update itself, cut ---- */

static void cut_update(struct run *run, const struct disk *before, const struct log *log, unsigned long enough)
{
    const struct update *update = run->update;
    const unsigned done[] = { update->after, 0 };
    uint8_t fate[PIECES_MAX];
    unsigned long seen = 1;
    for (uint64_t round = 0; states(run) < enough && seen > 0; round++) {
        seen = states(run);
        for (unsigned entries = 0; entries <= log->entries && states(run) < enough; entries++) {
            struct cut cut = cut_after(before, log, entries);
            uint64_t exhaustive = cut_exhaustive(&cut);
            uint64_t choices = cut.pieces == 0 ? round == 0 : round == 0 && exhaustive > 0 ? exhaustive : 16;
            for (uint64_t i = 0; i < choices && states(run) < enough; i++) {
                struct history here = { "update", entries, i, NULL };
                bool garble = !update->no_garbage && round > 0 && cut_random(2) == 0;
                cut_choose(&cut, round == 0 ? i : UINT64_MAX, garble, fate);
                struct disk *state = cut_state(&cut, fate);
                run->first++;
                visit(run, &here, state, entries == log->entries ? done : update->during, garble,
                      !update->no_garbage && !update->garbage_only_at_first && !cut_is_torn(&cut, fate), 6);
                disk_free(state);
            }
            cut_free(&cut);
        }
        seen = states(run) - seen; /* an update that writes nothing has one state */
    }
}

/* ---- failures ---- */

/* States of a log that has failures in it. */
static void cut_failed(struct run *run, const struct history *history, const struct disk *before,
                       const struct log *log, const unsigned *during, const unsigned *done, bool garbage)
{
    uint8_t fate[PIECES_MAX];
    struct view view;
    for (unsigned entries = 1; entries <= log->entries; entries++) {
        struct cut cut = cut_after(before, log, entries);
        for (unsigned i = 0; i < (cut.pieces > 0 ? 8u : 1u); i++) {
            struct history here = { "after a failure", entries, i, history };
            cut_choose(&cut, UINT64_MAX, false, fate);
            struct disk *state = cut_state(&cut, fate);
            bool finished = entries == log->entries && done != NULL;
            look(run, &here, state, finished ? done : during, &view);
            run->failing++;
            if (i == 0) {
                struct log second = { 0 };
                if (view.opens != 0) {
                    recover(run, &here, state, &view, during, garbage, &second);
                }
                log_free(&second);
            }
            disk_free(state);
        }
        cut_free(&cut);
    }
}

/* A state whose recovery fails at its call number `at`, and which is then updated through the same handle. */
static bool fail_recovery(struct run *run, const struct history *history, const struct disk *state,
                          const struct view *view, bool garbage, unsigned at)
{
    struct log log = { 0 };
    struct coffer_error error = COFFER_ERROR_INIT;
    unsigned secret = pick(view->opens), slot;
    struct history here = { "recovery that fails", at, secret, history };
    machine_fail(CALL_WRITE | CALL_SYNC, at, EIO);
    struct coffer_header *header = open_logged(run, &here, state, secret, view, &log);
    bool failed = machine.failed;
    machine_fail_never();
    bool fits =
        header != NULL && blocks_of(view, secret) == blocks_of(&run->before, run->update->opener % SCENE_SECRETS);
    if (failed && fits && run->update->spare != 0 &&
        coffer_header_add_key(header, scene_secret(run->update->spare), NULL, &slot, &error) != COFFER_OK &&
        error.status != COFFER_INVALID) { /* INVALID: all slots are full */
        fprintf(stderr, "%s\n", error.text);
        wrong(run, &here, view, "an update after a failed recovery fails");
    }
    machine.log = NULL;
    coffer_header_close(header);
    unsigned spare = spare_of(run->update), added = view->opens | spare;
    unsigned during[3 + 2 * EXPLORE_SETS] = { view->opens, added };
    for (unsigned i = 0, end = 2;
         (garbage || is_loose(run->update)) && i < EXPLORE_SETS && run->update->during[i] != 0; i++) {
        during[end++] = run->update->during[i]; /* what garbage has hidden may come back */
        during[end++] = run->update->during[i] | spare;
    }
    bool success = failed && fits && run->update->spare != 0 && error.status == COFFER_OK;
    const unsigned done[] = { added, 0 };
    run->spare_is_in = true;
    cut_failed(run, &here, state, &log, during, success ? done : NULL, garbage);
    run->spare_is_in = false;
    log_free(&log);
    return failed;
}

static void fail_recoveries(struct run *run, const struct disk *before, const struct log *log,
                            unsigned long enough)
{
    uint8_t fate[PIECES_MAX];
    struct view view;
    while (states(run) < enough) {
        unsigned entries = (unsigned)cut_random(log->entries + 1ull);
        struct cut cut = cut_after(before, log, entries);
        struct history here = { "update", entries, 0, NULL };
        bool garbage = !run->update->no_garbage && cut_random(3) == 0;
        cut_choose(&cut, UINT64_MAX, garbage, fate);
        struct disk *state = cut_state(&cut, fate);
        const unsigned done[] = { run->update->after, 0 };
        look(run, &here, state, entries == log->entries ? done : run->update->during, &view);
        run->failing++;
        for (unsigned at = 1; view.opens != 0 && fail_recovery(run, &here, state, &view, garbage, at); at++) {
        }
        disk_free(state);
        cut_free(&cut);
    }
}

static enum coffer_status run_update(struct run *run, struct coffer_header *header, struct coffer_error *error)
{
    *error = (struct coffer_error)COFFER_ERROR_INIT;
    return run->update->run(header, error);
}

/* What a medium holds after failures, seen by whoever opens it next: reading asks the medium (OPEN-2). */
static struct disk *reopened(const struct disk *before, const struct log *log)
{
    uint8_t fate[PIECES_MAX];
    struct cut cut = cut_after(before, log, log->entries);
    cut_choose(&cut, UINT64_MAX, false, fate);
    struct disk *state = cut_state(&cut, fate);
    cut_free(&cut);
    return state;
}

/* The update fails at its call number `at` and is tried again, as a user would: through the same handle, or by path on
 * what the medium holds. */
static bool fail_update(struct run *run, const struct disk *before, unsigned at)
{
    struct log log = { 0 };
    struct coffer_error error;
    struct history here = { "update that fails", at, 0, NULL };
    bool by_path = run->update->opener == EXPLORE_BY_PATH;
    struct disk *base = disk_clone(before);
    machine_insert(disk_clone(base));
    machine.log = &log;
    struct coffer_header *header = by_path ? NULL : scene_open(run->update->opener);
    machine_fail(CALL_WRITE | CALL_SYNC, at, EIO);
    enum coffer_status status = run_update(run, header, &error);
    bool failed = machine.failed;
    machine_fail_never();
    if (failed && status != COFFER_OK && error.text[0] == '\0') {
        wrong(run, &here, &run->before, "a failure without a text");
    }
    if (failed && status != COFFER_OK && by_path) {
        cut_failed(run, &here, base, &log, run->update->during, NULL, false);
        struct disk *now = reopened(base, &log);
        disk_free(base);
        base = now;
        log_free(&log);
        machine_insert(disk_clone(base));
    }
    if (failed && status != COFFER_OK) {
        status = run_update(run, header, &error); /* may be refused: it may be done already */
    }
    machine.log = NULL;
    coffer_header_close(header);
    const unsigned done[] = { run->update->after, 0 };
    cut_failed(run, &here, base, &log, run->update->during, status == COFFER_OK ? done : NULL, false);
    log_free(&log);
    disk_free(base);
    return failed;
}

/* ---- the whole ---- */

static unsigned long budget(void)
{
    const char *text = getenv("COFFER_SIM_STATES");
    unsigned long number = text != NULL ? strtoul(text, NULL, 10) : 0;
    return number > 0 ? number : 100000;
}

static void explore_states(const struct update *update, unsigned long enough)
{
    struct run run = { .update = update };
    struct log log = { 0 };
    struct coffer_error error;
    const unsigned done[] = { update->after, 0 };
    cut_seed(update->name);
    update->prepare();
    struct disk *before = disk_clone(machine.volume);
    run.disk = before;
    scene_look(before, update->secrets, &run.before);
    machine.log = &log;
    struct coffer_header *header = update->opener == EXPLORE_BY_PATH ? NULL : scene_open(update->opener);
    scene_must(run_update(&run, header, &error), &error, update->name);
    coffer_header_close(header);
    machine.log = NULL;
    scene_look(machine.volume, update->secrets, &run.after);
    look(&run, NULL, machine.volume, done, &run.after);
    check_writes(&run, NULL, &log, update->writes);
    cut_update(&run, before, &log, enough * 7 / 10);
    fail_recoveries(&run, before, &log, enough * 9 / 10);
    for (unsigned at = 1; fail_update(&run, before, at); at++) {
    }
    fail_recoveries(&run, before, &log, enough);
    log_free(&log);
    disk_free(before);
    scene_end();
    if (memory_secrets() != 0 || machine.open_stores != 0) {
        scene_fail("%s: %u secrets and %u stores were left", update->name, memory_secrets(), machine.open_stores);
    }
    printf("%-44s %8lu states: %lu cut in the update, %lu in recovery, %lu after failures\n", update->name,
           states(&run), run.first, run.recovering, run.failing);
    (void)fflush(stdout);
}

void explore(const struct update *update)
{
    explore_states(update, budget() * (update->share != 0 ? update->share : 100) / 100);
}

void explore_with_passphrases(const struct update *update)
{
    scene_use_passphrases(true);
    explore_states(update, 60);
    scene_use_passphrases(false);
}
