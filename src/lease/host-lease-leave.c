/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The machine that gives this host's lease back.
 *
 * There is no read before the write, so something else must make sure that the sector is still
 * ours. It is, on our own clock, until others may call us dead: 8 N + 60 s after the last renewal.
 * The write must start before the fail deadline, 8 N, which leaves it a minute to land; later than
 * that, or when a write of unknown effect may be under way, nothing is written.
 */
#include "lease/host-lease-leave.h"

#include "lease/host-lease-sector.h"
#include "lease/lease-timing.h"

enum {
    LEAVE_START,
    LEAVE_WRITE,
    LEAVE_ENDED,
};

void host_lease_leave_init(HostLeaseLeave *self, HostLease *lease)
{
    *self = (HostLeaseLeave){ .lease = lease, .state = LEAVE_START };
}

static MachineStep leave_fail(HostLeaseLeave *self, LeaseFault fault)
{
    self->state = LEAVE_ENDED;
    return step_failed(fault);
}

static MachineStep leave_start(HostLeaseLeave *self, const MachineInput *input)
{
    HostLease *lease = self->lease;
    LeaderRecord released = lease->last;

    if (lease->write_uncertain || lease->lost || lease->last_renewal_us == 0)
        return leave_fail(self, (LeaseFault){ .kind = LEASE_STOPPED });
    uint64_t fail_at = time_add(lease->last_renewal_us, timing_fail(lease->io_timeout));
    if (input->now_us > fail_at)
        return leave_fail(self, (LeaseFault){ .kind = LEASE_EXPIRED });

    released.timestamp = 0;
    leader_record_seal(&released);
    lease->write_uncertain = true;
    self->state = LEAVE_WRITE;
    return host_lease_write_sector(lease, &released, NULL, self->sector,
                                   timing_io(lease->io_timeout), fail_at);
}

static MachineStep leave_take_write(HostLeaseLeave *self, const MachineInput *input)
{
    HostLease *lease = self->lease;

    if (input->io == IO_TOO_LATE) {
        lease->write_uncertain = false;
        return leave_fail(self, (LeaseFault){ .kind = LEASE_EXPIRED });
    }
    if (input->io != IO_OK)
        return leave_fail(self, host_lease_io_fault(input, true));
    host_lease_note_write_end(lease, input->now_us);
    /* Nothing is ours any more: no deadline to count from, nothing to renew or to give back. */
    lease->last.timestamp = 0;
    leader_record_seal(&lease->last);
    lease->write_uncertain = false;
    lease->last_renewal_us = 0;
    self->state = LEAVE_ENDED;
    return step_done();
}

MachineStep host_lease_leave_resume(HostLeaseLeave *self, const MachineInput *input)
{
    switch (self->state) {
    case LEAVE_START:
        return leave_start(self, input);
    case LEAVE_WRITE:
        return leave_take_write(self, input);
    default:
        return leave_fail(self, (LeaseFault){ .kind = LEASE_STOPPED });
    }
}
