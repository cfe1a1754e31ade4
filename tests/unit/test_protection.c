/* SPDX-License-Identifier: ISC */
/*
 * Writes, discards and zeros of an outer volume around a hidden one that is protected (HIDDEN-6): what touches a sector of
 * it fails as a whole, nothing of it is on the medium, and what is read back are the old bytes; everything else works.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "coffer.h"
#include "helper_volume.h"

#define HIDDEN_SIZE (256u << 10)
#define WRITE_MAX   12288u

static uint8_t before[HELPER_SIZE], after[HELPER_SIZE];
static uint64_t data_offset, hidden_start, hidden_end; /* the latter in the outer volume */

static void create(struct coffer_credential *outer, struct coffer_credential *hidden, uint32_t sector_size,
                   bool unmarked)
{
    struct coffer_create_options options = helper_filled(unmarked);
    struct coffer_volume *volume;
    struct coffer_info info = { .size = sizeof(info) };
    options.sector_size = sector_size;
    options.replace = true;
    assert_int_equal(coffer_volume_create(helper_path, outer, &options, &volume, NULL), COFFER_OK);
    assert_int_equal(coffer_volume_publish(volume, NULL), COFFER_OK);
    assert_int_equal(coffer_volume_info(volume, &info, NULL), COFFER_OK);
    assert_int_equal(coffer_volume_close(volume, NULL), COFFER_OK);
    data_offset = info.data_offset;
    options = helper_filled(unmarked);
    options.container_size = HIDDEN_SIZE;
    options.sector_size = 4608 - sector_size; /* the other size */
    assert_int_equal(coffer_volume_create_hidden(helper_path, outer, hidden, &options, &volume, NULL), COFFER_OK);
    assert_int_equal(coffer_volume_info(volume, &info, NULL), COFFER_OK);
    assert_int_equal(coffer_volume_close(volume, NULL), COFFER_OK);
    hidden_start = info.data_offset - data_offset;
    hidden_end = hidden_start + info.data_size;
}

/* One write that begins at `offset`; the sector is what is really written. */
static void try_write(struct coffer_volume *volume, uint64_t offset, size_t size, uint32_t sector)
{
    static uint8_t data[WRITE_MAX], old[WRITE_MAX], now[WRITE_MAX];
    uint64_t first = offset / sector * sector, last = (offset + size + sector - 1) / sector * sector;
    bool touches = first < hidden_end && last > hidden_start;
    memset(data, (int)(offset + size), size);
    assert_int_equal(coffer_volume_pread(volume, old, size, offset, NULL), COFFER_OK);
    helper_get(0, before, HELPER_SIZE);
    enum coffer_status status = coffer_volume_pwrite(volume, data, size, offset, NULL);
    assert_int_equal(status, touches ? COFFER_NOT_PERMITTED : COFFER_OK);
    assert_int_equal(coffer_volume_pread(volume, now, size, offset, NULL), COFFER_OK);
    assert_memory_equal(now, touches ? old : data, size);
    helper_get(0, after, HELPER_SIZE);
    if (touches) {
        assert_memory_equal(before, after, HELPER_SIZE);
    } else { /* nothing beside the sectors */
        assert_memory_equal(before, after, data_offset + first);
        assert_memory_equal(before + data_offset + last, after + data_offset + last,
                            HELPER_SIZE - data_offset - last);
    }
    assert_int_equal(coffer_volume_discard(volume, offset, size, NULL),
                     touches ? COFFER_NOT_PERMITTED : COFFER_UNSUPPORTED);
    helper_get(0, before, HELPER_SIZE);
    assert_memory_equal(before, after, HELPER_SIZE);
}

static void around_every_edge(uint32_t sector, bool unmarked)
{
    static const int64_t NEAR[] = { -4097, -4096, -513, -512, -1, 0, 1, 511, 512, 4096 };
    static const size_t SIZES[] = { 1, 2, 511, 512, 513, 4096, 4097, WRITE_MAX };
    struct coffer_credential *outer = helper_raw_key(1), *hidden = helper_raw_key(2);
    struct coffer_open_options options = COFFER_OPEN_OPTIONS_INIT;
    struct coffer_volume *volume;
    struct coffer_info info = { .size = sizeof(info) };
    create(outer, hidden, sector, unmarked);
    options.protect_hidden = hidden;
    assert_int_equal(coffer_volume_open(helper_path, outer, &options, &volume, NULL), COFFER_OK);
    assert_int_equal(coffer_volume_info(volume, &info, NULL), COFFER_OK);
    const uint64_t edges[] = { hidden_start, hidden_end };
    for (unsigned i = 0; i < 2 * sizeof(NEAR) / sizeof(NEAR[0]); i++) {
        for (unsigned j = 0; j < sizeof(SIZES) / sizeof(SIZES[0]); j++) {
            uint64_t offset = edges[i % 2] + (uint64_t)NEAR[i / 2];
            if (offset <= info.data_size && SIZES[j] <= info.data_size - offset) {
                try_write(volume, offset, SIZES[j], sector);
            }
        }
    }
    assert_int_equal(coffer_volume_close(volume, NULL), COFFER_OK);
    coffer_credential_free(outer);
    coffer_credential_free(hidden);
}

static void test_large_sectors(void **state)
{
    (void)state;
    around_every_edge(4096, false);
}

static void test_small_sectors(void **state)
{
    (void)state;
    around_every_edge(512, false);
}

static void test_unmarked(void **state)
{
    (void)state;
    around_every_edge(4096, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_large_sectors, helper_enter, helper_leave),
        cmocka_unit_test_setup_teardown(test_small_sectors, helper_enter, helper_leave),
        cmocka_unit_test_setup_teardown(test_unmarked, helper_enter, helper_leave),
    };
    if (coffer_init(NULL) != COFFER_OK) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
