/* SPDX-License-Identifier: ISC */
/*
 * What opening says when it repairs, when it cannot, and when it must not: HEAL-8. A repair that fails is no reason to keep
 * the data back; a growth that cannot be finished is.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "helper_keys.h"

static char heard[512];
static unsigned notices;

static void hear(void *user, const char *text)
{
    (void)user;
    (void)snprintf(heard, sizeof(heard), "%s", text);
    notices++;
}

/* Opens, reads, writes, closes; of opening, the write, flush or discard number `at` fails. */
static enum coffer_status use(bool read_only, unsigned at, struct coffer_error *error)
{
    struct coffer_open_options options = scene_options(read_only);
    struct coffer_volume *volume;
    uint8_t data[512] = { 1 };
    *error = (struct coffer_error)COFFER_ERROR_INIT;
    notices = 0;
    heard[0] = '\0';
    options.callbacks.notice = hear;
    machine_fail(CALL_WRITE | CALL_SYNC | CALL_DISCARD, at, EIO);
    enum coffer_status status = coffer_volume_open(MACHINE_VOLUME, scene_secret(0), &options, &volume, error);
    machine_fail_never();
    if (status != COFFER_OK) {
        return status;
    }
    scene_must(coffer_volume_pread(volume, data, sizeof(data), 0, error), error, "read");
    if (!read_only) {
        scene_must(coffer_volume_pwrite(volume, data, sizeof(data), 0, error), error, "write");
    }
    return coffer_volume_close(volume, error);
}

static void expect(const char *what, const char *text)
{
    if (notices != (text != NULL) || (text != NULL && strstr(heard, text) == NULL)) {
        scene_fail("%s: %u notices, the last one '%s'", what, notices, heard);
    }
}

static void a_damaged_copy(uint64_t at)
{
    struct coffer_error error;
    scene_create(SCENE_MARKED);
    scene_must(use(false, 0, &error), &error, "a good volume");
    expect("a good volume", NULL);
    scene_damage(at, HEADER_BLOCK_SIZE);
    scene_must(use(true, 0, &error), &error, "reading a damaged volume");
    expect("reading a damaged volume", "opening it for writing repairs it");
    for (unsigned call = 1; call <= 2; call++) { /* the write, the flush */
        scene_must(use(false, call, &error), &error, "a repair that fails");
        expect("a repair that fails", "could not be repaired: ");
        if (strstr(heard, "input/output error") == NULL) {
            scene_fail("a repair that fails: '%s' gives no reason", heard);
        }
    }
    scene_must(use(false, 0, &error), &error, "a repair");
    expect("a repair", "it has been repaired");
    scene_must(use(false, 0, &error), &error, "a repaired volume");
    expect("a repaired volume", NULL);
    scene_end();
}

static void a_growth_that_cannot_be_finished(void)
{
    struct coffer_open_options options = scene_options(false);
    struct coffer_error error = COFFER_ERROR_INIT;
    uint8_t front[HEADER_BLOCK_SIZE];
    static uint8_t tail[HEADER_END_SIZE];
    scene_create(SCENE_MARKED);
    disk_read(machine.volume, front, sizeof(front), 0);
    disk_read(machine.volume, tail, sizeof(tail), SCENE_TAIL);
    scene_must(coffer_volume_grow(MACHINE_VOLUME, scene_secret(0), &options, SCENE_SIZE + SCENE_GROWTH, &error),
               &error, "grow");
    disk_write(machine.volume, front, sizeof(front), 0);
    disk_write(machine.volume, tail, sizeof(tail), SCENE_TAIL);
    for (unsigned call = 1; call <= 4; call++) { /* two wipes, each with a flush */
        enum coffer_status status = use(false, call, &error);
        if (status != COFFER_FAILED || error.text[0] == '\0') {
            scene_fail("a growth that cannot be finished: status %d at call %u", (int)status, call);
        }
    }
    scene_must(use(false, 0, &error), &error, "a growth that is finished");
    scene_end();
}

int main(void)
{
    if (coffer_init(NULL) != COFFER_OK) {
        return 1;
    }
    a_damaged_copy(0);
    a_damaged_copy(SCENE_TAIL);
    a_growth_that_cannot_be_finished();
    printf("what opening says about repairs, and what it does when they fail\n");
    return 0;
}
