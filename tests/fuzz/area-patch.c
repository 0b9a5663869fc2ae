/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Areas out of fuzz bytes; see the header.
 */
#include "area-patch.h"

#include <errno.h>
#include <string.h>

#include "ondisk/ballot-record.h"
#include "ondisk/leader-record.h"

#define PATCH_SECTOR 0x07ffu
#define PATCH_OF_LOCKSPACE 0x0800u
#define PATCH_SEAL_LEADER 0x1000u
#define PATCH_SEAL_BALLOT 0x2000u
#define PATCH_LATE 0x4000u
#define LATE_STEP_US (USEC_PER_SECOND / 4)

bool area_patch_next(FuzzBytes *input, const Layout *layout, AreaPatch *ret)
{
    if (input->left < 4)
        return false;
    uint64_t word = fuzz_number(input, 2);
    *ret = (AreaPatch){
        .sector = (uint32_t)(word & PATCH_SECTOR) % (layout->align_size / layout->sector_size),
        .of_lockspace = word & PATCH_OF_LOCKSPACE,
        .seal_leader = word & PATCH_SEAL_LEADER,
        .seal_ballot = word & PATCH_SEAL_BALLOT,
        .late = word & PATCH_LATE,
    };
    ret->offset = (uint32_t)fuzz_number(input, 1);
    ret->length = (uint32_t)fuzz_number(input, 1);
    if (ret->late)
        ret->after_us = fuzz_number(input, 1) * LATE_STEP_US;
    ret->length = (uint32_t)MIN(ret->length, input->left);
    ret->bytes = input->at;
    input->at += ret->length;
    input->left -= ret->length;
    return true;
}

void area_patch_apply(const AreaPatch *self, uint8_t *sector)
{
    if (self->length > 0)
        memcpy(sector + self->offset, self->bytes, self->length);
    if (self->seal_leader) {
        LeaderRecord record;
        leader_record_decode(&record, sector);
        leader_record_seal(&record);
        leader_record_encode(&record, sector);
    }
    if (self->seal_ballot) {
        BallotRecord record;
        ballot_record_decode(&record, sector);
        ballot_record_seal(&record);
        ballot_record_encode(&record, sector);
    }
}

unsigned area_patch_disks(FuzzBytes *input, const Layout *layout, MemoryDisk *disk, uint64_t offset,
                          MemoryDisk *lockspace, uint64_t now_us)
{
    AreaPatch patch;
    unsigned n_late = 0;
    while (area_patch_next(input, layout, &patch)) {
        bool other = patch.of_lockspace && lockspace != NULL;
        MemoryDisk *to = other ? lockspace : disk;
        uint64_t at = (other ? 0 : offset) + (uint64_t)patch.sector * layout->sector_size;
        if (!patch.late) {
            area_patch_apply(&patch, to->bytes + at);
            continue;
        }
        uint8_t sector[SECTOR_SIZE_MAX];
        memcpy(sector, to->bytes + at, layout->sector_size);
        area_patch_apply(&patch, sector);
        memory_disk_write_at(to, now_us + patch.after_us, at, sector, layout->sector_size);
        n_late++;
    }
    return n_late;
}

static MemoryIo trouble(unsigned kind, uint64_t us)
{
    switch (kind) {
    case 0:
        return memory_io_error(EIO, false);
    case 1:
        return memory_io_error(EIO, true);
    case 2:
        return memory_io_short();
    case 3:
        return memory_io_lost();
    case 4:
        return memory_io_slow(us);
    case 5:
        return memory_io_late(us / 2, us);
    case 6:
        return memory_io_late(us, 1000 * USEC_PER_SECOND);
    default:
        return memory_io_held_up(us);
    }
}

void area_plan_trouble(FuzzBytes *input, MemoryHost *host)
{
    unsigned n = (unsigned)fuzz_number(input, 1) & 7;
    for (; n > 0; n--) {
        unsigned number = (unsigned)fuzz_number(input, 1);
        unsigned what = (unsigned)fuzz_number(input, 1);
        memory_host_plan(host, number, trouble(what % 8, what / 8 * LATE_STEP_US + 1000));
    }
}

void area_disk_settle(MemoryDisk *disk)
{
    memory_disk_advance(disk, TIME_NEVER - 1);
    disk->now_us = 0;
}
