/* SPDX-License-Identifier: ISC */
/* no_udisks.c - what udisks.h says where sd-bus was not there when this was built. */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>

#include "udisks.h"

enum coffer_status udisks_check(struct coffer_error *error)
{
    if (error && error->status == COFFER_OK) {
        error->status = COFFER_NOT_PERMITTED;
        error->sys = ENOSYS;
        snprintf(error->text, sizeof(error->text), "this program was built without udisks2");
    }
    return COFFER_NOT_PERMITTED;
}

enum coffer_status udisks_attach(int file, bool read_only, udisks_stop_fn *stop, struct coffer_error *error)
{
    (void)file, (void)read_only, (void)stop;
    return udisks_check(error);
}

enum coffer_status udisks_detach(const char *device, struct coffer_error *error)
{
    (void)device;
    return udisks_check(error);
}

enum coffer_status udisks_mount(const char *device, const char *options, udisks_stop_fn *stop, char **place,
                                struct coffer_error *error)
{
    (void)device, (void)options, (void)stop, (void)place;
    return udisks_check(error);
}

enum coffer_status udisks_unmount(const char *device, bool lazy, struct coffer_error *error)
{
    (void)device, (void)lazy;
    return udisks_check(error);
}

enum coffer_status udisks_open(const char *device, int flags, int *fd, struct coffer_error *error)
{
    (void)device, (void)flags, (void)fd;
    return udisks_check(error);
}

const char *udisks_component(void)
{
    return NULL;
}
