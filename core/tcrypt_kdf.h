/* SPDX-License-Identifier: ISC */
/*
 * tcrypt_kdf.h - which key derivations a header of TrueCrypt or VeraCrypt may have been made with.
 */
#ifndef CORE_TCRYPT_KDF_H
#define CORE_TCRYPT_KDF_H

#include "coffer.h"
#include "crypto.h"

struct tcrypt_kdf {
    bool veracrypt;
    bool argon2id;
    const char *hash; /* "sha512"; static */
    const char *name; /* "pbkdf2-sha512"; static */
    enum crypto_digest digest;
    uint32_t iterations; /* Argon2id: passes */
    uint32_t memory;     /* Argon2id: KiB */
};

#define TCRYPT_KDFS_MAX 16

struct tcrypt_kdf_choice {
    bool truecrypt, veracrypt; /* which to list */
    bool system;
    const char *hash; /* NULL = all */
    uint32_t pim;     /* 0 = the usual; VeraCrypt only */
};

#define TCRYPT_PIM_MAX 2147468 /* what VeraCrypt takes */

/* Lists them, the likely and the quick ones first. Errors: INVALID: no such hash there, or a PIM that cannot be. */
enum coffer_status tcrypt_kdf_list(const struct tcrypt_kdf_choice *choice, struct tcrypt_kdf kdfs[TCRYPT_KDFS_MAX],
                                   unsigned *count, struct coffer_error *error);

#endif
