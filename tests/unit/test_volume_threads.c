/* SPDX-License-Identifier: ISC */
/*
 * Many threads on one volume against a model: reads, writes and discards of any alignment. Each thread owns every
 * eighth stretch of 700 bytes, so that neighbours share sectors but never bytes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "coffer.h"
#include "helper_volume.h"

#define THREADS   8u
#define STRETCH   700u
#define STRETCHES 300u
#define ROUNDS    1250u /* of each thread: 10000 together */

struct worker {
    struct coffer_volume *volume;
    unsigned number, random;
    bool thin;
    const char *wrong;
    uint8_t model[STRETCHES][STRETCH];
};

static unsigned next(struct worker *worker)
{
    worker->random = worker->random * 1103515245u + 12345u;
    return worker->random >> 8;
}

static void *work(void *context)
{
    struct worker *worker = context;
    uint8_t back[STRETCH];
    for (unsigned i = 0; i < ROUNDS && worker->wrong == NULL; i++) {
        unsigned stretch = next(worker) % STRETCHES, at = next(worker) % STRETCH;
        unsigned size = 1 + next(worker) % (STRETCH - at), kind = next(worker) % 4;
        uint8_t *model = worker->model[stretch] + at;
        uint64_t offset = (uint64_t)(stretch * THREADS + worker->number) * STRETCH + at;
        enum coffer_status status;
        if (kind == 0 && worker->thin) {
            memset(model, 0, size);
            status = coffer_volume_discard(worker->volume, offset, size, NULL);
        } else if (kind < 3) {
            memset(model, (int)next(worker), size);
            status = coffer_volume_pwrite(worker->volume, model, size, offset, NULL);
        } else {
            status = coffer_volume_pread(worker->volume, back, size, offset, NULL);
            if (status == COFFER_OK && memcmp(back, model, size) != 0) {
                worker->wrong = "reads something else";
            }
        }
        worker->wrong = status != COFFER_OK ? "fails" : worker->wrong;
    }
    return NULL;
}

static void many_threads(uint32_t sector_size, bool thin)
{
    static struct worker workers[THREADS];
    static uint8_t zeros[1 << 20];
    struct coffer_create_options options = helper_small();
    struct coffer_volume *volume;
    pthread_t thread[THREADS];
    options.sector_size = sector_size;
    options.thin = thin;
    helper_create(&options);
    assert_int_equal(helper_open("correct", false, &volume), COFFER_OK);
    for (uint64_t at = 0; at < 2u << 20; at += sizeof(zeros)) {
        assert_int_equal(coffer_volume_pwrite(volume, zeros, sizeof(zeros), at, NULL), COFFER_OK);
    }
    memset(workers, 0, sizeof(workers));
    for (unsigned i = 0; i < THREADS; i++) {
        workers[i].volume = volume;
        workers[i].number = workers[i].random = i;
        workers[i].thin = thin;
        assert_int_equal(pthread_create(&thread[i], NULL, work, &workers[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(thread[i], NULL), 0);
        if (workers[i].wrong != NULL) {
            fail_msg("thread %u %s", i, workers[i].wrong);
        }
    }
    assert_int_equal(coffer_volume_close(volume, NULL), COFFER_OK);
    assert_int_equal(helper_open("correct", true, &volume), COFFER_OK);
    for (unsigned i = 0; i < THREADS; i++) {
        for (unsigned stretch = 0; stretch < STRETCHES; stretch++) {
            uint8_t back[STRETCH];
            uint64_t offset = (uint64_t)(stretch * THREADS + i) * STRETCH;
            assert_int_equal(coffer_volume_pread(volume, back, STRETCH, offset, NULL), COFFER_OK);
            assert_memory_equal(back, workers[i].model[stretch], STRETCH);
        }
    }
    assert_int_equal(coffer_volume_close(volume, NULL), COFFER_OK);
}

static void test_thin_4096(void **state)
{
    (void)state;
    many_threads(4096, true);
}

static void test_thin_512(void **state)
{
    (void)state;
    many_threads(512, true);
}

static void test_thick_4096(void **state)
{
    (void)state;
    many_threads(4096, false);
}

/* The file is cut short while it is open: errors, nothing else. */
static void test_truncated_while_open(void **state)
{
    (void)state;
    struct coffer_create_options options = helper_small();
    struct coffer_volume *volume;
    uint8_t data[8192] = { 1 };
    options.thin = false;
    helper_create(&options);
    assert_int_equal(helper_open("correct", false, &volume), COFFER_OK);
    assert_int_equal(truncate(helper_path, 2 << 20), 0);
    assert_int_equal(coffer_volume_pread(volume, data, sizeof(data), 2 << 20, NULL), COFFER_FAILED);
    assert_int_equal(coffer_volume_pwrite(volume, data, 100, (2 << 20) + 50, NULL), COFFER_FAILED);
    assert_int_equal(coffer_volume_pread(volume, data, sizeof(data), 0, NULL), COFFER_OK);
    assert_int_equal(truncate(helper_path, 16 << 20), 0);
    assert_int_equal(coffer_volume_pread(volume, data, sizeof(data), 2 << 20, NULL), COFFER_OK);
    (void)coffer_volume_close(volume, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_thin_4096, helper_enter, helper_leave),
        cmocka_unit_test_setup_teardown(test_thin_512, helper_enter, helper_leave),
        cmocka_unit_test_setup_teardown(test_thick_4096, helper_enter, helper_leave),
        cmocka_unit_test_setup_teardown(test_truncated_while_open, helper_enter, helper_leave),
    };
    return coffer_init(NULL) == COFFER_OK ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
