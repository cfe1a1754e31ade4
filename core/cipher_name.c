/* SPDX-License-Identifier: ISC */
/*
 * cipher_name.c - reads the names of ciphers, modes and IVs.
 *
 * Names come from headers that anybody can write. What is not in the tables is refused by its name, above all
 * the ciphers that do nothing: a volume must not be written in the clear because its header says so.
 */
#include "cipher_name.h"

#include <stdio.h>
#include <string.h>

#include "error.h"

#define PART_MAX 64

struct name {
    const char *text;
    int value;
};

static const struct name DIGESTS[] = {
    { "sha1", CRYPTO_SHA1 },
    { "sha224", CRYPTO_SHA224 },
    { "sha256", CRYPTO_SHA256 },
    { "sha384", CRYPTO_SHA384 },
    { "sha512", CRYPTO_SHA512 },
    { "ripemd160", CRYPTO_RIPEMD160 },
    { "rmd160", CRYPTO_RIPEMD160 },
    { "whirlpool", CRYPTO_WHIRLPOOL },
    { "wp512", CRYPTO_WHIRLPOOL },
    { "stribog512", CRYPTO_STREEBOG512 },
    { "streebog512", CRYPTO_STREEBOG512 },
    { "blake2s-256", CRYPTO_BLAKE2S },
    { "blake2b-512", CRYPTO_BLAKE2B },
    { "sha3-256", CRYPTO_SHA3_256 },
    { "sha3-512", CRYPTO_SHA3_512 },
    { NULL, CRYPTO_DIGESTS },
};

static const struct name CIPHERS[] = {
    { "aes", CRYPTO_AES },         { "serpent", CRYPTO_SERPENT },
    { "twofish", CRYPTO_TWOFISH }, { "camellia", CRYPTO_CAMELLIA },
    { "cast5", CRYPTO_CAST5 },     { "blowfish", CRYPTO_BLOWFISH },
    { "des3_ede", CRYPTO_3DES },   { NULL, -1 },
};

static const struct name MODES[] = {
    { "xts", CRYPTO_XTS }, { "cbc", CRYPTO_CBC }, { "lrw", CRYPTO_LRW }, { NULL, -1 }
};

/* LRW has a number of its own, which is called "benbi". */
static const struct name IVS[] = {
    { "null", CRYPTO_IV_NULL },
    { "plain", CRYPTO_IV_PLAIN },
    { "plain64", CRYPTO_IV_PLAIN64 },
    { "plain64be", CRYPTO_IV_PLAIN64BE },
    { "essiv", CRYPTO_IV_ESSIV },
    { "eboiv", CRYPTO_IV_EBOIV },
    { NULL, -1 },
};

static int find(const struct name *table, const char *text)
{
    while (table->text != NULL && strcmp(table->text, text) != 0) {
        table++;
    }
    return table->value;
}

enum crypto_digest cipher_name_digest(const char *name)
{
    return (enum crypto_digest)find(DIGESTS, name);
}

/* Splits "cipher-mode-iv:options" in place. "aes-plain" is how the first dm-crypt wrote "aes-cbc-plain". */
static bool split(char *text, const char *part[4])
{
    char *mode = strchr(text, '-');
    if (mode == NULL) {
        return false;
    }
    *mode++ = '\0';
    char *iv = strchr(mode, '-');
    if (iv == NULL && strcmp(mode, "plain") != 0) {
        return false;
    }
    if (iv != NULL) {
        *iv++ = '\0';
    }
    char *options = iv != NULL ? strchr(iv, ':') : NULL;
    if (options != NULL) {
        *options++ = '\0';
    }
    part[0] = text;
    part[1] = iv != NULL ? mode : "cbc";
    part[2] = iv != NULL ? iv : mode;
    part[3] = options;
    return true;
}

/* The digest of "essiv:sha256"; "wp256" is the first half of Whirlpool's. */
static bool set_essiv(const char *options, struct crypto_sector_spec *spec)
{
    bool half = strcmp(options, "wp256") == 0;
    spec->essiv_digest = cipher_name_digest(half ? "whirlpool" : options);
    spec->essiv_key_size = half ? 32 : 0;
    return spec->essiv_digest != CRYPTO_DIGESTS;
}

static bool fill(const char *const part[4], uint32_t key_size, struct crypto_sector_spec *spec)
{
    int cipher = find(CIPHERS, part[0]), mode = find(MODES, part[1]);
    int iv = mode != CRYPTO_LRW ? find(IVS, part[2]) : strcmp(part[2], "benbi") == 0 ? CRYPTO_IV_NULL : -1;
    uint32_t shared = mode == CRYPTO_LRW ? 16 : 0;
    if (cipher < 0 || mode < 0 || iv < 0 || key_size <= shared || key_size > CRYPTO_SECTOR_KEY_MAX) {
        return false;
    }
    spec->layers = 1;
    spec->layer[0].cipher = (enum crypto_cipher)cipher;
    spec->layer[0].key_size = key_size - shared;
    spec->mode = (enum crypto_mode)mode;
    spec->iv = (enum crypto_iv)iv;
    return iv == CRYPTO_IV_ESSIV ? part[3] != NULL && set_essiv(part[3], spec) : part[3] == NULL;
}

enum coffer_status cipher_name_parse(const char *name, uint32_t key_size, uint32_t sector_size,
                                     struct crypto_sector_spec *spec, struct coffer_error *error)
{
    char text[PART_MAX];
    const char *part[4];
    if (strncmp(name, "cipher_null", 11) == 0 || strncmp(name, "null", 4) == 0) {
        return error_set(error, COFFER_UNSUPPORTED, 0, "its cipher, %.40s, encrypts nothing", name);
    }
    int length = snprintf(text, sizeof(text), "%s", name);
    spec->sector_size = sector_size;
    spec->iv_unit = 512;
    spec->key_size = key_size;
    if (length >= (int)sizeof(text) || !split(text, part) || !fill(part, key_size, spec)) {
        return error_set(error, COFFER_UNSUPPORTED, 0, "its cipher, %.63s with %u bits, is not supported", name,
                         key_size * 8);
    }
    return COFFER_OK;
}

/* ---- the other way round ---- */

/* The last name of several is the kernel's. */
static const char *name_of(const struct name *table, int value)
{
    const char *text = NULL;
    for (; table->text != NULL; table++) {
        text = table->value == value ? table->text : text;
    }
    return text;
}

bool cipher_name_write(const struct crypto_sector_spec *spec, unsigned layer, char text[CIPHER_NAME_MAX])
{
    const char *cipher = name_of(CIPHERS, (int)spec->layer[layer].cipher);
    const char *mode = name_of(MODES, (int)spec->mode);
    const char *iv = spec->mode == CRYPTO_LRW ? "benbi" : name_of(IVS, (int)spec->iv);
    const char *digest = "";
    if (spec->iv == CRYPTO_IV_ESSIV) {
        bool half = spec->essiv_key_size != 0;
        digest = half ? "wp256" : name_of(DIGESTS, (int)spec->essiv_digest);
    }
    bool is_one_of_many = spec->layers > 1 && spec->mode != CRYPTO_XTS; /* the others share what is theirs alone */
    if (cipher == NULL || mode == NULL || iv == NULL || digest == NULL || is_one_of_many) {
        return false;
    }
    int length =
        snprintf(text, CIPHER_NAME_MAX, "%s-%s-%s%s%s", cipher, mode, iv, *digest != '\0' ? ":" : "", digest);
    return length < CIPHER_NAME_MAX;
}
