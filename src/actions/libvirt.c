/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libvirt on the bus: whose name it is, its events and its signs of life, for as long as a domain
 * is registered. On a host without one nothing is asked and nothing is started.
 *
 * Events come by themselves only from a libvirt-dbus that has been called since it, and the
 * libvirtd behind it, were started (test-environment facts, section 4, hazard 1). ListDomains is
 * that call: at the start, when the name has a new owner, and as a heartbeat. An event is never
 * believed as it is: it is a reason to ask.
 */
#include "actions/libvirt-domain.h"

#include <string.h>

#include "base/checked-time.h"
#include "common/boottime-timer.h"
#include "common/boottime.h"
#include "common/log-message.h"

#define BUS_NAME "org.libvirt"

/* How long libvirt can be without events before it is noticed; a domain that was paused and is
 * resumed unseen runs without a lease for that long. */
#define HEARTBEAT_US (10 * USEC_PER_SECOND)
#define HEARTBEAT_QUICK_US (2 * USEC_PER_SECOND)
/* After its end; one that ends as soon as it was started is not to be started all the time. */
#define HEARTBEAT_SOON_US USEC_PER_SECOND

/* virDomainEventType */
enum { EVENT_STARTED = 2, EVENT_RESUMED = 4 };

#define UUID_LENGTH 36

struct _BailiffLibvirt {
    GObject parent_instance;
    char *driver;
    char *run_dir;
    LibvirtCalls *calls;
    GDBusConnection *bus;
    guint name_watch, event_subscription;
    GFileMonitor *run_dir_monitor;
    BoottimeTimer *heartbeat;
    gboolean heartbeat_out;   /* a ListDomains has not been answered */
    guint64 adrift_then;      /* calls adrift below this number are over when it is */
    GCancellable *heartbeats; /* cancelled when nobody is interested any more */

    GPtrArray *watches; /* of LibvirtWatch, borrowed; some are NULL while news are told */
    guint n_quick;
    guint telling;          /* depth of tell() */
    GPtrArray *ended_calls; /* uuids, of which the main loop tells next */
    guint tell_ended_calls;
    GPtrArray *settling; /* of Settling */
};

struct LibvirtWatch {
    BailiffLibvirt *libvirt;
    char *uuid;
    char *pid_file; /* the name of the file alone */
    gboolean quick;
    LibvirtNewsFunc func;
    gpointer user_data;
};

/* Somebody waits for the end of changes. */
typedef struct Settling {
    char *uuid;
    guint methods;
    GTask *task;
    GSource *cancelled;
    BailiffLibvirt *libvirt;
} Settling;

G_DEFINE_TYPE(BailiffLibvirt, bailiff_libvirt, G_TYPE_OBJECT)

static void end_watching(BailiffLibvirt *self);

/* --- news ----------------------------------------------------------------------------------------
 */

/* Whoever is told may end its watch, or that of others. */
static void tell(BailiffLibvirt *self, const char *uuid, const char *pid_file, LibvirtNews news)
{
    g_autoptr(BailiffLibvirt) alive = g_object_ref(self);
    guint n = self->watches->len;

    self->telling++;
    for (guint i = 0; i < n; i++) {
        LibvirtWatch *watch = self->watches->pdata[i];

        if (watch != NULL && (uuid == NULL || g_str_equal(watch->uuid, uuid)) &&
            (pid_file == NULL || g_str_equal(watch->pid_file, pid_file)))
            watch->func(news, watch->user_data);
    }
    if (--self->telling > 0)
        return;
    while (g_ptr_array_remove(self->watches, NULL))
        ;
    if (self->watches->len == 0)
        end_watching(self);
}

static void on_domain_event(GDBusConnection *bus, const char *sender, const char *path,
                            const char *interface, const char *member, GVariant *arguments,
                            gpointer user_data)
{
    BailiffLibvirt *self = user_data;
    const char *domain, *uuid;
    g_autofree char *normal = NULL;
    int event;

    if (!g_variant_is_of_type(arguments, G_VARIANT_TYPE("(oii)")))
        return;
    g_variant_get(arguments, "(&oii)", &domain, &event, NULL);
    uuid = strrchr(domain, '_') != NULL ? strstr(domain, "/domain/_") : NULL;
    if (uuid == NULL || strlen(uuid) != strlen("/domain/_") + UUID_LENGTH)
        return;
    normal = g_ascii_strdown(uuid + strlen("/domain/_"), -1);
    g_strdelimit(normal, "_", '-');
    if (event == EVENT_STARTED || event == EVENT_RESUMED)
        tell(self, normal, NULL, LIBVIRT_NEWS_RUNS);
}

static void on_run_dir_changed(GFileMonitor *monitor, GFile *file, GFile *other,
                               GFileMonitorEvent event, gpointer user_data)
{
    g_autoptr(BailiffLibvirt) self = g_object_ref(user_data);
    g_autofree char *name = g_file_get_basename(file);
    g_autofree char *other_name = other != NULL ? g_file_get_basename(other) : NULL;

    if (event == G_FILE_MONITOR_EVENT_DELETED)
        return; /* says nothing about a process */
    tell(self, NULL, name, LIBVIRT_NEWS_PID_FILE);
    if (other_name != NULL)
        tell(self, NULL, other_name, LIBVIRT_NEWS_PID_FILE);
}

/* --- the end of calls ----------------------------------------------------------------------------
 */

static void settling_free(Settling *self)
{
    if (self->cancelled != NULL) {
        g_source_destroy(self->cancelled);
        g_source_unref(self->cancelled);
    }
    g_clear_object(&self->task);
    g_free(self->uuid);
    g_free(self);
}

static Settling *find_settled(BailiffLibvirt *self)
{
    for (guint i = 0; i < self->settling->len; i++) {
        Settling *settling = self->settling->pdata[i];

        if (!libvirt_calls_has(self->calls, settling->uuid, settling->methods))
            return settling;
    }
    return NULL;
}

static void tell_settled(BailiffLibvirt *self)
{
    Settling *settling;

    while ((settling = find_settled(self)) != NULL) {
        g_autoptr(GTask) task = g_steal_pointer(&settling->task);

        g_ptr_array_remove_fast(self->settling, settling);
        g_task_return_boolean(task, TRUE);
    }
}

static gboolean on_tell_ended_calls(gpointer user_data)
{
    g_autoptr(BailiffLibvirt) self = g_object_ref(user_data);
    g_autoptr(GPtrArray) uuids = g_steal_pointer(&self->ended_calls);

    self->tell_ended_calls = 0;
    self->ended_calls = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < uuids->len; i++)
        tell(self, uuids->pdata[i], NULL, LIBVIRT_NEWS_CALL_ENDED);
    tell_settled(self);
    return G_SOURCE_REMOVE;
}

static void on_call_ended(const char *uuid, gpointer user_data)
{
    BailiffLibvirt *self = user_data;

    g_ptr_array_add(self->ended_calls, g_strdup(uuid));
    if (self->tell_ended_calls == 0)
        self->tell_ended_calls =
            g_idle_add_full(G_PRIORITY_DEFAULT, on_tell_ended_calls, self, NULL);
}

static gboolean on_settling_cancelled(GCancellable *cancellable, gpointer user_data)
{
    Settling *settling = user_data;
    g_autoptr(GTask) task = g_steal_pointer(&settling->task);

    g_ptr_array_remove_fast(settling->libvirt->settling, settling);
    g_task_return_new_error(task, G_IO_ERROR, G_IO_ERROR_CANCELLED, "Given up.");
    return G_SOURCE_REMOVE;
}

void libvirt_settle_async(BailiffLibvirt *self, const char *uuid, guint methods,
                          GCancellable *cancellable, GAsyncReadyCallback callback,
                          gpointer user_data)
{
    g_autoptr(GTask) task = g_task_new(self, cancellable, callback, user_data);
    Settling *settling;

    g_task_set_source_tag(task, libvirt_settle_async);
    if (!libvirt_calls_has(self->calls, uuid, methods)) {
        g_task_return_boolean(task, TRUE);
        return;
    }
    settling = g_new0(Settling, 1);
    settling->libvirt = self; /* the task has a reference */
    settling->uuid = g_strdup(uuid);
    settling->methods = methods;
    settling->task = g_steal_pointer(&task);
    if (cancellable != NULL) {
        settling->cancelled = g_cancellable_source_new(cancellable);
        g_source_set_callback(settling->cancelled, G_SOURCE_FUNC(on_settling_cancelled), settling,
                              NULL);
        g_source_attach(settling->cancelled, NULL);
    }
    g_ptr_array_add(self->settling, settling);
}

gboolean libvirt_settle_finish(GAsyncResult *result, GError **error)
{
    return g_task_propagate_boolean(G_TASK(result), error);
}

/* --- the heartbeat -------------------------------------------------------------------------------
 */

static void on_sign_of_life(GObject *source, GAsyncResult *result, gpointer user_data)
{
    g_autoptr(BailiffLibvirt) self = user_data;
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) reply = libvirt_calls_finish(result, &error);

    self->heartbeat_out = FALSE;
    if (reply != NULL)
        libvirt_calls_end_adrift(self->calls, self->adrift_then);
    else if (!g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
        log_line(LOG_DEBUG, NULL, "libvirt gives no sign of life: %s", error->message);
}

/* One that is stuck is not joined by others: it would only fill libvirt-dbus' four places. */
static void ask_for_sign_of_life(BailiffLibvirt *self)
{
    if (self->heartbeat_out || self->bus == NULL || self->watches->len == 0)
        return;
    self->heartbeat_out = TRUE;
    self->adrift_then = libvirt_calls_next_adrift(self->calls);
    libvirt_calls_start(self->calls, LIBVIRT_LIST_DOMAINS, NULL, 0, self->heartbeats,
                        on_sign_of_life, g_object_ref(self));
}

static void set_heartbeat(BailiffLibvirt *self)
{
    guint64 pause_us = self->n_quick > 0 ? HEARTBEAT_QUICK_US : HEARTBEAT_US;

    boottime_timer_set(self->heartbeat,
                       self->watches->len > 0 ? time_add(boottime_now(), pause_us) : TIME_NEVER);
}

static void on_heartbeat(gpointer user_data)
{
    g_autoptr(BailiffLibvirt) self = g_object_ref(user_data);

    set_heartbeat(self);
    ask_for_sign_of_life(self);
    tell(self, NULL, NULL, LIBVIRT_NEWS_HEARTBEAT);
}

/* Whoever it is, it has not told of anything yet. */
static void on_name_appeared(GDBusConnection *bus, const char *name, const char *owner,
                             gpointer user_data)
{
    on_heartbeat(user_data);
}

/* It is asked for again before long, which starts it where the bus can: without it no domain that
 * runs again would be heard of, and nobody would answer for what it leaves behind. */
static void on_name_vanished(GDBusConnection *bus, const char *name, gpointer user_data)
{
    BailiffLibvirt *self = user_data;

    boottime_timer_set(self->heartbeat, time_add(boottime_now(), HEARTBEAT_SOON_US));
}

/* --- listening -----------------------------------------------------------------------------------
 */

static void stop_listening(BailiffLibvirt *self)
{
    g_clear_handle_id(&self->name_watch, g_bus_unwatch_name);
    if (self->event_subscription != 0)
        g_dbus_connection_signal_unsubscribe(self->bus, self->event_subscription);
    self->event_subscription = 0;
}

static void listen_on_bus(BailiffLibvirt *self)
{
    if (self->bus == NULL || self->event_subscription != 0 || self->watches->len == 0)
        return;
    self->event_subscription =
        g_dbus_connection_signal_subscribe(self->bus, BUS_NAME, "org.libvirt.Connect",
                                           "DomainEvent", libvirt_calls_get_path(self->calls), NULL,
                                           G_DBUS_SIGNAL_FLAGS_NONE, on_domain_event, self, NULL);
    self->name_watch =
        g_bus_watch_name_on_connection(self->bus, BUS_NAME, G_BUS_NAME_WATCHER_FLAGS_NONE,
                                       on_name_appeared, on_name_vanished, self, NULL);
    ask_for_sign_of_life(self);
}

/* A directory that is not there yet is found by the monitor when it comes. What is not seen here is
 * seen with the next heartbeat. */
static void watch_run_dir(BailiffLibvirt *self)
{
    g_autoptr(GFile) directory = g_file_new_for_path(self->run_dir);
    g_autoptr(GError) error = NULL;

    if (self->run_dir_monitor != NULL)
        return;
    self->run_dir_monitor =
        g_file_monitor_directory(directory, G_FILE_MONITOR_WATCH_MOVES, NULL, &error);
    if (self->run_dir_monitor == NULL) {
        log_line(LOG_WARNING, NULL, "%s cannot be watched for the processes of domains: %s",
                 self->run_dir, error->message);
        return;
    }
    g_signal_connect(self->run_dir_monitor, "changed", G_CALLBACK(on_run_dir_changed), self);
}

LibvirtWatch *libvirt_watch_new(BailiffLibvirt *self, const char *uuid, const char *name,
                                LibvirtNewsFunc func, gpointer user_data)
{
    LibvirtWatch *watch = g_new0(LibvirtWatch, 1);

    watch->libvirt = g_object_ref(self);
    watch->uuid = g_strdup(uuid);
    watch->pid_file = g_strdup_printf("%s.pid", name);
    watch->func = func;
    watch->user_data = user_data;
    g_ptr_array_add(self->watches, watch);
    listen_on_bus(self);
    watch_run_dir(self);
    if (self->watches->len == 1)
        set_heartbeat(self);
    return watch;
}

void libvirt_watch_set_quick(LibvirtWatch *watch, gboolean quick)
{
    BailiffLibvirt *self = watch->libvirt;

    if (watch->quick == quick)
        return;
    watch->quick = quick;
    self->n_quick += quick ? 1 : (guint)-1;
    if (quick && self->n_quick == 1)
        set_heartbeat(self);
}

static void end_watching(BailiffLibvirt *self)
{
    stop_listening(self);
    if (self->run_dir_monitor != NULL)
        g_file_monitor_cancel(self->run_dir_monitor);
    g_clear_object(&self->run_dir_monitor);
    boottime_timer_set(self->heartbeat, TIME_NEVER);
    g_cancellable_cancel(self->heartbeats);
    g_object_unref(self->heartbeats);
    self->heartbeats = g_cancellable_new();
}

void libvirt_watch_free(LibvirtWatch *watch)
{
    g_autoptr(BailiffLibvirt) self = NULL;
    guint index;

    if (watch == NULL)
        return;
    self = watch->libvirt;
    libvirt_watch_set_quick(watch, FALSE);
    if (g_ptr_array_find(self->watches, watch, &index)) {
        if (self->telling > 0)
            self->watches->pdata[index] = NULL;
        else
            g_ptr_array_remove_index(self->watches, index);
    }
    g_free(watch->uuid);
    g_free(watch->pid_file);
    g_free(watch);
    if (self->watches->len == 0)
        end_watching(self);
}

void bailiff_libvirt_set_bus(BailiffLibvirt *self, GDBusConnection *bus)
{
    if (self->bus == bus)
        return;
    stop_listening(self);
    g_set_object(&self->bus, bus);
    libvirt_calls_set_bus(self->calls, bus);
    listen_on_bus(self);
}

/* --- the object
 * ----------------------------------------------------------------------------------- */

static void bailiff_libvirt_dispose(GObject *object)
{
    BailiffLibvirt *self = BAILIFF_LIBVIRT(object);

    end_watching(self);
    g_clear_handle_id(&self->tell_ended_calls, g_source_remove);
    g_clear_object(&self->bus);
    G_OBJECT_CLASS(bailiff_libvirt_parent_class)->dispose(object);
}

static void bailiff_libvirt_finalize(GObject *object)
{
    BailiffLibvirt *self = BAILIFF_LIBVIRT(object);

    libvirt_calls_free(self->calls);
    boottime_timer_free(self->heartbeat);
    g_object_unref(self->heartbeats);
    g_ptr_array_unref(self->watches);
    g_ptr_array_unref(self->ended_calls);
    g_ptr_array_unref(self->settling);
    g_free(self->driver);
    g_free(self->run_dir);
    G_OBJECT_CLASS(bailiff_libvirt_parent_class)->finalize(object);
}

static void bailiff_libvirt_class_init(BailiffLibvirtClass *class)
{
    G_OBJECT_CLASS(class)->dispose = bailiff_libvirt_dispose;
    G_OBJECT_CLASS(class)->finalize = bailiff_libvirt_finalize;
}

static void bailiff_libvirt_init(BailiffLibvirt *self)
{
    self->watches = g_ptr_array_new();
    self->ended_calls = g_ptr_array_new_with_free_func(g_free);
    self->settling = g_ptr_array_new_with_free_func((GDestroyNotify)settling_free);
    self->heartbeats = g_cancellable_new();
    self->heartbeat = boottime_timer_new(on_heartbeat, self);
}

BailiffLibvirt *bailiff_libvirt_new(const char *driver, const char *run_dir)
{
    BailiffLibvirt *self = g_object_new(BAILIFF_TYPE_LIBVIRT, NULL);

    self->driver = g_strdup(driver);
    self->run_dir = g_strdup(run_dir);
    self->calls = libvirt_calls_new(driver, on_call_ended, self);
    return self;
}

const char *libvirt_get_run_dir(BailiffLibvirt *self)
{
    return self->run_dir;
}

gboolean libvirt_is_qemu(BailiffLibvirt *self)
{
    return g_str_equal(self->driver, "QEMU");
}

LibvirtCalls *libvirt_get_calls(BailiffLibvirt *self)
{
    return self->calls;
}
