/* SPDX-License-Identifier: ISC */
/*
 * Backing stores over the media of the machine. A new file is a medium of its own until it is published.
 */
#include "helper_machine.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "storage.h"

struct machine machine;

struct store {
    struct storage base;
    struct disk **medium;
    struct disk *unpublished; /* of a new file */
    struct disk **name;       /* what it will be published as */
};

/* ---- log and faults ---- */

void log_free(struct log *log)
{
    for (unsigned i = 0; i < log->entries; i++) {
        free(log->entry[i].data);
    }
    free(log->entry);
    memset(log, 0, sizeof(*log));
}

static void log_add(enum log_kind kind, const void *data, size_t size, uint64_t offset)
{
    struct log *log = machine.log;
    if (log == NULL) {
        return;
    }
    if (log->entries == log->capacity) {
        struct log_entry *entry = disk_memory((log->capacity * 2ul + 16) * sizeof(*entry));
        if (log->entries > 0) {
            memcpy(entry, log->entry, log->entries * sizeof(*entry));
        }
        free(log->entry);
        log->entry = entry;
        log->capacity = log->capacity * 2 + 16;
    }
    struct log_entry *entry = &log->entry[log->entries++];
    *entry = (struct log_entry){ .kind = kind, .offset = offset, .size = size, .data = disk_memory(size) };
    if (size > 0) {
        memcpy(entry->data, data, size);
    }
}

void machine_fail(unsigned kinds, unsigned at, int with)
{
    machine.fail_kinds = kinds;
    machine.fail_at = at;
    machine.fail_with = with;
    machine.fail_on = false;
    machine.calls = 0;
    machine.failed = false;
}

void machine_fail_from(unsigned kinds, unsigned at, int with)
{
    machine_fail(kinds, at, with);
    machine.fail_on = true;
}

void machine_fail_never(void)
{
    machine_fail(0, 0, 0);
}

void machine_insert(struct disk *disk)
{
    disk_free(machine.volume);
    machine.volume = disk;
}

/* 0, or the error that this call meets. */
static int meet_fault(unsigned kind)
{
    if (machine.fail_at == 0 || (machine.fail_kinds & kind) == 0 || ++machine.calls < machine.fail_at ||
        (machine.calls > machine.fail_at && !machine.fail_on)) {
        return 0;
    }
    machine.failed = true;
    return -machine.fail_with;
}

/* ---- the functions of a store ---- */

/* A copy uses its stores from several threads, and they share pages, the log and the faults. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void unlock(pthread_mutex_t **locked)
{
    pthread_mutex_unlock(*locked);
}

static pthread_mutex_t *lock(void)
{
    pthread_mutex_lock(&mutex);
    return &mutex;
}

#define ONE_AT_A_TIME pthread_mutex_t *locked __attribute__((cleanup(unlock), unused)) = lock()

static struct disk *disk_of(struct storage *storage)
{
    struct store *store = (struct store *)storage;
    return store->unpublished != NULL ? store->unpublished : *store->medium;
}

static bool is_logged(struct storage *storage)
{
    struct store *store = (struct store *)storage;
    return (store->unpublished != NULL ? store->name : store->medium) == &machine.volume;
}

static bool is_inside(struct storage *storage, size_t size, uint64_t offset)
{
    uint64_t end = disk_size(disk_of(storage));
    return offset <= end && size <= end - offset;
}

static int store_read(struct storage *storage, void *data, size_t size, uint64_t offset)
{
    ONE_AT_A_TIME;
    int fault = meet_fault(CALL_READ);
    if (fault != 0 || !is_inside(storage, size, offset)) {
        return fault != 0 ? fault : -EIO;
    }
    disk_read(disk_of(storage), data, size, offset);
    return 0;
}

static void put(struct storage *storage, const void *data, size_t size, uint64_t offset)
{
    disk_write(disk_of(storage), data, size, offset);
    if (is_logged(storage)) {
        machine.bytes_written += size;
        log_add(LOG_WRITE, data, size, offset);
    }
}

static int store_write(struct storage *storage, const void *data, size_t size, uint64_t offset)
{
    ONE_AT_A_TIME;
    int fault = meet_fault(CALL_WRITE);
    if (fault == 0 && storage->read_only) {
        fault = -EROFS;
    }
    if (fault == 0 && !is_inside(storage, size, offset)) {
        fault = -ENOSPC;
    }
    if (fault == -EROFS || fault == -ENOSPC) {
        return fault;
    }
    put(storage, data, fault == 0 ? size : size / 1024 * 512, offset);
    return fault;
}

static int store_sync(struct storage *storage)
{
    ONE_AT_A_TIME;
    int fault = meet_fault(CALL_SYNC);
    if (is_logged(storage)) {
        log_add(fault == 0 ? LOG_SYNC : LOG_SYNC_FAILED, NULL, 0, 0);
    }
    return fault;
}

static int store_discard(struct storage *storage, uint64_t offset, uint64_t size)
{
    ONE_AT_A_TIME;
    static const uint8_t zeros[DISK_PAGE];
    int fault = meet_fault(CALL_DISCARD);
    while (fault == 0 && size > 0) {
        size_t piece = size < sizeof(zeros) ? (size_t)size : sizeof(zeros);
        put(storage, zeros, piece, offset);
        offset += piece;
        size -= piece;
    }
    return fault;
}

static int store_seek(struct storage *storage, uint64_t offset, bool hole, uint64_t *found)
{
    ONE_AT_A_TIME;
    int fault = meet_fault(CALL_SEEK);
    if (fault == 0) {
        *found = disk_seek(disk_of(storage), offset, hole);
        fault = !hole && *found == disk_size(disk_of(storage)) ? -ENXIO : 0;
    }
    return fault;
}

static int store_resize(struct storage *storage, uint64_t size)
{
    int fault = meet_fault(CALL_RESIZE);
    if (fault == 0 && storage->is_device) {
        fault = size == storage->size ? 0 : -EINVAL;
    } else if (fault == 0) {
        disk_resize(disk_of(storage), size);
        storage->size = size;
        if (is_logged(storage)) {
            log_add(LOG_RESIZE, NULL, 0, size);
        }
    }
    return fault;
}

static int store_reserve(struct storage *storage, uint64_t offset, uint64_t size)
{
    (void)storage;
    (void)offset;
    (void)size;
    return meet_fault(CALL_RESERVE);
}

static int store_hold_header(struct storage *storage, bool hold)
{
    (void)storage;
    return hold ? meet_fault(CALL_HOLD) : 0;
}

/* A descriptor that means nothing here. */
static int store_claim(struct storage *storage, bool alone)
{
    (void)storage;
    (void)alone;
    int fault = meet_fault(CALL_HOLD);
    return fault != 0 ? fault : open("/dev/null", O_RDWR | O_CLOEXEC);
}

static int store_publish(struct storage *storage)
{
    struct store *store = (struct store *)storage;
    int fault = meet_fault(CALL_PUBLISH);
    if (fault == 0 && store->unpublished != NULL) {
        disk_free(*store->name);
        *store->name = store->unpublished;
        store->medium = store->name;
        store->unpublished = NULL;
    }
    return fault;
}

static void store_close(struct storage *storage)
{
    struct store *store = (struct store *)storage;
    machine.open_stores--;
    disk_free(store->unpublished);
    free(store);
}

static const struct storage_ops OPERATIONS = {
    .read = store_read,
    .write = store_write,
    .sync = store_sync,
    .discard = store_discard,
    .seek = store_seek,
    .resize = store_resize,
    .reserve = store_reserve,
    .hold_header = store_hold_header,
    .claim = store_claim,
    .publish = store_publish,
    .close = store_close,
};

static struct store *store_new(struct disk **medium, struct disk *unpublished)
{
    struct store *store = disk_memory(sizeof(*store));
    store->base.ops = &OPERATIONS;
    store->base.size = disk_size(unpublished != NULL ? unpublished : *medium);
    store->medium = store->name = medium;
    store->unpublished = unpublished;
    machine.open_stores++;
    return store;
}

/* ---- in front of the library's own ---- */

enum coffer_status __wrap_storage_open(const char *path, int fd, bool read_only, enum storage_lock lock,
                                       const struct coffer_callbacks *callbacks, struct storage **storage,
                                       struct coffer_error *error);
enum coffer_status __wrap_storage_create(const char *path, uint64_t size, bool replace,
                                         const struct coffer_callbacks *callbacks, struct storage **storage,
                                         struct coffer_error *error);
bool __wrap_storage_is_device(const char *path);

static struct disk **medium_named(const char *path)
{
    return strcmp(path, MACHINE_VOLUME) == 0   ? &machine.volume
           : strcmp(path, MACHINE_BACKUP) == 0 ? &machine.backup
                                               : NULL;
}

bool __wrap_storage_is_device(const char *path)
{
    return machine.device && strcmp(path, MACHINE_VOLUME) == 0;
}

enum coffer_status __wrap_storage_open(const char *path, int fd, bool read_only, enum storage_lock lock,
                                       const struct coffer_callbacks *callbacks, struct storage **storage,
                                       struct coffer_error *error)
{
    struct disk **medium = medium_named(path);
    (void)fd;
    (void)lock;
    (void)callbacks;
    if (medium == NULL || *medium == NULL) {
        return error_set_system(error, ENOENT, "cannot open it");
    }
    struct store *store = store_new(medium, NULL);
    store->base.read_only = read_only;
    store->base.is_device = __wrap_storage_is_device(path);
    *storage = &store->base;
    return COFFER_OK;
}

enum coffer_status __wrap_storage_create(const char *path, uint64_t size, bool replace,
                                         const struct coffer_callbacks *callbacks, struct storage **storage,
                                         struct coffer_error *error)
{
    struct disk **medium = medium_named(path);
    (void)callbacks;
    if (medium == NULL) {
        return error_set_system(error, ENOENT, "cannot open its directory");
    }
    if (*medium != NULL && !replace) {
        return error_set(error, COFFER_FAILED, EEXIST, "the file exists");
    }
    *storage = &store_new(medium, disk_new(size))->base;
    return COFFER_OK;
}
