/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Delete a resource of an index; see the header.
 */
#include "lease/index-delete.h"

#include "lease/resource-step.h"
#include "ondisk/area-image.h"

typedef enum DeleteState { DELETE_START, DELETE_ENTRY, DELETE_AREA, DELETE_ENDED } DeleteState;

void index_delete_init(IndexDelete *self, ResourceIndex *index, uint32_t number,
                       const ResourceLease *lease, uint8_t *resource_area)
{
    *self = (IndexDelete){ .index = index,
                           .number = number,
                           .lease = lease,
                           .resource_area = resource_area,
                           .state = DELETE_START };
}

static MachineStep end(IndexDelete *self, LeaseFault fault)
{
    self->state = DELETE_ENDED;
    return fault.kind == LEASE_OK ? step_done() : step_failed(fault);
}

static MachineStep clear_entry(IndexDelete *self, const MachineInput *input)
{
    ResourceIndex *index = self->index;

    resource_index_put(index, self->number, &(IndexEntry){ 0 });
    self->state = DELETE_ENTRY;
    return index_step_write_sector(index, input, index->place.offset,
                                   index_entry_sector(&index->place, self->number), index->area);
}

static MachineStep clear_area(IndexDelete *self, const MachineInput *input)
{
    const ResourceLease *lease = self->lease;

    resource_area_fill_cleared(self->resource_area, &lease->layout, lease->lockspace_name,
                               lease->resource_name, resource_seconds(input->now_us));
    self->cleared = true;
    self->state = DELETE_AREA;
    return index_step_write_area(self->index, input, lease->resource_offset, self->resource_area);
}

/* Not held, or the lease of something else: a mistake of the caller must not destroy anything. */
static bool lease_is_good(const IndexDelete *self)
{
    return self->lease == NULL ||
           (self->lease->held && self->lease->resource_offset ==
                                     index_resource_offset(&self->index->place, self->number));
}

MachineStep index_delete_resume(IndexDelete *self, const MachineInput *input)
{
    DeleteState state = (DeleteState)self->state;
    if (state == DELETE_ENDED || !lease_is_good(self))
        return end(self, resource_fault(LEASE_STOPPED));
    if (state == DELETE_AREA && input->io == IO_TOO_LATE)
        self->cleared = false;
    /* What was written in time counts however late it is seen. */
    if (state == DELETE_AREA && input->io == IO_OK)
        return end(self, resource_fault(LEASE_OK));
    LeaseFault fault = index_input_fault(
        input, state == DELETE_START ? INDEX_IO_NONE : INDEX_IO_WRITE, state == DELETE_START);
    if (fault.kind != LEASE_OK)
        return end(self, fault);
    if (state == DELETE_START)
        return clear_entry(self, input);
    if (state == DELETE_ENTRY && self->lease != NULL)
        return clear_area(self, input);
    return end(self, resource_fault(LEASE_OK));
}
