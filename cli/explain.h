/* SPDX-License-Identifier: ISC */
/* explain.h - what the library reports, in the words of the operation that was asked for. Pure. */
#ifndef EXPLAIN_H
#define EXPLAIN_H

#include "coffer.h"

enum operation {
    OPERATION_START,    /* coffer_init */
    OPERATION_READ,     /* coffer_probe */
    OPERATION_OPEN,     /* coffer_volume_open */
    OPERATION_KEYS,     /* coffer_header_add_key, _change_key, _remove_key */
    OPERATION_CHECK,    /* coffer_check */
    OPERATION_BACKUP,   /* coffer_header_backup */
    OPERATION_RESTORE,  /* coffer_header_restore */
    OPERATION_EXPORT,   /* coffer_volume_export_luks2 */
    OPERATION_MAP,      /* coffer_volume_mapping */
    OPERATION_RESIZE,   /* coffer_volume_grow */
    OPERATION_CREATE,   /* coffer_volume_create, _publish */
    OPERATION_CONVERT,  /* coffer_volume_copy, _complete */
    OPERATION_ADOPT,    /* coffer_adopt */
    OPERATION_HIDE,     /* coffer_volume_create_hidden */
    OPERATION_CLOSE,    /* coffer_volume_close */
    OPERATION_KEY_FILE, /* coffer_credential_add_key_file */
    OPERATION_SECRET,   /* the other coffer_credential functions */
    OPERATION_FILES,    /* files_open_ext */
    OPERATION_MOUNT,    /* serve_block, serve_files */
    OPERATION_UNMOUNT,  /* serve_stop, serve_wait */
};

/* "cannot open": goes before the quoted name. */
const char *explain_failure(enum operation operation);

/* What to do about it, or NULL where there is nothing good to say. */
const char *explain_hint(enum operation operation, const struct coffer_error *error);

/* "no such file or directory": errno in the lower case of our lines. Valid until the next call on this thread. */
const char *explain_errno(int number);

#endif
