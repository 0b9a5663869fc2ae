/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A thread looks, as the path may lead anywhere; one that hangs is not followed by another.
 */
#include "engine/watchdog-lookout.h"

#include "common/bailiff-error.h"
#include "watchdog/watchdog-look.h"

#define AGAIN_SECONDS 5u

struct WatchdogLookout {
    WatchdogConfig config; /* its words are owned */
    WatchdogLookoutChanged changed;
    gpointer user_data;
    char *trouble;
    guint again_source;
    GCancellable *cancellable;
};

static void free_words(WatchdogConfig *config)
{
    g_free((char *)config->device);
    g_free((char *)config->socket);
}

static WatchdogConfig copy(const WatchdogConfig *config)
{
    WatchdogConfig ret = *config;

    ret.device = g_strdup(config->device);
    ret.socket = g_strdup(config->socket);
    return ret;
}

static void free_config(gpointer data)
{
    free_words(data);
    g_free(data);
}

static gboolean look_again(gpointer user_data);

static void set_trouble(WatchdogLookout *self, const GError *error)
{
    const char *trouble = error != NULL ? error->message : NULL;

    /* What only a guard can find out, no look can take back. */
    if (g_error_matches(error, BAILIFF_ERROR, BAILIFF_ERROR_NOT_FOUND) && self->again_source == 0)
        self->again_source = g_timeout_add_seconds(AGAIN_SECONDS, look_again, self);
    if (g_strcmp0(trouble, self->trouble) == 0)
        return;
    g_free(self->trouble);
    self->trouble = g_strdup(trouble);
    if (self->changed != NULL)
        self->changed(self->user_data);
}

static void on_looked(GObject *source, GAsyncResult *result, gpointer user_data)
{
    WatchdogLookout *self = user_data;
    g_autoptr(GError) error = NULL;

    g_task_propagate_boolean(G_TASK(result), &error);
    /* After the end of `self`, too. */
    if (!g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
        set_trouble(self, error);
}

static gpointer look_in_thread(gpointer data)
{
    g_autoptr(GTask) task = data;
    GError *error = NULL;

    if (watchdog_look(g_task_get_task_data(task), &error))
        g_task_return_boolean(task, TRUE);
    else
        g_task_return_error(task, error);
    return NULL;
}

static gboolean look_again(gpointer user_data)
{
    WatchdogLookout *self = user_data;
    g_autoptr(GTask) task = g_task_new(NULL, self->cancellable, on_looked, self);
    g_autoptr(GThread) thread = NULL;
    WatchdogConfig *config = g_new(WatchdogConfig, 1);

    *config = copy(&self->config);
    g_task_set_task_data(task, config, free_config);
    thread = g_thread_try_new("watchdog-look", look_in_thread, g_object_ref(task), NULL);
    if (thread == NULL) {
        g_object_unref(task); /* the thread's */
        return G_SOURCE_CONTINUE;
    }
    self->again_source = 0;
    return G_SOURCE_REMOVE;
}

WatchdogLookout *watchdog_lookout_new(const WatchdogConfig *config, WatchdogLookoutChanged changed,
                                      gpointer user_data)
{
    WatchdogLookout *self = g_new0(WatchdogLookout, 1);
    g_autoptr(GError) error = NULL;

    self->config = copy(config);
    self->cancellable = g_cancellable_new();
    (void)watchdog_look(config, &error);
    set_trouble(self, error);
    self->changed = changed;
    self->user_data = user_data;
    return self;
}

void watchdog_lookout_free(WatchdogLookout *self)
{
    if (self == NULL)
        return;
    g_cancellable_cancel(self->cancellable);
    g_object_unref(self->cancellable);
    if (self->again_source != 0)
        g_source_remove(self->again_source);
    free_words(&self->config);
    g_free(self->trouble);
    g_free(self);
}

const char *watchdog_lookout_get_trouble(WatchdogLookout *self)
{
    return self->trouble;
}

void watchdog_lookout_note(WatchdogLookout *self, const GError *error)
{
    /* It knows more than a look from before. */
    g_cancellable_cancel(self->cancellable);
    g_object_unref(self->cancellable);
    self->cancellable = g_cancellable_new();
    g_clear_handle_id(&self->again_source, g_source_remove);
    set_trouble(self, error);
}
