/* SPDX-License-Identifier: ISC */
/*
 * fuzz_tcrypt_header.c - a decrypted header of TrueCrypt or VeraCrypt, written by whoever holds the passphrase. The
 * first byte says whether it is a system's, the next eight how large the store is; the checksums are made right.
 * Data that is called usable lies inside of the store.
 */
#include <stdlib.h>
#include <string.h>

#include "crc32.h"
#include "tcrypt_header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put_be32(uint8_t *at, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++) {
        at[i] = (uint8_t)(value >> (24 - 8 * i));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t plain[TCRYPT_PLAIN_SIZE] = "TRUE";
    struct tcrypt_header header;
    struct tcrypt_place place;
    uint64_t storage_size;
    if (size < 9) {
        return 0;
    }
    memcpy(&storage_size, data + 1, sizeof(storage_size));
    size_t rest = size - 9 < sizeof(plain) - 4 ? size - 9 : sizeof(plain) - 4;
    memcpy(plain + 4, data + 9, rest);
    (void)tcrypt_header_decode(plain, &header);
    put_be32(plain + 8, ~crc32_add(CRC32_BEGIN, plain + 192, TCRYPT_KEYS_SIZE));
    put_be32(plain + 188, ~crc32_add(CRC32_BEGIN, plain, 188));
    if (!tcrypt_header_decode(plain, &header)) {
        abort();
    }
    if (tcrypt_header_place(&header, (data[0] & 1) != 0, storage_size, &place) == TCRYPT_USABLE &&
        (place.offset > storage_size || place.size > storage_size - place.offset || place.size == 0 ||
         (place.offset | place.size) % 512 != 0)) {
        abort();
    }
    return 0;
}
