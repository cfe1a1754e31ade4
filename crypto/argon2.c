/* SPDX-License-Identifier: ISC */
/*
 * argon2.c - Argon2 for volumes of other programs, on libgcrypt: with several lanes, any salt and any size of the
 * output, where libsodium, which serves our own format, has one of each. It is slower, wipes its work area, and can be
 * stopped: libgcrypt hands out a quarter of a pass at a time. Lanes of a quarter are computed side by side.
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
    const struct crypto_argon2 *input;
    struct lane lane[LANES_MAX];
    unsigned running;
};

static void *compute_lane(void *argument)
{
    const struct lane *lane = argument;
    lane->compute(lane->job);
    return NULL;
}

/* One lane alone needs no thread, and where no thread can be had, this one will do. */
static int start_lane(void *context, gcry_kdf_job_fn_t compute, void *job)
{
    struct lanes *lanes = context;
    struct lane *lane = &lanes->lane[lanes->running % LANES_MAX];
    *lane = (struct lane){ .compute = compute, .job = job };
    if (lanes->input->lanes == 1 || lanes->running == LANES_MAX ||
        pthread_create(&lane->thread, NULL, compute_lane, lane) != 0) {
        compute(job);
        return 0;
    }
    lanes->running++;
    return 0;
}

/* The end of a quarter; -1 cancels. */
static int wait_for_lanes(void *context)
{
    struct lanes *lanes = context;
    while (lanes->running > 0) {
        lanes->running--;
        (void)pthread_join(lanes->lane[lanes->running].thread, NULL);
    }
    const struct crypto_argon2 *input = lanes->input;
    return !input->go_on || input->go_on(input->user, 1) ? 0 : -1;
}

static int failure_of(gcry_error_t error)
{
    switch (gcry_err_code(error)) {
    case GPG_ERR_NO_ERROR:
        return 0;
    case GPG_ERR_ENOMEM:
        return -ENOMEM;
    case GPG_ERR_CANCELED:
        return -ECANCELED;
    default:
        return -EINVAL;
    }
}

int crypto_argon2(uint8_t *out, size_t out_size, const struct crypto_argon2 *input)
{
    if (input->lanes == 0 || input->lanes > LANES_MAX || input->passes == 0 || input->memory < 8 * input->lanes ||
        out_size < 4) {
        return -EINVAL;
    }
    struct lanes lanes = { .input = input };
    const gcry_kdf_thread_ops_t threads = { &lanes, start_lane, wait_for_lanes };
    const unsigned long cost[] = { out_size, input->passes, input->memory, input->lanes };
    gcry_kdf_hd_t kdf;
    gcry_error_t error =
        gcry_kdf_open(&kdf, GCRY_KDF_ARGON2, input->independent ? GCRY_KDF_ARGON2I : GCRY_KDF_ARGON2ID, cost, 4,
                      input->password, input->password_size, input->salt, input->salt_size, NULL, 0, NULL, 0);
    if (error) {
        return failure_of(error);
    }
    error = gcry_kdf_compute(kdf, &threads);
    if (!error) {
        error = gcry_kdf_final(kdf, out_size, out);
    }
    gcry_kdf_close(kdf); /* wipes */
    if (error) {
        crypto_wipe(out, out_size);
    }
    return failure_of(error);
}
