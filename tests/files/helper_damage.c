/* SPDX-License-Identifier: ISC */
/* helper_damage.c - see helper_damage.h. */
#include "helper_damage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MOST_ENTRIES 2000

struct visit {
    struct files *files;
    uint64_t inodes[MOST_ENTRIES];
    unsigned count;
};

static bool note_entry(void *user, const char *name, size_t size, uint64_t ino, unsigned char type)
{
    (void)name;
    (void)size;
    (void)type;
    struct visit *visit = user;
    if (visit->count < MOST_ENTRIES) {
        visit->inodes[visit->count++] = ino;
    }
    return visit->count < MOST_ENTRIES;
}

static void look_at(struct files *files, uint64_t ino)
{
    static uint8_t data[70000];
    char text[4096];
    struct files_attr attr;
    uint64_t found;
    if (files->ops->getattr(files, ino, &attr) < 0) {
        return;
    }
    files->ops->read(files, ino, data, sizeof(data), 0);
    files->ops->read(files, ino, data, sizeof(data), attr.size / 2);
    files->ops->seek(files, ino, 0, SEEK_HOLE, &found);
    files->ops->readlink(files, ino, text, sizeof(text));
    files->ops->getxattr(files, ino, "user.a", data, sizeof(data));
    files->ops->listxattr(files, ino, text, sizeof(text));
}

static void look_around(struct files *files)
{
    static struct visit visit;
    visit = (struct visit){ .files = files, .inodes = { files->root }, .count = 1 };
    for (unsigned i = 0; i < visit.count; i++) {
        files->ops->list(files, visit.inodes[i], note_entry, &visit);
        look_at(files, visit.inodes[i]);
    }
}

static void change_things(struct files *files)
{
    static uint8_t data[50000];
    static const char *const paths[] = { "big", "small", "scattered", "link", "d/f10", "d/f400", "d", "fifo" };
    struct files_attr attr, change = { .size = 3 };
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        if (walk(files, paths[i], &attr) == 0) {
            files->ops->write(files, attr.ino, data, sizeof(data), 12345);
            files->ops->setxattr(files, attr.ino, "user.b", data, 300, 0);
            files->ops->allocate(files, attr.ino, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 5000, 20000);
            files->ops->setattr(files, attr.ino, FILES_SIZE, &change, NULL);
        }
    }
    for (unsigned i = 0; i < 30; i++) {
        char path[300];
        snprintf(path, sizeof(path), "d/%0*u", 150, i);
        put_file(files, path, data, sizeof(data));
    }
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        remove_path(files, paths[i]);
    }
    files->ops->sync(files);
}

static void make_contents(struct image *image)
{
    static uint8_t data[300000];
    char path[64];
    struct files *files = image->files;
    struct files_attr attr;
    fill(data, sizeof(data), 1);
    put_file(files, "big", data, sizeof(data));
    put_file(files, "small", data, 100);
    put_file(files, "scattered", NULL, 0);
    assert_int_equal(walk(files, "scattered", &attr), 0);
    for (unsigned i = 0; i < 400; i++) {
        files->ops->write(files, attr.ino, data, 1024, (uint64_t)i * 9000);
    }
    files->ops->setxattr(files, attr.ino, "user.a", data, 500, 0);
    make_dir(files, "d");
    for (unsigned i = 0; i < 500; i++) {
        snprintf(path, sizeof(path), "d/f%u", i);
        put_file(files, path, data, i);
    }
    struct files_new link = { .mode = S_IFLNK | 0777, .target = path };
    struct files_new fifo = { .mode = S_IFIFO | 0600 };
    files->ops->make(files, files->root, "link", &link, &attr);
    files->ops->make(files, files->root, "fifo", &fifo, &attr);
}

/* Blocks that are in use, which is where damage does something. */
static size_t used_blocks(const char *path, off_t *offsets, size_t most)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    static uint8_t block[1024];
    size_t count = 0;
    for (off_t at = 0; count < most && pread(fd, block, sizeof(block), at) == (ssize_t)sizeof(block);
         at += (off_t)sizeof(block)) {
        for (size_t i = 0; i < sizeof(block); i++) {
            if (block[i] != 0) {
                offsets[count++] = at;
                break;
            }
        }
    }
    close(fd);
    return count;
}

static void damage(const char *from, const char *to, const off_t *offsets, size_t count, unsigned seed)
{
    unlink(to); /* one that is replaced in place would be flushed to the disk */
    assert_int_equal(run("cp", (const char *const[]){ "--sparse=always", from, to, NULL }), 0);
    int fd = open(to, O_RDWR | O_CLOEXEC);
    unsigned places = 1 + (unsigned)rand_r(&seed) % 30;
    for (unsigned i = 0; i < places; i++) {
        uint8_t bytes[8];
        off_t at = offsets[(unsigned)rand_r(&seed) % count] + rand_r(&seed) % 1016;
        size_t size = 1 + (unsigned)rand_r(&seed) % sizeof(bytes);
        for (size_t j = 0; j < size; j++) {
            static const uint8_t values[] = { 0, 1, 0x7f, 0x80, 0xff };
            bytes[j] = rand_r(&seed) % 2 == 0 ? values[rand_r(&seed) % 5] : (uint8_t)rand_r(&seed);
        }
        assert_int_equal(pwrite(fd, bytes, size, at), size);
    }
    close(fd);
}

void damaged_runs(const struct image_kind *kind, const char *options)
{
    static off_t offsets[20000];
    struct image image, broken = { .kind = kind };
    unsigned runs = number("TEST_RUNS", 60);
    unsigned first = number("TEST_SEED", 1);
    image_make(&image, kind, options, 16u << 20);
    image_must_open(&image);
    make_contents(&image);
    assert_int_equal(image_close(&image), COFFER_OK);
    size_t count = used_blocks(image.path, offsets, sizeof(offsets) / sizeof(offsets[0]));
    assert_true(snprintf(broken.path, sizeof(broken.path), "%s/broken", image.dir) > 0);
    unsigned opened = 0;
    for (unsigned seed = first; seed < first + runs; seed++) {
        damage(image.path, broken.path, offsets, count, seed);
        for (int write = 0; write < 2; write++) {
            struct files_options how = { .read_only = write == 0 };
            struct coffer_error error = COFFER_ERROR_INIT;
            if (image_open(&broken, &how, false, &error) != COFFER_OK) {
                assert_true(error.text[0] != '\0');
                continue;
            }
            opened++;
            look_around(broken.files);
            if (write != 0) {
                change_things(broken.files);
            }
            broken.files->ops->close(broken.files, NULL);
            fake_volume_close(broken.volume);
        }
    }
    assert_true(opened > runs / 4); /* else this shows little */
    image_remove(&image);
}
