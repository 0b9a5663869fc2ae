/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Registrations that may be anybody; see the header.
 */
#include "engine/unknown-holders.h"

#include "common/boottime-timer.h"
#include "common/boottime.h"
#include "common/log-message.h"
#include "engine/engine-private.h"
#include "engine/forsaken.h"
#include "engine/held-record.h"
#include "engine/resource-private.h"

#define LOOK_US (2 * USEC_PER_SECOND)

struct UnknownHolders {
    BailiffEngine *engine;
    GArray *unmarked;     /* of guint64: missing, and nothing could be put into their places yet */
    GPtrArray *resources; /* that may be used by some */
    BoottimeTimer *timer;
};

static void mark(UnknownHolders *self)
{
    for (guint i = self->unmarked->len; i-- > 0;) {
        guint64 id = g_array_index(self->unmarked, guint64, i);
        g_autoptr(GError) error = NULL;

        if (held_record_mark_missing(bailiff_engine_get_runtime_dir(self->engine), id, &error))
            g_array_remove_index_fast(self->unmarked, i);
        else
            log_message(MESSAGE_RECORD_FAILED, LOG_SUBJECT(.registration = id), "%s",
                        error->message);
    }
}

static void on_look(gpointer user_data)
{
    UnknownHolders *self = user_data;
    const char *runtime_dir = bailiff_engine_get_runtime_dir(self->engine);
    g_autoptr(GPtrArray) list = NULL;
    gboolean any;

    /* Of another directory in its place nobody has removed anything. */
    if (!bailiff_engine_check_runtime_dir(self->engine, NULL)) {
        boottime_timer_set(self->timer, time_add(boottime_now(), LOOK_US));
        return;
    }
    list = g_steal_pointer(&self->resources);
    self->resources = g_ptr_array_new_with_free_func(g_object_unref);
    for (guint i = 0; i < list->len; i++)
        if (!bailiff_resource_acknowledge(list->pdata[i], runtime_dir, self->unmarked))
            g_ptr_array_add(self->resources, g_object_ref(list->pdata[i]));
    any = forsaken_acknowledge(bailiff_engine_get_forsaken(self->engine), self->unmarked);
    mark(self);
    if (any || self->resources->len > 0 || self->unmarked->len > 0)
        boottime_timer_set(self->timer, time_add(boottime_now(), LOOK_US));
}

UnknownHolders *unknown_holders_new(BailiffEngine *engine)
{
    UnknownHolders *self = g_new0(UnknownHolders, 1);

    self->engine = engine;
    self->unmarked = g_array_new(FALSE, FALSE, sizeof(guint64));
    self->resources = g_ptr_array_new_with_free_func(g_object_unref);
    self->timer = boottime_timer_new(on_look, self);
    boottime_timer_set(self->timer, time_add(boottime_now(), LOOK_US));
    return self;
}

void unknown_holders_free(UnknownHolders *self)
{
    boottime_timer_free(self->timer);
    g_array_unref(self->unmarked);
    g_ptr_array_unref(self->resources);
    g_free(self);
}

void unknown_holders_add_missing(UnknownHolders *self, guint64 id)
{
    g_array_append_val(self->unmarked, id);
    mark(self);
}

void unknown_holders_watch(UnknownHolders *self, BailiffResource *resource)
{
    g_ptr_array_add(self->resources, g_object_ref(resource));
}
