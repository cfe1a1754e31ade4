/* SPDX-License-Identifier: ISC */
/* credential.h - from what a user has (passphrase, key files, raw key) to the key-encryption key. */
#ifndef CORE_CREDENTIAL_H
#define CORE_CREDENTIAL_H

#include "coffer.h"
#include "tcrypt_keyfile.h"

#define CREDENTIAL_SALT_SIZE 16
#define CREDENTIAL_KEK_SIZE  32

/* What a key slot record calls the ways to unlock; spec/volume.md. */
enum credential_kind {
    CREDENTIAL_EMPTY = 0,
    CREDENTIAL_PASSPHRASE = 1,
    CREDENTIAL_FACTORS = 2,
    CREDENTIAL_RECOVERY = 3,
    CREDENTIAL_RAW = 4,
};

/* CREDENTIAL_EMPTY when nothing has been set. */
enum credential_kind credential_kind(const struct coffer_credential *credential);

/* What was typed as a passphrase may be a recovery code: that is tried first, being free. */
enum credential_way { CREDENTIAL_AS_CODE, CREDENTIAL_AS_GIVEN, CREDENTIAL_WAYS };

bool credential_has_way(const struct coffer_credential *credential, enum credential_way way);

/* Whether deriving from it runs the (slow, memory-hungry) password hash. */
bool credential_needs_kdf(const struct coffer_credential *credential, enum credential_way way);

/* kek: secret memory. memory in KiB. Errors: INVALID (nothing set), NO_MEMORY. */
enum coffer_status credential_derive(const struct coffer_credential *credential, enum credential_way way,
                                     const uint8_t salt[CREDENTIAL_SALT_SIZE], uint32_t memory, uint32_t passes,
                                     uint8_t kek[CREDENTIAL_KEK_SIZE], struct coffer_error *error);

/* ---- as it was given, for formats that have hashes of their own; valid as long as the credential ---- */

/* Its size; 0: none. */
size_t credential_passphrase(const struct coffer_credential *credential, const uint8_t **data);

/* How many there are, and one of them, in an order of their content: its size in bytes, the first MiB (8 MiB where
 * a part of it was named) being kept, and whether more is in the file. */
size_t credential_key_files(const struct coffer_credential *credential);
size_t credential_key_file(const struct coffer_credential *credential, size_t index, const uint8_t **data,
                           bool *is_cut);

/* Whether it is one that VeraCrypt and TrueCrypt could have. */
bool credential_fits_tcrypt(const struct coffer_credential *credential);

/* What they derive a key from; out: secret memory. Errors: INVALID, NO_MEMORY. */
enum coffer_status credential_tcrypt_password(const struct coffer_credential *credential,
                                              uint8_t out[TCRYPT_PASSWORD_MAX], size_t *size,
                                              struct coffer_error *error);

#endif
