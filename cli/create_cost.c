/* SPDX-License-Identifier: ISC */
/* create_cost.c - the key derivation of a new volume, from the options. */
#include "create_cost.h"

#include "ui.h"

/* Bytes, but for the passes. */
#define KIB            1024
#define DEFAULT_MEMORY (UINT64_C(256) << 20)
#define DEFAULT_PASSES 3
#define WEAK_MEMORY    (UINT64_C(64) << 20)
#define WEAK_PASSES    3

void create_cost_settle(uint64_t memory, long passes, long level, struct coffer_create_options *create)
{
    uint64_t each = memory ? memory : DEFAULT_MEMORY;
    uint64_t times = passes ? (uint64_t)passes : DEFAULT_PASSES;
    bool is_weak = each < WEAK_MEMORY || each / KIB * times < WEAK_MEMORY / KIB * WEAK_PASSES;

    create->kdf_level = (int)level;
    create->kdf_memory = (uint32_t)(memory / KIB > UINT32_MAX ? UINT32_MAX : memory / KIB);
    create->kdf_passes = (uint32_t)passes;
    if (is_weak || level == 0) {
        ui_warn("a key derivation below 64 MiB and 3 passes makes guessing the passphrase cheap");
    }
}
