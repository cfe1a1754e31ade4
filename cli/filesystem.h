/* SPDX-License-Identifier: ISC */
/* filesystem.h - the file system inside a new volume: which one, whether it can be made here, and making it. */
#ifndef FILESYSTEM_H
#define FILESYSTEM_H

#include <stdint.h>

#include "coffer.h"
#include "program.h"
#include "status.h"

/* The words of `create --fs`; "auto" is ext4. */
#define FILESYSTEM_CHOICES "auto|ext4|exfat|vfat|btrfs|xfs|ntfs|none"

struct filesystem_request {
    const char *type;        /* one of the choices but "auto" and "none" */
    const char *label;       /* NULL = none; left out with a notice where the file system cannot take it */
    uint64_t container_size; /* bytes of the file or device that will hold the volume */
    uint32_t sector_size;    /* 512 or 4096 */
};

/* Bytes of the volume's sectors: `given` as text, or NULL for what suits `type`, any of the choices. mkfs.exfat makes
 * sectors of 512 bytes in a file, and no kernel mounts these on a device whose own are larger. */
uint32_t filesystem_sector_size(const char *type, const char *given);

/* Before anything is created: mkfs is there, the size will do, /dev/fuse can be opened. EXIT_DONE or reported. */
enum exit_status filesystem_check(const struct filesystem_request *request);

/* Makes it in the open volume, which has not been published yet. The caller is between progress_begin and
 * progress_end. EXIT_DONE or reported. */
enum exit_status filesystem_make(const struct filesystem_request *request, struct coffer_volume *volume);

/* The end of what a program that failed has written, as warnings; cuts it into lines. */
void filesystem_show_output(const char *program, struct program_result *result);

#endif
