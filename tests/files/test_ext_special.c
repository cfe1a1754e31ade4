/* SPDX-License-Identifier: ISC */
/*
 * What single cases of ext need: features that are not written, file systems that were not closed, media that
 * fail, large directories and files, full file systems, many threads.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "helper_image.h"

static const struct files_options writing = { .read_only = false };
static const struct files_options reading = { .read_only = true };

static void must_be_clean(struct image *image)
{
    assert_int_equal(image_close(image), COFFER_OK);
    assert_int_equal(fsck(image->path, "-fn"), 0);
}

/* ---- Which file systems are written ---- */

static void features_that_are_only_read(void **unused)
{
    (void)unused;
    static const char *const features[] = { "inline_data", "encrypt", "casefold", "ea_inode", "mmp",
                                            "bigalloc",    "quota",   "project",  "verity" };
    for (size_t i = 0; i < sizeof(features) / sizeof(features[0]); i++) {
        struct image image;
        char options[64];
        struct files_attr attr;
        snprintf(options, sizeof(options), "-t ext4 -O %s%s", features[i],
                 strcmp(features[i], "project") == 0 ? ",quota" : "");
        image_make(&image, &image_ext, options, 64u << 20);
        image_must_open(&image);
        assert_true(image.files->read_only);
        if (strstr(image.files->note, features[i]) == NULL && strcmp(features[i], "project") != 0) {
            fail_msg("%s: the note is '%s'", features[i], image.files->note);
        }
        assert_int_equal(walk(image.files, "lost+found", &attr), 0);
        assert_int_equal(put_file(image.files, "new", "x", 1), -EROFS);
        assert_int_equal(image_close(&image), COFFER_OK);
        image_remove(&image);
    }
}

static void what_is_no_file_system(void **unused)
{
    (void)unused;
    struct image image;
    struct coffer_error error = COFFER_ERROR_INIT;
    image_make(&image, &image_ext, "-t ext4", 32u << 20);
    assert_int_equal(truncate(image.path, 16 << 20), 0); /* cut short */
    assert_int_equal(image_open(&image, &writing, false, &error), COFFER_DAMAGED);
    assert_int_equal(truncate(image.path, 0), 0);
    assert_int_equal(truncate(image.path, 16 << 20), 0);
    error = (struct coffer_error)COFFER_ERROR_INIT;
    assert_int_equal(image_open(&image, &writing, false, &error), COFFER_NOT_FOUND);
    assert_int_equal(truncate(image.path, 512), 0);
    error = (struct coffer_error)COFFER_ERROR_INIT;
    assert_int_equal(image_open(&image, &writing, false, &error), COFFER_NOT_FOUND);
    image_remove(&image);
}

static void only_reading_writes_nothing(void **unused)
{
    (void)unused;
    struct image image;
    struct files_attr attr;
    image_make(&image, &image_ext, "-t ext4", 32u << 20);
    image_must_open(&image); /* for writing, but nobody does */
    assert_int_equal(walk(image.files, "lost+found", &attr), 0);
    uint64_t writes = fake_volume_writes(image.volume);
    assert_int_equal(writes, 0);
    must_be_clean(&image);
    image_remove(&image);
}

/* ---- Not closed ---- */

/* Leaves an image as a crash would, with a file that was synced and one that was not. */
static void crash(struct image *image, const char *options)
{
    char path[160];
    image_make(image, &image_ext, options, 64u << 20);
    image->volume = fake_volume_open(image->path, true);
    struct coffer_error error = COFFER_ERROR_INIT;
    assert_int_equal(files_open_ext(image->volume, &writing, &image->files, &error), COFFER_OK);
    assert_int_equal(put_file(image->files, "synced", "safe", 4), 0);
    assert_int_equal(image->files->ops->sync(image->files), 0);
    assert_int_equal(put_file(image->files, "lost", "gone", 4), 0);
    assert_true(snprintf(path, sizeof(path), "%s.crash", image->path) > 0);
    fake_volume_cut(image->volume, path, 4); /* all writes or none: there are none but the synced ones */
    assert_int_equal(image_close(image), COFFER_OK);
    assert_int_equal(rename(path, image->path), 0);
}

static void a_file_system_that_was_not_closed(void **unused)
{
    (void)unused;
    static const char *const options[] = { "-t ext4", "-t ext3", "-t ext2", "-t ext4 -O ^metadata_csum,^64bit" };
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        struct image image;
        struct files_attr attr;
        char text[8];
        struct coffer_error error = COFFER_ERROR_INIT;
        crash(&image, options[i]);
        assert_int_equal(image_open(&image, &writing, false, &error), COFFER_FAILED);
        assert_int_equal(error.sys, EUCLEAN);
        error = (struct coffer_error)COFFER_ERROR_INIT;
        assert_int_equal(image_open(&image, &reading, false, &error), COFFER_OK);
        assert_int_equal(walk(image.files, "synced", &attr), 0); /* from the journal, if there is one */
        assert_int_equal(image.files->ops->read(image.files, attr.ino, text, sizeof(text), 0), 4);
        assert_memory_equal(text, "safe", 4);
        assert_int_equal(walk(image.files, "lost", &attr), -ENOENT);
        assert_int_equal(image_close(&image), COFFER_OK);
        assert_in_range(fsck(image.path, "-p"), 0, 1);
        image_must_open(&image);
        assert_int_equal(walk(image.files, "synced", &attr), 0);
        must_be_clean(&image);
        image_remove(&image);
    }
}

static void an_orphan_is_freed_by_recovery(void **unused)
{
    (void)unused;
    struct image image;
    struct files_attr attr;
    struct statvfs before, after;
    static uint8_t data[1 << 20];
    char path[160];
    image_make(&image, &image_ext, "-t ext4", 64u << 20);
    image.volume = fake_volume_open(image.path, true);
    struct coffer_error error = COFFER_ERROR_INIT;
    assert_int_equal(files_open_ext(image.volume, &writing, &image.files, &error), COFFER_OK);
    image.files->ops->statfs(image.files, &before);
    assert_int_equal(put_file(image.files, "orphan", data, sizeof(data)), 0);
    assert_int_equal(walk(image.files, "orphan", &attr), 0);
    assert_int_equal(image.files->ops->unlink(image.files, image.files->root, "orphan"), 0);
    assert_int_equal(image.files->ops->read(image.files, attr.ino, data, sizeof(data), 0), sizeof(data));
    assert_int_equal(image.files->ops->sync(image.files), 0);
    assert_true(snprintf(path, sizeof(path), "%s.crash", image.path) > 0);
    fake_volume_cut(image.volume, path, 1);
    must_be_clean(&image); /* closing frees it as well */
    assert_int_equal(rename(path, image.path), 0);
    assert_in_range(fsck(image.path, "-p"), 0, 1);
    assert_int_equal(fsck(image.path, "-fn"), 0);
    image_must_open(&image);
    image.files->ops->statfs(image.files, &after);
    assert_int_equal(before.f_bfree, after.f_bfree);
    assert_int_equal(before.f_ffree, after.f_ffree);
    assert_int_equal(image_close(&image), COFFER_OK);
    image_remove(&image);
}

/* ---- Media that fail ---- */

static void a_medium_that_fails(void **unused)
{
    (void)unused;
    struct image image;
    struct files_attr attr;
    image_make(&image, &image_ext, "-t ext4", 64u << 20);
    image_must_open(&image);
    assert_int_equal(put_file(image.files, "before", "text", 4), 0);
    assert_int_equal(image.files->ops->sync(image.files), 0);
    assert_int_equal(walk(image.files, "before", &attr), 0);
    fake_volume_fail(image.volume, ENOSPC);
    static uint8_t data[100000];
    assert_int_equal(image.files->ops->write(image.files, attr.ino, data, sizeof(data), 0), -ENOSPC);
    fake_volume_fail(image.volume, 0); /* space again: nothing has happened */
    assert_int_equal(image.files->ops->write(image.files, attr.ino, "TEXT", 4, 0), 4);
    fake_volume_fail(image.volume, EIO);
    assert_int_equal(image.files->ops->fsync(image.files, attr.ino, false), -EIO);
    fake_volume_fail(image.volume, 0); /* a commit is lost: nothing is written any more */
    assert_int_equal(image.files->ops->fsync(image.files, attr.ino, false), -EIO);
    assert_int_equal(put_file(image.files, "after", "text", 4), -EIO);
    assert_int_equal(walk(image.files, "before", &attr), 0);
    assert_int_equal(image_close(&image), COFFER_FAILED);
    assert_in_range(fsck(image.path, "-p"), 0, 1);
    assert_int_equal(fsck(image.path, "-fn"), 0);
    image_must_open(&image);
    assert_int_equal(walk(image.files, "before", &attr), 0);
    must_be_clean(&image);
    image_remove(&image);
}

/* Contents that could not be written must not show what was on the volume before. */
static void a_failed_write_shows_nothing_old(void **unused)
{
    (void)unused;
    struct image image;
    struct files_attr attr;
    static uint8_t data[64 * 4096], zeros[64 * 4096];
    image_make(&image, &image_ext, "-t ext4", 64u << 20);
    image_must_open(&image);
    fill(data, sizeof(data), 1);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(put_file(image.files, "secret", data, sizeof(data)), 0);
        assert_int_equal(remove_path(image.files, "secret"), 0);
        assert_int_equal(image.files->ops->sync(image.files), 0);
    }
    assert_int_equal(put_file(image.files, "file", NULL, 0), 0);
    assert_int_equal(walk(image.files, "file", &attr), 0);
    struct files_attr change = { .size = sizeof(data) };
    assert_int_equal(image.files->ops->setattr(image.files, attr.ino, FILES_SIZE, &change, NULL), 0);
    fake_volume_fail(image.volume, ENOSPC);
    assert_int_equal(image.files->ops->write(image.files, attr.ino, data, sizeof(data), 0), -ENOSPC);
    fake_volume_fail(image.volume, 0);
    assert_int_equal(image.files->ops->read(image.files, attr.ino, data, sizeof(data), 0), sizeof(data));
    assert_memory_equal(data, zeros, sizeof(data));
    assert_int_equal(image_close(&image), COFFER_FAILED); /* reported again */
    assert_int_equal(fsck(image.path, "-fn"), 0);
    image_remove(&image);
}

/* ---- Sizes ---- */

static bool count_entry(void *user, const char *name, size_t size, uint64_t ino, unsigned char type)
{
    (void)name;
    (void)size;
    (void)ino;
    (void)type;
    (*(unsigned *)user)++;
    return true;
}

static void a_large_directory(void **unused)
{
    (void)unused;
    struct image image;
    struct files_attr attr;
    char path[300];
    unsigned count = 0;
    image_make(&image, &image_ext, "-t ext4 -b 1024 -N 30000 -m 0",
               256u << 20); /* the index gets two levels of nodes */
    image_must_open(&image);
    assert_int_equal(make_dir(image.files, "d"), 0);
    for (unsigned i = 0; i < 20000; i++) {
        snprintf(path, sizeof(path), "d/%0*u", 20 + (int)(i % 200), i);
        assert_int_equal(put_file(image.files, path, NULL, 0), 0);
    }
    assert_int_equal(put_file(image.files, path, NULL, 0), -EEXIST);
    assert_int_equal(walk(image.files, "d", &attr), 0);
    assert_int_equal(image.files->ops->list(image.files, attr.ino, count_entry, &count), 0);
    assert_int_equal(count, 20002);
    must_be_clean(&image);
    image_must_open(&image);
    for (unsigned i = 0; i < 20000; i++) {
        snprintf(path, sizeof(path), "d/%0*u", 20 + (int)(i % 200), i);
        assert_int_equal(i % 7 == 0 ? remove_path(image.files, path) : walk(image.files, path, &attr), 0);
    }
    must_be_clean(&image);
    image_remove(&image);
}

/* Every other block is written, so that the map of the file becomes a tree; then all of it, then holes again. */
static void a_scattered_file(void **unused)
{
    (void)unused;
    struct image image;
    struct files_attr attr;
    static uint8_t block[4096], back[4096];
    image_make(&image, &image_ext, "-t ext4 -m 0", 256u << 20);
    image_must_open(&image);
    struct files *files = image.files;
    assert_int_equal(put_file(files, "f", NULL, 0), 0);
    assert_int_equal(walk(files, "f", &attr), 0);
    for (unsigned pass = 0; pass < 2; pass++) {
        for (unsigned i = 4000; i > 0; i--) {
            unsigned number = i * 2 + pass;
            fill(block, sizeof(block), number);
            assert_int_equal(files->ops->write(files, attr.ino, block, sizeof(block), number * 4096u),
                             sizeof(block));
        }
        assert_int_equal(files->ops->sync(files), 0);
    }
    for (unsigned i = 0; i < 500; i++) {
        assert_int_equal(files->ops->allocate(files, attr.ino, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                                              (uint64_t)i * 13 * 4096 + 8192, 4096),
                         0);
    }
    must_be_clean(&image);
    image_must_open(&image);
    for (unsigned number = 2; number < 8002; number++) {
        bool hole = number >= 2 && (number - 2) % 13 == 0 && (number - 2) / 13 < 500;
        fill(block, sizeof(block), number);
        memset(block, 0, hole ? sizeof(block) : 0);
        assert_int_equal(image.files->ops->read(image.files, attr.ino, back, sizeof(back), number * 4096u),
                         sizeof(back));
        assert_memory_equal(block, back, sizeof(block));
    }
    assert_int_equal(remove_path(image.files, "f"), 0);
    must_be_clean(&image);
    image_remove(&image);
}

/* Reserved space is written in pieces, from both ends and the middle. */
static void reserved_space(void **unused)
{
    (void)unused;
    struct image image;
    struct files_attr attr;
    static uint8_t data[40 * 4096], back[1 << 20];
    image_make(&image, &image_ext, "-t ext4 -m 0", 64u << 20);
    image_must_open(&image);
    struct files *files = image.files;
    assert_int_equal(put_file(files, "f", NULL, 0), 0);
    assert_int_equal(walk(files, "f", &attr), 0);
    assert_int_equal(files->ops->allocate(files, attr.ino, 0, 0, sizeof(back)), 0);
    static const uint64_t offsets[] = { 0, sizeof(back) - sizeof(data), 400000, 163840, 327680 };
    static uint8_t model[sizeof(back)];
    for (unsigned i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
        fill(data, sizeof(data), i);
        memcpy(model + offsets[i], data, sizeof(data));
        assert_int_equal(files->ops->write(files, attr.ino, data, sizeof(data), offsets[i]), sizeof(data));
        assert_int_equal(files->ops->read(files, attr.ino, back, sizeof(back), 0), sizeof(back));
        assert_memory_equal(back, model, sizeof(back));
    }
    uint64_t found;
    assert_int_equal(files->ops->seek(files, attr.ino, 0, SEEK_HOLE, &found), 0);
    assert_int_equal(files->ops->seek(files, attr.ino, found, SEEK_DATA, &found), 0);
    assert_int_equal(files->ops->seek(files, attr.ino, sizeof(back), SEEK_DATA, &found), -ENXIO);
    must_be_clean(&image);
    image_remove(&image);
}

static void a_full_file_system(void **unused)
{
    (void)unused;
    struct image image;
    static uint8_t data[300000], back[300000];
    image_make(&image, &image_ext, "-t ext4 -m 0", 24u << 20);
    image_must_open(&image);
    for (unsigned round = 0; round < 20; round++) {
        char path[32];
        unsigned made = 0;
        int result = 0;
        for (; result == 0; made++) {
            snprintf(path, sizeof(path), "f%u", made);
            fill(data, sizeof(data), made + round);
            result = put_file(image.files, path, data, sizeof(data));
        }
        assert_int_equal(result, -ENOSPC);
        assert_in_range(made, 30, 80); /* what was removed can be used at once */
        for (unsigned i = 0; i < made; i++) {
            struct files_attr attr;
            snprintf(path, sizeof(path), "f%u", i);
            if (i + 1 < made) {
                fill(data, sizeof(data), i + round);
                assert_int_equal(walk(image.files, path, &attr), 0);
                assert_int_equal(image.files->ops->read(image.files, attr.ino, back, sizeof(back), 0),
                                 sizeof(back));
                assert_memory_equal(data, back, sizeof(data));
            }
            assert_int_equal(remove_path(image.files, path), 0);
        }
    }
    must_be_clean(&image);
    image_remove(&image);
}

static void attributes_of_many_sizes(void **unused)
{
    (void)unused;
    struct image image;
    struct files_attr attr;
    static uint8_t value[5000], back[5000];
    char names[256];
    image_make(&image, &image_ext, "-t ext4 -b 4096", 32u << 20);
    image_must_open(&image);
    struct files *files = image.files;
    assert_int_equal(put_file(files, "f", NULL, 0), 0);
    assert_int_equal(walk(files, "f", &attr), 0);
    for (size_t size = 0; size < 3900; size += 77) {
        fill(value, size, (unsigned)size);
        assert_int_equal(files->ops->setxattr(files, attr.ino, "user.a", value, size, 0), 0);
        assert_int_equal(files->ops->getxattr(files, attr.ino, "user.a", back, sizeof(back)), size);
        assert_memory_equal(value, back, size);
    }
    assert_int_equal(files->ops->setxattr(files, attr.ino, "user.a", value, 5000, 0), -ENOSPC);
    assert_int_equal(files->ops->setxattr(files, attr.ino, "user.a", value, 1, 1 /* XATTR_CREATE */), -EEXIST);
    assert_int_equal(files->ops->setxattr(files, attr.ino, "user.b", value, 1, 2 /* XATTR_REPLACE */), -ENODATA);
    assert_int_equal(files->ops->setxattr(files, attr.ino, "nonsense", value, 1, 0), -EOPNOTSUPP);
    assert_int_equal(files->ops->setxattr(files, attr.ino, "security.x", value, 3, 0), 0);
    assert_int_equal(files->ops->listxattr(files, attr.ino, names, sizeof(names)), 7 + 11);
    assert_int_equal(files->ops->getxattr(files, attr.ino, "user.a", back, 5), -ERANGE);
    must_be_clean(&image);
    image_remove(&image);
}

/* ---- Threads ---- */

struct worker {
    struct image *image;
    unsigned number;
    pthread_t thread;
};

static void *work(void *argument)
{
    struct worker *worker = argument;
    struct files *files = worker->image->files;
    unsigned seed = worker->number;
    uint8_t *data = malloc(200000);
    uint8_t *back = malloc(200000);
    char path[64];
    for (unsigned i = 0; i < 150; i++) {
        size_t size = (size_t)rand_r(&seed) % 200000 + 1;
        struct files_attr attr;
        snprintf(path, sizeof(path), "t%u-%u", worker->number, i % 20);
        remove_path(files, path);
        fill(data, size, seed);
        if (put_file(files, path, data, size) < 0 || walk(files, path, &attr) < 0 ||
            (i % 10 == 0 && files->ops->fsync(files, attr.ino, false) < 0) ||
            files->ops->read(files, attr.ino, back, 200000, 0) != (ssize_t)size || memcmp(data, back, size) != 0) {
            free(data);
            free(back);
            return worker;
        }
    }
    free(data);
    free(back);
    return NULL;
}

static void many_threads(void **unused)
{
    (void)unused;
    struct image image;
    struct worker workers[6];
    image_make(&image, &image_ext, "-t ext4", 128u << 20);
    image_must_open(&image);
    for (unsigned i = 0; i < 6; i++) {
        workers[i] = (struct worker){ &image, i, 0 };
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    for (unsigned i = 0; i < 6; i++) {
        void *failed;
        pthread_join(workers[i].thread, &failed);
        assert_null(failed);
    }
    must_be_clean(&image);
    image_remove(&image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(features_that_are_only_read),
        cmocka_unit_test(what_is_no_file_system),
        cmocka_unit_test(only_reading_writes_nothing),
        cmocka_unit_test(a_file_system_that_was_not_closed),
        cmocka_unit_test(an_orphan_is_freed_by_recovery),
        cmocka_unit_test(a_medium_that_fails),
        cmocka_unit_test(a_failed_write_shows_nothing_old),
        cmocka_unit_test(a_large_directory),
        cmocka_unit_test(a_scattered_file),
        cmocka_unit_test(reserved_space),
        cmocka_unit_test(a_full_file_system),
        cmocka_unit_test(attributes_of_many_sizes),
        cmocka_unit_test(many_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
