/* SPDX-License-Identifier: ISC */
/*
 * /proc/self/smaps, read with plain system calls into static memory, so that looking changes little of what is looked
 * at.
 */
#include "helper_maps.h"

#include "helper_child.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#define MASK 0xa5

static char text[1 << 20];

struct needle needle_random(void)
{
    struct needle needle;
    if (getrandom(needle.masked, sizeof(needle.masked), 0) != sizeof(needle.masked)) {
        abort();
    }
    return needle;
}

struct needle needle_of(const uint8_t bytes[NEEDLE_SIZE])
{
    struct needle needle;
    for (unsigned i = 0; i < NEEDLE_SIZE; i++) {
        needle.masked[i] = bytes[i] ^ MASK;
    }
    return needle;
}

void needle_put(const struct needle *needle, uint8_t out[NEEDLE_SIZE])
{
    for (unsigned i = 0; i < NEEDLE_SIZE; i++) {
        out[i] = needle->masked[i] ^ MASK;
    }
}

struct mapping {
    uintptr_t start, end;
    char permissions[5];
    const char *flags; /* " rd wr mr ..." */
};

static void read_smaps(void)
{
    size_t size = 0;
    ssize_t got;
    int fd = open("/proc/self/smaps", O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        text[0] = '\0';
        return;
    }
    while ((got = read(fd, text + size, sizeof(text) - 1 - size)) > 0) {
        size += (size_t)got;
    }
    close(fd);
    text[size] = '\0';
}

/* Takes the lines of one mapping, which end with its flags, from *rest; false at the end. */
static bool next_mapping(char **rest, struct mapping *mapping)
{
    while (**rest) {
        char *line = *rest;
        size_t length = strcspn(line, "\n");
        *rest = line + length + (line[length] == '\n');
        line[length] = '\0';
        unsigned long start, end;
        char permissions[5];
        if (sscanf(line, "%lx-%lx %4s", &start, &end, permissions) == 3) {
            mapping->start = start;
            mapping->end = end;
            memcpy(mapping->permissions, permissions, sizeof(permissions));
        } else if (strncmp(line, "VmFlags:", 8) == 0) {
            mapping->flags = line + 8;
            return true;
        }
    }
    return false;
}

static bool can_lock(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        return false;
    }
    bool locked = mlock(memory, size) == 0;
    munmap(memory, size);
    return locked;
}

const char *maps_unusable(void)
{
    struct mapping mapping;
    char *rest = text;
    if (CHILD_SANITIZED) {
        return "sanitizers replace mlock and keep copies of memory";
    }
    read_smaps();
    if (!next_mapping(&rest, &mapping)) {
        return "needs VmFlags in /proc/self/smaps";
    }
    return can_lock(1 << 20) ? NULL : "needs a limit of locked memory (ulimit -l) of 1 MiB";
}

bool maps_have_flag(const void *memory, size_t size, const char *flag)
{
    uintptr_t from = (uintptr_t)memory, to = from + size, covered = 0;
    struct mapping mapping;
    char *rest = text;
    read_smaps();
    while (next_mapping(&rest, &mapping)) {
        if (mapping.end <= from || mapping.start >= to) {
            continue;
        }
        if (!strstr(mapping.flags, flag)) {
            return false;
        }
        covered += (mapping.end < to ? mapping.end : to) - (mapping.start > from ? mapping.start : from);
    }
    return covered == size;
}

static bool is_at(const struct needle *needle, const volatile uint8_t *at)
{
    unsigned i = 0;
    while (i < NEEDLE_SIZE && (uint8_t)(at[i] ^ MASK) == needle->masked[i]) {
        i++;
    }
    return i == NEEDLE_SIZE;
}

size_t maps_count_in(const struct needle *needle, const void *start, size_t size)
{
    size_t count = 0;
    for (size_t at = 0; at + NEEDLE_SIZE <= size; at++) {
        count += is_at(needle, (const volatile uint8_t *)start + at);
    }
    return count;
}

static size_t count(const struct needle *needle, const char *without_flag)
{
    size_t found = 0;
    struct mapping mapping;
    char *rest = text;
    read_smaps();
    while (next_mapping(&rest, &mapping)) {
        if (strncmp(mapping.permissions, "rw", 2) == 0 && !(without_flag && strstr(mapping.flags, without_flag))) {
            found += maps_count_in(needle, (const void *)mapping.start, mapping.end - mapping.start);
        }
    }
    return found;
}

size_t maps_count(const struct needle *needle)
{
    return count(needle, NULL);
}

size_t maps_count_without(const struct needle *needle, const char *flag)
{
    return count(needle, flag);
}
