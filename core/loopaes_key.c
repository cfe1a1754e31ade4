/* SPDX-License-Identifier: ISC */
/*
 * loopaes_key.c - the lines of a clear key file are hashed, one key each. Nothing on a volume tells whether they
 * were the right ones, so whatever loop-AES would not take for keys is refused: its programs want 20 bytes a line
 * at least.
 */
#include "loopaes_key.h"

#include <string.h>

#include "error.h"

#define LINE_MIN 20 /* bytes */
#define MULTIPLE 64 /* keys of version 2; one more is version 3 */

struct loopaes_hash loopaes_hash_of(uint32_t key_size)
{
    enum crypto_digest digest = key_size == 16 ? CRYPTO_SHA256 : key_size == 24 ? CRYPTO_SHA384 : CRYPTO_SHA512;
    return (struct loopaes_hash){ digest, key_size };
}

/* What GnuPG writes begins with the packet of an encrypted key, in which the upper bit is set and a second byte of
 * UTF-8 would be, or is armored. */
static bool is_encrypted(const uint8_t *text, size_t size)
{
    static const char ARMOR[] = "-----BEGIN PGP";
    bool is_packet = size > 0 && ((text[0] >= 0x84 && text[0] <= 0x87) || (text[0] >= 0x8c && text[0] <= 0x8f));
    return is_packet || (size >= strlen(ARMOR) && memcmp(text, ARMOR, strlen(ARMOR)) == 0);
}

/* Its size, without the newline. */
static size_t line_size(const uint8_t *line, size_t left)
{
    const uint8_t *end = memchr(line, '\n', left);
    return end != NULL ? (size_t)(end - line) : left;
}

static enum coffer_status check_lines(const uint8_t *text, size_t size, unsigned *lines,
                                      struct coffer_error *error)
{
    if (is_encrypted(text, size)) {
        return error_set(error, COFFER_INVALID, 0,
                         "the key file is still encrypted: it takes what 'gpg --decrypt' makes of it");
    }
    if (memchr(text, 0, size) != NULL) {
        return error_set(error, COFFER_INVALID, 0, "the key has a NUL byte: loop-AES's keys are lines of text");
    }
    *lines = 0;
    for (size_t at = 0; at < size; at += line_size(text + at, size - at) + 1) {
        ++*lines;
        if (line_size(text + at, size - at) < LINE_MIN) {
            return error_set(error, COFFER_INVALID, 0,
                             "loop-AES has no keys of less than %d bytes; line %u is one", LINE_MIN, *lines);
        }
    }
    if (*lines != 1 && *lines != MULTIPLE && *lines != MULTIPLE + 1) {
        return error_set(error, COFFER_INVALID, 0, "loop-AES has 1, %d or %d keys; the key file has %u lines",
                         MULTIPLE, MULTIPLE + 1, *lines);
    }
    return COFFER_OK;
}

enum coffer_status loopaes_key_make(const uint8_t *text, size_t size, struct loopaes_hash hash, uint8_t *key,
                                    unsigned *keys, struct coffer_error *error)
{
    unsigned lines = 0;
    enum coffer_status status = check_lines(text, size, &lines, error);
    if (status != COFFER_OK) {
        return status;
    }
    /* By their first bytes, one line does not give the same key in two versions. */
    uint8_t twist = lines == 1 ? 0 : lines == MULTIPLE ? 0x55 : 0xf4;
    uint8_t digest[CRYPTO_DIGEST_MAX];
    for (size_t at = 0; at < size; at += line_size(text + at, size - at) + 1) {
        crypto_digest(hash.digest, digest, text + at, line_size(text + at, size - at));
        memcpy(key, digest, hash.key_size);
        key[0] ^= twist;
        key += hash.key_size;
    }
    crypto_wipe(digest, sizeof(digest));
    *keys = lines;
    return COFFER_OK;
}
