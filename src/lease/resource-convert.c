/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Make a shared lease exclusive; see the header.
 *
 * An acquisition like any other, except that every write of our own sector repeats SHARED: until we
 * hold exclusively we hold shared, and whoever takes the resource from under this attempt asks
 * about us as before. Only when the leader is ours, and the other shared holders were found gone,
 * is SHARED taken out. Should that last write fail the attempt has failed, though the leader is
 * ours: what is on disk is then more than we hold, in either mode.
 *
 * What a failed attempt leaves. It has cleared RELEASED in our sector with its first write, which
 * may be what lets go of a leader record that names us by another's hand (resource-release.c). So
 * after any ballot of its own, won or lost, something is owed: RELEASED, with SHARED, and the
 * leader if it is ours. (sanlock gives back the leader alone: such a record then stays held until
 * its host dies.)
 *
 * SHARED must stand in every read of the attempt, or the hold is lost: some host zeroed it, to
 * which we were dead. From the first write on a zero that fell between two reads goes unseen, since
 * the write puts SHARED back. It does not make this attempt succeed wrongly: who zeroes our sector
 * owns the leader, so we start anew and win a later version, after he has let go.
 */
#include "lease/resource-convert.h"

#include "lease/resource-step.h"

typedef enum ConvertState {
    CONVERT_ACQUIRE,
    CONVERT_SECTOR,
    CONVERT_ENDED,
} ConvertState;

void resource_convert_init(ResourceConvert *self, ResourceLease *lease)
{
    *self = (ResourceConvert){ .lease = lease, .state = CONVERT_ACQUIRE };
    resource_acquire_init(&self->acquire, lease, false, 0);
    lease->held = true; /* shared, as before */
}

static MachineStep convert_fail(ResourceConvert *self, LeaseFault fault)
{
    ResourceLease *lease = self->lease;
    bool lost = fault.kind == LEASE_SHARE_LOST;
    lease->held = !lost;
    if (lost || self->acquire.mbal != 0)
        lease->may_be_owner = true;
    self->state = CONVERT_ENDED;
    return step_failed(fault);
}

static MachineStep resume_acquire(ResourceConvert *self, const MachineInput *input)
{
    ResourceLease *lease = self->lease;
    MachineStep step = resource_acquire_resume(&self->acquire, input);
    if (step.kind == STEP_FAILED)
        return convert_fail(self, step.fault);
    if (step.kind != STEP_DONE)
        return step;
    self->state = CONVERT_SECTOR;
    return resource_step_write_own(lease, input, RESOURCE_EXCLUSIVE, self->sector);
}

MachineStep resource_convert_resume(ResourceConvert *self, const MachineInput *input)
{
    ResourceLease *lease = self->lease;
    if (self->state == CONVERT_ACQUIRE)
        return resume_acquire(self, input);
    if (self->state == CONVERT_ENDED)
        return step_failed(resource_fault(LEASE_STOPPED));
    if (input->now_us >= input->valid_until_us)
        return convert_fail(self, resource_fault(LEASE_EXPIRED));
    if (input->io != IO_OK)
        return convert_fail(self, resource_io_fault(input, true));
    lease->mode = RESOURCE_EXCLUSIVE;
    lease->may_be_owner = false;
    self->state = CONVERT_ENDED;
    return step_done();
}
