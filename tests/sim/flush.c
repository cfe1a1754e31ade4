/* SPDX-License-Identifier: ISC */
/*
 * A flush that failed: what the system dropped then, no later flush of the same opening may call safe (DATA-6,
 * CONV-9), and closing says so. The next opening starts anew. Errors of the medium are reported as what they are
 * (CONV-10), to whoever reads, writes, flushes or opens.
 */
#include <errno.h>
#include <string.h>

#include "helper_memory.h"
#include "helper_scene.h"

static struct coffer_volume *open_volume(void)
{
    struct coffer_open_options options = scene_options(false);
    struct coffer_error error = COFFER_ERROR_INIT;
    struct coffer_volume *volume;
    scene_must(coffer_volume_open(MACHINE_VOLUME, scene_secret(0), &options, &volume, &error), &error, "open");
    return volume;
}

static void expect_io_error(const char *what, enum coffer_status status, const struct coffer_error *error)
{
    if (status != COFFER_FAILED || error->status != COFFER_FAILED || error->sys != EIO || error->text[0] == '\0') {
        scene_fail("%s: status %d, errno %d, text '%s'", what, (int)status, error->sys, error->text);
    }
}

static void a_failed_flush_is_not_forgotten(void)
{
    struct coffer_error error = COFFER_ERROR_INIT;
    struct coffer_volume *volume = open_volume();
    scene_must(coffer_volume_pwrite(volume, "text", 4, 0, &error), &error, "write");
    machine_fail(CALL_SYNC, 1, EIO);
    expect_io_error("a flush", coffer_volume_flush(volume, &error), &error);
    machine_fail_never();
    for (unsigned i = 0; i < 3; i++) {
        memset(&error, 0, sizeof(error));
        expect_io_error("a later flush", coffer_volume_flush(volume, &error), &error);
        memset(&error, 0, sizeof(error));
        scene_must(coffer_volume_pwrite(volume, "text", 4, 4096, &error), &error, "a write afterwards");
    }
    memset(&error, 0, sizeof(error));
    expect_io_error("closing", coffer_volume_close(volume, &error), &error);

    volume = open_volume();
    memset(&error, 0, sizeof(error));
    scene_must(coffer_volume_pwrite(volume, "text", 4, 0, &error), &error, "write, opened again");
    scene_must(coffer_volume_flush(volume, &error), &error, "flush, opened again");
    scene_must(coffer_volume_close(volume, &error), &error, "close, opened again");
}

static void errors_are_what_they_are(void)
{
    struct coffer_open_options options = scene_options(false);
    struct coffer_error error = COFFER_ERROR_INIT;
    struct coffer_volume *volume = open_volume();
    char text[4096] = "";
    scene_must(coffer_volume_pwrite(volume, text, sizeof(text), 0, &error), &error, "write");
    machine_fail(CALL_READ, 1, EIO);
    expect_io_error("a read", coffer_volume_pread(volume, text, sizeof(text), 0, &error), &error);
    memset(&error, 0, sizeof(error));
    machine_fail(CALL_WRITE, 1, EIO);
    expect_io_error("a write", coffer_volume_pwrite(volume, text, sizeof(text), 0, &error), &error);
    machine_fail_never();
    memset(&error, 0, sizeof(error));
    expect_io_error("closing after a write failed", coffer_volume_close(volume, &error), &error);

    /* Two headers that cannot be read are neither a wrong secret nor no volume. */
    for (int kind = 0; kind < 2; kind++) {
        scene_create(kind == 0 ? SCENE_MARKED : SCENE_UNMARKED);
        options = scene_options(false);
        memset(&error, 0, sizeof(error));
        machine_fail_from(CALL_READ, 1, EIO);
        expect_io_error("opening", coffer_volume_open(MACHINE_VOLUME, scene_secret(0), &options, &volume, &error),
                        &error);
        machine_fail_never();
    }
}

int main(void)
{
    if (coffer_init(NULL) != COFFER_OK) {
        return 1;
    }
    scene_create(SCENE_MARKED);
    a_failed_flush_is_not_forgotten();
    errors_are_what_they_are();
    scene_end();
    return 0;
}
