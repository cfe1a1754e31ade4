/* SPDX-License-Identifier: ISC */
/*
 * md5.c - the compression function of MD5 (RFC 1321), because loop-AES makes its IVs with an MD5 that libgcrypt
 * cannot be told: it begins in a state of its own, and counts no length for that. Each step waits for the one
 * before, so that one message leaves most of a processor idle; sixteen of them, in vectors of GCC and Clang, take
 * little longer than one.
 */
#include "md5.h"

#define LEFT(word, bits) ((word) << (bits) | (word) >> (32 - (bits)))

#define F(x, y, z) ((z) ^ ((x) & ((y) ^ (z))))
#define G(x, y, z) F(z, x, y)
#define H(x, y, z) ((x) ^ (y) ^ (z))
#define I(x, y, z) ((y) ^ ((x) | ~(z)))

#define STEP(function, a, b, c, d, bits, constant, word) \
    do {                                                 \
        (a) += function(b, c, d) + (constant) + (word);  \
        (a) = LEFT(a, bits) + (b);                       \
    } while (0)

/* Sixteen steps. They take the words of the block in an order of their own: the first, and how far it is to the
 * next. */
#define ROUND(function, constant, first, stride, bits0, bits1, bits2, bits3)                              \
    _Pragma("GCC unroll 4") for (unsigned i = 0; i < 16; i += 4)                                          \
    {                                                                                                     \
        STEP(function, a, b, c, d, bits0, (constant)[i], block[((first) + (stride)*i) % 16]);             \
        STEP(function, d, a, b, c, bits1, (constant)[i + 1], block[((first) + (stride) * (i + 1)) % 16]); \
        STEP(function, c, d, a, b, bits2, (constant)[i + 2], block[((first) + (stride) * (i + 2)) % 16]); \
        STEP(function, b, c, d, a, bits3, (constant)[i + 3], block[((first) + (stride) * (i + 3)) % 16]); \
    }

/* The whole part of 2^32 times the absolute value of the sine of 1, 2, ... radians. */
static const uint32_t SINES[64] = {
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
    0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
    0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
    0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
    0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
    0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
    0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
    0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391,
};

void md5_begin(md5_words state[4])
{
    static const uint32_t FIRST[4] = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476 };
    for (unsigned i = 0; i < 4; i++) {
        state[i] = (md5_words){ 0 } + FIRST[i];
    }
}

void md5_add(md5_words state[4], const md5_words block[MD5_BLOCK / 4])
{
    md5_words a = state[0], b = state[1], c = state[2], d = state[3];
    ROUND(F, SINES, 0, 1, 7, 12, 17, 22)
    ROUND(G, SINES + 16, 1, 5, 5, 9, 14, 20)
    ROUND(H, SINES + 32, 5, 3, 4, 11, 16, 23)
    ROUND(I, SINES + 48, 0, 7, 6, 10, 15, 21)
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
}
