/* SPDX-License-Identifier: ISC */
/* ext_check.c - e2fsck -p, which replays a journal and mends what is safe to mend, and gives up on all else. */
#include "ext_check.h"

#include "program.h"
#include "ui.h"

#define E2FSCK_MENDED 1 /* e2fsck(8): errors corrected */

bool ext_check(const char *path, const char *name)
{
    char e2fsck[PROGRAM_PATH_MAX];
    struct program_result result;

    if (!program_find("e2fsck", e2fsck)) {
        ui_warn("e2fsck is missing, which has to look at '%s' first: install the package e2fsprogs", name);
        return false;
    }
    bool is_clean = program_run((const char *const[]){ e2fsck, "-p", path, NULL }, NULL, &result);
    if (!is_clean && (result.error != 0 || result.status != E2FSCK_MENDED)) {
        ui_warn("the file system in '%s' is damaged: mount with --block and run 'e2fsck -f DIR/volume'", name);
        return false;
    }
    ui_detail("the file system in '%s' has been checked: %s", name, program_last_line(&result));
    return true;
}
