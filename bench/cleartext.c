/* SPDX-License-Identifier: ISC */
/*
 * cleartext.c - the server without encryption, for the benchmarks alone.
 *
 * Linked with --wrap=volume_new. Everything is the same as in the product, but sectors go to the store as they
 * are, without the cipher and without the copy that it makes.
 */
#include "volume.h"

enum coffer_status __real_volume_new(struct storage *storage, const struct format_opened *opened,
                                     struct coffer_volume **volume, struct coffer_error *error);
enum coffer_status __wrap_volume_new(struct storage *storage, const struct format_opened *opened,
                                     struct coffer_volume **volume, struct coffer_error *error);

enum coffer_status __wrap_volume_new(struct storage *storage, const struct format_opened *opened,
                                     struct coffer_volume **volume, struct coffer_error *error)
{
    struct format_opened *plain = format_opened_new();
    if (plain == NULL) {
        return COFFER_NO_MEMORY;
    }
    *plain = *opened;
    for (unsigned i = 0; i < plain->segments; i++) {
        plain->segment[i].kind = SEGMENT_PLAIN;
    }
    enum coffer_status status = __real_volume_new(storage, plain, volume, error);
    format_opened_free(plain);
    return status;
}
