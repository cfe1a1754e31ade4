/* SPDX-License-Identifier: ISC */
/*
 * swap.c - is there swap space that is not encrypted (swap.h)? Keys are locked into memory, but the cleartext in
 * the page cache and in the programs that use it cannot be.
 */
#include "swap.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "canonical_path.h"
#include "scope.h"

#define TEXT_MAX 65536

/* Undoes the \ooo in which the kernel writes blanks. */
static void unescape(char *text)
{
    char *out = text;

    while (*text) {
        unsigned byte;
        if (*text == '\\' && sscanf(text + 1, "%3o", &byte) == 1 && byte != 0) {
            *out++ = (char)byte;
            text += 4;
        } else {
            *out++ = *text++;
        }
    }
    *out = '\0';
}

char *swap_find_unsafe(const char *text, swap_is_safe_fn *is_safe)
{
    SCOPE_FREE char *copy = strdup(text);
    char *rest = copy;

    strsep(&rest, "\n"); /* the headings */
    for (char *line = strsep(&rest, "\n"); line; line = strsep(&rest, "\n")) {
        char *type = NULL;
        char *path = strtok_r(line, " \t", &type);
        if (!path || *path != '/') {
            continue;
        }
        bool is_device = strncmp(type + strspn(type, " \t"), "partition", 9) == 0;
        unescape(path);
        if (!is_device || !is_safe(path)) {
            return strdup(path);
        }
    }
    return NULL;
}

/* zram keeps pages in memory; a mapping that dm-crypt made says so in its name. */
static bool is_safe_here(const char *path)
{
    SCOPE_FREE char *device = canonical_path(path);
    const char *name = device ? strrchr(device, '/') + 1 : "";
    char uuid_path[128];
    char uuid[16] = "";

    if (strncmp(name, "zram", 4) == 0) {
        return true;
    }
    snprintf(uuid_path, sizeof(uuid_path), "/sys/class/block/%.64s/dm/uuid", name);
    SCOPE_FD int fd = open(uuid_path, O_RDONLY | O_CLOEXEC);
    return fd >= 0 && read(fd, uuid, sizeof(uuid) - 1) > 0 && strncmp(uuid, "CRYPT-", 6) == 0;
}

char *swap_find_unsafe_here(void)
{
    SCOPE_FREE char *text = calloc(1, TEXT_MAX);
    SCOPE_FD int fd = open("/proc/swaps", O_RDONLY | O_CLOEXEC);

    if (!text || fd < 0 || read(fd, text, TEXT_MAX - 1) <= 0) {
        return NULL;
    }
    return swap_find_unsafe(text, is_safe_here);
}
