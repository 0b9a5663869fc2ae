/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Format an index; see the header.
 */
#include "lease/index-format.h"

#include "lease/resource-step.h"
#include "ondisk/area-image.h"

typedef enum FormatState {
    FORMAT_START,
    FORMAT_LOOK_FIRST,
    FORMAT_LOOK_SECOND,
    FORMAT_HIDDEN, /* the first area is written, without its magic */
    FORMAT_LEASE,
    FORMAT_HEADER,
    FORMAT_ENDED,
} FormatState;

void index_format_init(IndexFormat *self, ResourceIndex *index, bool overwrite)
{
    *self = (IndexFormat){ .index = index, .overwrite = overwrite, .state = FORMAT_START };
}

static MachineStep end(IndexFormat *self, LeaseFault fault)
{
    self->state = FORMAT_ENDED;
    return fault.kind == LEASE_OK ? step_done() : step_failed(fault);
}

static MachineStep look(IndexFormat *self, FormatState state, uint64_t offset)
{
    self->state = (int)state;
    return index_step_read(self->index, offset, self->index->place.layout.align_size);
}

static bool is_free(const IndexFormat *self, const uint8_t *area)
{
    return self->overwrite ||
           area_content(area, self->index->place.layout.align_size) == AREA_BLANK;
}

static MachineStep write_next(IndexFormat *self, const MachineInput *input, FormatState state)
{
    ResourceIndex *index = self->index;
    uint64_t offset = index->place.offset;

    self->state = (int)state;
    if (state == FORMAT_LEASE) {
        resource_area_fill(index->area, &index->place.layout, index->lockspace_name,
                           INDEX_LEASE_NAME, 0);
        return index_step_write_area(index, input, index_lease_offset(&index->place), index->area);
    }
    index_area_fill(index->area, &index->place, index->lockspace_name);
    if (state == FORMAT_HEADER)
        return index_step_write_sector(index, input, offset, 0, index->area);
    area_hide_magic(index->area);
    return index_step_write_area(index, input, offset, index->area);
}

static MachineStep go_on(IndexFormat *self, const MachineInput *input)
{
    const IndexPlace *place = &self->index->place;
    uint32_t length = place->layout.align_size;

    switch ((FormatState)self->state) {
    case FORMAT_START:
        return look(self, FORMAT_LOOK_FIRST, place->offset);
    case FORMAT_LOOK_FIRST:
        if (!is_free(self, input->data))
            return end(self, index_area_occupied(place->offset, input->data, length));
        return look(self, FORMAT_LOOK_SECOND, index_lease_offset(place));
    case FORMAT_LOOK_SECOND:
        if (!is_free(self, input->data))
            return end(self, index_area_occupied(index_lease_offset(place), input->data, length));
        return write_next(self, input, FORMAT_HIDDEN);
    case FORMAT_HIDDEN:
        return write_next(self, input, FORMAT_LEASE);
    case FORMAT_LEASE:
        return write_next(self, input, FORMAT_HEADER);
    case FORMAT_HEADER:
    case FORMAT_ENDED:
        break;
    }
    return end(self, resource_fault(LEASE_OK));
}

MachineStep index_format_resume(IndexFormat *self, const MachineInput *input)
{
    FormatState state = (FormatState)self->state;
    if (state == FORMAT_ENDED)
        return step_failed(resource_fault(LEASE_STOPPED));
    /* What was written in time counts however late it is seen. */
    if (state == FORMAT_HEADER && input->io == IO_OK)
        return end(self, resource_fault(LEASE_OK));
    bool looking = state <= FORMAT_LOOK_SECOND;
    IndexIo io = state == FORMAT_START ? INDEX_IO_NONE : looking ? INDEX_IO_READ : INDEX_IO_WRITE;
    LeaseFault fault = index_input_fault(input, io, looking);
    if (fault.kind != LEASE_OK)
        return end(self, fault);
    return go_on(self, input);
}
