/* SPDX-License-Identifier: ISC */
/*
 * serve_image IMAGE DIR [OPTION...] - shows the files of an ext, NTFS, FAT or exFAT image in DIR until it is unmounted, for tests.
 * Prints "ready" when it is. Options: checked (fsck has passed), owner=UID:GID, other (allow_other), read-only, through (no write-back cache).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fake_volume.h"
#include "files.h"
#include "serve.h"

static enum coffer_status (*const drivers[])(struct coffer_volume *volume, const struct files_options *options,
                                             struct files **files, struct coffer_error *error) = {
    files_open_ext,
    files_open_ntfs,
    files_open_fat,
    files_open_exfat,
};

static int give_up(const char *what, const struct coffer_error *error)
{
    printf("%s: %s (%s)\n", what, error->text, strerror(error->sys));
    return 1;
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        return 2;
    }
    struct serve_options options = { .mount_point = argv[2], .source = argv[1], .writeback = true };
    struct serve_owner owner = { .mapped = false };
    struct files_options how = { .uid = getuid(), .gid = getgid() };
    for (int i = 3; i < argc; i++) {
        if (sscanf(argv[i], "owner=%u:%u", &owner.uid, &owner.gid) == 2) {
            owner.mapped = true;
        }
        options.allow_other |= strcmp(argv[i], "other") == 0;
        options.writeback &= strcmp(argv[i], "through") != 0;
        how.read_only |= strcmp(argv[i], "read-only") == 0;
        how.checked |= strcmp(argv[i], "checked") == 0;
    }
    struct coffer_error error = COFFER_ERROR_INIT;
    struct coffer_volume *volume = fake_volume_open(argv[1], false);
    struct files *files;
    struct serve_session *session;
    enum coffer_status status = COFFER_NOT_FOUND;
    for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]) && status == COFFER_NOT_FOUND; i++) {
        error = (struct coffer_error)COFFER_ERROR_INIT;
        status = drivers[i](volume, &how, &files, &error);
    }
    if (status != COFFER_OK) {
        return give_up("open", &error);
    }
    if (serve_files(files, &owner, &options, &session, &error) != COFFER_OK) {
        return give_up("serve", &error);
    }
    printf("ready %s\n", files->note);
    fflush(stdout);
    enum coffer_status served = serve_wait(session, &error);
    serve_free(session);
    enum coffer_status closed = files->ops->close(files, &error);
    fake_volume_close(volume);
    return served != COFFER_OK || closed != COFFER_OK ? give_up("end", &error) : 0;
}
