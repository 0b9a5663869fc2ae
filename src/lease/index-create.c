/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Create a resource in an index; see the header.
 */
#include "lease/index-create.h"

#include <string.h>

#include "lease/resource-step.h"
#include "ondisk/area-image.h"
#include "ondisk/leader-record.h"

typedef enum CreateState {
    CREATE_START,
    CREATE_LOOK,
    CREATE_AREA,
    CREATE_ENTRY,
    CREATE_ENDED,
} CreateState;

void index_create_init(IndexCreate *self, ResourceIndex *index, uint32_t number, const char *name,
                       uint32_t num_hosts, uint8_t *resource_area)
{
    *self = (IndexCreate){ .index = index,
                           .number = number,
                           .num_hosts = num_hosts,
                           .resource_area = resource_area,
                           .state = CREATE_START };
    memcpy(self->name, name, strnlen(name, FIXED_NAME_SIZE));
}

static MachineStep end(IndexCreate *self, LeaseFault fault)
{
    self->state = CREATE_ENDED;
    return fault.kind == LEASE_OK ? step_done() : step_failed(fault);
}

static uint64_t resource_offset(const IndexCreate *self)
{
    return index_resource_offset(&self->index->place, self->number);
}

/* A cleared resource of another lockspace is somebody else's storage. */
static bool may_be_used(const IndexCreate *self, const uint8_t *area)
{
    LeaderRecord record;

    switch (area_content(area, self->index->place.layout.align_size)) {
    case AREA_BLANK:
        return true;
    case AREA_RESOURCE_CLEARED:
        leader_record_decode(&record, area);
        return fixed_name_equal(record.lockspace_name, self->index->lockspace_name);
    case AREA_LOCKSPACE:
    case AREA_RESOURCE:
    case AREA_INDEX:
    case AREA_OTHER:
        break;
    }
    return false;
}

static MachineStep on_area(IndexCreate *self, const MachineInput *input)
{
    const Layout *layout = &self->index->place.layout;

    if (!may_be_used(self, input->data))
        return end(self,
                   index_area_occupied(resource_offset(self), input->data, layout->align_size));
    resource_area_fill(self->resource_area, layout, self->index->lockspace_name, self->name,
                       self->num_hosts);
    self->state = CREATE_AREA;
    return index_step_write_area(self->index, input, resource_offset(self), self->resource_area);
}

static MachineStep write_entry(IndexCreate *self, const MachineInput *input)
{
    ResourceIndex *index = self->index;
    IndexEntry entry;

    index_entry_init(&entry, &index->place, self->number, self->name);
    resource_index_put(index, self->number, &entry);
    self->state = CREATE_ENTRY;
    return index_step_write_sector(index, input, index->place.offset,
                                   index_entry_sector(&index->place, self->number), index->area);
}

static IndexIo io_of(CreateState state)
{
    if (state == CREATE_START)
        return INDEX_IO_NONE;
    return state == CREATE_LOOK ? INDEX_IO_READ : INDEX_IO_WRITE;
}

MachineStep index_create_resume(IndexCreate *self, const MachineInput *input)
{
    CreateState state = (CreateState)self->state;
    if (state == CREATE_ENDED)
        return step_failed(resource_fault(LEASE_STOPPED));
    /* What was written in time counts however late it is seen. */
    if (state == CREATE_ENTRY && input->io == IO_OK)
        return end(self, resource_fault(LEASE_OK));
    /* Once the area is written an entry is the better end: there is no wait in between. */
    LeaseFault fault = index_input_fault(input, io_of(state), state <= CREATE_LOOK);
    if (fault.kind != LEASE_OK)
        return end(self, fault);

    switch (state) {
    case CREATE_START:
        self->state = CREATE_LOOK;
        return index_step_read(self->index, resource_offset(self),
                               self->index->place.layout.align_size);
    case CREATE_LOOK:
        return on_area(self, input);
    default:
        return write_entry(self, input);
    }
}
