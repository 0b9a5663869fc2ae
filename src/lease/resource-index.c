/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the index machines have in common; see the header.
 */
#include "lease/resource-index.h"

#include <string.h>

#include "lease/lease-timing.h"
#include "lease/resource-step.h"
#include "ondisk/area-content.h"
#include "ondisk/leader-record.h"

void resource_index_init(ResourceIndex *self, const char *lockspace_name, const IndexPlace *place,
                         uint32_t io_timeout, uint64_t device_size, uint8_t *area)
{
    *self = (ResourceIndex){
        .place = *place, .io_timeout = io_timeout, .device_size = device_size, .area = area
    };
    memcpy(self->lockspace_name, lockspace_name, strnlen(lockspace_name, FIXED_NAME_SIZE));
}

void resource_index_get(const ResourceIndex *self, uint32_t number, IndexEntry *ret)
{
    index_entry_decode(ret, self->area + index_entry_position(&self->place, number));
}

void resource_index_put(ResourceIndex *self, uint32_t number, const IndexEntry *entry)
{
    index_entry_encode(entry, self->area + index_entry_position(&self->place, number));
}

/* Name and fault are of the entry `number`. */
static LeaseFault entry_fault(const ResourceIndex *self, LeaseFaultKind kind, uint32_t number)
{
    return (LeaseFault){ .kind = kind, .offset = index_resource_offset(&self->place, number) };
}

LeaseFault resource_index_find(const ResourceIndex *self, const char *name,
                               uint64_t resource_offset, uint32_t *ret_number)
{
    LeaseFault found = { .kind = LEASE_NAME_MISSING };

    for (uint32_t number = 0; number < self->place.count; number++) {
        IndexEntry entry;
        resource_index_get(self, number, &entry);
        if (index_entry_is_free(&entry) || !fixed_name_equal(entry.name, name))
            continue;
        if (resource_offset != 0 && resource_offset != index_resource_offset(&self->place, number))
            continue;
        if (found.kind != LEASE_NAME_MISSING)
            return entry_fault(self, LEASE_NAME_AMBIGUOUS, number);
        RecordFault record = index_entry_check(&entry, &self->place, number);
        found = entry_fault(self, record == RECORD_OK ? LEASE_OK : LEASE_BAD_RECORD, number);
        found.record = record;
        *ret_number = number;
    }
    return found;
}

/* A device of which nothing is known beyond its size; what lies past its end cannot be written. */
static bool is_on_device(const ResourceIndex *self, uint32_t number)
{
    return self->device_size >= self->place.layout.align_size &&
           index_resource_offset(&self->place, number) <=
               self->device_size - self->place.layout.align_size;
}

LeaseFault resource_index_find_free(const ResourceIndex *self, const char *name,
                                    uint32_t *ret_number)
{
    bool found = false;

    for (uint32_t number = 0; number < self->place.count; number++) {
        IndexEntry entry;
        resource_index_get(self, number, &entry);
        if (index_entry_is_free(&entry)) {
            if (!found)
                *ret_number = number;
            found = true;
        } else if (fixed_name_equal(entry.name, name)) {
            return entry_fault(self, LEASE_NAME_TAKEN, number);
        }
    }
    if (!found)
        return (LeaseFault){ .kind = LEASE_INDEX_FULL, .limit = self->place.count };
    if (!is_on_device(self, *ret_number))
        return entry_fault(self, LEASE_IO_SHORT, *ret_number);
    return resource_fault(LEASE_OK);
}

MachineStep index_step_read(const ResourceIndex *self, uint64_t offset, uint32_t length)
{
    return step_read(TARGET_RESOURCE, offset, length, timing_io(self->io_timeout));
}

static MachineStep step_write(const ResourceIndex *self, const MachineInput *input,
                              uint64_t area_offset)
{
    return (MachineStep){ .kind = STEP_WRITE,
                          .target = TARGET_RESOURCE,
                          .offset = area_offset,
                          .start_by_us = input->valid_until_us,
                          .fence_offset = area_offset,
                          .fence_length = self->place.layout.align_size };
}

MachineStep index_step_write_area(const ResourceIndex *self, const MachineInput *input,
                                  uint64_t area_offset, const uint8_t *area)
{
    MachineStep step = step_write(self, input, area_offset);

    step.length = self->place.layout.align_size;
    step.timeout_us = INDEX_AREA_WRITE_US;
    step.data = area;
    return step;
}

MachineStep index_step_write_sector(const ResourceIndex *self, const MachineInput *input,
                                    uint64_t area_offset, uint32_t position, const uint8_t *area)
{
    MachineStep step = step_write(self, input, area_offset);

    step.offset += position;
    step.length = self->place.layout.sector_size;
    step.timeout_us = timing_io(self->io_timeout);
    step.data = area + position;
    return step;
}

LeaseFault index_input_fault(const MachineInput *input, IndexIo io, bool may_stop)
{
    if (input->now_us >= input->valid_until_us)
        return resource_fault(LEASE_EXPIRED);
    if (input->stop && may_stop)
        return resource_fault(LEASE_STOPPED);
    if (io != INDEX_IO_NONE && input->io != IO_OK)
        return resource_io_fault(input, io == INDEX_IO_WRITE);
    return resource_fault(LEASE_OK);
}

LeaseFault index_area_occupied(uint64_t offset, const uint8_t *area, uint32_t length)
{
    LeaseFault fault = { .kind = LEASE_AREA_OCCUPIED,
                         .offset = offset,
                         .content = area_content(area, length) };
    LeaderRecord record;

    leader_record_decode(&record, area);
    if (fault.content == AREA_RESOURCE || fault.content == AREA_RESOURCE_CLEARED)
        fixed_name_load(fault.name, record.name);
    else if (fault.content == AREA_LOCKSPACE)
        fixed_name_load(fault.name, record.lockspace_name);
    return fault;
}
