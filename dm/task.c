/* SPDX-License-Identifier: ISC */
/* task.c - one function for each request to device-mapper (task.h). */
#include "task.h"

#include <errno.h>
#include <fcntl.h>
#include <libdevmapper.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "coffer.h"

#define CONTROL     "/dev/mapper/control"
#define OTHER_ERROR EIO /* libdevmapper failed and does not say with what */

COFFER_PRINTF(5, 6)
static void log_nothing(int level, const char *file, int line, int error_or_class, const char *format, ...)
{
    (void)level;
    (void)file;
    (void)line;
    (void)error_or_class;
    (void)format;
}

static void destroy(struct dm_task **task)
{
    if (*task) {
        dm_task_destroy(*task);
    }
}

#define SCOPE_TASK __attribute__((cleanup(destroy)))

static struct dm_task *begin(int type, const char *name)
{
    dm_log_with_errno_init(log_nothing);
    struct dm_task *task = dm_task_create(type);
    if (task && name && !dm_task_set_name(task, name)) {
        dm_task_destroy(task);
        return NULL;
    }
    return task;
}

static int run(struct dm_task *task)
{
    if (dm_task_run(task)) {
        return 0;
    }
    int number = dm_task_get_errno(task);
    return number > 0 ? -number : -OTHER_ERROR;
}

/* For what makes udev act: returns when it has. */
static int run_with_udev(struct dm_task *task)
{
    uint32_t cookie = 0;
    if (!dm_task_set_cookie(task, &cookie, 0)) {
        return -OTHER_ERROR;
    }
    int result = run(task);
    (void)dm_udev_wait(cookie);
    return result;
}

int task_create(const char *name, const char *uuid)
{
    SCOPE_TASK struct dm_task *task = begin(DM_DEVICE_CREATE, name);
    return task && dm_task_set_uuid(task, uuid) ? run(task) : -ENOMEM;
}

int task_load(const char *name, uint64_t units, const char *parameters, bool read_only)
{
    SCOPE_TASK struct dm_task *task = begin(DM_DEVICE_RELOAD, name);
    if (!task || !dm_task_secure_data(task) || !dm_task_add_target(task, 0, units, "crypt", parameters) ||
        (read_only && !dm_task_set_ro(task))) {
        return -ENOMEM;
    }
    return run(task);
}

int task_resume(const char *name)
{
    SCOPE_TASK struct dm_task *task = begin(DM_DEVICE_RESUME, name);
    return task ? run_with_udev(task) : -ENOMEM;
}

int task_remove(const char *name)
{
    SCOPE_TASK struct dm_task *task = begin(DM_DEVICE_REMOVE, name);
    return task && dm_task_retry_remove(task) ? run_with_udev(task) : -ENOMEM;
}

/* Without a cookie: udev hears of it when it happens, and nobody waits for that. */
int task_remove_later(const char *name)
{
    SCOPE_TASK struct dm_task *task = begin(DM_DEVICE_REMOVE, name);
    return task && dm_task_deferred_remove(task) ? run(task) : -ENOMEM;
}

int task_users(const char *name)
{
    SCOPE_TASK struct dm_task *task = begin(DM_DEVICE_INFO, name);
    struct dm_info info;
    if (!task) {
        return -ENOMEM;
    }
    int result = run(task);
    if (result != 0) {
        return result;
    }
    if (!dm_task_get_info(task, &info)) {
        return -OTHER_ERROR;
    }
    return info.exists ? info.open_count : -ENXIO;
}

int task_lock(bool is_patient)
{
    int fd = open(CONTROL, O_RDONLY | O_CLOEXEC);

    if (fd < 0) {
        return -errno;
    }
    if (flock(fd, LOCK_EX | (is_patient ? 0 : LOCK_NB)) < 0) {
        int number = errno;
        close(fd);
        return -number;
    }
    return fd;
}

static void tell(const char *name, void (*each)(void *user, const struct task_mapping *mapping), void *user)
{
    SCOPE_TASK struct dm_task *task = begin(DM_DEVICE_INFO, name);
    struct dm_info info;

    if (task && run(task) == 0 && dm_task_get_info(task, &info) && info.exists) {
        const char *uuid = dm_task_get_uuid(task);
        const struct task_mapping mapping = { name, uuid ? uuid : "", info.open_count, info.deferred_remove != 0 };
        each(user, &mapping);
    }
}

void task_each(void (*each)(void *user, const struct task_mapping *mapping), void *user)
{
    SCOPE_TASK struct dm_task *task = begin(DM_DEVICE_LIST, NULL);
    const struct dm_names *at = task && run(task) == 0 ? dm_task_get_names(task) : NULL;

    if (!at || at->dev == 0) {
        return; /* none */
    }
    for (;;) {
        tell(at->name, each, user);
        if (at->next == 0) {
            return;
        }
        at = (const void *)((const char *)at + at->next);
    }
}

void task_tidy(const char *name)
{
    SCOPE_TASK struct dm_task *task = begin(DM_DEVICE_MKNODES, name);
    if (task) {
        (void)run(task);
    }
}

int task_crypt_version(void)
{
    SCOPE_TASK struct dm_task *task = begin(DM_DEVICE_GET_TARGET_VERSION, "crypt");
    if (!task) {
        return -ENOMEM;
    }
    int result = run(task);
    const struct dm_versions *found = result == 0 ? dm_task_get_versions(task) : NULL;
    return found ? (int)(found->version[0] * 1000000 + found->version[1] * 1000 + found->version[2])
                 : (result != 0 ? result : -OTHER_ERROR);
}

const char *task_library(void)
{
    static char text[64];
    char version[48];
    if (!dm_get_library_version(version, sizeof(version))) {
        return "libdevmapper";
    }
    snprintf(text, sizeof(text), "libdevmapper %.*s", (int)strcspn(version, " "),
             version); /* "1.02.185 (2022-05-18)" */
    return text;
}
