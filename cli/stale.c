/* SPDX-License-Identifier: ISC */
/*
 * stale.c - cleaning up after dead servers (stale.h).
 *
 * A mount is only touched when its state file is not locked any more and the kernel's table shows, at that place,
 * a mount of ours of that device, made by the owner of the state file, or one of the kernel's made by root. So neither
 * a number that was given to another mount meanwhile nor a state file that somebody made up leads to anything else
 * being unmounted.
 */
#include "stale.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "deadline.h"
#include "detach.h"
#include "holders.h"
#include "mapped.h"
#include "mount_table.h"
#include "scope.h"
#include "udisks_mount.h"
#include "ui.h"

#define PATIENCE_MS 5000 /* for what a dead server left: it gets errors */

/* What udisks2 may have made of the block file in a user's private mount; root needs no udisks2. False when something
 * of it stays. */
static bool release_loops(const struct mount_state *state)
{
    SCOPE_FREE char *file = NULL;
    struct coffer_error error = COFFER_ERROR_INIT;

    if (!state->record.is_private || state->owner == 0) {
        return true;
    }
    if (asprintf(&file, "%s/volume", state->record.mount_point) < 0) {
        file = NULL;
        return false;
    }
    if (udisks_mount_release(file, &error) == COFFER_OK) {
        return true;
    }
    ui_warn("the server of a mount by udisks2 has died, and what it left cannot be removed: %s", error.text);
    return false;
}

/* The mount of `state`, as far as its server got to write it down. */
static struct detach_target target_of(const struct mount_state *state)
{
    return (struct detach_target){ state->record.mount_point, state->record.device, state->owner,
                                   state->record.source };
}

/* A server that died while it started did not get to write down the device: then the source tells. */
static bool is_early_mount(const struct mount_entry *entry, const struct mount_state *state)
{
    const struct mount_record *record = &state->record;
    struct detach_target target = target_of(state);

    target.device = entry->device;
    return record->device == 0 && strcmp(entry->source, record->source ? record->source : record->volume) == 0 &&
           detach_is_target(&target, entry);
}

static const struct mount_entry *find_left_mount(const struct mount_table *table, const struct mount_state *state)
{
    const struct detach_target target = target_of(state);

    for (size_t i = table->count; i-- > 0;) {
        const struct mount_entry *entry = &table->entries[i];
        if (detach_is_target(&target, entry) || is_early_mount(entry, state)) {
            return entry;
        }
    }
    return NULL;
}

static void name_holders(const struct mount_entry *entry, const struct mount_state *state)
{
    struct holders holders;

    if (!holders_find(entry->mount_point, entry->device, state->record.server_pid, &holders)) {
        return;
    }
    SCOPE_FREE char *words = holders.count > 0 ? holders_describe(&holders) : NULL;
    if (words) {
        ui_notice("'%s' is still used by %s: they get errors from now on", entry->mount_point, words);
    }
    holders_free(&holders);
}

/* False when a mount is there and stays there. */
static bool detach_left_mount(const struct mount_table *table, const struct mount_state *state)
{
    const struct mount_entry *entry = find_left_mount(table, state);
    char reason[256];

    if (!entry) {
        return true;
    }
    name_holders(entry, state);
    struct detach_target target = target_of(state);
    target.device = entry->device;
    switch (detach_mount(&target, true, deadline_in(PATIENCE_MS), sizeof(reason), reason)) {
    case DETACH_DONE:
    case DETACH_GONE:
        return true;
    case DETACH_COVERED:
        ui_warn("the server of '%s' has died; something else is mounted over '%s', so it stays",
                state->record.volume, entry->mount_point);
        return false;
    case DETACH_BUSY:
    case DETACH_LATE:
    case DETACH_REFUSED:
        break;
    }
    ui_warn("the server of '%s' has died, and what it left cannot be unmounted from '%s': %s",
            state->record.volume, entry->mount_point, reason);
    return false;
}

bool stale_clean(struct mount_state *state)
{
    struct mount_table table;

    if (mapped_is_there(state)) {
        return false; /* the kernel serves it, with or without a process of ours */
    }
    if (!mount_state_claim(state)) {
        return false; /* another command is at it, or was */
    }
    mount_state_refresh(state); /* it may have said how it ended since */
    if (!mount_table_read(&table)) {
        mount_table_free(&table);
        return false;
    }
    bool is_clean = release_loops(state) && detach_left_mount(&table, state);
    mount_table_free(&table);
    if (!is_clean) {
        return false;
    }
    if (state->record.is_private && rmdir(state->record.mount_point) < 0 && errno != ENOENT) {
        ui_warn("cannot remove '%s': %s", state->record.mount_point, explain_errno(errno));
        return false;
    }
    mount_state_remove(state);
    return true;
}

static void say_what_happened(const struct mount_record *record)
{
    if (record->failure) {
        ui_warn("'%s' was unmounted from '%s', but what was written last may be lost: %s", record->volume,
                record->mount_point, record->failure);
    } else if (!record->is_private && !mapped_was_used(record)) {
        ui_warn("the server of '%s' died: '%s' is unmounted now, and what was written last may be lost",
                record->volume, record->mount_point);
    }
}

void stale_clean_own(struct mount_states *states)
{
    map_clean();
    for (size_t i = 0; i < states->count; i++) {
        struct mount_state *state = &states->items[i];
        if (state->fd >= 0 && !state->is_alive && state->owner == geteuid() && stale_clean(state)) {
            say_what_happened(&state->record);
        }
    }
}

void stale_clean_all(void)
{
    struct mount_states states;

    if (mount_states_load(&states) == EXIT_DONE) {
        stale_clean_own(&states);
        mount_states_free(&states);
    }
}
