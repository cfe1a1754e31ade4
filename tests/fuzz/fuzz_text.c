/* SPDX-License-Identifier: ISC */
/*
 * fuzz_text.c - the small parsers of text: sizes, recovery codes, UTF-8, the kernel's table of mounts, what is remembered. The first
 * byte says which. Where there is a way back, it must lead to the same value.
 */
#include <stdlib.h>
#include <string.h>

#include "escape.h"
#include "mount_table.h"
#include "nearest.h"
#include "recovery.h"
#include "remembered_list.h"
#include "size.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

static void sizes(const char *text)
{
    char shown[SIZE_TEXT_MAX];
    uint64_t bytes;
    if (size_parse(text, &bytes)) {
        require(strlen(size_format(bytes, shown)) < SIZE_TEXT_MAX);
        require(strlen(size_format_exact(bytes, shown)) < SIZE_TEXT_MAX);
    }
}

static void codes(const uint8_t *text, size_t size)
{
    uint8_t key[RECOVERY_KEY_SIZE], again[RECOVERY_KEY_SIZE];
    char code[RECOVERY_TEXT_SIZE];
    if (recovery_decode(text, size, key)) {
        recovery_encode(key, code);
        require(recovery_decode((const uint8_t *)code, strlen(code), again));
        require(memcmp(key, again, sizeof(key)) == 0);
    }
}

static void escapes(const char *text)
{
    char *shown = escape_text(text);
    char *utf8 = escape_to_utf8(text);
    require(shown && utf8 && escape_is_utf8(shown, strlen(shown)) && escape_is_utf8(utf8, strlen(utf8)));
    for (const char *at = shown; *at; at++) {
        require((unsigned char)*at >= ' ' && *at != 0x7f);
    }
    free(shown);
    free(utf8);
}

static void mounts(char *text)
{
    struct mount_table table;
    require(mount_table_parse(text, &table));
    for (size_t i = 0; i < table.count; i++) {
        const struct mount_entry *top = mount_table_top(&table, table.entries[i].mount_point);
        require(!top || strcmp(top->mount_point, table.entries[i].mount_point) == 0); /* NULL: covered */
    }
    mount_table_free(&table);
}

static void records(const uint8_t *text, size_t size)
{
    struct remembered_list list, again;
    remembered_list_parse((const char *)text, size, &list);
    char *written = remembered_list_format(&list);
    require(written != NULL);
    remembered_list_parse(written, strlen(written), &again);
    require(again.count == list.count && memcmp(again.entry, list.entry, list.count * sizeof(list.entry[0])) == 0);
    free(written);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) {
        return 0;
    }
    char *text = malloc(size);
    require(text != NULL);
    memcpy(text, data + 1, size - 1);
    text[size - 1] = 0;
    switch (data[0] % 6) {
    case 0:
        sizes(text);
        break;
    case 1:
        codes(data + 1, size - 1);
        break;
    case 2:
        escapes(text);
        break;
    case 3:
        records(data + 1, size - 1);
        break;
    case 4:
        (void)nearest_distance(text, "passphrase-file");
        (void)nearest_distance("unmount", text);
        break;
    default:
        mounts(text); /* takes it over */
        return 0;
    }
    free(text);
    return 0;
}
