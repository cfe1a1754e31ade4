/* SPDX-License-Identifier: ISC */
/*
 * Preambles that nobody has authenticated yet: PRE-1, PRE-3, COST-1, OPEN-3. What they ask for is judged before anything is
 * spent on it: no key derivation runs, nothing large is allocated, no byte is written. One good preamble is enough.
 */
#include <stdio.h>
#include <string.h>

#include "helper_memory.h"
#include "helper_scene.h"

enum { AT_FORMAT = 8, AT_KDF = 12, AT_LANES = 13, AT_MEMORY = 16, AT_PASSES = 20 };

static const uint64_t COPY[] = { 0, SCENE_TAIL };

struct hostile {
    const char *name;
    unsigned at, size;
    uint64_t value; /* `size` bytes, little-endian */
    enum coffer_status expected;
};

#define FORMAT(n)                                     \
    {                                                 \
        "format", AT_FORMAT, 2, n, COFFER_UNSUPPORTED \
    }
#define KDF(n)                                  \
    {                                           \
        "kdf", AT_KDF, 1, n, COFFER_UNSUPPORTED \
    }
#define LANES(n)                                    \
    {                                               \
        "lanes", AT_LANES, 1, n, COFFER_UNSUPPORTED \
    }
#define MEMORY(n)                                 \
    {                                             \
        "memory", AT_MEMORY, 4, n, COFFER_DAMAGED \
    }
#define PASSES(n)                                 \
    {                                             \
        "passes", AT_PASSES, 4, n, COFFER_DAMAGED \
    }
#define COST(m, t)                                                      \
    {                                                                   \
        "cost", AT_MEMORY, 8, (uint64_t)(t) << 32 | (m), COFFER_DAMAGED \
    }

static const struct hostile HOSTILE[] = {
    FORMAT(0),
    FORMAT(2),
    FORMAT(256),
    FORMAT(65535),
    KDF(0),
    KDF(2),
    KDF(255),
    LANES(0),
    LANES(2),
    LANES(255),
    MEMORY(0),
    MEMORY(1),
    MEMORY(8191),
    MEMORY(4194305),
    MEMORY(0x7fffffff),
    MEMORY(0x80000000),
    MEMORY(0xffffffff),
    PASSES(0),
    PASSES(65),
    PASSES(256),
    PASSES(0x80000000),
    PASSES(0xffffffff),
    COST(4194304, 17),
    COST(1048577, 64),
    COST(0xffffffff, 0xffffffff),
    COST(0x80000000, 2),
    COST(0x10000000, 16),
    COST(0, 0),
};

static void put(const struct hostile *hostile, uint64_t block)
{
    uint8_t bytes[8];
    for (unsigned i = 0; i < hostile->size; i++) {
        bytes[i] = (uint8_t)(hostile->value >> 8 * i);
    }
    disk_write(machine.volume, bytes, hostile->size, block + hostile->at);
}

static void ignore(void *user, enum coffer_finding finding, const char *text)
{
    (void)user;
    (void)finding;
    (void)text;
}

/* Every way in, with a passphrase. */
static enum coffer_status attempt(unsigned way, struct coffer_error *error)
{
    struct coffer_open_options options = scene_options(false);
    struct coffer_info info = { .size = sizeof(info) };
    struct coffer_check_result result;
    struct coffer_volume *volume;
    struct coffer_header *header;
    enum coffer_status status;
    switch (way) {
    case 0:
        return coffer_probe(MACHINE_VOLUME, &info, error);
    case 1:
        status = coffer_volume_open(MACHINE_VOLUME, scene_secret(0), &options, &volume, error);
        return status == COFFER_OK ? coffer_volume_close(volume, error) : status;
    case 2:
        status = coffer_header_open(MACHINE_VOLUME, scene_secret(0), &options, &header, error);
        if (status == COFFER_OK) {
            coffer_header_close(header);
        }
        return status;
    case 3:
        return coffer_volume_grow(MACHINE_VOLUME, scene_secret(0), &options, SCENE_SIZE + SCENE_GROWTH, error);
    case 4:
        status = coffer_check(MACHINE_VOLUME, scene_secret(0), &options, ignore, NULL, &result, error);
        return status == COFFER_OK && result.damaged ? COFFER_DAMAGED : status; /* to check, damage is a result */
    default:
        return coffer_header_backup(MACHINE_VOLUME, MACHINE_BACKUP, NULL, &options, error);
    }
}

static void both_copies(const struct disk *good, const struct hostile *hostile)
{
    for (unsigned way = 0; way < 6; way++) {
        struct coffer_error error = COFFER_ERROR_INIT;
        machine_insert(disk_clone(good));
        put(hostile, COPY[0]);
        put(hostile, COPY[1]);
        uint64_t written = machine.bytes_written;
        memory_fail(0);
        memory_forbid_derivation(true); /* aborts */
        enum coffer_status status = attempt(way, &error);
        memory_forbid_derivation(false);
        if (status != hostile->expected || (status != COFFER_DAMAGED && error.text[0] == '\0')) {
            scene_fail("%s %#llx, way %u: status %d, text '%s'", hostile->name, (unsigned long long)hostile->value,
                       way, (int)status, error.text);
        }
        if (memory_largest() > 1 << 20 || machine.bytes_written != written) {
            scene_fail("%s %#llx, way %u: %zu bytes were allocated, %llu written", hostile->name,
                       (unsigned long long)hostile->value, way, memory_largest(),
                       (unsigned long long)(machine.bytes_written - written));
        }
    }
}

/* The other copy opens it, at its own cost, and heals the one that lies. */
static void one_copy(const struct disk *good, const struct hostile *hostile, uint64_t copy)
{
    struct coffer_error error = COFFER_ERROR_INIT;
    uint8_t before[HEADER_CELL_SIZE], after[HEADER_CELL_SIZE];
    machine_insert(disk_clone(good));
    disk_read(machine.volume, before, AT_MEMORY + 8, copy);
    put(hostile, copy);
    memory_fail(0);
    scene_must(attempt(1, &error), &error, hostile->name);
    if (memory_largest() > 16 << 20) {
        scene_fail("%s %#llx: %zu bytes were allocated", hostile->name, (unsigned long long)hostile->value,
                   memory_largest());
    }
    disk_read(machine.volume, after, AT_MEMORY + 8, copy);
    if (memcmp(before, after, AT_MEMORY + 8) != 0) {
        scene_fail("%s %#llx: not healed", hostile->name, (unsigned long long)hostile->value);
    }
}

int main(void)
{
    if (coffer_init(NULL) != COFFER_OK) {
        return 1;
    }
    scene_use_passphrases(true);
    scene_create(SCENE_MARKED);
    struct disk *good = disk_clone(machine.volume);
    for (size_t i = 0; i < sizeof(HOSTILE) / sizeof(HOSTILE[0]); i++) {
        both_copies(good, &HOSTILE[i]);
        one_copy(good, &HOSTILE[i], COPY[i % 2]);
    }
    printf("%zu hostile preambles, no derivation\n", sizeof(HOSTILE) / sizeof(HOSTILE[0]));
    disk_free(good);
    scene_end();
    return 0;
}
