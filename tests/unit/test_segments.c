/* SPDX-License-Identifier: ISC */
/*
 * The map from cleartext to the store: runs that continue each other become one, the list has an end, and whatever its
 * length the run of every byte is found.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "volume.h"

static void add(struct format_opened *opened, enum segment_kind kind, uint64_t size, uint64_t offset,
                uint64_t tweak)
{
    assert_int_equal(format_opened_add(opened, kind, size, offset, tweak, NULL), COFFER_OK);
}

static void runs_that_continue_each_other_are_one(void **state)
{
    struct format_opened *opened = format_opened_new();
    (void)state;
    assert_non_null(opened);
    add(opened, SEGMENT_CIPHER, 4096, 8192, 16);
    add(opened, SEGMENT_CIPHER, 512, 12288, 24);
    add(opened, SEGMENT_CIPHER, 0, 1, 1);
    assert_int_equal(opened->segments, 1);
    assert_int_equal(opened->segment[0].size, 4608);
    add(opened, SEGMENT_CIPHER, 512, 12800, 24); /* another tweak */
    add(opened, SEGMENT_CIPHER, 512, 13824, 25); /* another place */
    assert_int_equal(opened->segments, 3);
    add(opened, SEGMENT_ZERO, 512, 0, 0);
    add(opened, SEGMENT_ZERO, 1024, 0, 0);
    assert_int_equal(opened->segments, 4);
    assert_int_equal(opened->segment[3].start, 5632);
    assert_int_equal(opened->segment[3].size, 1536);
    add(opened, SEGMENT_PLAIN, 512, 512, 0);
    add(opened, SEGMENT_PLAIN, 512, 1024, 0);
    add(opened, SEGMENT_CIPHER, 512, 1536, 0);
    assert_int_equal(opened->segments, 6);
    assert_int_equal(opened->data_size, 4608 + 1024 + 1536 + 1024 + 512);
    format_opened_free(opened);
}

static void one_run_replaces_all(void **state)
{
    struct format_opened *opened = format_opened_new();
    (void)state;
    assert_non_null(opened);
    add(opened, SEGMENT_ZERO, 512, 0, 0);
    format_opened_place(opened, 1024, 4096, 7);
    format_opened_place(opened, 2048, 4096, 7);
    assert_int_equal(opened->segments, 1);
    assert_int_equal(opened->data_size, 2048);
    assert_int_equal(opened->segment[0].start, 0);
    assert_int_equal(opened->segment[0].size, 2048);
    format_opened_free(opened);
}

static void bytes_end_where_they_cannot_be_counted(void **state)
{
    struct format_opened *opened = format_opened_new();
    (void)state;
    assert_non_null(opened);
    add(opened, SEGMENT_ZERO, UINT64_MAX - 511, 0, 0);
    assert_int_equal(format_opened_add(opened, SEGMENT_ZERO, 512, 0, 0, NULL), COFFER_DAMAGED);
    assert_int_equal(format_opened_add(opened, SEGMENT_CIPHER, 1024, 0, 0, NULL), COFFER_DAMAGED);
    assert_int_equal(opened->segments, 1);
    format_opened_free(opened);
}

/* What volume.c looks runs up in. */
static void expect_lookups(const struct format_opened *opened, uint64_t step)
{
    const struct coffer_volume volume = { .segment = opened->segment, .segments = opened->segments };
    for (uint64_t offset = 0; offset < opened->data_size; offset += step) {
        const struct segment *found = volume_segment_at(&volume, offset);
        assert_true(found->start <= offset && offset - found->start < found->size);
    }
    const struct segment *last = volume_segment_at(&volume, opened->data_size - 1);
    assert_ptr_equal(last, &opened->segment[opened->segments - 1]);
}

static void every_byte_has_its_run(void **state)
{
    (void)state;
    for (uint64_t count = 1; count < 40; count++) {
        struct format_opened *opened = format_opened_new();
        assert_non_null(opened);
        for (uint64_t i = 0; i < count; i++) {
            add(opened, SEGMENT_CIPHER, 512 * (1 + i % 3), 8192 * (count - i), 0);
        }
        assert_int_equal(opened->segments, count);
        expect_lookups(opened, 256);
        format_opened_free(opened);
    }
}

static void holes_are_where_the_map_has_no_place(void **state)
{
    struct coffer_error error = COFFER_ERROR_INIT;
    struct format_opened *opened = format_opened_new();
    uint64_t found = 0;
    (void)state;
    assert_non_null(opened);
    add(opened, SEGMENT_CIPHER, 1024, 0, 0);
    add(opened, SEGMENT_CIPHER, 1024, 4096, 0);
    add(opened, SEGMENT_ZERO, 512, 0, 0);
    add(opened, SEGMENT_PLAIN, 512, 0, 0);
    add(opened, SEGMENT_ZERO, 512, 0, 0);
    struct coffer_volume volume = { .segment = opened->segment, .segments = 5, .data_size = opened->data_size };
    assert_int_equal(coffer_volume_seek(&volume, 7, true, &found, NULL), COFFER_OK);
    assert_int_equal(found, 2048);
    assert_int_equal(coffer_volume_seek(&volume, 2100, true, &found, NULL), COFFER_OK);
    assert_int_equal(found, 2100);
    assert_int_equal(coffer_volume_seek(&volume, 2100, false, &found, NULL), COFFER_OK);
    assert_int_equal(found, 2560);
    assert_int_equal(coffer_volume_seek(&volume, 1030, false, &found, NULL), COFFER_OK);
    assert_int_equal(found, 1030);
    assert_int_equal(coffer_volume_seek(&volume, 3072, false, &found, &error), COFFER_FAILED);
    assert_int_equal(error.sys, ENXIO);
    volume.segments = 4;
    volume.data_size = 3072;
    assert_int_equal(coffer_volume_seek(&volume, 2560, true, &found, NULL), COFFER_OK);
    assert_int_equal(found, 3072);
    format_opened_free(opened);
}

static void the_list_has_an_end(void **state)
{
    struct coffer_error error = COFFER_ERROR_INIT;
    struct format_opened *opened = format_opened_new();
    (void)state;
    assert_non_null(opened);
    for (uint64_t i = 0; i < FORMAT_SEGMENTS_MAX; i++) {
        add(opened, SEGMENT_CIPHER, 512, 1024 * i, 0);
    }
    assert_int_equal(format_opened_add(opened, SEGMENT_ZERO, 512, 0, 0, &error), COFFER_UNSUPPORTED);
    assert_string_equal(error.text, "its data lies in more than 4194304 pieces");
    assert_int_equal(opened->segments, FORMAT_SEGMENTS_MAX);
    expect_lookups(opened, 512 * 4099);
    format_opened_free(opened);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_that_continue_each_other_are_one),  cmocka_unit_test(one_run_replaces_all),
        cmocka_unit_test(bytes_end_where_they_cannot_be_counted), cmocka_unit_test(every_byte_has_its_run),
        cmocka_unit_test(holes_are_where_the_map_has_no_place),   cmocka_unit_test(the_list_has_an_end),
    };
    return coffer_init(NULL) == COFFER_OK ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
