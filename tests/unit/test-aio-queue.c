/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The I/O queue: answers, deadlines, adoption, errors, and its end. What is handed to the kernel
 * when is the subject of test-aio-submission.c.
 */
#include "support/aio-fixture.h"

static void test_round_trip(Fixture *fixture, gconstpointer data)
{
    AioWrite write = write_of(fixture->device, 8192, 'a', LONG_US);
    Answer written = { 0 };
    Answer read = { 0 };
    guint64 before_us = boottime_now();

    request_write(fixture->queue, &write, &written);
    g_assert_cmpuint(aio_double.calls, ==, 0);
    wait_for(&written);
    g_assert_cmpint(written.result.status, ==, AIO_OK);
    g_assert_true(written.result.submitted);
    g_assert_cmpuint(written.result.started_us, >=, before_us);
    g_assert_cmpuint(written.result.ended_us, >=, written.result.started_us);
    g_assert_cmpuint(written.result.ended_us, <=, boottime_now());

    request_read(fixture->queue, fixture->device, 8192, LONG_US, FALSE, &read);
    wait_for(&read);
    g_assert_cmpint(read.result.status, ==, AIO_OK);
    g_assert_cmpint(read.data[0], ==, 'a');
    g_assert_cmpint(read.data[511], ==, 'a');
    g_assert_cmpuint(aio_queue_get_overdue(fixture->queue), ==, 0);
}

static void test_timeout(Fixture *fixture, gconstpointer data)
{
    AioWrite write = write_of(fixture->device, 0, 'c', SHORT_US);
    Answer written = { 0 };
    Answer read = { 0 };
    guint64 before_us = boottime_now();
    guint64 handed_over_us;

    double_shut();
    request_write(fixture->queue, &write, &written);
    request_read(fixture->queue, fixture->device, 0, 2 * SHORT_US, FALSE, &read);
    run_idle();
    handed_over_us = boottime_now();
    wait_for(&written);
    g_assert_cmpint(written.result.status, ==, AIO_TIMED_OUT);
    g_assert_true(written.result.submitted);
    g_assert_cmpuint(written.result.started_us, >=, before_us);
    g_assert_cmpuint(written.result.started_us, <=, handed_over_us);
    g_assert_cmpuint(written.result.ended_us, >=, before_us + SHORT_US);
    g_assert_true(aio_write_in_flight(fixture->device, 511, 1));

    wait_for(&read);
    g_assert_cmpint(read.result.status, ==, AIO_TIMED_OUT);
    g_assert_cmpuint(read.result.ended_us, >=, before_us + 2 * SHORT_US);
    g_assert_cmpuint(aio_queue_get_overdue(fixture->queue), ==, 2);
    g_assert_cmpuint(aio_total_in_flight(), ==, 2);

    double_open();
    while (aio_total_in_flight() > 0)
        g_main_context_iteration(NULL, TRUE);
    g_assert_cmpuint(aio_queue_get_overdue(fixture->queue), ==, 0);
    g_assert_false(aio_write_in_flight(fixture->device, 0, 512));
    g_assert_cmpint(letter_on_disk(fixture, 511), ==, 'c');
    g_assert_cmpuint(written.calls + read.calls, ==, 2);
}

/* The loop was held up past the deadline, the I/O was not: it has ended, and that is what counts.
 */
static void test_late_loop(Fixture *fixture, gconstpointer data)
{
    Answer read = { 0 };
    guint64 deadline_us;

    double_shut();
    request_read(fixture->queue, fixture->device, 0, SHORT_US, FALSE, &read);
    deadline_us = boottime_now() + SHORT_US;
    g_main_context_iteration(NULL, FALSE);
    if (double_count_held() == 0) {
        g_test_incomplete("the machine was too slow to start the read before its deadline");
        return;
    }
    double_release_one_and_wait();
    while (boottime_now() <= deadline_us)
        continue;
    wait_for(&read);
    g_assert_cmpint(read.result.status, ==, AIO_OK);
    g_assert_cmpuint(read.result.ended_us, >=, deadline_us);
}

static void test_adopt(Fixture *fixture, gconstpointer data)
{
    AioWrite write = write_of(fixture->device, 0, 'z', LONG_US);
    Answer written = { 0 };
    Answer first = { 0 };
    Answer own = { 0 };
    Answer other_range = { 0 };
    Answer impatient = { 0 };
    Answer adopters[3] = { 0 };

    request_write(fixture->queue, &write, &written);
    wait_for(&written);
    double_shut();
    request_read(fixture->queue, fixture->device, 0, SHORT_US, TRUE, &first);
    wait_for(&first);
    g_assert_cmpuint(double_count_held(), ==, 1);

    request_read(fixture->queue, fixture->device, 0, LONG_US, FALSE, &own);
    request_read(fixture->queue, fixture->device, 512, LONG_US, TRUE, &other_range);
    run_idle();
    g_assert_cmpuint(double_count_held(), ==, 3);
    for (unsigned i = 0; i < 3; i++)
        request_read(fixture->queue, fixture->device, 0, LONG_US, TRUE, &adopters[i]);
    request_read(fixture->queue, fixture->device, 0, SHORT_US, TRUE, &impatient);
    wait_for(&impatient);
    g_assert_cmpint(impatient.result.status, ==, AIO_TIMED_OUT);
    g_assert_cmpuint(double_count_held(), ==, 3);
    g_assert_cmpuint(aio_queue_get_overdue(fixture->queue), ==, 1);

    double_release(1);
    for (unsigned i = 0; i < 3; i++) {
        wait_for(&adopters[i]);
        g_assert_cmpint(adopters[i].result.status, ==, AIO_OK);
        g_assert_cmpint(adopters[i].data[0], ==, 'z');
        g_assert_cmpint(adopters[i].data[511], ==, 'z');
        g_assert_cmpuint(adopters[i].result.started_us, ==, first.result.started_us);
    }
    g_assert_cmpuint(aio_queue_get_overdue(fixture->queue), ==, 0);
    g_assert_cmpuint(own.calls, ==, 0);
    double_open();
    wait_for(&own);
    wait_for(&other_range);
    g_assert_cmpuint(own.result.started_us, >, first.result.started_us);
}

/* A read that waits for its turn is answered by the one in front once that is overdue. */
static void test_adopt_while_pending(Fixture *fixture, gconstpointer data)
{
    Answer first[8] = { 0 };
    Answer adopter = { 0 };

    double_shut();
    for (unsigned i = 0; i < 8; i++)
        request_read(fixture->queue, fixture->device, i * 512, i == 0 ? SHORT_US : LONG_US, FALSE,
                     &first[i]);
    request_read(fixture->queue, fixture->device, 0, LONG_US, TRUE, &adopter);
    wait_for(&first[0]);
    g_assert_cmpuint(double_count_held(), ==, 8);
    double_release(1);
    wait_for(&adopter);
    g_assert_cmpuint(adopter.result.started_us, ==, first[0].result.started_us);
    g_assert_cmpuint(aio_double.submitted, ==, 8);
}

static void test_errors(Fixture *fixture, gconstpointer data)
{
    g_autoptr(BlockDevice) read_only = block_device_open(fixture->path, TRUE, NULL);
    AioWrite write = write_of(read_only, 0, 'x', LONG_US);
    Answer refused = { 0 };
    Answer beyond = { 0 };
    Answer fine = { 0 };

    request_write(fixture->queue, &write, &refused);
    request_read(fixture->queue, fixture->device, FILE_BYTES, LONG_US, FALSE, &beyond);
    request_read(fixture->queue, fixture->device, 0, LONG_US, FALSE, &fine);
    wait_for(&refused);
    wait_for(&beyond);
    wait_for(&fine);
    g_assert_cmpint(refused.result.status, ==, AIO_FAILED);
    g_assert_cmpint(refused.result.error_number, ==, EBADF);
    g_assert_cmpint(beyond.result.status, ==, AIO_SHORT);
    g_assert_cmpint(fine.result.status, ==, AIO_OK);
    g_assert_false(aio_write_in_flight(fixture->device, 0, 512));
}

static void test_submit_errors(Fixture *fixture, gconstpointer data)
{
    Answer answers[3] = { 0 };
    AioWrite write = write_of(fixture->device, 0, 'y', LONG_US);

    /* No room in the kernel, and nothing out whose end would make some. */
    aio_double.fail_next = -EAGAIN;
    request_write(fixture->queue, &write, &answers[0]);
    wait_for(&answers[0]);
    g_assert_cmpint(answers[0].result.status, ==, AIO_OK);
    g_assert_cmpuint(aio_double.calls, ==, 2);

    /* Only the first has the error. */
    aio_double.fail_next = -EIO;
    request_write(fixture->queue, &write, &answers[1]);
    request_read(fixture->queue, fixture->device, 0, LONG_US, FALSE, &answers[2]);
    wait_for(&answers[1]);
    wait_for(&answers[2]);
    g_assert_cmpint(answers[1].result.status, ==, AIO_FAILED);
    g_assert_cmpint(answers[1].result.error_number, ==, EIO);
    g_assert_false(answers[1].result.submitted);
    g_assert_cmpint(answers[2].result.status, ==, AIO_OK);
}

static void test_invalid(Fixture *fixture, gconstpointer data)
{
    AioWrite good = write_of(fixture->device, 4096, 'x', LONG_US);
    AioWrite rows[7];
    AioRead read = { .device = fixture->device, .offset = 100, .length = 512 };
    Answer answer = { 0 };

    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++)
        rows[i] = good;
    rows[0].length = 0;
    rows[1].length = 100;
    rows[2].offset = 4097;
    rows[3].offset = (guint64)G_MAXINT64 - 511;
    rows[4].fence_offset = 4608;
    rows[5].fence_length = 511;
    rows[6].fence_length = G_MAXUINT64 - 1;
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        Answer refused = { 0 };

        request_write(fixture->queue, &rows[i], &refused);
        wait_for(&refused);
        g_assert_cmpint(refused.result.status, ==, AIO_FAILED);
        g_assert_cmpint(refused.result.error_number, ==, EINVAL);
        g_assert_false(refused.result.submitted);
    }
    aio_queue_read(fixture->queue, &read, on_answer, &answer);
    wait_for(&answer);
    g_assert_cmpint(answer.result.error_number, ==, EINVAL);
    g_assert_cmpuint(aio_double.calls, ==, 0);
}

/* Of each kind: in flight, overdue, adopting, held back by the fence, not yet submitted, done. */
static void test_free(Fixture *fixture, gconstpointer data)
{
    AioWrite write = write_of(fixture->device, 0, 'f', LONG_US);
    Answer overdue = { 0 };
    Answer quiet[5] = { 0 };

    double_shut();
    request_read(fixture->queue, fixture->device, 0, SHORT_US, FALSE, &overdue);
    request_write(fixture->queue, &write, &quiet[0]);
    wait_for(&overdue);
    request_read(fixture->queue, fixture->device, 0, LONG_US, TRUE, &quiet[1]);
    request_write(fixture->queue, &write, &quiet[2]);
    run_idle();
    request_read(fixture->queue, fixture->device, 512, LONG_US, FALSE, &quiet[3]);
    request_read(fixture->queue, fixture->device, 1, LONG_US, FALSE, &quiet[4]);
    g_assert_cmpuint(double_count_held(), ==, 2);

    g_clear_pointer(&fixture->queue, aio_queue_free);
    run_idle();
    g_assert_cmpuint(aio_total_in_flight(), ==, 2);
    g_assert_true(aio_write_in_flight(fixture->device, 0, 512));
    double_open();
    g_assert_true(aio_reaper_wait(LONG_US));
    run_idle();
    g_assert_cmpint(letter_on_disk(fixture, 0), ==, 'f');
    for (unsigned i = 0; i < 5; i++)
        g_assert_cmpuint(quiet[i].calls, ==, 0);
}

static void on_answer_free(const AioResult *result, gpointer user_data)
{
    Fixture *fixture = user_data;

    g_clear_pointer(&fixture->queue, aio_queue_free);
    if (result->data != NULL)
        g_assert_cmpint(result->data[511], ==, 0);
}

static void test_free_in_callback(Fixture *fixture, gconstpointer data)
{
    AioRead read = { .device = fixture->device, .length = 512, .timeout_us = LONG_US };
    gboolean overdue = data != NULL;
    Answer quiet = { 0 };

    if (overdue) {
        double_shut();
        read.timeout_us = SHORT_US;
    }
    aio_queue_read(fixture->queue, &read, on_answer_free, fixture);
    request_read(fixture->queue, fixture->device, 0, read.timeout_us, FALSE, &quiet);
    while (fixture->queue != NULL)
        g_main_context_iteration(NULL, TRUE);
    run_idle();
    g_assert_cmpuint(quiet.calls, ==, 0);
}

/* A callback that asks for more is served without further ado, and may run the loop itself. */
static void on_answer_nested(const AioResult *result, gpointer user_data)
{
    Fixture *fixture = user_data;
    Answer answer = { 0 };

    request_read(fixture->queue, fixture->device, 512, LONG_US, FALSE, &answer);
    wait_for(&answer);
    g_assert_cmpint(answer.result.status, ==, AIO_OK);
    g_assert_cmpint(result->data[0], ==, 0);
    g_clear_pointer(&fixture->queue, aio_queue_free);
}

static void test_nested_loop(Fixture *fixture, gconstpointer data)
{
    AioRead read = { .device = fixture->device, .length = 512, .timeout_us = LONG_US };

    aio_queue_read(fixture->queue, &read, on_answer_nested, fixture);
    while (fixture->queue != NULL)
        g_main_context_iteration(NULL, TRUE);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *path;
        void (*test)(Fixture *fixture, gconstpointer data);
        const void *data;
    } rows[] = {
        { "/aio-queue/round-trip", test_round_trip, NULL },
        { "/aio-queue/timeout", test_timeout, NULL },
        { "/aio-queue/late-loop", test_late_loop, NULL },
        { "/aio-queue/adopt", test_adopt, NULL },
        { "/aio-queue/adopt-while-pending", test_adopt_while_pending, NULL },
        { "/aio-queue/errors", test_errors, NULL },
        { "/aio-queue/submit-errors", test_submit_errors, NULL },
        { "/aio-queue/invalid", test_invalid, NULL },
        { "/aio-queue/free", test_free, NULL },
        { "/aio-queue/free-in-callback", test_free_in_callback, NULL },
        { "/aio-queue/free-in-callback-overdue", test_free_in_callback, "overdue" },
        { "/aio-queue/nested-loop", test_nested_loop, NULL },
    };

    g_test_init(&argc, &argv, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
        g_test_add(rows[i].path, Fixture, rows[i].data, set_up, rows[i].test, tear_down);
    return g_test_run();
}
