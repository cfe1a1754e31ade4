/* SPDX-License-Identifier: ISC */
/*
 * The key derivations of TrueCrypt and VeraCrypt and what they cost. Nothing in a volume tells which it is, so the
 * order here is the order of trying: TrueCrypt's take milliseconds; VeraCrypt's default comes before what one has
 * to choose, and Argon2id, the dearest, last.
 */
#include "tcrypt_kdf.h"

#include <string.h>

#include "error.h"

struct known {
    const char *hash, *name;
    enum crypto_digest digest;
    bool veracrypt, argon2id;
    bool not_system;                  /* never where a system boots from */
    bool pim_is_small;                /* a system's PIM counts 2048 rounds */
    uint32_t iterations, system_cost; /* system_cost 0: the same */
};

/* clang-format off */
static const struct known KNOWN[] = {
    { "sha512", "pbkdf2-sha512", CRYPTO_SHA512, .iterations = 1000 },
    { "ripemd160", "pbkdf2-ripemd160", CRYPTO_RIPEMD160, .iterations = 2000, .system_cost = 1000 },
    { "whirlpool", "pbkdf2-whirlpool", CRYPTO_WHIRLPOOL, .iterations = 1000 },
    { "sha1", "pbkdf2-sha1", CRYPTO_SHA1, .iterations = 2000 },
    { "sha512", "pbkdf2-sha512", CRYPTO_SHA512, .veracrypt = true, .iterations = 500000 },
    { "sha256", "pbkdf2-sha256", CRYPTO_SHA256, .veracrypt = true, .iterations = 500000, .system_cost = 200000,
      .pim_is_small = true },
    { "whirlpool", "pbkdf2-whirlpool", CRYPTO_WHIRLPOOL, .veracrypt = true, .iterations = 500000 },
    { "blake2s", "pbkdf2-blake2s", CRYPTO_BLAKE2S, .veracrypt = true, .iterations = 500000, .system_cost = 200000,
      .pim_is_small = true },
    { "ripemd160", "pbkdf2-ripemd160", CRYPTO_RIPEMD160, .veracrypt = true, .iterations = 655331,
      .system_cost = 327661, .pim_is_small = true },
    { "streebog", "pbkdf2-streebog", CRYPTO_STREEBOG512, .veracrypt = true, .iterations = 500000,
      .system_cost = 200000, .pim_is_small = true },
    { "argon2id", "argon2id", .veracrypt = true, .argon2id = true, .not_system = true },
};
/* clang-format on */

static void cost_of_argon2id(struct tcrypt_kdf *kdf, uint32_t pim)
{
    pim = pim == 0 ? 12 : pim;
    kdf->memory = pim <= 31 ? (64 + (pim - 1) * 32) << 10 : 1024 << 10;
    kdf->iterations = pim <= 31 ? 3 + (pim - 1) / 3 : pim - 18;
}

static void cost_of(const struct known *known, const struct tcrypt_kdf_choice *choice, struct tcrypt_kdf *kdf)
{
    if (known->argon2id) {
        cost_of_argon2id(kdf, choice->pim);
    } else if (choice->pim != 0) {
        bool small = choice->system && known->pim_is_small;
        kdf->iterations = small ? choice->pim * 2048 : 15000 + choice->pim * 1000;
    } else {
        kdf->iterations = choice->system && known->system_cost != 0 ? known->system_cost : known->iterations;
    }
}

static bool is_listed(const struct known *known, const struct tcrypt_kdf_choice *choice)
{
    return (known->veracrypt ? choice->veracrypt : choice->truecrypt && choice->pim == 0) &&
           !(choice->system && known->not_system) &&
           (choice->hash == NULL || strcmp(choice->hash, known->hash) == 0);
}

enum coffer_status tcrypt_kdf_list(const struct tcrypt_kdf_choice *choice, struct tcrypt_kdf kdfs[TCRYPT_KDFS_MAX],
                                   unsigned *count, struct coffer_error *error)
{
    unsigned listed = 0;
    if (choice->pim > TCRYPT_PIM_MAX || (choice->system && choice->pim > 65535)) {
        return error_set(error, COFFER_INVALID, 0, "the PIM is at most %u",
                         choice->system ? 65535 : TCRYPT_PIM_MAX);
    }
    if (choice->pim != 0 && !choice->veracrypt) {
        return error_set(error, COFFER_INVALID, 0, "TrueCrypt has no PIM");
    }
    for (size_t i = 0; i < sizeof(KNOWN) / sizeof(KNOWN[0]); i++) {
        if (is_listed(&KNOWN[i], choice)) {
            struct tcrypt_kdf *kdf = &kdfs[listed++];
            *kdf = (struct tcrypt_kdf){
                .veracrypt = KNOWN[i].veracrypt,
                .argon2id = KNOWN[i].argon2id,
                .hash = KNOWN[i].hash,
                .name = KNOWN[i].name,
                .digest = KNOWN[i].digest,
            };
            cost_of(&KNOWN[i], choice, kdf);
        }
    }
    if (listed == 0) {
        return error_set(error, COFFER_INVALID, 0,
                         "no volume of this kind uses the hash '%.40s': sha512, sha256, whirlpool, blake2s, "
                         "ripemd160, streebog, sha1, argon2id",
                         choice->hash);
    }
    *count = listed;
    return COFFER_OK;
}
