/* SPDX-License-Identifier: ISC */
/* mapping_name.c - from the name of a volume to that of its mapping (mapping_name.h). */
#include "mapping_name.h"

#include <stdio.h>
#include <string.h>

#include "confirm.h"

#define SUFFIX   ".coffer"
#define BASE_MAX 64 /* of the volume's name that are kept */

static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";

void mapping_name(const char *volume, unsigned attempt, char name[static MAPPING_NAME_MAX])
{
    const char *base = confirm_name(volume);
    size_t length = strlen(base);
    char kept[BASE_MAX + 1];

    if (length > strlen(SUFFIX) && strcmp(base + length - strlen(SUFFIX), SUFFIX) == 0) {
        length -= strlen(SUFFIX);
    }
    snprintf(kept, sizeof(kept), "%.*s", (int)length, base);
    for (char *at = kept; *at; at++) {
        if (!strchr(good, *at)) {
            *at = '_';
        }
    }
    if (attempt < 2) {
        snprintf(name, MAPPING_NAME_MAX, "coffer-%s", kept);
    } else {
        snprintf(name, MAPPING_NAME_MAX, "coffer-%s-%u", kept, attempt);
    }
}
