/* SPDX-License-Identifier: ISC */
/*
 * credential.c - one way to unlock a volume, and the key-encryption key that it gives.
 *
 * Key files are hashed when they are added and kept as 64-byte factors, beside the first part of what is in them, for
 * formats of others that hash in their own way. The files stay sorted by factor, so the order in which a user names
 * them does not matter.
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
#include "scope.h"

#define FACTOR_SIZE   64
#define MATERIAL_SIZE 64
#define FACTORS_MAX   32
#define KEYFILE_PIECE 4096
#define KEPT_MAX      (1u << 20) /* bytes of a key file; VeraCrypt reads that many */
#define KEPT_PART_MAX (8u << 20) /* where a part was named; cryptsetup's limit */

/* Labels of the format are padded with NUL to 16 bytes, wherever they are used. */
static const char KEYFILE_LABEL[16] = "coffer1 keyfile";
static const char FACTORS_LABEL[16] = "coffer1 factors";
static const char RAW_KEY_LABEL[16] = "coffer1 rawkey";

struct key_file {
    uint8_t factor[FACTOR_SIZE];
    uint8_t *kept; /* secret memory */
    size_t size, room;
    bool is_cut; /* there is more in the file than was kept */
};

struct coffer_credential {
    bool has_raw_key;
    bool is_recovery; /* the raw key is one that was made to be written down */
    uint8_t raw_key[COFFER_RAW_KEY_SIZE];
    bool has_code; /* the passphrase reads as a recovery code */
    uint8_t code[COFFER_RAW_KEY_SIZE];
    size_t passphrase_size; /* 0 = none */
    uint8_t passphrase[COFFER_PASSPHRASE_MAX];
    size_t factors;
    struct key_file file[FACTORS_MAX];
    uint64_t part_offset, part_size; /* bytes of key files that count; size 0 = to the end */
    struct key_file spare;
    uint8_t piece[KEYFILE_PIECE]; /* a key file's content on its way through: secret too */
};

struct coffer_credential *coffer_credential_new(void)
{
    return crypto_secret_alloc(sizeof(struct coffer_credential));
}

void coffer_credential_free(struct coffer_credential *credential)
{
    for (size_t i = 0; credential != NULL && i < FACTORS_MAX; i++) {
        crypto_secret_free(credential->file[i].kept);
    }
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

void coffer_credential_set_key_file_part(struct coffer_credential *credential, uint64_t offset, uint64_t size)
{
    credential->part_offset = offset;
    credential->part_size = size;
}

/* Appends to what is kept of a file, up to `limit` bytes. */
static int keep(struct key_file *file, const uint8_t *data, size_t size, size_t limit)
{
    if (size > limit - file->size) {
        size = limit - file->size;
        file->is_cut = true;
    }
    if (size > file->room - file->size) {
        size_t room = file->room == 0 ? KEYFILE_PIECE : 4 * file->room;
        uint8_t *grown = crypto_secret_alloc(room < limit ? room : limit);
        if (grown == NULL) {
            return -ENOMEM;
        }
        memcpy(grown, file->kept != NULL ? file->kept : grown, file->size);
        crypto_secret_free(file->kept);
        file->kept = grown;
        file->room = room < limit ? room : limit;
    }
    if (size > 0) {
        memcpy(file->kept + file->size, data, size);
    }
    file->size += size;
    return 0;
}

/* Passes over `size` bytes, by reading where the file cannot seek. 0, -ENODATA: it ends there, or -errno. */
static int skip(int fd, uint8_t piece[KEYFILE_PIECE], uint64_t size)
{
    if (size == 0 || (size <= INT64_MAX && lseek(fd, (off_t)size, SEEK_SET) >= 0)) {
        return 0;
    }
    while (size > 0) {
        ssize_t got = read(fd, piece, size < KEYFILE_PIECE ? (size_t)size : KEYFILE_PIECE);
        if (got <= 0 && !(got < 0 && errno == EINTR)) {
            return got < 0 ? -errno : -ENODATA;
        }
        size -= got > 0 ? (uint64_t)got : 0;
    }
    return 0;
}

/* Hashes the part of a file that counts. 0, -ENODATA when it is empty, or -errno. */
static int take_file(int fd, struct coffer_credential *credential, struct key_file *file)
{
    uint8_t *piece = credential->piece;
    uint64_t left = credential->part_size != 0 ? credential->part_size : UINT64_MAX;
    size_t limit = credential->part_size != 0 ? KEPT_PART_MAX : KEPT_MAX;
    struct crypto_hash hash;
    crypto_hash_begin(&hash, FACTOR_SIZE, NULL, 0);
    crypto_hash_add(&hash, KEYFILE_LABEL, sizeof(KEYFILE_LABEL));
    int sys = skip(fd, piece, credential->part_offset);
    ssize_t got = 1;
    while (sys == 0 && left > 0 && got != 0) {
        got = read(fd, piece, left < KEYFILE_PIECE ? (size_t)left : KEYFILE_PIECE);
        if (got > 0) {
            crypto_hash_add(&hash, piece, (size_t)got);
            sys = keep(file, piece, (size_t)got, limit);
            left -= (uint64_t)got;
        } else if (got < 0 && errno != EINTR) {
            sys = -errno;
        }
    }
    crypto_wipe(piece, KEYFILE_PIECE);
    crypto_hash_end(&hash, file->factor, FACTOR_SIZE);
    return sys != 0 ? sys : file->size == 0 ? -ENODATA : 0;
}

static void drop_file(struct key_file *file)
{
    crypto_secret_free(file->kept);
    crypto_wipe(file, sizeof(*file));
}

/* Puts the file at `credential->factors` into its place; false when it is there already. */
static bool insert_sorted(struct coffer_credential *credential)
{
    size_t last = credential->factors, at = last;
    struct key_file *file = credential->file;
    while (at > 0 && crypto_compare(file[at - 1].factor, file[last].factor, FACTOR_SIZE) > 0) {
        at--;
    }
    if (at > 0 && crypto_equal(file[at - 1].factor, file[last].factor, FACTOR_SIZE)) {
        return false;
    }
    for (size_t i = last; i > at; i--) {
        credential->spare = file[i - 1];
        file[i - 1] = file[i];
        file[i] = credential->spare;
    }
    crypto_wipe(&credential->spare, sizeof(credential->spare));
    return true;
}

enum coffer_status coffer_credential_add_key_fd(struct coffer_credential *credential, int fd,
                                                struct coffer_error *error)
{
    if (credential->has_raw_key) {
        return error_set(error, COFFER_INVALID, 0, "a raw key cannot be combined with key files");
    }
    if (credential->factors == FACTORS_MAX) {
        return error_set(error, COFFER_INVALID, 0, "more than %d key files", FACTORS_MAX);
    }
    struct key_file *file = &credential->file[credential->factors];
    int sys = take_file(fd, credential, file);
    if (sys == 0 && insert_sorted(credential)) {
        credential->factors++;
        return COFFER_OK;
    }
    drop_file(file);
    if (sys == -ENODATA) {
        return error_set(error, COFFER_INVALID, 0, "the key file is empty");
    }
    return sys != 0 ? error_set_system(error, -sys, "cannot read the key file")
                    : error_set(error, COFFER_INVALID, 0, "the same key file is given twice");
}

enum coffer_status coffer_credential_add_key_file(struct coffer_credential *credential, const char *path,
                                                  struct coffer_error *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        return error_set_system(error, errno, "cannot open the key file");
    }
    enum coffer_status status = coffer_credential_add_key_fd(credential, fd, error);
    close(fd);
    return status;
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
static void gather(const struct coffer_credential *credential, uint8_t material[MATERIAL_SIZE])
{
    uint8_t count[8];
    struct bytes view = { count, sizeof(count) };
    struct crypto_hash hash;
    crypto_hash_begin(&hash, MATERIAL_SIZE, NULL, 0);
    crypto_hash_add(&hash, FACTORS_LABEL, sizeof(FACTORS_LABEL));
    bytes_put_le64(view, 0, credential->passphrase_size);
    crypto_hash_add(&hash, count, sizeof(count));
    crypto_hash_add(&hash, credential->passphrase, credential->passphrase_size);
    bytes_put_le64(view, 0, credential->factors);
    crypto_hash_add(&hash, count, sizeof(count));
    for (size_t i = 0; i < credential->factors; i++) {
        crypto_hash_add(&hash, credential->file[i].factor, FACTOR_SIZE);
    }
    crypto_hash_end(&hash, material, MATERIAL_SIZE);
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
    /* In locked memory: it lasts for as long as the derivation, which is when pages are swapped out, and whoever has it
     * guesses without paying for one. */
    uint8_t *material __attribute__((cleanup(free_secret_bytes))) = crypto_secret_alloc(MATERIAL_SIZE);
    if (material == NULL) {
        return error_set_no_memory(error);
    }
    gather(credential, material);
    int sys = crypto_argon2id(kek, material, MATERIAL_SIZE, salt, memory, passes);
    if (sys != 0) {
        return error_set(error, COFFER_NO_MEMORY, -sys, "the key derivation needs %u MiB of memory",
                         memory / 1024);
    }
    return COFFER_OK;
}

/* ---- for formats of others ---- */

size_t credential_passphrase(const struct coffer_credential *credential, const uint8_t **data)
{
    *data = credential->passphrase;
    return credential->passphrase_size;
}

size_t credential_key_files(const struct coffer_credential *credential)
{
    return credential->factors;
}

size_t credential_key_file(const struct coffer_credential *credential, size_t index, const uint8_t **data,
                           bool *is_cut)
{
    *data = credential->file[index].kept;
    *is_cut = credential->file[index].is_cut;
    return credential->file[index].size;
}

bool credential_fits_tcrypt(const struct coffer_credential *credential)
{
    enum credential_kind kind = credential_kind(credential);
    return (kind == CREDENTIAL_PASSPHRASE || kind == CREDENTIAL_FACTORS) &&
           credential->passphrase_size <= TCRYPT_PASSWORD_MAX;
}

enum coffer_status credential_tcrypt_password(const struct coffer_credential *credential,
                                              uint8_t out[TCRYPT_PASSWORD_MAX], size_t *size,
                                              struct coffer_error *error)
{
    if (!credential_fits_tcrypt(credential)) {
        return error_set(error, COFFER_INVALID, 0,
                         "VeraCrypt and TrueCrypt take a passphrase of at most %d bytes, key files, or both",
                         TCRYPT_PASSWORD_MAX);
    }
    struct tcrypt_pool *pool = crypto_secret_alloc(sizeof(*pool));
    if (pool == NULL) {
        return error_set_no_memory(error);
    }
    for (size_t i = 0; i < credential->factors; i++) {
        tcrypt_pool_add(pool, credential->file[i].kept, credential->file[i].size);
    }
    *size = tcrypt_password_make(out, credential->passphrase, credential->passphrase_size, pool,
                                 credential->factors > 0);
    crypto_secret_free(pool);
    return COFFER_OK;
}
