/* SPDX-License-Identifier: ISC */
/*
 * bitlk_key.c - from a secret to the key of the sectors, in two steps: each protector of the volume holds a copy of the
 * master key, sealed under what it makes of its secret; and the master key seals the key of the sectors.
 */
#include "bitlk_key.h"

#include <stdio.h>
#include <string.h>

#include "credential.h"
#include "crypto.h"
#include "derivation.h"
#include "error.h"

#define ROUNDS      0x100000u
#define QUESTION    4096u /* rounds between two questions whether to go on */
#define DIGEST_SIZE 32
#define KEY_HEADER  12 /* bytes in front of a key that was sealed */
#define UTF16_MAX   (2 * COFFER_PASSPHRASE_MAX)

/* Offsets in what is hashed in every round. */
enum { CHAIN_LAST = 0, CHAIN_FIRST = 32, CHAIN_SALT = 64, CHAIN_COUNT = 80, CHAIN_SIZE = 88 };

/* Secret memory. */
struct work {
    uint8_t chain[CHAIN_SIZE];
    uint8_t digest[DIGEST_SIZE];
    uint8_t text[UTF16_MAX];
    uint8_t recovery[16];
    uint8_t unsealed[BITLK_SEALED_MAX];
    uint8_t key[32]; /* that a master key is sealed under */
    uint8_t master[32];
    struct derivation derivation;
    bool stopped;
};

static void free_work(struct work **work)
{
    crypto_secret_free(*work);
}

/* ---- secrets as they are typed ---- */

bool bitlk_parse_recovery(const uint8_t *text, size_t size, uint8_t key[16])
{
    size_t at = 0;
    for (unsigned group = 0; group < 8; group++) {
        uint32_t value = 0;
        if (group > 0 && (at == size || text[at++] != '-')) {
            return false;
        }
        for (unsigned i = 0; i < 6; i++, at++) {
            if (at == size || text[at] < '0' || text[at] > '9') {
                return false;
            }
            value = value * 10 + (uint32_t)(text[at] - '0');
        }
        if (value % 11 != 0 || value / 11 > UINT16_MAX) {
            return false;
        }
        key[2 * group] = (uint8_t)(value / 11);
        key[2 * group + 1] = (uint8_t)(value / 11 >> 8);
    }
    return at == size;
}

/* The character at text[*at], which moves on; UINT32_MAX: it is none. */
static uint32_t next_character(const uint8_t *text, size_t size, size_t *at)
{
    uint8_t lead = text[(*at)++];
    unsigned more = lead < 0x80 ? 0 : lead < 0xc2 ? 4 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : lead < 0xf5 ? 3 : 4;
    static const uint8_t MASK[5] = { 0x7f, 0x1f, 0x0f, 0x07, 0 };
    static const uint32_t LEAST[4] = { 0, 0x80, 0x800, 0x10000 };
    uint32_t c = lead & MASK[more];
    if (more == 4 || more > size - *at) {
        return UINT32_MAX;
    }
    for (unsigned i = 0; i < more; i++) {
        uint8_t next = text[(*at)++];
        if ((next & 0xc0) != 0x80) {
            return UINT32_MAX;
        }
        c = c << 6 | (next & 0x3f);
    }
    return c < LEAST[more] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000) ? UINT32_MAX : c;
}

size_t bitlk_utf16(const uint8_t *text, size_t size, uint8_t *out, size_t room)
{
    struct bytes view = { out, room };
    size_t used = 0;
    for (size_t at = 0; at < size;) {
        uint32_t c = next_character(text, size, &at);
        size_t units = c < 0x10000 ? 1 : 2;
        if (c == UINT32_MAX || !bytes_has(view, used, 2 * units)) {
            return 0;
        }
        if (units == 2) {
            bytes_put_le16(view, used, (uint16_t)(0xd800 + ((c - 0x10000) >> 10)));
            c = 0xdc00 + ((c - 0x10000) & 0x3ff);
            used += 2;
        }
        bytes_put_le16(view, used, (uint16_t)c);
        used += 2;
    }
    return used;
}

/* ---- from a secret to the key of a protector ---- */

/* work->digest holds the hash of the secret; into work->key. False: stopped. */
static bool stretch(struct work *work, const uint8_t salt[BITLK_SALT_SIZE])
{
    struct bytes chain = { work->chain, CHAIN_SIZE };
    memset(work->chain, 0, CHAIN_SIZE);
    memcpy(work->chain + CHAIN_FIRST, work->digest, DIGEST_SIZE);
    memcpy(work->chain + CHAIN_SALT, salt, BITLK_SALT_SIZE);
    for (uint32_t i = 0; i < ROUNDS; i++) {
        if (i % QUESTION == 0 && !derivation_go_on(&work->derivation, i > 0 ? QUESTION : 0)) {
            work->stopped = true;
            return false;
        }
        bytes_put_le64(chain, CHAIN_COUNT, i);
        crypto_digest(CRYPTO_SHA256, work->digest, work->chain, CHAIN_SIZE);
        memcpy(work->chain + CHAIN_LAST, work->digest, DIGEST_SIZE);
    }
    memcpy(work->key, work->digest, DIGEST_SIZE);
    return true;
}

static bool from_passphrase(struct work *work, const struct bitlk_master *master, const uint8_t *text, size_t size)
{
    size_t length = bitlk_utf16(text, size, work->text, sizeof(work->text));
    if (length == 0 || !master->has_salt) {
        return false;
    }
    crypto_digest(CRYPTO_SHA256, work->digest, work->text, length);
    memcpy(work->key, work->digest, DIGEST_SIZE);
    crypto_digest(CRYPTO_SHA256, work->digest, work->key, DIGEST_SIZE);
    return stretch(work, master->salt);
}

static bool from_recovery(struct work *work, const struct bitlk_master *master, const uint8_t *text, size_t size)
{
    if (!master->has_salt || !bitlk_parse_recovery(text, size, work->recovery)) {
        return false;
    }
    crypto_digest(CRYPTO_SHA256, work->digest, work->recovery, sizeof(work->recovery));
    return stretch(work, master->salt);
}

static bool from_startup_key(struct work *work, const struct bitlk_master *master,
                             const struct coffer_credential *credential)
{
    for (size_t i = 0; i < credential_key_files(credential); i++) {
        const uint8_t *data;
        uint8_t guid[BITLK_GUID_SIZE];
        bool is_cut;
        size_t size = credential_key_file(credential, i, &data, &is_cut);
        if (bitlk_parse_startup_key(data, size, work->key, guid) &&
            memcmp(guid, master->guid, sizeof(guid)) == 0) {
            return true;
        }
    }
    return false;
}

/* False: this protector is not for such a secret. */
static bool make_key(struct work *work, const struct bitlk_master *master,
                     const struct coffer_credential *credential)
{
    const uint8_t *text;
    size_t size = credential_passphrase(credential, &text);
    switch (master->protection) {
    case BITLK_CLEAR:
        memcpy(work->key, master->clear_key, sizeof(work->key));
        return master->has_clear_key;
    case BITLK_PASSPHRASE:
        return size > 0 && from_passphrase(work, master, text, size);
    case BITLK_RECOVERY:
        return size > 0 && from_recovery(work, master, text, size);
    case BITLK_STARTUP_KEY:
        return from_startup_key(work, master, credential);
    default:
        return false;
    }
}

/* ---- opening ---- */

/* What was sealed, without its header, into `out`; its size, 0 when it does not open or has no room. */
static uint32_t unseal(struct work *work, const struct bitlk_sealed *sealed, const uint8_t key[32], uint8_t *out,
                       uint32_t room)
{
    if (sealed->size <= KEY_HEADER || sealed->size - KEY_HEADER > room ||
        !crypto_ccm_open(work->unsealed, key, sealed->nonce, sealed->tag, sealed->data, sealed->size)) {
        return 0;
    }
    memcpy(out, work->unsealed + KEY_HEADER, sealed->size - KEY_HEADER);
    return sealed->size - KEY_HEADER;
}

static bool try_master(struct work *work, const struct bitlk_master *master,
                       const struct coffer_credential *credential)
{
    return make_key(work, master, credential) &&
           unseal(work, &master->key, work->key, work->master, sizeof(work->master)) == sizeof(work->master);
}

enum coffer_status bitlk_key_open(const struct bitlk *bitlk, const struct coffer_credential *credential,
                                  const struct coffer_open_options *options, uint8_t *key, uint32_t *key_size,
                                  unsigned *opened, struct coffer_error *error)
{
    const int only = options->slot;
    struct work *work __attribute__((cleanup(free_work))) = crypto_secret_alloc(sizeof(*work));
    if (work == NULL) {
        return error_set_no_memory(error);
    }
    if (only >= (int)bitlk->masters) {
        return error_set(error, COFFER_INVALID, 0, "it has no protector %d", only);
    }
    for (unsigned i = 0; i < bitlk->masters; i++) {
        char what[sizeof(work->derivation.what)];
        (void)snprintf(what, sizeof(what), "protector %u", i);
        derivation_begin(&work->derivation, &options->callbacks, what, ROUNDS);
        bool is_turn = only < 0 || i == (unsigned)only;
        bool is_open = is_turn && try_master(work, &bitlk->master[i], credential);
        if (work->stopped) {
            return derivation_interrupted(error);
        }
        if (!is_open) {
            continue;
        }
        *key_size = unseal(work, &bitlk->key, work->master, key, BITLK_KEY_MAX);
        *opened = i;
        return *key_size != 0
                   ? COFFER_OK
                   : error_set(error, COFFER_DAMAGED, 0,
                               "its BitLocker metadata is damaged: the key of the sectors does not open");
    }
    return error_set(error, COFFER_WRONG_SECRET, 0, "no protector of it opens with this secret");
}
