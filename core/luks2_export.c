/* SPDX-License-Identifier: ISC */
/*
 * luks2_export.c - a LUKS2 header that stands in a file of its own, over the data of an open volume.
 *
 * It is the way out for a system that has cryptsetup and no coffer. One key slot, whose key derivation costs what
 * that of the volume does, for the header must not be the cheaper thing to guess at. cryptsetup refuses a header that
 * would not fit in front of the data, even where it is not there: so the file has the size of what is in front of the
 * data, which leaves it room for slots of its own, up to the size that it gives its headers itself.
 */
#include <stdlib.h>

#include "error.h"
#include "luks2_write.h"
#include "scope.h"
#include "volume.h"

#define FILE_SIZE_MAX  LUKS2_HEADER_SIZE
#define ALIGNMENT      4096u
#define MEMORY_DEFAULT (256u << 10) /* KiB */

static enum coffer_status check_mapping(const struct coffer_mapping *mapping, const struct coffer_info *info,
                                        struct coffer_error *error)
{
    if (mapping->thin) {
        return error_set(error, COFFER_UNSUPPORTED, 0, "it is thin, and its holes would read as noise");
    }
    if (mapping->layers != 1 || mapping->iv_large_sectors) {
        return error_set(error, COFFER_UNSUPPORTED, 0, "LUKS2 has no such cipher: %s", info->cipher);
    }
    return COFFER_OK;
}

static enum coffer_status make_plan(const struct coffer_volume *volume, const struct coffer_mapping *mapping,
                                    struct coffer_secret *key, struct luks2_plan *plan, struct coffer_error *error)
{
    const struct coffer_info *info = &volume->info;
    bool is_argon = info->kdf_memory != 0;
    uint32_t passes = is_argon ? info->kdf_passes : 0;
    *plan = (struct luks2_plan){
        .cipher = mapping->layer[0].cipher,
        .data_offset = mapping->data_offset,
        .data_size = mapping->data_size,
        .iv_offset = mapping->iv_offset,
        .sector_size = mapping->sector_size,
        .memory = is_argon ? info->kdf_memory : MEMORY_DEFAULT,
        .passes = passes > LUKS2_WRITE_PASSES_MIN ? passes : LUKS2_WRITE_PASSES_MIN,
        .header_size = mapping->data_offset < FILE_SIZE_MAX
                           ? (uint32_t)mapping->data_offset / ALIGNMENT * ALIGNMENT
                           : FILE_SIZE_MAX,
    };
    enum coffer_status status = luks2_write_prepare(plan, key, info->uuid, error);
    if (status == COFFER_OK && plan->header_size < LUKS2_WRITE_AREA + plan->area_size) {
        return error_set(
            error, COFFER_UNSUPPORTED, 0, "LUKS2 wants at least %u KiB in front of the data, and there are %llu",
            (LUKS2_WRITE_AREA + plan->area_size) / 1024, (unsigned long long)mapping->data_offset / 1024);
    }
    return status;
}

static enum coffer_status write_file(const char *path, const struct luks2_plan *plan, const uint8_t *area,
                                     struct coffer_error *error)
{
    struct storage *file __attribute__((cleanup(close_storage))) = NULL;
    uint8_t *copies __attribute__((cleanup(free_bytes))) = malloc(2 * (size_t)LUKS2_WRITE_COPY);
    if (copies == NULL) {
        return error_set_no_memory(error);
    }
    enum coffer_status status = luks2_write_copies(plan, copies, error);
    status = status ? status : storage_create(path, plan->header_size, false, NULL, &file, error);
    if (status != COFFER_OK) {
        return status;
    }
    int result = storage_write(file, area, plan->area_size, LUKS2_WRITE_AREA);
    result = result != 0 ? result : storage_write(file, copies, 2 * (size_t)LUKS2_WRITE_COPY, 0);
    result = result != 0 ? result : storage_sync(file);
    result = result != 0 ? result : file->ops->publish(file);
    return result == 0 ? COFFER_OK : error_set_system(error, -result, "cannot write the header");
}

enum coffer_status coffer_volume_export_luks2(const struct coffer_volume *volume, const char *path,
                                              const struct coffer_credential *credential,
                                              struct coffer_error *error)
{
    struct luks2_plan plan;
    struct luks_secret secret;
    struct coffer_mapping mapping = { .size = sizeof(mapping) };
    struct coffer_secret *key __attribute__((cleanup(free_secret))) = coffer_secret_new(COFFER_MAPPING_KEY_MAX);
    if (key == NULL) {
        return error_set_no_memory(error);
    }
    enum coffer_status status = luks_key_secret(credential, &secret, error);
    status = status ? status : coffer_volume_mapping(volume, &mapping, key, error);
    status = status ? status : check_mapping(&mapping, &volume->info, error);
    status = status ? status : make_plan(volume, &mapping, key, &plan, error);
    if (status != COFFER_OK) {
        return status;
    }
    uint8_t *area __attribute__((cleanup(free_secret_bytes))) = crypto_secret_alloc(plan.area_size);
    if (area == NULL) {
        return error_set_no_memory(error);
    }
    status = luks2_write_slot(&plan, key, &secret, area, error);
    return status == COFFER_OK ? write_file(path, &plan, area, error) : status;
}
