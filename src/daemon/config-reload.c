/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/config-reload.h"

#include <gio/gio.h>

#include "common/bailiff-error.h"
#include "common/log-message.h"
#include "daemon/start-settings.h"
#include "dbus/manager-object.h"
#include "engine/records.h"

struct ConfigReload {
    BailiffEngine *engine;
    ServiceManager *manager;
    char *path;
    gboolean optional;
    char **at_start; /* the settings that count from the next start on, as they count now */
    char **pending;  /* those of which the configuration says something else by now */
    BailiffBusService *service; /* NULL before it is there */
    GCancellable *cancellable;
    gboolean running;
    gboolean reading; /* bailiffd.conf; the records are asked how far they are */
    GError *outcome;  /* of that; NULL: it counts */
    gulong records_handler;
    gboolean again;
    gboolean stopped;
    GPtrArray *callers; /* GTask: who waits for what is being read */
    GPtrArray *next;    /* who came after that was begun */
};

static void look(ConfigReload *self);

ConfigReload *config_reload_new(BailiffEngine *engine, ServiceManager *manager, const char *path,
                                gboolean optional, const ConfigFile *now)
{
    ConfigReload *self = g_new0(ConfigReload, 1);

    self->engine = engine;
    self->manager = manager;
    self->path = g_strdup(path);
    self->optional = optional;
    self->at_start = start_settings_of(now);
    self->pending = g_new0(char *, 1);
    self->cancellable = g_cancellable_new();
    self->callers = g_ptr_array_new_with_free_func(g_object_unref);
    self->next = g_ptr_array_new_with_free_func(g_object_unref);
    self->records_handler = g_signal_connect_swapped(bailiff_engine_get_records(engine), "loaded",
                                                     G_CALLBACK(look), self);
    return self;
}

/* `error` NULL: it counts. */
static void answer(GPtrArray *callers, const GError *error)
{
    for (guint i = 0; i < callers->len; i++) {
        if (error != NULL)
            g_task_return_error(callers->pdata[i], g_error_copy(error));
        else
            g_task_return_boolean(callers->pdata[i], TRUE);
    }
    g_ptr_array_unref(callers);
}

static GError *stopped_error(void)
{
    return bailiff_error_make(BAILIFF_ERROR_BUSY, "Try again when it has been started again.",
                              "bailiffd is shutting down.");
}

void config_reload_stop(ConfigReload *self)
{
    g_autoptr(GError) error = stopped_error();
    GPtrArray *callers = self->callers;
    GPtrArray *next = self->next;

    self->stopped = TRUE;
    g_cancellable_cancel(self->cancellable);
    self->callers = g_ptr_array_new_with_free_func(g_object_unref);
    self->next = g_ptr_array_new_with_free_func(g_object_unref);
    answer(callers, error);
    answer(next, error);
}

void config_reload_free(ConfigReload *self)
{
    if (self == NULL)
        return;
    config_reload_stop(self);
    g_signal_handler_disconnect(bailiff_engine_get_records(self->engine), self->records_handler);
    g_clear_error(&self->outcome);
    g_ptr_array_unref(self->callers);
    g_ptr_array_unref(self->next);
    g_object_unref(self->cancellable);
    g_free(self->path);
    g_strfreev(self->at_start);
    g_strfreev(self->pending);
    g_free(self);
}

/* What the thread has of its own: it may outlive the ConfigReload. */
typedef struct Reading {
    char *path;
    gboolean optional;
} Reading;

static void reading_free(gpointer data)
{
    Reading *reading = data;

    g_free(reading->path);
    g_free(reading);
}

static gpointer read_files(gpointer data)
{
    g_autoptr(GTask) task = data;
    const Reading *reading = g_task_get_task_data(task);
    GError *error = NULL;
    ConfigFile *file = config_file_load(reading->path, reading->optional, &error);

    if (file != NULL)
        g_task_return_pointer(task, file, (GDestroyNotify)config_file_free);
    else
        g_task_return_error(task, error);
    return NULL;
}

void config_reload_set_service(ConfigReload *self, BailiffBusService *service)
{
    self->service = service;
    bailiff_manager_object_set_pending_settings(service, self->pending);
}

static void take(ConfigReload *self, ConfigFile *file, GError **error)
{
    g_autofree char *names = NULL;

    if (file == NULL ||
        !bailiff_engine_set_failure_defaults(self->engine, file->failure_defaults, error))
        return;
    log_message(MESSAGE_CONFIGURATION_RELOADED, NULL,
                "The configuration was read again, and counts from now on.");
    g_strfreev(self->pending);
    self->pending = start_settings_changed(self->at_start, file);
    if (self->service != NULL)
        bailiff_manager_object_set_pending_settings(self->service, self->pending);
    names = g_strjoinv(", ", self->pending);
    if (*names != '\0')
        log_line(LOG_NOTICE, NULL, "What the configuration says of %s counts from the next start.",
                 names);
}

/* Both the configuration and the records were read: whoever waits is answered. */
static void conclude(ConfigReload *self)
{
    g_autoptr(GError) outcome = g_steal_pointer(&self->outcome);
    GPtrArray *callers = g_steal_pointer(&self->callers);

    self->running = FALSE;
    self->callers = g_steal_pointer(&self->next);
    self->next = g_ptr_array_new_with_free_func(g_object_unref);
    if (self->again) {
        self->again = FALSE;
        config_reload_start(self);
    } else {
        service_manager_ready(self->manager);
    }
    answer(callers, outcome);
}

static void look(ConfigReload *self)
{
    if (self->running && !self->reading && !self->stopped &&
        !bailiff_records_are_loading(bailiff_engine_get_records(self->engine)))
        conclude(self);
}

static void on_read(GObject *source, GAsyncResult *result, gpointer user_data)
{
    ConfigReload *self = user_data;
    g_autoptr(GError) error = NULL;
    g_autoptr(ConfigFile) file = g_task_propagate_pointer(G_TASK(result), &error);

    /* After the end of `self`, too. */
    if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
        return;
    take(self, file, &error);
    if (error != NULL) {
        log_message(MESSAGE_CONFIGURATION_REFUSED, NULL,
                    "The configuration is refused, and the one before it counts: %s",
                    error->message);
        g_prefix_error(&error, "The configuration is refused, and the one before it counts. ");
    }
    self->reading = FALSE;
    self->outcome = g_steal_pointer(&error);
    look(self);
}

void config_reload_start(ConfigReload *self)
{
    g_autoptr(GTask) task = NULL;
    g_autoptr(GThread) thread = NULL;
    Reading *reading;

    if (self->stopped)
        return;
    /* Each record by itself, and whatever becomes of the rest. */
    bailiff_records_reload(bailiff_engine_get_records(self->engine));
    service_manager_reloading(self->manager);
    if (self->running) {
        self->again = TRUE;
        return;
    }
    self->running = self->reading = TRUE;
    reading = g_new0(Reading, 1);
    reading->path = g_strdup(self->path);
    reading->optional = self->optional;
    task = g_task_new(NULL, self->cancellable, on_read, self);
    g_task_set_task_data(task, reading, reading_free);
    thread = g_thread_try_new("config-reload", read_files, g_object_ref(task), NULL);
    if (thread == NULL) {
        g_object_unref(task); /* the thread's */
        g_task_return_new_error(task, G_IO_ERROR, G_IO_ERROR_FAILED,
                                "No thread can be started to read it.");
    }
}

void config_reload_async(ConfigReload *self, GAsyncReadyCallback callback, gpointer user_data)
{
    g_autoptr(GTask) task = g_task_new(NULL, NULL, callback, user_data);

    g_task_set_source_tag(task, config_reload_async);
    if (self->stopped) {
        g_task_return_error(task, stopped_error());
        return;
    }
    g_ptr_array_add(self->running ? self->next : self->callers, g_object_ref(task));
    config_reload_start(self);
}

gboolean config_reload_finish(ConfigReload *self, GAsyncResult *result, GError **error)
{
    g_return_val_if_fail(g_task_is_valid(result, NULL), FALSE);
    return g_task_propagate_boolean(G_TASK(result), error);
}
