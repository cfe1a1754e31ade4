/* SPDX-License-Identifier: ISC */
/* size.c - sizes as text. Nothing is rounded up: what is shown as free or asked for is really there. */
#include "size.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char units[] = "KMGTPE";

/* The factor that a unit stands for; 0 when it is none. */
static uint64_t unit_factor(const char *unit)
{
    if (!*unit || strcasecmp(unit, "B") == 0) {
        return 1;
    }
    const char *found = strchr(units, toupper((unsigned char)*unit));
    if (!found) {
        return 0;
    }
    bool decimal = strcasecmp(unit + 1, "B") == 0;
    if (!decimal && unit[1] && strcasecmp(unit + 1, "iB") != 0) {
        return 0;
    }
    uint64_t factor = 1;
    for (const char *step = units; step <= found; step++) {
        factor *= decimal ? 1000 : 1024;
    }
    return factor;
}

bool size_parse(const char *text, uint64_t *bytes)
{
    uint64_t number = 0;
    const char *at = text;

    if (!isdigit((unsigned char)*at)) {
        return false;
    }
    for (; isdigit((unsigned char)*at); at++) {
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, (unsigned)(*at - '0'), &number)) {
            return false;
        }
    }
    uint64_t factor = unit_factor(at);
    if (factor == 0 || __builtin_mul_overflow(number, factor, &number)) {
        return false;
    }
    *bytes = number;
    return true;
}

const char *size_format(uint64_t bytes, char text[static SIZE_TEXT_MAX])
{
    if (bytes < 1024) {
        snprintf(text, SIZE_TEXT_MAX, "%" PRIu64 " byte%s", bytes, bytes == 1 ? "" : "s");
        return text;
    }
    unsigned unit = 0;
    unsigned shift = 10;
    while (unit + 1 < strlen(units) && bytes >> (shift + 10)) {
        unit++;
        shift += 10;
    }
    uint64_t tenths = ((bytes & ((UINT64_C(1) << shift) - 1)) * 10) >> shift;
    if (tenths == 0) {
        snprintf(text, SIZE_TEXT_MAX, "%" PRIu64 " %ciB", bytes >> shift, units[unit]);
    } else {
        snprintf(text, SIZE_TEXT_MAX, "%" PRIu64 ".%" PRIu64 " %ciB", bytes >> shift, tenths, units[unit]);
    }
    return text;
}

const char *size_format_exact(uint64_t bytes, char text[static SIZE_TEXT_MAX])
{
    size_format(bytes, text);
    if (bytes >= 1024) {
        size_t used = strlen(text);
        snprintf(text + used, SIZE_TEXT_MAX - used, " (%" PRIu64 " bytes)", bytes);
    }
    return text;
}
