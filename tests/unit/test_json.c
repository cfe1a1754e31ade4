/* SPDX-License-Identifier: ISC */
/* test_json.c - the values of JSON documents. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "json.h"

static const char *plain(struct json_object *object)
{
    return json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
}

static void expect(struct json_object *object, const char *text)
{
    assert_string_equal(plain(object), text);
    json_object_put(object);
}

static void test_schema(void **state)
{
    (void)state;
    expect(json_document("info"), "{\"schema\":\"coffer.info/1\"}");
}

static void test_values(void **state)
{
    struct json_object *object = json_object_new_object();

    (void)state;
    json_add_number(object, "largest", UINT64_MAX);
    json_add_bool(object, "yes", true);
    json_add_text(object, "none", NULL);
    json_add_text(object, "text", "a\"\n\x1b\xff");
    expect(object, "{\"largest\":18446744073709551615,\"yes\":true,\"none\":null,"
                   "\"text\":\"a\\\"\\n\\u001b\xef\xbf\xbd\"}");
}

static void test_paths(void **state)
{
    struct json_object *object = json_object_new_object();

    (void)state;
    json_add_path(object, "volume", "/a/\xc3\xbc.coffer");
    expect(object, "{\"volume\":\"/a/\xc3\xbc.coffer\"}");
    object = json_object_new_object();
    json_add_path(object, "volume", "/\xff");
    expect(object, "{\"volume\":\"/\xef\xbf\xbd\",\"volume_bytes\":\"L/8=\"}");
    object = json_object_new_object();
    json_add_path(object, "v", "\xff");
    expect(object, "{\"v\":\"\xef\xbf\xbd\",\"v_bytes\":\"/w==\"}");
    object = json_object_new_object();
    json_add_path(object, "v", "\xff\xfe\xfd");
    expect(object, "{\"v\":\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\",\"v_bytes\":\"//79\"}");
}

static void test_times(void **state)
{
    struct json_object *object = json_object_new_object();

    (void)state;
    json_add_time(object, "a", 0);
    json_add_time(object, "b", 1795755600);
    json_add_time(object, "c", UINT64_C(253402300799));
    json_add_time(object, "d", UINT64_C(253402300800)); /* the year 10000 */
    json_add_time(object, "e", UINT64_MAX);
    expect(object, "{\"a\":\"1970-01-01T00:00:00Z\",\"b\":\"2026-11-27T05:00:00Z\","
                   "\"c\":\"9999-12-31T23:59:59Z\",\"d\":null,\"e\":null}");
}

static void test_uuid(void **state)
{
    static const uint8_t uuid[16] = { 0x12, 0x3e, 0x45, 0x67, 0xe8, 0x9b, 0x12, 0xd3,
                                      0xa4, 0x56, 0x42, 0x66, 0x14, 0x17, 0x40, 0x00 };
    struct json_object *object = json_object_new_object();

    (void)state;
    json_add_uuid(object, "uuid", uuid);
    expect(object, "{\"uuid\":\"123e4567-e89b-12d3-a456-426614174000\"}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_schema), cmocka_unit_test(test_values), cmocka_unit_test(test_paths),
        cmocka_unit_test(test_times),  cmocka_unit_test(test_uuid),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
