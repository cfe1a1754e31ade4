/* SPDX-License-Identifier: ISC */
/* storage_file.h - what storage_file.c and storage_create.c share: a backing store on a descriptor. */
#ifndef CORE_STORAGE_FILE_H
#define CORE_STORAGE_FILE_H

#include "storage.h"

struct storage_file {
    struct storage base;
    int fd;

    /* A new file on its way to its name; directory is -1 otherwise. */
    int directory;
    int replaced;  /* the file that it will replace, held locked; -1 = none */
    char *name;    /* last component of the path; NULL once it has it, and for files that were opened */
    char *scratch; /* the name it has meanwhile; NULL while it has none at all */
};

/* NULL when there is no memory. Takes fd (-1: none yet) over. */
struct storage_file *storage_file_new(int fd, uint64_t size, bool read_only, bool is_device);

/* Locks are byte ranges that nobody's data lies in the way of: one for whoever serves the data, one for whoever
 * reads and changes the header, so that key slots can be changed while a volume is mounted. Without waiting:
 * 0, -EAGAIN when someone else holds it, -ENOLCK where locks do not work. */
enum storage_file_range { STORAGE_RANGE_DATA, STORAGE_RANGE_HEADER };
enum storage_file_hold { STORAGE_HOLD_NONE, STORAGE_HOLD_SHARED, STORAGE_HOLD_EXCLUSIVE };
int storage_file_lock(int fd, enum storage_file_range range, enum storage_file_hold hold);

/* storage_create.c: gives a new file its name; 0 where it has one. */
int storage_file_give_name(struct storage_file *file);

/* storage_create.c: lets go of what a new file holds, and of the file itself when it never got its name. */
void storage_file_drop_name(struct storage_file *file);

#endif
