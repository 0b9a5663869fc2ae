/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The two ways to compute a CRC-32C, each by its own name so that a test can hold one against the
 * other. Everybody else calls crc32c().
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

uint32_t crc32c_portable(uint32_t state, const void *data, size_t length);

/* Only to be called when crc32c_sse42_available(): the instruction faults on older processors. */
uint32_t crc32c_sse42(uint32_t state, const void *data, size_t length);
bool crc32c_sse42_available(void);
