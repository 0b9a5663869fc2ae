/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Choosing a host id; the order is in the header.
 */
#include "lease/host-id-choice.h"

#include <string.h>

#include "lease/lease-timing.h"
#include "ondisk/leader-record.h"

/* From the attempt on that chooses out of all that there are. */
#define ATTEMPTS_MAX 11u

enum {
    CHOICE_START,
    CHOICE_HEAD,
    CHOICE_AREA,
};

/* How good a host id is; the order of the header. */
typedef enum Rank {
    RANK_NONE,
    RANK_GIVEN_BACK,
    RANK_NEVER_USED,
    RANK_KEPT,
    RANK_OURS_FREE,
    RANK_OURS_HELD,
} Rank;

/* What was found so far. */
typedef struct Candidates {
    Rank rank;
    uint64_t best;      /* of that rank; 0: none */
    uint64_t n_of_rank; /* how many there are of it */
} Candidates;

static void copy_name(char to[FIXED_NAME_SIZE + 1], const char *from)
{
    size_t length = strnlen(from, FIXED_NAME_SIZE);
    memcpy(to, from, length);
    to[length] = '\0';
}

void host_id_choice_init(HostIdChoice *self, const HostIdWish *wish)
{
    *self = (HostIdChoice){
        .lockspace_offset = wish->lockspace_offset,
        .io_timeout = wish->io_timeout,
        .kept_host_id = wish->kept_host_id,
        .state = CHOICE_START,
    };
    copy_name(self->lockspace_name, wish->lockspace_name);
    copy_name(self->host_name, wish->host_name);
}

void host_id_choice_avoid(HostIdChoice *self, uint64_t host_id)
{
    if (host_id < 1 || host_id > LAYOUT_MAX_HOSTS || host_set_has(self->avoided, host_id))
        return;
    host_set_add(self->avoided, host_id);
    self->n_avoided++;
}

static Rank rank_of(const HostIdChoice *self, const uint8_t *slot, const Layout *layout,
                    uint64_t host_id)
{
    LeaderRecord record;
    Layout sizes;

    if (host_set_has(self->avoided, host_id))
        return RANK_NONE;
    leader_record_decode(&record, slot);
    if (host_lease_record_check(&record, self->lockspace_name, &sizes) != RECORD_OK ||
        !layout_equal(&sizes, layout) || (record.owner_id != 0 && record.owner_id != host_id))
        return RANK_NONE;
    bool used = record.owner_id != 0 || record.owner_generation != 0 || record.timestamp != 0;
    if (used && fixed_name_equal(record.name, self->host_name))
        return record.timestamp != 0 ? RANK_OURS_HELD : RANK_OURS_FREE;
    if (record.timestamp != 0)
        return RANK_NONE;
    if (host_id == self->kept_host_id)
        return RANK_KEPT;
    return used ? RANK_GIVEN_BACK : RANK_NEVER_USED;
}

static void consider(const HostIdChoice *self, Candidates *found, Rank rank, uint64_t host_id)
{
    if (rank == RANK_NONE || rank < found->rank)
        return;
    if (rank > found->rank)
        *found = (Candidates){ .rank = rank, .best = host_id };
    else if (host_id == self->kept_host_id)
        found->best = host_id;
    found->n_of_rank++;
}

/* The one that comes after `skip` others of its rank. */
static uint64_t nth_of_rank(const HostIdChoice *self, const uint8_t *area, const Layout *layout,
                            Rank rank, uint64_t skip)
{
    for (uint64_t host_id = 1; host_id <= layout->max_hosts; host_id++) {
        const uint8_t *slot = area + layout_host_lease(layout, 0, host_id);
        if (rank_of(self, slot, layout, host_id) == rank && skip-- == 0)
            return host_id;
    }
    return 0;
}

uint64_t host_id_choose(const HostIdChoice *self, const uint8_t *area, const Layout *layout,
                        uint32_t random)
{
    Candidates found = { .rank = RANK_NONE };

    for (uint64_t host_id = 1; host_id <= layout->max_hosts; host_id++) {
        const uint8_t *slot = area + layout_host_lease(layout, 0, host_id);
        consider(self, &found, rank_of(self, slot, layout, host_id), host_id);
    }
    /* What is ours nobody else wants. */
    if (self->n_avoided == 0 || found.rank == RANK_NONE || found.rank >= RANK_KEPT)
        return found.best;
    uint32_t attempts = self->n_avoided < ATTEMPTS_MAX ? self->n_avoided : ATTEMPTS_MAX;
    uint64_t n = UINT64_C(1) << attempts;
    if (n > found.n_of_rank)
        n = found.n_of_rank;
    return nth_of_rank(self, area, layout, found.rank, random % n);
}

static MachineStep choice_fail(HostIdChoice *self, LeaseFault fault)
{
    self->state = CHOICE_START;
    return step_failed(fault);
}

static MachineStep choice_take_head(HostIdChoice *self, const MachineInput *input)
{
    LeaderRecord head;
    Layout layout;

    /* As for a join: damage to host 1's record is no reason to keep the others out. */
    leader_record_decode(&head, input->data);
    RecordFault fault = host_lease_record_check(&head, self->lockspace_name, &layout);
    if (fault == RECORD_BAD_CHECKSUM || fault == RECORD_BAD_FIELD)
        fault = layout_from_leader(&layout, head.sector_size, head.flags);
    if (fault == RECORD_OK && !layout_offset_ok(&layout, self->lockspace_offset))
        fault = RECORD_BAD_SECTOR_SIZE;
    if (fault != RECORD_OK)
        return choice_fail(self,
                           (LeaseFault){ .kind = LEASE_BAD_RECORD, .record = fault, .host_id = 1 });
    self->layout = layout;
    self->state = CHOICE_AREA;
    return step_read(TARGET_LOCKSPACE, self->lockspace_offset, layout.align_size,
                     timing_io(self->io_timeout));
}

MachineStep host_id_choice_resume(HostIdChoice *self, const MachineInput *input)
{
    if (input->stop)
        return choice_fail(self, (LeaseFault){ .kind = LEASE_STOPPED });
    if (self->state == CHOICE_START) {
        self->state = CHOICE_HEAD;
        return step_read(TARGET_LOCKSPACE, self->lockspace_offset, LAYOUT_PROBE_SIZE,
                         timing_io(self->io_timeout));
    }
    if (input->io != IO_OK) {
        LeaseFault fault = { .kind = LEASE_IO_ERROR, .io_errno = input->io_errno };
        if (input->io == IO_TIMED_OUT)
            fault.kind = LEASE_IO_TIMEOUT;
        else if (input->io == IO_SHORT)
            fault.kind = LEASE_IO_SHORT;
        return choice_fail(self, fault);
    }
    if (self->state == CHOICE_HEAD)
        return choice_take_head(self, input);
    self->host_id = host_id_choose(self, input->data, &self->layout, input->random);
    if (self->host_id == 0)
        return choice_fail(
            self, (LeaseFault){ .kind = LEASE_NO_HOST_ID, .limit = self->layout.max_hosts });
    self->state = CHOICE_START;
    return step_done();
}
