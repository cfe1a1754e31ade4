/* SPDX-License-Identifier: ISC */
/*
 * credential.c - one way to unlock a volume, and the key-encryption key that it gives.
 *
 * Key files are hashed when they are added, in constant memory, and kept as 64-byte factors only. The factors
 * stay sorted, so the order in which a user names key files does not matter.
 */
#include "credential.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bytes.h"
#include "crypto.h"
#include "error.h"
#include "recovery.h"

#define FACTOR_SIZE   64
#define FACTORS_MAX   32
#define KEYFILE_PIECE 4096

/* Labels of the format are padded with NUL to 16 bytes, wherever they are used. */
static const char KEYFILE_LABEL[16] = "coffer1 keyfile";
static const char FACTORS_LABEL[16] = "coffer1 factors";
static const char RAW_KEY_LABEL[16] = "coffer1 rawkey";

struct coffer_credential {
    bool has_raw_key;
    bool is_recovery; /* the raw key is one that was made to be written down */
    uint8_t raw_key[COFFER_RAW_KEY_SIZE];
    bool has_code; /* the passphrase reads as a recovery code */
    uint8_t code[COFFER_RAW_KEY_SIZE];
    size_t passphrase_size; /* 0 = none */
    uint8_t passphrase[COFFER_PASSPHRASE_MAX];
    size_t factors;
    uint8_t factor[FACTORS_MAX][FACTOR_SIZE];
    uint8_t piece[KEYFILE_PIECE]; /* a key file's content on its way through: secret too */
};

struct coffer_credential *coffer_credential_new(void)
{
    return crypto_secret_alloc(sizeof(struct coffer_credential));
}

void coffer_credential_free(struct coffer_credential *credential)
{
    crypto_secret_free(credential);
}

enum coffer_status coffer_credential_set_passphrase(struct coffer_credential *credential,
                                                    const struct coffer_secret *passphrase,
                                                    struct coffer_error *error)
{
    const uint8_t *data = coffer_secret_data((struct coffer_secret *)(uintptr_t)passphrase);
    size_t size = coffer_secret_size(passphrase);
    if (size == 0) {
        return error_set(error, COFFER_INVALID, 0, "the passphrase is empty");
    }
    if (size > COFFER_PASSPHRASE_MAX) {
        return error_set(error, COFFER_INVALID, 0, "the passphrase is longer than %d bytes",
                         COFFER_PASSPHRASE_MAX);
    }
    if (memchr(data, 0, size) != NULL) {
        return error_set(error, COFFER_INVALID, 0, "the passphrase contains a NUL byte");
    }
    if (credential->has_raw_key) {
        return error_set(error, COFFER_INVALID, 0, "a raw key cannot be combined with a passphrase");
    }
    memcpy(credential->passphrase, data, size);
    credential->passphrase_size = size;
    credential->has_code = recovery_decode(data, size, credential->code);
    return COFFER_OK;
}

enum coffer_status coffer_credential_set_raw_key(struct coffer_credential *credential,
                                                 const struct coffer_secret *key, struct coffer_error *error)
{
    if (coffer_secret_size(key) != COFFER_RAW_KEY_SIZE) {
        return error_set(error, COFFER_INVALID, 0, "a raw key has %d bytes, not %zu", COFFER_RAW_KEY_SIZE,
                         coffer_secret_size(key));
    }
    if (credential->passphrase_size != 0 || credential->factors != 0) {
        return error_set(error, COFFER_INVALID, 0, "a raw key cannot be combined with other secrets");
    }
    memcpy(credential->raw_key, coffer_secret_data((struct coffer_secret *)(uintptr_t)key), COFFER_RAW_KEY_SIZE);
    credential->has_raw_key = true;
    return COFFER_OK;
}

enum coffer_status coffer_credential_make_recovery(struct coffer_credential *credential,
                                                   struct coffer_secret *text, struct coffer_error *error)
{
    if (credential->has_raw_key || credential->passphrase_size != 0 || credential->factors != 0) {
        return error_set(error, COFFER_INVALID, 0, "a recovery key cannot be combined with other secrets");
    }
    if (coffer_secret_capacity(text) < RECOVERY_TEXT_SIZE) {
        return error_set(error, COFFER_INVALID, 0, "a recovery code needs %u bytes", RECOVERY_TEXT_SIZE);
    }
    crypto_random(credential->raw_key, sizeof(credential->raw_key));
    credential->has_raw_key = true;
    credential->is_recovery = true;
    recovery_encode(credential->raw_key, (char *)coffer_secret_data(text));
    coffer_secret_set_size(text, RECOVERY_TEXT_SIZE - 1);
    return COFFER_OK;
}

bool coffer_credential_is_recovery_code(const struct coffer_credential *credential,
                                        const struct coffer_secret *text)
{
    uint8_t key[RECOVERY_KEY_SIZE];
    bool same = credential->is_recovery &&
                recovery_decode(coffer_secret_data((struct coffer_secret *)(uintptr_t)text),
                                coffer_secret_size(text), key) &&
                crypto_equal(key, credential->raw_key, sizeof(key));
    crypto_wipe(key, sizeof(key));
    return same;
}

/* Hashes a file to its end. 0, -ENODATA when it is empty, or -errno. */
static int hash_file(int fd, uint8_t piece[KEYFILE_PIECE], uint8_t factor[FACTOR_SIZE])
{
    struct crypto_hash hash;
    crypto_hash_begin(&hash, FACTOR_SIZE, NULL, 0);
    crypto_hash_add(&hash, KEYFILE_LABEL, sizeof(KEYFILE_LABEL));
    bool empty = true;
    ssize_t got;
    do {
        got = read(fd, piece, KEYFILE_PIECE);
        if (got > 0) {
            crypto_hash_add(&hash, piece, (size_t)got);
            empty = false;
        }
    } while (got > 0 || (got < 0 && errno == EINTR));
    int sys = got < 0 ? -errno : 0;
    crypto_wipe(piece, KEYFILE_PIECE);
    crypto_hash_end(&hash, factor, FACTOR_SIZE);
    return sys != 0 ? sys : empty ? -ENODATA : 0;
}

/* Puts the factor at `credential->factors` into its place; false when it is there already. */
static bool insert_sorted(struct coffer_credential *credential)
{
    size_t at = credential->factors;
    while (at > 0 && memcmp(credential->factor[at - 1], credential->factor[at], FACTOR_SIZE) > 0) {
        for (size_t i = 0; i < FACTOR_SIZE; i++) {
            uint8_t swap = credential->factor[at][i];
            credential->factor[at][i] = credential->factor[at - 1][i];
            credential->factor[at - 1][i] = swap;
        }
        at--;
    }
    return at == 0 || memcmp(credential->factor[at - 1], credential->factor[at], FACTOR_SIZE) != 0;
}

enum coffer_status coffer_credential_add_key_file(struct coffer_credential *credential, const char *path,
                                                  struct coffer_error *error)
{
    if (credential->has_raw_key) {
        return error_set(error, COFFER_INVALID, 0, "a raw key cannot be combined with key files");
    }
    if (credential->factors == FACTORS_MAX) {
        return error_set(error, COFFER_INVALID, 0, "more than %d key files", FACTORS_MAX);
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        return error_set_system(error, errno, "cannot open the key file");
    }
    int sys = hash_file(fd, credential->piece, credential->factor[credential->factors]);
    close(fd);
    if (sys == -ENODATA) {
        return error_set(error, COFFER_INVALID, 0, "the key file is empty");
    }
    if (sys != 0) {
        return error_set_system(error, -sys, "cannot read the key file");
    }
    if (!insert_sorted(credential)) {
        return error_set(error, COFFER_INVALID, 0, "the same key file is given twice");
    }
    credential->factors++;
    return COFFER_OK;
}

enum credential_kind credential_kind(const struct coffer_credential *credential)
{
    if (credential == NULL) {
        return CREDENTIAL_EMPTY;
    }
    if (credential->has_raw_key) {
        return credential->is_recovery ? CREDENTIAL_RECOVERY : CREDENTIAL_RAW;
    }
    if (credential->factors > 0) {
        return CREDENTIAL_FACTORS;
    }
    return credential->passphrase_size > 0 ? CREDENTIAL_PASSPHRASE : CREDENTIAL_EMPTY;
}

bool credential_has_way(const struct coffer_credential *credential, enum credential_way way)
{
    return way == CREDENTIAL_AS_GIVEN || (credential->has_code && credential->factors == 0);
}

bool credential_needs_kdf(const struct coffer_credential *credential, enum credential_way way)
{
    return way == CREDENTIAL_AS_GIVEN && !credential->has_raw_key;
}

/* All factors in one value of fixed length; every part is preceded by its length or count. */
static void gather(const struct coffer_credential *credential, uint8_t material[64])
{
    uint8_t count[8];
    struct bytes view = { count, sizeof(count) };
    struct crypto_hash hash;
    crypto_hash_begin(&hash, 64, NULL, 0);
    crypto_hash_add(&hash, FACTORS_LABEL, sizeof(FACTORS_LABEL));
    bytes_put_le64(view, 0, credential->passphrase_size);
    crypto_hash_add(&hash, count, sizeof(count));
    crypto_hash_add(&hash, credential->passphrase, credential->passphrase_size);
    bytes_put_le64(view, 0, credential->factors);
    crypto_hash_add(&hash, count, sizeof(count));
    crypto_hash_add(&hash, credential->factor, credential->factors * FACTOR_SIZE);
    crypto_hash_end(&hash, material, 64);
}

static void derive_from_raw_key(const uint8_t key[COFFER_RAW_KEY_SIZE], const uint8_t salt[CREDENTIAL_SALT_SIZE],
                                uint8_t kek[CREDENTIAL_KEK_SIZE])
{
    struct crypto_hash hash;
    crypto_hash_begin(&hash, CREDENTIAL_KEK_SIZE, key, COFFER_RAW_KEY_SIZE);
    crypto_hash_add(&hash, RAW_KEY_LABEL, sizeof(RAW_KEY_LABEL));
    crypto_hash_add(&hash, salt, CREDENTIAL_SALT_SIZE);
    crypto_hash_end(&hash, kek, CREDENTIAL_KEK_SIZE);
}

enum coffer_status credential_derive(const struct coffer_credential *credential, enum credential_way way,
                                     const uint8_t salt[CREDENTIAL_SALT_SIZE], uint32_t memory, uint32_t passes,
                                     uint8_t kek[CREDENTIAL_KEK_SIZE], struct coffer_error *error)
{
    if (credential_kind(credential) == CREDENTIAL_EMPTY) {
        return error_set(error, COFFER_INVALID, 0, "neither a passphrase nor a key file was given");
    }
    if (way == CREDENTIAL_AS_CODE || credential->has_raw_key) {
        derive_from_raw_key(way == CREDENTIAL_AS_CODE ? credential->code : credential->raw_key, salt, kek);
        return COFFER_OK;
    }
    uint8_t material[64];
    gather(credential, material);
    int sys = crypto_argon2id(kek, material, sizeof(material), salt, memory, passes);
    crypto_wipe(material, sizeof(material));
    if (sys != 0) {
        return error_set(error, COFFER_NO_MEMORY, -sys, "the key derivation needs %u MiB of memory",
                         memory / 1024);
    }
    return COFFER_OK;
}
