/* SPDX-License-Identifier: ISC */
/* mapping.h - the numbers that dm-crypt has to be told about a volume, as text, as JSON, and the key in a file. */
#ifndef MAPPING_H
#define MAPPING_H

#include "coffer.h"
#include "json.h"
#include "status.h"

/* As lines of `info`: for reading, for dmsetup, for cryptsetup. KEY, DEVICE and NAME are left to be filled in. */
void mapping_print(const struct coffer_mapping *mapping);

struct json_object *mapping_describe(const struct coffer_mapping *mapping);

/* Writes the key, and nothing else, into a new file, 0600. EXIT_DONE or reported. */
enum exit_status mapping_write_key(struct coffer_secret *key, const char *path);

#endif
