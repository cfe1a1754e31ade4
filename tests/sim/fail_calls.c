/* SPDX-License-Identifier: ISC */
/*
 * Every public operation with its 1st, 2nd, 3rd ... call of the backing store failing, then its 1st, 2nd, 3rd ...
 * allocation, until it succeeds. A failure has a status and a text, nothing is left, and the volume still opens.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "helper_keys.h"
#include "helper_memory.h"

struct operation {
    const char *name;
    enum coffer_status (*run)(struct coffer_error *error);
};

static enum coffer_status with_header(enum coffer_status (*act)(struct coffer_header *, struct coffer_error *),
                                      struct coffer_error *error)
{
    struct coffer_open_options options = scene_options(false);
    struct coffer_header *header = NULL;
    enum coffer_status status = coffer_header_open(MACHINE_VOLUME, scene_secret(0), &options, &header, error);
    if (status == COFFER_OK) {
        status = act(header, error);
        coffer_header_close(header);
    }
    return status;
}

static enum coffer_status add(struct coffer_error *error)
{
    return with_header(keys_add, error);
}

static enum coffer_status change(struct coffer_error *error)
{
    return with_header(keys_change, error);
}

static enum coffer_status take_out(struct coffer_error *error)
{
    return with_header(keys_remove_slot_0, error);
}

static enum coffer_status probe(struct coffer_error *error)
{
    struct coffer_info info = { .size = sizeof(info) };
    return coffer_probe(MACHINE_VOLUME, &info, error);
}

static void ignore(void *user, enum coffer_finding finding, const char *text)
{
    (void)user;
    (void)finding;
    (void)text;
}

static enum coffer_status check(struct coffer_error *error)
{
    struct coffer_open_options options = scene_options(false);
    struct coffer_check_result result;
    return coffer_check(MACHINE_VOLUME, scene_secret(0), &options, ignore, NULL, &result, error);
}

static enum coffer_status back_up(struct coffer_error *error)
{
    struct coffer_open_options options = scene_options(true);
    disk_free(machine.backup);
    machine.backup = NULL;
    return coffer_header_backup(MACHINE_VOLUME, MACHINE_BACKUP, scene_secret(0), &options, error);
}

static enum coffer_status restore(struct coffer_error *error)
{
    struct coffer_open_options options = scene_options(false);
    return coffer_header_restore(MACHINE_VOLUME, MACHINE_BACKUP, scene_secret(0), &options, error);
}

static enum coffer_status hide(struct coffer_error *error)
{
    struct coffer_volume *volume;
    enum coffer_status status = scene_try_to_hide(4, &volume, error);
    return status == COFFER_OK ? coffer_volume_close(volume, error) : status;
}

static enum coffer_status use(struct coffer_error *error)
{
    struct coffer_open_options options = scene_options(false);
    struct coffer_volume *volume;
    uint8_t data[600] = { 1 };
    enum coffer_status status = coffer_volume_open(MACHINE_VOLUME, scene_secret(0), &options, &volume, error);
    if (status != COFFER_OK) {
        return status;
    }
    status = coffer_volume_pwrite(volume, data, sizeof(data), 4000, error);
    status = status != COFFER_OK ? status : coffer_volume_pread(volume, data, sizeof(data), 100, error);
    status = status != COFFER_OK ? status : coffer_volume_flush(volume, error);
    enum coffer_status closed = coffer_volume_close(volume, error);
    return status != COFFER_OK ? status : closed;
}

static enum coffer_status grow(struct coffer_error *error)
{
    struct coffer_open_options options = scene_options(false);
    return coffer_volume_grow(MACHINE_VOLUME, scene_secret(0), &options, SCENE_SIZE + SCENE_GROWTH, error);
}

static unsigned long failures;

/* Repeats an operation on a fresh copy of the volume until nothing fails any more. */
static void repeat(const struct operation *operation, const struct disk *before, bool memory)
{
    bool failed = true;
    for (unsigned at = 1; failed; at++) {
        struct coffer_error error = COFFER_ERROR_INIT;
        struct view view;
        machine_insert(disk_clone(before));
        if (memory) {
            memory_fail(at);
        } else {
            machine_fail(CALL_ANY, at, EIO);
        }
        enum coffer_status status = operation->run(&error);
        failed = memory ? memory_has_failed() : machine.failed;
        memory_fail(0);
        machine_fail_never();
        failures += failed;
        if (status != COFFER_OK && (!failed || error.text[0] == '\0' || error.status != status)) {
            scene_fail("%s, %s %u: status %d, text '%s'", operation->name, memory ? "allocation" : "call", at,
                       (int)status, error.text);
        }
        if (machine.open_stores != 0) {
            scene_fail("%s, %s %u: a store is left open", operation->name, memory ? "allocation" : "call", at);
        }
        scene_look(machine.volume, OLD | BYSTANDER | NEW, &view);
        if ((view.opens & BYSTANDER) == 0 || (view.opens & (OLD | NEW)) == 0) {
            if (operation->run != take_out || (view.opens & BYSTANDER) == 0) {
                scene_fail("%s, %s %u: the volume does not open any more", operation->name,
                           memory ? "allocation" : "call", at);
            }
        }
    }
}

int main(void)
{
    static const struct operation OPERATIONS[] = {
        { "probe", probe },
        { "open, read, write, flush, close", use },
        { "add a key", add },
        { "change a key", change },
        { "remove a key", take_out },
        { "check and repair", check },
        { "back up", back_up },
        { "restore", restore },
        { "hide", hide },
        { "grow", grow },
    };
    static const enum scene_kind KINDS[] = { SCENE_MARKED, SCENE_FILLED, SCENE_UNMARKED };
    if (coffer_init(NULL) != COFFER_OK) {
        return 1;
    }
    for (unsigned kind = 0; kind < 3; kind++) {
        scene_create(KINDS[kind]);
        struct coffer_header *header = scene_open(0);
        (void)scene_add(header, 1);
        coffer_header_close(header);
        struct disk *before = disk_clone(machine.volume);
        (void)scene_secret(2);
        (void)scene_secret(4);
        unsigned secrets = memory_secrets();
        for (size_t i = 0; i < sizeof(OPERATIONS) / sizeof(OPERATIONS[0]); i++) {
            if ((OPERATIONS[i].run == hide && KINDS[kind] == SCENE_MARKED) ||
                (OPERATIONS[i].run == probe && KINDS[kind] == SCENE_UNMARKED)) {
                continue;
            }
            repeat(&OPERATIONS[i], before, false);
            repeat(&OPERATIONS[i], before, true);
            if (memory_secrets() != secrets) {
                scene_fail("%s: %u secrets are left", OPERATIONS[i].name, memory_secrets() - secrets);
            }
            if (OPERATIONS[i].run == back_up) {
                struct coffer_error error = COFFER_ERROR_INIT;
                machine_insert(disk_clone(before));
                scene_must(back_up(&error), &error, "back up");
            }
        }
        disk_free(before);
        scene_end();
    }
    printf("%lu failures of the medium and of memory, each with a status and a text\n", failures);
    return 0;
}
