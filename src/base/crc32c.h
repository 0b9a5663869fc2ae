/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * CRC-32C (Castagnoli, polynomial 0x1EDC6F41, reflected), as a bare shift register.
 *
 * Takes and returns the register itself: no inversion before or after, because the lease format
 * uses neither (see ondisk/checksum.h). The ordinary CRC-32C of a text is
 * ~crc32c(0xFFFFFFFF, text, n).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

uint32_t crc32c(uint32_t state, const void *data, size_t length);
