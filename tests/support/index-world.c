/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A resource index on a memory disk; see the header.
 */
#include "support/index-world.h"

#include <string.h>

#include "lease/index-read.h"
#include "ondisk/area-content.h"
#include "ondisk/area-image.h"
#include "ondisk/leader-record.h"

/* One before the index, its two, the resources', one behind them. */
#define AREAS (1 + 2 + INDEX_WORLD_PLACES + 1)
#define NOISE 0xA5

void index_world_init(IndexWorld *self, uint32_t sector_size, uint32_t align_size, bool formatted)
{
    IndexPlace place = { .count = INDEX_COUNT_DEFAULT };

    g_assert_cmpint(layout_from_sizes(&place.layout, sector_size, align_size), ==, RECORD_OK);
    align_size = place.layout.align_size;
    place.offset = align_size;
    *self = (IndexWorld){ .resource_area = g_malloc0(align_size) };
    memory_disk_init(&self->disk, (size_t)AREAS * align_size);
    memset(self->disk.bytes, NOISE, align_size);
    memset(self->disk.bytes + (AREAS - 1) * (size_t)align_size, NOISE, align_size);
    memory_host_init(&self->host, &self->disk, &self->disk, INDEX_WORLD_START_US);
    resource_index_init(&self->index, INDEX_WORLD_LOCKSPACE, &place, 1,
                        (AREAS - 1) * (uint64_t)align_size, g_malloc0(align_size));
    if (formatted) {
        index_area_fill(self->disk.bytes + place.offset, &place, INDEX_WORLD_LOCKSPACE);
        resource_area_fill(self->disk.bytes + index_lease_offset(&place), &place.layout,
                           INDEX_WORLD_LOCKSPACE, INDEX_LEASE_NAME, 0);
    }
    index_world_remember(self);
}

void index_world_clear(IndexWorld *self)
{
    memory_host_clear(&self->host);
    memory_disk_clear(&self->disk);
    g_free(self->index.area);
    g_free(self->resource_area);
    g_free(self->before);
}

uint32_t index_world_align(const IndexWorld *self)
{
    return self->index.place.layout.align_size;
}

uint8_t *index_world_at(IndexWorld *self, uint64_t offset)
{
    g_assert_cmpuint(offset, <, self->disk.size);
    return self->disk.bytes + offset;
}

uint8_t *index_world_resource(IndexWorld *self, uint32_t number)
{
    return index_world_at(self, index_resource_offset(&self->index.place, number));
}

void index_world_put_resource(IndexWorld *self, uint32_t number, const char *name)
{
    resource_area_fill(index_world_resource(self, number), &self->index.place.layout,
                       INDEX_WORLD_LOCKSPACE, name, 0);
    index_world_remember(self);
}

static uint8_t *entry_bytes(IndexWorld *self, uint32_t number)
{
    return index_world_at(self, self->index.place.offset +
                                    index_entry_position(&self->index.place, number));
}

void index_world_put_entry(IndexWorld *self, uint32_t number, const char *name)
{
    IndexEntry entry;

    index_entry_init(&entry, &self->index.place, number, name);
    index_entry_encode(&entry, entry_bytes(self, number));
    index_world_remember(self);
}

void index_world_put(IndexWorld *self, uint32_t number, const char *name)
{
    index_world_put_resource(self, number, name);
    index_world_put_entry(self, number, name);
}

char *index_world_entry_name(IndexWorld *self, uint32_t number)
{
    char name[FIXED_NAME_SIZE + 1];
    IndexEntry entry;

    index_entry_decode(&entry, entry_bytes(self, number));
    if (index_entry_is_free(&entry))
        return g_strdup("");
    g_assert_cmpint(index_entry_check(&entry, &self->index.place, number), ==, RECORD_OK);
    fixed_name_load(name, entry.name);
    return g_strdup(name);
}

char *index_world_resource_name(IndexWorld *self, uint32_t number)
{
    const uint8_t *bytes = index_world_resource(self, number);
    char name[FIXED_NAME_SIZE + 1];
    LeaderRecord leader;

    leader_record_decode(&leader, bytes);
    RecordFault fault = resource_record_check(&leader, INDEX_WORLD_LOCKSPACE, NULL, 0, NULL);
    if (fault == RECORD_CLEARED)
        return g_strdup("cleared");
    if (fault != RECORD_OK)
        return g_strdup(area_content(bytes, index_world_align(self)) == AREA_BLANK ? "blank"
                                                                                   : "other");
    fixed_name_load(name, leader.name);
    return g_strdup(name);
}

void index_world_read(IndexWorld *self)
{
    IndexRead read;

    index_read_init(&read, &self->index);
    MachineStep step = index_world_run(self, &read, (MachineResume)index_read_resume);
    g_assert_cmpstr(lease_fault_name(step.fault.kind), ==, lease_fault_name(LEASE_OK));
    memory_host_forget_log(&self->host);
    self->host.io_count = 0;
}

MachineStep index_world_run(IndexWorld *self, void *machine, MachineResume resume)
{
    return memory_host_run(&self->host, machine, resume);
}

void index_world_settle(IndexWorld *self)
{
    memory_disk_advance(&self->disk, TIME_NEVER - 2);
}

void index_world_remember(IndexWorld *self)
{
    g_free(self->before);
    self->before = g_memdup2(self->disk.bytes, self->disk.size);
}

void index_world_assert_only_changed(const IndexWorld *self, uint64_t offset, uint64_t length)
{
    uint64_t end = offset + length;

    g_assert_cmpmem(self->disk.bytes, offset, self->before, offset);
    g_assert_cmpmem(self->disk.bytes + end, self->disk.size - end, self->before + end,
                    self->disk.size - end);
}

void index_world_assert_unchanged(const IndexWorld *self)
{
    index_world_assert_only_changed(self, 0, 0);
}

void index_world_assert_sound(IndexWorld *self)
{
    for (uint32_t number = 0; number < INDEX_WORLD_PLACES; number++) {
        g_autofree char *entry = index_world_entry_name(self, number);
        g_autofree char *resource = index_world_resource_name(self, number);

        if (*entry != '\0')
            g_assert_cmpstr(entry, ==, resource);
    }
}

char *index_world_trace(const IndexWorld *self)
{
    GString *text = g_string_new(NULL);
    uint32_t align_size = index_world_align(self);
    uint32_t sector_size = self->index.place.layout.sector_size;

    for (unsigned i = 0; i < self->host.log->len; i++) {
        const MemoryLogEntry *entry = &g_array_index(self->host.log, MemoryLogEntry, i);
        unsigned sector = (unsigned)(entry->offset % align_size / sector_size);

        g_assert_cmpint(entry->target, ==, TARGET_RESOURCE);
        g_string_append_printf(text, "%s%c%" G_GUINT64_FORMAT, i > 0 ? " " : "",
                               entry->kind == STEP_READ ? 'R' : 'W', entry->offset / align_size);
        if (entry->length == align_size)
            continue;
        g_string_append_printf(text, ".%u", sector);
        if (entry->length > sector_size)
            g_string_append_printf(text, "+%u", entry->length / sector_size);
    }
    return g_string_free(text, FALSE);
}

void index_world_assert_names(IndexWorld *self, uint32_t number, const char *entry,
                              const char *resource)
{
    g_autofree char *entry_name = index_world_entry_name(self, number);
    g_autofree char *resource_name = index_world_resource_name(self, number);

    g_assert_cmpstr(entry_name, ==, entry);
    g_assert_cmpstr(resource_name, ==, resource);
}
