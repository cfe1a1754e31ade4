/* SPDX-License-Identifier: ISC */
/*
 * crypto.h - the only doorway to libsodium and libgcrypt.
 *
 * Bytes in, bytes out: nothing here knows a file, a volume or a message. Functions that can fail return 0 or
 * a negative errno value; functions that return void cannot fail or abort (a random source that stops giving
 * is nothing to go on from). Key material is taken from and left in memory of crypto_secret_alloc wherever
 * it lives longer than a call; temporaries on the stack are wiped.
 */
#ifndef CRYPTO_H
#define CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Results that nobody may overlook. */
#define CRYPTO_CHECKED __attribute__((warn_unused_result))

/* ---- init (crypto/init.c) ---- */

/* Starts both libraries (once; later calls are free) and runs the self-tests. 0, -EIO when a known answer is
 * wrong, -ENOSYS when a library is too old. */
int crypto_init(void);

/* "libsodium 1.0.18", "libgcrypt 1.10.1"; NULL after the last. */
const char *crypto_component(unsigned i);

/* Known-answer tests of everything below; 0 or -EIO. Called by crypto_init. */
int crypto_selftest(void);

/* ---- memory (crypto/memory.c) ---- */

/* Zeroed memory with guard pages, locked where the system allows, excluded from core dumps; a fork's child locks it
 * again. It ends where the upper guard page begins: a size that is a multiple of an alignment gives that alignment.
 * NULL: no memory. */
void *crypto_secret_alloc(size_t size);
void crypto_secret_free(void *memory); /* wipes; NULL is fine */
void crypto_wipe(void *memory, size_t size);
bool crypto_equal(const void *a, const void *b, size_t size);  /* constant time */
int crypto_compare(const void *a, const void *b, size_t size); /* as memcmp; constant time */
bool crypto_is_zero(const void *memory, size_t size);          /* constant time */

/* Whether all secret memory so far is locked, cipher handles included (mlock is refused beyond RLIMIT_MEMLOCK). */
bool crypto_memory_is_locked(void);

/* ---- random (crypto/random.c) ---- */

void crypto_random(void *out, size_t size); /* from the kernel; aborts on failure */

/* A fast stream of noise for filling media: ChaCha20 under a random key that is wiped by _end. */
struct crypto_noise;
struct crypto_noise *crypto_noise_begin(void);
void crypto_noise_next(struct crypto_noise *noise, void *out, size_t size);
void crypto_noise_end(struct crypto_noise *noise);

/* ---- hash (crypto/hash.c): BLAKE2b ---- */

struct crypto_hash {
    _Alignas(64) uint8_t opaque[384];
};

/* key may be NULL (key_size 0) or 1 .. 64 bytes; out_size 16 .. 64. */
void crypto_hash_begin(struct crypto_hash *hash, size_t out_size, const void *key, size_t key_size);
void crypto_hash_add(struct crypto_hash *hash, const void *data, size_t size);
void crypto_hash_end(struct crypto_hash *hash, uint8_t *out, size_t out_size); /* wipes the state */

/* ---- kdf (crypto/kdf.c) ---- */

/* Argon2id version 0x13, one lane, 32 bytes out. memory in KiB >= 8, passes >= 1. The work area is libsodium's own:
 * given back at once, but not locked and not wiped (kdf.c says why). 0, -ENOMEM, -EINVAL: then out holds no key. */
CRYPTO_CHECKED int crypto_argon2id(uint8_t out[32], const void *password, size_t password_size,
                                   const uint8_t salt[16], uint32_t memory, uint32_t passes);

/* ---- seal (crypto/seal.c): key-committing XChaCha20-Poly1305, spec/volume.md ---- */

#define CRYPTO_SEAL_OVERHEAD 72 /* bytes: nonce 24, commitment 32, tag 16 */

/* label: up to 16 ASCII characters. out: plain_size + CRYPTO_SEAL_OVERHEAD bytes, not overlapping plain. */
void crypto_seal(uint8_t *out, const uint8_t key[32], const char *label, const void *ad, size_t ad_size,
                 const uint8_t *plain, size_t plain_size);

/* plain: sealed_size - CRYPTO_SEAL_OVERHEAD bytes, written on success only. True when it opens. */
CRYPTO_CHECKED bool crypto_open(uint8_t *plain, const uint8_t key[32], const char *label, const void *ad,
                                size_t ad_size, const uint8_t *sealed, size_t sealed_size);

/* ---- digests and ciphers of foreign formats ---- */

enum crypto_digest {
    CRYPTO_SHA1,
    CRYPTO_SHA256,
    CRYPTO_SHA512,
    CRYPTO_RIPEMD160,
    CRYPTO_WHIRLPOOL,
    CRYPTO_STREEBOG512,
    CRYPTO_BLAKE2S,
    CRYPTO_SHA224,
    CRYPTO_SHA384,
    CRYPTO_BLAKE2B,
    CRYPTO_SHA3_256,
    CRYPTO_SHA3_512,
    CRYPTO_MD4,
    CRYPTO_MD5,
    CRYPTO_TIGER,
    CRYPTO_DIGESTS,
};

enum crypto_cipher {
    CRYPTO_AES,
    CRYPTO_SERPENT,
    CRYPTO_TWOFISH,
    CRYPTO_CAMELLIA,
    CRYPTO_CAST5,
    CRYPTO_BLOWFISH,
    CRYPTO_BLOWFISH_LE, /* old TrueCrypt's: the words of a block are little-endian */
    CRYPTO_3DES,
    CRYPTO_DES,
    CRYPTO_KUZNYECHIK, /* our own; XTS and LRW only */
    CRYPTO_CIPHERS,
};

/* ---- digests and key derivations of foreign formats (crypto/digest.c, pbkdf2.c, argon2.c) ---- */

#define CRYPTO_DIGEST_MAX 64

size_t crypto_digest_size(enum crypto_digest digest); /* bytes; 0: there is none */

void crypto_digest(enum crypto_digest digest, uint8_t *out, const void *data, size_t size);

/* HMAC; out: crypto_digest_size bytes. 0, -EINVAL, -ENOMEM. */
CRYPTO_CHECKED int crypto_hmac(enum crypto_digest digest, uint8_t *out, const void *key, size_t key_size,
                               const void *data, size_t size);

/* Asked every few milliseconds from the thread that derives, with the rounds done since; false stops it. */
typedef bool crypto_go_on_fn(void *user, uint32_t rounds);

struct crypto_pbkdf2 {
    enum crypto_digest digest; /* HMAC */
    const void *password, *salt;
    size_t password_size, salt_size;
    uint32_t iterations;    /* a round is one of them, for each block */
    crypto_go_on_fn *go_on; /* may be NULL */
    void *user;
};

/* Block `index`, from 1, of PBKDF2: digest_size bytes that do not depend on the other blocks. 0, -EINVAL, -ENOMEM,
 * -ECANCELED: then out holds no key. */
CRYPTO_CHECKED int crypto_pbkdf2_block(uint8_t *out, const struct crypto_pbkdf2 *input, uint32_t index);

/* As many blocks as it takes. out: secret memory. The same errors. */
CRYPTO_CHECKED int crypto_pbkdf2(uint8_t *out, size_t out_size, const struct crypto_pbkdf2 *input);

#define CRYPTO_ARGON2_ROUNDS 4 /* in a pass */

struct crypto_argon2 {
    bool independent; /* Argon2i, else Argon2id */
    const void *password, *salt;
    size_t password_size, salt_size;
    uint32_t memory; /* KiB, at least 8 times the lanes */
    uint32_t passes;
    uint32_t lanes;         /* 1 to 64, computed side by side */
    crypto_go_on_fn *go_on; /* may be NULL; a round is a quarter of a pass and may take long */
    void *user;
};

/* Argon2 version 0x13. Slower than crypto_argon2id, and wipes its work area. 0, -EINVAL, -ENOMEM, -ECANCELED: then out
 * holds no key. */
CRYPTO_CHECKED int crypto_argon2(uint8_t *out, size_t out_size, const struct crypto_argon2 *input);

/* A 16-byte key that was wrapped under AES-128 (RFC 3394). out: written on success only. True when it opens. */
CRYPTO_CHECKED bool crypto_unwrap(uint8_t out[16], const uint8_t key[16], const uint8_t wrapped[24]);

/* AES-256-CCM. out: `size` bytes, written on success only. True when it opens. */
CRYPTO_CHECKED bool crypto_ccm_open(uint8_t *out, const uint8_t key[32], const uint8_t nonce[12],
                                    const uint8_t tag[16], const uint8_t *in, size_t size);

/* ---- sector (crypto/sector.c) ---- */

#define CRYPTO_SECTOR_KEY_SIZE 64   /* of our own format */
#define CRYPTO_SECTOR_KEY_MAX  2080 /* of any */
#define CRYPTO_LAYERS_MAX      3
#define CRYPTO_LRW_KEY_SIZE    16
#define CRYPTO_IV_MASK_SIZE    16

/* Bytes of a block; 0: there is no such cipher. */
size_t crypto_cipher_block(enum crypto_cipher cipher);

enum crypto_mode {
    CRYPTO_XTS,
    CRYPTO_LRW,          /* IEEE P1619 drafts */
    CRYPTO_LRW_GCM,      /* LibTomCrypt's: the same with the bits of a block in the order of GCM */
    CRYPTO_CBC,          /* every layer chains over the whole sector */
    CRYPTO_CBC_OUTER,    /* one chain around all layers */
    CRYPTO_CBC_ELEPHANT, /* BitLocker's up to Windows 7: a diffuser with a key of its own; one layer, EBOIV */
};

/* How the number of a sector becomes an IV (CBC), a tweak (XTS) or the index of its first block (LRW), a big-endian
 * number. LRW with CRYPTO_IV_NULL counts blocks from 1, all through the volume, as the kernel's "benbi". */
enum crypto_iv {
    CRYPTO_IV_NULL,
    CRYPTO_IV_PLAIN, /* 32 bits, little-endian */
    CRYPTO_IV_PLAIN64,
    CRYPTO_IV_PLAIN64BE, /* big-endian, at the end of the block */
    CRYPTO_IV_DIGEST,    /* the start of a digest of plain's 4 bytes */
    CRYPTO_IV_DIGEST64,  /* of plain64's 8 bytes */
    CRYPTO_IV_ESSIV,     /* plain64, encrypted under a digest of the key */
    CRYPTO_IV_EBOIV,     /* the byte offset, encrypted under the key */
    CRYPTO_IV_TCW,       /* TrueCrypt up to 4.0: IV and whitening from the 32 bytes after the key; CBC only */
    CRYPTO_IV_LMK, /* loop-AES: 64 keys in turn, one IV from what the sector holds; CBC, one layer, 512 bytes */
};

/* What turns the sectors of a volume into cleartext. It holds a key: keep it in secret memory. */
struct crypto_sector_spec {
    struct {
        enum crypto_cipher cipher;
        uint32_t key_size;      /* bytes; XTS: of both halves */
    } layer[CRYPTO_LAYERS_MAX]; /* in the order of encryption */
    unsigned layers;
    enum crypto_mode mode;
    enum crypto_iv iv;
    enum crypto_digest iv_digest;
    uint32_t essiv_key_size; /* bytes of the digest that are the key, zeros where it has fewer; 0 = all */
    uint8_t iv_mask[CRYPTO_IV_MASK_SIZE]; /* CBC: added to every IV; zeros = nothing */
    uint32_t sector_size;                 /* 512, 1024, 2048 or 4096; AES-XTS also 8192 */
    uint32_t iv_unit;                     /* bytes that the number in the IV counts: 512 or the sector size */
    uint32_t key_size;
    /* One layer's key after the other; then what all share: LRW 16 bytes, TCW 32, the diffuser's as many as the
     * layer's, LMK the 63 other keys, or 64 of which the last is a seed. XTS: data key | tweak key. */
    uint8_t key[CRYPTO_SECTOR_KEY_MAX];
};

/* One key schedule for one thread at a time. */
struct crypto_sector;

/* AES-256-XTS, plain64, units of 512 bytes. key: data key | tweak key, which must differ (-EINVAL). sector_size 512
 * or 4096 bytes. The handle lives in secret memory. 0, -EINVAL, -ENOMEM. */
CRYPTO_CHECKED int crypto_sector_new(struct crypto_sector **sector, const uint8_t key[CRYPTO_SECTOR_KEY_SIZE],
                                     uint32_t sector_size);

/* Any other way. 0, -EINVAL (sizes or halves that cannot be), -EOPNOTSUPP (a combination that no format has, or
 * that libgcrypt lacks), -ENOMEM, -EIO (libgcrypt does not compute what it should). */
CRYPTO_CHECKED int crypto_sector_new_spec(struct crypto_sector **sector, const struct crypto_sector_spec *spec);
void crypto_sector_free(struct crypto_sector *sector);

/* `size` bytes, a multiple of the sector size; `tweak` of the first sector, always in 512-byte units whatever the
 * IV counts, which grows by sector_size / 512 per sector. out == in is allowed, any other overlap is not. */
void crypto_sector_encrypt(struct crypto_sector *sector, uint64_t tweak, uint8_t *out, const uint8_t *in,
                           size_t size);
void crypto_sector_decrypt(struct crypto_sector *sector, uint64_t tweak, uint8_t *out, const uint8_t *in,
                           size_t size);

#endif
