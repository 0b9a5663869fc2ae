/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The machine of one renewal.
 *
 *   AREA -> (SECTOR) -> (NEXT_SECOND -> SECTOR) -> WRITE -> done
 *
 * Check and write are two I/Os, and a host can be stopped between them for any length of time. A
 * successor may have taken the sector meanwhile, and our write would destroy its record. So the
 * write is handed to the device no later than one io timeout after the *start* of the read that
 * showed our record, or not at all: a successor that wrote after that start waits two io timeouts
 * of ours before it believes in its own write, looks again, and finds ours in time. After a slow
 * read (one that an earlier attempt left behind, say) that time is over already; then our sector
 * alone is read again, which is all that the check needs.
 *
 * Why the time stamp must be another one than that on disk. Observers date a sign of life by the
 * change that they see; we count our deadlines from before our last write. Were that write equal,
 * byte for byte, to what an earlier one (perhaps one that was reported as failed) had left on disk
 * in the same second, then others would have seen the change before the time that we count from,
 * and might call us dead up to a second too early. Nor could our own check of all 200 bytes tell a
 * write that was lost from one that happened. A stamp ahead of our clock would change too, but what
 * is on disk should be a time that was; it costs at most a second, and only after a failure, to
 * wait.
 */
#include "lease/host-lease-renew.h"

#include <string.h>

#include "lease/host-lease-sector.h"
#include "lease/lease-timing.h"

enum {
    RENEW_START,
    RENEW_AREA,
    RENEW_SECTOR,
    RENEW_NEXT_SECOND,
    RENEW_WRITE,
    RENEW_ENDED,
};

void host_lease_renew_init(HostLeaseRenew *self, HostLease *lease, const HostEventOut *out)
{
    *self = (HostLeaseRenew){ .lease = lease, .state = RENEW_START, .keep_event = out == NULL };
    if (out == NULL)
        return;
    self->out = *out;
    /* Never our own bit: we would answer ourselves. */
    if (lease->host_id >= 1 && lease->host_id <= LAYOUT_MAX_HOSTS)
        self->out.bitmap[(lease->host_id - 1) / 8] &= (uint8_t) ~(1u << ((lease->host_id - 1) % 8));
}

static MachineStep renew_fail(HostLeaseRenew *self, LeaseFault fault)
{
    self->state = RENEW_ENDED;
    if (renew_fault_is_fatal(&fault))
        self->lease->lost = true;
    return step_failed(fault);
}

static MachineStep renew_read_area(HostLeaseRenew *self, const MachineInput *input)
{
    const HostLease *lease = self->lease;
    MachineStep step = step_read(TARGET_LOCKSPACE, lease->lockspace_offset,
                                 lease->layout.align_size, timing_io(lease->io_timeout));
    /* On hung storage attempts must not pile up reads of megabytes. */
    step.adopt_overdue = true;
    self->read_started_us = input->now_us;
    self->state = RENEW_AREA;
    return step;
}

static MachineStep renew_read_sector(HostLeaseRenew *self)
{
    self->checked_twice = true;
    self->state = RENEW_SECTOR;
    return host_lease_read_sector(self->lease);
}

/* Whether our sector still holds our record. */
static LeaseFault renew_check(const HostLease *lease, const uint8_t *sector, LeaderRecord *ret)
{
    const LeaderRecord *last = &lease->last;

    RecordFault fault = host_lease_check_sector(lease, sector, ret);
    if (fault != RECORD_OK)
        return host_lease_bad_record(lease, fault);
    if (ret->owner_id != last->owner_id || ret->owner_generation != last->owner_generation ||
        memcmp(ret->name, last->name, FIXED_NAME_SIZE) != 0)
        return host_lease_named_fault(LEASE_TAKEN, ret);
    /* After a write with unknown effect the disk may hold the record before it or after it, and
     * after several of them any: only what all have in common can be compared. A free one is none
     * of them: no renewal writes 0, and whoever frees our sector lets others in. */
    if (ret->timestamp == 0 || (!lease->write_uncertain && !leader_record_equal(ret, last)))
        return host_lease_named_fault(LEASE_ALTERED, ret);
    /* Once altered it stays lost, even if the old bytes should come back. */
    if (lease->lost)
        return host_lease_named_fault(LEASE_ALTERED, ret);
    return (LeaseFault){ .kind = LEASE_OK };
}

static MachineStep renew_write(HostLeaseRenew *self, const MachineInput *input,
                               const LeaderRecord *on_disk)
{
    HostLease *lease = self->lease;

    /* Based on what we know to be ours (our io timeout among it), not on what was read: after an
     * uncertain write not every field of that was compared. Only the event, which is nobody's
     * safety, is taken from there. */
    self->proposed = lease->last;
    self->proposed.timestamp = host_lease_timestamp(input->now_us);
    self->proposed.write_id = self->keep_event ? on_disk->write_id : self->out.generation;
    self->proposed.write_generation =
        self->keep_event ? on_disk->write_generation : self->out.event;
    self->proposed.write_timestamp = self->keep_event ? on_disk->write_timestamp : self->out.data;
    leader_record_seal(&self->proposed);

    self->proposed_us = input->now_us;
    self->was_uncertain = lease->write_uncertain;
    lease->write_uncertain = true;
    self->state = RENEW_WRITE;
    /* The timeout is as long as a write can matter: when it is over, others may take our sector. */
    return host_lease_write_sector(lease, &self->proposed, self->out.bitmap, self->sector,
                                   timing_free(lease->io_timeout),
                                   time_add(self->checked_us, timing_io(lease->io_timeout)));
}

static MachineStep renew_take_record(HostLeaseRenew *self, const MachineInput *input,
                                     const uint8_t *sector)
{
    const HostLease *lease = self->lease;
    LeaderRecord on_disk;

    LeaseFault fault = renew_check(lease, sector, &on_disk);
    if (fault.kind != LEASE_OK)
        return renew_fail(self, fault);
    if (input->stop)
        return renew_fail(self, (LeaseFault){ .kind = LEASE_STOPPED });

    self->checked_us = input->io_started_us;
    if (!self->checked_twice) {
        uint64_t stamp = host_lease_timestamp(input->now_us);
        if (stamp == on_disk.timestamp) {
            self->state = RENEW_NEXT_SECOND;
            return step_wait(time_from_seconds(stamp + 1));
        }
        if (time_since(input->now_us, self->checked_us) >= timing_io(lease->io_timeout))
            return renew_read_sector(self);
    }
    return renew_write(self, input, &on_disk);
}

/* A renewal now would tell the others that we are alive, and had been. */
static bool renew_is_frozen(HostLeaseRenew *self, const MachineInput *input, LeaseFault *ret)
{
    FrozenWatch *watch = self->lease->watch;
    if (watch == NULL)
        return false;
    FrozenVerdict verdict = frozen_watch_observe(watch, input->data, self->lease->layout.align_size,
                                                 self->lease->lockspace_name, input->io_started_us,
                                                 input->now_us, self->lease->last_renewal_us);
    self->suspects_frozen = verdict == FROZEN_SUSPECTED;
    *ret = (LeaseFault){ .kind = LEASE_FROZEN,
                         .standstill_us = watch->standstill_us,
                         .unheard_of_us = watch->unheard_of_us };
    return verdict == FROZEN_YES;
}

static MachineStep renew_take_area(HostLeaseRenew *self, const MachineInput *input)
{
    const HostLease *lease = self->lease;
    LeaseFault fault;

    self->read_started_us = input->io_started_us;
    self->read_us = time_since(input->now_us, input->io_started_us);
    if (input->io != IO_OK)
        return renew_fail(self, host_lease_io_fault(input, false));
    if (renew_is_frozen(self, input, &fault))
        return renew_fail(self, fault);
    return renew_take_record(self, input,
                             input->data + layout_host_lease(&lease->layout, 0, lease->host_id));
}

static MachineStep renew_take_write(HostLeaseRenew *self, const MachineInput *input)
{
    HostLease *lease = self->lease;

    self->write_started_us = input->io_started_us;
    self->write_us = time_since(input->now_us, input->io_started_us);
    if (input->io == IO_TOO_LATE)
        lease->write_uncertain = self->was_uncertain;
    if (input->io != IO_OK)
        return renew_fail(self, host_lease_io_fault(input, true));
    host_lease_note_write_end(lease, input->now_us);
    lease->last = self->proposed;
    lease->write_uncertain = false;
    lease->last_renewal_us = self->proposed_us;
    self->state = RENEW_ENDED;
    return step_done();
}

MachineStep host_lease_renew_resume(HostLeaseRenew *self, const MachineInput *input)
{
    switch (self->state) {
    case RENEW_START:
        if (input->stop)
            return renew_fail(self, (LeaseFault){ .kind = LEASE_STOPPED });
        return renew_read_area(self, input);
    case RENEW_AREA:
        return renew_take_area(self, input);
    case RENEW_SECTOR:
        if (input->io != IO_OK)
            return renew_fail(self, host_lease_io_fault(input, false));
        return renew_take_record(self, input, input->data);
    case RENEW_NEXT_SECOND:
        if (input->stop)
            return renew_fail(self, (LeaseFault){ .kind = LEASE_STOPPED });
        return renew_read_sector(self);
    case RENEW_WRITE:
        return renew_take_write(self, input);
    default:
        return renew_fail(self, (LeaseFault){ .kind = LEASE_STOPPED });
    }
}

bool renew_fault_is_fatal(const LeaseFault *fault)
{
    return fault->kind == LEASE_TAKEN || fault->kind == LEASE_ALTERED ||
           fault->kind == LEASE_BAD_RECORD || fault->kind == LEASE_FROZEN;
}
