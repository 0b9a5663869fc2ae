/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Areas out of fuzz bytes: a whole area would be a megabyte of input and hardly ever get past the
 * first check, so the input is a list of changes to a good one. One change is
 *
 *   2 bytes  bits 0..10 which sector, 11 of the lockspace's area (where there are two),
 *            12 seal the leader record afterwards, 13 seal the ballot record, 14 late
 *   1 byte   where in the sector
 *   1 byte   how many bytes
 *   1 byte   late ones only: when, in steps of 250 ms
 *   the bytes, as many as there are
 */
#pragma once

#include <stdbool.h>

#include "fuzz.h"
#include "ondisk/layout.h"
#include "support/memory-disk.h"

typedef struct AreaPatch {
    uint32_t sector;
    bool of_lockspace;
    bool seal_leader;
    bool seal_ballot;
    bool late;
    uint64_t after_us; /* of a late one */
    uint32_t offset;
    uint32_t length;
    const uint8_t *bytes;
} AreaPatch;

/* False: there are no more. */
bool area_patch_next(FuzzBytes *input, const Layout *layout, AreaPatch *ret);

/* Changes `sector`, which has at least 512 bytes. */
void area_patch_apply(const AreaPatch *self, uint8_t *sector);

/* Applies the changes to the area at `offset` of `disk`, late ones to what is there now, to land at
 * their time. `lockspace`: NULL, or the disk whose area begins at 0 and gets those of the
 * lockspace. Returns how many are late. */
unsigned area_patch_disks(FuzzBytes *input, const Layout *layout, MemoryDisk *disk, uint64_t offset,
                          MemoryDisk *lockspace, uint64_t now_us);

/* Plans trouble for up to seven I/Os: one byte that says how many, then for each its number and
 * what happens. */
void area_plan_trouble(FuzzBytes *input, MemoryHost *host);

/* Nothing is under way any more, and time is back at its start. */
void area_disk_settle(MemoryDisk *disk);
