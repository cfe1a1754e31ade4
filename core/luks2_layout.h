/* SPDX-License-Identifier: ISC */
/* luks2_layout.h - where the fields of a LUKS2 header are: a binary part, big-endian, and JSON behind it; twice. */
#ifndef CORE_LUKS2_LAYOUT_H
#define CORE_LUKS2_LAYOUT_H

#define LUKS2_BINARY_SIZE   4096 /* bytes; the rest of a copy is JSON */
#define LUKS2_COPY_MIN      (16u << 10)
#define LUKS2_CHECKSUM_SIZE 64
#define LUKS2_SALT_SIZE     64
#define LUKS2_LABEL_SIZE    48
#define LUKS2_HEADER_SIZE   (16u << 20) /* that cryptsetup gives its headers, with the areas of key slots */

/* A requirement, which keeps everybody out who does not know it: the data is not all there yet. */
#define LUKS2_UNFINISHED "coffer-unfinished"

#define LUKS2_MAGIC_FIRST  "LUKS\xba\xbe"
#define LUKS2_MAGIC_SECOND "SKUL\xba\xbe"

/* Offsets of fields. */
enum {
    LUKS2_VERSION = 6,
    LUKS2_SIZE = 8,
    LUKS2_SEQ = 16,
    LUKS2_LABEL = 24,
    LUKS2_CHECKSUM_NAME = 72,
    LUKS2_SALT = 104,
    LUKS2_UUID = 168,
    LUKS2_OFFSET = 256,
    LUKS2_CHECKSUM = 448,
};

#endif
