/* SPDX-License-Identifier: ISC */
/* crc32.h - the CRC-32 of zip and Ethernet, as foreign formats use it. */
#ifndef CORE_CRC32_H
#define CORE_CRC32_H

#include <stddef.h>
#include <stdint.h>

#define CRC32_BEGIN UINT32_C(0xffffffff)

/* The register after more data; its complement is the checksum. */
uint32_t crc32_add(uint32_t crc, const void *data, size_t size);

/* The same with Castagnoli's polynomial, CRC-32C. */
uint32_t crc32c_add(uint32_t crc, const void *data, size_t size);

#endif
