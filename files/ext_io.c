/* SPDX-License-Identifier: ISC */
/*
 * ext_io.c - the io_manager through which libext2fs sees the volume: whole blocks by way of the cache.
 *
 * The superblock is read once in units of 1024 bytes before the size of a block is known; that read goes
 * past the cache. Nothing here writes to the volume: commits do. Called under ext->lock.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ext.h"

/* libext2fs opens a channel by name only; the handle travels beside it, within one call on one thread. */
static _Thread_local struct ext *opening;

static struct ext *ext_of(io_channel channel)
{
    return channel->private_data;
}

static errcode_t as_errcode(int result)
{
    return result == 0 ? 0 : -result;
}

static errcode_t io_open(const char *name, int flags, io_channel *channel)
{
    (void)flags;
    struct struct_io_channel *made = calloc(1, sizeof(*made));
    char *copy = strdup(name);
    if (made == NULL || copy == NULL) {
        free(made);
        free(copy);
        return EXT2_ET_NO_MEMORY;
    }
    made->magic = EXT2_ET_MAGIC_IO_CHANNEL;
    made->manager = &opening->manager;
    made->name = copy;
    made->block_size = 1024;
    made->refcount = 1;
    made->private_data = opening;
    *channel = made;
    return 0;
}

static errcode_t io_close(io_channel channel)
{
    if (--channel->refcount > 0) {
        return 0;
    }
    free(channel->name);
    free(channel);
    return 0;
}

static errcode_t io_set_blksize(io_channel channel, int size)
{
    channel->block_size = size;
    return as_errcode(ext_cache_init(ext_of(channel), (size_t)size));
}

static errcode_t io_read(io_channel channel, unsigned long long block, int count, void *data)
{
    struct ext *ext = ext_of(channel);
    size_t size = (size_t)channel->block_size;
    if (count < 0) { /* bytes */
        struct coffer_error error = COFFER_ERROR_INIT;
        if (coffer_volume_pread(ext->volume, data, (size_t)-count, block * size, &error) != COFFER_OK) {
            return as_errcode(ext_volume_error(&error));
        }
        return 0;
    }
    for (int i = 0; i < count; i++) {
        int result = ext_cache_read(ext, block + (unsigned)i, (uint8_t *)data + (size_t)i * size, NULL);
        if (result < 0) {
            return as_errcode(result);
        }
    }
    return 0;
}

static errcode_t io_write(io_channel channel, unsigned long long block, int count, const void *data)
{
    struct ext *ext = ext_of(channel);
    size_t size = (size_t)channel->block_size;
    if (count < 0) {
        return EXT2_ET_UNIMPLEMENTED;
    }
    for (int i = 0; i < count; i++) {
        int result = ext_cache_write(ext, block + (unsigned)i, (const uint8_t *)data + (size_t)i * size);
        if (result < 0) {
            return as_errcode(result);
        }
    }
    return 0;
}

static errcode_t io_read_32(io_channel channel, unsigned long block, int count, void *data)
{
    return io_read(channel, block, count, data);
}

static errcode_t io_write_32(io_channel channel, unsigned long block, int count, const void *data)
{
    return io_write(channel, block, count, data);
}

static errcode_t io_flush(io_channel channel)
{
    (void)channel;
    return 0;
}

struct struct_io_manager *ext_io_manager(struct ext *ext)
{
    ext->manager = (struct struct_io_manager){
        .magic = EXT2_ET_MAGIC_IO_MANAGER,
        .name = "coffer volume",
        .open = io_open,
        .close = io_close,
        .set_blksize = io_set_blksize,
        .read_blk = io_read_32,
        .write_blk = io_write_32,
        .read_blk64 = io_read,
        .write_blk64 = io_write,
        .flush = io_flush,
    };
    opening = ext;
    return &ext->manager;
}
