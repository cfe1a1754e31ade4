/* SPDX-License-Identifier: ISC */
/*
 * fuzz_loopaes_key.c - a key file of loop-AES. Input: the size of keys (1 byte), and the file. What is taken has as many lines
 * as it has keys, and every byte of it but newlines counts: another byte at its end is another last key.
 */
#include <stdlib.h>
#include <string.h>

#include "loopaes_key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool make(const uint8_t *text, size_t size, uint32_t key_size, uint8_t *key, unsigned *keys)
{
    struct coffer_error error = COFFER_ERROR_INIT;
    enum coffer_status status = loopaes_key_make(text, size, loopaes_hash_of(key_size), key, keys, &error);
    if (status != error.status || (status != COFFER_OK && status != COFFER_INVALID) ||
        memchr(error.text, 0, sizeof(error.text)) == NULL) {
        abort();
    }
    return status == COFFER_OK;
}

static unsigned count_lines(const uint8_t *text, size_t size)
{
    unsigned lines = 0;
    for (size_t at = 0; at < size; at++) {
        lines += text[at] == '\n' || at == size - 1;
    }
    return lines;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t key[LOOPAES_KEYS_MAX * 32], other[LOOPAES_KEYS_MAX * 32];
    unsigned keys = 0, others = 0;
    if (crypto_init() != 0 || size < 1) {
        return 0;
    }
    uint32_t key_size = 16 + 8 * (uint32_t)(data[0] % 3);
    const uint8_t *text = data + 1;
    size--;
    if (!make(text, size, key_size, key, &keys)) {
        return 0;
    }
    if (keys != count_lines(text, size) || (keys != 1 && keys != 64 && keys != 65)) {
        abort();
    }
    uint8_t *longer = malloc(size + 1);
    size_t end = text[size - 1] == '\n' ? size - 1 : size;
    if (longer == NULL) {
        return 0;
    }
    memcpy(longer, text, end);
    longer[end] = '+';
    size_t last = (size_t)(keys - 1) * key_size;
    if (!make(longer, end + 1, key_size, other, &others) || others != keys || memcmp(key, other, last) != 0 ||
        memcmp(key + last, other + last, key_size) == 0) {
        abort();
    }
    free(longer);
    return 0;
}
