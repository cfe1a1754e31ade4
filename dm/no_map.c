/* SPDX-License-Identifier: ISC */
/* no_map.c - what map.h says where libdevmapper was not there when this was built. */
#include <errno.h>
#include <stdio.h>

#include "map.h"

bool map_is_possible(void)
{
    return false;
}

enum coffer_status map_open(const struct map_request *request, struct map **map, struct coffer_error *error)
{
    (void)request;
    (void)map;
    if (error && error->status == COFFER_OK) {
        error->status = COFFER_NOT_PERMITTED;
        error->sys = ENOSYS;
        snprintf(error->text, sizeof(error->text), "this program was built without libdevmapper");
    }
    return COFFER_NOT_PERMITTED;
}

const char *map_path(const struct map *map)
{
    (void)map;
    return "";
}

void map_release(struct map *map)
{
    (void)map;
}

void map_wait(const struct map *map)
{
    (void)map;
}

void map_free(struct map *map)
{
    (void)map;
}

int map_users(const char *path)
{
    (void)path;
    return -1;
}

void map_clean(void)
{
}

const char *map_component(void)
{
    return NULL;
}
