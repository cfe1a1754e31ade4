/* SPDX-License-Identifier: ISC */
/*
 * volume_files.c - opens the file system inside a volume.
 *
 * What other programs have to look at - e2fsck, libblkid - they see through a private mount of the block file,
 * which is gone again before the file system is opened here.
 */
#include "volume_files.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "content.h"
#include "ext_check.h"
#include "fat_check.h"
#include "private_mount.h"
#include "ui.h"

/* What libblkid calls it, and the way out. */
static const struct {
    const char *type, *hint;
} ways_out[] = {
    { "crypto_LUKS", "add --block, and mount DIR/volume with another 'coffer mount'" },
    { "BitLocker", "add --block, and mount DIR/volume with another 'coffer mount'" },
    { "LVM2_member", "as root, mount it with --block, then 'losetup -f DIR/volume' and 'vgchange -ay'" },
    { "linux_raid_member", "as root, mount it with --block, then 'losetup -f DIR/volume' and 'mdadm --assemble'" },
    { "swap", "swap has no files; add --block to see the volume as one file" },
    { "zfs_member", "as root, mount it with --block, then 'losetup -f DIR/volume' and 'zpool import'" },
};

/* Only the kernel knows it, and only to root it listens, or to udisks in a desktop session. */
static const char *hint_for(const char *type)
{
    for (size_t i = 0; i < sizeof(ways_out) / sizeof(ways_out[0]); i++) {
        if (strcmp(type, ways_out[i].type) == 0) {
            return ways_out[i].hint;
        }
    }
    if (type[0] == '\0') {
        return "as root, mount it with --block, then 'losetup -P -f DIR/volume' shows the partitions";
    }
    return geteuid() == 0
               ? "mount it without --via fuse, or add --block to see the volume as one file"
               : "as root, 'coffer mount' can; in a desktop session leave DIR out, and udisks2 mounts it";
}

const char *volume_files_hint_none(const struct coffer_info *info)
{
    if (strcmp(info->format, "qcow") == 0) {
        return info->is_unverified
                   ? "a wrong passphrase looks like this, too; else add --block to see it as one file"
                   : "add --block to see the volume as one file";
    }
    return info->is_unverified
               ? "a wrong key, or a wrong size of keys (--type), looks like this, too: do not write to it"
               : "add --block to see the volume as one file, and make a file system in it";
}

enum exit_status volume_files_refuse(struct coffer_volume *volume, const char *name)
{
    struct private_mount mount;
    struct coffer_info info = { .size = sizeof(info) };
    char text[128] = "", type[32] = "";

    enum exit_status status = private_mount_begin(volume, PRIVATE_FOR_PROGRAMS, &mount);
    if (status != EXIT_DONE) {
        return status;
    }
    content_describe(mount.path, sizeof(text), text);
    content_find_type(mount.path, sizeof(type), type);
    private_mount_end(&mount);
    if (text[0] == '\0') {
        (void)coffer_volume_info(volume, &info, NULL); /* cannot fail: the size is right */
        return ui_fail(EXIT_NOT_PERMITTED, volume_files_hint_none(&info),
                       "cannot show the files of '%s': no file system is in it", name);
    }
    return ui_fail(EXIT_NOT_PERMITTED, hint_for(type),
                   "cannot show the files of '%s': %s is nothing that this program reads by itself", name, text);
}

static const struct driver {
    const char *type; /* what libblkid has to find there; NULL: the driver's own look is enough */
    enum coffer_status (*open)(struct coffer_volume *volume, const struct files_options *options,
                               struct files **files, struct coffer_error *error);
    bool (*check)(const char *path, const char *name); /* what it asks for with EUCLEAN */
} drivers[] = {
    { NULL, files_open_ext, ext_check },
    { NULL, files_open_ntfs, NULL },
    /* A boot sector of FAT can be left over from before; only libblkid looks at what else may be there. */
    { "vfat", files_open_fat, fat_check },
    { "exfat", files_open_exfat, exfat_check },
};

/* What libblkid finds; "" for nothing. */
static void find_type(struct coffer_volume *volume, size_t size, char *type)
{
    struct private_mount mount;

    type[0] = '\0';
    if (private_mount_begin(volume, PRIVATE_FOR_PROGRAMS, &mount) != EXIT_DONE) {
        return;
    }
    content_find_type(mount.path, size, type);
    if (private_mount_end(&mount) != EXIT_DONE) {
        type[0] = '\0';
    }
}

/* True when the file system can be opened for writing now. */
static bool check(struct coffer_volume *volume, const struct driver *driver, const char *name)
{
    struct private_mount mount;

    if (private_mount_begin(volume, PRIVATE_FOR_PROGRAMS, &mount) != EXIT_DONE) {
        return false;
    }
    bool passed = driver->check(mount.path, name);
    return private_mount_end(&mount) == EXIT_DONE && passed;
}

static enum coffer_status open_any(struct coffer_volume *volume, const struct files_options *options,
                                   struct files **files, const struct driver **driver, struct coffer_error *error)
{
    enum coffer_status status = COFFER_NOT_FOUND;
    char type[32];
    bool is_typed = false;

    for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]) && status == COFFER_NOT_FOUND; i++) {
        *error = (struct coffer_error)COFFER_ERROR_INIT;
        *driver = &drivers[i];
        if (drivers[i].type && !is_typed) { /* costs a mount: at most once, and not for what is found without */
            find_type(volume, sizeof(type), type);
            is_typed = true;
        }
        if (!drivers[i].type || strcmp(type, drivers[i].type) == 0) {
            status = drivers[i].open(volume, options, files, error);
        }
    }
    return status;
}

enum exit_status volume_files_open(struct coffer_volume *volume, const char *name, bool read_only,
                                   struct files **files)
{
    struct coffer_error error = COFFER_ERROR_INIT;
    struct files_options options = {
        .read_only = read_only,
        .discard = true,
        .uid = geteuid(),
        .gid = getegid(),
    };

    const struct driver *driver;
    enum coffer_status status = open_any(volume, &options, files, &driver, &error);
    if (status == COFFER_FAILED && error.sys == EUCLEAN && driver->check != NULL) {
        options.checked = check(volume, driver, name);
        options.read_only = !options.checked;
        status = open_any(volume, &options, files, &driver, &error);
    }
    if (status == COFFER_NOT_FOUND) {
        *files = NULL;
        return EXIT_DONE;
    }
    if (status != COFFER_OK) {
        return ui_fail_library(OPERATION_FILES, name, &error);
    }
    if ((*files)->read_only && !read_only) {
        ui_warn("the files of '%s' can only be read%s%s", name, (*files)->note[0] != '\0' ? ": " : "",
                (*files)->note);
    }
    return EXIT_DONE;
}
