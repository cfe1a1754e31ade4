/* SPDX-License-Identifier: ISC */
/*
 * Taking a TrueCrypt volume over, and giving it back, under power cuts, ADOPT-1 to ADOPT-5: whatever a cut leaves opens,
 * with the old header or with ours, and shows the same data; and the same call goes on from there. And what is given
 * back is this volume, from its own file.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "crc32.h"
#include "crypto.h"
#include "helper_cut.h"
#include "helper_derive.h"
#include "helper_memory.h"
#include "helper_scene.h"
#include "tcrypt_header.h"

#define PASSPHRASE "correct horse"
#define DATA_SIZE  (SCENE_SIZE - 2 * HEADER_END_SIZE)
#define EXHAUSTIVE 15u   /* pieces of which every choice is tried: an end but its first piece */
#define GARBLED    20000 /* and so many with garbage, of the same */
#define GOING_ON   2500u /* one in so many is opened, and gone on from */

static struct coffer_credential *old_secret;
static uint8_t their_header[2][CUT_PIECE]; /* in front and at the end */
static const char TEXT[16] = "the user's data";

/* Derivations cost nothing; what was asked for is forgotten. */
static void derive_for_nothing(void)
{
    derive_begin(DERIVE_NEVER, 0);
}

/* ---- the volume ---- */

static void fill_with_noise(struct disk *disk)
{
    uint8_t page[DISK_PAGE];
    for (uint64_t at = 0; at < SCENE_SIZE; at += sizeof(page)) {
        crypto_random(page, sizeof(page));
        disk_write(disk, page, sizeof(page), at);
    }
}

/* Encrypts as the header is: one unit, number 0. What is behind it does not change it. */
static void encrypt(const uint8_t key[64], uint64_t number, uint8_t sector[512])
{
    struct crypto_sector *cipher;
    if (crypto_sector_new(&cipher, key, 512) != 0) {
        abort();
    }
    crypto_sector_encrypt(cipher, number, sector, sector, 512);
    crypto_sector_free(cipher);
}

static void put_header(struct disk *disk, uint64_t offset, const uint8_t keys[64])
{
    uint8_t header[512] = { 0 }, plain[512] = { 0 }, key[64];
    struct bytes view = { plain, sizeof(plain) };
    crypto_random(header, TCRYPT_SALT_SIZE);
    memcpy(plain, "TRUE", 4);
    bytes_put_be16(view, 4, 4);
    bytes_put_be64(view, 36, DATA_SIZE);
    bytes_put_be64(view, 44, HEADER_END_SIZE);
    bytes_put_be64(view, 52, DATA_SIZE);
    memcpy(plain + 192, keys, 64);
    uint32_t crc = ~crc32_add(CRC32_BEGIN, plain + 192, TCRYPT_KEYS_SIZE);
    bytes_put_be16(view, 8, (uint16_t)(crc >> 16));
    bytes_put_be16(view, 10, (uint16_t)crc);
    crc = ~crc32_add(CRC32_BEGIN, plain, 188);
    bytes_put_be16(view, 188, (uint16_t)(crc >> 16));
    bytes_put_be16(view, 190, (uint16_t)crc);
    const struct crypto_pbkdf2 input = {
        .digest = CRYPTO_SHA512,
        .password = PASSPHRASE,
        .password_size = sizeof(PASSPHRASE) - 1,
        .salt = header,
        .salt_size = TCRYPT_SALT_SIZE,
        .iterations = 1000,
    };
    derive_for_nothing();
    if (crypto_pbkdf2_block(key, &input, 1) != 0) {
        abort();
    }
    encrypt(key, 0, plain);
    memcpy(header + TCRYPT_SALT_SIZE, plain, TCRYPT_PLAIN_SIZE);
    disk_write(disk, header, sizeof(header), offset);
}

/* zeros: what is between their headers is not noise, as some programs leave it. */
static void prepare(bool zeros)
{
    uint8_t keys[64], sector[512] = { 0 };
    struct disk *disk = disk_new(SCENE_SIZE);
    crypto_random(keys, sizeof(keys));
    if (!zeros) {
        fill_with_noise(disk);
    }
    put_header(disk, 0, keys);
    put_header(disk, SCENE_TAIL, keys);
    disk_read(disk, their_header[0], CUT_PIECE, 0);
    disk_read(disk, their_header[1], CUT_PIECE, SCENE_TAIL);
    memcpy(sector, TEXT, sizeof(TEXT));
    encrypt(keys, HEADER_END_SIZE / 512, sector);
    disk_write(disk, sector, sizeof(sector), HEADER_END_SIZE);
    machine_insert(disk);
}

/* ---- what opens ---- */

static struct coffer_open_options open_options(const char *type)
{
    struct coffer_open_options options = COFFER_OPEN_OPTIONS_INIT;
    options.type = type;
    options.read_only = true;
    options.hash = type == NULL || strcmp(type, "coffer") == 0 ? NULL : "sha512";
    return options;
}

static bool opens(const struct coffer_credential *secret, const struct coffer_open_options *options)
{
    struct coffer_volume *volume;
    char text[sizeof(TEXT)];
    derive_for_nothing();
    if (coffer_volume_open(MACHINE_VOLUME, secret, options, &volume, NULL) != COFFER_OK) {
        return false;
    }
    if (coffer_volume_pread(volume, text, sizeof(text), 0, NULL) != COFFER_OK ||
        memcmp(text, TEXT, sizeof(text)) != 0) {
        scene_fail("a header opens, and shows other data");
    }
    (void)coffer_volume_close(volume, NULL);
    return true;
}

static bool is_ours(void)
{
    struct coffer_open_options options = open_options("coffer");
    return opens(scene_secret(0), &options);
}

static bool is_theirs(bool by_backup)
{
    struct coffer_open_options options = open_options("truecrypt");
    options.backup_header = by_backup;
    return opens(old_secret, &options);
}

/* ---- the two updates ---- */

static void forget_backup(void)
{
    disk_free(machine.backup);
    machine.backup = NULL;
}

static enum coffer_status adopt(struct coffer_error *error)
{
    struct coffer_open_options options = open_options("truecrypt");
    struct coffer_create_options create = COFFER_CREATE_OPTIONS_INIT;
    create.kdf_memory = HEADER_MEMORY_MIN;
    create.kdf_passes = 1;
    derive_for_nothing();
    return coffer_adopt(MACHINE_VOLUME, old_secret, scene_secret(0), MACHINE_BACKUP, &options, &create, error);
}

static enum coffer_status give_back(struct coffer_error *error)
{
    struct coffer_open_options options = COFFER_OPEN_OPTIONS_INIT;
    options.hash = "sha512";
    derive_for_nothing();
    return coffer_header_restore(MACHINE_VOLUME, MACHINE_BACKUP, old_secret, &options, error);
}

struct update {
    const char *name;
    enum coffer_status (*run)(struct coffer_error *error);
    bool by_backup; /* their header at the end counts as well, while it is cut */
};

/* From here the same call comes to the end, or it is there already: ours in front, or the front torn and ours at the
 * end, which the next opening for writing heals. */
static void go_on(const struct update *update)
{
    struct coffer_error error = COFFER_ERROR_INIT;
    enum coffer_status status = update->run(&error);
    bool is_done = update->run == adopt ? is_ours() : is_theirs(false) && is_theirs(true);
    bool was_done = update->run == adopt && (status == COFFER_INVALID || status == COFFER_WRONG_SECRET);
    if (!is_done || (status != COFFER_OK && !was_done)) {
        scene_fail("%s: cannot go on: status %d, %s", update->name, (int)status, error.text);
    }
}

/* What is seen of a state without opening it: their headers are one piece each, and whole or nothing. */
static bool is_seen_to_open(const struct update *update, const struct disk *disk)
{
    struct view view;
    scene_look(disk, SECRET(0), &view);
    for (unsigned i = 0; i < 2 && view.opens == 0; i++) {
        uint8_t header[CUT_PIECE];
        disk_read(disk, header, sizeof(header), i * (uint64_t)SCENE_TAIL);
        view.opens = memcmp(header, their_header[i], sizeof(header)) == 0 && (i == 0 || update->by_backup);
    }
    return view.opens != 0;
}

/* Fates number `index`: all choices of kept and dropped, then random ones with garbage. */
static void choose(const struct cut *cut, uint64_t index, uint8_t *fate)
{
    if (index >= 1ull << cut->pieces) {
        cut_choose(cut, UINT64_MAX, true, fate);
        return;
    }
    for (unsigned i = 0; i < cut->pieces; i++) {
        fate[i] = (index >> i & 1) != 0 ? FATE_DROPPED : FATE_KEPT;
    }
}

static uint64_t choices(const struct cut *cut)
{
    const char *text = getenv("COFFER_SIM_STATES");
    const uint64_t garbled = text != NULL ? strtoull(text, NULL, 10) / 5 : GARBLED;
    if (cut->pieces > EXHAUSTIVE) {
        scene_fail("%u pieces are too many", cut->pieces);
    }
    return (1ull << cut->pieces) + (cut->pieces > 1 ? garbled : cut->pieces);
}

static unsigned long look_at_cut(const struct update *update, const struct disk *before, const struct log *log,
                                 unsigned entries)
{
    struct cut cut = cut_after(before, log, entries);
    uint8_t *fate = disk_memory(cut.pieces + 1);
    const uint64_t end = choices(&cut);
    for (uint64_t index = 0; index < end; index++) {
        choose(&cut, index, fate);
        struct disk *state = cut_state(&cut, fate);
        bool is_lost = !is_seen_to_open(update, state);
        if (!is_lost && index % GOING_ON == 0) {
            machine_insert(disk_clone(state));
            is_lost = !is_theirs(false) && !is_ours() && !(update->by_backup && is_theirs(true));
            go_on(update);
        }
        if (is_lost) {
            scene_fail("%s: after entry %u, choice %u: nothing opens", update->name, entries, (unsigned)index);
        }
        disk_free(state);
    }
    free(fate);
    cut_free(&cut);
    return end;
}

static void explore_update(const struct update *update)
{
    struct log log = { 0 };
    struct coffer_error error = COFFER_ERROR_INIT;
    struct disk *before = disk_clone(machine.volume);
    unsigned long seen = 0;
    cut_seed(update->name);
    machine.log = &log;
    scene_must(update->run(&error), &error, update->name);
    machine.log = NULL;
    struct disk *after = disk_clone(machine.volume);
    for (unsigned entries = 0; entries <= log.entries; entries++) {
        seen += look_at_cut(update, before, &log, entries);
    }
    const uint64_t behind =
        (uint64_t)HEADER_VOLUMES * HEADER_VOLUME_STRIDE; /* a hidden volume's header, among others */
    if (!disk_equal_part(before, after, behind, SCENE_TAIL - behind) ||
        !disk_equal_part(before, after, SCENE_TAIL + behind, HEADER_END_SIZE - behind)) {
        scene_fail("%s: more than headers has changed", update->name);
    }
    printf("%s: %u steps, %lu states\n", update->name, log.entries, seen);
    machine_insert(after);
    disk_free(before);
    log_free(&log);
}

/* Every call of the medium fails once, or every allocation: it is said, nothing is left behind, nothing is lost, and the
 * same call goes on. */
static void fail_everywhere(const struct update *update, bool memory)
{
    struct disk *before = disk_clone(machine.volume);
    for (unsigned at = 1;; at++) {
        struct coffer_error error = COFFER_ERROR_INIT;
        machine_insert(disk_clone(before));
        if (update->run == adopt) {
            forget_backup();
        }
        const unsigned secrets = memory_secrets();
        if (memory) {
            memory_fail(at);
        } else {
            machine_fail(CALL_ANY, at, 5 /* EIO */);
        }
        enum coffer_status status = update->run(&error);
        bool failed = memory ? memory_has_failed() : machine.failed;
        memory_fail(0);
        machine_fail_never();
        if (!failed && status == COFFER_OK) {
            printf("%s: %u failures of %s\n", update->name, at - 1, memory ? "memory" : "the medium");
            break;
        }
        if ((status != COFFER_OK && (!failed || error.status != status || error.text[0] == '\0')) ||
            machine.open_stores != 0 || memory_secrets() != secrets) {
            scene_fail("%s: failure %u: status %d, '%s', %u stores and %u secrets are left", update->name, at,
                       (int)status, error.text, machine.open_stores, memory_secrets() - secrets);
        }
        if (!is_theirs(false) && !is_ours() && !(update->by_backup && is_theirs(true))) {
            scene_fail("%s: failure %u, and nothing opens", update->name, at);
        }
        go_on(update);
    }
    machine_insert(disk_clone(before));
    disk_free(before);
}

/* ---- the wrong file, and a damaged volume ---- */

static void must_adopt(bool zeros)
{
    struct coffer_error error = COFFER_ERROR_INIT;
    prepare(zeros);
    forget_backup();
    scene_must(adopt(&error), &error, "adopt");
}

static void must_give_back(const char *what)
{
    struct coffer_error error = COFFER_ERROR_INIT;
    scene_must(give_back(&error), &error, what);
    if (!is_theirs(false) || !is_theirs(true)) {
        scene_fail("%s: it is not what it was", what);
    }
}

static void undo_where_an_end_was_overwritten(void)
{
    static const uint8_t ZEROS[HEADER_END_SIZE];
    for (unsigned i = 0; i < 2; i++) {
        must_adopt(false);
        disk_write(machine.volume, ZEROS, sizeof(ZEROS) / 2, i == 0 ? 0 : SCENE_TAIL);
        must_give_back("an end was overwritten");
    }
}

/* New data, another secret, and a front that was healed. */
static void undo_after_it_was_used(void)
{
    struct coffer_open_options options = scene_options(false);
    struct coffer_error error = COFFER_ERROR_INIT;
    struct coffer_volume *volume;
    static const char LATER[] = "written as ours";
    char text[sizeof(LATER)];
    unsigned slot;
    must_adopt(false);
    scene_damage(0, HEADER_BLOCK_SIZE);
    struct coffer_header *header = scene_open(0);
    scene_must(coffer_header_change_key(header, scene_secret(1), &slot, &error), &error, "change the key");
    coffer_header_close(header);
    scene_must(coffer_volume_open(MACHINE_VOLUME, scene_secret(1), &options, &volume, &error), &error, "open");
    scene_must(coffer_volume_pwrite(volume, LATER, sizeof(LATER), 10000, &error), &error, "write");
    scene_must(coffer_volume_close(volume, &error), &error, "close");
    must_give_back("it was used");
    options = open_options("truecrypt");
    scene_must(coffer_volume_open(MACHINE_VOLUME, old_secret, &options, &volume, &error), &error, "open theirs");
    scene_must(coffer_volume_pread(volume, text, sizeof(text), 10000, &error), &error, "read");
    (void)coffer_volume_close(volume, NULL);
    if (memcmp(text, LATER, sizeof(text)) != 0) {
        scene_fail("what was written as ours is not theirs");
    }
}

/* Same passphrase, same size: only what is there tells them apart, or that the old secret opens it. */
static void undo_with_a_file_of_another_volume(bool zeros)
{
    struct coffer_error error = COFFER_ERROR_INIT;
    must_adopt(zeros);
    struct disk *other = disk_clone(machine.backup);
    must_adopt(zeros);
    struct disk *own = machine.backup;
    machine.backup = other;
    if (give_back(&error) != COFFER_INVALID || !is_ours()) {
        scene_fail("another volume's headers were put back");
    }
    disk_free(other);
    machine.backup = own;
    if (zeros) {
        unsigned slot;
        struct coffer_header *header = scene_open(0);
        if (give_back(&error) != COFFER_INVALID) {
            scene_fail("a backup of nobody knows which volume was put back");
        }
        error = (struct coffer_error)COFFER_ERROR_INIT;
        scene_must(coffer_header_add_key(header, old_secret, NULL, &slot, &error), &error, "add a key");
        coffer_header_close(header);
    }
    must_give_back("its own file");
}

static void undo_with_a_tail_of_another_volume(void)
{
    uint8_t header[512];
    must_adopt(false);
    struct disk *other = disk_clone(machine.backup);
    must_adopt(false);
    disk_read(other, header, sizeof(header), HEADER_END_SIZE);
    disk_write(machine.backup, header, sizeof(header), HEADER_END_SIZE);
    disk_free(other);
    must_give_back("a file with another volume's tail");
}

int main(void)
{
    static const struct update ADOPT = { "adopt", adopt, false };
    static const struct update GIVE_BACK = { "give back", give_back, true };
    if (coffer_init(NULL) != COFFER_OK) {
        return 1;
    }
    old_secret = coffer_credential_new();
    struct coffer_secret *text = coffer_secret_new(sizeof(PASSPHRASE));
    if (old_secret == NULL || text == NULL) {
        return 1;
    }
    memcpy(coffer_secret_data(text), PASSPHRASE, sizeof(PASSPHRASE) - 1);
    coffer_secret_set_size(text, sizeof(PASSPHRASE) - 1);
    if (coffer_credential_set_passphrase(old_secret, text, NULL) != COFFER_OK) {
        return 1;
    }
    coffer_secret_free(text);
    undo_where_an_end_was_overwritten();
    undo_after_it_was_used();
    undo_with_a_file_of_another_volume(false);
    undo_with_a_file_of_another_volume(true);
    undo_with_a_tail_of_another_volume();
    prepare(false);
    forget_backup();
    struct disk *original = disk_clone(machine.volume);
    fail_everywhere(&ADOPT, false);
    fail_everywhere(&ADOPT, true);
    forget_backup();
    explore_update(&ADOPT);
    fail_everywhere(&GIVE_BACK, false);
    fail_everywhere(&GIVE_BACK, true);
    explore_update(&GIVE_BACK);
    if (!disk_equal_part(original, machine.volume, 0, SCENE_SIZE)) {
        scene_fail("it is not what it was, to the byte");
    }
    disk_free(original);
    coffer_credential_free(old_secret);
    scene_end();
    return 0;
}
