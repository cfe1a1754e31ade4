/* SPDX-License-Identifier: ISC */
/*
 * What single cases of NTFS need: volumes that are only read, logs of others, crashes, media that fail.
 */
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

#include "helper_image.h"

#define ASIDE ".deleted-by-coffer"

static const struct files_options writing = { .read_only = false };
static const struct files_options reading = { .read_only = true };

/* Where $LogFile begins, by ntfscluster. */
static off_t log_offset(const char *path)
{
    char command[256], line[256];
    off_t cluster = -1;
    snprintf(command, sizeof(command), "ntfscluster -f -I 2 %s 2>/dev/null", path);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    while (fgets(line, sizeof(line), pipe) != NULL) {
        long long vcn, lcn, length;
        if (sscanf(line, "%lld %lld %lld", &vcn, &lcn, &length) == 3 && cluster < 0) {
            cluster = (off_t)lcn;
        }
        char *range = strstr(line, "0x80");
        if (cluster < 0 && range != NULL && sscanf(range, "0x80 - %lld", &lcn) == 1) {
            cluster = (off_t)lcn;
        }
    }
    pclose(pipe);
    return cluster * 4096;
}

static void put16(uint8_t *at, unsigned value)
{
    at[0] = (uint8_t)value;
    at[1] = (uint8_t)(value >> 8);
}

/* The log as Windows leaves it: two pages that say what state it is in, and records. */
static void windows_log(const char *path, unsigned version, bool clean)
{
    uint8_t page[4096] = "RSTR";
    const off_t log = log_offset(path);
    put16(page + 4, 30);    /* where the ends of sectors are kept */
    put16(page + 6, 9);     /* and how many */
    put16(page + 16, 4096); /* page sizes */
    put16(page + 20, 4096); /* */
    put16(page + 24, 48);   /* where the state begins */
    put16(page + 26, version == 2 ? 0 : 1);
    put16(page + 28, version);
    put16(page + 30, 7); /* the sequence number at the ends of sectors */
    uint8_t *state = page + 48;
    put16(state, 12345); /* the newest record */
    put16(state + 8, 1); /* users of the log, one */
    put16(state + 10, 0xffff);
    put16(state + 14, clean ? 2 : 0);
    put16(state + 16, 67 - 22);
    put16(state + 20, 48 + 160);
    put16(state + 22, 48);
    put16(state + 26, 0x20); /* 2 MiB */
    put16(state + 36, 48);
    put16(state + 38, 64);
    put16(state + 48 + 16, 0xffff);
    put16(state + 48 + 18, 0xffff);
    for (size_t end = 510; end < sizeof(page); end += 512) {
        put16(page + end, 7);
    }
    int fd = open(path, O_RDWR | O_CLOEXEC);
    for (off_t at = 0; at < 8192; at += 4096) {
        assert_int_equal(pwrite(fd, page, sizeof(page), log + at), sizeof(page));
    }
    for (off_t at = 16384; at < 200000; at += 4096) {
        assert_int_equal(pwrite(fd, "RCRD", 4, log + at), 4);
    }
    close(fd);
}

/* ---- Which volumes are written ---- */

static void what_is_no_ntfs(void **unused)
{
    (void)unused;
    struct image image;
    struct coffer_error error = COFFER_ERROR_INIT;
    image_make(&image, &image_ntfs, "", 32u << 20);
    assert_int_equal(truncate(image.path, 16 << 20), 0); /* cut short */
    assert_int_equal(image_open(&image, &writing, false, &error), COFFER_DAMAGED);
    assert_int_equal(truncate(image.path, 0), 0);
    for (off_t size = 0; size <= 16 << 20; size += 8 << 20) {
        error = (struct coffer_error)COFFER_ERROR_INIT;
        assert_int_equal(truncate(image.path, size), 0);
        assert_int_equal(image_open(&image, &writing, false, &error), COFFER_NOT_FOUND);
    }
    image_remove(&image);
}

static void only_reading_writes_nothing(void **unused)
{
    (void)unused;
    struct image image;
    struct statvfs info;
    char copy[160];
    image_make(&image, &image_ntfs, "", 32u << 20);
    assert_true(snprintf(copy, sizeof(copy), "%s.copy", image.path) > 0);
    assert_int_equal(run("cp", (const char *const[]){ image.path, copy, NULL }), 0);
    image_must_open(&image); /* for writing, but nobody does */
    assert_int_equal(image.files->ops->statfs(image.files, &info), 0);
    assert_int_equal(fake_volume_writes(image.volume), 0);
    windows_log(image.path, 1, true);
    windows_log(copy, 1, true);
    assert_int_equal(image_close(&image), COFFER_OK);
    assert_int_equal(run("cmp", (const char *const[]){ image.path, copy, NULL }), 0);
    image_must_open(&image); /* neither with a log of Windows in it */
    assert_int_equal(image_close(&image), COFFER_OK);
    assert_int_equal(run("cmp", (const char *const[]){ image.path, copy, NULL }), 0);
    image_remove(&image);
}

static void must_be_read_only(struct image *image, const char *word)
{
    struct coffer_error error = COFFER_ERROR_INIT;
    assert_int_equal(image_open(image, &writing, false, &error), COFFER_OK);
    assert_true(image->files->read_only);
    if (strstr(image->files->note, word) == NULL) {
        fail_msg("no '%s' in the note '%s'", word, image->files->note);
    }
    assert_int_equal(put_file(image->files, "new", "x", 1), -EROFS);
    must_have_text(image->files, "old", "text");
    assert_int_equal(fake_volume_writes(image->volume), 0);
    assert_int_equal(image_close(image), COFFER_OK);
}

static void hibernated(void **unused)
{
    (void)unused;
    static char header[4096] = "hibr";
    struct image image;
    image_make(&image, &image_ntfs, "", 32u << 20);
    image_must_open(&image);
    assert_int_equal(put_file(image.files, "old", "text", 4), 0);
    assert_int_equal(put_file(image.files, "hiberfil.sys", header, sizeof(header)), 0);
    image_must_be_clean(&image);
    must_be_read_only(&image, "hibernated");
    image_remove(&image);
}

static void logs_of_others(void **unused)
{
    (void)unused;
    struct image image;
    image_make(&image, &image_ntfs, "", 32u << 20);
    image_must_open(&image);
    assert_int_equal(put_file(image.files, "old", "text", 4), 0);
    image_must_be_clean(&image);
    off_t log = log_offset(image.path);
    assert_true(log > 0);
    int fd = open(image.path, O_RDWR | O_CLOEXEC);
    assert_int_equal(pwrite(fd, "RCRD", 4, log), 4); /* a log that nobody understands */
    close(fd);
    must_be_read_only(&image, "ntfsfix");
    assert_int_equal(run("ntfsfix", (const char *const[]){ image.path, NULL }), 0);
    must_be_read_only(&image, "ntfsfix -d"); /* which has marked it */
    assert_int_equal(run("ntfsfix", (const char *const[]){ "-d", image.path, NULL }), 0);
    image_must_open(&image);
    assert_false(image.files->read_only);
    image_must_be_clean(&image);
    image_remove(&image);
}

static void logs_of_windows(void **unused)
{
    (void)unused;
    struct image image, after = { .kind = &image_ntfs };
    struct coffer_error error = COFFER_ERROR_INIT;
    image_make(&image, &image_ntfs, "", 32u << 20);
    image_must_open(&image);
    assert_int_equal(put_file(image.files, "old", "text", 4), 0);
    image_must_be_clean(&image);
    unsigned taken_over_badly = 0;
    windows_log(image.path, 1, false);
    must_be_read_only(&image, "did not close it properly");
    windows_log(image.path, 2, true);
    must_be_read_only(&image, "fast start");
    assert_true(snprintf(after.path, sizeof(after.path), "%s.after", image.path) > 0);
    for (unsigned i = 0; i < 40; i++) { /* power fails while the log is taken over, or soon after */
        windows_log(image.path, 1, true);
        assert_int_equal(image_open(&image, &writing, true, &error), COFFER_OK);
        assert_false(image.files->read_only);
        fake_volume_cut_later(image.volume, 1 + i % 20, after.path, i);
        while (!fake_volume_was_cut(image.volume)) {
            remove_path(image.files, "new");
            assert_int_equal(put_file(image.files, "new", "text", 4), 0);
            assert_int_equal(image.files->ops->sync(image.files), 0);
        }
        image_must_be_clean(&image);
        image_must_open(&after);
        must_have_text(after.files, "old", "text");
        if (after.files->read_only) { /* as the log's first pages were just written */
            assert_non_null(strstr(after.files->note, "ntfsfix"));
            assert_int_equal(image_close(&after), COFFER_OK);
            assert_int_equal(run("ntfsfix", (const char *const[]){ "-d", after.path, NULL }), 0);
            taken_over_badly++;
            image_must_open(&after);
        }
        assert_int_equal(put_file(after.files, "more", "text", 4), 0);
        image_must_be_clean(&after);
    }
    assert_true(taken_over_badly < 6); /* one moment of many */
    image_remove(&image);
}

/* ---- Crashes ---- */

/* What would be left if power failed now; `which`: 1 all that was not confirmed, 0 nothing of it, else some. */
static void crash(struct image *image, unsigned which, struct image *after)
{
    *after = (struct image){ .kind = image->kind };
    assert_true(snprintf(after->path, sizeof(after->path), "%s.after", image->path) > 0);
    unsigned seed = 1;
    for (unsigned state = seed; (unsigned)rand_r(&state) % 4 != which; state = seed) {
        seed++;
    }
    fake_volume_cut(image->volume, after->path, seed);
}

static void open_remembering(struct image *image, uint64_t size)
{
    struct coffer_error error = COFFER_ERROR_INIT;
    image_make(image, &image_ntfs, "", size);
    assert_int_equal(image_open(image, &writing, true, &error), COFFER_OK);
}

static void a_file_in_use_without_a_name(void **unused)
{
    (void)unused;
    static const struct files_options *const ways[] = { &reading, &writing };
    struct image image, after;
    struct files_attr attr;
    struct coffer_error error = COFFER_ERROR_INIT;
    open_remembering(&image, 32u << 20);
    struct files *files = image.files;
    assert_int_equal(put_file(files, "f", "text", 4), 0);
    assert_int_equal(walk(files, "f", &attr), 0);
    assert_int_equal(files->ops->unlink(files, files->root, "f"), 0);
    assert_int_equal(files->ops->write(files, attr.ino, "TEXT", 4, 0), 4);
    assert_int_equal(files->ops->getattr(files, attr.ino, &attr), 0);
    assert_int_equal(attr.links, 0);
    assert_int_equal(walk(files, ASIDE, &attr), -ENOENT); /* nobody sees where it is */
    assert_int_equal(files->ops->sync(files), 0);
    crash(&image, 1, &after);
    assert_int_equal(image_close(&image), COFFER_OK);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(image_open(&after, ways[i], false, &error), COFFER_OK);
        assert_int_equal(walk(after.files, "f", &attr), -ENOENT);
        assert_int_equal(walk(after.files, ASIDE, &attr), -ENOENT);
        assert_int_equal(image_close(&after), COFFER_OK);
    }
    assert_int_equal(after.kind->check(after.path), 0); /* and it is gone */
    image_remove(&image);
}

/* A file is deleted and another one is written to where it was, there being no other place; until the deletion is
 * safe, the first one must be. */
static void contents_wait_for_what_was_there(void **unused)
{
    (void)unused;
    static uint8_t old[200000], new[200000], found[200000];
    struct image image, after;
    struct files_attr attr;
    open_remembering(&image, 16u << 20);
    struct files *files = image.files;
    fill(old, sizeof(old), 1);
    fill(new, sizeof(new), 2);
    assert_int_equal(put_file(files, "old", old, sizeof(old)), 0);
    fill_up(files);
    assert_int_equal(files->ops->sync(files), 0);
    assert_int_equal(remove_path(files, "old"), 0);
    assert_int_equal(put_file(files, "new", new, sizeof(new) - 10000), 0);
    crash(&image, 1, &after);
    image_must_open(&after);
    assert_int_equal(walk(after.files, "old", &attr), 0);
    assert_int_equal(after.files->ops->read(after.files, attr.ino, found, sizeof(found), 0), sizeof(found));
    assert_memory_equal(found, old, sizeof(old));
    image_must_be_clean(&after);
    assert_int_equal(files->ops->sync(files), 0);
    crash(&image, 0, &after);
    image_must_open(&after);
    assert_int_equal(walk(after.files, "old", &attr), -ENOENT);
    assert_int_equal(walk(after.files, "new", &attr), 0);
    assert_int_equal(after.files->ops->read(after.files, attr.ino, found, sizeof(found), 0), sizeof(new) - 10000);
    assert_memory_equal(found, new, sizeof(new) - 10000);
    image_must_be_clean(&after);
    image_must_be_clean(&image);
    image_remove(&image);
}

/* After a crash in the middle of a commit somebody else puts the volume right: our log must not come back. */
static void a_log_that_others_have_emptied(void **unused)
{
    (void)unused;
    struct image image, after = { .kind = &image_ntfs };
    open_remembering(&image, 32u << 20);
    assert_int_equal(put_file(image.files, "old", "text", 4), 0);
    assert_int_equal(image.files->ops->sync(image.files), 0);
    crash(&image, 1, &after);
    assert_int_equal(run("ntfsfix", (const char *const[]){ after.path, NULL }), 0);
    must_be_read_only(&after, "ntfsfix -d");
    assert_int_equal(image_close(&image), COFFER_OK);
    image_remove(&image);
}

static void a_medium_that_fails(void **unused)
{
    (void)unused;
    struct image image;
    struct files_attr attr;
    image_make(&image, &image_ntfs, "", 32u << 20);
    image_must_open(&image);
    assert_int_equal(put_file(image.files, "old", "text", 4), 0);
    assert_int_equal(image.files->ops->sync(image.files), 0);
    assert_int_equal(put_file(image.files, "new", "text", 4), 0);
    fake_volume_fail(image.volume, EIO);
    assert_int_equal(image.files->ops->sync(image.files), -EIO);
    fake_volume_fail(image.volume, 0);
    assert_int_equal(put_file(image.files, "more", "text", 4), -EIO); /* never again */
    must_have_text(image.files, "old", "text");
    assert_int_equal(image_close(&image), COFFER_FAILED);
    image_must_open(&image); /* what was synced is there */
    must_have_text(image.files, "old", "text");
    assert_int_equal(walk(image.files, "more", &attr), -ENOENT);
    image_must_be_clean(&image);
    image_remove(&image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_no_ntfs),
        cmocka_unit_test(only_reading_writes_nothing),
        cmocka_unit_test(hibernated),
        cmocka_unit_test(logs_of_others),
        cmocka_unit_test(logs_of_windows),
        cmocka_unit_test(a_file_in_use_without_a_name),
        cmocka_unit_test(contents_wait_for_what_was_there),
        cmocka_unit_test(a_log_that_others_have_emptied),
        cmocka_unit_test(a_medium_that_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
