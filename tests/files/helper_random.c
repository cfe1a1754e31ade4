/* SPDX-License-Identifier: ISC */
/* helper_random.c - see helper_random.h. */
#include "helper_random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LARGEST_FILE (1u << 20)

struct run_state {
    struct image image;
    char model[128]; /* the kernel's directory */
    unsigned seed;
    bool allocates;
    uint8_t *buffer, *other;
};

static unsigned pick(struct run_state *state, unsigned most)
{
    return (unsigned)rand_r(&state->seed) % most;
}

/* Few names, so that operations meet. */
static void pick_path(struct run_state *state, char *path, size_t size)
{
    unsigned depth = pick(state, 3);
    size_t length = 0;
    for (unsigned i = 0; i < depth; i++) {
        length += (size_t)snprintf(path + length, size - length, "d%u/", pick(state, 4));
    }
    if (pick(state, 4) == 0) {
        snprintf(path + length, size - length, "d%u", pick(state, 4));
    } else if (pick(state, 8) == 0) {
        snprintf(path + length, size - length, "%0*u", 100 + (int)pick(state, 150), pick(state, 50));
    } else {
        snprintf(path + length, size - length, "f%u", pick(state, 200));
    }
}

static void model_path(const struct run_state *state, const char *path, char *out, size_t size)
{
    assert_true(snprintf(out, size, "%s/%s", state->model, path) < (int)size);
}

/* What a path that leads nowhere gives depends on who walks it, and the kernel follows symbolic links. */
static int nowhere(int result)
{
    return result == -ENOTDIR || result == -ENAMETOOLONG ? -ENOENT : result;
}

static void compare(const char *what, const char *path, int ours, int theirs)
{
    if (nowhere(ours) != nowhere(theirs)) {
        fail_msg("%s '%s': %d (%s), the kernel: %d (%s)", what, path, ours, strerror(-ours), theirs,
                 strerror(-theirs));
    }
}

static int result_of(int value)
{
    return value < 0 ? -errno : 0;
}

/* ---- Operations ---- */

static void do_make(struct run_state *state, const char *path, const char *model)
{
    struct files *files = state->image.files;
    static const mode_t kinds[] = { S_IFREG, S_IFREG, S_IFREG, S_IFDIR, S_IFDIR, S_IFLNK, S_IFIFO };
    mode_t kind = kinds[pick(state, state->image.kind->fifos ? 7 : state->image.kind->links ? 6 : 5)];
    char target[300];
    memset(target, 'x', sizeof(target));
    target[1 + pick(state, 298)] = '\0';
    struct files_new new = { .mode = kind | (kind == S_IFLNK ? 0777 : 0750), .target = target };
    uint64_t dir;
    const char *name;
    struct files_attr attr;
    int ours = walk_parent(files, path, &dir, &name);
    if (ours == 0) {
        ours = files->ops->make(files, dir, name, &new, &attr);
    }
    int theirs = kind == S_IFDIR   ? mkdir(model, 0750)
                 : kind == S_IFLNK ? symlink(target, model)
                                   : mknod(model, kind | 0750, 0);
    compare("make", path, ours, result_of(theirs));
}

static void do_remove(struct run_state *state, const char *path, const char *model)
{
    struct files *files = state->image.files;
    struct files_attr attr = { 0 };
    uint64_t dir;
    const char *name;
    bool as_dir = pick(state, 2) == 0;
    int found = walk(files, path, &attr);
    int ours = walk_parent(files, path, &dir, &name);
    if (ours == 0) {
        ours = (as_dir ? files->ops->rmdir : files->ops->unlink)(files, dir, name);
    }
    int theirs = result_of(as_dir ? rmdir(model) : unlink(model));
    compare(as_dir ? "rmdir" : "unlink", path, ours, theirs);
    if (ours == 0 && found == 0) {
        files->ops->evict(files, attr.ino);
    }
}

static bool regular(struct run_state *state, const char *path, struct files_attr *attr)
{
    return walk(state->image.files, path, attr) == 0 && S_ISREG(attr->mode);
}

static void do_write(struct run_state *state, const char *path, const char *model)
{
    struct files *files = state->image.files;
    struct files_attr attr;
    if (!regular(state, path, &attr)) {
        return;
    }
    size_t size = 1 + pick(state, pick(state, 4) == 0 ? 300000 : 9000);
    uint64_t offset = pick(state, 3) == 0 ? attr.size : pick(state, LARGEST_FILE);
    if (pick(state, 3) == 0) {
        offset &= ~(uint64_t)4095;
    }
    fill(state->buffer, size, state->seed);
    int fd = open(model, O_WRONLY);
    ssize_t theirs = pwrite(fd, state->buffer, size, (off_t)offset);
    close(fd);
    compare("write", path, (int)files->ops->write(files, attr.ino, state->buffer, size, offset), (int)theirs);
}

static void do_truncate(struct run_state *state, const char *path, const char *model)
{
    struct files *files = state->image.files;
    struct files_attr attr;
    if (!regular(state, path, &attr)) {
        return;
    }
    struct files_attr change = { .size = pick(state, 2) == 0 ? pick(state, 20000) : pick(state, LARGEST_FILE) };
    int theirs = result_of(truncate(model, (off_t)change.size));
    compare("truncate", path, files->ops->setattr(files, attr.ino, FILES_SIZE, &change, NULL), theirs);
}

static void do_allocate(struct run_state *state, const char *path, const char *model)
{
    struct files *files = state->image.files;
    static const int modes[] = { 0, FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                                 FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, FALLOC_FL_ZERO_RANGE };
    struct files_attr attr;
    if (!regular(state, path, &attr) || !state->allocates) {
        return;
    }
    int mode = modes[pick(state, 5)];
    uint64_t offset = pick(state, LARGEST_FILE);
    uint64_t size = 1 + pick(state, 200000);
    int fd = open(model, O_WRONLY);
    int theirs = result_of(fallocate(fd, mode, (off_t)offset, (off_t)size));
    close(fd);
    compare("allocate", path, files->ops->allocate(files, attr.ino, mode, offset, size), theirs);
}

static void do_link(struct run_state *state, const char *path, const char *model)
{
    struct files *files = state->image.files;
    char to[512], to_model[700];
    struct files_attr attr;
    uint64_t dir;
    const char *name;
    pick_path(state, to, sizeof(to));
    model_path(state, to, to_model, sizeof(to_model));
    if (!state->image.kind->links || walk(files, path, &attr) < 0 || S_ISDIR(attr.mode)) {
        return;
    }
    int ours = walk_parent(files, to, &dir, &name);
    if (ours == 0) {
        ours = files->ops->link(files, attr.ino, dir, name, &attr);
    }
    compare("link", to, ours, result_of(linkat(AT_FDCWD, model, AT_FDCWD, to_model, 0)));
}

static void do_rename(struct run_state *state, const char *path, const char *model)
{
    struct files *files = state->image.files;
    static const unsigned kinds[] = { 0, 0, 0, RENAME_NOREPLACE, RENAME_EXCHANGE };
    char to[512], to_model[700];
    struct files_attr victim = { 0 };
    uint64_t dir, to_dir;
    const char *name, *to_name;
    unsigned flags = kinds[pick(state, state->image.kind->exchanges ? 5 : 4)];
    pick_path(state, to, sizeof(to));
    model_path(state, to, to_model, sizeof(to_model));
    int theirs = result_of(renameat2(AT_FDCWD, model, AT_FDCWD, to_model, flags));
    if (theirs == -EINVAL) { /* into itself: the kernel does not let that through to a file system */
        return;
    }
    int found = walk(files, to, &victim);
    int ours = walk_parent(files, path, &dir, &name);
    if (ours == 0) {
        ours = walk_parent(files, to, &to_dir, &to_name);
    }
    if (ours == 0) {
        ours = files->ops->rename(files, dir, name, to_dir, to_name, flags);
    }
    if (theirs == -ENOTEMPTY && ours != 0) { /* a parent of itself, as well */
        return;
    }
    compare("rename", path, ours, theirs);
    if (ours == 0 && found == 0 && (flags & RENAME_EXCHANGE) == 0) {
        files->ops->evict(files, victim.ino);
    }
}

static void do_attributes(struct run_state *state, const char *path, const char *model)
{
    struct files *files = state->image.files;
    struct files_attr attr;
    if (walk(files, path, &attr) < 0 || S_ISLNK(attr.mode)) {
        return;
    }
    struct files_attr change = { .mode = pick(state, 01000),
                                 .mtime = { 1000000000 + (time_t)pick(state, 1000), 7 } };
    struct timespec times[2] = { { 0, UTIME_OMIT }, change.mtime };
    assert_int_equal(files->ops->setattr(files, attr.ino, FILES_MODE | FILES_MTIME, &change, NULL), 0);
    assert_int_equal(chmod(model, change.mode), 0);
    assert_int_equal(utimensat(AT_FDCWD, model, times, 0), 0);
}

static void do_xattr(struct run_state *state, const char *path, const char *model)
{
    (void)model;
    struct files *files = state->image.files;
    struct files_attr attr;
    char name[32];
    if (!regular(state, path, &attr) || !state->image.kind->xattrs) {
        return;
    }
    snprintf(name, sizeof(name), "user.n%u", pick(state, 5));
    size_t size = pick(state, 200);
    fill(state->buffer, size, state->seed);
    int result = files->ops->setxattr(files, attr.ino, name, state->buffer, size, 0);
    if (result == -ENOSPC) { /* they share one block */
        return;
    }
    assert_int_equal(result, 0);
    assert_int_equal(files->ops->getxattr(files, attr.ino, name, state->other, 200), size);
    assert_memory_equal(state->buffer, state->other, size);
    if (pick(state, 3) == 0) {
        assert_int_equal(files->ops->removexattr(files, attr.ino, name), 0);
        assert_int_equal(files->ops->getxattr(files, attr.ino, name, NULL, 0), -ENODATA);
    }
}

/* ---- Comparing the trees ---- */

struct listing {
    struct run_state *state;
    const char *path;
    unsigned count;
};

static void compare_tree(struct run_state *state, const char *path);

static void compare_contents(struct run_state *state, const char *path, const char *model, uint64_t size,
                             uint64_t ino)
{
    struct files *files = state->image.files;
    int fd = open(model, O_RDONLY);
    assert_true(fd >= 0);
    for (uint64_t at = 0; at < size || at == 0; at += LARGEST_FILE) {
        ssize_t theirs = pread(fd, state->other, LARGEST_FILE, (off_t)at);
        ssize_t ours = files->ops->read(files, ino, state->buffer, LARGEST_FILE, at);
        compare("read", path, (int)ours, (int)theirs);
        if (memcmp(state->buffer, state->other, (size_t)theirs) != 0) {
            fail_msg("'%s' differs between %llu and %llu", path, (unsigned long long)at,
                     (unsigned long long)at + (unsigned long long)theirs);
        }
    }
    close(fd);
}

static void compare_one(struct run_state *state, const char *path)
{
    struct files *files = state->image.files;
    char model[1200], ours_target[400], theirs_target[400];
    struct files_attr attr;
    struct stat about;
    model_path(state, path, model, sizeof(model));
    assert_int_equal(walk(files, path, &attr), 0);
    assert_int_equal(lstat(model, &about), 0);
    const mode_t kept = S_IFMT | state->image.kind->modes;
    assert_int_equal(attr.mode & kept, about.st_mode & kept);
    if (S_ISDIR(attr.mode)) {
        compare_tree(state, path);
        return;
    }
    assert_int_equal(attr.links, about.st_nlink);
    assert_int_equal(attr.size, about.st_size);
    if (S_ISREG(attr.mode)) {
        compare_contents(state, path, model, attr.size, attr.ino);
    }
    if (S_ISLNK(attr.mode)) {
        ssize_t length = readlink(model, theirs_target, sizeof(theirs_target) - 1);
        theirs_target[length] = '\0';
        assert_int_equal(files->ops->readlink(files, attr.ino, ours_target, sizeof(ours_target)), 0);
        assert_string_equal(ours_target, theirs_target);
    }
}

static bool count_entry(void *user, const char *name, size_t size, uint64_t ino, unsigned char type)
{
    (void)name;
    (void)size;
    (void)ino;
    (void)type;
    (*(unsigned *)user)++;
    return true;
}

static void compare_tree(struct run_state *state, const char *path)
{
    struct files *files = state->image.files;
    struct files_attr attr;
    char model[1200], below[1500];
    unsigned ours = 0, theirs = 0;
    model_path(state, path, model, sizeof(model));
    assert_int_equal(walk(files, path, &attr), 0);
    assert_int_equal(files->ops->list(files, attr.ino, count_entry, &ours), 0);
    DIR *dir = opendir(model);
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        theirs++;
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            const char *slash = *path != '\0' ? "/" : "";
            assert_true(snprintf(below, sizeof(below), "%s%s%s", path, slash, entry->d_name) < (int)sizeof(below));
            compare_one(state, below);
        }
    }
    closedir(dir);
    assert_int_equal(ours, theirs);
}

/* ---- Runs ---- */

static void step(struct run_state *state)
{
    static void (*const operations[])(struct run_state *, const char *, const char *) = {
        do_make,     do_make,  do_make,   do_make,   do_remove,     do_write, do_write, do_write,
        do_truncate, do_write, do_rename, do_rename, do_attributes, do_xattr, do_link,  do_allocate,
    };
    char path[512], model[700];
    pick_path(state, path, sizeof(path));
    model_path(state, path, model, sizeof(model));
    operations[pick(state, sizeof(operations) / sizeof(operations[0]))](state, path, model);
    if (pick(state, 100) == 0) {
        assert_int_equal(state->image.files->ops->sync(state->image.files), 0);
    }
}

void random_run(const struct image_kind *kind, const char *options, uint64_t size, bool allocates)
{
    struct run_state state = { .seed = number("TEST_SEED", 1), .allocates = allocates };
    unsigned steps = number("TEST_STEPS", 3000);
    state.buffer = malloc(LARGEST_FILE);
    state.other = malloc(LARGEST_FILE);
    image_make(&state.image, kind, options, size);
    assert_true(snprintf(state.model, sizeof(state.model), "%s/model", state.image.dir) > 0);
    assert_int_equal(mkdir(state.model, 0755), 0);
    umask(0);
    image_must_open(&state.image);
    if (kind == &image_ext) {
        assert_int_equal(remove_path(state.image.files, "lost+found"), 0);
    }
    for (unsigned i = 0; i < steps; i++) {
        step(&state);
        if (i % 1000 == 999) {
            compare_tree(&state, "");
        }
        if (i % 1500 == 1499) { /* what is on the volume must say the same */
            assert_int_equal(image_close(&state.image), COFFER_OK);
            assert_int_equal(kind->check(state.image.path), 0);
            image_must_open(&state.image);
        }
    }
    compare_tree(&state, "");
    assert_int_equal(image_close(&state.image), COFFER_OK);
    assert_int_equal(kind->check(state.image.path), 0);
    image_must_open(&state.image);
    compare_tree(&state, "");
    assert_int_equal(image_close(&state.image), COFFER_OK);
    image_remove(&state.image);
    free(state.buffer);
    free(state.other);
}
