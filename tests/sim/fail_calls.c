/* SPDX-License-Identifier: ISC */
/*
 * Every public operation with its 1st, 2nd, 3rd ... call of the backing store failing, then its 1st, 2nd, 3rd ...
 * allocation, until it succeeds. A failure has a status and a text, nothing is left, and the volume still opens.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "helper_credentials.h"
#include "helper_derive.h"
#include "helper_keys.h"
#include "helper_memory.h"
#include "luks2_layout.h"

enum { MARKED = 1, FILLED = 2, UNMARKED = 4, ALL = 7 }; /* kinds of scene */

struct operation {
    const char *name;
    enum coffer_status (*run)(struct coffer_error *error);
    void (*arrange)(void); /* before anything fails; may be NULL */
    unsigned kinds;        /* the scenes that it is for */
    unsigned keeps[3];     /* one of these sets of secrets opens afterwards, whatever failed; ends with 0 */
};

static enum coffer_status with_header_of(unsigned secret,
                                         enum coffer_status (*act)(struct coffer_header *, struct coffer_error *),
                                         struct coffer_error *error)
{
    struct coffer_open_options options = scene_options(false);
    struct coffer_header *header = NULL;
    enum coffer_status status = coffer_header_open(MACHINE_VOLUME, scene_secret(secret), &options, &header, error);
    if (status == COFFER_OK) {
        status = act(header, error);
        coffer_header_close(header);
    }
    return status;
}

static enum coffer_status with_header(enum coffer_status (*act)(struct coffer_header *, struct coffer_error *),
                                      struct coffer_error *error)
{
    return with_header_of(0, act, error);
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

/* Opens, does it, and closes. */
static enum coffer_status with_volume(const struct coffer_open_options *options,
                                      enum coffer_status (*act)(struct coffer_volume *, struct coffer_error *),
                                      struct coffer_error *error)
{
    struct coffer_volume *volume;
    enum coffer_status status = coffer_volume_open(MACHINE_VOLUME, scene_secret(0), options, &volume, error);
    if (status != COFFER_OK) {
        return status;
    }
    status = act(volume, error);
    enum coffer_status closed = coffer_volume_close(volume, error);
    return status != COFFER_OK ? status : closed;
}

static enum coffer_status transfer(struct coffer_volume *volume, struct coffer_error *error)
{
    uint8_t data[600] = { 1 };
    enum coffer_status status = coffer_volume_pwrite(volume, data, sizeof(data), 4000, error);
    status = status != COFFER_OK ? status : coffer_volume_pread(volume, data, sizeof(data), 100, error);
    return status != COFFER_OK ? status : coffer_volume_flush(volume, error);
}

static enum coffer_status use(struct coffer_error *error)
{
    struct coffer_open_options options = scene_options(false);
    return with_volume(&options, transfer, error);
}

static enum coffer_status look_around(struct coffer_volume *volume, struct coffer_error *error)
{
    struct coffer_info info = { .size = sizeof(info) };
    struct coffer_mapping mapping = { .size = sizeof(mapping) };
    uint64_t found;
    uint8_t data[600];
    enum coffer_status status = coffer_volume_info(volume, &info, error);
    status = status != COFFER_OK ? status : coffer_volume_pread(volume, data, sizeof(data), 100, error);
    status = status != COFFER_OK ? status : coffer_volume_seek(volume, 0, true, &found, error);
    return status != COFFER_OK ? status : coffer_volume_mapping(volume, &mapping, NULL, error);
}

/* To a kernel that then does not want it. */
static enum coffer_status lend_in_vain(struct coffer_volume *volume, struct coffer_error *error)
{
    int fd = -1;
    enum coffer_status status = coffer_volume_lend(volume, &fd, error);
    if (status != COFFER_OK) {
        return status;
    }
    close(fd);
    status = coffer_volume_take_back(volume, error);
    return status != COFFER_OK ? status : transfer(volume, error);
}

static enum coffer_status lend(struct coffer_error *error)
{
    struct coffer_open_options options = scene_options(false);
    return with_volume(&options, lend_in_vain, error);
}

static enum coffer_status look_only(struct coffer_error *error)
{
    struct coffer_open_options options = scene_options(true);
    return with_volume(&options, look_around, error);
}

static enum coffer_status discard_some(struct coffer_volume *volume, struct coffer_error *error)
{
    return coffer_volume_discard(volume, 100, 20000, error);
}

static enum coffer_status discard(struct coffer_error *error)
{
    struct coffer_open_options options = scene_options(false);
    return with_volume(&options, discard_some, error);
}

static void arrange_hidden(void)
{
    scene_hide(4);
}

static enum coffer_status protect(struct coffer_error *error)
{
    struct coffer_open_options options = scene_options(false);
    options.protect_hidden = scene_secret(4);
    return with_volume(&options, transfer, error);
}

#define HIDDEN SECRET(4)

static enum coffer_status with_hidden(enum coffer_status (*act)(struct coffer_header *, struct coffer_error *),
                                      struct coffer_error *error)
{
    return with_header_of(4, act, error);
}

static enum coffer_status add_to_hidden(struct coffer_error *error)
{
    return with_hidden(keys_add, error);
}

static enum coffer_status change_hidden(struct coffer_error *error)
{
    return with_hidden(keys_change, error);
}

static void arrange_hidden_backup(void)
{
    struct coffer_error error = COFFER_ERROR_INIT;
    scene_hide(4);
    scene_must(back_up(&error), &error, "back up");
}

static enum coffer_status restore_hidden(struct coffer_error *error)
{
    struct coffer_open_options options = scene_options(false);
    return coffer_header_restore(MACHINE_VOLUME, MACHINE_BACKUP, scene_secret(4), &options, error);
}

static void arrange_damage(void)
{
    scene_damage(0, HEADER_BLOCK_SIZE);
}

static enum coffer_status grow(struct coffer_error *error)
{
    struct coffer_open_options options = scene_options(false);
    return coffer_volume_grow(MACHINE_VOLUME, scene_secret(0), &options, SCENE_SIZE + SCENE_GROWTH, error);
}

/* The new tail is there, the old one and the front are as they were. */
static void arrange_cut_growth(void)
{
    static uint8_t front[HEADER_BLOCK_SIZE], tail[HEADER_END_SIZE];
    struct coffer_error error = COFFER_ERROR_INIT;
    disk_read(machine.volume, front, sizeof(front), 0);
    disk_read(machine.volume, tail, sizeof(tail), SCENE_TAIL);
    scene_must(grow(&error), &error, "grow");
    disk_write(machine.volume, front, sizeof(front), 0);
    disk_write(machine.volume, tail, sizeof(tail), SCENE_TAIL);
}

static enum scene_kind kind; /* of the present scene */

/* Over the file that is there: it stays until the new one is published. */
static enum coffer_status create(struct coffer_error *error)
{
    struct coffer_create_options options = scene_create_options(kind);
    struct coffer_volume *volume;
    options.replace = true;
    options.second_secret = scene_secret(5);
    enum coffer_status status = coffer_volume_create(MACHINE_VOLUME, scene_secret(2), &options, &volume, error);
    if (status != COFFER_OK) {
        return status;
    }
    status = coffer_volume_publish(volume, error);
    enum coffer_status closed = coffer_volume_close(volume, error);
    return status != COFFER_OK ? status : closed;
}

static void no_device(void)
{
    machine.device = false;
}

static void arrange_device(void)
{
    machine.device = true;
}

static void arrange_copy(void)
{
    disk_free(machine.backup);
    machine.backup = disk_clone(machine.volume);
    disk_write(machine.volume, "something else", 14, HEADER_DATA_OFFSET + 4096);
}

static enum coffer_status copy_into(struct coffer_volume *from, struct coffer_error *error)
{
    struct coffer_open_options options = scene_options(false);
    struct coffer_callbacks none = { 0 };
    struct coffer_volume *to;
    enum coffer_status status = coffer_volume_open(MACHINE_BACKUP, scene_secret(0), &options, &to, error);
    if (status != COFFER_OK) {
        return status;
    }
    status = coffer_volume_copy(from, to, &none, error);
    enum coffer_status closed = coffer_volume_close(to, error);
    return status != COFFER_OK ? status : closed;
}

static enum coffer_status copy(struct coffer_error *error)
{
    struct coffer_open_options options = scene_options(true);
    return with_volume(&options, copy_into, error);
}

/* A volume that nobody opens until it is complete. */
static void arrange_unfinished(void)
{
    struct coffer_create_options options = scene_create_options(kind);
    struct coffer_error error = COFFER_ERROR_INIT;
    struct coffer_volume *volume;
    options.replace = options.unfinished = true;
    scene_must(coffer_volume_create(MACHINE_VOLUME, scene_secret(0), &options, &volume, &error), &error, "create");
    scene_must(coffer_volume_publish(volume, &error), &error, "publish");
    scene_must(coffer_volume_close(volume, &error), &error, "close");
}

static enum coffer_status finish(struct coffer_volume *volume, struct coffer_error *error)
{
    struct coffer_open_options options = scene_options(false);
    return coffer_volume_complete(volume, scene_secret(0), &options, error);
}

static enum coffer_status complete(struct coffer_error *error)
{
    struct coffer_open_options options = scene_options(false);
    options.unfinished = true;
    return with_volume(&options, finish, error);
}

/* A LUKS2 header has a passphrase of its own. */
static struct coffer_credential *passphrase;

static void make_passphrase(void)
{
    struct coffer_secret *secret = coffer_secret_new(32);
    struct coffer_error error = COFFER_ERROR_INIT;
    coffer_credential_free(passphrase);
    passphrase = coffer_credential_new();
    memset(coffer_secret_data(secret), 'x', 32);
    coffer_secret_set_size(secret, 32);
    scene_must(coffer_credential_set_passphrase(passphrase, secret, &error), &error, "a passphrase");
    coffer_secret_free(secret);
}

static void arrange_export(void)
{
    make_passphrase();
    disk_free(machine.backup);
    machine.backup = NULL;
}

/* LUKS2 volumes: nobody of the scene opens them. Derivations cost nothing. */
static enum coffer_status make_luks2(bool unfinished, struct coffer_error *error)
{
    struct coffer_create_options options = COFFER_CREATE_OPTIONS_INIT;
    struct coffer_volume *volume;
    options.format = "luks2";
    options.container_size = LUKS2_HEADER_SIZE + 0x40000u;
    options.replace = true;
    options.unfinished = unfinished;
    options.kdf_memory = HEADER_MEMORY_MIN;
    options.kdf_passes = 4;
    enum coffer_status status = coffer_volume_create(MACHINE_VOLUME, passphrase, &options, &volume, error);
    if (status != COFFER_OK) {
        return status;
    }
    status = coffer_volume_publish(volume, error);
    enum coffer_status closed = coffer_volume_close(volume, error);
    return status != COFFER_OK ? status : closed;
}

static void arrange_passphrase(void)
{
    make_passphrase();
    derive_begin(DERIVE_NEVER, UINT32_MAX);
}

static enum coffer_status create_luks2(struct coffer_error *error)
{
    return make_luks2(false, error);
}

static void arrange_unfinished_luks2(void)
{
    struct coffer_error error = COFFER_ERROR_INIT;
    arrange_passphrase();
    scene_must(make_luks2(true, &error), &error, "create");
}

static enum coffer_status complete_luks2(struct coffer_error *error)
{
    struct coffer_open_options options = COFFER_OPEN_OPTIONS_INIT;
    struct coffer_volume *volume;
    options.unfinished = true;
    enum coffer_status status = coffer_volume_open(MACHINE_VOLUME, passphrase, &options, &volume, error);
    if (status != COFFER_OK) {
        return status;
    }
    options.unfinished = false;
    status = coffer_volume_complete(volume, passphrase, &options, error);
    enum coffer_status closed = coffer_volume_close(volume, error);
    return status != COFFER_OK ? status : closed;
}

static void arrange_luks2(void)
{
    struct coffer_error error = COFFER_ERROR_INIT;
    arrange_passphrase();
    scene_must(make_luks2(false, &error), &error, "create");
}

static enum coffer_status use_luks2(struct coffer_error *error)
{
    struct coffer_open_options options = COFFER_OPEN_OPTIONS_INIT;
    struct coffer_volume *volume;
    enum coffer_status status = coffer_volume_open(MACHINE_VOLUME, passphrase, &options, &volume, error);
    if (status != COFFER_OK) {
        return status;
    }
    status = transfer(volume, error);
    enum coffer_status closed = coffer_volume_close(volume, error);
    return status != COFFER_OK ? status : closed;
}

static enum coffer_status export_header(struct coffer_volume *volume, struct coffer_error *error)
{
    return coffer_volume_export_luks2(volume, MACHINE_BACKUP, passphrase, error);
}

static enum coffer_status export_luks2(struct coffer_error *error)
{
    struct coffer_open_options options = scene_options(true);
    return with_volume(&options, export_header, error);
}

static enum coffer_status check_without_a_secret(struct coffer_error *error)
{
    struct coffer_open_options options = scene_options(true);
    struct coffer_check_result result;
    return coffer_check(MACHINE_VOLUME, NULL, &options, ignore, NULL, &result, error);
}

static unsigned long failures;

static bool may_open(const struct operation *operation, unsigned opens)
{
    for (const unsigned *set = operation->keeps; *set != 0; set++) {
        if ((opens & *set) == (*set & ~EXPLORE_NOBODY)) {
            return true;
        }
    }
    return false;
}

/* Repeats an operation on a fresh copy of the volume until nothing fails any more. */
static void repeat(const struct operation *operation, const struct disk *before, bool memory)
{
    const char *what = memory ? "allocation" : "call";
    bool failed = true;
    for (unsigned at = 1; failed; at++) {
        struct coffer_error error = COFFER_ERROR_INIT;
        struct view view;
        machine_insert(disk_clone(before));
        if (operation->arrange != NULL) {
            operation->arrange();
        }
        unsigned secrets = memory_secrets();
        if (memory) {
            memory_fail(at);
        } else {
            machine_fail(CALL_ANY, at, EIO);
        }
        enum coffer_status status = operation->run(&error);
        failed = memory ? memory_has_failed() : machine.failed;
        memory_fail(0);
        machine_fail_never();
        no_device();
        failures += failed;
        if (status != COFFER_OK && (!failed || error.text[0] == '\0' || error.status != status)) {
            scene_fail("%s, %s %u: status %d, text '%s'", operation->name, what, at, (int)status, error.text);
        }
        if (machine.open_stores != 0 || memory_secrets() != secrets) {
            scene_fail("%s, %s %u: %u stores and %u secrets are left", operation->name, what, at,
                       machine.open_stores, memory_secrets() - secrets);
        }
        scene_look(machine.volume, OLD | BYSTANDER | NEW | HIDDEN, &view);
        if (!may_open(operation, view.opens)) {
            scene_fail("%s, %s %u: %#x open it", operation->name, what, at, view.opens);
        }
    }
}

static void make_backup(const struct disk *before)
{
    struct coffer_error error = COFFER_ERROR_INIT;
    machine_insert(disk_clone(before));
    scene_must(back_up(&error), &error, "back up");
}

static void fail_all(const struct operation *operations, size_t count)
{
    scene_create(kind);
    struct coffer_header *header = scene_open(0);
    (void)scene_add(header, 1);
    coffer_header_close(header);
    struct disk *before = disk_clone(machine.volume);
    for (unsigned secret = 0; secret < SCENE_SECRETS; secret++) {
        (void)scene_secret(secret);
    }
    for (size_t i = 0; i < count; i++) {
        if ((operations[i].kinds & 1u << kind) != 0) {
            make_backup(before);
            repeat(&operations[i], before, false);
            repeat(&operations[i], before, true);
        }
    }
    disk_free(before);
    scene_end();
}

int main(void)
{
    static const struct operation OPERATIONS[] = {
        { "probe", probe, NULL, MARKED | FILLED, { OLD | BYSTANDER } },
        { "open, read, write, flush, close", use, NULL, ALL, { OLD | BYSTANDER } },
        { "open for reading, look around", look_only, NULL, ALL, { OLD | BYSTANDER } },
        { "lend and take back", lend, NULL, ALL, { OLD | BYSTANDER } },
        { "discard", discard, NULL, MARKED, { OLD | BYSTANDER } },
        { "open with a damaged copy", use, arrange_damage, ALL, { OLD | BYSTANDER } },
        { "open, hidden volume protected", protect, arrange_hidden, FILLED | UNMARKED, { OLD | BYSTANDER } },
        { "add a key", add, NULL, ALL, { OLD | BYSTANDER } },
        { "add a key with a damaged copy", add, arrange_damage, ALL, { OLD | BYSTANDER } },
        { "change a key", change, NULL, ALL, { OLD | BYSTANDER, NEW | BYSTANDER } },
        { "remove a key", take_out, NULL, ALL, { BYSTANDER } },
        { "check and repair", check, NULL, ALL, { OLD | BYSTANDER } },
        { "check and repair a damaged copy", check, arrange_damage, ALL, { OLD | BYSTANDER } },
        { "check without a secret", check_without_a_secret, NULL, MARKED | FILLED, { OLD | BYSTANDER } },
        { "back up", back_up, NULL, ALL, { OLD | BYSTANDER } },
        { "restore", restore, NULL, ALL, { OLD | BYSTANDER } },
        { "restore over a damaged copy", restore, arrange_damage, ALL, { OLD | BYSTANDER } },
        { "add a key to a hidden volume",
          add_to_hidden,
          arrange_hidden,
          FILLED | UNMARKED,
          { OLD | BYSTANDER | HIDDEN } },
        { "change the key of a hidden volume",
          change_hidden,
          arrange_hidden,
          FILLED | UNMARKED,
          { OLD | BYSTANDER | HIDDEN, OLD | BYSTANDER | NEW } },
        { "restore around a hidden volume",
          restore,
          arrange_hidden,
          FILLED | UNMARKED,
          { OLD | BYSTANDER | HIDDEN } },
        { "restore a hidden volume",
          restore_hidden,
          arrange_hidden_backup,
          FILLED | UNMARKED,
          { OLD | BYSTANDER | HIDDEN } },
        { "hide", hide, NULL, FILLED | UNMARKED, { OLD | BYSTANDER } },
        { "grow", grow, NULL, ALL, { OLD | BYSTANDER } },
        { "finish a growth", use, arrange_cut_growth, ALL, { OLD | BYSTANDER } },
        { "create LUKS2", create_luks2, arrange_passphrase, MARKED, { OLD | BYSTANDER, EXPLORE_NOBODY } },
        { "complete LUKS2", complete_luks2, arrange_unfinished_luks2, MARKED, { EXPLORE_NOBODY } },
        { "open LUKS2, read, write, flush, close", use_luks2, arrange_luks2, MARKED, { EXPLORE_NOBODY } },
        { "create a file", create, NULL, ALL, { OLD | BYSTANDER, NEW } },
        { "create on a device", create, arrange_device, FILLED | UNMARKED, { EXPLORE_NOBODY, NEW } },
        { "copy", copy, arrange_copy, MARKED | FILLED, { OLD | BYSTANDER } },
        { "complete", complete, arrange_unfinished, ALL, { EXPLORE_NOBODY, OLD } },
        { "export a LUKS2 header", export_luks2, arrange_export, FILLED, { OLD | BYSTANDER } },
        { "make credentials", credentials_make, NULL, MARKED, { OLD | BYSTANDER } },
    };
    if (coffer_init(NULL) != COFFER_OK) {
        return 1;
    }
    credentials_begin();
    for (kind = SCENE_MARKED; kind <= SCENE_UNMARKED; kind++) {
        fail_all(OPERATIONS, sizeof(OPERATIONS) / sizeof(OPERATIONS[0]));
    }
    credentials_end();
    coffer_credential_free(passphrase);
    printf("%lu failures of the medium and of memory, each with a status and a text\n", failures);
    return 0;
}
