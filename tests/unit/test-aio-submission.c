/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the I/O queue hands to the kernel, and when: fences, latest starts, windows and limits.
 */
#include "support/aio-fixture.h"

static void test_one_submit(Fixture *fixture, gconstpointer data)
{
    Answer answers[8] = { 0 };

    for (unsigned i = 0; i < 4; i++) {
        AioWrite write = write_of(fixture->device, i * 4096, 'b', LONG_US);

        request_write(fixture->queue, &write, &answers[2 * i]);
        request_read(fixture->queue, fixture->device, i * 4096, LONG_US, FALSE,
                     &answers[2 * i + 1]);
    }
    for (unsigned i = 0; i < 8; i++)
        wait_for(&answers[i]);
    g_assert_cmpuint(aio_double.calls, ==, 1);
    g_assert_cmpuint(aio_double.submitted, ==, 8);
}

/*
 * t0  A is handed over and hangs; t1 A is reported as timed out
 * t2  B, newer, into the same fence: held back, times out, was never started
 * t3  C waits for the fence; the storage answers A, then C goes; B never does
 */
static void test_fence(Fixture *fixture, gconstpointer data)
{
    AioWrite write = write_of(fixture->device, 0, 'A', 1000);
    guint64 opened_us;
    Answer a = { 0 };
    Answer b = { 0 };
    Answer c = { 0 };
    Answer other = { 0 };

    double_shut();
    write.timeout_us = SHORT_US;
    request_write(fixture->queue, &write, &a);
    wait_for(&a);
    g_assert_true(a.result.submitted);

    write = write_of(fixture->device, 512, 'B', SHORT_US);
    request_write(fixture->queue, &write, &b);
    wait_for(&b);
    g_assert_cmpint(b.result.status, ==, AIO_TIMED_OUT);
    g_assert_false(b.result.submitted);
    g_assert_cmpuint(aio_double.submitted, ==, 1);

    /* Nobody else has to wait. */
    write = write_of(fixture->device, 4096, 'D', LONG_US);
    request_write(fixture->queue, &write, &other);
    write = write_of(fixture->device, 0, 'C', LONG_US);
    request_write(fixture->queue, &write, &c);
    run_idle();
    g_assert_cmpuint(aio_double.submitted, ==, 2);
    g_assert_cmpuint(c.calls, ==, 0);

    opened_us = boottime_now();
    double_open();
    wait_for(&c);
    wait_for(&other);
    g_assert_cmpint(c.result.status, ==, AIO_OK);
    g_assert_cmpuint(c.result.started_us, >=, opened_us);
    g_assert_cmpuint(a.calls, ==, 1);
    g_assert_cmpuint(aio_double.submitted, ==, 3);
    g_assert_cmpint(letter_on_disk(fixture, 0), ==, 'C');
    g_assert_cmpint(letter_on_disk(fixture, 512), ==, 0);
    g_assert_cmpint(letter_on_disk(fixture, 4096), ==, 'D');
}

/* Writes of one queue into one fence land in the order in which they were asked for. */
static void test_fence_order(Fixture *fixture, gconstpointer data)
{
    Answer answers[6] = { 0 };

    double_shut();
    for (unsigned i = 0; i < 6; i++) {
        AioWrite write = write_of(fixture->device, 0, (char)('a' + i), LONG_US);

        request_write(fixture->queue, &write, &answers[i]);
    }
    for (unsigned i = 0; i < 6; i++) {
        run_idle();
        g_assert_cmpuint(double_count_held(), ==, 1);
        double_release(1);
        wait_for(&answers[i]);
        g_assert_cmpint(letter_on_disk(fixture, 0), ==, 'a' + (int)i);
        g_assert_cmpuint(i < 5 ? answers[i + 1].calls : 0, ==, 0);
    }
}

/* A wide fence waits for the first write; a narrow one behind it is free as such, yet must not go
 * first. */
static void test_no_overtaking(Fixture *fixture, gconstpointer data)
{
    AioWrite write = write_of(fixture->device, 0, 'a', LONG_US);
    Answer first = { 0 };
    Answer wide = { 0 };
    Answer narrow = { 0 };

    double_shut();
    request_write(fixture->queue, &write, &first);
    write = write_of(fixture->device, 4096, 'w', LONG_US);
    write.fence_offset = 0;
    write.fence_length = 8192;
    request_write(fixture->queue, &write, &wide);
    write = write_of(fixture->device, 4096, 'n', LONG_US);
    request_write(fixture->queue, &write, &narrow);
    run_idle();
    g_assert_cmpuint(double_count_held(), ==, 1);
    double_open();
    wait_for(&first);
    wait_for(&wide);
    wait_for(&narrow);
    g_assert_cmpint(letter_on_disk(fixture, 4096), ==, 'n');
}

/* The same storage by another path and another queue. */
static void test_fence_across_queues(Fixture *fixture, gconstpointer data)
{
    g_autofree char *alias = g_build_filename(fixture->directory, "alias", NULL);
    g_autoptr(AioQueue) other = aio_queue_new(NULL, 4, NULL);
    g_autoptr(BlockDevice) device = NULL;
    AioWrite write = write_of(fixture->device, 0, 'a', LONG_US);
    Answer a = { 0 };
    Answer b = { 0 };

    g_assert_cmpint(link(fixture->path, alias), ==, 0);
    device = block_device_open(alias, FALSE, NULL);
    double_shut();
    request_write(fixture->queue, &write, &a);
    run_idle();
    write = write_of(device, 0, 'b', LONG_US);
    request_write(other, &write, &b);
    run_idle();
    g_assert_cmpuint(double_count_held(), ==, 1);

    /* The first queue goes; its write does not. */
    g_clear_pointer(&fixture->queue, aio_queue_free);
    run_idle();
    g_assert_cmpuint(double_count_held(), ==, 1);
    g_assert_true(aio_write_in_flight(device, 0, 1));
    double_open();
    wait_for(&b);
    g_assert_cmpint(b.result.status, ==, AIO_OK);
    g_assert_cmpint(letter_on_disk(fixture, 0), ==, 'b');
    g_assert_cmpuint(a.calls, ==, 0);
    g_remove(alias);
}

/* Of three writes with one permit, the first is in the kernel when it is revoked: that one goes on,
 * the others never begin, and who writes there next comes after it. */
static void test_revoked_permit(Fixture *fixture, gconstpointer data)
{
    g_autoptr(WritePermit) permit = write_permit_new();
    AioWrite write = write_of(fixture->device, 0, 'a', LONG_US);
    Answer out = { 0 };
    Answer waiting = { 0 };
    Answer behind = { 0 };
    Answer next = { 0 };

    double_shut();
    write.permit = permit;
    request_write(fixture->queue, &write, &out);
    write = write_of(fixture->device, 0, 'b', LONG_US);
    write.permit = permit;
    request_write(fixture->queue, &write, &waiting);
    request_write(fixture->queue, &write, &behind);
    run_idle();
    g_assert_cmpuint(double_count_held(), ==, 1);

    write_permit_revoke(permit);
    write = write_of(fixture->device, 0, 'n', LONG_US);
    request_write(fixture->queue, &write, &next);
    wait_for(&waiting);
    wait_for(&behind);
    g_assert_cmpint(waiting.result.status, ==, AIO_TOO_LATE);
    g_assert_cmpint(behind.result.status, ==, AIO_TOO_LATE);
    g_assert_false(behind.result.submitted);
    g_assert_cmpuint(out.calls, ==, 0);
    g_assert_cmpuint(next.calls, ==, 0);

    double_open();
    wait_for(&out);
    wait_for(&next);
    g_assert_cmpint(out.result.status, ==, AIO_OK);
    g_assert_cmpint(letter_on_disk(fixture, 0), ==, 'n');
}

static void test_too_late(Fixture *fixture, gconstpointer data)
{
    AioWrite write = write_of(fixture->device, 0, 'a', LONG_US);
    Answer first = { 0 };
    Answer past = { 0 };
    Answer held = { 0 };
    guint64 start_by_us = boottime_now() + SHORT_US;

    write.start_by_us = boottime_now() - 1;
    request_write(fixture->queue, &write, &past);
    wait_for(&past);
    g_assert_cmpint(past.result.status, ==, AIO_TOO_LATE);
    g_assert_false(past.result.submitted);

    /* Held back by a fence until its time has passed: told at once, not at its deadline. */
    double_shut();
    write.start_by_us = TIME_NEVER;
    request_write(fixture->queue, &write, &first);
    write = write_of(fixture->device, 0, 'x', LONG_US);
    write.start_by_us = start_by_us;
    request_write(fixture->queue, &write, &held);
    wait_for(&held);
    g_assert_cmpint(held.result.status, ==, AIO_TOO_LATE);
    g_assert_cmpuint(held.result.ended_us, >, start_by_us);
    g_assert_cmpuint(aio_double.submitted, ==, 1);
    double_open();
    wait_for(&first);
    g_assert_cmpint(letter_on_disk(fixture, 0), ==, 'a');
}

/* From now on, so that a deadline set before by this much or less has passed. */
static void let_pass(guint64 duration_us)
{
    guint64 until_us = boottime_now() + duration_us;

    while (boottime_now() <= until_us)
        continue;
}

/* This thread was stopped between the call and io_submit. */
static void test_too_late_at_submission(Fixture *fixture, gconstpointer data)
{
    AioWrite write = write_of(fixture->device, 0, 'x', LONG_US);
    Answer answer = { 0 };
    Answer read = { 0 };

    write.start_by_us = boottime_now() + 1000;
    request_write(fixture->queue, &write, &answer);
    request_read(fixture->queue, fixture->device, 0, 1000, FALSE, &read);
    let_pass(1000);
    wait_for(&answer);
    wait_for(&read);
    g_assert_cmpint(answer.result.status, ==, AIO_TOO_LATE);
    g_assert_cmpint(read.result.status, ==, AIO_TIMED_OUT);
    g_assert_false(read.result.submitted);
    g_assert_cmpuint(aio_double.submitted, ==, 0);
}

typedef struct Stall {
    Fixture *fixture;
    Answer write;
    Answer read;
} Stall;

/* Runs after the queue has looked at its deadlines and before it submits. */
static void on_answer_stall(const AioResult *result, gpointer user_data)
{
    Stall *stall = user_data;
    AioWrite write = write_of(stall->fixture->device, 0, 'x', LONG_US);

    write.start_by_us = boottime_now() + 1000;
    request_write(stall->fixture->queue, &write, &stall->write);
    request_read(stall->fixture->queue, stall->fixture->device, 0, 1000, FALSE, &stall->read);
    let_pass(1000);
}

/* The last look is the one right before io_submit. */
static void test_too_late_in_run(Fixture *fixture, gconstpointer data)
{
    AioRead read = { .device = fixture->device, .length = 512, .timeout_us = LONG_US };
    Stall stall = { .fixture = fixture };

    aio_queue_read(fixture->queue, &read, on_answer_stall, &stall);
    wait_for(&stall.write);
    wait_for(&stall.read);
    g_assert_cmpint(stall.write.result.status, ==, AIO_TOO_LATE);
    g_assert_cmpint(stall.read.result.status, ==, AIO_TIMED_OUT);
    g_assert_cmpuint(aio_double.submitted, ==, 1);
}

static void test_overdue_limit(Fixture *fixture, gconstpointer data)
{
    g_autofree char *path = g_build_filename(fixture->directory, "other", NULL);
    g_autoptr(BlockDevice) other = open_file(path);
    Answer answers[AIO_OVERDUE_LIMIT + 1] = { 0 };
    Answer healthy = { 0 };
    Answer after = { 0 };

    double_shut();
    for (unsigned i = 0; i < AIO_OVERDUE_LIMIT; i++)
        request_read(fixture->queue, fixture->device, i * 512, SHORT_US, FALSE, &answers[i]);
    for (unsigned i = 0; i < AIO_OVERDUE_LIMIT; i++)
        wait_for(&answers[i]);
    g_assert_cmpuint(aio_queue_get_overdue(fixture->queue), ==, AIO_OVERDUE_LIMIT);

    request_read(fixture->queue, fixture->device, 8192, SHORT_US, FALSE,
                 &answers[AIO_OVERDUE_LIMIT]);
    wait_for(&answers[AIO_OVERDUE_LIMIT]);
    g_assert_cmpint(answers[AIO_OVERDUE_LIMIT].result.status, ==, AIO_TIMED_OUT);
    g_assert_false(answers[AIO_OVERDUE_LIMIT].result.submitted);
    g_assert_cmpuint(aio_double.submitted, ==, AIO_OVERDUE_LIMIT);

    /* Another storage of the same queue goes on. */
    request_read(fixture->queue, other, 0, LONG_US, FALSE, &healthy);
    run_idle();
    g_assert_cmpuint(double_count_held(), ==, AIO_OVERDUE_LIMIT + 1);

    /* One answer, one more. */
    request_read(fixture->queue, fixture->device, 8192, LONG_US, FALSE, &after);
    run_idle();
    g_assert_cmpuint(double_count_held(), ==, AIO_OVERDUE_LIMIT + 1);
    double_release_one_and_wait();
    run_idle();
    g_assert_cmpuint(double_count_held(), ==, AIO_OVERDUE_LIMIT + 1);
    double_open();
    wait_for(&healthy);
    wait_for(&after);
    g_assert_cmpint(after.result.status, ==, AIO_OK);
    g_remove(path);
}

/* Nothing that hangs ever has more out than every storage takes without blocking. */
static void test_window_on_hang(Fixture *fixture, gconstpointer data)
{
    Answer answers[40] = { 0 };
    unsigned submitted = 0;

    double_shut();
    for (unsigned i = 0; i < 40; i++)
        request_read(fixture->queue, fixture->device, i * 512, SHORT_US, FALSE, &answers[i]);
    for (unsigned i = 0; i < 40; i++) {
        wait_for(&answers[i]);
        g_assert_cmpint(answers[i].result.status, ==, AIO_TIMED_OUT);
        submitted += answers[i].result.submitted;
    }
    g_assert_cmpuint(submitted, ==, aio_double.submitted);
    g_assert_cmpuint(aio_double.most_out, <=, 8);
}

/* Storage that answers gets more at a time, until io_submit had to sleep once. */
static void test_window_growth(Fixture *fixture, gconstpointer data)
{
    static Answer answers[400];
    unsigned done = 0;

    memset(answers, 0, sizeof(answers));
    double_shut();
    aio_double.sleep_above = 20;
    for (unsigned i = 0; i < 400; i++)
        request_read(fixture->queue, fixture->device, i * 512, LONG_US, FALSE, &answers[i]);
    while (done < 400) {
        unsigned end;

        run_idle();
        end = done + double_count_held();
        g_assert_cmpuint(end, >, done);
        if (done >= 8 + 16 + 32)
            g_assert_cmpuint(end - done, ==, 8);
        double_release(DOUBLE_MAX);
        for (; done < end; done++)
            wait_for(&answers[done]);
    }
    /* 8, then 16, then 32 at once, which slept. */
    g_assert_cmpuint(aio_double.most_out, ==, 32);
}

/* With io_submit out of room the order of writes into one fence stays. */
static void test_order_after_retry(Fixture *fixture, gconstpointer data)
{
    Answer answers[8] = { 0 };

    aio_double.fail_next = -EAGAIN;
    for (unsigned i = 0; i < 8; i++) {
        AioWrite write = write_of(fixture->device, i / 2 * 4096, (char)('a' + i), LONG_US);

        request_write(fixture->queue, &write, &answers[i]);
    }
    for (unsigned i = 0; i < 8; i++)
        wait_for(&answers[i]);
    for (unsigned i = 0; i < 4; i++)
        g_assert_cmpint(letter_on_disk(fixture, i * 4096), ==, 'b' + 2 * (int)i);
}

static void test_depth(Fixture *fixture, gconstpointer data)
{
    g_autoptr(AioQueue) queue = aio_queue_new(NULL, 2, NULL);
    Answer answers[6] = { 0 };

    double_shut();
    for (unsigned i = 0; i < 6; i++)
        request_read(queue, fixture->device, i * 512, LONG_US, FALSE, &answers[i]);
    for (unsigned i = 0; i < 3; i++) {
        run_idle();
        g_assert_cmpuint(double_count_held(), ==, 2);
        double_release(2);
        wait_for(&answers[2 * i]);
        wait_for(&answers[2 * i + 1]);
    }
    g_assert_cmpuint(aio_double.most_out, ==, 2);
}

/* Two threads with a queue each, and writes whose fences collide all the time. */

#define STRESS_WRITES 2000
#define STRESS_OUT 12

typedef struct Stress {
    BlockDevice *device;
    AioQueue *queue;
    guint32 seed;
    unsigned asked;
    unsigned done;
} Stress;

static void stress_ask(Stress *stress);

static void on_stress_answer(const AioResult *result, gpointer user_data)
{
    Stress *stress = user_data;

    g_assert_cmpint(result->status, ==, AIO_OK);
    stress->done++;
    stress_ask(stress);
}

static void stress_ask(Stress *stress)
{
    guint8 sector[512] = { 0 };
    AioWrite write = { .device = stress->device,
                       .length = sizeof(sector),
                       .data = sector,
                       .timeout_us = LONG_US,
                       .start_by_us = TIME_NEVER };

    if (stress->asked == STRESS_WRITES)
        return;
    stress->asked++;
    stress->seed = stress->seed * 1664525 + 1013904223;
    write.offset = (stress->seed >> 16) % 64 * 512;
    write.fence_offset = write.offset / 4096 * 4096;
    write.fence_length = 4096;
    aio_queue_write(stress->queue, &write, on_stress_answer, stress);
}

static gpointer stress_main(gpointer data)
{
    Stress *stress = data;
    g_autoptr(GMainContext) context = g_main_context_new();

    stress->queue = aio_queue_new(context, 32, NULL);
    for (unsigned i = 0; i < STRESS_OUT; i++)
        stress_ask(stress);
    while (stress->done < STRESS_WRITES)
        g_main_context_iteration(context, TRUE);
    aio_queue_free(stress->queue);
    return NULL;
}

static void test_stress(Fixture *fixture, gconstpointer data)
{
    Stress stress[2] = { { .device = fixture->device, .seed = 1 },
                         { .device = fixture->device, .seed = 2 } };
    GThread *threads[2];

    for (unsigned i = 0; i < 2; i++)
        threads[i] = g_thread_new("stress", stress_main, &stress[i]);
    for (unsigned i = 0; i < 2; i++)
        g_thread_join(threads[i]);
    g_assert_cmpuint(stress[0].done + stress[1].done, ==, 2 * STRESS_WRITES);
    g_assert_cmpuint(aio_double.overlaps, ==, 0);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *path;
        void (*test)(Fixture *fixture, gconstpointer data);
        const void *data;
    } rows[] = {
        { "/aio-submission/one-submit", test_one_submit, NULL },
        { "/aio-submission/fence", test_fence, NULL },
        { "/aio-submission/fence-order", test_fence_order, NULL },
        { "/aio-submission/no-overtaking", test_no_overtaking, NULL },
        { "/aio-submission/fence-across-queues", test_fence_across_queues, NULL },
        { "/aio-submission/revoked-permit", test_revoked_permit, NULL },
        { "/aio-submission/too-late", test_too_late, NULL },
        { "/aio-submission/too-late-at-submission", test_too_late_at_submission, NULL },
        { "/aio-submission/too-late-in-run", test_too_late_in_run, NULL },
        { "/aio-submission/overdue-limit", test_overdue_limit, NULL },
        { "/aio-submission/window-on-hang", test_window_on_hang, NULL },
        { "/aio-submission/window-growth", test_window_growth, NULL },
        { "/aio-submission/order-after-retry", test_order_after_retry, NULL },
        { "/aio-submission/depth", test_depth, NULL },
        { "/aio-submission/stress", test_stress, NULL },
    };

    g_test_init(&argc, &argv, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
        g_test_add(rows[i].path, Fixture, rows[i].data, set_up, rows[i].test, tear_down);
    return g_test_run();
}
