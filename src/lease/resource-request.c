/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The machines of requests.
 *
 *   request: LEADER -> RECORD -> WRITE -> done
 *   examine: RECORD -> done
 *
 * Between the look at the leader and the write others may acquire the lease or write a request of
 * their own: the last writer wins, and no harm is done, since every reader compares versions.
 */
#include "lease/resource-request.h"

#include <string.h>

#include "lease/resource-step.h"

enum {
    REQUEST_START,
    REQUEST_LEADER,
    REQUEST_RECORD,
    REQUEST_WRITE,
    REQUEST_ENDED,
};

void resource_request_init(ResourceRequest *self, ResourceLease *lease,
                           ResourceRequestAction action, uint64_t version)
{
    *self = (ResourceRequest){ .lease = lease,
                               .action = action,
                               .version = action == RESOURCE_REQUEST_NONE ? 0 : version,
                               .state = REQUEST_START };
}

static MachineStep request_fail(ResourceRequest *self, LeaseFault fault)
{
    self->state = REQUEST_ENDED;
    return step_failed(fault);
}

static MachineStep request_done(ResourceRequest *self)
{
    self->state = REQUEST_ENDED;
    return step_done();
}

static MachineStep read_record(const ResourceLease *lease)
{
    return resource_step_read(lease, layout_request(&lease->layout, lease->resource_offset),
                              lease->layout.sector_size);
}

static MachineStep on_leader(ResourceRequest *self, const MachineInput *input)
{
    LeaderRecord *leader = &self->lease->leader;
    LeaseFault fault = resource_leader_load(self->lease, input->data, leader);

    if (fault.kind != LEASE_OK)
        return request_fail(self, fault);
    /* Also to take one back: what is overwritten must lie in this resource. */
    if (self->action == RESOURCE_REQUEST_NONE) {
        self->state = REQUEST_RECORD;
        return read_record(self->lease);
    }
    if (leader->timestamp == 0)
        return request_done(self);
    /* There is a next one: the leader's check sees to it. */
    if (self->version == 0)
        self->version = leader->version_of_lease + 1;
    if (leader->version_of_lease >= self->version)
        return request_fail(self, (LeaseFault){ .kind = LEASE_REQUEST_PASSED,
                                                .version = leader->version_of_lease });
    self->owner_id = leader->owner_id;
    self->state = REQUEST_RECORD;
    return read_record(self->lease);
}

static MachineStep on_record(ResourceRequest *self, const MachineInput *input)
{
    ResourceLease *lease = self->lease;
    RequestRecord record;

    request_record_decode(&record, input->data);
    RecordFault fault = request_record_check(&record);
    /* An action that does not exist is overwritten like any other. */
    if (fault != RECORD_OK && fault != RECORD_BAD_FIELD)
        return request_fail(self, (LeaseFault){ .kind = LEASE_BAD_REQUEST, .record = fault });
    if (self->action != RESOURCE_REQUEST_NONE && record.lver > self->version)
        return request_fail(self,
                            (LeaseFault){ .kind = LEASE_REQUEST_LATER, .version = record.lver });

    request_record_init(&record);
    record.lver = self->version;
    record.force_mode = self->action;
    memset(self->sector, 0, lease->layout.sector_size);
    request_record_encode(&record, self->sector);
    self->state = REQUEST_WRITE;
    return resource_step_write(lease, input, layout_request(&lease->layout, lease->resource_offset),
                               self->sector);
}

MachineStep resource_request_resume(ResourceRequest *self, const MachineInput *input)
{
    if (self->state == REQUEST_ENDED)
        return request_fail(self, resource_fault(LEASE_STOPPED));
    /* What was written in time counts however late it is seen; and what may have been written is
     * not to be called too late. */
    if (self->state == REQUEST_WRITE)
        return input->io == IO_OK ? request_done(self)
                                  : request_fail(self, resource_io_fault(input, true));
    if (input->stop)
        return request_fail(self, resource_fault(LEASE_STOPPED));
    if (input->now_us >= input->valid_until_us)
        return request_fail(self, resource_fault(LEASE_EXPIRED));
    if (self->state != REQUEST_START && input->io != IO_OK)
        return request_fail(self, resource_io_fault(input, false));

    switch (self->state) {
    case REQUEST_START:
        self->state = REQUEST_LEADER;
        return resource_step_read(self->lease, self->lease->resource_offset,
                                  self->lease->layout.sector_size);
    case REQUEST_LEADER:
        return on_leader(self, input);
    default:
        return on_record(self, input);
    }
}

void resource_examine_init(ResourceExamine *self, ResourceLease *lease)
{
    *self = (ResourceExamine){ .lease = lease, .state = REQUEST_START };
}

MachineStep resource_examine_resume(ResourceExamine *self, const MachineInput *input)
{
    int state = self->state;

    self->state = REQUEST_ENDED;
    if (state == REQUEST_ENDED || input->stop)
        return step_failed(resource_fault(LEASE_STOPPED));
    if (input->now_us >= input->valid_until_us)
        return step_failed(resource_fault(LEASE_EXPIRED));
    if (state == REQUEST_START) {
        self->state = REQUEST_RECORD;
        return resource_step_read(self->lease, self->lease->resource_offset,
                                  2 * self->lease->layout.sector_size);
    }
    if (input->io != IO_OK)
        return step_failed(resource_io_fault(input, false));
    LeaseFault fault = resource_leader_load(self->lease, input->data, &self->lease->leader);
    if (fault.kind != LEASE_OK)
        return step_failed(fault);
    resource_note_request(self->lease, input->data);
    return step_done();
}

ResourceRequestAction resource_request_asks(const RequestRecord *record, uint64_t held_version)
{
    if (request_record_check(record) != RECORD_OK || record->lver <= held_version)
        return RESOURCE_REQUEST_NONE;
    return (ResourceRequestAction)record->force_mode;
}
