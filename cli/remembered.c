/* SPDX-License-Identifier: ISC */
/*
 * remembered.c - opens a volume with what is remembered of it (remembered.h).
 *
 * A volume is known again by the first bytes of its salt: they are random, lie in the open on the medium, and follow it
 * wherever it is copied or renamed to. Of where it lies nothing is kept.
 */
#include "remembered.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "explain.h"
#include "foreign.h"
#include "remembered_file.h"
#include "scope.h"
#include "ui.h"

#define SYSTEM_HEADER 31744 /* bytes from the start of an encrypted system's disk */

/* Whether nothing that was said leaves the hash open, or rules a volume out of which something could be remembered. */
static bool has_question(const struct coffer_open_options *options)
{
    return !options->hash && !options->header && !options->backup_header && !options->protect_hidden &&
           options->kdf_level < 0 && (!options->type || foreign_is_tcrypt(options->type));
}

static bool read_salt(const char *path, bool system, struct remembered *entry)
{
    uint8_t salt[REMEMBERED_SALT_SIZE];
    SCOPE_FD int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

    if (fd < 0 || pread(fd, salt, sizeof(salt), system ? SYSTEM_HEADER : 0) != (ssize_t)sizeof(salt)) {
        return false;
    }
    remembered_salt(salt, entry);
    return true;
}

/* False: nothing is remembered that goes with the options. */
static bool find(const char *path, const struct coffer_open_options *options, struct remembered *entry)
{
    struct remembered_list list;

    remembered_file_read(&list);
    if (list.count == 0 || !read_salt(path, options->system, entry)) {
        return false;
    }
    const struct remembered *found = remembered_list_find(&list, entry->salt);
    if (!found || (options->type && strcmp(options->type, found->type) != 0)) {
        return false;
    }
    *entry = *found;
    return true;
}

static void forget(const struct remembered *entry)
{
    struct remembered_list list;

    remembered_file_read(&list);
    if (remembered_list_drop(&list, entry->salt) && !remembered_file_write(&list)) {
        ui_warn("cannot forget what was remembered of the volume: %s", explain_errno(errno));
    }
}

static void keep(const char *path, bool system, const struct coffer_info *info)
{
    struct remembered entry = { .type = "" };
    struct remembered_list list;
    const char *prefix = "pbkdf2-";
    const char *hash = strncmp(info->kdf, prefix, strlen(prefix)) == 0 ? info->kdf + strlen(prefix) : info->kdf;

    snprintf(entry.type, sizeof(entry.type), "%.11s", info->format);
    snprintf(entry.hash, sizeof(entry.hash), "%.11s", hash);
    bool is_read = read_salt(path, system, &entry);
    if (is_read) {
        remembered_file_read(&list);
        remembered_list_put(&list, &entry);
    }
    if (!is_read || !remembered_file_write(&list)) {
        ui_warn("cannot remember how the volume was opened: %s", explain_errno(errno));
    }
}

/* After everything was tried. `known` was wrong; NULL: nothing was known. */
static void learn(const char *path, const struct coffer_open_options *options, bool remember,
                  const struct remembered *known, const struct coffer_info *info)
{
    if (info->hidden || options->protect_hidden) {
        if (remember) {
            ui_warn("nothing is remembered: it would show that there is a hidden volume");
        }
        return; /* and what is remembered of the outer one stays: that it vanished would tell as much */
    }
    if (remember && foreign_is_tcrypt(info->format) && !options->backup_header) {
        keep(path, options->system, info);
        return;
    }
    if (remember) {
        ui_notice("nothing is remembered: '--remember' is for the hash of VeraCrypt and TrueCrypt");
    }
    if (known) {
        forget(known);
    }
}

/* Whether everything has to be tried after all. What is remembered may be damaged, and then asks for what cannot be. */
static bool was_no_help(enum coffer_status status)
{
    return status == COFFER_WRONG_SECRET || status == COFFER_INVALID || status == COFFER_NO_MEMORY ||
           status == COFFER_NOT_FOUND;
}

enum coffer_status remembered_open(const char *path, const struct coffer_credential *credential,
                                   const struct coffer_open_options *options, bool remember,
                                   struct coffer_volume **volume, struct coffer_error *error)
{
    struct coffer_open_options how = *options;
    struct coffer_info info = { .size = sizeof(info) };
    struct remembered known;
    bool is_known = has_question(options) && find(path, options, &known), is_right = false;
    enum coffer_status status = COFFER_WRONG_SECRET;

    if (is_known) {
        how.type = known.type;
        how.hash = known.hash;
        status = coffer_volume_open(path, credential, &how, volume, error);
        is_right = !was_no_help(status);
    }
    if (!is_right) {
        *error = (struct coffer_error)COFFER_ERROR_INIT;
        status = coffer_volume_open(path, credential, options, volume, error);
    }
    if (status == COFFER_OK && coffer_volume_info(*volume, &info, NULL) == COFFER_OK && (remember || !is_right)) {
        learn(path, options, remember, is_known && !is_right ? &known : NULL, &info);
    }
    return status;
}
