/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The thread's end or the time limit, whichever comes first, answers with what is known then. A
 * thread that is stuck keeps its place among STORAGE_CHECKS_MAX until the storage lets go of it.
 */
#include "engine/storage-check.h"

#include "base/checked-time.h"
#include "blockio/io-gate.h"
#include "common/bailiff-error.h"
#include "common/boottime-timer.h"
#include "common/boottime.h"
#include "engine/area-job.h"
#include "engine/name-error.h"
#include "engine/storage-verdict.h"
#include "ondisk/layout.h"

/* The main context's, but for the probe. */
typedef struct StorageCheck {
    GTask *task; /* NULL once answered */
    StorageProbe *probe;
    guint64 offset;
    BoottimeTimer *timer; /* the time limit */
} StorageCheck;

static guint under_way;

static void answer(StorageCheck *check)
{
    g_autoptr(GTask) task = g_steal_pointer(&check->task);
    g_auto(StorageFacts) facts = { 0 };

    storage_probe_stop(check->probe);
    g_clear_pointer(&check->timer, boottime_timer_free);
    if (task == NULL)
        return;
    storage_probe_get_facts(check->probe, &facts);
    if (g_error_matches(facts.open_error, BAILIFF_ERROR, BAILIFF_ERROR_NOT_FOUND) ||
        g_error_matches(facts.open_error, BAILIFF_ERROR, BAILIFF_ERROR_INVALID_ARGUMENT))
        g_task_return_error(task, g_error_copy(facts.open_error));
    else
        g_task_return_pointer(
            task, g_variant_ref_sink(storage_verdict(&facts, check->offset, boottime_now())),
            (GDestroyNotify)g_variant_unref);
}

static void on_limit(gpointer data)
{
    answer(data);
}

static void check_free(StorageCheck *check)
{
    g_clear_pointer(&check->timer, boottime_timer_free);
    g_clear_object(&check->task);
    storage_probe_free(check->probe);
    g_free(check);
}

static gboolean on_ended(gpointer data)
{
    StorageCheck *check = data;

    under_way--;
    answer(check);
    check_free(check);
    return G_SOURCE_REMOVE;
}

static gpointer probe_thread(gpointer data)
{
    StorageCheck *check = data;
    g_autoptr(GSource) source = g_idle_source_new();

    io_gate_wait_and_enter();
    storage_probe_run(check->probe);
    io_gate_leave();
    g_source_set_priority(source, G_PRIORITY_DEFAULT);
    g_source_set_callback(source, on_ended, check, NULL);
    g_source_attach(source, NULL);
    return NULL;
}

static gboolean check_arguments(const char *path, guint64 offset, GError **error)
{
    const Layout smallest = { .sector_size = SECTOR_SIZE_MIN, .align_size = 1u << 20 };

    if (!bailiff_check_path(path, error))
        return FALSE;
    if (!layout_offset_ok(&smallest, offset)) {
        bailiff_set_error(
            error, BAILIFF_ERROR_INVALID_ARGUMENT, "Use the offset that leases are to have.",
            "Offset %" G_GUINT64_FORMAT " is not a multiple of 512 bytes, or too large.", offset);
        return FALSE;
    }
    if (under_way >= STORAGE_CHECKS_MAX) {
        bailiff_set_error(error, BAILIFF_ERROR_BUSY,
                          "Wait until they have ended; see whether their storage answers.",
                          "%u looks at storage are under way.", under_way);
        return FALSE;
    }
    return TRUE;
}

void storage_check_async(const char *path, guint64 offset, guint seconds,
                         GAsyncReadyCallback callback, gpointer user_data)
{
    g_autoptr(GTask) task = g_task_new(NULL, NULL, callback, user_data);
    GError *error = NULL;
    StorageCheck *check;
    GThread *thread;

    if (!check_arguments(path, offset, &error)) {
        g_task_return_error(task, error);
        return;
    }
    check = g_new0(StorageCheck, 1);
    check->probe = storage_probe_new(path, offset, time_from_seconds(seconds));
    check->offset = offset;
    check->task = g_object_ref(task);
    check->timer = boottime_timer_new(on_limit, check);
    boottime_timer_set(
        check->timer,
        time_add(boottime_now(), time_from_seconds((guint64)seconds + AREA_READ_TIMEOUT_SECONDS)));
    thread = g_thread_try_new("bailiff-check", probe_thread, check, &error);
    if (thread == NULL) {
        g_task_return_error(task, bailiff_error_make(BAILIFF_ERROR_IO_ERROR,
                                                     "See what uses up the host's threads.",
                                                     "There is no thread: %s.", error->message));
        g_error_free(error);
        check_free(check);
        return;
    }
    under_way++;
    g_thread_unref(thread);
}

GVariant *storage_check_finish(GAsyncResult *result, GError **error)
{
    return g_task_propagate_pointer(G_TASK(result), error);
}
