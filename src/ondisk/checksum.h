/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The checksum of leader and ballot records: the CRC-32C register, started at 0xFFFFFFFE (all ones
 * but the lowest bit) and stored as it is, without a final inversion. Source: disk-format facts,
 * section 2. Known values: "" -> fffffffe, "123456789" -> e8c7bb34, 48 zero bytes -> cb5ad842,
 * 168 zero bytes -> 7e11fbd1.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

uint32_t record_checksum(const void *bytes, size_t length);
