/* SPDX-License-Identifier: ISC */
/*
 * filesystem_grow.c - growing ext with its own program on the block file, btrfs and xfs mounted by the kernel over a
 * loop device, everything else not at all (filesystem_grow.h).
 */
#include "filesystem_grow.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "content.h"
#include "filesystem.h"
#include "private_mount.h"
#include "program.h"
#include "progress.h"
#include "runtime_dir.h"
#include "scope.h"
#include "size.h"
#include "stale.h"
#include "ui.h"

#define E2FSCK_MENDED 1 /* e2fsck(8): errors corrected */

/* How a file system is grown: `program` on the block file, or on the directory where it is mounted. */
struct way {
    const char *type;
    const char *program;
    const char *package;
    bool is_mounted;
    uint64_t minimum; /* bytes to which it can be grown; the kernel refuses less */
};

static const struct way ways[] = {
    { .type = "ext2", .program = "resize2fs", .package = "e2fsprogs" },
    { .type = "ext3", .program = "resize2fs", .package = "e2fsprogs" },
    { .type = "ext4", .program = "resize2fs", .package = "e2fsprogs" },
    { .type = "btrfs",
      .program = "btrfs",
      .package = "btrfs-progs",
      .is_mounted = true,
      .minimum = UINT64_C(256) << 20 },
    { .type = "xfs", .program = "xfs_growfs", .package = "xfsprogs", .is_mounted = true },
};

static const struct way *find_way(const char *type)
{
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        if (strcmp(ways[i].type, type) == 0) {
            return &ways[i];
        }
    }
    return NULL;
}

static enum exit_status find_program(const char *program, const char *package, char path[static PROGRAM_PATH_MAX])
{
    char hint[128];

    if (program_find(program, path)) {
        return EXIT_DONE;
    }
    snprintf(hint, sizeof(hint), "install the package %s, or grow only the container with --container-only",
             package);
    return ui_fail(EXIT_NOT_PERMITTED, hint, "%s is missing", program);
}

/* ---- before the volume grows ---------------------------------------------------------------------------- */

static enum exit_status check_way(const struct way *way, const char *name, uint64_t data_size)
{
    char program[PROGRAM_PATH_MAX];
    char text[SIZE_TEXT_MAX];

    if (way->is_mounted && geteuid() != 0) {
        return ui_fail(
            EXIT_NOT_PERMITTED,
            "do it as root, or grow only the container with --container-only and the rest as root later",
            "cannot resize '%s': %s grows only while the kernel has it mounted, which takes root", name,
            way->type);
    }
    if (data_size < way->minimum) {
        return ui_fail(EXIT_USAGE, "choose a larger size, or --container-only",
                       "cannot resize '%s': %s cannot be grown to less than %s", name, way->type,
                       size_format(way->minimum, text));
    }
    enum exit_status status = find_program(way->program, way->package, program);
    if (status == EXIT_DONE && way->is_mounted) {
        status = find_program("mount", "mount", program);
    }
    return status;
}

static enum exit_status check_ext(const char *path, const char *name)
{
    char e2fsck[PROGRAM_PATH_MAX];
    struct program_result result;

    enum exit_status status = find_program("e2fsck", "e2fsprogs", e2fsck);
    if (status != EXIT_DONE) {
        return status;
    }
    if (program_run((const char *const[]){ e2fsck, "-f", "-p", path, NULL }, progress_is_stopped, &result) ||
        (result.error == 0 && result.status == E2FSCK_MENDED)) {
        return EXIT_DONE;
    }
    if (progress_is_stopped()) {
        return ui_fail(EXIT_INTERRUPTED, NULL, "cannot resize '%s': stopped; the volume is as large as it was",
                       name);
    }
    if (result.error) {
        return ui_fail(EXIT_OTHER, NULL, "cannot run e2fsck: %s", explain_errno(result.error));
    }
    return ui_fail(EXIT_OTHER, "mount it with --block and run 'e2fsck -f DIR/volume'",
                   "cannot resize '%s': the file system in it is damaged: %s", name, program_last_line(&result));
}

static enum exit_status look(const char *path, const char *name, uint64_t data_size,
                             struct filesystem_content *content)
{
    int number = content_find_type(path, sizeof(content->type), content->type);
    const struct way *way = find_way(content->type);

    if (number != 0) {
        return ui_fail(EXIT_OTHER, NULL, "cannot look into '%s': %s", name, explain_errno(number));
    }
    if (!content->type[0]) {
        ui_warn("no file system is recognised in it: only the container grows");
    } else if (!way) {
        ui_warn("%s cannot be grown here and stays as it is: only the container grows", content->type);
    }
    if (!way) {
        return EXIT_DONE;
    }
    content->can_grow = true;
    enum exit_status status = check_way(way, name, data_size);
    return status == EXIT_DONE && !way->is_mounted ? check_ext(path, name) : status;
}

enum exit_status filesystem_grow_prepare(struct coffer_volume *volume, const char *name, uint64_t data_size,
                                         struct filesystem_content *content)
{
    struct private_mount mount;

    *content = (struct filesystem_content){ .can_grow = false };
    stale_clean_all();
    enum exit_status status = private_mount_check();
    status = status ? status : private_mount_begin(volume, PRIVATE_FOR_PROGRAMS, &mount);
    if (status != EXIT_DONE) {
        return status;
    }
    status = look(mount.path, name, data_size, content);
    enum exit_status ended = private_mount_end(&mount);
    return status ? status : ended;
}

/* ---- afterwards ----------------------------------------------------------------------------------------- */

/* Runs it to its end: half a growth is no state to stop in. */
static enum exit_status run(const char *const *arguments)
{
    struct program_result result;

    if (program_run(arguments, NULL, &result)) {
        return EXIT_DONE;
    }
    if (result.error) {
        return ui_fail(EXIT_OTHER, NULL, "cannot run %s: %s", arguments[0], explain_errno(result.error));
    }
    filesystem_show_output(arguments[0], &result);
    return ui_fail(EXIT_OTHER, NULL, "%s failed with status %d", arguments[0], result.status);
}

static enum exit_status run_found(const struct way *way, const char *place)
{
    char program[PROGRAM_PATH_MAX];

    enum exit_status status = find_program(way->program, way->package, program);
    if (status != EXIT_DONE) {
        return status;
    }
    return strcmp(way->type, "btrfs") == 0
               ? run((const char *const[]){ program, "filesystem", "resize", "max", place, NULL })
               : run((const char *const[]){ program, place, NULL });
}

/* `directory` is ours alone. */
static enum exit_status grow_mounted_at(const struct way *way, const char *path, const char *directory)
{
    char mount[PROGRAM_PATH_MAX];
    char umount[PROGRAM_PATH_MAX];

    enum exit_status status = find_program("mount", "mount", mount);
    status = status ? status : find_program("umount", "mount", umount);
    status = status ? status
                    : run((const char *const[]){ mount, "-t", way->type, "-o", "loop,nosuid,nodev,noexec", path,
                                                 directory, NULL });
    if (status != EXIT_DONE) {
        return status;
    }
    status = run_found(way, directory);
    enum exit_status ended = run((const char *const[]){ umount, directory, NULL });
    return status ? status : ended;
}

static enum exit_status grow_mounted(const struct way *way, const char *path)
{
    __attribute__((cleanup(runtime_dir_close))) struct runtime_dir runtime = RUNTIME_DIR_NONE;

    enum exit_status status = runtime_dir_open(&runtime);
    if (status != EXIT_DONE) {
        return status;
    }
    SCOPE_FREE char *directory = runtime_dir_make_private(&runtime);
    if (!directory) {
        return ui_fail(EXIT_OTHER, NULL, "cannot make a directory in '%s': %s", runtime.path,
                       explain_errno(errno));
    }
    status = grow_mounted_at(way, path, directory);
    rmdir(directory);
    return status;
}

enum exit_status filesystem_grow(struct coffer_volume *volume, const char *name,
                                 const struct filesystem_content *content)
{
    const struct way *way = find_way(content->type);
    struct private_mount mount;

    enum exit_status status = private_mount_begin(volume, PRIVATE_FOR_PROGRAMS, &mount);
    if (status != EXIT_DONE) {
        return status;
    }
    ui_detail("growing the %s in '%s'", way->type, name);
    status = way->is_mounted ? grow_mounted(way, mount.path) : run_found(way, mount.path);
    enum exit_status ended = private_mount_end(&mount);
    return status ? status : ended;
}
