/* SPDX-License-Identifier: ISC */
/*
 * fake_udisks.c - fake_udisks MODE-FILE MEDIA-DIRECTORY: answers on the system bus as udisks2 does, as far as coffer
 * asks, and really attaches, mounts and opens. The word in MODE-FILE, read anew at each call, makes it misbehave:
 *   good                          nothing is wrong
 *   refuse-loop, refuse-mount, refuse-open   polkit says no
 *   slow                          every answer takes a moment
 *   late                          a new loop device has no file system for the first few calls
 *   blank                         it never has one
 *   vanish-loop, vanish-mount     ends after LoopSetup; within Mount
 *   hang-loop                     LoopSetup is never answered
 *   type-loop, type-mount, type-open         the answer has another type
 *   lie-loop, lie-mount, lie-open            nothing was done, or to another device
 *   odd-path                      the mount point is one to deceive with
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <poll.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#define UDISKS  "org.freedesktop.UDisks2"
#define BLOCKS  "/org/freedesktop/UDisks2/block_devices"
#define REFUSED UDISKS ".Error.NotAuthorized"

extern char **environ;

static const char *mode_file, *media;
static unsigned mounts_tried;

static bool mode_is(const char *wanted)
{
    char word[32] = "";
    FILE *file = fopen(mode_file, "re");

    if (file && fscanf(file, "%31s", word) != 1) {
        word[0] = '\0';
    }
    if (file) {
        fclose(file);
    }
    return strcmp(word, wanted) == 0;
}

static void be_slow(void)
{
    if (mode_is("slow")) {
        poll(NULL, 0, 300);
    }
}

/* Whether it exits with 0. */
static bool run(const char *const *arguments)
{
    pid_t pid;
    int status;

    return posix_spawnp(&pid, arguments[0], NULL, NULL, (char *const *)(uintptr_t)arguments, environ) == 0 &&
           waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* The device of an object, "/dev/loop3". */
static void find_device(sd_bus_message *call, size_t size, char *device)
{
    snprintf(device, size, "/dev/%s", strrchr(sd_bus_message_get_path(call), '/') + 1);
}

/* ---- Manager ---- */

static int get_block_devices(sd_bus_message *call, void *user, sd_bus_error *error)
{
    (void)user, (void)error;
    return sd_bus_reply_method_return(call, "ao", 0);
}

static int resolve_device(sd_bus_message *call, void *user, sd_bus_error *error)
{
    const char *key, *path;
    char object[128];
    struct stat status;

    (void)user, (void)error;
    if (sd_bus_message_enter_container(call, 'a', "{sv}") <= 0 ||
        sd_bus_message_enter_container(call, 'e', "sv") <= 0 || sd_bus_message_read(call, "s", &key) <= 0 ||
        sd_bus_message_read(call, "v", "s", &path) <= 0) {
        return -EINVAL;
    }
    be_slow();
    if (strcmp(key, "path") != 0 || stat(path, &status) < 0 || !S_ISBLK(status.st_mode)) {
        return sd_bus_reply_method_return(call, "ao", 0);
    }
    snprintf(object, sizeof(object), BLOCKS "/%s", strrchr(path, '/') + 1);
    return sd_bus_reply_method_return(call, "ao", 1, object);
}

/* False, or the value of the only option that is looked for. */
static bool read_flag(sd_bus_message *call, const char *wanted)
{
    const char *key;
    int value = 0, found = 0;

    sd_bus_message_enter_container(call, 'a', "{sv}");
    while (sd_bus_message_enter_container(call, 'e', "sv") > 0) {
        sd_bus_message_read(call, "s", &key);
        if (strcmp(key, wanted) == 0) {
            sd_bus_message_read(call, "v", "b", &value);
            found = value;
        } else {
            sd_bus_message_skip(call, "v");
        }
        sd_bus_message_exit_container(call);
    }
    sd_bus_message_exit_container(call);
    return found;
}

/* The number of the device; -1 with errno. */
static int attach(int file, bool read_only)
{
    struct loop_config config = { .fd = (unsigned)file, .info.lo_flags = read_only ? LO_FLAGS_READ_ONLY : 0 };
    char path[32];
    int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
    int number = -1;

    for (int i = 0; i < 100; i++) {
        number = ioctl(control, LOOP_CTL_GET_FREE);
        snprintf(path, sizeof(path), "/dev/loop%d", number);
        int fd = open(path, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);
        int result = fd < 0 ? -1 : ioctl(fd, LOOP_CONFIGURE, &config);
        if (fd >= 0) {
            close(fd);
        }
        if (result == 0 || errno != EBUSY) {
            number = result == 0 ? number : -1;
            break;
        }
    }
    close(control);
    return number;
}

static int loop_setup(sd_bus_message *call, void *user, sd_bus_error *error)
{
    char object[128];
    int file, number = 0;

    (void)user;
    if (sd_bus_message_read(call, "h", &file) < 0) {
        return -EINVAL;
    }
    bool read_only = read_flag(call, "read-only");
    be_slow();
    mounts_tried = 0;
    if (mode_is("refuse-loop")) {
        return sd_bus_error_set(error, REFUSED, "Not authorized to perform operation");
    }
    if (mode_is("hang-loop")) {
        for (;;) {
            pause();
        }
    }
    if (!mode_is("lie-loop")) {
        number = attach(file, read_only);
    }
    if (number < 0) {
        return -errno;
    }
    snprintf(object, sizeof(object), BLOCKS "/loop%d", number);
    int result = sd_bus_reply_method_return(call, mode_is("type-loop") ? "s" : "o", object);
    if (mode_is("vanish-loop")) {
        sd_bus_flush(sd_bus_message_get_bus(call));
        exit(0);
    }
    return result;
}

/* ---- Loop ---- */

static int delete_loop(sd_bus_message *call, void *user, sd_bus_error *error)
{
    char device[64];

    (void)user, (void)error;
    find_device(call, sizeof(device), device);
    int fd = open(device, O_RDONLY | O_CLOEXEC);
    int result = fd < 0 ? -1 : ioctl(fd, LOOP_CLR_FD);
    int number = errno;
    close(fd);
    return result < 0 ? -number : sd_bus_reply_method_return(call, "");
}

/* ---- Filesystem ---- */

static int mount_it(sd_bus_message *call, void *user, sd_bus_error *error)
{
    char device[64], place[256], options[256];
    const char *key, *wanted = "";

    (void)user;
    find_device(call, sizeof(device), device);
    if (mode_is("blank") || (mode_is("late") && mounts_tried++ < 3)) {
        return sd_bus_error_set(error, SD_BUS_ERROR_UNKNOWN_INTERFACE, "No such interface");
    }
    be_slow();
    if (mode_is("vanish-mount")) {
        exit(0);
    }
    if (mode_is("refuse-mount")) {
        return sd_bus_error_set(error, REFUSED "CanObtain", "Not authorized to perform operation");
    }
    if (sd_bus_message_enter_container(call, 'a', "{sv}") > 0 &&
        sd_bus_message_enter_container(call, 'e', "sv") > 0) {
        sd_bus_message_read(call, "s", &key);
        sd_bus_message_read(call, "v", "s", &wanted);
    }
    if (strstr(wanted, "suid")) {
        return sd_bus_error_set(error, UDISKS ".Error.OptionNotPermitted", "Mount option `suid' is not allowed");
    }
    snprintf(place, sizeof(place), "%s/%s", media, device + strlen("/dev/"));
    if (mode_is("odd-path")) {
        return sd_bus_reply_method_return(call, "s", "/media/\033[2J");
    }
    if (mode_is("type-mount")) {
        return sd_bus_reply_method_return(call, "u", 7);
    }
    if (!mode_is("lie-mount")) {
        snprintf(options, sizeof(options), "nosuid,nodev%s%s", wanted[0] ? "," : "", wanted);
        mkdir(place, 0755);
        const char *const arguments[] = { "mount", "-o", options, device, place, NULL };
        if (!run(arguments)) {
            rmdir(place);
            return sd_bus_error_set(error, UDISKS ".Error.Failed", "Error mounting it:\nwrong fs type");
        }
    }
    return sd_bus_reply_method_return(call, "s", place);
}

static int unmount_it(sd_bus_message *call, void *user, sd_bus_error *error)
{
    char device[64], place[256];

    (void)user;
    find_device(call, sizeof(device), device);
    snprintf(place, sizeof(place), "%s/%s", media, device + strlen("/dev/"));
    const char *const arguments[] = { "umount", read_flag(call, "force") ? "-l" : "--", place, NULL };
    be_slow();
    if (!run(arguments)) {
        return sd_bus_error_set(error, UDISKS ".Error.DeviceBusy", "Error unmounting it: target is busy");
    }
    rmdir(place);
    return sd_bus_reply_method_return(call, "");
}

/* ---- Block ---- */

static int open_device(sd_bus_message *call, void *user, sd_bus_error *error)
{
    char device[64];
    const char *mode, *key;
    int flags = 0;

    (void)user;
    find_device(call, sizeof(device), device);
    if (sd_bus_message_read(call, "s", &mode) < 0) {
        return -EINVAL;
    }
    if (sd_bus_message_enter_container(call, 'a', "{sv}") > 0 &&
        sd_bus_message_enter_container(call, 'e', "sv") > 0) {
        sd_bus_message_read(call, "s", &key);
        sd_bus_message_read(call, "v", "i", &flags);
    }
    if (mode_is("refuse-open")) {
        return sd_bus_error_set(error, REFUSED "Dismissed", "Not authorized to perform operation");
    }
    if (mode_is("type-open")) {
        return sd_bus_reply_method_return(call, "s", "7");
    }
    int fd = open(mode_is("lie-open") ? "/dev/null" : device,
                  (strcmp(mode, "r") == 0 ? O_RDONLY : O_RDWR) | (flags & O_EXCL) | O_CLOEXEC);
    if (fd < 0) {
        return sd_bus_error_setf(error, UDISKS ".Error.Failed", "Error opening %s: %s", device, strerror(errno));
    }
    int result = sd_bus_reply_method_return(call, "h", fd);
    close(fd);
    return result;
}

/* ---- The bus ---- */

/* A vtable of sd-bus would not let an answer of the wrong type through. */
static int dispatch(sd_bus_message *call, void *user, sd_bus_error *error)
{
    static const struct {
        const char *interface, *method;
        sd_bus_message_handler_t handle;
    } methods[] = {
        { UDISKS ".Manager", "GetBlockDevices", get_block_devices },
        { UDISKS ".Manager", "ResolveDevice", resolve_device },
        { UDISKS ".Manager", "LoopSetup", loop_setup },
        { UDISKS ".Loop", "Delete", delete_loop },
        { UDISKS ".Filesystem", "Mount", mount_it },
        { UDISKS ".Filesystem", "Unmount", unmount_it },
        { UDISKS ".Block", "OpenDevice", open_device },
    };

    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        if (sd_bus_message_is_method_call(call, methods[i].interface, methods[i].method) > 0) {
            int result = methods[i].handle(call, user, error);
            return result < 0 ? result : 1;
        }
    }
    return 0;
}

static int check(int result, const char *what)
{
    if (result < 0) {
        fprintf(stderr, "fake_udisks: %s: %s\n", what, strerror(-result));
        exit(1);
    }
    return result;
}

int main(int count, char **arguments)
{
    sd_bus *bus = NULL;

    if (count != 3) {
        fprintf(stderr, "usage: fake_udisks MODE-FILE MEDIA-DIRECTORY\n");
        return 2;
    }
    mode_file = arguments[1];
    media = arguments[2];
    check(sd_bus_open_system(&bus), "bus");
    check(sd_bus_add_fallback(bus, NULL, "/org/freedesktop/UDisks2", dispatch, NULL), "objects");
    check(sd_bus_request_name(bus, UDISKS, 0), "name");
    for (;;) {
        if (check(sd_bus_process(bus, NULL), "process") == 0) {
            check(sd_bus_wait(bus, UINT64_MAX), "wait");
        }
    }
}
