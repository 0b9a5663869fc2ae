/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A resource index on a memory disk, and one host that works on it: what the tests of the index
 * machines start from. The index begins at the second area of the disk, which has room for it and
 * INDEX_WORLD_PLACES resources; the rest of the disk is noise that nothing may touch.
 */
#pragma once

#include "lease/resource-index.h"
#include "support/memory-disk.h"

#define INDEX_WORLD_LOCKSPACE "LS"
#define INDEX_WORLD_PLACES 5u
#define INDEX_WORLD_START_US (1000 * USEC_PER_SECOND)

typedef struct IndexWorld {
    MemoryDisk disk;
    MemoryHost host;
    ResourceIndex index; /* as the host knows it; its first area is all zero until it is read */
    uint8_t *resource_area;
    uint8_t *before; /* see index_world_remember() */
} IndexWorld;

/* The areas of the index and of the resources are blank, but for the index if `formatted`. */
void index_world_init(IndexWorld *self, uint32_t sector_size, uint32_t align_size, bool formatted);
void index_world_clear(IndexWorld *self);

uint32_t index_world_align(const IndexWorld *self);
/* The bytes at a place of the device; of the resource of an entry. */
uint8_t *index_world_at(IndexWorld *self, uint64_t offset);
uint8_t *index_world_resource(IndexWorld *self, uint32_t number);
/* A resource that is there; its entry. */
void index_world_put_resource(IndexWorld *self, uint32_t number, const char *name);
void index_world_put_entry(IndexWorld *self, uint32_t number, const char *name);
/* Both. */
void index_world_put(IndexWorld *self, uint32_t number, const char *name);
/* The entry on disk: its name, or "" when it is free. Free it. */
char *index_world_entry_name(IndexWorld *self, uint32_t number);
/* The resource on disk: its name when it is a good one of the lockspace, "cleared", "blank", or
 * "other". Free it. */
char *index_world_resource_name(IndexWorld *self, uint32_t number);
/* Both names as these two functions tell them. */
void index_world_assert_names(IndexWorld *self, uint32_t number, const char *entry,
                              const char *resource);

/* Runs index-read, which must work; then forgets the log, so that I/O 1 is the next machine's. */
void index_world_read(IndexWorld *self);
MachineStep index_world_run(IndexWorld *self, void *machine, MachineResume resume);
/* What is on its way lands. */
void index_world_settle(IndexWorld *self);

/* Remembers all bytes; asserts that since then nothing changed outside of a range. */
void index_world_remember(IndexWorld *self);
void index_world_assert_only_changed(const IndexWorld *self, uint64_t offset, uint64_t length);
void index_world_assert_unchanged(const IndexWorld *self);
/* Every entry on disk leads to a resource of its name. */
void index_world_assert_sound(IndexWorld *self);

/* "R1+256 W1.1 W3+256": reads and writes by area, . and sector in it, + sectors when more than one
 * and less than all ("R1": the whole area). Free it. */
char *index_world_trace(const IndexWorld *self);
