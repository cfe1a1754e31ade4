/* SPDX-License-Identifier: ISC */
/*
 * storage_create.c - a new file that gets its name only when it is complete.
 *
 * Until it is published it has no name at all (O_TMPFILE), so that even kill -9 leaves nothing behind; where the
 * file system cannot do that, it has a scratch name beside the final one. A file that is to be replaced is
 * held locked meanwhile and goes in the one rename that brings the new one in.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "error.h"
#include "notice.h"
#include "storage_file.h"

void storage_file_drop_name(struct storage_file *file)
{
    if (file->scratch != NULL) {
        (void)unlinkat(file->directory, file->scratch, 0);
    }
    if (file->replaced >= 0) {
        close(file->replaced);
    }
    if (file->directory >= 0) {
        close(file->directory);
    }
    free(file->scratch);
    free(file->name);
}

/* ".NAME.XXXXXXXXXXXX.new", cut so that it always fits. */
static char *scratch_name(const char *name)
{
    uint8_t noise[6];
    char *scratch = NULL;
    if (getrandom(noise, sizeof(noise), 0) != sizeof(noise)) {
        return NULL;
    }
    if (asprintf(&scratch, ".%.200s.%02x%02x%02x%02x%02x%02x.new", name, noise[0], noise[1], noise[2], noise[3],
                 noise[4], noise[5]) < 0) {
        return NULL;
    }
    return scratch;
}

/* Gives a file without a name its first one. */
static int link_as(struct storage_file *file, const char *name)
{
    char self[64];
    (void)snprintf(self, sizeof(self), "/proc/self/fd/%d", file->fd);
    return linkat(AT_FDCWD, self, file->directory, name, AT_SYMLINK_FOLLOW) == 0 ? 0 : -errno;
}

/* Makes sure that it has some name, from which it can be renamed over another file. */
static int link_scratch(struct storage_file *file)
{
    if (file->scratch != NULL) {
        return 0;
    }
    char *scratch = scratch_name(file->name);
    int result = scratch == NULL ? -ENOMEM : link_as(file, scratch);
    if (result != 0) {
        free(scratch);
        return result;
    }
    file->scratch = scratch;
    return 0;
}

/* From the scratch name to the final one; never over a file that may not be replaced. */
static int rename_scratch(struct storage_file *file)
{
    int directory = file->directory;
    if (file->replaced >= 0) {
        return renameat(directory, file->scratch, directory, file->name) == 0 ? 0 : -errno;
    }
    if (renameat2(directory, file->scratch, directory, file->name, RENAME_NOREPLACE) == 0) {
        return 0;
    }
    if (errno != EINVAL || linkat(directory, file->scratch, directory, file->name, 0) != 0) {
        return -errno;
    }
    (void)unlinkat(directory, file->scratch, 0); /* the file system does not know RENAME_NOREPLACE */
    return 0;
}

int storage_file_give_name(struct storage_file *file)
{
    if (file->name == NULL) {
        return 0;
    }
    int result;
    if (file->scratch == NULL && file->replaced < 0) {
        result = link_as(file, file->name);
    } else {
        result = link_scratch(file);
        result = result != 0 ? result : rename_scratch(file);
    }
    if (result != 0) {
        return result;
    }
    free(file->scratch);
    free(file->name);
    file->scratch = NULL;
    file->name = NULL;
    return fsync(file->directory) == 0 || errno == EINVAL ? 0 : -errno;
}

/* Looks at what has the name now; -1 in *replaced where nothing has. */
static enum coffer_status hold_existing(int directory, const char *name, bool replace, int *replaced,
                                        struct coffer_error *error)
{
    struct stat status;
    *replaced = -1;
    if (fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
        return errno == ENOENT ? COFFER_OK : error_set_system(error, errno, "cannot look at the place");
    }
    if (!S_ISREG(status.st_mode)) {
        return error_set(error, COFFER_INVALID, EEXIST, "something that is not a file is there");
    }
    if (!replace) {
        return error_set(error, COFFER_FAILED, EEXIST, "the file exists");
    }
    int fd = openat(directory, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) {
        return error_set_system(error, errno, "cannot replace the file");
    }
    if (storage_file_lock(fd, STORAGE_RANGE_DATA, STORAGE_HOLD_EXCLUSIVE) == -EAGAIN) {
        close(fd);
        return error_set(error, COFFER_IN_USE, EAGAIN, "it is open elsewhere");
    }
    *replaced = fd;
    return COFFER_OK;
}

/* Splits the path; a symbolic link at its end is followed, so that the file it names is what gets replaced. */
static enum coffer_status open_directory(const char *path, int *directory, char **name, struct coffer_error *error)
{
    char *real = realpath(path, NULL);
    char *copy = real != NULL ? real : strdup(path);
    if (copy == NULL) {
        return error_set_no_memory(error);
    }
    char *slash = strrchr(copy, '/');
    const char *last = slash != NULL ? slash + 1 : copy;
    if (*last == '\0' || strcmp(last, ".") == 0 || strcmp(last, "..") == 0 || strlen(last) > NAME_MAX) {
        free(copy);
        return error_set(error, COFFER_INVALID, EINVAL, "that is not a name for a file");
    }
    *name = strdup(last);
    const char *parent = slash == NULL ? "." : slash == copy ? "/" : copy;
    if (slash != NULL && slash != copy) {
        *slash = '\0';
    }
    *directory = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int sys = errno;
    free(copy);
    if (*directory < 0 || *name == NULL) {
        return *directory < 0 ? error_set_system(error, sys, "cannot open its directory")
                              : error_set_no_memory(error);
    }
    return COFFER_OK;
}

/* Without a name where the file system can do that, else under a scratch name. 0 or -errno. */
static int open_new(struct storage_file *file)
{
    file->fd = openat(file->directory, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (file->fd >= 0) {
        return 0;
    }
    if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL && errno != ENOENT) {
        return -errno;
    }
    char *scratch = scratch_name(file->name);
    if (scratch == NULL) {
        return -ENOMEM;
    }
    file->fd = openat(file->directory, scratch, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (file->fd < 0) {
        int sys = errno;
        free(scratch);
        return -sys;
    }
    file->scratch = scratch;
    return 0;
}

static void note_full_size(int fd, uint64_t size, const struct coffer_callbacks *callbacks)
{
    struct stat status;
    if (fstat(fd, &status) == 0 && (uint64_t)status.st_blocks * 512 >= size) {
        notice(callbacks, "the file system has no holes: the full size is taken at once");
    }
}

static enum coffer_status make_file(struct storage_file *file, const char *path, uint64_t size, bool replace,
                                    const struct coffer_callbacks *callbacks, struct coffer_error *error)
{
    enum coffer_status status = open_directory(path, &file->directory, &file->name, error);
    if (status != COFFER_OK) {
        return status;
    }
    status = hold_existing(file->directory, file->name, replace, &file->replaced, error);
    if (status != COFFER_OK) {
        return status;
    }
    int result = open_new(file);
    if (result != 0) {
        return error_set_system(error, -result, "cannot make the file");
    }
    (void)storage_file_lock(file->fd, STORAGE_RANGE_DATA,
                            STORAGE_HOLD_EXCLUSIVE); /* it is ours alone; the lock counts once it has its name */
    result = file->base.ops->resize(&file->base, size);
    if (result == -EFBIG) {
        return error_set(error, COFFER_FAILED, EFBIG,
                         "the file system, or a limit of this process (ulimit -f), forbids a file that large");
    }
    if (result != 0) {
        return error_set_system(error, -result, "cannot make the file that large");
    }
    note_full_size(file->fd, size, callbacks);
    return COFFER_OK;
}

enum coffer_status storage_create(const char *path, uint64_t size, bool replace,
                                  const struct coffer_callbacks *callbacks, struct storage **storage,
                                  struct coffer_error *error)
{
    struct storage_file *file = storage_file_new(-1, 0, false, false);
    if (file == NULL) {
        return error_set_no_memory(error);
    }
    enum coffer_status status = make_file(file, path, size, replace, callbacks, error);
    if (status != COFFER_OK) {
        storage_close(&file->base);
        return status;
    }
    *storage = &file->base;
    return COFFER_OK;
}
