/* SPDX-License-Identifier: ISC */
/*
 * fat_check.c - fsck.fat or fsck.exfat, with -a and then with -n: the first exit status says that something was wrong,
 * not whether it still is.
 */
#include "fat_check.h"

#include "program.h"
#include "ui.h"

static bool check(const char *program, const char *package, const char *path, const char *name)
{
    char fsck[PROGRAM_PATH_MAX];
    struct program_result result;

    if (!program_find(program, fsck)) {
        ui_warn("%s is missing, which has to look at '%s' first: install the package %s", program, name, package);
        return false;
    }
    program_run((const char *const[]){ fsck, "-a", path, NULL }, NULL, &result);
    if (!program_run((const char *const[]){ fsck, "-n", path, NULL }, NULL, &result)) {
        ui_warn("the file system in '%s' is damaged: mount with --block and run '%s -r DIR/volume'", name,
                program);
        return false;
    }
    ui_detail("the file system in '%s' has been checked: %s", name, program_last_line(&result));
    return true;
}

bool fat_check(const char *path, const char *name)
{
    return check("fsck.fat", "dosfstools", path, name);
}

bool exfat_check(const char *path, const char *name)
{
    return check("fsck.exfat", "exfatprogs", path, name);
}
