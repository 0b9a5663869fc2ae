/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Inspecting an area: what a person is shown of whatever lies on a disk. Input: a byte (bit 0: a
 * resource; half of the rest: sizes; from 10 on an index), then changes (area-patch.h) to a fresh
 * area.
 */
#include <string.h>

#include "area-patch.h"
#include "engine/area-report.h"
#include "ondisk/area-image.h"
#include "ondisk/leader-record.h"
#include "support/memory-lockspace.h"

static const char *string_of(GVariant *dict, const char *key)
{
    const char *text;
    g_assert_true(g_variant_lookup(dict, key, "&s", &text));
    for (const char *p = text; *p != '\0'; p = g_utf8_next_char(p))
        g_assert_true(g_unichar_isprint(g_utf8_get_char(p)));
    return text;
}

/* Lists of hosts: each once, in order, none that does not exist. Returns how many. */
static gsize assert_hosts(GVariant *report, const char *key, guint64 max_hosts)
{
    guint64 last = 0;
    g_autoptr(GVariant) hosts = g_variant_lookup_value(report, key, G_VARIANT_TYPE("aa{sv}"));
    g_assert_nonnull(hosts);
    gsize n = g_variant_n_children(hosts);
    for (gsize i = 0; i < n; i++) {
        g_autoptr(GVariant) host = g_variant_get_child_value(hosts, i);
        guint64 host_id;
        g_assert_true(g_variant_lookup(host, "host-id", "t", &host_id));
        g_assert_cmpuint(host_id, >, last);
        g_assert_cmpuint(host_id, <=, max_hosts);
        last = host_id;
        if (g_str_equal(key, "hosts"))
            string_of(host, "host-name");
    }
    return n;
}

static void check_lockspace(const uint8_t *area, const Layout *layout)
{
    g_autoptr(GVariant) report = g_variant_ref_sink(area_report_lockspace(area, layout));
    LeaderRecord first;
    char name[FIXED_NAME_SIZE + 1];
    gsize n_bad = 0;

    g_assert_true(g_variant_is_normal_form(report));
    string_of(report, "name");
    gsize n_shown = assert_hosts(report, "hosts", layout->max_hosts);
    if (layout->max_hosts > 500)
        return; /* what follows takes too long for many runs */
    /* No damage is passed over. */
    leader_record_decode(&first, area);
    fixed_name_load(name, first.lockspace_name);
    for (guint64 id = 1; id <= layout->max_hosts; id++) {
        LeaderRecord record;
        leader_record_decode(&record, area + (id - 1) * layout->sector_size);
        n_bad += host_lease_record_check(&record, name, NULL) != RECORD_OK;
    }
    g_assert_cmpuint(n_shown, >=, n_bad);
    g_autoptr(GVariant) hosts = g_variant_lookup_value(report, "hosts", NULL);
    for (gsize i = 0; i < n_shown; i++) {
        g_autoptr(GVariant) host = g_variant_get_child_value(hosts, i);
        const char *damage;
        if (g_variant_lookup(host, "damage", "&s", &damage))
            n_bad--;
    }
    g_assert_cmpuint(n_bad, ==, 0);
}

static void check_resource(const uint8_t *area, const Layout *layout)
{
    g_autoptr(GVariant) report = g_variant_ref_sink(area_report_resource(area, layout));
    LeaderRecord leader;
    guint32 num_hosts;

    g_assert_true(g_variant_is_normal_form(report));
    string_of(report, "name");
    string_of(report, "lockspace");
    leader_record_decode(&leader, area);
    g_assert_true(g_variant_lookup(report, "num-hosts", "u", &num_hosts));
    g_assert_cmpuint(num_hosts, ==, leader.num_hosts);
    assert_hosts(report, "ballots", num_hosts);
    gsize n_shared = assert_hosts(report, "shared-by", layout->max_hosts);
    const char *state = string_of(report, "state");
    if (g_str_equal(state, "free"))
        g_assert_cmpuint(n_shared, ==, 0);
    else if (g_str_equal(state, "shared"))
        g_assert_cmpuint(n_shared, >, 0);
    else
        g_assert_cmpstr(state, ==, "held");
    if (g_str_equal(state, "held"))
        g_assert_cmpuint(leader.timestamp, !=, 0);
    else
        g_assert_true(leader.timestamp == 0 || leader.write_id != leader.owner_id);
}

static void check_index(const uint8_t *area, const IndexPlace *place)
{
    g_autoptr(GVariant) report = g_variant_ref_sink(area_report_index(area, place));
    g_autoptr(GVariant) resources = g_variant_lookup_value(report, "resources", NULL);
    guint64 last = 0;
    guint32 max_resources;

    g_assert_true(g_variant_is_normal_form(report));
    string_of(report, "lockspace");
    g_assert_true(g_variant_lookup(report, "max-resources", "u", &max_resources));
    g_assert_cmpuint(max_resources, ==, place->count);
    gsize n = g_variant_n_children(resources);
    g_assert_cmpuint(n, <=, max_resources);
    for (gsize i = 0; i < n; i++) {
        g_autoptr(GVariant) resource = g_variant_get_child_value(resources, i);
        guint64 offset;
        g_assert_true(g_variant_lookup(resource, "offset", "t", &offset));
        g_assert_cmpuint(offset, >, last);
        g_assert_cmpuint(offset % place->layout.align_size, ==, 0);
        last = offset;
        string_of(resource, "name");
    }
}

typedef enum Kind { KIND_LOCKSPACE, KIND_RESOURCE, KIND_INDEX, N_KINDS } Kind;

typedef struct Area {
    Layout layout;
    uint8_t *fresh, *bytes;
} Area;

static Area *area_of(unsigned index, Kind kind)
{
    static Area areas[MEMORY_N_SIZES][N_KINDS];
    Area *area = &areas[index][kind];

    if (area->fresh != NULL)
        return area;
    g_assert_cmpint(layout_from_sizes(&area->layout, memory_sizes[index].sector_size,
                                      memory_sizes[index].align_size),
                    ==, RECORD_OK);
    area->fresh = g_malloc(area->layout.align_size);
    if (kind == KIND_INDEX)
        index_area_fill(area->fresh, &(IndexPlace){ area->layout, 0, INDEX_COUNT_DEFAULT }, "LS");
    else if (kind == KIND_RESOURCE)
        resource_area_fill(area->fresh, &area->layout, "LS", "res1", 0);
    else
        lockspace_area_fill(area->fresh, &area->layout, "LS", 10);
    area->bytes = g_memdup2(area->fresh, area->layout.align_size);
    return area;
}

static RecordFault check_head(const uint8_t *bytes, Kind kind, IndexPlace *ret)
{
    IndexHeader header;
    LeaderRecord head;

    index_header_decode(&header, bytes);
    leader_record_decode(&head, bytes);
    if (kind == KIND_INDEX)
        return index_header_check(&header, NULL, 0, ret);
    return kind == KIND_RESOURCE ? resource_record_check(&head, NULL, NULL, 0, &ret->layout)
                                 : host_lease_record_check(&head, NULL, &ret->layout);
}

/* As the engine does it: the first record is checked, and says how much there is to read. */
static void inspect(const Area *area, Kind kind)
{
    static uint8_t larger[ALIGN_SIZE_MAX];
    const uint8_t *bytes = area->bytes;
    IndexPlace found;

    if (check_head(bytes, kind, &found) != RECORD_OK)
        return;
    if (found.layout.align_size > area->layout.align_size) {
        memset(larger, 0xA5, sizeof larger);
        memcpy(larger, bytes, area->layout.align_size);
        bytes = larger;
    }
    if (kind == KIND_INDEX)
        check_index(bytes, &found);
    else if (kind == KIND_RESOURCE)
        check_resource(bytes, &found.layout);
    else
        check_lockspace(bytes, &found.layout);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FuzzBytes input = { data, size };
    unsigned choice = (unsigned)fuzz_number(&input, 1);
    Kind kind = choice / 10 % 2 != 0 ? KIND_INDEX : (Kind)(choice & 1);
    Area *area = area_of(choice / 2 % MEMORY_N_SIZES, kind);
    FuzzBytes again = input;
    AreaPatch patch;

    while (area_patch_next(&input, &area->layout, &patch))
        area_patch_apply(&patch, area->bytes + (size_t)patch.sector * area->layout.sector_size);
    inspect(area, kind);
    while (area_patch_next(&again, &area->layout, &patch)) {
        size_t at = (size_t)patch.sector * area->layout.sector_size;
        memcpy(area->bytes + at, area->fresh + at, area->layout.sector_size);
    }
    return 0;
}
