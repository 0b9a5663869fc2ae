/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A lockspace and one resource in memory, and hosts that want the resource: what the tests of the
 * resource machines start from. Records are read and set by hand; what a host's area reads would
 * have shown is made up with world_know().
 */
#pragma once

#include "lease/resource-acquire.h"
#include "lease/resource-convert.h"
#include "lease/resource-release.h"
#include "lease/resource-share.h"
#include "ondisk/mode-record.h"
#include "support/memory-disk.h"

#define WORLD_LOCKSPACE "LS"
#define WORLD_RESOURCE "res1"
#define WORLD_IO_TIMEOUT 1u
#define WORLD_START_US (1000 * USEC_PER_SECOND)
#define WORLD_VIEWS 2001

typedef struct ResourceWorld {
    MemoryDisk lockspace;
    MemoryDisk resource;
    Layout layout;
    HostView *views; /* by host id; all zero: nothing known */
} ResourceWorld;

typedef struct WorldMember {
    ResourceWorld *world;
    MemoryHost host;
    ResourceLease lease;
    ResourceAcquire acquire;
    ResourceRelease release;
    ResourceShare share;
    ResourceConvert convert;
} WorldMember;

/* num_hosts 0: as many as the layout has. */
void world_init(ResourceWorld *self, uint32_t sector_size, uint32_t align_size, uint32_t num_hosts);
void world_clear(ResourceWorld *self);

LeaderRecord world_leader(const ResourceWorld *self);
void world_set_leader(ResourceWorld *self, LeaderRecord leader); /* seals it */
BallotRecord world_ballot(const ResourceWorld *self, uint64_t host_id);
void world_set_ballot(ResourceWorld *self, uint64_t host_id, BallotRecord ballot); /* seals it */
ModeRecord world_mode(const ResourceWorld *self, uint64_t host_id);
void world_set_mode(ResourceWorld *self, uint64_t host_id, ModeRecord mode);
uint8_t *world_host_sector(ResourceWorld *self, uint64_t host_id);
LeaderRecord world_host_lease(const ResourceWorld *self, uint64_t host_id);
void world_set_host_lease(ResourceWorld *self, uint64_t host_id, uint64_t generation,
                          uint64_t timestamp);

/* The leader names (owner_id, generation) at `version`, as written by `write_id`. */
void world_set_held(ResourceWorld *self, uint64_t version, uint64_t owner_id, uint64_t generation,
                    uint64_t write_id);
/* The area reads showed the host lease that is on disk now for the first time in a read that ended
 * at live_us; the latest read began at check_us. */
void world_know(ResourceWorld *self, uint64_t host_id, uint64_t live_us, uint64_t check_us,
                bool seen_to_change);
/* A host that renews: host lease and view. */
void world_set_live(ResourceWorld *self, uint64_t host_id, uint64_t generation);

void member_init(WorldMember *self, ResourceWorld *world, uint64_t host_id, uint64_t generation);
void member_clear(WorldMember *self);
MachineStep member_acquire(WorldMember *self);
MachineStep member_acquire_patient(WorldMember *self);
MachineStep member_release(WorldMember *self);
/* It is done; forgets the log. */
void member_acquire_ok(WorldMember *self);
/* Again for as long as it takes, and nothing but time-outs in between. */
void member_release_until_done(WorldMember *self);
/* So that I/O 1 is the next machine's. */
void member_forget_log(WorldMember *self);
MachineStep member_share(WorldMember *self);
/* Of what is held: exclusive -> shared, or what a conversion that failed has left. */
MachineStep member_share_held(WorldMember *self);
MachineStep member_convert(WorldMember *self); /* shared -> exclusive */

/* Runs a machine and calls `meddle` after each step; n_io I/Os have been asked for, the last of
 * them may be out. */
typedef void (*Meddle)(WorldMember *self, unsigned n_io, void *user_data);
MachineStep member_run_meddled(WorldMember *self, void *machine, MachineResume resume,
                               Meddle meddle, void *user_data);
MachineStep member_acquire_meddled(WorldMember *self, bool patient, Meddle meddle, void *user_data);

/* The I/Os of a host as text: "R0+2048 W3 L2 ...": reads and writes of the resource by first sector
 * (+ how many, when more than one), L: the host lease of a host. */
char *member_trace(const WorldMember *self);
/* What it has written since the last call, for a person who looks for what went wrong. */
void member_tell_writes(WorldMember *self);

/* What can become of one I/O: each is to be planned for every I/O of what is tested. */
typedef struct WorldTrouble {
    const char *name;
    MemoryIo io;
} WorldTrouble;

const WorldTrouble *world_troubles(unsigned *ret_n);
void assert_failed(const MachineStep *step, LeaseFaultKind kind);
void assert_done(const MachineStep *step);
