/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A lockspace named "LS" on a memory disk, formatted as a real one, with noise before and behind
 * it: whatever writes outside of its own sector is found out.
 */
#pragma once

#include "lease/host-lease.h"
#include "support/memory-disk.h"

#define MEMORY_LOCKSPACE_NAME "LS"

typedef struct MemoryLockspace {
    MemoryDisk disk;
    Layout layout;
    uint64_t offset;
    uint8_t *snapshot; /* see memory_lockspace_assert_only_changed() */
} MemoryLockspace;

/* align_size 0: the usual one. `io_timeout`: what the format writes. */
void memory_lockspace_init(MemoryLockspace *self, uint32_t sector_size, uint32_t align_size,
                           uint32_t io_timeout);
void memory_lockspace_clear(MemoryLockspace *self);

uint8_t *memory_lockspace_sector(const MemoryLockspace *self, uint64_t host_id);
LeaderRecord memory_lockspace_record(const MemoryLockspace *self, uint64_t host_id);
/* Seals `record` and writes it now (_at: lands at a time) into the sector of `host_id`. */
void memory_lockspace_put(MemoryLockspace *self, uint64_t host_id, LeaderRecord record);
void memory_lockspace_put_at(MemoryLockspace *self, uint64_t at_us, uint64_t host_id,
                             LeaderRecord record);
/* A held (time stamp not 0) or released record of `host_id`, not sealed. */
LeaderRecord memory_lockspace_held(const MemoryLockspace *self, uint64_t host_id,
                                   const char *host_name, uint64_t generation, uint64_t timestamp,
                                   uint32_t io_timeout);
/* `lease` as a host "me" has it that renewed at `at_us`, io timeout 10, generation 4, with an event
 * (21, 22, 23); its record is put on disk. */
void memory_lockspace_hold(MemoryLockspace *self, uint64_t host_id, HostLease *lease,
                           uint64_t at_us);
/* Rewrites all records as the format before align flags had them: minor version 3, no flags. */
void memory_lockspace_make_old(MemoryLockspace *self);

/* Remembers all bytes of the disk; asserts that since then only this host's sector changed, or
 * nothing (host_id 0). */
void memory_lockspace_remember(MemoryLockspace *self);
void memory_lockspace_assert_only_changed(const MemoryLockspace *self, uint64_t host_id);

/* The five legal pairs of sizes. */
typedef struct MemorySizes {
    uint32_t sector_size, align_size;
} MemorySizes;
#define MEMORY_N_SIZES 5
extern const MemorySizes memory_sizes[MEMORY_N_SIZES];
