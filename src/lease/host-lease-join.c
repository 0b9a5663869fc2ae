/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The machine that acquires this host's lease.
 *
 *   HEAD -> SECTOR -> (WATCH -> SECOND_LOOK) -> WRITE -> SETTLE -> CONFIRM -> done
 *                                                 \________\________\
 *                                                  RETURN_LOOK -> RETURN_WRITE -> failed
 *
 * Why only one of several hosts that join one host id at the same time can succeed. Let X write its
 * name, and let Y be another host that read the sector before X's write landed (a host that read it
 * later sees a live stranger and watches). Y starts its write at most min(N, No) after the start of
 * that read (start_by_us), and believes in it only if it ended at most 2 No after that start. X
 * looks again no earlier than 2 No after its own write has ended. So what Y writes in good time is
 * there when X looks, and X gives up; and of two that both wrote, the one whose bytes are on disk
 * is at most one. No, not N, is what both sides have in common: it is what the sector said.
 *
 * A write of Y that takes longer than 2 No may have destroyed the name of an X that has already
 * looked again. Y gives up then and does not clean up behind itself: a sector that says "free"
 * would let a third host in while X, who learns of it only with its next renewal, still works.
 */
#include "lease/host-lease-join.h"

#include "lease/host-lease-sector.h"
#include "lease/lease-timing.h"

enum {
    JOIN_START,
    JOIN_HEAD,
    JOIN_SECTOR,
    JOIN_WATCH,
    JOIN_SECOND_LOOK,
    JOIN_WRITE,
    JOIN_SETTLE,
    JOIN_CONFIRM,
    JOIN_RETURN_LOOK,
    JOIN_RETURN_WRITE,
    JOIN_ENDED,
};

void host_lease_join_init(HostLeaseJoin *self, HostLease *lease)
{
    *self = (HostLeaseJoin){ .lease = lease, .state = JOIN_START };
}

static MachineStep join_fail(HostLeaseJoin *self, LeaseFault fault)
{
    self->state = JOIN_ENDED;
    return step_failed(fault);
}

static MachineStep join_stopped(HostLeaseJoin *self)
{
    return join_fail(self, (LeaseFault){ .kind = LEASE_STOPPED });
}

/* No as every rival reads it. A value that makes no sense each of them replaces by its own, which
 * may be as short as can be. */
static uint32_t join_common_io_timeout(const HostLeaseJoin *self)
{
    return io_timeout_sane(self->watched.io_timeout, IO_TIMEOUT_MIN);
}

/* How long after the start of a read a write may be started that is based on it. */
static uint64_t join_write_window(const HostLeaseJoin *self)
{
    uint32_t common = join_common_io_timeout(self);
    uint32_t own = self->lease->io_timeout;
    return timing_io(common < own ? common : own);
}

/* How long another joining host may wait at least before it looks again; see the top. */
static uint64_t join_shortest_settle(const HostLeaseJoin *self)
{
    return timing_join_settle(join_common_io_timeout(self));
}

static RecordFault join_check_sector(const HostLeaseJoin *self, const MachineInput *input,
                                     LeaderRecord *ret)
{
    RecordFault fault = host_lease_check_sector(self->lease, input->data, ret);
    if (fault != RECORD_OK)
        return fault;
    /* A sector's owner is its host id from the first join on, for ever; another one there was
     * copied from elsewhere. */
    return ret->owner_id == 0 || ret->owner_id == self->lease->host_id ? RECORD_OK
                                                                       : RECORD_BAD_FIELD;
}

static MachineStep join_start(HostLeaseJoin *self)
{
    self->state = JOIN_HEAD;
    return step_read(TARGET_LOCKSPACE, self->lease->lockspace_offset, LAYOUT_PROBE_SIZE,
                     timing_io(self->lease->io_timeout));
}

/* The first record of the area, host 1's, says which sizes the area has. That it belongs to another
 * lockspace or is damaged behind its sizes is no reason to keep all others out: our own sector, at
 * the place that follows from these sizes, must name the same sizes and pass every check. */
static MachineStep join_take_head(HostLeaseJoin *self, const MachineInput *input)
{
    HostLease *lease = self->lease;
    LeaderRecord head;
    Layout layout;

    leader_record_decode(&head, input->data);
    RecordFault fault = host_lease_record_check(&head, NULL, &layout);
    if (fault == RECORD_BAD_CHECKSUM || fault == RECORD_BAD_FIELD)
        fault = layout_from_leader(&layout, head.sector_size, head.flags);
    if (fault == RECORD_OK && !layout_offset_ok(&layout, lease->lockspace_offset))
        fault = RECORD_BAD_SECTOR_SIZE;
    if (fault != RECORD_OK)
        return join_fail(self,
                         (LeaseFault){ .kind = LEASE_BAD_RECORD, .record = fault, .host_id = 1 });
    if (lease->host_id < 1 || lease->host_id > layout.max_hosts)
        return join_fail(self, (LeaseFault){ .kind = LEASE_BAD_HOST_ID,
                                             .host_id = lease->host_id,
                                             .limit = layout.max_hosts });
    lease->layout = layout;
    self->state = JOIN_SECTOR;
    return host_lease_read_sector(lease);
}

/* Writes our name over `watched`, which was just read and is ours to take. All that we have no
 * reason to change stays: version, flags, unknown bits and the event triple. */
static MachineStep join_propose(HostLeaseJoin *self, const MachineInput *input)
{
    HostLease *lease = self->lease;

    self->proposed = self->watched;
    self->proposed.owner_id = lease->host_id;
    self->proposed.owner_generation = self->watched.owner_generation + 1;
    self->proposed.timestamp = host_lease_timestamp(input->now_us);
    self->proposed.io_timeout = (uint16_t)lease->io_timeout;
    fixed_name_store(self->proposed.name, lease->host_name);
    leader_record_seal(&self->proposed);

    self->proposed_us = input->now_us;
    self->settle_until_us = time_add(input->now_us, timing_join_settle(self->old_io_timeout));
    self->state = JOIN_WRITE;
    return host_lease_write_sector(lease, &self->proposed, NULL, self->sector,
                                   timing_io(lease->io_timeout),
                                   time_add(self->read_us, join_write_window(self)));
}

static bool join_is_free_to_us(const HostLeaseJoin *self, const LeaderRecord *record)
{
    return record->timestamp == 0 || fixed_name_equal(record->name, self->lease->host_name);
}

/* A stranger: dead when nothing changes for its host-dead time, counted from the end of the read
 * that showed the record to the start of the one that shows it unchanged. */
static MachineStep join_watch(HostLeaseJoin *self, const MachineInput *input)
{
    uint32_t io_timeout = self->old_io_timeout;
    if (self->in_doubt && self->lease->io_timeout > io_timeout)
        io_timeout = self->lease->io_timeout;
    self->watch_until_us = time_add(input->now_us, timing_free(io_timeout));
    self->state = JOIN_WATCH;
    return step_wait(self->watch_until_us);
}

static MachineStep join_take_sector(HostLeaseJoin *self, const MachineInput *input)
{
    HostLease *lease = self->lease;

    RecordFault fault = join_check_sector(self, input, &self->watched);
    if (fault != RECORD_OK)
        return join_fail(self, host_lease_bad_record(lease, fault));
    self->read_us = input->io_started_us;
    self->old_io_timeout = io_timeout_sane(self->watched.io_timeout, lease->io_timeout);

    /* Our own name: an earlier incarnation of this very host, which is gone since we are here. Its
     * holds become void with the new generation. Unless a write of ours may have landed on a
     * stranger's record (host-lease-past.h): that one may be at work, whatever is on disk. */
    self->in_doubt = lease->doubt_from_us != 0 && input->now_us >= lease->doubt_from_us;
    if (!self->in_doubt && join_is_free_to_us(self, &self->watched))
        return join_propose(self, input);
    if (!self->in_doubt && lease->any_host_id)
        return join_fail(self, host_lease_named_fault(LEASE_HOST_ID_BUSY, &self->watched));
    return join_watch(self, input);
}

static MachineStep join_second_look(HostLeaseJoin *self, const MachineInput *input)
{
    HostLease *lease = self->lease;
    LeaderRecord now;

    RecordFault fault = join_check_sector(self, input, &now);
    if (fault != RECORD_OK)
        return join_fail(self, host_lease_bad_record(lease, fault));
    /* One more write of ours from before, which may have landed on a stranger's record just now. */
    if (self->in_doubt && !leader_record_equal(&now, &self->watched) &&
        join_is_free_to_us(self, &now)) {
        self->watched = now;
        self->old_io_timeout = io_timeout_sane(now.io_timeout, lease->io_timeout);
        return join_watch(self, input);
    }
    /* Any change at all, be it one byte of an event, is a sign of life; only a release is none. */
    if (now.timestamp != 0 && !leader_record_equal(&now, &self->watched))
        return join_fail(self, host_lease_named_fault(LEASE_HOST_ID_BUSY, &now));

    /* Somebody may have held it in between with another io timeout. A rival that reads the sector
     * now goes by the new one; waiting for the longer of both is right with either. */
    uint32_t io_timeout = io_timeout_sane(now.io_timeout, lease->io_timeout);
    if (io_timeout > self->old_io_timeout)
        self->old_io_timeout = io_timeout;
    self->watched = now;
    self->read_us = input->io_started_us;
    return join_propose(self, input);
}

/* Our name is, or may be, on disk, and we shall not keep it: look whether it is, and free it. */
static MachineStep join_give_back(HostLeaseJoin *self, LeaseFault fault)
{
    self->fault = fault;
    self->state = JOIN_RETURN_LOOK;
    return host_lease_read_sector(self->lease);
}

static MachineStep join_return_write(HostLeaseJoin *self, const MachineInput *input)
{
    HostLease *lease = self->lease;
    LeaderRecord released = self->proposed;

    released.timestamp = 0;
    leader_record_seal(&released);
    lease->write_uncertain = true;
    self->read_us = input->io_started_us;
    self->state = JOIN_RETURN_WRITE;
    /* The same window as for the first write: whoever wrote the sector after our look still has its
     * own second look before it. */
    return host_lease_write_sector(lease, &released, NULL, self->sector,
                                   timing_io(lease->io_timeout),
                                   time_add(input->io_started_us, join_write_window(self)));
}

static bool join_is_ours(const HostLeaseJoin *self, const MachineInput *input)
{
    LeaderRecord now;
    leader_record_decode(&now, input->data);
    return leader_record_equal(&now, &self->proposed);
}

static MachineStep join_take_return_look(HostLeaseJoin *self, const MachineInput *input)
{
    /* Not read, or not what we wrote: not ours to free. */
    if (input->io != IO_OK)
        return join_fail(self, self->fault);
    self->lease->write_uncertain = false;
    if (!join_is_ours(self, input))
        return join_fail(self, self->fault);
    return join_return_write(self, input);
}

static MachineStep join_take_return_write(HostLeaseJoin *self, const MachineInput *input)
{
    HostLease *lease = self->lease;

    lease->write_uncertain = input->io != IO_OK && input->io != IO_TOO_LATE;
    /* As for the first write: it may have freed the sector of one that is sure of it by now. */
    if (input->io == IO_OK && time_since(input->now_us, self->read_us) > join_shortest_settle(self))
        lease->write_overdue = true;
    return join_fail(self, self->fault);
}

static MachineStep join_take_write(HostLeaseJoin *self, const MachineInput *input)
{
    LeaseFault fault = host_lease_io_fault(input, true);

    if (input->io == IO_TOO_LATE)
        return join_fail(self, fault);
    self->lease->write_uncertain = input->io != IO_OK;
    /* Still in flight: the sector is fenced, and what lands later can only be waited for. */
    if (input->io == IO_TIMED_OUT)
        return join_fail(self, fault);
    if (time_since(input->now_us, self->read_us) > join_shortest_settle(self)) {
        if (input->io == IO_OK)
            fault = (LeaseFault){ .kind = LEASE_IO_TIMEOUT, .wrote = true };
        self->lease->write_overdue = true;
        return join_fail(self, fault);
    }
    if (input->io != IO_OK)
        return join_give_back(self, fault);
    /* From the end of the write, not from its start: a rival must have had all of its time to land
     * after we did. (The lease itself ages from before the write.) */
    self->settle_until_us = time_add(input->now_us, timing_join_settle(self->old_io_timeout));
    self->state = JOIN_SETTLE;
    return step_wait(self->settle_until_us);
}

static MachineStep join_confirm(HostLeaseJoin *self, const MachineInput *input)
{
    HostLease *lease = self->lease;
    LeaderRecord now;

    if (input->io != IO_OK)
        return join_give_back(self, host_lease_io_fault(input, false));
    if (!join_is_ours(self, input)) {
        LeaseFault fault = { .kind = LEASE_HOST_ID_LOST, .host_id = lease->host_id };
        if (host_lease_check_sector(lease, input->data, &now) == RECORD_OK)
            fault = host_lease_named_fault(LEASE_HOST_ID_LOST, &now);
        return join_fail(self, fault);
    }
    if (input->stop) {
        self->fault = (LeaseFault){ .kind = LEASE_STOPPED };
        return join_return_write(self, input);
    }
    lease->last = self->proposed;
    lease->write_uncertain = false;
    lease->lost = false;
    lease->last_renewal_us = self->proposed_us;
    self->state = JOIN_ENDED;
    return step_done();
}

/* Before our write: an I/O fault or a stop ends it, and nothing was changed on disk. */
static MachineStep join_resume_looking(HostLeaseJoin *self, const MachineInput *input)
{
    bool io = self->state != JOIN_START && self->state != JOIN_WATCH;

    if (input->stop)
        return join_stopped(self);
    if (io && input->io != IO_OK)
        return join_fail(self, host_lease_io_fault(input, false));
    switch (self->state) {
    case JOIN_START:
        return join_start(self);
    case JOIN_HEAD:
        return join_take_head(self, input);
    case JOIN_SECTOR:
        return join_take_sector(self, input);
    case JOIN_WATCH:
        if (input->now_us < self->watch_until_us)
            return step_wait(self->watch_until_us);
        self->state = JOIN_SECOND_LOOK;
        return host_lease_read_sector(self->lease);
    default:
        return join_second_look(self, input);
    }
}

MachineStep host_lease_join_resume(HostLeaseJoin *self, const MachineInput *input)
{
    switch (self->state) {
    case JOIN_WRITE:
        return join_take_write(self, input);
    case JOIN_SETTLE:
        if (input->stop)
            return join_give_back(self, (LeaseFault){ .kind = LEASE_STOPPED });
        if (input->now_us < self->settle_until_us)
            return step_wait(self->settle_until_us);
        self->state = JOIN_CONFIRM;
        return host_lease_read_sector(self->lease);
    case JOIN_CONFIRM:
        return join_confirm(self, input);
    case JOIN_RETURN_LOOK:
        return join_take_return_look(self, input);
    case JOIN_RETURN_WRITE:
        return join_take_return_write(self, input);
    case JOIN_ENDED:
        return join_stopped(self);
    default:
        return join_resume_looking(self, input);
    }
}

uint64_t host_lease_join_expected_us(const HostLeaseJoin *self)
{
    if (self->settle_until_us != 0)
        return self->settle_until_us;
    if (self->watch_until_us != 0)
        return time_add(self->watch_until_us, timing_join_settle(self->old_io_timeout));
    return 0;
}
