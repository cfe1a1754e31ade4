/* SPDX-License-Identifier: ISC */
/*
 * fixed_random.c - takes the place of the C library's getentropy in fuzz targets: the same bytes in every run
 * (splitmix64), so that what was found once is found again. For tests only: the library itself has no way to be
 * given its random bytes.
 */
#include <stdint.h>
#include <string.h>
#include <unistd.h>

int getentropy(void *out, size_t size)
{
    static uint64_t state;
    uint8_t *at = out;
    while (size > 0) {
        uint64_t word = state += 0x9e3779b97f4a7c15;
        word = (word ^ word >> 30) * 0xbf58476d1ce4e5b9;
        word = (word ^ word >> 27) * 0x94d049bb133111eb;
        word ^= word >> 31;
        size_t part = size < sizeof(word) ? size : sizeof(word);
        memcpy(at, &word, part);
        at += part;
        size -= part;
    }
    return 0;
}
