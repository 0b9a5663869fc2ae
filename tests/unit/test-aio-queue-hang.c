/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The I/O queue on storage that really hangs: a file of a FUSE server whose source is stopped (see
 * hanging-store.sh). What is proven here is what a stand-in for the kernel cannot: that io_submit
 * and the freeing of a queue do not block, and that late I/O finds its memory. The storage goes on
 * only when the test says so (or after a limit, which then fails the test), so whatever is seen
 * before that was seen while it hung.
 */
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "blockio/aio-queue.h"
#include "blockio/aio-reaper.h"
#include "blockio/aligned-buffer.h"
#include "common/boottime.h"

#define LONG_US (600 * USEC_PER_SECOND)
#define SHORT_US (200 * 1000)
#define MANY 40u

typedef struct Answer {
    unsigned calls;
    AioResult result;
    guint8 first;
    guint8 last;
} Answer;

typedef struct Fixture {
    char *directory;
    BlockDevice *device;
    AioQueue *queue;
    gboolean hangs;
} Fixture;

/* The exit status of hanging-store.sh with these arguments; what it prints in `ret_text`. */
static int run_store(char **ret_text, const char *verb, const char *argument, const char *second)
{
    g_autofree char *script =
        g_test_build_filename(G_TEST_DIST, "..", "support", "hanging-store.sh", NULL);
    g_autofree char *owner = g_strdup_printf("%d", (int)getpid());
    const char *command[] = { script, verb, argument, second, NULL, NULL };
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;
    int status = -1;

    if (g_str_equal(verb, "start"))
        command[4] = owner;
    g_spawn_sync(NULL, (char **)command, NULL, G_SPAWN_DEFAULT, NULL, NULL, &text, NULL, &status,
                 &error);
    g_assert_no_error(error);
    if (ret_text != NULL)
        *ret_text = g_strchomp(g_steal_pointer(&text));
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void set_up(Fixture *fixture, gconstpointer data)
{
    g_autofree char *path = NULL;
    g_autoptr(GError) error = NULL;

    fixture->directory = g_strdup("/var/tmp/bailiff-blockio-XXXXXX");
    g_assert_nonnull(g_mkdtemp(fixture->directory));
    g_assert_cmpint(run_store(&path, "start", fixture->directory, "1M"), ==, 0);
    fixture->device = block_device_open(path, FALSE, &error);
    g_assert_no_error(error);
    fixture->queue = aio_queue_new(NULL, 64, &error);
    g_assert_no_error(error);
}

static void hang(Fixture *fixture)
{
    g_assert_cmpint(run_store(NULL, "hang", fixture->directory, NULL), ==, 0);
    fixture->hangs = TRUE;
}

/* Fails when the hang came to its limit: what was seen in between may then have been blocked. */
static void resume(Fixture *fixture)
{
    g_autofree char *limit = g_build_filename(fixture->directory, "limit.pid", NULL);

    g_assert_true(g_file_test(limit, G_FILE_TEST_EXISTS));
    g_assert_cmpint(run_store(NULL, "resume", fixture->directory, NULL), ==, 0);
    fixture->hangs = FALSE;
}

static void remove_in(const Fixture *fixture, const char *name)
{
    g_autofree char *path = g_build_filename(fixture->directory, name, NULL);

    g_remove(path);
}

static void tear_down(Fixture *fixture, gconstpointer data)
{
    static const char *const names[] = { "mnt/disk", "mnt", "disk", "nbdkit.log", "nbdfuse.log" };

    if (fixture->hangs)
        resume(fixture);
    g_clear_pointer(&fixture->queue, aio_queue_free);
    g_assert_true(aio_reaper_wait(LONG_US));
    g_assert_cmpuint(aio_total_in_flight(), ==, 0);
    g_assert_cmpuint(aligned_buffer_get_taken(), ==, 0);
    g_assert_false(aio_write_in_flight(fixture->device, 0, G_MAXUINT64));
    block_device_unref(fixture->device);
    g_assert_cmpint(run_store(NULL, "stop", fixture->directory, NULL), ==, 0);
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
        remove_in(fixture, names[i]);
    g_assert_cmpint(g_rmdir(fixture->directory), ==, 0);
    g_free(fixture->directory);
}

static void on_answer(const AioResult *result, gpointer user_data)
{
    Answer *answer = user_data;

    answer->calls++;
    answer->result = *result;
    if (result->data != NULL) {
        answer->first = result->data[0];
        answer->last = result->data[511];
    }
}

static void request_read(Fixture *fixture, guint64 offset, guint64 timeout_us,
                         gboolean adopt_overdue, Answer *answer)
{
    AioRead read = { .device = fixture->device,
                     .offset = offset,
                     .length = 512,
                     .timeout_us = timeout_us,
                     .adopt_overdue = adopt_overdue };

    aio_queue_read(fixture->queue, &read, on_answer, answer);
}

static void request_write(Fixture *fixture, guint64 offset, char letter, guint64 timeout_us,
                          Answer *answer)
{
    guint8 sector[512];
    AioWrite write = { .device = fixture->device,
                       .offset = offset,
                       .length = sizeof(sector),
                       .data = sector,
                       .timeout_us = timeout_us,
                       .start_by_us = TIME_NEVER,
                       .fence_offset = offset,
                       .fence_length = sizeof(sector) };

    memset(sector, letter, sizeof(sector));
    aio_queue_write(fixture->queue, &write, on_answer, answer);
}

static void wait_for(const Answer *answer)
{
    while (answer->calls == 0)
        g_main_context_iteration(NULL, TRUE);
    g_assert_cmpuint(answer->calls, ==, 1);
}

static void assert_timed_out(const Answer *answer, gboolean submitted)
{
    g_assert_cmpint(answer->result.status, ==, AIO_TIMED_OUT);
    g_assert_cmpint(answer->result.submitted, ==, submitted);
    g_assert_cmpuint(answer->result.ended_us, >=, answer->result.started_us);
}

/* The bytes behind the back of the store. */
static void assert_sector(const Fixture *fixture, guint64 offset, char letter)
{
    g_autofree char *path = g_build_filename(fixture->directory, "disk", NULL);
    guint8 sector[512];
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    g_assert_cmpint(pread(fd, sector, sizeof(sector), (off_t)offset), ==, sizeof(sector));
    for (gsize i = 0; i < sizeof(sector); i++)
        g_assert_cmpint(sector[i], ==, letter);
    close(fd);
}

/* Overwrites whatever the pool would hand out: memory of I/O in flight is not among it. */
static void scribble_over_free_buffers(void)
{
    guint8 *buffers[64];

    for (gsize i = 0; i < G_N_ELEMENTS(buffers); i++) {
        buffers[i] = aligned_buffer_take(512);
        memset(buffers[i], '!', 4096);
    }
    for (gsize i = 0; i < G_N_ELEMENTS(buffers); i++)
        aligned_buffer_give(buffers[i], 512);
}

static void test_timeouts(Fixture *fixture, gconstpointer data)
{
    Answer a = { 0 };
    Answer b = { 0 };
    Answer c = { 0 };
    Answer read = { 0 };
    Answer adopter = { 0 };

    hang(fixture);
    request_write(fixture, 0, 'A', SHORT_US, &a);
    request_read(fixture, 4096, SHORT_US, FALSE, &read);
    wait_for(&a);
    wait_for(&read);
    assert_timed_out(&a, TRUE);
    assert_timed_out(&read, TRUE);
    g_assert_cmpuint(aio_queue_get_overdue(fixture->queue), ==, 2);

    request_write(fixture, 0, 'B', SHORT_US, &b);
    wait_for(&b);
    assert_timed_out(&b, FALSE);
    g_assert_cmpuint(aio_total_in_flight(), ==, 2);

    request_write(fixture, 0, 'C', LONG_US, &c);
    request_read(fixture, 4096, LONG_US, TRUE, &adopter);
    scribble_over_free_buffers();
    resume(fixture);
    wait_for(&c);
    wait_for(&adopter);
    g_assert_cmpint(c.result.status, ==, AIO_OK);
    g_assert_cmpint(adopter.result.status, ==, AIO_OK);
    g_assert_cmpuint(adopter.result.started_us, ==, read.result.started_us);
    g_assert_cmpint(adopter.first + adopter.last, ==, 0);
    g_assert_cmpuint(aio_queue_get_overdue(fixture->queue), ==, 0);
    g_assert_cmpuint(a.calls + b.calls + read.calls, ==, 3);
    assert_sector(fixture, 0, 'C');
}

/* The device's own queue holds 12; the 13th io_submit would not return before the storage does. */
static void test_many(Fixture *fixture, gconstpointer data)
{
    Answer answers[MANY] = { 0 };
    Answer more = { 0 };
    unsigned submitted = 0;

    hang(fixture);
    for (unsigned i = 0; i < MANY; i++) {
        if (i % 2 == 0)
            request_read(fixture, i * 512, SHORT_US, FALSE, &answers[i]);
        else
            request_write(fixture, i * 512, 'm', SHORT_US, &answers[i]);
    }
    for (unsigned i = 0; i < MANY; i++) {
        wait_for(&answers[i]);
        assert_timed_out(&answers[i], answers[i].result.submitted);
        submitted += answers[i].result.submitted;
    }
    g_assert_cmpuint(submitted, >=, AIO_OVERDUE_LIMIT);
    g_assert_cmpuint(submitted, <, 12);
    g_assert_cmpuint(aio_total_in_flight(), ==, submitted);

    request_read(fixture, 0, SHORT_US, FALSE, &more);
    wait_for(&more);
    assert_timed_out(&more, FALSE);

    resume(fixture);
    while (aio_total_in_flight() > 0)
        g_main_context_iteration(NULL, TRUE);
    for (unsigned i = 0; i < MANY; i++)
        assert_sector(fixture, i * 512, i % 2 == 1 && answers[i].result.submitted ? 'm' : 0);
}

/* Also once the window has grown on healthy storage, past what the device's queue holds. */
static void test_many_after_growth(Fixture *fixture, gconstpointer data)
{
    static Answer answers[2000];
    Answer hung[MANY] = { 0 };
    unsigned submitted = 0;

    memset(answers, 0, sizeof(answers));
    for (unsigned i = 0; i < G_N_ELEMENTS(answers); i++)
        request_read(fixture, i * 512, LONG_US, FALSE, &answers[i]);
    for (unsigned i = 0; i < G_N_ELEMENTS(answers); i++)
        wait_for(&answers[i]);

    hang(fixture);
    for (unsigned i = 0; i < MANY; i++)
        request_read(fixture, i * 512, SHORT_US, FALSE, &hung[i]);
    for (unsigned i = 0; i < MANY; i++) {
        wait_for(&hung[i]);
        submitted += hung[i].result.submitted;
    }
    g_test_message("%u of %u reads were handed to the kernel", submitted, MANY);
    g_assert_cmpuint(submitted, <=, 12);
}

static void test_free(Fixture *fixture, gconstpointer data)
{
    Answer answers[3] = { 0 };
    g_autoptr(AioQueue) other = NULL;

    hang(fixture);
    request_write(fixture, 0, 'F', SHORT_US, &answers[0]);
    wait_for(&answers[0]);
    request_write(fixture, 512, 'G', LONG_US, &answers[1]);
    request_write(fixture, 0, 'H', LONG_US, &answers[2]);
    while (aio_total_in_flight() < 2)
        g_main_context_iteration(NULL, TRUE);

    g_clear_pointer(&fixture->queue, aio_queue_free);
    g_assert_cmpuint(aio_total_in_flight(), ==, 2);
    g_assert_true(aio_write_in_flight(fixture->device, 0, 1024));
    g_assert_false(aio_reaper_wait(0));

    /* The next queue of this process has to wait for it, too. */
    fixture->queue = aio_queue_new(NULL, 4, NULL);
    request_write(fixture, 512, 'I', LONG_US, &answers[2]);
    g_main_context_iteration(NULL, FALSE);
    g_assert_cmpuint(aio_total_in_flight(), ==, 2);
    scribble_over_free_buffers();
    resume(fixture);
    wait_for(&answers[2]);
    g_assert_true(aio_reaper_wait(LONG_US));
    g_assert_cmpuint(answers[0].calls, ==, 1);
    g_assert_cmpuint(answers[1].calls, ==, 0);
    assert_sector(fixture, 0, 'F');
    assert_sector(fixture, 512, 'I');
}

static void test_errors(Fixture *fixture, gconstpointer data)
{
    static const char *const verbs[] = { "fail-reads", "fail-writes" };

    for (gsize failing = 0; failing < G_N_ELEMENTS(verbs); failing++) {
        Answer answers[2] = { 0 };

        g_assert_cmpint(run_store(NULL, verbs[failing], fixture->directory, "on"), ==, 0);
        request_read(fixture, 0, LONG_US, FALSE, &answers[0]);
        request_write(fixture, 512, 'e', LONG_US, &answers[1]);
        wait_for(&answers[0]);
        wait_for(&answers[1]);
        g_assert_cmpint(answers[failing].result.status, ==, AIO_FAILED);
        g_assert_cmpint(answers[failing].result.error_number, ==, EIO);
        g_assert_cmpint(answers[1 - failing].result.status, ==, AIO_OK);
        g_assert_cmpint(run_store(NULL, verbs[failing], fixture->directory, "off"), ==, 0);
    }
}

int main(int argc, char **argv)
{
    g_autofree char *reason = NULL;

    g_test_init(&argc, &argv, NULL);
    if (run_store(&reason, "check", NULL, NULL) != 0) {
        g_print("1..0 # SKIP no storage that hangs: %s\n", reason);
        return 0; /* TAP says the rest */
    }
    g_test_add("/aio-queue-hang/timeouts", Fixture, NULL, set_up, test_timeouts, tear_down);
    g_test_add("/aio-queue-hang/many", Fixture, NULL, set_up, test_many, tear_down);
    g_test_add("/aio-queue-hang/many-after-growth", Fixture, NULL, set_up, test_many_after_growth,
               tear_down);
    g_test_add("/aio-queue-hang/free", Fixture, NULL, set_up, test_free, tear_down);
    g_test_add("/aio-queue-hang/errors", Fixture, NULL, set_up, test_errors, tear_down);
    return g_test_run();
}
