/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Watching other hosts, and hearing what they say: a series of reads of a lockspace's area. Input:
 * sizes, own host id, own io timeout; then for each read how many seconds later it began, how many
 * it took, how many changes (area-patch.h) came before it, and those.
 *
 * The promise: nobody is called dead who was not silent, between the end of the read that first
 * showed his record and the start of the latest one, for longer than the record's io timeout says.
 * That is counted here once more, from the bytes. And an event is reported only as it stands in the
 * sector of a host whose bit for us is set, to the generation that it was sent to, and once.
 */
#include <string.h>

#include "area-patch.h"
#include "base/bytes.h"
#include "lease/host-inbox.h"
#include "lease/host-view.h"
#include "lease/lease-timing.h"
#include "ondisk/area-image.h"
#include "ondisk/host-bitmap.h"
#include "ondisk/leader-record.h"
#include "support/memory-lockspace.h"

#define LOCKSPACE "LS"
#define READS_MAX 12u
#define OWN_GENERATION 4u

typedef struct Witness {
    uint8_t triple[24]; /* owner, generation, time stamp */
    bool known;
    bool bad;
    uint64_t same_since_us; /* end of the read that first showed it so */
} Witness;

/* Of the hosts whose sectors are changed by this input, and of a few more. */
#define WATCHED_MAX 256u
static Witness witnesses[LAYOUT_MAX_HOSTS];
static uint64_t watched[WATCHED_MAX];
static unsigned n_watched;
static HostSlot slots[LAYOUT_MAX_HOSTS];
static HostInboxSlot inbox_slots[LAYOUT_MAX_HOSTS];
static HostInbox inbox;

static void watch(const Layout *layout, uint64_t host_id)
{
    for (unsigned i = 0; i < n_watched; i++)
        if (watched[i] == host_id)
            return;
    if (host_id >= 1 && host_id <= layout->max_hosts && n_watched < WATCHED_MAX)
        watched[n_watched++] = host_id;
}

static void witness(Witness *self, const uint8_t *sector, uint64_t read_ended_us)
{
    uint8_t triple[24];
    memcpy(triple, sector + 32, 16);
    memcpy(triple + 16, sector + 152, 8);
    bool bad = load_le32(sector) != HOST_LEASE_MAGIC ||
               strncmp((const char *)sector + 56, LOCKSPACE, FIXED_NAME_SIZE) != 0;
    if (!self->known || self->bad != bad || memcmp(self->triple, triple, sizeof triple) != 0)
        self->same_since_us = read_ended_us;
    memcpy(self->triple, triple, sizeof triple);
    self->bad = bad;
    self->known = true;
}

static void check_host(const HostTable *table, uint64_t host_id, uint64_t latest_us)
{
    const Witness *seen = &witnesses[host_id - 1];
    HostView view = host_table_view(table, host_id);
    HostState state = host_view_state(&view, table->own_host_id);

    g_assert_cmpuint(view.host_id, ==, host_id);
    g_assert_cmpuint(view.io_timeout, >=, 1);
    g_assert_cmpuint(view.io_timeout, <=, 255);
    g_assert_cmpuint(strnlen(view.host_name, sizeof view.host_name), <=, FIXED_NAME_SIZE);
    g_assert_cmpint(view.bad, ==, seen->bad);
    g_assert_cmpuint(view.timestamp, ==, load_le64(seen->triple + 16));
    uint64_t silent_us = time_since(latest_us, seen->same_since_us);

    /* Newer than anything that was seen: it may live, whatever the record says. */
    if (view.generation < UINT64_MAX)
        g_assert_true(host_view_may_live(&view, view.generation + 1));
    bool may_live = host_view_may_live(&view, view.generation);
    switch (state) {
    case HOST_FREE:
        g_assert_true(view.timestamp == 0 && !view.bad && !may_live);
        break;
    case HOST_DEAD:
        g_assert_cmpuint(host_id, !=, table->own_host_id);
        g_assert_cmpuint(silent_us, >, timing_free(view.io_timeout));
        g_assert_cmpuint(host_view_dead_at(&view), <=, latest_us);
        g_assert_false(may_live);
        break;
    case HOST_FAIL:
        g_assert_cmpuint(silent_us, >, timing_fail(view.io_timeout));
        g_assert_true(may_live);
        break;
    case HOST_LIVE:
        g_assert_true(view.seen_to_change || host_id == table->own_host_id);
        break;
    case HOST_UNKNOWN:
        g_assert_true(may_live);
        break;
    }
    if (seen->bad)
        g_assert_cmpint(state, !=, HOST_FREE);
}

static void check_all(const HostTable *table, uint64_t latest_us)
{
    static const HostView nothing;
    for (unsigned i = 0; i < n_watched; i++)
        check_host(table, watched[i], latest_us);
    const uint64_t strangers[] = { 0, table->layout.max_hosts + 1, UINT64_MAX };
    for (unsigned i = 0; i < G_N_ELEMENTS(strangers); i++) {
        HostView view = host_table_view(table, strangers[i]);
        g_assert_cmpint(host_view_state(&view, table->own_host_id), ==, HOST_UNKNOWN);
        g_assert_true(host_view_may_live(&view, 1));
        g_assert_cmpuint(view.timestamp, ==, nothing.timestamp);
    }
}

static bool is_addressed(const HostTable *table, const uint8_t *sector)
{
    return host_bitmap_test(sector + HOST_BITMAP_OFFSET, table->own_host_id);
}

static void check_event(const HostTable *table, const uint8_t *area, const HostEventIn *event)
{
    const uint8_t *sector = area + layout_host_lease(&table->layout, 0, event->host_id);
    LeaderRecord record;

    g_assert_cmpuint(event->host_id, !=, table->own_host_id);
    g_assert_true(is_addressed(table, sector));
    leader_record_decode(&record, sector);
    g_assert_cmpint(host_lease_record_check(&record, LOCKSPACE, NULL), ==, RECORD_OK);
    g_assert_cmpuint(record.timestamp, !=, 0);
    g_assert_cmpuint(record.owner_id, ==, event->host_id);
    g_assert_cmpuint(record.owner_generation, ==, event->generation);
    g_assert_cmpuint(record.write_generation, ==, event->event);
    g_assert_cmpuint(record.write_timestamp, ==, event->data);
    g_assert_cmpuint(event->event, !=, 0);
    g_assert_true(record.write_id == OWN_GENERATION ||
                  (record.write_id == 0 && host_table_view(table, event->host_id).seen_to_change));
}

static void check_inbox(const HostTable *table, const uint8_t *area, uint64_t now_us)
{
    HostEventIn events[3];
    unsigned n, calls = 0;

    do {
        n = host_inbox_observe(&inbox, table, area, LOCKSPACE, events, G_N_ELEMENTS(events));
        g_assert_cmpuint(n, <=, G_N_ELEMENTS(events));
        for (unsigned i = 0; i < n; i++)
            check_event(table, area, &events[i]);
        g_assert_cmpuint(calls++, <=, LAYOUT_MAX_HOSTS);
    } while (n > 0);
    if (host_inbox_examine_due(&inbox, table, area, LOCKSPACE, now_us))
        g_assert_false(host_inbox_examine_due(&inbox, table, area, LOCKSPACE, now_us));
}

static void observe(HostTable *table, const uint8_t *area, uint64_t started_us, uint64_t ended_us)
{
    unsigned changed =
        host_table_observe(table, area, table->layout.align_size, LOCKSPACE, started_us, ended_us);
    g_assert_cmpuint(changed, <=, table->layout.max_hosts);
    for (unsigned i = 0; i < n_watched; i++)
        witness(&witnesses[watched[i] - 1], area + layout_host_lease(&table->layout, 0, watched[i]),
                ended_us);
    check_all(table, started_us);
    check_inbox(table, area, ended_us);
    /* A short read is no area. */
    g_assert_cmpuint(host_table_observe(table, area, table->layout.align_size / 2, LOCKSPACE,
                                        ended_us + 1, ended_us + 2),
                     ==, 0);
}

typedef struct Area {
    Layout layout;
    uint8_t *fresh, *bytes;
} Area;

static Area *area_of(unsigned index)
{
    static Area areas[MEMORY_N_SIZES];
    Area *area = &areas[index];

    if (area->fresh != NULL)
        return area;
    g_assert_cmpint(layout_from_sizes(&area->layout, memory_sizes[index].sector_size,
                                      memory_sizes[index].align_size),
                    ==, RECORD_OK);
    area->fresh = g_malloc(area->layout.align_size);
    lockspace_area_fill(area->fresh, &area->layout, LOCKSPACE, 1);
    area->bytes = g_memdup2(area->fresh, area->layout.align_size);
    return area;
}

typedef struct Read {
    uint64_t later_us, took_us;
    unsigned n_patches;
} Read;

static Read next_read(FuzzBytes *input)
{
    Read read = { .later_us = fuzz_number(input, 1) * USEC_PER_SECOND + 1 };
    read.took_us = fuzz_number(input, 1) * USEC_PER_SECOND;
    read.n_patches = (unsigned)fuzz_number(input, 1) & 7;
    return read;
}

/* Which hosts' sectors this input will change; and back to what they were. */
static void look_ahead(const Area *area, FuzzBytes input)
{
    for (unsigned reads = 0; reads < READS_MAX && input.left > 0; reads++) {
        AreaPatch patch;
        for (unsigned n = next_read(&input).n_patches; n > 0; n--) {
            if (!area_patch_next(&input, &area->layout, &patch))
                continue;
            size_t at = (size_t)patch.sector * area->layout.sector_size;
            memcpy(area->bytes + at, area->fresh + at, area->layout.sector_size);
            watch(&area->layout, patch.sector + 1);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FuzzBytes input = { data, size };
    Area *area = area_of((unsigned)fuzz_number(&input, 1) % MEMORY_N_SIZES);
    uint64_t own_host_id = fuzz_number(&input, 1) + 1;
    uint32_t own_io_timeout = (uint32_t)fuzz_number(&input, 1);
    uint64_t now_us = 1000 * USEC_PER_SECOND;
    const FuzzBytes all = input;
    HostTable table;

    memset(slots, 0, sizeof slots);
    memset(witnesses, 0, sizeof witnesses);
    memset(inbox_slots, 0, sizeof inbox_slots);
    n_watched = 0;
    watch(&area->layout, own_host_id);
    watch(&area->layout, 1);
    watch(&area->layout, area->layout.max_hosts);
    look_ahead(area, all);
    host_table_init(&table, slots, &area->layout, own_host_id,
                    own_io_timeout != 0 ? own_io_timeout : 10);
    host_inbox_init(&inbox, inbox_slots, own_host_id, OWN_GENERATION);
    for (unsigned reads = 0; reads < READS_MAX && input.left > 0; reads++) {
        Read read = next_read(&input);
        AreaPatch patch;
        for (; read.n_patches > 0; read.n_patches--)
            if (area_patch_next(&input, &area->layout, &patch))
                area_patch_apply(&patch,
                                 area->bytes + (size_t)patch.sector * area->layout.sector_size);
        now_us += read.later_us + read.took_us;
        observe(&table, area->bytes, now_us - read.took_us, now_us);
    }
    look_ahead(area, all);
    return 0;
}
