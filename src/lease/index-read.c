/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Read a resource index; see the header.
 */
#include "lease/index-read.h"

#include <string.h>

#include "lease/resource-step.h"

typedef enum ReadState { READ_START, READ_AREA, READ_ENDED } ReadState;

void index_read_init(IndexRead *self, ResourceIndex *index)
{
    *self = (IndexRead){ .index = index, .state = READ_START };
}

static LeaseFault load(ResourceIndex *index, const uint8_t *area)
{
    const Layout *layout = &index->place.layout;
    IndexHeader header;
    IndexPlace place;

    index_header_decode(&header, area);
    RecordFault fault =
        index_header_check(&header, index->lockspace_name, index->place.offset, &place);
    if (fault == RECORD_OK && place.layout.sector_size != layout->sector_size)
        fault = RECORD_BAD_SECTOR_SIZE;
    if (fault == RECORD_OK && !layout_equal(&place.layout, layout))
        fault = RECORD_BAD_ALIGN_SIZE;
    if (fault != RECORD_OK)
        return (
            LeaseFault){ .kind = LEASE_BAD_RECORD, .record = fault, .offset = index->place.offset };
    index->place.count = place.count;
    memcpy(index->area, area, layout->align_size);
    return resource_fault(LEASE_OK);
}

MachineStep index_read_resume(IndexRead *self, const MachineInput *input)
{
    ReadState state = (ReadState)self->state;
    if (state == READ_ENDED)
        return step_failed(resource_fault(LEASE_STOPPED));

    LeaseFault fault =
        index_input_fault(input, state == READ_AREA ? INDEX_IO_READ : INDEX_IO_NONE, true);
    if (fault.kind == LEASE_OK && state == READ_START) {
        self->state = READ_AREA;
        return index_step_read(self->index, self->index->place.offset,
                               self->index->place.layout.align_size);
    }
    self->state = READ_ENDED;
    if (fault.kind == LEASE_OK)
        fault = load(self->index, input->data);
    return fault.kind == LEASE_OK ? step_done() : step_failed(fault);
}
