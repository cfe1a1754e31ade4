/* SPDX-License-Identifier: ISC */
/* mount_options.c - the words of `mount --options`, by file system (mount(8), and the kernel's documentation). */
#include "mount_options.h"

#include <stdio.h>
#include <string.h>

/* A word that ends in '=' takes a value. `ro` is not among them: the volume has to know, so there is --read-only. */
#define EVERY_KERNEL_MOUNT                                                                                \
    "async atime dev diratime dirsync exec iversion lazytime noatime nodev nodiratime noexec noiversion " \
    "nolazytime norelatime nostrictatime nosuid nosymfollow relatime strictatime suid symfollow sync "

#define FAT_WORDS                                                                                         \
    "allow_utime= check= codepage= discard dmask= dos1xfloppy errors= fmask= flush gid= iocharset= nfs= " \
    "nonumtail quiet rodir shortname= showexec sys_immutable time_offset= tz= uid= umask= usefree utf8 utf8= "

#define EXT_WORDS                                                                                               \
    "acl auto_da_alloc barrier barrier= block_validity bsddf bsdgroups commit= data= data_err= debug delalloc " \
    "dioread_lock dioread_nolock discard errors= grpid grpjquota= grpquota i_version init_itable init_itable= " \
    "inode_readahead_blks= jqfmt= journal_async_commit journal_checksum journal_ioprio= max_batch_time= "       \
    "max_dir_size_kb= min_batch_time= minixdf noacl noauto_da_alloc nobarrier noblock_validity nodelalloc "     \
    "nodiscard nogrpid noinit_itable nojournal_checksum noload nombcache noquota norecovery nouser_xattr "      \
    "prjquota quota resgid= resuid= sb= stripe= sysvgroups user_xattr usrjquota= usrquota "

static const struct {
    const char *type;
    const char *words;
} known[] = {
    { MOUNT_OPTIONS_FUSE, "exec noatime nodev noexec nosuid " },
    { MOUNT_OPTIONS_DEVICE, "discard nodiscard " },
    { "ext2", EVERY_KERNEL_MOUNT EXT_WORDS },
    { "ext3", EVERY_KERNEL_MOUNT EXT_WORDS },
    { "ext4", EVERY_KERNEL_MOUNT EXT_WORDS },
    { "xfs", EVERY_KERNEL_MOUNT
      "allocsize= attr2 discard filestreams gqnoenforce gquota grpid ikeep inode32 inode64 largeio logbsize= "
      "logbufs= noalign noattr2 nodiscard nogrpid noikeep nolargeio noquota norecovery nouuid pqnoenforce "
      "pquota prjquota qnoenforce quota sunit= swalloc swidth= sysvgroups uqnoenforce uquota usrquota wsync " },
    { "btrfs", EVERY_KERNEL_MOUNT
      "acl autodefrag barrier clear_cache commit= compress compress= compress-force compress-force= datacow "
      "datasum degraded discard discard= enospc_debug fatal_errors= flushoncommit max_inline= metadata_ratio= "
      "noacl noautodefrag nobarrier nodatacow nodatasum nodiscard noenospc_debug noflushoncommit nossd "
      "nossd_spread notreelog nouser_subvol_rm_allowed rescue= skip_balance space_cache= ssd ssd_spread subvol= "
      "subvolid= thread_pool= treelog user_subvol_rm_allowed " },
    { "vfat", EVERY_KERNEL_MOUNT FAT_WORDS },
    { "exfat", EVERY_KERNEL_MOUNT
      "allow_utime= discard dmask= errors= fmask= gid= iocharset= keep_last_dots sys_tz time_offset= uid= "
      "umask= utf8 " },
    { "ntfs", EVERY_KERNEL_MOUNT
      "acl discard dmask= fmask= force gid= hidden hide_dot_files iocharset= nocase nohidden noprealloc prealloc "
      "sparse showmeta sys_immutable uid= umask= windows_names " },
};

enum { KNOWN_COUNT = sizeof(known) / sizeof(known[0]) };

/* `words` has a blank behind each. */
static bool has_word(const char *words, const char *word, size_t size)
{
    for (const char *at = words; *at; at = strchr(at, ' ') + 1) {
        if (strncmp(at, word, size) == 0 && at[size] == ' ') {
            return true;
        }
    }
    return false;
}

static bool is_known_to(const char *type, const char *word, size_t size)
{
    for (size_t i = 0; i < KNOWN_COUNT; i++) {
        if ((!type || strcmp(known[i].type, type) == 0) && has_word(known[i].words, word, size)) {
            return true;
        }
    }
    return false;
}

static bool has_own_words(const char *type)
{
    for (size_t i = 0; type && i < KNOWN_COUNT; i++) {
        if (strcmp(known[i].type, type) == 0) {
            return true;
        }
    }
    return !type;
}

static bool is_good(const char *type, const char *word, size_t size)
{
    const char *equals = memchr(word, '=', size);
    size_t name_size = equals ? (size_t)(equals - word) + 1 : size;

    if (size == 0 || memchr(word, ' ', size) || (equals && equals + 1 == word + size)) {
        return false; /* `commit=` without a value is not for guessing either */
    }
    return has_own_words(type) ? is_known_to(type, word, name_size)
                               : has_word(EVERY_KERNEL_MOUNT, word, name_size);
}

/* The word behind the next comma, or NULL. */
static const char *next(const char *at)
{
    const char *comma = strchr(at, ',');

    return comma ? comma + 1 : NULL;
}

bool mount_options_check(const char *list, const char *type, size_t size, char *word)
{
    for (const char *at = list; at; at = next(at)) {
        size_t length = strcspn(at, ",");
        if (!is_good(type, at, length)) {
            snprintf(word, size, "%.*s", (int)length, at);
            return false;
        }
    }
    return true;
}

bool mount_options_have(const char *list, const char *word, const char *opposite)
{
    bool has = false;

    for (const char *at = list; at; at = next(at)) {
        size_t length = strcspn(at, ",");
        if (length == strlen(word) && strncmp(at, word, length) == 0) {
            has = true;
        } else if (length == strlen(opposite) && strncmp(at, opposite, length) == 0) {
            has = false;
        }
    }
    return has;
}
