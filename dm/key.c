/* SPDX-License-Identifier: ISC */
/*
 * key.c - how dm-crypt gets its key (key.h). A table can be read by root as long as the mapping is there, so it names
 * a key of type "logon", which nobody can read, not even root. It lies in the keyring of this thread, which dm-crypt
 * searches while it loads the table, and is taken away at once afterwards: dm-crypt has a copy.
 */
#include "key.h"

#include <linux/keyctl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

bool key_ring_add(struct key_ring *ring, const uint8_t *key, size_t size)
{
    uint64_t noise;
    *ring = (struct key_ring){ 0 };
    if (getrandom(&noise, sizeof(noise), 0) != (ssize_t)sizeof(noise)) {
        return false;
    }
    snprintf(ring->description, sizeof(ring->description), "coffer:%016llx", (unsigned long long)noise);
    long serial = syscall(SYS_add_key, "logon", ring->description, key, size, KEY_SPEC_THREAD_KEYRING);
    ring->serial = serial > 0 ? (int32_t)serial : 0;
    return serial > 0;
}

void key_ring_remove(struct key_ring *ring)
{
    if (ring->serial != 0) {
        (void)syscall(SYS_keyctl, KEYCTL_UNLINK, ring->serial, KEY_SPEC_THREAD_KEYRING);
        ring->serial = 0;
    }
}

void key_write(const struct key_ring *ring, const uint8_t *key, size_t size, char text[KEY_TEXT_MAX])
{
    static const char digits[] = "0123456789abcdef";
    if (ring->serial != 0) {
        snprintf(text, KEY_TEXT_MAX, ":%zu:logon:%s", size, ring->description);
        return;
    }
    for (size_t i = 0; i < size; i++) {
        *text++ = digits[key[i] >> 4];
        *text++ = digits[key[i] & 15];
    }
    *text = '\0';
}
