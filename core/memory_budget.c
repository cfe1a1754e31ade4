/* SPDX-License-Identifier: ISC */
/*
 * memory_budget.c - how much memory a key derivation may take.
 *
 * The cost in a header comes from whoever made it; a machine that is driven into swapping or the out-of-memory
 * killer by a hostile file has lost. Unknown means unlimited: other systems have no /proc.
 */
#include "memory_budget.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"

static void close_file(FILE **file)
{
    if (*file != NULL) {
        (void)fclose(*file);
    }
}

static uint64_t mem_available(void)
{
    FILE *file __attribute__((cleanup(close_file))) = fopen("/proc/meminfo", "re");
    char line[256];
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        unsigned long long value;
        if (sscanf(line, "MemAvailable: %llu kB", &value) == 1) {
            return value;
        }
    }
    return UINT64_MAX;
}

/* A control group file with one number of bytes; UINT64_MAX for "max" and for what cannot be read. */
static uint64_t read_number(const char *group, const char *name)
{
    char path[4352];
    if (snprintf(path, sizeof(path), "/sys/fs/cgroup%s/%s", group, name) >= (int)sizeof(path)) {
        return UINT64_MAX;
    }
    FILE *file __attribute__((cleanup(close_file))) = fopen(path, "re");
    unsigned long long value;
    return file != NULL && fscanf(file, "%llu", &value) == 1 ? value : UINT64_MAX;
}

/* The tightest limit from our own group (version 2) up to the root, less what is used there. */
static uint64_t group_available(void)
{
    FILE *file __attribute__((cleanup(close_file))) = fopen("/proc/self/cgroup", "re");
    char line[4200], *group = NULL;
    while (file != NULL && group == NULL && fgets(line, sizeof(line), file) != NULL) {
        if (strncmp(line, "0::/", 4) == 0) {
            group = line + 3;
            group[strcspn(group, "\n")] = '\0';
        }
    }
    uint64_t available = UINT64_MAX;
    while (group != NULL) {
        uint64_t limit = read_number(group, "memory.max");
        uint64_t used = read_number(group, "memory.current");
        if (limit != UINT64_MAX && used != UINT64_MAX) {
            uint64_t left = limit > used ? (limit - used) / 1024 : 0;
            available = left < available ? left : available;
        }
        char *slash = strrchr(group, '/');
        if (slash == NULL) {
            break;
        }
        *slash = '\0';
    }
    return available;
}

uint64_t memory_budget_available(void)
{
    uint64_t machine = mem_available(), group = group_available();
    return machine < group ? machine : group;
}

enum coffer_status memory_budget_allows(uint32_t memory, struct coffer_error *error)
{
    uint64_t available = memory_budget_available();
    if (memory <= available / 4 * 3) {
        return COFFER_OK;
    }
    return error_set(error, COFFER_NO_MEMORY, 0,
                     "the key derivation needs %u MiB of memory, and only three quarters of %llu MiB may be used",
                     memory / 1024, (unsigned long long)(available / 1024));
}
