/* SPDX-License-Identifier: ISC */
/* content.c - our own volumes by the library, everything else by libblkid. Reads only. */
#include "content.h"

#include <blkid/blkid.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "coffer.h"
#include "device_open.h"
#include "scope.h"

static void free_probe(blkid_probe *probe)
{
    blkid_free_probe(*probe);
}

static const char *look_up(blkid_probe probe, const char *name)
{
    const char *value;

    return blkid_probe_lookup_value(probe, name, &value, NULL) == 0 ? value : NULL;
}

static void describe_probe(blkid_probe probe, size_t size, char *text)
{
    const char *type = look_up(probe, "TYPE");
    const char *label = look_up(probe, "LABEL");
    const char *table = look_up(probe, "PTTYPE");

    if (type) {
        snprintf(text, size, label ? "%s '%s'" : "%s", type, label);
    } else if (table) {
        snprintf(text, size, "%s partition table", table);
    }
}

static void describe_other(int fd, size_t size, char *text)
{
    __attribute__((cleanup(free_probe))) blkid_probe probe = blkid_new_probe();

    if (!probe || blkid_probe_set_device(probe, fd, 0, 0) != 0) {
        return;
    }
    blkid_probe_enable_superblocks(probe, 1);
    blkid_probe_set_superblocks_flags(probe, BLKID_SUBLKS_TYPE | BLKID_SUBLKS_LABEL);
    blkid_probe_enable_partitions(probe, 1);
    int found = blkid_do_safeprobe(probe);
    if (found == 0) {
        describe_probe(probe, size, text);
    } else if (found == -2) {
        snprintf(text, size, "traces of several file systems");
    }
}

int content_find_type(const char *path, size_t size, char *type)
{
    SCOPE_FD int fd = device_open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    __attribute__((cleanup(free_probe))) blkid_probe probe = blkid_new_probe();

    type[0] = '\0';
    if (fd < 0 || !probe || blkid_probe_set_device(probe, fd, 0, 0) != 0) {
        return fd < 0 ? errno : ENOMEM;
    }
    blkid_probe_enable_superblocks(probe, 1);
    blkid_probe_set_superblocks_flags(probe, BLKID_SUBLKS_TYPE);
    if (blkid_do_safeprobe(probe) == 0) {
        const char *found = look_up(probe, "TYPE");
        snprintf(type, size, "%s", found ? found : "");
    }
    return 0;
}

int content_describe(const char *path, size_t size, char *text)
{
    struct coffer_info info = { .size = sizeof(info) };
    struct coffer_error error = COFFER_ERROR_INIT;
    SCOPE_FD int fd = device_open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    text[0] = '\0';
    if (fd < 0) {
        return errno;
    }
    switch (coffer_probe(path, &info, &error)) {
    case COFFER_OK:
        snprintf(text, size, info.label[0] ? "%s volume '%s'" : "%s volume", info.format, info.label);
        break;
    case COFFER_DAMAGED:
    case COFFER_UNSUPPORTED:
        snprintf(text, size, "coffer volume (%s)", error.text);
        break;
    default:
        describe_other(fd, size, text);
        break;
    }
    return 0;
}
