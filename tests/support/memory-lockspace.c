/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A formatted lockspace in memory; see the header.
 */
#include "support/memory-lockspace.h"

#include <string.h>

#include "ondisk/area-image.h"

/* Bytes before the area and behind it. */
#define NOISE 65536u

const MemorySizes memory_sizes[MEMORY_N_SIZES] = {
    { 512, MEBIBYTE },      { 4096, MEBIBYTE },     { 4096, 2 * MEBIBYTE },
    { 4096, 4 * MEBIBYTE }, { 4096, 8 * MEBIBYTE },
};

void memory_lockspace_init(MemoryLockspace *self, uint32_t sector_size, uint32_t align_size,
                           uint32_t io_timeout)
{
    *self = (MemoryLockspace){ 0 };
    g_assert_cmpint(layout_from_sizes(&self->layout, sector_size, align_size), ==, RECORD_OK);
    self->offset = NOISE;
    memory_disk_init(&self->disk, NOISE + (size_t)self->layout.align_size + NOISE);
    memset(self->disk.bytes, 0xA5, self->disk.size);
    lockspace_area_fill(self->disk.bytes + self->offset, &self->layout, MEMORY_LOCKSPACE_NAME,
                        io_timeout);
}

void memory_lockspace_clear(MemoryLockspace *self)
{
    memory_disk_clear(&self->disk);
    g_free(self->snapshot);
}

uint8_t *memory_lockspace_sector(const MemoryLockspace *self, uint64_t host_id)
{
    return self->disk.bytes + layout_host_lease(&self->layout, self->offset, host_id);
}

LeaderRecord memory_lockspace_record(const MemoryLockspace *self, uint64_t host_id)
{
    LeaderRecord record;
    leader_record_decode(&record, memory_lockspace_sector(self, host_id));
    return record;
}

void memory_lockspace_put(MemoryLockspace *self, uint64_t host_id, LeaderRecord record)
{
    leader_record_seal(&record);
    leader_record_encode(&record, memory_lockspace_sector(self, host_id));
}

void memory_lockspace_put_at(MemoryLockspace *self, uint64_t at_us, uint64_t host_id,
                             LeaderRecord record)
{
    uint8_t bytes[LEADER_RECORD_SIZE];
    leader_record_seal(&record);
    leader_record_encode(&record, bytes);
    memory_disk_write_at(&self->disk, at_us,
                         layout_host_lease(&self->layout, self->offset, host_id), bytes,
                         sizeof bytes);
}

LeaderRecord memory_lockspace_held(const MemoryLockspace *self, uint64_t host_id,
                                   const char *host_name, uint64_t generation, uint64_t timestamp,
                                   uint32_t io_timeout)
{
    LeaderRecord record;
    host_lease_record_init(&record, &self->layout, MEMORY_LOCKSPACE_NAME, io_timeout);
    record.owner_id = host_id;
    record.owner_generation = generation;
    record.timestamp = timestamp;
    fixed_name_store(record.name, host_name);
    return record;
}

void memory_lockspace_hold(MemoryLockspace *self, uint64_t host_id, HostLease *lease,
                           uint64_t at_us)
{
    HostLeaseWish wish = { MEMORY_LOCKSPACE_NAME, "me", self->offset, host_id, 10 };
    LeaderRecord record = memory_lockspace_record(self, host_id);
    host_lease_init(lease, &wish);
    record.owner_id = host_id;
    record.owner_generation = 4;
    record.timestamp = at_us / USEC_PER_SECOND;
    record.io_timeout = 10;
    record.write_id = 21;
    record.write_generation = 22;
    record.write_timestamp = 23;
    fixed_name_store(record.name, "me");
    memory_lockspace_put(self, host_id, record);
    self->disk.now_us = 0;
    lease->last = memory_lockspace_record(self, host_id);
    lease->layout = self->layout;
    lease->last_renewal_us = at_us;
}

void memory_lockspace_make_old(MemoryLockspace *self)
{
    for (uint64_t host_id = 1; host_id <= self->layout.max_hosts; host_id++) {
        LeaderRecord record = memory_lockspace_record(self, host_id);
        record.version = 0x00030003;
        record.flags = 0;
        memory_lockspace_put(self, host_id, record);
    }
}

void memory_lockspace_remember(MemoryLockspace *self)
{
    if (self->snapshot == NULL)
        self->snapshot = g_malloc(self->disk.size);
    memcpy(self->snapshot, self->disk.bytes, self->disk.size);
}

void memory_lockspace_assert_only_changed(const MemoryLockspace *self, uint64_t host_id)
{
    size_t from = self->disk.size, until = self->disk.size;
    if (host_id != 0) {
        from = layout_host_lease(&self->layout, self->offset, host_id);
        until = from + self->layout.sector_size;
    }
    g_assert_cmpint(memcmp(self->disk.bytes, self->snapshot, from), ==, 0);
    g_assert_cmpint(
        memcmp(self->disk.bytes + until, self->snapshot + until, self->disk.size - until), ==, 0);
}
