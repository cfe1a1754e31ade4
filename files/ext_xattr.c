/* SPDX-License-Identifier: ISC */
/*
 * ext_xattr.c - extended attributes, as libext2fs stores them: in the inode, then in a block.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include "ext.h"

static void close_handle(struct ext2_xattr_handle **handle)
{
    if (*handle != NULL) {
        ext2fs_xattrs_close(handle);
    }
}

#define XATTR_HANDLE __attribute__((cleanup(close_handle))) struct ext2_xattr_handle

static void free_value(void **value)
{
    ext2fs_free_mem(value);
}

/* Nothing else, "system.data" least of all: that is how libext2fs shows contents kept in the inode. Access control
 * lists stay as they are, unseen: whoever sets one expects the mode to follow it and the kernel to heed it, and
 * `cp -a` sets one for every file where that seems possible. */
static bool is_known(const char *name)
{
    return strncmp(name, "user.", 5) == 0 || strncmp(name, "trusted.", 8) == 0 ||
           strncmp(name, "security.", 9) == 0;
}

static int check(const char *name)
{
    return is_known(name) ? strlen(name) <= 255 ? 0 : -ERANGE : -EOPNOTSUPP;
}

static int open_handle(struct ext *ext, uint64_t ino, struct ext2_xattr_handle **handle)
{
    struct ext2_inode_large inode;
    int result = ext_inode_read(ext, ino, &inode);
    if (result == 0) {
        result = ext_error(ext2fs_xattrs_open(ext->fs, (ext2_ino_t)ino, handle));
    }
    return result == 0 ? ext_error(ext2fs_xattrs_read(*handle)) : result;
}

static ssize_t give(const void *value, size_t length, void *out, size_t size)
{
    if (size == 0) {
        return (ssize_t)length;
    }
    if (length > size) {
        return -ERANGE;
    }
    memcpy(out, value, length);
    return (ssize_t)length;
}

static ssize_t get_locked(struct ext *ext, uint64_t ino, const char *name, void *out, size_t size)
{
    XATTR_HANDLE *handle = NULL;
    __attribute__((cleanup(free_value))) void *value = NULL;
    size_t length;
    int result = open_handle(ext, ino, &handle);
    if (result == 0) {
        result = ext_error(ext2fs_xattr_get(handle, name, &value, &length));
    }
    return result < 0 ? result : give(value, length, out, size);
}

/* Most files have none; that is seen without reading them all. */
static bool may_have(struct ext *ext, uint64_t ino)
{
    size_t size = EXT2_INODE_SIZE(ext->fs->super);
    struct ext2_inode_large *inode = (struct ext2_inode_large *)ext->scratch[0];
    if (ino == 0 || ino > ext->fs->super->s_inodes_count ||
        ext2fs_read_inode_full(ext->fs, (ext2_ino_t)ino, (struct ext2_inode *)inode, (int)size) != 0 ||
        ext2fs_file_acl_block(ext->fs, (struct ext2_inode *)inode) != 0) {
        return true; /* and the error comes up there */
    }
    size_t at = EXT2_GOOD_OLD_INODE_SIZE + (size_t)inode->i_extra_isize;
    uint32_t magic = 0;
    if (size > EXT2_GOOD_OLD_INODE_SIZE && at + sizeof(magic) <= size) {
        memcpy(&magic, ext->scratch[0] + at, sizeof(magic));
    }
    return magic == EXT2_EXT_ATTR_MAGIC;
}

ssize_t ext_getxattr(struct files *files, uint64_t ino, const char *name, void *value, size_t size)
{
    struct ext *ext = (struct ext *)files;
    int known = check(name);
    if (known < 0) {
        return known;
    }
    pthread_mutex_lock(&ext->lock);
    ssize_t result = may_have(ext, ino) ? get_locked(ext, ino, name, value, size) : -ENODATA;
    pthread_mutex_unlock(&ext->lock);
    return result;
}

struct names {
    char *out;
    size_t size, length;
};

static int add_name(char *name, char *value, size_t value_size, void *user)
{
    (void)value;
    (void)value_size;
    struct names *names = user;
    size_t length = strlen(name) + 1;
    if (!is_known(name)) {
        return 0;
    }
    if (names->length + length <= names->size) {
        memcpy(names->out + names->length, name, length);
    }
    names->length += length;
    return 0;
}

ssize_t ext_listxattr(struct files *files, uint64_t ino, char *out, size_t size)
{
    struct ext *ext = (struct ext *)files;
    struct names names = { out, size, 0 };
    int result = 0;
    pthread_mutex_lock(&ext->lock);
    if (may_have(ext, ino)) {
        XATTR_HANDLE *handle = NULL;
        result = open_handle(ext, ino, &handle);
        if (result == 0) {
            result = ext_error(ext2fs_xattrs_iterate(handle, add_name, &names));
        }
    }
    pthread_mutex_unlock(&ext->lock);
    if (result < 0) {
        return result;
    }
    return size != 0 && names.length > size ? -ERANGE : (ssize_t)names.length;
}

static int touch(struct ext *ext, uint64_t ino)
{
    struct ext2_inode_large inode;
    int result = ext_inode_read(ext, ino, &inode);
    if (result == 0) {
        ext_inode_touch(ext, &inode, false);
        result = ext_inode_write(ext, (ext2_ino_t)ino, &inode);
    }
    return result;
}

static int set_locked(struct ext *ext, uint64_t ino, const char *name, const void *value, size_t size, int flags)
{
    XATTR_HANDLE *handle = NULL;
    __attribute__((cleanup(free_value))) void *old = NULL;
    size_t length;
    int result = open_handle(ext, ino, &handle);
    if (result < 0) {
        return result;
    }
    bool exists = ext2fs_xattr_get(handle, name, &old, &length) == 0;
    if ((exists && (flags & XATTR_CREATE) != 0) || (!exists && (flags & XATTR_REPLACE) != 0)) {
        return exists ? -EEXIST : -ENODATA;
    }
    result = ext_error(ext2fs_xattr_set(handle, name, value, size));
    return result < 0 ? result : touch(ext, ino);
}

int ext_setxattr(struct files *files, uint64_t ino, const char *name, const void *value, size_t size, int flags)
{
    struct ext *ext = (struct ext *)files;
    int result = check(name);
    if (result == 0) {
        result = ext_begin(ext);
    }
    if (result < 0) {
        return result;
    }
    result = set_locked(ext, ino, name, value, size, flags);
    ext_end(ext);
    return result;
}

static int remove_locked(struct ext *ext, uint64_t ino, const char *name)
{
    XATTR_HANDLE *handle = NULL;
    __attribute__((cleanup(free_value))) void *old = NULL;
    size_t length;
    int result = open_handle(ext, ino, &handle);
    if (result == 0) {
        result = ext_error(ext2fs_xattr_get(handle, name, &old, &length));
    }
    if (result == 0) {
        result = ext_error(ext2fs_xattr_remove(handle, name));
    }
    return result < 0 ? result : touch(ext, ino);
}

int ext_removexattr(struct files *files, uint64_t ino, const char *name)
{
    struct ext *ext = (struct ext *)files;
    int result = check(name);
    if (result == 0) {
        result = ext_begin(ext);
    }
    if (result < 0) {
        return result;
    }
    result = remove_locked(ext, ino, name);
    ext_end(ext);
    return result;
}
