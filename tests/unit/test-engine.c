/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The engine on a real file, without D-Bus: a life of a lockspace with an io timeout of one second.
 */
#include "support/engine-fixture.h"

static void test_format_and_inspect(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) info = NULL;
    const char *name;

    format(fixture, NULL, 0);
    format(fixture, "disk", MEBIBYTE);
    g_assert_false(try_format(fixture, NULL, 0, FALSE, &error));
    g_assert_error(error, BAILIFF_ERROR, BAILIFF_ERROR_ALREADY_EXISTS);
    g_clear_error(&error);
    g_assert_true(try_format(fixture, NULL, 0, TRUE, &error));

    bailiff_engine_inspect_async(fixture->engine, fixture->path, MEBIBYTE, BAILIFF_AREA_RESOURCE,
                                 on_result, fixture);
    g_autoptr(GAsyncResult) result = wait_for_result(fixture);
    info = bailiff_engine_inspect_finish(fixture->engine, result, &error);
    g_assert_no_error(error);
    g_assert_true(g_variant_lookup(info, "name", "&s", &name));
    g_assert_cmpstr(name, ==, "disk");
}

static void test_join_renew_leave(Fixture *fixture, gconstpointer data)
{
    g_autoptr(BailiffLockspace) lockspace = NULL;
    LeaderRecord record;
    guint64 first;

    format(fixture, NULL, 0);
    lockspace = g_object_ref(join(fixture));
    g_assert_cmpint(bailiff_lockspace_get_state(lockspace), ==, BAILIFF_LOCKSPACE_HELD);
    g_assert_cmpuint(bailiff_lockspace_get_generation(lockspace), ==, 1);
    first = bailiff_lockspace_get_last_renewal(lockspace);
    g_assert_cmpuint(bailiff_lockspace_get_fail_at(lockspace), ==, first + 8 * USEC_PER_SECOND);
    g_assert_cmpuint(bailiff_lockspace_get_free_at(lockspace), ==, first + 68 * USEC_PER_SECOND);
    WAIT_FOR(bailiff_lockspace_get_last_renewal(lockspace) > first);
    /* Not before its time, whatever the machine's speed; a sixteenth of it is chance. */
    g_assert_cmpuint(bailiff_lockspace_get_last_renewal(lockspace), >=,
                     first + 2 * USEC_PER_SECOND - 2 * USEC_PER_SECOND / 16);
    read_record(fixture, 0, &record);
    g_assert_cmpuint(record.timestamp, >, first / USEC_PER_SECOND);
    g_assert_true(fixed_name_equal(record.name, "hostA"));

    bailiff_lockspace_leave_async(lockspace, FALSE, on_result, fixture);
    g_autoptr(GAsyncResult) result = wait_for_result(fixture);
    g_assert_true(bailiff_lockspace_leave_finish(lockspace, result, NULL));
    g_assert_null(bailiff_engine_find_lockspace(fixture->engine, SPACE));
    read_record(fixture, 0, &record);
    g_assert_cmpuint(record.timestamp, ==, 0);
    g_assert_cmpuint(record.owner_generation, ==, 1);
}

static void test_acquire_and_exit(Fixture *fixture, gconstpointer data)
{
    if (skip_without_pidfds())
        return;

    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) held = NULL, held_too = NULL, again = NULL;
    BailiffRegistration *one, *two;
    pid_t child;
    LeaderRecord record;

    format(fixture, NULL, 0);
    format(fixture, "disk", MEBIBYTE);
    join(fixture);
    child = start_child(fixture);
    one = register_child(fixture, child, "one");
    two = register_child(fixture, start_child(fixture), "two");

    held = acquire(fixture, one, "disk", MEBIBYTE, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(bailiff_resource_get_version(held->pdata[0]), ==, 1);
    g_assert_null(acquire(fixture, two, "disk", MEBIBYTE, &error));
    g_assert_error(error, BAILIFF_ERROR, BAILIFF_ERROR_HELD);
    g_assert_nonnull(strstr(error->message, "one"));
    g_clear_error(&error);

    /* The process ends: its lease is released on disk, and the registration goes. */
    end_child(fixture, child);
    WAIT_FOR(bailiff_engine_find_registration(fixture->engine,
                                              bailiff_registration_get_id(two) - 1) == NULL);
    read_record(fixture, MEBIBYTE, &record);
    g_assert_cmpuint(record.timestamp, ==, 0);
    held_too = acquire(fixture, two, "disk", MEBIBYTE, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(bailiff_resource_get_version(held_too->pdata[0]), ==, 2);

    bailiff_registration_release_async(two, NULL, on_result, fixture);
    g_autoptr(GAsyncResult) result = wait_for_result(fixture);
    g_assert_true(bailiff_registration_release_finish(two, result, &error));
    again = acquire(fixture, two, "disk", MEBIBYTE, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(bailiff_resource_get_version(again->pdata[0]), ==, 3);
}

static void note_word(GPtrArray *words, const char *word)
{
    g_ptr_array_add(words, g_strdup(word));
}

static void on_lost(BailiffLockspace *lockspace, const char *reason, gpointer words)
{
    note_word(words, "lease-lost");
}

static void on_step(BailiffRegistration *registration, guint index, const char *action,
                    gpointer words)
{
    note_word(words, action);
}

static void on_cleared(BailiffRegistration *registration, const char *how, gpointer words)
{
    note_word(words, how);
}

/* Somebody changes our record: the lease is lost at once, the policy is walked, nothing of theirs
 * is overwritten. */
static void test_altered_record(Fixture *fixture, gconstpointer data)
{
    if (skip_without_pidfds())
        return;

    g_autoptr(GPtrArray) words = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) held = NULL;
    g_autoptr(GError) error = NULL;
    g_autoptr(BailiffLockspace) lockspace = NULL;
    BailiffRegistration *registration;
    LeaderRecord before, after;
    pid_t child;
    int status;

    format(fixture, NULL, 0);
    format(fixture, "disk", MEBIBYTE);
    lockspace = g_object_ref(join(fixture));
    child = start_child(fixture);
    registration = register_child(fixture, child, "victim");
    held = acquire(fixture, registration, "disk", MEBIBYTE, &error);
    g_assert_no_error(error);
    g_signal_connect(lockspace, "lease-lost", G_CALLBACK(on_lost), words);
    g_signal_connect(registration, "step-started", G_CALLBACK(on_step), words);
    g_signal_connect(registration, "cleared", G_CALLBACK(on_cleared), words);

    /* The event field: outside the checksum, so only the comparison of all bytes can see it. */
    write_byte(fixture, 184, 0x55);
    WAIT_FOR(bailiff_lockspace_get_state(lockspace) == BAILIFF_LOCKSPACE_LOST);
    read_record(fixture, 0, &before);
    g_assert_cmpuint(before.write_generation, ==, 0x55);
    g_ptr_array_add(words, NULL);
    {
        g_autofree char *story = g_strjoinv(" ", (char **)words->pdata);
        g_assert_cmpstr(story, ==, "lease-lost signal exited");
    }
    g_assert_cmpint(waitpid(child, &status, 0), ==, child);
    g_assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    g_ptr_array_remove(fixture->children, GINT_TO_POINTER(child));

    /* Not given back either: it is not ours any more. */
    WAIT_FOR(aio_total_in_flight() == 0);
    read_record(fixture, 0, &after);
    g_assert_true(leader_record_equal(&before, &after));
}

static void test_corrupt_record(Fixture *fixture, gconstpointer data)
{
    g_autoptr(BailiffLockspace) lockspace = NULL;
    LeaderRecord record;

    format(fixture, NULL, 0);
    write_byte(fixture, 40, 0x77); /* the generation of host 1, under the checksum */
    lockspace = g_object_ref(join(fixture));
    g_assert_cmpint(bailiff_lockspace_get_state(lockspace), ==, BAILIFF_LOCKSPACE_LOST);
    g_assert_nonnull(strstr(bailiff_lockspace_get_reason(lockspace), "damaged"));
    read_record(fixture, 0, &record);
    g_assert_cmpuint(record.owner_generation, ==, 0x77);
    g_assert_cmpuint(record.timestamp, ==, 0);
}

/* Where the io timeout on disk is long, the lease is past its own deadlines when it has settled. */
static void test_join_with_shorter_io_timeout(Fixture *fixture, gconstpointer data)
{
    format_io_timeout = 5;
    format(fixture, NULL, 0);
    format_io_timeout = 1;
    g_assert_cmpint(bailiff_lockspace_get_state(join(fixture)), ==, BAILIFF_LOCKSPACE_HELD);
}

/* The path leads elsewhere by now: what would be acquired there no other host's lease is judged by.
 */
static void test_replaced_file(Fixture *fixture, gconstpointer data)
{
    g_autofree char *other = g_strconcat(fixture->path, ".new", NULL);
    g_autofree char *contents = NULL;
    g_autoptr(GError) error = NULL;
    BailiffRegistration *registration;
    gsize length;

    if (skip_without_pidfds())
        return;
    format(fixture, NULL, 0);
    format(fixture, "disk", MEBIBYTE);
    join(fixture);
    registration = register_child(fixture, start_child(fixture), "one");
    g_assert_true(g_file_get_contents(fixture->path, &contents, &length, NULL));
    g_assert_true(g_file_set_contents(other, contents, (gssize)length, NULL));
    g_assert_cmpint(g_rename(other, fixture->path), ==, 0);
    g_assert_null(acquire(fixture, registration, "disk", MEBIBYTE, &error));
    g_assert_error(error, BAILIFF_ERROR, BAILIFF_ERROR_LOST);
}

/* Its record names what it holds, also after a call whose record could not be written. */
static void test_record_survives_failure(Fixture *fixture, gconstpointer data)
{
    const BailiffLeaseWish first = { .lockspace = "one" }, second = { .lockspace = "two" };
    const BailiffLeaseWish both[] = { first, second };
    g_autoptr(GError) error = NULL;
    g_autofree char *record = NULL, *text = NULL;
    BailiffRegistration *registration;

    if (skip_without_pidfds())
        return;
    registration = register_child(fixture, start_child(fixture), "one");
    record = g_strdup_printf("%s/held/%" G_GUINT64_FORMAT, fixture->directory,
                             bailiff_registration_get_id(registration));
    g_assert_true(bailiff_registration_record_held(registration, &first, 1, &error));
    g_assert_cmpint(g_unlink(record), ==, 0);
    g_assert_cmpint(g_mkdir(record, 0700), ==, 0);
    g_assert_false(bailiff_registration_record_held(registration, both, 2, &error));
    g_assert_error(error, BAILIFF_ERROR, BAILIFF_ERROR_IO_ERROR);
    g_assert_cmpint(g_rmdir(record), ==, 0);
    g_assert_true(bailiff_registration_record_held(registration, &second, 1, NULL));
    g_assert_true(g_file_get_contents(record, &text, NULL, NULL));
    g_assert_nonnull(strstr(text, "one"));
    g_assert_nonnull(strstr(text, "two"));
}

/* The root of a tree ends by its first signal; what it leaves behind must not outlive the lease. */
static void test_tree_that_loses_its_root(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) held = NULL;
    g_auto(ProcessIdentity) below = { .pidfd = -1 };
    BailiffLockspace *lockspace;
    BailiffRegistration *registration;
    int to_test[2];
    pid_t root, child;

    if (skip_without_pidfds())
        return;
    format(fixture, NULL, 0);
    format(fixture, "disk", MEBIBYTE);
    lockspace = join(fixture);
    g_assert_cmpint(pipe(to_test), ==, 0);
    root = fork();
    if (root == 0) {
        child = fork();
        if (child == 0) {
            pid_t self = getpid();

            signal(SIGTERM, SIG_IGN);
            if (write(to_test[1], &self, sizeof self) != sizeof self)
                _exit(1);
        }
        for (;;)
            pause();
    }
    g_ptr_array_add(fixture->children, GINT_TO_POINTER(root));
    g_assert_cmpint(read(to_test[0], &child, sizeof child), ==, sizeof child);
    close(to_test[0]);
    close(to_test[1]);
    g_assert_true(process_identity_from_pid(&below, child, 0, &error));
    registration =
        bailiff_engine_register_pid(fixture->engine, root, 0, "tree", TRUE, 0, NULL, &error);
    g_assert_no_error(error);
    held = acquire(fixture, registration, "disk", MEBIBYTE, &error);
    g_assert_no_error(error);

    bailiff_lockspace_leave_async(lockspace, TRUE, on_result, fixture);
    g_autoptr(GAsyncResult) result = wait_for_result(fixture);
    g_assert_true(bailiff_lockspace_leave_finish(lockspace, result, NULL));
    g_assert_true(process_identity_has_ended(&below));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(name) g_test_add("/engine/" #name, Fixture, NULL, set_up, test_##name, tear_down)
    ADD(format_and_inspect);
    ADD(join_renew_leave);
    ADD(acquire_and_exit);
    ADD(altered_record);
    ADD(corrupt_record);
    ADD(join_with_shorter_io_timeout);
    ADD(replaced_file);
    ADD(record_survives_failure);
    ADD(tree_that_loses_its_root);
    return g_test_run();
}
