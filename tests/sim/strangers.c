/* SPDX-License-Identifier: ISC */
/*
 * An unmarked store with the front of one volume and the tail of another: whose the tail is, only a key derivation can
 * say (HEAL-9). Whatever allocation or derivation fails on the way, no byte of the store is written, neither by opening
 * it nor by a change of keys that needs no derivation itself (UPD-9).
 */
#include <stdio.h>

#include "helper_memory.h"
#include "helper_scene.h"

static void put_together(unsigned former)
{
    uint8_t tail[HEADER_BLOCK_SIZE];
    scene_create_with(SCENE_UNMARKED, former);
    disk_read(machine.volume, tail, sizeof(tail), SCENE_TAIL);
    scene_create(SCENE_UNMARKED);
    disk_write(machine.volume, tail, sizeof(tail), SCENE_TAIL);
}

/* Opens for writing and writes, as far as it can. */
static enum coffer_status write_data(struct coffer_error *error)
{
    struct coffer_open_options options = scene_options(false);
    struct coffer_volume *volume;
    enum coffer_status status = coffer_volume_open(MACHINE_VOLUME, scene_secret(0), &options, &volume, error);
    if (status == COFFER_OK) {
        status = coffer_volume_pwrite(volume, "x", 1, 0, error);
        (void)coffer_volume_close(volume, NULL);
    }
    return status;
}

static enum coffer_status remove_key(struct coffer_error *error)
{
    struct coffer_open_options options = scene_options(false);
    struct coffer_header *header;
    enum coffer_status status = coffer_header_open(MACHINE_VOLUME, scene_secret(0), &options, &header, error);
    if (status == COFFER_OK) {
        status = coffer_header_remove_key(header, 0, true, error);
        coffer_header_close(header);
    }
    return status;
}

static unsigned expect_untouched(const char *what, enum coffer_status (*act)(struct coffer_error *))
{
    const uint64_t before = machine.bytes_written;
    bool failed = true;
    unsigned at = 0;
    while (failed) {
        struct coffer_error error = COFFER_ERROR_INIT;
        memory_fail(++at);
        enum coffer_status status = act(&error);
        failed = memory_has_failed();
        memory_fail(0);
        if (machine.bytes_written != before) {
            scene_fail("%s: written when allocation %u failed", what, at);
        }
        if (status == COFFER_OK || error.text[0] == '\0') {
            scene_fail("%s: status %d, '%s' when allocation %u failed", what, (int)status, error.text, at);
        }
    }
    return at;
}

int main(void)
{
    unsigned states = 0;
    if (coffer_init(NULL) != COFFER_OK) {
        return 1;
    }
    scene_use_passphrases(true);
    memory_cheapen(1u << 20);
    put_together(0);
    states += expect_untouched("data", write_data);
    states += expect_untouched("a key", remove_key);
    scene_end();
    printf("%u failures on the way to another volume's tail\n", states);
    return 0;
}
