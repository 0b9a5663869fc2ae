/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Rebuild an index; see the header.
 */
#include "lease/index-rebuild.h"

#include <string.h>

#include "lease/resource-step.h"
#include "ondisk/leader-record.h"

typedef enum RebuildState {
    REBUILD_START,
    REBUILD_LEADER,
    REBUILD_WRITE,
    REBUILD_ENDED,
} RebuildState;

void index_rebuild_init(IndexRebuild *self, ResourceIndex *index)
{
    *self = (IndexRebuild){ .index = index, .state = REBUILD_START };
}

static MachineStep end(IndexRebuild *self, LeaseFault fault)
{
    self->state = REBUILD_ENDED;
    return fault.kind == LEASE_OK ? step_done() : step_failed(fault);
}

static void add(IndexRebuild *self, const uint8_t *bytes)
{
    ResourceIndex *index = self->index;
    char name[FIXED_NAME_SIZE + 1];
    LeaderRecord leader;
    IndexEntry entry;
    Layout layout;

    leader_record_decode(&leader, bytes);
    if (resource_record_check(&leader, index->lockspace_name, NULL, 0, &layout) != RECORD_OK ||
        !layout_equal(&layout, &index->place.layout))
        return;
    fixed_name_load(name, leader.name);
    if (name[0] == '\0') /* its entry could not be told from a free one */
        return;
    index_entry_init(&entry, &index->place, self->number, name);
    resource_index_put(index, self->number, &entry);
    self->found++;
}

static MachineStep read_next(IndexRebuild *self, const MachineInput *input)
{
    const ResourceIndex *index = self->index;
    uint64_t offset = index_resource_offset(&index->place, self->number);

    if (self->number < index->place.count && index->device_size >= index->place.layout.align_size &&
        offset <= index->device_size - index->place.layout.align_size) {
        self->state = REBUILD_LEADER;
        return index_step_read(index, offset, index->place.layout.sector_size);
    }
    self->state = REBUILD_WRITE;
    return index_step_write_area(index, input, index->place.offset, index->area);
}

MachineStep index_rebuild_resume(IndexRebuild *self, const MachineInput *input)
{
    static const IndexIo io[] = { [REBUILD_START] = INDEX_IO_NONE,
                                  [REBUILD_LEADER] = INDEX_IO_READ,
                                  [REBUILD_WRITE] = INDEX_IO_WRITE };
    RebuildState state = (RebuildState)self->state;
    const Layout *layout = &self->index->place.layout;
    if (state == REBUILD_ENDED)
        return step_failed(resource_fault(LEASE_STOPPED));
    /* What was written in time counts however late it is seen. */
    if (state == REBUILD_WRITE && input->io == IO_OK)
        return end(self, resource_fault(LEASE_OK));
    LeaseFault fault = index_input_fault(input, io[state], state != REBUILD_WRITE);
    if (fault.kind != LEASE_OK)
        return end(self, fault);

    if (state == REBUILD_START) {
        memset(self->index->area + layout->sector_size, 0,
               layout->align_size - layout->sector_size);
    } else {
        add(self, input->data);
        self->number++;
    }
    return read_next(self, input);
}
