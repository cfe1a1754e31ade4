/* SPDX-License-Identifier: ISC */
/*
 * Kuznyechik (RFC 7801), 256 blocks at once, as circuits: bit j of byte i of all blocks is one vector of 256 bits.
 * No memory is read at a place, and no branch taken, that depends on the key or the data, so caches tell nothing;
 * tables would be two to three times as fast. The vectors are GCC's and Clang's; a second copy of the code is
 * compiled for AVX2.
 */
#include "kuznyechik.h"

#include <string.h>

#include "crypto.h"

#define BLOCK      16
#define BITS       8 /* of a byte */
#define LANES      256
#define ROUND_KEYS 10
#define CONSTANTS  32

typedef uint64_t vector __attribute__((vector_size(LANES / 8)));

/* For each value of the upper four bits of a byte and each bit of the result: the values of the lower four bits for
 * which that bit is 1, as four sets of four, each as the place of its vector in `lower`, in bytes. */
struct circuit {
    uint16_t place[16][BITS][4];
};

struct kuznyechik {
    vector state[BLOCK][BITS];
    vector lower[4][16]; /* for two bits of a byte, each value; for two more, each set of values */
    vector upper[16];    /* for the upper four bits, each value */
    struct circuit substitute, restore;
    uint8_t round_key[ROUND_KEYS][BLOCK];
    void (*encrypt)(struct kuznyechik *), (*decrypt)(struct kuznyechik *);
};

static const uint8_t PI[256] = {
    252, 238, 221, 17,  207, 110, 49,  22,  251, 196, 250, 218, 35,  197, 4,   77,  233, 119, 240, 219, 147, 46,
    153, 186, 23,  54,  241, 187, 20,  205, 95,  193, 249, 24,  101, 90,  226, 92,  239, 33,  129, 28,  60,  66,
    139, 1,   142, 79,  5,   132, 2,   174, 227, 106, 143, 160, 6,   11,  237, 152, 127, 212, 211, 31,  235, 52,
    44,  81,  234, 200, 72,  171, 242, 42,  104, 162, 253, 58,  206, 204, 181, 112, 14,  86,  8,   12,  118, 18,
    191, 114, 19,  71,  156, 183, 93,  135, 21,  161, 150, 41,  16,  123, 154, 199, 243, 145, 120, 111, 157, 158,
    178, 177, 50,  117, 25,  61,  255, 53,  138, 126, 109, 84,  198, 128, 195, 189, 13,  87,  223, 245, 36,  169,
    62,  168, 67,  201, 215, 121, 214, 246, 124, 34,  185, 3,   224, 15,  236, 222, 122, 148, 176, 188, 220, 232,
    40,  80,  78,  51,  10,  74,  167, 151, 96,  115, 30,  0,   98,  68,  26,  184, 56,  130, 100, 159, 38,  65,
    173, 69,  70,  146, 39,  94,  85,  47,  140, 163, 165, 125, 105, 213, 149, 59,  7,   88,  179, 64,  134, 172,
    29,  247, 48,  55,  107, 228, 136, 217, 231, 137, 225, 27,  131, 73,  76,  63,  248, 254, 141, 83,  170, 144,
    202, 216, 133, 97,  32,  113, 103, 164, 45,  43,  9,   91,  203, 155, 37,  208, 190, 229, 108, 82,  89,  166,
    116, 210, 230, 244, 180, 192, 209, 102, 175, 194, 57,  75,  99,  182,
};

/* Of the linear map, over GF(2^8) modulo x^8 + x^7 + x^6 + x + 1. */
static const uint8_t COEFFICIENT[BLOCK] = { 148, 32, 133, 16, 194, 192, 1, 251, 1, 192, 194, 16, 133, 32, 148, 1 };

#define INLINE static inline __attribute__((always_inline))

/* Keeps what is indexed in registers; Clang takes GCC's word for it. */
#define UNROLL _Pragma("GCC unroll 16")

/* ---- the three steps of a round, on all lanes ---- */

INLINE void add_key(struct kuznyechik *k, unsigned round)
{
    for (unsigned i = 0; i < BLOCK; i++) {
        for (unsigned j = 0; j < BITS; j++) {
            k->state[i][j] ^= -(uint64_t)(k->round_key[round][i] >> j & 1);
        }
    }
}

INLINE const vector *lower_at(const struct kuznyechik *k, uint16_t place)
{
    return (const vector *)((const uint8_t *)k->lower + place);
}

/* One byte of each block through the substitution. */
INLINE void substitute_byte(struct kuznyechik *k, const struct circuit *circuit, vector x[BITS])
{
    vector y[BITS] = { { 0 } };
    UNROLL
    for (unsigned value = 0; value < 4; value++) {
        vector outer = (value & 2 ? x[3] : ~x[3]) & (value & 1 ? x[2] : ~x[2]);
        UNROLL
        for (unsigned set = 1; set < 16; set++) { /* without its lowest value it has been computed */
            unsigned lowest = (unsigned)__builtin_ctz(set), rest = set & (set - 1);
            vector inner = (lowest & 2 ? x[1] : ~x[1]) & (lowest & 1 ? x[0] : ~x[0]) & outer;
            k->lower[value][set] = rest ? k->lower[value][rest] | k->lower[value][set ^ rest] : inner;
        }
    }
    UNROLL
    for (unsigned value = 0; value < 16; value++) {
        k->upper[value] = (value & 8 ? x[7] : ~x[7]) & (value & 4 ? x[6] : ~x[6]) & (value & 2 ? x[5] : ~x[5]) &
                          (value & 1 ? x[4] : ~x[4]);
    }
    for (unsigned value = 0; value < 16; value++) {
        UNROLL
        for (unsigned j = 0; j < BITS; j++) {
            const uint16_t *place = circuit->place[value][j];
            y[j] |= (*lower_at(k, place[0]) | *lower_at(k, place[1]) | *lower_at(k, place[2]) |
                     *lower_at(k, place[3])) &
                    k->upper[value];
        }
    }
    memcpy(x, y, sizeof(y));
}

INLINE void substitute(struct kuznyechik *k, const struct circuit *circuit)
{
    for (unsigned i = 0; i < BLOCK; i++) {
        substitute_byte(k, circuit, k->state[i]);
    }
}

/* `out` += the byte times a coefficient, a polynomial that is not reduced yet. */
INLINE void add_product(vector out[2 * BITS - 1], const vector byte[BITS], uint8_t coefficient)
{
    UNROLL
    for (unsigned b = 0; b < BITS; b++) {
        if (!(coefficient >> b & 1)) {
            continue;
        }
        UNROLL
        for (unsigned j = 0; j < BITS; j++) {
            out[b + j] ^= byte[j];
        }
    }
}

/* The new byte that each of 16 steps of the shift register computes takes the place of the one that leaves it, so that
 * nothing is moved: byte i of step s is at i - s. Backwards the first byte is the one that leaves. */
INLINE void mix(struct kuznyechik *k, bool backwards)
{
    for (unsigned step = 0; step < BLOCK; step++) {
        vector sum[2 * BITS - 1] = { { 0 } };
        unsigned first = backwards ? step : BLOCK - step;
        UNROLL
        for (unsigned i = 0; i < BLOCK; i++) {
            uint8_t coefficient = COEFFICIENT[backwards ? (i + BLOCK - 1) % BLOCK : i];
            add_product(sum, k->state[(first + i) % BLOCK], coefficient);
        }
        UNROLL
        for (unsigned degree = 2 * BITS - 2; degree >= BITS; degree--) {
            sum[degree - 1] ^= sum[degree];
            sum[degree - 2] ^= sum[degree];
            sum[degree - 7] ^= sum[degree];
            sum[degree - 8] ^= sum[degree];
        }
        memcpy(k->state[backwards ? step : BLOCK - 1 - step], sum, sizeof(k->state[0]));
    }
}

/* ---- all rounds ---- */

INLINE void encrypt_lanes(struct kuznyechik *k)
{
    for (unsigned round = 0; round < ROUND_KEYS - 1; round++) {
        add_key(k, round);
        substitute(k, &k->substitute);
        mix(k, false);
    }
    add_key(k, ROUND_KEYS - 1);
}

INLINE void decrypt_lanes(struct kuznyechik *k)
{
    for (unsigned round = ROUND_KEYS - 1; round > 0; round--) {
        add_key(k, round);
        mix(k, true);
        substitute(k, &k->restore);
    }
    add_key(k, 0);
}

static void encrypt_anywhere(struct kuznyechik *k)
{
    encrypt_lanes(k);
}

static void decrypt_anywhere(struct kuznyechik *k)
{
    decrypt_lanes(k);
}

#ifdef __x86_64__
__attribute__((target("avx2"))) static void encrypt_avx2(struct kuznyechik *k)
{
    encrypt_lanes(k);
}

__attribute__((target("avx2"))) static void decrypt_avx2(struct kuznyechik *k)
{
    decrypt_lanes(k);
}
#endif

static void choose_code(struct kuznyechik *k)
{
    k->encrypt = encrypt_anywhere;
    k->decrypt = decrypt_anywhere;
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx2")) {
        k->encrypt = encrypt_avx2;
        k->decrypt = decrypt_avx2;
    }
#endif
}

/* ---- blocks to lanes and back ---- */

/* Eight bytes as eight rows of bits: rows become columns. */
static uint64_t transpose(uint64_t x)
{
    uint64_t t = (x ^ x >> 7) & UINT64_C(0x00aa00aa00aa00aa);
    x ^= t ^ t << 7;
    t = (x ^ x >> 14) & UINT64_C(0x0000cccc0000cccc);
    x ^= t ^ t << 14;
    t = (x ^ x >> 28) & UINT64_C(0x00000000f0f0f0f0);
    return x ^ t ^ t << 28;
}

/* Block n is bit n % 8 of byte n / 8 of each vector. */
static void to_lanes(struct kuznyechik *k, const uint8_t *in, size_t blocks)
{
    for (size_t group = 0; group * 8 < blocks; group++) {
        for (unsigned i = 0; i < BLOCK; i++) {
            uint64_t rows = 0;
            for (size_t n = 0; n < 8 && group * 8 + n < blocks; n++) {
                rows |= (uint64_t)in[(group * 8 + n) * BLOCK + i] << (8 * n);
            }
            rows = transpose(rows);
            for (unsigned j = 0; j < BITS; j++) {
                ((uint8_t *)&k->state[i][j])[group] = (uint8_t)(rows >> (8 * j));
            }
        }
    }
}

static void from_lanes(const struct kuznyechik *k, uint8_t *out, size_t blocks)
{
    for (size_t group = 0; group * 8 < blocks; group++) {
        for (unsigned i = 0; i < BLOCK; i++) {
            uint64_t rows = 0;
            for (unsigned j = 0; j < BITS; j++) {
                rows |= (uint64_t)((const uint8_t *)&k->state[i][j])[group] << (8 * j);
            }
            rows = transpose(rows);
            for (size_t n = 0; n < 8 && group * 8 + n < blocks; n++) {
                out[(group * 8 + n) * BLOCK + i] = (uint8_t)(rows >> (8 * n));
            }
        }
    }
}

void kuznyechik_crypt(struct kuznyechik *k, bool encrypt, uint8_t *out, const uint8_t *in, size_t size)
{
    while (size > 0) {
        size_t run = size < (size_t)LANES * BLOCK ? size : (size_t)LANES * BLOCK;
        to_lanes(k, in, run / BLOCK);
        (encrypt ? k->encrypt : k->decrypt)(k);
        from_lanes(k, out, run / BLOCK);
        in += run;
        out += run;
        size -= run;
    }
}

/* ---- keys ---- */

/* `table` maps x to y; backwards y to x. */
static void make_circuit(struct circuit *circuit, const uint8_t table[256], bool backwards)
{
    for (unsigned x = 0; x < 256; x++) {
        unsigned from = backwards ? table[x] : x, to = backwards ? x : table[x];
        for (unsigned j = 0; j < BITS; j++) {
            unsigned in_set = to >> j & 1, group = from / 4 % 4;
            circuit->place[from / 16][j][group] |=
                (uint16_t)((group * 16 + (in_set << from % 4)) * sizeof(vector));
        }
    }
}

static void round_of(struct kuznyechik *k, uint8_t block[BLOCK])
{
    to_lanes(k, block, 1);
    substitute(k, &k->substitute);
    mix(k, false);
    from_lanes(k, block, 1);
}

/* The linear map of 1, 2, .. 32. */
static void make_constants(struct kuznyechik *k, uint8_t constant[CONSTANTS * BLOCK])
{
    memset(constant, 0, (size_t)CONSTANTS * BLOCK);
    for (unsigned i = 0; i < CONSTANTS; i++) {
        constant[i * BLOCK + BLOCK - 1] = (uint8_t)(i + 1);
    }
    to_lanes(k, constant, CONSTANTS);
    mix(k, false);
    from_lanes(k, constant, CONSTANTS);
}

/* Each further pair of round keys comes from eight rounds of a Feistel network over the pair before it, whose function
 * is a round of the cipher under a constant. */
static void make_round_keys(struct kuznyechik *k, const uint8_t key[KUZNYECHIK_KEY_SIZE])
{
    uint8_t constant[CONSTANTS * BLOCK], left[BLOCK], right[BLOCK], mixed[BLOCK];
    make_constants(k, constant);
    memcpy(left, key, BLOCK);
    memcpy(right, key + BLOCK, BLOCK);
    memcpy(k->round_key, key, KUZNYECHIK_KEY_SIZE);
    for (unsigned i = 0; i < CONSTANTS; i++) {
        for (unsigned b = 0; b < BLOCK; b++) {
            mixed[b] = left[b] ^ constant[i * BLOCK + b];
        }
        round_of(k, mixed);
        for (unsigned b = 0; b < BLOCK; b++) {
            mixed[b] ^= right[b];
        }
        memcpy(right, left, BLOCK);
        memcpy(left, mixed, BLOCK);
        if (i % 8 == 7) {
            memcpy(k->round_key[i / 4 + 1], left, BLOCK);
            memcpy(k->round_key[i / 4 + 2], right, BLOCK);
        }
    }
    crypto_wipe(left, sizeof(left));
    crypto_wipe(right, sizeof(right));
    crypto_wipe(mixed, sizeof(mixed));
}

struct kuznyechik *kuznyechik_new(const uint8_t key[KUZNYECHIK_KEY_SIZE])
{
    struct kuznyechik *made = crypto_secret_alloc(sizeof(*made));
    if (made) {
        choose_code(made);
        make_circuit(&made->substitute, PI, false);
        make_circuit(&made->restore, PI, true);
        make_round_keys(made, key);
    }
    return made;
}

void kuznyechik_free(struct kuznyechik *kuznyechik)
{
    crypto_secret_free(kuznyechik);
}
