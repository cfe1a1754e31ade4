/* SPDX-License-Identifier: ISC */
/*
 * udisks_mount.c - loop devices over our block files (udisks_mount.h).
 *
 * A block file lies in a private mount, which has a state file from before anybody is asked for anything until after
 * all of it is gone. So whoever finds that a server died can find its loop device by the name of its file, however
 * far the server got.
 */
#include "udisks_mount.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mount_table.h"
#include "scope.h"
#include "udisks.h"

#define ATTEMPTS 16 /* nobody attaches more loop devices to one file */

/* The first line of a file in sysfs; "" when it is not there. */
static void read_entry(const char *path, size_t size, char *line)
{
    SCOPE_FILE FILE *stream = fopen(path, "re");

    if (!stream || !fgets(line, (int)size, stream)) {
        line[0] = '\0';
    }
    line[strcspn(line, "\n")] = '\0';
}

/* The file below a loop device, "loop3"; "" when there is none. */
static void read_backing_file(const char *name, char file[static PATH_MAX])
{
    char path[64];

    snprintf(path, sizeof(path), "/sys/block/%.20s/loop/backing_file", name);
    read_entry(path, PATH_MAX, file);
}

bool udisks_mount_find(const char *file, size_t size, char *device)
{
    char backing[PATH_MAX];
    SCOPE_DIR DIR *disks = opendir("/sys/block");

    for (const struct dirent *disk = disks ? readdir(disks) : NULL; disk; disk = readdir(disks)) {
        if (strncmp(disk->d_name, "loop", 4) != 0) {
            continue;
        }
        read_backing_file(disk->d_name, backing);
        if (strcmp(backing, file) == 0) {
            snprintf(device, size, "/dev/%.20s", disk->d_name);
            return true;
        }
    }
    return false;
}

static bool is_loop(const char *device)
{
    static const char before[] = "/dev/loop";
    const char *number = device + strlen(before);

    return strncmp(device, before, strlen(before)) == 0 && *number && number[strspn(number, "0123456789")] == '\0';
}

bool udisks_mount_is_empty(const char *device)
{
    char entry[64], size[32];

    snprintf(entry, sizeof(entry), "/sys/block/%.20s/size", device + strlen("/dev/"));
    read_entry(entry, sizeof(size), size);
    return strcmp(size, "0") == 0;
}

bool udisks_mount_is_of(const char *device, uid_t owner)
{
    char file[PATH_MAX];
    struct mount_table table;

    if (!is_loop(device)) {
        return false;
    }
    read_backing_file(device + strlen("/dev/"), file);
    char *name = strrchr(file, '/');
    if (!name || strcmp(name, "/volume") != 0) {
        return false;
    }
    *name = '\0';
    const struct mount_entry *mount = mount_table_read(&table) ? mount_table_top(&table, file) : NULL;
    bool is_of = mount && mount_entry_is_ours(mount) && mount->owner == owner;
    mount_table_free(&table);
    return is_of;
}

static bool is_mounted(const char *device)
{
    struct mount_table table;
    bool is_there = false;

    if (mount_table_read(&table)) {
        for (size_t i = 0; i < table.count; i++) {
            is_there = is_there || strcmp(table.entries[i].source, device) == 0;
        }
    }
    mount_table_free(&table);
    return is_there;
}

/* One of which the last user goes meanwhile is not there to be detached. */
static enum coffer_status release_one(const char *file, const char *device, struct coffer_error *error)
{
    char still[32];
    struct coffer_error failure = COFFER_ERROR_INIT;

    enum coffer_status status = is_mounted(device) ? udisks_unmount(device, true, &failure) : COFFER_OK;
    if (udisks_mount_find(file, sizeof(still), still) && strcmp(still, device) == 0) {
        status = status ? status : udisks_detach(device, &failure);
    }
    if (status != COFFER_OK && udisks_mount_find(file, sizeof(still), still)) {
        *error = failure;
        return status;
    }
    return COFFER_OK;
}

enum coffer_status udisks_mount_release(const char *file, struct coffer_error *error)
{
    char device[32];
    enum coffer_status status = COFFER_OK;

    for (int i = 0; i < ATTEMPTS && status == COFFER_OK && udisks_mount_find(file, sizeof(device), device); i++) {
        status = release_one(file, device, error);
    }
    return status;
}
