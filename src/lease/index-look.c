/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Look at the resource of an entry; see the header.
 */
#include "lease/index-look.h"

#include "lease/resource-step.h"
#include "ondisk/leader-record.h"

typedef enum LookState { LOOK_START, LOOK_LEADER, LOOK_ENDED } LookState;

void index_look_init(IndexLook *self, const ResourceIndex *index, uint32_t number)
{
    *self = (IndexLook){ .index = index, .number = number, .state = LOOK_START };
}

static LeaseFault on_leader(IndexLook *self, const uint8_t *bytes)
{
    const ResourceIndex *index = self->index;
    char name[FIXED_NAME_SIZE + 1];
    LeaderRecord leader;
    IndexEntry entry;

    resource_index_get(index, self->number, &entry);
    fixed_name_load(name, entry.name);
    leader_record_decode(&leader, bytes);
    RecordFault record = resource_record_check(&leader, index->lockspace_name, name, 0, NULL);
    self->live = record == RECORD_OK;
    if (record == RECORD_OK || record == RECORD_CLEARED || record == RECORD_BAD_MAGIC)
        return resource_fault(LEASE_OK);
    LeaseFault fault = resource_bad_record(record, 0);
    fault.offset = index_resource_offset(&index->place, self->number);
    return fault;
}

MachineStep index_look_resume(IndexLook *self, const MachineInput *input)
{
    LookState state = (LookState)self->state;
    if (state == LOOK_ENDED)
        return step_failed(resource_fault(LEASE_STOPPED));

    LeaseFault fault =
        index_input_fault(input, state == LOOK_LEADER ? INDEX_IO_READ : INDEX_IO_NONE, true);
    if (fault.kind == LEASE_OK && state == LOOK_START) {
        self->state = LOOK_LEADER;
        return index_step_read(self->index,
                               index_resource_offset(&self->index->place, self->number),
                               self->index->place.layout.sector_size);
    }
    self->state = LOOK_ENDED;
    if (fault.kind == LEASE_OK)
        fault = on_leader(self, input->data);
    return fault.kind == LEASE_OK ? step_done() : step_failed(fault);
}
