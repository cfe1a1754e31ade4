/* SPDX-License-Identifier: ISC */
/*
 * The subject of the tests is the fake volume, which can be told to fail.
 */
#include "mounted.h"

bool subject_can_be(uint64_t size)
{
    return size > 0;
}

struct coffer_volume *subject_new(uint64_t size, bool thin)
{
    return fake_volume_in_memory(size, thin);
}

enum coffer_status subject_close(struct coffer_volume *volume, struct coffer_error *error)
{
    (void)error;
    fake_volume_free(volume);
    return COFFER_OK;
}

struct fake_faults *subject_faults(struct coffer_volume *volume)
{
    return fake_volume_faults(volume);
}
