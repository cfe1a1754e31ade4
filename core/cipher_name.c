/* SPDX-License-Identifier: ISC */
/*
 * cipher_name.c - reads the names of ciphers, modes and IVs.
 *
 * Names come from headers that anybody can write. What is not in the tables is refused by its name, above all
 * the ciphers that do nothing: a volume must not be written in the clear because its header says so.
 */
#include "cipher_name.h"

#include <errno.h>
#include <stddef.h>
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

/* For LRW the way of counting that is called "benbi" is the engine's CRYPTO_IV_NULL; "null" itself, in which all
 * sectors are encrypted alike, is not for it. */
static const struct name LRW_IVS[] = {
    { "benbi", CRYPTO_IV_NULL },
    { "plain", CRYPTO_IV_PLAIN },
    { "plain64", CRYPTO_IV_PLAIN64 },
    { NULL, -1 },
};

static const struct name IVS[] = {
    { "null", CRYPTO_IV_NULL },
    { "plain", CRYPTO_IV_PLAIN },
    { "plain64", CRYPTO_IV_PLAIN64 },
    { "plain64be", CRYPTO_IV_PLAIN64BE },
    { "essiv", CRYPTO_IV_ESSIV },
    { "eboiv", CRYPTO_IV_EBOIV },
    { "lmk", CRYPTO_IV_LMK }, /* only of ciphers that are written with a number of keys, which no header has */
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

/* The kernel's own way of writing, "xts(ecb(aes-generic))-plain64" behind "capi:", as "aes-xts-plain64". Which
 * implementation of a cipher it was does not matter, nor that XTS is made of ECB. False: not in a way that is
 * known. */
static bool rewrite_capi(char text[PART_MAX])
{
    char copy[PART_MAX];
    char *open = strchr(text, '('), *close = strrchr(text, ')');
    if (open == NULL || close == NULL || close < open || close[1] != '-') {
        return false;
    }
    const char *mode = text, *iv = close + 2;
    char *cipher = open + 1;
    *open = *close = '\0';
    size_t size = strlen(cipher);
    if (size > 4 && strncmp(cipher, "ecb(", 4) == 0 && cipher[size - 1] == ')') {
        cipher[size - 1] = '\0';
        cipher += 4;
    }
    if (strpbrk(cipher, "(),") != NULL) {
        return false;
    }
    cipher[strcspn(cipher, "-")] = '\0'; /* "aes-generic", "aes-aesni" */
    int length = snprintf(copy, sizeof(copy), "%s-%s-%s", cipher, mode, iv);
    if (length >= (int)sizeof(copy)) {
        return false;
    }
    memcpy(text, copy, sizeof(copy));
    return true;
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
    spec->iv_digest = cipher_name_digest(half ? "whirlpool" : options);
    spec->essiv_key_size = half ? 32 : 0;
    return spec->iv_digest != CRYPTO_DIGESTS;
}

static bool fill(const char *const part[4], uint32_t key_size, struct crypto_sector_spec *spec)
{
    int cipher = find(CIPHERS, part[0]), mode = find(MODES, part[1]);
    int iv = find(mode != CRYPTO_LRW ? IVS : LRW_IVS, part[2]);
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

/* Whether the engine takes keys of that size for that cipher in that mode. Which key does not matter. */
static bool fits_together(const struct crypto_sector_spec *spec)
{
    struct crypto_sector_spec trial;
    struct crypto_sector *sector;
    memcpy(&trial, spec, offsetof(struct crypto_sector_spec, key));
    for (uint32_t i = 0; i < sizeof(trial.key); i++) {
        trial.key[i] = (uint8_t)i;
    }
    int result = crypto_sector_new_spec(&sector, &trial);
    if (result == 0) {
        crypto_sector_free(sector);
    }
    return result == 0 || result == -ENOMEM;
}

enum coffer_status cipher_name_parse(const char *name, uint32_t key_size, uint32_t sector_size,
                                     struct crypto_sector_spec *spec, struct coffer_error *error)
{
    char text[PART_MAX];
    const char *part[4];
    if (strncmp(name, "cipher_null", 11) == 0 || strncmp(name, "null", 4) == 0) {
        return error_set(error, COFFER_UNSUPPORTED, 0, "its cipher, %.40s, encrypts nothing", name);
    }
    bool is_capi = strncmp(name, "capi:", 5) == 0;
    int length = snprintf(text, sizeof(text), "%s", name + (is_capi ? 5 : 0));
    spec->sector_size = sector_size;
    spec->iv_unit = 512;
    spec->key_size = key_size;
    if (length >= (int)sizeof(text) || (is_capi && !rewrite_capi(text)) || !split(text, part) ||
        !fill(part, key_size, spec) || !fits_together(spec)) {
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
    const char *iv = name_of(spec->mode == CRYPTO_LRW ? LRW_IVS : IVS, (int)spec->iv);
    const char *digest = "";
    if (spec->iv == CRYPTO_IV_ESSIV) {
        bool half = spec->iv_digest == CRYPTO_WHIRLPOOL && spec->essiv_key_size == 32;
        bool whole = spec->essiv_key_size == 0 || spec->essiv_key_size == crypto_digest_size(spec->iv_digest);
        digest = half ? "wp256" : whole ? name_of(DIGESTS, (int)spec->iv_digest) : NULL;
    }
    bool is_one_of_many = spec->layers > 1 && spec->mode != CRYPTO_XTS; /* the others share what is theirs alone */
    bool is_masked = !crypto_is_zero(spec->iv_mask, sizeof(spec->iv_mask));
    if (cipher == NULL || mode == NULL || iv == NULL || digest == NULL || is_one_of_many || is_masked) {
        return false;
    }
    const char *keys = spec->iv == CRYPTO_IV_LMK ? ":64" : "";
    int length = snprintf(text, CIPHER_NAME_MAX, "%s%s-%s-%s%s%s", cipher, keys, mode, iv,
                          *digest != '\0' ? ":" : "", digest);
    return length < CIPHER_NAME_MAX;
}
