/* SPDX-License-Identifier: ISC */
/* NTFS under load: odd names, large directories, full volumes, many threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "helper_image.h"

/* ---- Names ---- */

static void names(void **unused)
{
    (void)unused;
    static const char *const good[] = { "ä\xc3\xb6\xe2\x82\xac",
                                        "\xf0\x9f\x94\x91 key",
                                        "a:b",
                                        "what?",
                                        "con",
                                        "trailing. ",
                                        "\x01",
                                        "back\\slash",
                                        "Case",
                                        "case",
                                        "CASE",
                                        "a*b|c<d>\"",
                                        "..." };
    struct image image;
    char longest[400], text[8];
    image_make(&image, &image_ntfs, "", 32u << 20);
    image_must_open(&image);
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        snprintf(text, sizeof(text), "%zu", i);
        assert_int_equal(put_file(image.files, good[i], text, strlen(text)), 0);
    }
    assert_int_equal(put_file(image.files, "\xff\xfe", NULL, 0), -EILSEQ);
    assert_int_equal(put_file(image.files, "\xc3", NULL, 0), -EILSEQ);
    memset(longest, 'x', sizeof(longest));
    longest[255] = '\0';
    assert_int_equal(put_file(image.files, longest, NULL, 0), 0);
    longest[255] = 'x';
    longest[256] = '\0';
    assert_int_equal(put_file(image.files, longest, NULL, 0), -ENAMETOOLONG);
    image_must_be_clean(&image);
    image_must_open(&image);
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        snprintf(text, sizeof(text), "%zu", i);
        must_have_text(image.files, good[i], text);
        assert_int_equal(remove_path(image.files, good[i]), 0);
    }
    image_must_be_clean(&image);
    image_remove(&image);
}

static bool count_entry(void *user, const char *name, size_t size, uint64_t ino, unsigned char type)
{
    (void)name, (void)size, (void)ino, (void)type;
    ++*(unsigned *)user;
    return true;
}

static void a_large_directory(void **unused)
{
    (void)unused;
    const unsigned most = number("TEST_NAMES", 3000);
    struct image image;
    struct files_attr attr;
    char path[200];
    unsigned count = 0;
    image_make(&image, &image_ntfs, "", 64u << 20);
    image_must_open(&image);
    assert_int_equal(make_dir(image.files, "d"), 0);
    for (unsigned i = 0; i < most; i++) {
        snprintf(path, sizeof(path), "d/a name that is long enough to need many blocks %u", i * 7919 % most);
        assert_int_equal(put_file(image.files, path, path, 10), 0);
    }
    image_must_be_clean(&image);
    image_must_open(&image);
    for (unsigned i = 0; i < most; i += 2) {
        snprintf(path, sizeof(path), "d/a name that is long enough to need many blocks %u", i);
        assert_int_equal(remove_path(image.files, path), 0);
    }
    assert_int_equal(walk(image.files, "d", &attr), 0);
    assert_int_equal(image.files->ops->list(image.files, attr.ino, count_entry, &count), 0);
    assert_int_equal(count, most / 2 + 2);
    image_must_be_clean(&image);
    image_must_open(&image);
    for (unsigned i = 1; i < most; i += 2) {
        snprintf(path, sizeof(path), "d/a name that is long enough to need many blocks %u", i);
        assert_int_equal(remove_path(image.files, path), 0);
    }
    assert_int_equal(remove_path(image.files, "d"), 0);
    image_must_be_clean(&image);
    image_remove(&image);
}

/* ---- Space ---- */

static void a_full_volume(void **unused)
{
    (void)unused;
    static uint8_t data[300000];
    struct image image;
    struct statvfs before, after;
    char path[32];
    unsigned count = 0;
    int result = 0;
    image_make(&image, &image_ntfs, "", 16u << 20);
    image_must_open(&image);
    assert_int_equal(image.files->ops->statfs(image.files, &before), 0);
    for (size_t size = sizeof(data); size > 100; size = size / 3) {
        for (result = 0; result == 0; count++) {
            snprintf(path, sizeof(path), "f%u", count);
            result = put_file(image.files, path, data, size);
        }
        assert_int_equal(result, -ENOSPC);
    }
    image_must_be_clean(&image);
    image_must_open(&image);
    for (unsigned i = 0; i < count; i++) {
        snprintf(path, sizeof(path), "f%u", i);
        result = remove_path(image.files, path);
        assert_true(result == 0 || result == -ENOENT);
    }
    assert_int_equal(image.files->ops->statfs(image.files, &after), 0);
    /* Records stay with $MFT once it has grown. */
    assert_true(after.f_bfree + 600 >= before.f_bfree);
    assert_int_equal(put_file(image.files, "f", data, sizeof(data)), 0);
    image_must_be_clean(&image);
    image_remove(&image);
}

/* Whatever runs out of space in the middle must leave nothing behind. */
static void one_step_when_full(struct files *files, unsigned *seed)
{
    static uint8_t data[60000];
    char path[32], other[32];
    struct files_attr attr, change = { .size = (unsigned)rand_r(seed) % 100000 };
    struct files_new link = { .mode = S_IFLNK | 0777, .target = "a/target/somewhere" };
    const unsigned what = (unsigned)rand_r(seed) % 9;
    snprintf(path, sizeof(path), "%s%u", what < 2 ? "d" : "f", (unsigned)rand_r(seed) % 300);
    snprintf(other, sizeof(other), "f%u", (unsigned)rand_r(seed) % 300);
    const int found = walk(files, path, &attr);
    if (what == 0) {
        make_dir(files, path);
    } else if (what == 2 || what == 1) {
        remove_path(files, path);
    } else if (what == 3) {
        files->ops->rename(files, files->root, path, files->root, other, RENAME_NOREPLACE);
    } else if (what == 4) {
        files->ops->make(files, files->root, path, &link, &attr);
    } else if (what == 5 && found == 0) {
        files->ops->link(files, attr.ino, files->root, other, &attr);
    } else if (what == 6 && found == 0 && S_ISREG(attr.mode)) {
        files->ops->setattr(files, attr.ino, FILES_SIZE, &change, NULL);
    } else if (found == 0 && S_ISREG(attr.mode)) {
        files->ops->write(files, attr.ino, data, (unsigned)rand_r(seed) % sizeof(data), change.size);
    } else {
        put_file(files, path, data, (unsigned)rand_r(seed) % sizeof(data));
    }
}

static void a_full_volume_in_use(void **unused)
{
    (void)unused;
    struct image image;
    unsigned seed = number("TEST_SEED", 1);
    const unsigned steps = number("TEST_STEPS", 3000);
    image_make(&image, &image_ntfs, "", 16u << 20);
    image_must_open(&image);
    fill_up(image.files);
    for (unsigned i = 1; i <= steps; i++) {
        one_step_when_full(image.files, &seed);
        if (i % 1000 == 0) {
            image_must_be_clean(&image);
            image_must_open(&image);
        }
        if (i == 1500) { /* and a little less full */
            assert_int_equal(remove_path(image.files, "ballast"), 0);
        }
    }
    image_must_be_clean(&image);
    image_remove(&image);
}

/* ---- Threads ---- */

struct worker {
    struct image *image;
    unsigned number;
};

static void *work(void *argument)
{
    const struct worker *worker = argument;
    struct files *files = worker->image->files;
    static const size_t size = 20000;
    uint8_t data[20000], found[20000];
    char path[64];
    struct files_attr attr;
    for (unsigned i = 0; i < 60; i++) {
        snprintf(path, sizeof(path), "t%u-%u", worker->number, i % 10);
        fill(data, size, worker->number * 100 + i);
        remove_path(files, path);
        assert_int_equal(put_file(files, path, data, size), 0);
        if (i % 7 == 0) {
            assert_int_equal(files->ops->sync(files), 0);
        }
        assert_int_equal(walk(files, path, &attr), 0);
        assert_int_equal(files->ops->read(files, attr.ino, found, size, 0), size);
        assert_memory_equal(data, found, size);
    }
    return NULL;
}

static void many_threads(void **unused)
{
    (void)unused;
    struct image image;
    struct worker workers[6];
    pthread_t threads[6];
    image_make(&image, &image_ntfs, "", 32u << 20);
    image_must_open(&image);
    for (unsigned i = 0; i < 6; i++) {
        workers[i] = (struct worker){ &image, i };
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (unsigned i = 0; i < 6; i++) {
        pthread_join(threads[i], NULL);
    }
    image_must_be_clean(&image);
    image_remove(&image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),         cmocka_unit_test(a_large_directory),
        cmocka_unit_test(a_full_volume), cmocka_unit_test(a_full_volume_in_use),
        cmocka_unit_test(many_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
