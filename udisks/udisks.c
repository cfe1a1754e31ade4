/* SPDX-License-Identifier: ISC */
/* udisks.c - the calls of udisks2 that udisks.h offers, after its D-Bus interface. */
#include "udisks.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "bus.h"

#define DISCOVER_S 20  /* for what is on a new device to be known */
#define LOOK_MS    100 /* between two looks */

enum coffer_status udisks_check(struct coffer_error *error)
{
    SCOPE_BUS struct bus_call call = { 0 };

    enum coffer_status status = bus_begin(&call, BUS_MANAGER, "Manager", "GetBlockDevices", error);
    return status ? status : bus_send(&call, sd_bus_message_append(call.request, "a{sv}", 0), NULL, error);
}

/* ---- Loop devices ---- */

enum coffer_status udisks_attach(int file, bool read_only, udisks_stop_fn *stop, struct coffer_error *error)
{
    SCOPE_BUS struct bus_call call = { 0 };
    const char *object;

    enum coffer_status status = bus_begin(&call, BUS_MANAGER, "Manager", "LoopSetup", error);
    if (status != COFFER_OK) {
        return status;
    }
    int result = sd_bus_message_append(call.request, "ha{sv}", file, 2, "read-only", "b", (int)read_only,
                                       "no-part-scan", "b", 1);
    status = bus_send(&call, result, stop, error);
    if (status != COFFER_OK) {
        return status;
    }
    result = sd_bus_message_read(call.answer, "o", &object);
    return result < 0 ? bus_fail(result, error) : COFFER_OK;
}

/* Which object a device is; *object, to be freed. */
static enum coffer_status resolve(struct bus_call *call, const char *device, char **object,
                                  struct coffer_error *error)
{
    const char *first;

    enum coffer_status status = bus_begin(call, BUS_MANAGER, "Manager", "ResolveDevice", error);
    if (status != COFFER_OK) {
        return status;
    }
    int result = sd_bus_message_append(call->request, "a{sv}a{sv}", 1, "path", "s", device, 0);
    status = bus_send(call, result, NULL, error);
    if (status != COFFER_OK) {
        return status;
    }
    result = sd_bus_message_enter_container(call->answer, 'a', "o");
    result = result < 0 ? result : sd_bus_message_read(call->answer, "o", &first);
    if (result == 0) {
        error->status = COFFER_FAILED;
        error->sys = ENODEV;
        snprintf(error->text, sizeof(error->text), "udisks2 does not know the device %.64s", device);
        return COFFER_FAILED;
    }
    *object = result < 0 ? NULL : strdup(first);
    return *object ? COFFER_OK : bus_fail(result < 0 ? result : -ENOMEM, error);
}

static void free_text(char **text)
{
    free(*text);
}

#define SCOPE_TEXT __attribute__((cleanup(free_text)))

/* Not SetAutoclear, which asks the kernel for the number of the file, as root: that is kept from seeing it. */
enum coffer_status udisks_detach(const char *device, struct coffer_error *error)
{
    SCOPE_BUS struct bus_call call = { 0 };
    SCOPE_TEXT char *object = NULL;

    enum coffer_status status = resolve(&call, device, &object, error);
    status = status ? status : bus_begin(&call, object, "Loop", "Delete", error);
    return status ? status : bus_send(&call, sd_bus_message_append(call.request, "a{sv}", 0), NULL, error);
}

/* ---- Mounting ---- */

static enum coffer_status try_to_mount(struct bus_call *call, const char *object, const char *options,
                                       udisks_stop_fn *stop, struct coffer_error *error)
{
    enum coffer_status status = bus_begin(call, object, "Filesystem", "Mount", error);

    return status
               ? status
               : bus_send(call,
                          sd_bus_message_append(call->request, "a{sv}", 1, "options", "s", options ? options : ""),
                          stop, error);
}

static time_t now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec;
}

/* A path in which nothing is hidden from who reads it. */
static enum coffer_status read_place(struct bus_call *call, char **place, struct coffer_error *error)
{
    const char *text;

    int result = sd_bus_message_read(call->answer, "s", &text);
    if (result < 0) {
        return bus_fail(result, error);
    }
    for (const char *at = text; *at; at++) {
        if ((unsigned char)*at < ' ' || *at == '\x7f') {
            return bus_fail(-EBADMSG, error);
        }
    }
    *place = text[0] == '/' ? strdup(text) : NULL;
    return *place ? COFFER_OK : bus_fail(text[0] == '/' ? -ENOMEM : -EBADMSG, error);
}

/* The object of a device gets its interface for file systems when udev has looked at what is on it. */
enum coffer_status udisks_mount(const char *device, const char *options, udisks_stop_fn *stop, char **place,
                                struct coffer_error *error)
{
    SCOPE_BUS struct bus_call call = { 0 };
    SCOPE_TEXT char *object = NULL;
    const time_t end = now() + DISCOVER_S;

    enum coffer_status status = resolve(&call, device, &object, error);
    if (status != COFFER_OK) {
        return status;
    }
    for (;;) {
        struct coffer_error failure = COFFER_ERROR_INIT;
        status = try_to_mount(&call, object, options, stop, &failure);
        if (status == COFFER_OK) {
            return read_place(&call, place, error);
        }
        if (!call.is_unknown || now() >= end || (stop && stop())) {
            *error = failure;
            break;
        }
        poll(NULL, 0, LOOK_MS);
    }
    if (call.is_unknown) {
        snprintf(error->text, sizeof(error->text), "udisks2 finds no file system that it mounts");
    }
    return status;
}

enum coffer_status udisks_unmount(const char *device, bool lazy, struct coffer_error *error)
{
    SCOPE_BUS struct bus_call call = { 0 };
    SCOPE_TEXT char *object = NULL;

    enum coffer_status status = resolve(&call, device, &object, error);
    status = status ? status : bus_begin(&call, object, "Filesystem", "Unmount", error);
    return status ? status
                  : bus_send(&call, sd_bus_message_append(call.request, "a{sv}", 1, "force", "b", (int)lazy), NULL,
                             error);
}

/* ---- Descriptors ---- */

/* What was given is that device, whatever name udisks2 found for it. */
static bool is_that_device(int fd, const char *device)
{
    struct stat given, wanted;

    return fstat(fd, &given) == 0 && stat(device, &wanted) == 0 && S_ISBLK(given.st_mode) &&
           S_ISBLK(wanted.st_mode) && given.st_rdev == wanted.st_rdev;
}

static enum coffer_status read_descriptor(struct bus_call *call, const char *device, int *fd,
                                          struct coffer_error *error)
{
    int given;

    int result = sd_bus_message_read(call->answer, "h", &given); /* it goes with the message */
    if (result < 0 || !is_that_device(given, device)) {
        return bus_fail(result < 0 ? result : -EBADMSG, error);
    }
    *fd = fcntl(given, F_DUPFD_CLOEXEC, 3);
    return *fd < 0 ? bus_fail(-errno, error) : COFFER_OK;
}

enum coffer_status udisks_open(const char *device, int flags, int *fd, struct coffer_error *error)
{
    SCOPE_BUS struct bus_call call = { 0 };
    SCOPE_TEXT char *object = NULL;
    const char *mode = (flags & O_ACCMODE) == O_RDONLY ? "r" : "rw";

    enum coffer_status status = resolve(&call, device, &object, error);
    status = status ? status : bus_begin(&call, object, "Block", "OpenDevice", error);
    if (status != COFFER_OK) {
        return status;
    }
    int result =
        sd_bus_message_append(call.request, "sa{sv}", mode, 1, "flags", "i", (flags & O_EXCL) | O_CLOEXEC);
    status = bus_send(&call, result, NULL, error);
    return status ? status : read_descriptor(&call, device, fd, error);
}

const char *udisks_component(void)
{
    return SDBUS;
}
