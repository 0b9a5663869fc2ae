/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the engine does about writes that come late: a release that was too late is tried again, and
 * what a lost lockspace would still have written is not.
 *
 * An old write that hangs is played by a fence that the test itself has entered into the register
 * of writes in flight: to everybody else it looks the same, and it ends when the test wants it to.
 */
#include "support/engine-fixture.h"

#include <sys/eventfd.h>

#include "blockio/write-register.h"
#include "engine/engine-private.h"
#include "engine/lockspace-private.h"
#include "engine/storage-claims.h"
#include "lease/lease-timing.h"

/* One of the test at a time. */
static WriteFence hanging;

static void begin_hanging_write(BailiffLockspace *lockspace)
{
    hanging = (WriteFence){
        .key_major = block_device_get_key_major(lockspace->device),
        .key_minor = block_device_get_key_minor(lockspace->device),
        .offset = 0,
        .length = SECTOR_SIZE_MIN,
        .wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
    };
    g_assert_true(write_register_enter(&hanging));
}

static void end_hanging_write(void)
{
    write_register_leave(&hanging);
    close(hanging.wake_fd);
}

static guint64 read_timestamp(Fixture *fixture, guint64 offset)
{
    LeaderRecord record;

    read_record(fixture, offset, &record);
    return record.timestamp;
}

static gboolean holds_nothing(BailiffRegistration *registration)
{
    g_autoptr(GPtrArray) held = bailiff_registration_list_resources(registration);

    return held->len == 0;
}

static void test_release_after_the_deadline(Fixture *fixture, gconstpointer data)
{
    if (skip_without_pidfds())
        return;

    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) held = NULL;
    BailiffLockspace *lockspace;
    BailiffRegistration *registration;

    format(fixture, NULL, 0);
    format(fixture, "disk", MEBIBYTE);
    lockspace = join(fixture);
    registration = register_child(fixture, start_child(fixture), "one");
    held = acquire(fixture, registration, "disk", MEBIBYTE, &error);
    g_assert_no_error(error);

    /* As if the fail deadline had passed while the release was on its way; the next renewal sets a
     * new one. */
    lease_sight_set_valid_until(lockspace->sight, 1);
    bailiff_registration_release_async(registration, NULL, on_result, fixture);
    {
        g_autoptr(GAsyncResult) result = wait_for_result(fixture);

        if (!bailiff_registration_release_finish(registration, result, &error))
            g_assert_error(error, BAILIFF_ERROR, BAILIFF_ERROR_IO_TIMEOUT);
        else
            g_test_message("a renewal was faster");
    }
    WAIT_FOR(holds_nothing(registration));
    g_assert_cmpuint(read_timestamp(fixture, MEBIBYTE), ==, 0);
}

static void on_lease_lost(BailiffLockspace *lockspace, const char *reason, gpointer user_data)
{
    begin_hanging_write(lockspace);
}

/* Lost while its storage is well, so that its host lease is about to be given back; and that waits
 * for an older write. */
static BailiffLockspace *lose_and_wait_in_fence(Fixture *fixture)
{
    g_autoptr(GError) error = NULL;
    BailiffLockspace *lockspace;

    format(fixture, NULL, 0);
    lockspace = bailiff_engine_join(fixture->engine, SPACE, fixture->path, 0, 1, 2, &error);
    g_assert_no_error(error);
    WAIT_FOR(bailiff_lockspace_get_state(lockspace) == BAILIFF_LOCKSPACE_HELD);
    g_signal_connect(lockspace, "lease-lost", G_CALLBACK(on_lease_lost), NULL);
    /* The next renewal comes too late for this one, and so ends it. */
    lockspace->last_renewal_us -= timing_fail(2);
    WAIT_FOR(bailiff_lockspace_get_state(lockspace) == BAILIFF_LOCKSPACE_LOST);
    g_assert_true(lockspace->operating);
    g_assert_cmpuint(read_timestamp(fixture, 0), !=, 0);
    return g_object_ref(lockspace);
}

static void check_nothing_written(Fixture *fixture, BailiffLockspace *lost)
{
    end_hanging_write();
    WAIT_FOR(!lost->operating);
    g_assert_false(lost->gave_back);
}

static void test_joined_again_before_it_was_given_back(Fixture *fixture, gconstpointer data)
{
    g_autoptr(BailiffLockspace) lost = lose_and_wait_in_fence(fixture);
    BailiffLockspace *again;
    g_autoptr(GError) error = NULL;

    again = bailiff_engine_join(fixture->engine, SPACE, fixture->path, 0, 1, 1, &error);
    g_assert_no_error(error);
    check_nothing_written(fixture, lost);
    WAIT_FOR(bailiff_lockspace_get_state(again) != BAILIFF_LOCKSPACE_JOINING);
    g_assert_cmpint(bailiff_lockspace_get_state(again), ==, BAILIFF_LOCKSPACE_HELD);
    g_assert_cmpuint(bailiff_lockspace_get_generation(again), ==, 2);
    g_assert_cmpuint(read_timestamp(fixture, 0), !=, 0);
}

static void test_left_before_it_was_given_back(Fixture *fixture, gconstpointer data)
{
    g_autoptr(BailiffLockspace) lost = lose_and_wait_in_fence(fixture);

    bailiff_lockspace_leave_async(lost, FALSE, on_result, fixture);
    g_autoptr(GAsyncResult) result = wait_for_result(fixture);
    g_assert_true(bailiff_lockspace_leave_finish(lost, result, NULL));
    check_nothing_written(fixture, lost);
    g_assert_cmpuint(read_timestamp(fixture, 0), !=, 0);
}

/* Under another name, as somebody does who formats the place anew. */
static void test_place_taken_before_it_was_given_back(Fixture *fixture, gconstpointer data)
{
    g_autoptr(BailiffLockspace) lost = lose_and_wait_in_fence(fixture);

    bailiff_engine_end_lost(fixture->engine, lost->device, 0, SECTOR_SIZE_MIN);
    check_nothing_written(fixture, lost);
    g_assert_cmpuint(read_timestamp(fixture, 0), !=, 0);
}

/* What the tests above are about is really under way: without an interruption it is written. */
static void test_given_back_after_all(Fixture *fixture, gconstpointer data)
{
    g_autoptr(BailiffLockspace) lost = lose_and_wait_in_fence(fixture);

    end_hanging_write();
    WAIT_FOR(!lost->operating);
    if (!lost->gave_back) {
        g_test_skip("this machine stood still for the io timeout of two seconds");
        return;
    }
    g_assert_cmpuint(read_timestamp(fixture, 0), ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(name)                                                                                  \
    g_test_add("/engine-late-writes/" #name, Fixture, NULL, set_up, test_##name, tear_down)
    ADD(release_after_the_deadline);
    ADD(joined_again_before_it_was_given_back);
    ADD(left_before_it_was_given_back);
    ADD(place_taken_before_it_was_given_back);
    ADD(given_back_after_all);
    return g_test_run();
}
