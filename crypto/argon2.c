/* SPDX-License-Identifier: ISC */
/*
 * argon2.c - Argon2 with several lanes and any salt, for volumes of other programs: libsodium, which serves our own
 * format, has one lane. Lanes of a slice are computed side by side, one thread each.
 */
#include <errno.h>
#include <gcrypt.h>
#include <pthread.h>

#include "crypto.h"

#define LANES_MAX 64

struct lane {
    pthread_t thread;
    gcry_kdf_job_fn_t compute;
    void *job;
};

struct lanes {
    struct lane lane[LANES_MAX];
    unsigned running;
};

static void *compute_lane(void *argument)
{
    const struct lane *lane = argument;
    lane->compute(lane->job);
    return NULL;
}

/* Where no thread can be had, this one will do. */
static int start_lane(void *context, gcry_kdf_job_fn_t compute, void *job)
{
    struct lanes *lanes = context;
    struct lane *lane = &lanes->lane[lanes->running % LANES_MAX];
    *lane = (struct lane){ .compute = compute, .job = job };
    if (lanes->running == LANES_MAX || pthread_create(&lane->thread, NULL, compute_lane, lane) != 0) {
        compute(job);
        return 0;
    }
    lanes->running++;
    return 0;
}

static int wait_for_lanes(void *context)
{
    struct lanes *lanes = context;
    while (lanes->running > 0) {
        lanes->running--;
        (void)pthread_join(lanes->lane[lanes->running].thread, NULL);
    }
    return 0;
}

int crypto_argon2(bool independent, uint8_t *out, size_t out_size, const void *password, size_t password_size,
                  const void *salt, size_t salt_size, uint32_t memory, uint32_t passes, uint32_t lanes)
{
    if (lanes == 0 || lanes > LANES_MAX || passes == 0 || memory < 8 * lanes || out_size < 4) {
        return -EINVAL;
    }
    struct lanes running = { .running = 0 };
    const gcry_kdf_thread_ops_t threads = { &running, start_lane, wait_for_lanes };
    const unsigned long cost[] = { out_size, passes, memory, lanes };
    gcry_kdf_hd_t kdf;
    gcry_error_t error = gcry_kdf_open(&kdf, GCRY_KDF_ARGON2, independent ? GCRY_KDF_ARGON2I : GCRY_KDF_ARGON2ID,
                                       cost, 4, password, password_size, salt, salt_size, NULL, 0, NULL, 0);
    if (error != 0) {
        return gcry_err_code(error) == GPG_ERR_ENOMEM ? -ENOMEM : -EINVAL;
    }
    error = gcry_kdf_compute(kdf, lanes > 1 ? &threads : NULL);
    if (error == 0) {
        error = gcry_kdf_final(kdf, out_size, out);
    }
    gcry_kdf_close(kdf);
    return error == 0 ? 0 : -ENOMEM;
}
