/* SPDX-License-Identifier: ISC */
/* block_device.h - what a block device is and who is using it, from sysfs and the table of mounts. */
#ifndef BLOCK_DEVICE_H
#define BLOCK_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Bytes; 0 with errno when it cannot be told. */
uint64_t block_device_size(const char *path);

/* "disk 'SanDisk Ultra'", "partition 2 of disk 'SanDisk Ultra'", "disk". */
void block_device_describe(dev_t device, size_t size, char *text);

/* Whether it, or a partition of it, is mounted, used as swap or held by another driver. `text` then says by
 * whom: "mounted on '/home'". */
bool block_device_is_used(const char *path, dev_t device, size_t size, char *text);

#endif
