/* SPDX-License-Identifier: ISC */
/*
 * What a wrong passphrase costs with TrueCrypt and VeraCrypt: every derivation that may be the one, in every place where
 * a header may be, each block once, and nothing else. The expected ones are written down here from the facts of the
 * formats. Argon2id runs side by side where the memory budget allows, never beyond it, and one by one where it allows
 * that or memory is less than it says.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "crc32.h"
#include "helper_derive.h"
#include "helper_memory.h"
#include "helper_scene.h"

#define SIZE   0x100000u
#define PLENTY 0x400000u /* KiB */

/* Where a header may be, as bits; some are left to TrueCrypt. */
enum place {
    NORMAL = 1,
    HIDDEN = 2,
    OLD_HIDDEN = 4, /* TrueCrypt up to 5 */
    BACKUP = 8,
    BACKUP_HIDDEN = 16,
    SYSTEM = 32,
    PLACES = 6,
};
static const uint64_t OFFSET[PLACES] = { 0, 65536, SIZE - 1536, SIZE - 131072, SIZE - 65536, 31744 };

struct known {
    const char *hash;
    enum crypto_digest digest;
    bool veracrypt;
    unsigned blocks; /* of 192 bytes */
    uint32_t rounds, system_rounds;
};

static const struct known KNOWN[] = {
    { "sha512", CRYPTO_SHA512, false, 3, 1000, 1000 },
    { "ripemd160", CRYPTO_RIPEMD160, false, 10, 2000, 1000 },
    { "whirlpool", CRYPTO_WHIRLPOOL, false, 3, 1000, 1000 },
    { "sha1", CRYPTO_SHA1, false, 10, 2000, 2000 },
    { "sha512", CRYPTO_SHA512, true, 3, 500000, 500000 },
    { "sha256", CRYPTO_SHA256, true, 6, 500000, 200000 },
    { "whirlpool", CRYPTO_WHIRLPOOL, true, 3, 500000, 500000 },
    { "blake2s", CRYPTO_BLAKE2S, true, 6, 500000, 200000 },
    { "ripemd160", CRYPTO_RIPEMD160, true, 10, 655331, 327661 },
    { "streebog", CRYPTO_STREEBOG512, true, 3, 500000, 200000 },
};
enum { ALL_KNOWN = sizeof(KNOWN) / sizeof(KNOWN[0]) };

/* What one attempt is expected to ask for. */
struct expectation {
    const char *what;
    bool truecrypt, veracrypt;
    const char *hash;
    unsigned places;
    uint32_t rounds;         /* of PBKDF2, instead of the usual; 0 = the usual */
    uint32_t memory, passes; /* of Argon2id, MiB; 0 = none of it */
    bool system;
};

/* ---- attempts ---- */

static struct coffer_credential *secret_of(size_t size)
{
    struct coffer_error error = COFFER_ERROR_INIT;
    struct coffer_credential *made = coffer_credential_new();
    struct coffer_secret *secret = coffer_secret_new(size);
    if (made == NULL || secret == NULL) {
        scene_fail("no memory");
    }
    memset(coffer_secret_data(secret), 'x', size);
    coffer_secret_set_size(secret, size);
    scene_must(coffer_credential_set_passphrase(made, secret, &error), &error, "a passphrase");
    coffer_secret_free(secret);
    return made;
}

static enum coffer_status attempt(const struct coffer_open_options *options, size_t passphrase_size,
                                  enum derive_wait wait, uint32_t room)
{
    struct coffer_credential *credential = secret_of(passphrase_size);
    struct coffer_volume *volume;
    derive_begin(wait, room);
    enum coffer_status status = coffer_volume_open(MACHINE_VOLUME, credential, options, &volume, NULL);
    if (status == COFFER_OK) {
        (void)coffer_volume_close(volume, NULL);
    }
    coffer_credential_free(credential);
    return status;
}

/* ---- counting ---- */

static bool is_at(const struct derive_call *call, unsigned place)
{
    uint8_t salt[sizeof(call->salt)];
    disk_read(machine.volume, salt, sizeof(salt), OFFSET[place]);
    return memcmp(call->salt, salt, sizeof(salt)) == 0;
}

/* Takes the calls that are like this one out of the list; how many there were. */
static unsigned take(struct derive_call *calls, unsigned count, const struct derive_call *wanted, unsigned place)
{
    unsigned taken = 0;
    for (unsigned i = 0; i < count; i++) {
        if (calls[i].iterations == wanted->iterations && calls[i].argon2 == wanted->argon2 &&
            calls[i].digest == wanted->digest && calls[i].block == wanted->block &&
            calls[i].memory == wanted->memory && is_at(&calls[i], place)) {
            calls[i].iterations = 0;
            taken++;
        }
    }
    return taken;
}

static void take_known(struct derive_call *calls, unsigned count, const struct expectation *expected,
                       const struct known *known, unsigned place)
{
    uint32_t rounds = expected->rounds != 0 ? expected->rounds
                      : expected->system    ? known->system_rounds
                                            : known->rounds;
    if (!(known->veracrypt ? expected->veracrypt : expected->truecrypt) ||
        (expected->hash != NULL && strcmp(expected->hash, known->hash) != 0) ||
        (known->veracrypt && 1u << place == OLD_HIDDEN)) {
        return;
    }
    for (unsigned block = 1; block <= known->blocks; block++) {
        const struct derive_call wanted = { .digest = known->digest, .iterations = rounds, .block = block };
        unsigned found = take(calls, count, &wanted, place);
        if (found != 1) {
            scene_fail("%s: %u times block %u of %s at %llu", expected->what, found, block, known->hash,
                       (unsigned long long)OFFSET[place]);
        }
    }
}

static void take_argon2(struct derive_call *calls, unsigned count, const struct expectation *expected,
                        unsigned place)
{
    const struct derive_call wanted = {
        .argon2 = true,
        .iterations = expected->passes,
        .memory = expected->memory << 10,
    };
    if (expected->memory == 0 || 1u << place == OLD_HIDDEN) {
        return;
    }
    unsigned found = take(calls, count, &wanted, place);
    if (found != 1) {
        scene_fail("%s: %u times Argon2id at %llu", expected->what, found, (unsigned long long)OFFSET[place]);
    }
}

/* All that is expected was asked for once, and nothing else. */
static void expect_calls(const struct expectation *expected)
{
    static struct derive_call calls[DERIVE_CALLS];
    unsigned count = derive_calls(calls);
    for (unsigned place = 0; place < PLACES; place++) {
        for (unsigned i = 0; i < ALL_KNOWN && (expected->places >> place & 1) != 0; i++) {
            take_known(calls, count, expected, &KNOWN[i], place);
        }
        if ((expected->places >> place & 1) != 0) {
            take_argon2(calls, count, expected, place);
        }
    }
    for (unsigned i = 0; i < count; i++) {
        if (calls[i].iterations != 0) {
            scene_fail("%s: digest %d with %u iterations, block %u, was not asked for", expected->what,
                       (int)calls[i].digest, calls[i].iterations, calls[i].block);
        }
    }
}

static void noise(void)
{
    machine_insert(disk_new(SIZE));
    for (uint64_t at = 0; at < SIZE; at += 4096) {
        uint8_t page[4096];
        crypto_random(page, sizeof(page));
        disk_write(machine.volume, page, sizeof(page), at);
    }
}

static void wrong(const char *what, struct coffer_open_options options, size_t passphrase_size,
                  struct expectation expected)
{
    expected.what = what;
    noise();
    enum coffer_status status = attempt(&options, passphrase_size, DERIVE_NEVER, PLENTY);
    if (status != COFFER_WRONG_SECRET) {
        scene_fail("%s: status %d", what, (int)status);
    }
    expect_calls(&expected);
}

#define OPTIONS(...)                                                           \
    ((struct coffer_open_options){ .size = sizeof(struct coffer_open_options), \
                                   .fd = -1,                                   \
                                   .slot = -1,                                 \
                                   .kdf_level = -1,                            \
                                   .salt_bits = -1,                            \
                                   .offset = -1,                               \
                                   .read_only = true,                          \
                                   __VA_ARGS__ })
#define EXPECTED(...) ((struct expectation){ __VA_ARGS__ })

static void no_more_than_it_must(void)
{
    const unsigned front = NORMAL | HIDDEN | OLD_HIDDEN, back = BACKUP | BACKUP_HIDDEN;
    wrong("nothing said", OPTIONS(.type = NULL), 20,
          EXPECTED(.truecrypt = true, .veracrypt = true, .places = front, .memory = 416, .passes = 6));
    wrong("more than TrueCrypt takes", OPTIONS(.type = NULL), 65,
          EXPECTED(.veracrypt = true, .places = front, .memory = 416, .passes = 6));
    wrong("--type veracrypt", OPTIONS(.type = "veracrypt"), 20,
          EXPECTED(.veracrypt = true, .places = front, .memory = 416, .passes = 6));
    wrong("--type truecrypt", OPTIONS(.type = "truecrypt"), 20, EXPECTED(.truecrypt = true, .places = front));
    wrong("--hash sha512", OPTIONS(.hash = "sha512"), 20,
          EXPECTED(.truecrypt = true, .veracrypt = true, .hash = "sha512", .places = front));
    wrong("--hash argon2id", OPTIONS(.hash = "argon2id"), 20,
          EXPECTED(.veracrypt = true, .hash = "argon2id", .places = front, .memory = 416, .passes = 6));
    wrong("--pim 5", OPTIONS(.pim = 5), 20,
          EXPECTED(.veracrypt = true, .places = front, .rounds = 20000, .memory = 192, .passes = 4));
    wrong("--pim 40 --hash argon2id", OPTIONS(.pim = 40, .hash = "argon2id"), 20,
          EXPECTED(.veracrypt = true, .hash = "argon2id", .places = front, .memory = 1024, .passes = 22));
    wrong("--pim 5 --hash sha256", OPTIONS(.pim = 5, .hash = "sha256"), 20,
          EXPECTED(.veracrypt = true, .hash = "sha256", .places = front, .rounds = 20000));
    wrong("--system", OPTIONS(.system = true), 20,
          EXPECTED(.truecrypt = true, .veracrypt = true, .places = SYSTEM, .system = true));
    wrong("--backup-header", OPTIONS(.backup_header = true), 20,
          EXPECTED(.truecrypt = true, .veracrypt = true, .places = back, .memory = 416, .passes = 6));
    wrong("--backup-header --hash whirlpool", OPTIONS(.backup_header = true, .hash = "whirlpool"), 20,
          EXPECTED(.truecrypt = true, .veracrypt = true, .hash = "whirlpool", .places = back));
}

/* ---- a hidden volume to protect ---- */

static void put_be(uint8_t *at, unsigned size, uint64_t value)
{
    for (unsigned i = 0; i < size; i++) {
        at[i] = (uint8_t)(value >> (8 * (size - 1 - i)));
    }
}

/* A header of VeraCrypt, with SHA-512 and AES, for a passphrase of 20 bytes. */
static void write_outer_header(void)
{
    struct coffer_secret *passphrase = coffer_secret_new(20);
    uint8_t raw[512], plain[512] = "VERA\0\5", key[64];
    struct crypto_sector *sector;
    const uint64_t data = SIZE - 2 * 131072;
    memset(coffer_secret_data(passphrase), 'x', 20);
    crypto_random(raw, 64);
    const struct crypto_pbkdf2 kdf = {
        .digest = CRYPTO_SHA512,
        .password = coffer_secret_data(passphrase),
        .password_size = 20,
        .salt = raw,
        .salt_size = 64,
        .iterations = 500000,
    };
    put_be(plain + 36, 8, data);
    put_be(plain + 44, 8, 131072);
    put_be(plain + 52, 8, data);
    put_be(plain + 64, 4, 512);
    crypto_random(plain + 192, 64);
    put_be(plain + 8, 4, (uint32_t)~crc32_add(CRC32_BEGIN, plain + 192, 256));
    put_be(plain + 188, 4, (uint32_t)~crc32_add(CRC32_BEGIN, plain, 188));
    derive_begin(DERIVE_NEVER, PLENTY);
    if (crypto_pbkdf2_block(key, &kdf, 1) != 0 || crypto_sector_new(&sector, key, 512) != 0) {
        scene_fail("a header cannot be made");
    }
    crypto_sector_encrypt(sector, 0, plain, plain, sizeof(plain));
    crypto_sector_free(sector);
    memcpy(raw + 64, plain, 448);
    disk_write(machine.volume, raw, sizeof(raw), 0);
    coffer_secret_free(passphrase);
}

/* The outer header opens with the first block that belongs to it, and ends the search for it; then the wrong secret of
 * the hidden one costs what is left to try: VeraCrypt's, in its one place. */
static void the_hidden_one_is_sought_in_its_place(void)
{
    static struct derive_call calls[DERIVE_CALLS];
    struct coffer_credential *hidden = secret_of(21);
    noise();
    write_outer_header();
    struct coffer_open_options options = OPTIONS(.type = "veracrypt", .hash = "sha512");
    if (attempt(&options, 20, DERIVE_NEVER, PLENTY) != COFFER_OK) {
        scene_fail("the outer volume does not open");
    }
    unsigned alone = derive_calls(calls);
    if (alone < 1 || alone > 1 + 3) { /* at most the hidden header's beside it */
        scene_fail("%u derivations for the right secret", alone);
    }
    options.protect_hidden = hidden;
    if (attempt(&options, 20, DERIVE_NEVER, PLENTY) != COFFER_WRONG_SECRET) {
        scene_fail("a hidden volume that is not there");
    }
    unsigned count = derive_calls(calls), for_hidden = 0, again = 0;
    for (unsigned i = 0; i < count; i++) {
        for_hidden += is_at(&calls[i], 1);
        again += is_at(&calls[i], 0);
    }
    if (again != 1 || for_hidden < 3 || for_hidden > 6 || again + for_hidden != count) {
        scene_fail("%u derivations for the outer and %u of %u for the hidden header", again, for_hidden, count);
    }
    coffer_credential_free(hidden);
}

/* ---- memory ---- */

/* Two places, 416 MiB each, in a machine that has `budget` MiB for it and gives `room`. */
static void memory_of_two(const char *what, uint32_t budget, uint32_t room, enum derive_wait wait,
                          enum coffer_status expected, unsigned derivations, uint32_t most)
{
    static struct derive_call calls[DERIVE_CALLS];
    const struct coffer_open_options options = OPTIONS(.hash = "argon2id");
    noise();
    memory_cheapen(budget << 10);
    enum coffer_status status = attempt(&options, 20, wait, room << 10);
    unsigned count = derive_calls(calls), succeeded = 0;
    for (unsigned i = 0; i < count; i++) {
        succeeded += !calls[i].failed;
    }
    if (status != expected || succeeded != derivations || derive_most_memory() != most << 10) {
        scene_fail("%s: status %d, %u derivations, %u MiB at one time", what, (int)status, succeeded,
                   derive_most_memory() >> 10);
    }
}

static void side_by_side_within_the_budget(void)
{
    if (sysconf(_SC_NPROCESSORS_ONLN) < 2) {
        puts("one processor: nothing runs side by side");
        return;
    }
    memory_of_two("both fit", 832, 832, DERIVE_UNTIL_TWO, COFFER_WRONG_SECRET, 2, 832);
    memory_of_two("one fits", 831, 831, DERIVE_UNTIL_REFUSED, COFFER_WRONG_SECRET, 2, 416);
    memory_of_two("one fits though both should", 832, 831, DERIVE_UNTIL_FAILED, COFFER_WRONG_SECRET, 2, 416);
    memory_of_two("none fits though one should", 832, 415, DERIVE_NEVER, COFFER_NO_MEMORY, 0, 0);
    memory_of_two("none fits", 415, 415, DERIVE_NEVER, COFFER_NO_MEMORY, 0, 0);
}

int main(void)
{
    if (coffer_init(NULL) != COFFER_OK) {
        return 1;
    }
    memory_cheapen(PLENTY);
    no_more_than_it_must();
    the_hidden_one_is_sought_in_its_place();
    side_by_side_within_the_budget();
    scene_end();
    return 0;
}
