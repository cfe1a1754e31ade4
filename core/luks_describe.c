/* SPDX-License-Identifier: ISC */
/* luks_describe.c - what a LUKS header says without a secret, for coffer_info. */
#include <stdio.h>

#include "luks.h"
#include "uuid.h"

static void describe_derivation(const struct luks_slot *slot, struct coffer_info *info)
{
    if (slot->kdf == LUKS_PBKDF2) {
        (void)snprintf(info->kdf, sizeof(info->kdf), "pbkdf2-%.20s", slot->hash);
    } else if (slot->kdf == LUKS_OTHER) {
        (void)snprintf(info->kdf, sizeof(info->kdf), "%.31s", slot->hash);
    } else {
        (void)snprintf(info->kdf, sizeof(info->kdf), "%s", slot->kdf == LUKS_ARGON2I ? "argon2i" : "argon2id");
    }
    info->kdf_iterations = slot->kdf == LUKS_PBKDF2 ? slot->passes : 0;
    info->kdf_memory = slot->memory;
    info->kdf_passes = slot->passes;
    info->kdf_lanes = slot->lanes;
}

void luks_describe(const struct luks_header *header, struct coffer_info *info)
{
    info->format = "luks";
    info->version = header->version;
    info->marked = true;
    info->slots = header->version == 1 ? 8 : LUKS_SLOTS_MAX;
    for (unsigned i = LUKS_SLOTS_MAX; i-- > 0;) {
        if (header->slot[i].used) {
            info->slot_set |= 1u << i;
            info->slots_used++;
            describe_derivation(&header->slot[i], info);
        }
    }
    (void)uuid_parse(header->uuid, info->uuid);
    (void)snprintf(info->label, sizeof(info->label), "%s", header->label);
    const struct luks_segment *segment = &header->segment[0];
    (void)snprintf(info->cipher, sizeof(info->cipher), "%s", segment->cipher);
    info->sector_size = segment->sector_size;
    info->data_offset = segment->offset;
    info->iv_base = segment->tweak;
    (void)snprintf(info->opens_with, sizeof(info->opens_with), "%s",
                   info->slot_set != 0 ? "a passphrase or a key file" : "nothing: no key slot is in use");
    (void)snprintf(info->refused, sizeof(info->refused), "%s", header->refused);
}
