/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Events from others: reported once, again when sent again, never when meant for somebody else.
 */
#include "lease/host-inbox.h"

#include "ondisk/host-bitmap.h"
#include "support/memory-lockspace.h"

#define SECOND USEC_PER_SECOND
#define T0 (1000 * SECOND)
#define OWN 2
#define OWN_GENERATION 6
#define SENDER 9
#define N 10

typedef struct World {
    MemoryLockspace space;
    HostSlot *slots;
    HostInboxSlot *inbox_slots;
    HostTable table;
    HostInbox inbox;
    uint64_t now_us;
    HostEventIn events[4];
} World;

/* What a sender writes. */
typedef struct Sent {
    uint64_t timestamp;
    uint64_t generation, event, data;
    bool bit;
    uint64_t sender_generation; /* 0: 3 */
} Sent;

static void world_init(World *self)
{
    memory_lockspace_init(&self->space, 512, 0, N);
    self->slots = g_new0(HostSlot, self->space.layout.max_hosts);
    self->inbox_slots = g_new0(HostInboxSlot, self->space.layout.max_hosts);
    self->now_us = T0;
    host_table_init(&self->table, self->slots, &self->space.layout, OWN, N);
    host_inbox_init(&self->inbox, self->inbox_slots, OWN, OWN_GENERATION);
}

static void world_clear(World *self)
{
    g_free(self->slots);
    g_free(self->inbox_slots);
    memory_lockspace_clear(&self->space);
}

static void world_write_as(World *self, uint64_t host_id, const Sent *sent)
{
    LeaderRecord record = memory_lockspace_held(
        &self->space, host_id, "other", sent->sender_generation != 0 ? sent->sender_generation : 3,
        sent->timestamp, N);
    record.write_id = sent->generation;
    record.write_generation = sent->event;
    record.write_timestamp = sent->data;
    memory_lockspace_put(&self->space, host_id, record);
    uint8_t *bitmap = memory_lockspace_sector(&self->space, host_id) + HOST_BITMAP_OFFSET;
    memset(bitmap, 0, HOST_BITMAP_SIZE);
    host_bitmap_set(bitmap, 1999);
    if (sent->bit)
        host_bitmap_set(bitmap, OWN);
}

static unsigned world_look(World *self, unsigned max)
{
    return host_inbox_observe(&self->inbox, &self->table,
                              self->space.disk.bytes + self->space.offset, MEMORY_LOCKSPACE_NAME,
                              self->events, max);
}

/* One renewal's read; returns how many events it brought. */
static unsigned world_read(World *self)
{
    self->now_us += 2 * N * SECOND;
    host_table_observe(&self->table, self->space.disk.bytes + self->space.offset,
                       self->space.layout.align_size, MEMORY_LOCKSPACE_NAME, self->now_us,
                       self->now_us);
    return world_look(self, G_N_ELEMENTS(self->events));
}

static unsigned world_sent(World *self, Sent sent)
{
    world_write_as(self, SENDER, &sent);
    return world_read(self);
}

static void assert_event(const HostEventIn *event, uint64_t host_id, uint64_t generation,
                         uint64_t number, uint64_t data)
{
    g_assert_cmpuint(event->host_id, ==, host_id);
    g_assert_cmpuint(event->generation, ==, generation);
    g_assert_cmpuint(event->event, ==, number);
    g_assert_cmpuint(event->data, ==, data);
}

static void test_once(void)
{
    World world;
    world_init(&world);
    g_assert_cmpuint(world_sent(&world, (Sent){ 100 }), ==, 0);
    g_assert_cmpuint(world_sent(&world, (Sent){ 120, 6, 4, 5, true }), ==, 1);
    assert_event(&world.events[0], SENDER, 3, 4, 5);
    /* Not renewed; renewed twice more with the bit; then without it, and the event stays. */
    g_assert_cmpuint(world_read(&world), ==, 0);
    g_assert_cmpuint(world_sent(&world, (Sent){ 140, 6, 4, 5, true }), ==, 0);
    g_assert_cmpuint(world_sent(&world, (Sent){ 160, 6, 4, 5, true }), ==, 0);
    g_assert_cmpuint(world_sent(&world, (Sent){ 180, 6, 4, 5, false }), ==, 0);
    g_assert_cmpuint(world_sent(&world, (Sent){ 200, 6, 4, 5, false }), ==, 0);
    world_clear(&world);
}

static void test_again(void)
{
    World world;
    world_init(&world);
    world_sent(&world, (Sent){ 100 });
    g_assert_cmpuint(world_sent(&world, (Sent){ 120, 6, 4, 5, true }), ==, 1);
    /* The bit was clear in between. */
    g_assert_cmpuint(world_sent(&world, (Sent){ 140, 6, 4, 5, false }), ==, 0);
    g_assert_cmpuint(world_sent(&world, (Sent){ 160, 6, 4, 5, true }), ==, 1);
    /* We did not read for longer than a bit lives. */
    g_assert_cmpuint(world_sent(&world, (Sent){ 160 + 8 * N, 6, 4, 5, true }), ==, 0);
    g_assert_cmpuint(world_sent(&world, (Sent){ 161 + 8 * N, 6, 4, 5, true }), ==, 1);
    g_assert_cmpuint(world_sent(&world, (Sent){ 181 + 8 * N, 6, 4, 5, true }), ==, 0);
    /* A new life of the sender; its clock begins anew. */
    g_assert_cmpuint(world_sent(&world, (Sent){ 10, 6, 4, 5, true, 4 }), ==, 1);
    assert_event(&world.events[0], SENDER, 4, 4, 5);
    g_assert_cmpuint(world_sent(&world, (Sent){ 30, 6, 4, 5, true, 4 }), ==, 0);
    world_clear(&world);
}

static void test_replaced(void)
{
    World world;
    world_init(&world);
    world_sent(&world, (Sent){ 100 });
    g_assert_cmpuint(world_sent(&world, (Sent){ 120, 6, 4, 5, true }), ==, 1);
    g_assert_cmpuint(world_sent(&world, (Sent){ 140, 6, 7, 5, true }), ==, 1);
    assert_event(&world.events[0], SENDER, 3, 7, 5);
    g_assert_cmpuint(world_sent(&world, (Sent){ 160, 6, 7, 8, true }), ==, 1);
    assert_event(&world.events[0], SENDER, 3, 7, 8);
    g_assert_cmpuint(world_sent(&world, (Sent){ 180, 6, 4, 5, true }), ==, 1);
    assert_event(&world.events[0], SENDER, 3, 4, 5);
    world_clear(&world);
}

/* For an earlier or a later life of our host id; no event; not our bit; our own sector. */
static void test_not_for_us(void)
{
    World world;
    world_init(&world);
    world_sent(&world, (Sent){ 100 });
    g_assert_cmpuint(world_sent(&world, (Sent){ 120, 5, 4, 5, true }), ==, 0);
    g_assert_cmpuint(world_sent(&world, (Sent){ 140, 7, 4, 5, true }), ==, 0);
    g_assert_cmpuint(world_sent(&world, (Sent){ 160, 6, 0, 5, true }), ==, 0);
    g_assert_cmpuint(world_sent(&world, (Sent){ 180, 6, 4, 5, false }), ==, 0);
    world_write_as(&world, OWN, &(Sent){ 200, 6, 4, 5, true });
    g_assert_cmpuint(world_read(&world), ==, 0);
    /* What was not for us does not hide what is. */
    g_assert_cmpuint(world_sent(&world, (Sent){ 220, 6, 4, 5, true }), ==, 1);
    world_clear(&world);
}

/* Generation 0 of a host that may be dead for years. */
static void test_any_generation(void)
{
    World world;
    world_init(&world);
    g_assert_cmpuint(world_sent(&world, (Sent){ 100, 0, 4, 5, true }), ==, 0);
    g_assert_cmpuint(world_read(&world), ==, 0);
    g_assert_cmpuint(world_sent(&world, (Sent){ 120, 0, 4, 5, true }), ==, 1);
    g_assert_cmpuint(world_sent(&world, (Sent){ 140, 0, 4, 5, true }), ==, 0);
    world_clear(&world);
    /* Ours is meant for this life: whoever sent it knew of it. */
    world_init(&world);
    g_assert_cmpuint(world_sent(&world, (Sent){ 100, 6, 4, 5, true }), ==, 1);
    world_clear(&world);
}

static void damage_name(LeaderRecord *record)
{
    record->lockspace_name[0] ^= 1;
}

static void damage_magic(LeaderRecord *record)
{
    record->magic = RESOURCE_MAGIC;
}

static void damage_version(LeaderRecord *record)
{
    record->version = UINT32_C(0x00040000);
}

static void damage_owner(LeaderRecord *record)
{
    record->owner_id = SENDER + 1;
}

static void damage_timestamp(LeaderRecord *record)
{
    record->timestamp = 0;
}

static void test_damaged(void)
{
    void (*const damages[])(LeaderRecord *) = { damage_name, damage_magic, damage_version,
                                                damage_owner, damage_timestamp };
    for (unsigned i = 0; i <= G_N_ELEMENTS(damages); i++) {
        World world;
        world_init(&world);
        world_sent(&world, (Sent){ 100 });
        const Sent sent = { 120, 6, 4, 5, true };
        world_write_as(&world, SENDER, &sent);
        LeaderRecord record = memory_lockspace_record(&world.space, SENDER);
        if (i < G_N_ELEMENTS(damages)) {
            damages[i](&record);
            memory_lockspace_put(&world.space, SENDER, record); /* the bits stay */
            g_assert_true(host_bitmap_test(
                memory_lockspace_sector(&world.space, SENDER) + HOST_BITMAP_OFFSET, OWN));
        } else {
            memory_lockspace_sector(&world.space, SENDER)[168] ^= 1; /* the checksum */
        }
        g_assert_cmpuint(world_read(&world), ==, 0);
        g_assert_cmpuint(world_sent(&world, sent), ==, 1);
        world_clear(&world);
    }
}

/* More than there is room for: the rest with the next call. */
static void test_many(void)
{
    World world;
    world_init(&world);
    const Sent sent = { 120, 6, 4, 5, true };
    for (uint64_t id = 3; id < 10; id++)
        world_write_as(&world, id, &sent);
    g_assert_cmpuint(world_read(&world), ==, 4);
    for (unsigned i = 0; i < 4; i++)
        g_assert_cmpuint(world.events[i].host_id, ==, 3 + i);
    g_assert_cmpuint(world_look(&world, 4), ==, 3);
    for (unsigned i = 0; i < 3; i++)
        g_assert_cmpuint(world.events[i].host_id, ==, 7 + i);
    g_assert_cmpuint(world_look(&world, 4), ==, 0);
    world_clear(&world);
}

static bool world_due(World *self)
{
    return host_inbox_examine_due(&self->inbox, &self->table,
                                  self->space.disk.bytes + self->space.offset,
                                  MEMORY_LOCKSPACE_NAME, self->now_us);
}

static bool world_sent_due(World *self, Sent sent)
{
    world_sent(self, sent);
    return world_due(self);
}

/* A read every 20 s; the limit is 60 s. */
static void test_examine(void)
{
    World world;
    world_init(&world);
    g_assert_false(world_sent_due(&world, (Sent){ 100 }));
    g_assert_true(world_sent_due(&world, (Sent){ 120, .bit = true }));
    g_assert_false(world_due(&world));
    g_assert_false(world_sent_due(&world, (Sent){ 140, .bit = true }));
    /* What came too soon is seen to in the end, though the bit has gone; once. */
    g_assert_false(world_sent_due(&world, (Sent){ 160 }));
    g_assert_true(world_sent_due(&world, (Sent){ 180 }));
    for (unsigned i = 0; i < 10; i++)
        g_assert_false(world_sent_due(&world, (Sent){ 200 + 20 * i }));
    /* A dead host's bit stays for ever. */
    g_assert_true(world_sent_due(&world, (Sent){ 500, .bit = true }));
    for (unsigned i = 0; i < 10; i++) {
        world_read(&world);
        g_assert_false(world_due(&world));
    }
    /* Another sender has a limit of his own; a damaged record and our own say nothing. */
    world_write_as(&world, 5, &(Sent){ 100, .bit = true });
    world_read(&world);
    g_assert_true(world_due(&world));
    world_write_as(&world, OWN, &(Sent){ 100, .bit = true });
    world_write_as(&world, 6, &(Sent){ 100, .bit = true });
    memory_lockspace_sector(&world.space, 6)[168] ^= 1;
    world_read(&world);
    g_assert_false(world_due(&world));
    world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/host-inbox/once", test_once);
    g_test_add_func("/host-inbox/again", test_again);
    g_test_add_func("/host-inbox/replaced", test_replaced);
    g_test_add_func("/host-inbox/not-for-us", test_not_for_us);
    g_test_add_func("/host-inbox/any-generation", test_any_generation);
    g_test_add_func("/host-inbox/damaged", test_damaged);
    g_test_add_func("/host-inbox/many", test_many);
    g_test_add_func("/host-inbox/examine", test_examine);
    return g_test_run();
}
