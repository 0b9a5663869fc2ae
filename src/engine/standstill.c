/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Waiting for the end of all I/O.
 */
#include "engine/standstill.h"

#include "base/checked-time.h"
#include "blockio/io-gate.h"
#include "common/bailiff-error.h"
#include "common/boottime.h"
#include "engine/engine-private.h"
#include "engine/registration-private.h"

#define POLL_MS 2

static void save_all(BailiffEngine *engine)
{
    g_autoptr(GPtrArray) registrations = bailiff_engine_list_registrations(engine);

    for (guint i = 0; i < registrations->len; i++)
        bailiff_registration_save_pending(registrations->pdata[i]);
}

static gboolean on_poll(gpointer user_data)
{
    GTask *task = user_data;
    const guint64 *until_us = g_task_get_task_data(task);

    if (io_gate_is_quiet()) {
        BailiffEngine *engine = g_task_get_source_object(task);

        save_all(engine);
        void_records_remove_all(bailiff_engine_get_void_records(engine));
        g_task_return_boolean(task, TRUE);
        return G_SOURCE_REMOVE;
    }
    if (boottime_now() < *until_us)
        return G_SOURCE_CONTINUE;
    io_gate_open();
    g_task_return_error(
        task,
        bailiff_error_make(BAILIFF_ERROR_BUSY,
                           "Look for lockspaces that are late (bailiffctl status) and at "
                           "their storage; then try again. This bailiffd goes on with all that "
                           "it has.",
                           "Storage that bailiffd has asked for something does not answer "
                           "at the moment."));
    return G_SOURCE_REMOVE;
}

void standstill_async(BailiffEngine *engine, GAsyncReadyCallback callback, gpointer user_data)
{
    GTask *task = g_task_new(engine, NULL, callback, user_data);
    guint64 until_us = time_add(boottime_now(), STANDSTILL_LIMIT_US);

    g_task_set_task_data(task, g_memdup2(&until_us, sizeof until_us), g_free);
    io_gate_close();
    g_timeout_add_full(G_PRIORITY_HIGH, POLL_MS, on_poll, task, g_object_unref);
}

gboolean standstill_finish(GAsyncResult *result, GError **error)
{
    return g_task_propagate_boolean(G_TASK(result), error);
}

void standstill_end(void)
{
    io_gate_open();
}
