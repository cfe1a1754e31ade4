/* SPDX-License-Identifier: ISC */
/*
 * fat_check.c - fsck.fat -a, and then -n: its exit status says that something was wrong, not whether it still is.
 */
#include "fat_check.h"

#include "program.h"
#include "ui.h"

bool fat_check(const char *path, const char *name)
{
    char fsck[PROGRAM_PATH_MAX];
    struct program_result result;

    if (!program_find("fsck.fat", fsck)) {
        ui_warn("fsck.fat is missing, which has to look at '%s' first: install the package dosfstools", name);
        return false;
    }
    program_run((const char *const[]){ fsck, "-a", path, NULL }, NULL, &result);
    if (!program_run((const char *const[]){ fsck, "-n", path, NULL }, NULL, &result)) {
        ui_warn("the file system in '%s' is damaged: mount with --block and run 'fsck.fat -r DIR/volume'", name);
        return false;
    }
    ui_detail("the file system in '%s' has been checked: %s", name, program_last_line(&result));
    return true;
}
