/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What lies in an area, for people.
 */
#include "engine/area-report.h"

#include "engine/lease-error.h"
#include "ondisk/ballot-record.h"
#include "ondisk/leader-record.h"
#include "ondisk/mode-record.h"

static void insert_name(GVariantDict *dict, const char *key, const guint8 field[FIXED_NAME_SIZE])
{
    char raw[FIXED_NAME_SIZE + 1];
    g_autofree char *name = NULL;

    fixed_name_load(raw, field);
    name = printable_from_disk(raw);
    g_variant_dict_insert(dict, key, "s", name);
}

static void insert_layout(GVariantDict *dict, const Layout *layout)
{
    g_variant_dict_insert(dict, "sector-size", "u", layout->sector_size);
    g_variant_dict_insert(dict, "align-size", "u", layout->align_size);
    g_variant_dict_insert(dict, "max-hosts", "u", layout->max_hosts);
}

static GVariant *report_host(guint64 host_id, const LeaderRecord *record, RecordFault fault)
{
    GVariantDict dict;

    g_variant_dict_init(&dict, NULL);
    g_variant_dict_insert(&dict, "host-id", "t", host_id);
    g_variant_dict_insert(&dict, "generation", "t", record->owner_generation);
    insert_name(&dict, "host-name", record->name);
    g_variant_dict_insert(&dict, "timestamp", "t", record->timestamp);
    g_variant_dict_insert(&dict, "io-timeout", "u", (guint32)record->io_timeout);
    if (fault != RECORD_OK)
        g_variant_dict_insert(&dict, "damage", "s", record_fault_name(fault));
    return g_variant_dict_end(&dict);
}

GVariant *area_report_lockspace(const guint8 *area, const Layout *layout)
{
    GVariantDict dict;
    GVariantBuilder hosts;
    LeaderRecord first;
    char name[FIXED_NAME_SIZE + 1];

    leader_record_decode(&first, area);
    fixed_name_load(name, first.lockspace_name);
    g_variant_dict_init(&dict, NULL);
    insert_name(&dict, "name", first.lockspace_name);
    insert_layout(&dict, layout);
    g_variant_dict_insert(&dict, "io-timeout", "u", (guint32)first.io_timeout);

    g_variant_builder_init(&hosts, G_VARIANT_TYPE("aa{sv}"));
    for (guint64 id = 1; id <= layout->max_hosts; id++) {
        LeaderRecord record;
        RecordFault fault;

        leader_record_decode(&record, area + layout_host_lease(layout, 0, id));
        fault = host_lease_record_check(&record, name, NULL);
        if (fault != RECORD_OK || record.owner_generation > 0 || record.timestamp > 0)
            g_variant_builder_add_value(&hosts, report_host(id, &record, fault));
    }
    g_variant_dict_insert_value(&dict, "hosts", g_variant_builder_end(&hosts));
    return g_variant_dict_end(&dict);
}

static GVariant *report_ballot(guint64 host_id, const BallotRecord *ballot)
{
    GVariantDict dict;

    g_variant_dict_init(&dict, NULL);
    g_variant_dict_insert(&dict, "host-id", "t", host_id);
    g_variant_dict_insert(&dict, "mbal", "t", ballot->mbal);
    g_variant_dict_insert(&dict, "bal", "t", ballot->bal);
    g_variant_dict_insert(&dict, "owner", "t", ballot->inp);
    g_variant_dict_insert(&dict, "version", "t", ballot->lver);
    g_variant_dict_insert(&dict, "released", "b", (ballot->flags & BALLOT_FLAG_RELEASED) != 0);
    return g_variant_dict_end(&dict);
}

static GVariant *report_shared(guint64 host_id, const ModeRecord *mode)
{
    GVariantDict dict;

    g_variant_dict_init(&dict, NULL);
    g_variant_dict_insert(&dict, "host-id", "t", host_id);
    g_variant_dict_insert(&dict, "generation", "t", mode->generation);
    return g_variant_dict_end(&dict);
}

/* Free is: no time stamp, or somebody else wrote the leader and the owner's own ballot record says
 * that it let go (which is how a release ends that found the leader rewritten). */
static gboolean is_held(const LeaderRecord *leader, const guint8 *area, const Layout *layout)
{
    BallotRecord ballot;

    if (leader->timestamp == 0)
        return FALSE;
    if (leader->write_id == leader->owner_id || leader->owner_id == 0 ||
        leader->owner_id > layout->max_hosts)
        return TRUE;
    ballot_record_decode(&ballot, area + layout_host_sector(layout, 0, leader->owner_id));
    return (ballot.flags & BALLOT_FLAG_RELEASED) == 0;
}

GVariant *area_report_resource(const guint8 *area, const Layout *layout)
{
    GVariantDict dict;
    GVariantBuilder ballots, shared;
    gboolean is_shared = FALSE;
    LeaderRecord leader;

    leader_record_decode(&leader, area);
    g_variant_dict_init(&dict, NULL);
    insert_name(&dict, "name", leader.name);
    insert_name(&dict, "lockspace", leader.lockspace_name);
    insert_layout(&dict, layout);
    g_variant_dict_insert(&dict, "num-hosts", "u", (guint32)leader.num_hosts);
    g_variant_dict_insert(&dict, "version", "t", leader.version_of_lease);
    g_variant_dict_insert(&dict, "owner-host-id", "t", leader.owner_id);
    g_variant_dict_insert(&dict, "owner-generation", "t", leader.owner_generation);
    g_variant_dict_insert(&dict, "timestamp", "t", leader.timestamp);

    g_variant_builder_init(&ballots, G_VARIANT_TYPE("aa{sv}"));
    g_variant_builder_init(&shared, G_VARIANT_TYPE("aa{sv}"));
    for (guint64 id = 1; id <= leader.num_hosts; id++) {
        const guint8 *sector = area + layout_host_sector(layout, 0, id);
        BallotRecord ballot;
        ModeRecord mode;

        ballot_record_decode(&ballot, sector);
        mode_record_decode(&mode, sector + MODE_RECORD_OFFSET);
        if (!ballot_record_is_empty(&ballot))
            g_variant_builder_add_value(&ballots, report_ballot(id, &ballot));
        if ((mode.flags & MODE_FLAG_SHARED) != 0) {
            g_variant_builder_add_value(&shared, report_shared(id, &mode));
            is_shared = TRUE;
        }
    }
    g_variant_dict_insert(&dict, "state", "s",
                          is_held(&leader, area, layout) ? "held"
                          : is_shared                    ? "shared"
                                                         : "free");
    g_variant_dict_insert_value(&dict, "shared-by", g_variant_builder_end(&shared));
    g_variant_dict_insert_value(&dict, "ballots", g_variant_builder_end(&ballots));
    return g_variant_dict_end(&dict);
}

static GVariant *report_entry(const IndexEntry *entry, const IndexPlace *place, guint32 number)
{
    RecordFault fault = index_entry_check(entry, place, number);
    GVariantDict dict;

    g_variant_dict_init(&dict, NULL);
    insert_name(&dict, "name", entry->name);
    g_variant_dict_insert(&dict, "offset", "t", index_resource_offset(place, number));
    if (fault != RECORD_OK)
        g_variant_dict_insert(&dict, "damage", "s", record_fault_name(fault));
    return g_variant_dict_end(&dict);
}

GVariant *area_report_index(const guint8 *area, const IndexPlace *place)
{
    GVariantDict dict;
    GVariantBuilder resources;
    IndexHeader header;

    index_header_decode(&header, area);
    g_variant_dict_init(&dict, NULL);
    insert_name(&dict, "lockspace", header.lockspace_name);
    insert_layout(&dict, &place->layout);
    g_variant_dict_insert(&dict, "max-resources", "u", place->count);

    g_variant_builder_init(&resources, G_VARIANT_TYPE("aa{sv}"));
    for (guint32 number = 0; number < place->count; number++) {
        IndexEntry entry;

        index_entry_decode(&entry, area + index_entry_position(place, number));
        if (!index_entry_is_free(&entry))
            g_variant_builder_add_value(&resources, report_entry(&entry, place, number));
    }
    g_variant_dict_insert_value(&dict, "resources", g_variant_builder_end(&resources));
    return g_variant_dict_end(&dict);
}
