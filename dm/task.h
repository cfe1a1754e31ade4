/* SPDX-License-Identifier: ISC */
/* task.h - requests to device-mapper, through libdevmapper, which knows whether udev has to be waited for. */
#ifndef DM_TASK_H
#define DM_TASK_H

#include <stdbool.h>
#include <stdint.h>

/* All: 0 or a negative errno. What libdevmapper would print goes nowhere. */

int task_create(const char *name, const char *uuid);

/* `parameters` are those of the crypt target; they are not kept anywhere when they hold a key. */
int task_load(const char *name, uint64_t units, const char *parameters, bool read_only);

/* Only one process at a time makes mappings: until the descriptor is closed; negative errno. */
int task_lock(bool is_patient);

/* What device-mapper says of each mapping, to a function that is given `user`. */
struct task_mapping {
    const char *name, *uuid;
    int users;
    bool is_going; /* with its last user */
};
void task_each(void (*each)(void *user, const struct task_mapping *mapping), void *user);

/* Returns when the node is in /dev/mapper. */
int task_resume(const char *name);

int task_remove(const char *name);

/* When its last user closes it. */
int task_remove_later(const char *name);

/* How many have it open; -ENXIO: there is no such device. */
int task_users(const char *name);

/* Takes the node of a device that is gone out of /dev/mapper, where udev does not. */
void task_tidy(const char *name);

/* Version of the kernel's crypt target, which is loaded for that: major * 1000000 + minor * 1000 + patch. */
int task_crypt_version(void);

const char *task_library(void);

#endif
