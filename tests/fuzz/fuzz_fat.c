/* SPDX-License-Identifier: ISC */
/*
 * fuzz_fat.c - a FAT or exFAT file system that somebody else made: every file is read and listed, then some are
 * written, renamed and removed. Nothing outside the volume is touched, and all of it comes to an end. The checksums of
 * exFAT are made right first: who attacks can compute them, too.
 */
#include <stdlib.h>
#include <string.h>

#include "files.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define VOLUME_SIZE (1u << 20)
#define MOST_FILES  64u
#define MOST_DEPTH  6u

/* Stands in for libcoffer: the input, and zeros behind it. */
struct coffer_volume {
    uint8_t bytes[VOLUME_SIZE];
};

static enum coffer_status check(size_t size, uint64_t offset)
{
    return offset > VOLUME_SIZE || size > VOLUME_SIZE - offset ? COFFER_INVALID : COFFER_OK;
}

enum coffer_status coffer_volume_pread(struct coffer_volume *volume, void *data, size_t size, uint64_t offset,
                                       struct coffer_error *error)
{
    error->status = check(size, offset);
    if (error->status == COFFER_OK) {
        memcpy(data, volume->bytes + offset, size);
    }
    return error->status;
}

enum coffer_status coffer_volume_pwrite(struct coffer_volume *volume, const void *data, size_t size,
                                        uint64_t offset, struct coffer_error *error)
{
    error->status = check(size, offset);
    if (error->status == COFFER_OK) {
        memcpy(volume->bytes + offset, data, size);
    }
    return error->status;
}

enum coffer_status coffer_volume_flush(struct coffer_volume *volume, struct coffer_error *error)
{
    (void)volume;
    (void)error;
    return COFFER_OK;
}

enum coffer_status coffer_volume_discard(struct coffer_volume *volume, uint64_t offset, uint64_t size,
                                         struct coffer_error *error)
{
    (void)volume;
    error->status = check((size_t)size, offset);
    if (error->status != COFFER_OK) {
        abort(); /* only what is there can be given back */
    }
    return COFFER_OK;
}

enum coffer_status coffer_volume_info(struct coffer_volume *volume, struct coffer_info *info,
                                      struct coffer_error *error)
{
    (void)volume;
    (void)error;
    info->data_size = VOLUME_SIZE;
    return COFFER_OK;
}

/* ---- Checksums of exFAT ---- */

static uint32_t turn(uint32_t sum, unsigned bits, uint8_t byte)
{
    return ((sum >> 1 | sum << (bits - 1)) + byte) & (uint32_t)((UINT64_C(1) << bits) - 1);
}

static void sign_boot(uint8_t *boot, size_t sector)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < 11 * sector; i++) {
        sum = i == 106 || i == 107 || i == 112 ? sum : turn(sum, 32, boot[i]);
    }
    for (unsigned i = 0; i < 4; i++) {
        boot[11 * sector + i] = (uint8_t)(sum >> 8 * i);
    }
}

/* Everything that looks like a file, wherever it is. */
static void sign_sets(uint8_t *bytes)
{
    for (size_t at = 0; at < VOLUME_SIZE; at += 32) {
        size_t size = (bytes[at + 1] + (size_t)1) * 32;
        uint32_t sum = 0;
        if (bytes[at] != 0x85 || size > VOLUME_SIZE - at) {
            continue;
        }
        for (size_t i = 0; i < size; i++) {
            sum = i == 2 || i == 3 ? sum : turn(sum, 16, bytes[at + i]);
        }
        bytes[at + 2] = (uint8_t)sum;
        bytes[at + 3] = (uint8_t)(sum >> 8);
    }
}

static void sign(struct coffer_volume *volume)
{
    if (memcmp(volume->bytes + 3, "EXFAT   ", 8) == 0 && volume->bytes[108] >= 9 && volume->bytes[108] <= 12) {
        sign_boot(volume->bytes, (size_t)1 << volume->bytes[108]);
        sign_sets(volume->bytes);
    }
}

struct walk {
    struct files *files;
    struct {
        uint64_t dir;
        char name[800];
    } found[MOST_FILES];
    unsigned count;
};

struct listing {
    struct walk *walk;
    uint64_t dir;
};

static bool note(void *user, const char *name, size_t size, uint64_t ino, unsigned char type)
{
    struct listing *listing = user;
    struct walk *walk = listing->walk;
    (void)ino;
    (void)type;
    if (memchr(name, '/', size) != NULL || memchr(name, '\0', size) != NULL || size == 0) {
        abort(); /* no such name can be handed on */
    }
    bool dots = strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
    if (!dots && walk->count < MOST_FILES) {
        walk->found[walk->count].dir = listing->dir;
        memcpy(walk->found[walk->count++].name, name, size + 1);
    }
    return true;
}

static void visit(struct walk *walk, uint64_t dir, unsigned depth)
{
    static uint8_t buffer[1 << 16];
    const struct files_ops *ops = walk->files->ops;
    struct listing listing = { walk, dir };
    unsigned first = walk->count;
    if (ops->list(walk->files, dir, note, &listing) < 0) {
        return;
    }
    unsigned end = walk->count;
    for (unsigned i = first; i < end; i++) {
        struct files_attr attr;
        if (ops->lookup(walk->files, dir, walk->found[i].name, &attr) < 0) {
            continue;
        }
        if (S_ISDIR(attr.mode) && depth < MOST_DEPTH) {
            visit(walk, attr.ino, depth + 1);
        } else {
            ops->read(walk->files, attr.ino, buffer, sizeof(buffer), 0);
            ops->read(walk->files, attr.ino, buffer, sizeof(buffer), attr.size / 2);
        }
    }
}

static void change(struct walk *walk)
{
    static const uint8_t data[5000] = { 1 };
    const struct files_ops *ops = walk->files->ops;
    struct files_new file = { .mode = S_IFREG | 0644 }, dir = { .mode = S_IFDIR | 0755 };
    struct files_attr attr, size = { .size = 700 };
    for (unsigned i = 0; i < walk->count; i++) {
        uint64_t in = walk->found[i].dir;
        const char *name = walk->found[i].name;
        char other[32] = "a name of some length";
        other[0] = (char)('a' + i % 8);
        ops->make(walk->files, in, other, i % 2 == 0 ? &file : &dir, &attr);
        if (ops->lookup(walk->files, in, name, &attr) < 0) {
            continue;
        }
        ops->write(walk->files, attr.ino, data, sizeof(data), i * 300);
        ops->setattr(walk->files, attr.ino, FILES_SIZE, &size, NULL);
        int result = i % 3 == 0   ? ops->rename(walk->files, in, name, walk->files->root, other, 0)
                     : i % 3 == 1 ? ops->unlink(walk->files, in, name)
                                  : ops->rmdir(walk->files, in, name);
        if (result == 0 && i % 3 != 0) {
            ops->evict(walk->files, attr.ino);
        }
        if (i % 5 == 0) {
            ops->sync(walk->files);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct coffer_volume volume;
    static struct walk walk;
    struct coffer_error error = COFFER_ERROR_INIT;
    struct files_options options = { .read_only = size % 2 != 0, .discard = true, .checked = size / 2 % 2 == 0 };
    struct statvfs space;
    size = size < VOLUME_SIZE ? size : VOLUME_SIZE;
    memcpy(volume.bytes, data, size);
    memset(volume.bytes + size, 0, VOLUME_SIZE - size);
    walk.count = 0;
    sign(&volume);
    if (files_open_exfat(&volume, &options, &walk.files, &error) == COFFER_NOT_FOUND) {
        error = (struct coffer_error)COFFER_ERROR_INIT;
        files_open_fat(&volume, &options, &walk.files, &error);
    }
    if (error.status != COFFER_OK) {
        return 0;
    }
    visit(&walk, walk.files->root, 0);
    change(&walk);
    walk.files->ops->statfs(walk.files, &space);
    walk.files->ops->close(walk.files, &error);
    return 0;
}
