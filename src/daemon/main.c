/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bailiffd: options, construction, signals, and what the service manager is told. No logic.
 *
 * It stays in the foreground, logs to the journal when standard error leads there, else to standard
 * error, and once it is on the bus it ends on SIGTERM or SIGINT only, after everything is given
 * back.
 */
#include <errno.h>
#include <signal.h>
#include <sysexits.h>

#include <glib-unix.h>
#include <glib/gi18n.h>
#include <gio/gio.h>

#include "actions/launcher-process.h"
#include "common/bailiff-error.h"
#include "common/descriptors.h"
#include "common/fd-store.h"
#include "common/language.h"
#include "common/log-message.h"
#include "common/log-writer.h"
#include "daemon/config-reload.h"
#include "daemon/continuity.h"
#include "daemon/daemon-options.h"
#include "daemon/host-shutdown.h"
#include "daemon/idle-exit.h"
#include "daemon/lease-users.h"
#include "daemon/main-poll.h"
#include "daemon/metrics-socket.h"
#include "daemon/service-manager.h"
#include "daemon/service-status.h"
#include "daemon/start.h"
#include "dbus/bus-service.h"
#include "engine/engine.h"
#include "engine/lockspace.h"
#include "engine/records.h"
#include "engine/registration.h"
#include "engine/standstill.h"

/* For the last lines; a journal that hangs does not keep the daemon from its end. */
#define LOG_END_US (2 * G_USEC_PER_SEC)
/* The same where leases wait for what comes next. */
#define LOG_DEPARTURE_US (G_USEC_PER_SEC / 5)

/* For calls that are in progress, or come at the last moment. */
#define ANSWER_MS 2000

typedef struct Daemon {
    GMainLoop *loop;
    DaemonStart start;
    BailiffBusService *service;
    MetricsSocket *metrics; /* NULL: it could not be made */
    ServiceManager *manager;
    FdStore *store;
    ServiceStatus *status;
    ConfigReload *reload;
    HostShutdown *host_shutdown;
    IdleExit *idle_exit;
    DaemonControl control;
    LogWriter *log;
    GBusType bus;
    GPtrArray *stop_callers; /* GTask: who has asked for the end */
    gboolean stopping;
    gboolean departing;           /* to go on as another process */
    gboolean departs_for_it;      /* for one that was started to take its place */
    GCancellable *successor_gone; /* that one */
    int exit_status;
} Daemon;

/* Leases are kept without it, too. */
static void listen_for_metrics(Daemon *daemon)
{
    g_autofree char *path = g_build_filename(daemon->start.runtime_dir, "metrics.sock", NULL);
    g_autoptr(GError) error = NULL;

    daemon->metrics = metrics_socket_new(daemon->start.engine, path, &error);
    if (daemon->metrics == NULL)
        log_line(LOG_WARNING, NULL, "There are no metrics: %s", error->message);
}

static gboolean asked_to_reload(gpointer user_data)
{
    Daemon *daemon = user_data;

    /* One that came before there was anything to reload. */
    if (daemon->reload != NULL)
        config_reload_start(daemon->reload);
    return G_SOURCE_CONTINUE;
}

static void reload_for_caller(gpointer user_data, GAsyncReadyCallback callback, gpointer data)
{
    Daemon *daemon = user_data;
    config_reload_async(daemon->reload, callback, data);
}

static gboolean reload_for_caller_finish(gpointer user_data, GAsyncResult *result, GError **error)
{
    Daemon *daemon = user_data;
    return config_reload_finish(daemon->reload, result, error);
}

/* Going on as another process. */

static void start_service(Daemon *daemon);

static void departure_failed(const GError *error, gpointer user_data)
{
    Daemon *daemon = user_data;

    log_line(LOG_ERR, NULL, "%s", error->message);
    daemon->departing = FALSE;
    standstill_end();
    g_clear_object(&daemon->service);
    start_service(daemon);
}

static gboolean depart(gpointer user_data)
{
    Daemon *daemon = user_data;

    /* What goes on is another program, or another process: what it has not written nobody will. */
    (void)log_writer_flush(daemon->log, LOG_DEPARTURE_US);
    continuity_depart(daemon->service, daemon->start.lock, daemon->store, daemon->start.launcher,
                      daemon->departs_for_it, departure_failed, daemon);
    return G_SOURCE_REMOVE;
}

#define NOT_EXECUTED "The program is not executed anew. "
/* Of one that reads it first. */
#define CONFIGURATION_COUNTS NOT_EXECUTED "The configuration has been read again and counts. "

static void tell_refusal(GError *refusal, GError **error)
{
    log_line(LOG_ERR, NULL, "%s", refusal->message);
    g_propagate_error(error, refusal);
}

static gboolean succeed_finish(gpointer user_data, GAsyncResult *result, GError **error)
{
    Daemon *daemon = user_data;
    GError *refusal = NULL;

    /* Refused: one that departs already goes on with that. */
    if (g_async_result_is_tagged(result, succeed_finish)) {
        (void)g_task_propagate_boolean(G_TASK(result), &refusal);
        tell_refusal(refusal, error);
        return FALSE;
    }
    if (!standstill_finish(result, &refusal)) {
        daemon->departing = FALSE;
        continuity_stop_now();
        if (!daemon->departs_for_it)
            g_prefix_error(&refusal, CONFIGURATION_COUNTS);
        tell_refusal(refusal, error);
        return FALSE;
    }
    /* Its call may have waited for leave longer than it has waited itself. */
    if (daemon->departs_for_it && g_cancellable_is_cancelled(daemon->successor_gone)) {
        daemon->departing = FALSE;
        standstill_end();
        continuity_stop_now();
        bailiff_set_error(error, BAILIFF_ERROR_BUSY, "Start it again; this one goes on.",
                          "The bailiffd that was to take over is gone.");
        log_line(LOG_WARNING, NULL, "Who wanted to take over is gone: this bailiffd goes on");
        return FALSE;
    }
    log_message(
        daemon->departs_for_it ? MESSAGE_DAEMON_HANDS_OVER : MESSAGE_DAEMON_REEXECUTES, NULL,
        daemon->departs_for_it ? "Another bailiffd takes over" : "The program is executed anew");
    /* After the reply to whoever has asked. */
    g_idle_add(depart, daemon);
    return TRUE;
}

static void refuse_to_succeed(GAsyncReadyCallback callback, gpointer data, GError *error)
{
    g_autoptr(GTask) task = g_task_new(NULL, NULL, callback, data);

    g_task_set_source_tag(task, succeed_finish);
    g_task_return_error(task, error);
}

/* Who waits for the new program. */
typedef struct Asker {
    Daemon *daemon;
    GAsyncReadyCallback callback;
    gpointer data;
} Asker;

static gboolean check_that_it_stays(Daemon *daemon, GError **error)
{
    if (!daemon->stopping && !daemon->departing)
        return TRUE;
    bailiff_set_error(error, BAILIFF_ERROR_BUSY, "Wait for its end.",
                      "bailiffd ends, or goes on as another process, already.");
    return FALSE;
}

static void stand_still(Daemon *daemon, const DaemonSuccessor *successor,
                        GAsyncReadyCallback callback, gpointer data)
{
    daemon->departing = TRUE;
    daemon->departs_for_it = successor != NULL;
    g_clear_object(&daemon->successor_gone);
    if (successor != NULL)
        daemon->successor_gone = g_object_ref(successor->gone);
    standstill_async(daemon->start.engine, callback, data);
}

/* What the new program would go on with is what this one has written down. */
static gboolean check_program(Daemon *daemon, GError **error)
{
    return continuity_check_program(error) &&
           bailiff_engine_check_runtime_dir(daemon->start.engine, error);
}

static void configuration_was_read(GObject *source, GAsyncResult *result, gpointer user_data)
{
    g_autofree Asker *asker = user_data;
    Daemon *daemon = asker->daemon;
    GError *error = NULL;

    if (!config_reload_finish(daemon->reload, result, &error)) {
        g_prefix_error(&error, NOT_EXECUTED);
    } else if (!check_that_it_stays(daemon, &error) || !check_program(daemon, &error)) {
        g_prefix_error(&error, CONFIGURATION_COUNTS);
    } else {
        stand_still(daemon, NULL, asker->callback, asker->data);
        return;
    }
    refuse_to_succeed(asker->callback, asker->data, error);
}

/* With a configuration that is refused the new program would end at once, and nobody would watch
 * over the leases. So this one reads it first, and goes on itself if there is anything wrong with
 * it. The files may hang: until they are read nothing else is held up, not even the end. */
static void read_configuration_first(Daemon *daemon, GAsyncReadyCallback callback, gpointer data)
{
    Asker *asker = g_new0(Asker, 1);

    *asker = (Asker){ daemon, callback, data };
    config_reload_async(daemon->reload, configuration_was_read, asker);
}

static gboolean check_successor(Daemon *daemon, const DaemonSuccessor *successor, GError **error)
{
    return bailiff_engine_check_hand_over(daemon->start.engine, successor->watchdog, error) &&
           continuity_check_successor(daemon->start.lock, error);
}

static void succeed_async(gpointer user_data, const DaemonSuccessor *successor,
                          GAsyncReadyCallback callback, gpointer data)
{
    Daemon *daemon = user_data;
    GError *error = NULL;

    if (!check_that_it_stays(daemon, &error) ||
        !(successor != NULL ? check_successor(daemon, successor, &error)
                            : check_program(daemon, &error)))
        refuse_to_succeed(callback, data, error);
    else if (successor != NULL)
        stand_still(daemon, successor, callback, data);
    else
        read_configuration_first(daemon, callback, data);
}

static void reexecution_begins(GObject *source, GAsyncResult *result, gpointer user_data)
{
    g_autoptr(GError) error = NULL;

    /* A refusal is in the log by then. */
    (void)succeed_finish(user_data, result, &error);
}

static gboolean asked_to_reexecute(gpointer user_data)
{
    Daemon *daemon = user_data;

    if (daemon->service != NULL)
        succeed_async(daemon, NULL, reexecution_begins, daemon);
    return G_SOURCE_CONTINUE;
}

/* The end. */

static void off_the_bus(GObject *source, GAsyncResult *result, gpointer user_data)
{
    Daemon *daemon = user_data;
    bailiff_bus_service_stop_finish(BAILIFF_BUS_SERVICE(source), result);
    g_main_loop_quit(daemon->loop);
}

/* After the last step of the last failure policy: what is left is killed. */
static void launcher_stopped(GObject *source, GAsyncResult *result, gpointer user_data)
{
    Daemon *daemon = user_data;
    g_autoptr(GError) error = NULL;

    if (!launcher_stop_finish(daemon->start.launcher, result, &error))
        log_line(LOG_WARNING, NULL, "%s", error->message);
    bailiff_bus_service_stop_async(daemon->service, ANSWER_MS, off_the_bus, daemon);
}

static void shut_down_done(GObject *source, GAsyncResult *result, gpointer user_data)
{
    Daemon *daemon = user_data;
    g_autoptr(GError) error = NULL;

    if (!bailiff_engine_shut_down_finish(BAILIFF_ENGINE(source), result, &error))
        log_line(LOG_ERR, NULL, "%s", error->message);
    else
        log_message(MESSAGE_DAEMON_STOPPED, NULL, "Shut down");
    for (guint i = 0; i < daemon->stop_callers->len; i++)
        g_task_return_boolean(daemon->stop_callers->pdata[i], TRUE);
    launcher_stop_async(daemon->start.launcher, 0, launcher_stopped, daemon);
}

static void shut_down(Daemon *daemon)
{
    bailiff_engine_shut_down_async(daemon->start.engine, shut_down_done, daemon);
}

static void users_have_ended(GObject *source, GAsyncResult *result, gpointer user_data)
{
    Daemon *daemon = user_data;
    host_shutdown_wait_finish(daemon->host_shutdown, result);
    shut_down(daemon);
}

static void begin_to_stop(Daemon *daemon)
{
    daemon->stopping = TRUE;
    config_reload_stop(daemon->reload);
    log_message(MESSAGE_DAEMON_STOPPING, NULL, "Shutting down: leases are given back");
    service_manager_stopping(daemon->manager);
    service_status_set_activity(daemon->status, "Shutting down");
}

/* Force stops whoever can be stopped. Without this daemon others would take what the rest uses. */
static gboolean check_may_stop(Daemon *daemon, gboolean force, GError **error)
{
    return daemon->stopping || (force ? lease_users_check_all_known(daemon->start.engine, error)
                                      : lease_users_check_none(daemon->start.engine, error));
}

static void stop_for_caller(gpointer user_data, gboolean force, GAsyncReadyCallback callback,
                            gpointer data)
{
    Daemon *daemon = user_data;
    g_autoptr(GTask) task = g_task_new(NULL, NULL, callback, data);
    GError *error = NULL;

    if (!check_may_stop(daemon, force, &error)) {
        g_task_return_error(task, error);
        return;
    }
    g_ptr_array_add(daemon->stop_callers, g_steal_pointer(&task));
    if (!daemon->stopping) {
        begin_to_stop(daemon);
        shut_down(daemon);
    }
}

static gboolean stop_for_caller_finish(gpointer user_data, GAsyncResult *result, GError **error)
{
    return g_task_propagate_boolean(G_TASK(result), error);
}

static void bus_changed(gpointer user_data, GDBusConnection *bus)
{
    Daemon *daemon = user_data;
    host_shutdown_set_bus(daemon->host_shutdown, bus);
    idle_exit_set_bus(daemon->idle_exit, bus);
}

static void nothing_to_do(gpointer user_data)
{
    Daemon *daemon = user_data;

    if (daemon->stopping || daemon->departing)
        return;
    log_line(LOG_NOTICE, NULL, "There is nothing to do: bailiffd ends, and a call starts it again");
    begin_to_stop(daemon);
    shut_down(daemon);
}

static gboolean asked_to_stop(gpointer user_data)
{
    Daemon *daemon = user_data;

    if (daemon->stopping) {
        /* Ending now would leave processes running whose leases end: never on anybody's wish. */
        g_autofree char *remaining = lease_users_describe_remaining(daemon->start.engine);
        log_line(LOG_NOTICE, NULL, "Shutting down already, waiting for: %s", remaining);
        return G_SOURCE_CONTINUE;
    }
    if (daemon->departing) {
        continuity_stop_later();
        return G_SOURCE_CONTINUE;
    }
    begin_to_stop(daemon);
    host_shutdown_wait_async(daemon->host_shutdown, users_have_ended, daemon);
    return G_SOURCE_CONTINUE;
}

/* The beginning. */

/* Only now: this is the one bailiffd of this bus, and what a former one has left is taken care of.
 */
static void join_recorded(Daemon *daemon)
{
    bailiff_records_start(bailiff_engine_get_records(daemon->start.engine));
}

static void on_the_bus(GObject *source, GAsyncResult *result, gpointer user_data)
{
    Daemon *daemon = user_data;
    g_autoptr(GError) error = NULL;

    if (bailiff_bus_service_start_finish(BAILIFF_BUS_SERVICE(source), result, &error)) {
        log_message(MESSAGE_DAEMON_READY, NULL, "Ready as host %s",
                    bailiff_engine_get_host_name(daemon->start.engine));
        if (!daemon->stopping) {
            service_manager_ready(daemon->manager);
            join_recorded(daemon);
        }
        return;
    }
    daemon->exit_status = 1;
    log_message(MESSAGE_DAEMON_NOT_STARTED, NULL, "bailiffd cannot start: %s", error->message);
    /* When a signal came first the shut-down ends the loop. */
    if (!daemon->stopping)
        g_main_loop_quit(daemon->loop);
}

static void start_service(Daemon *daemon)
{
    daemon->service = bailiff_bus_service_new(daemon->start.engine, BAILIFF_VERSION);
    bailiff_bus_service_set_daemon_control(daemon->service, &daemon->control);
    bailiff_bus_service_set_log(daemon->service, daemon->log);
    idle_exit_set_service(daemon->idle_exit, daemon->service);
    config_reload_set_service(daemon->reload, daemon->service);
    bailiff_bus_service_start_async(daemon->service, daemon->bus, on_the_bus, daemon);
}

static void watch_signals(Daemon *daemon)
{
    /* Clients and log readers come and go, and none may take the leases with them. Nor may the
     * terminal that it was started from: SIGHUP does no harm. */
    signal(SIGPIPE, SIG_IGN);
    g_unix_signal_add(SIGHUP, asked_to_reload, daemon);
    g_unix_signal_add(SIGUSR1, asked_to_reexecute, daemon);
    g_unix_signal_add(SIGTERM, asked_to_stop, daemon);
    g_unix_signal_add(SIGINT, asked_to_stop, daemon);
    continuity_take_signals();
}

/* What is new is refused when they run out (engine/descriptor-budget.h). */
static void raise_descriptor_limit(void)
{
    if (!descriptors_raise_limit())
        log_line(LOG_WARNING, NULL, "The limit on open files could not be raised: %s",
                 g_strerror(errno));
}

static void daemon_clear(Daemon *daemon)
{
    g_clear_pointer(&daemon->idle_exit, idle_exit_free);
    g_clear_object(&daemon->service);
    g_clear_pointer(&daemon->reload, config_reload_free);
    g_clear_pointer(&daemon->host_shutdown, host_shutdown_free);
    g_ptr_array_unref(daemon->stop_callers);
    g_clear_object(&daemon->successor_gone);
    g_clear_pointer(&daemon->status, service_status_free);
    metrics_socket_free(daemon->metrics);
    daemon_start_clear(&daemon->start);
    fd_store_free(daemon->store);
    service_manager_free(daemon->manager);
    g_main_loop_unref(daemon->loop);
}

static void begin(Daemon *daemon)
{
    const DaemonStart *start = &daemon->start;

    listen_for_metrics(daemon);
    daemon->reload = config_reload_new(start->engine, daemon->manager, start->config_path,
                                       start->config_optional, start->configuration);
    daemon->status = service_status_new(start->engine, daemon->manager);
    service_status_set_launcher(daemon->status, start->launcher);
    daemon->host_shutdown = host_shutdown_new(start->engine);
    daemon->idle_exit =
        idle_exit_new(start->engine, start->configuration->idle_exit, nothing_to_do, daemon);
    daemon->control = (DaemonControl){
        .daemon = daemon,
        .reload_async = reload_for_caller,
        .reload_finish = reload_for_caller_finish,
        .succeed_async = succeed_async,
        .succeed_finish = succeed_finish,
        .stop_async = stop_for_caller,
        .stop_finish = stop_for_caller_finish,
        .bus_changed = bus_changed,
    };
    start_service(daemon);
}

int main(int argc, char **argv)
{
    g_auto(DaemonOptions) options = { 0 };
    g_autoptr(GError) error = NULL;
    int status;

    /* Then it is not the daemon but the small process that starts programs for it. */
    if (argc == 3 && g_str_equal(argv[1], LAUNCHER_OPTION))
        return launcher_process_main_of_word(argv[2]);

    continuity_note_program(argv);
    language_of_locale(BAILIFF_LOCALEDIR);
    if (!daemon_options_parse(&options, &argc, &argv, &status))
        return status;
    language_of_logs();
    /* Freed by the end of the process: it is GLib's until then. */
    LogWriter *log =
        log_writer_new("bailiffd", options.verbose ? LOG_DEBUG : LOG_NOTICE, NULL, NULL);
    log_writer_install(log);

    raise_descriptor_limit();
    main_poll_install();
    Daemon daemon = { .loop = g_main_loop_new(NULL, FALSE),
                      .manager = service_manager_new(),
                      .store = fd_store_new(continuity_take_descriptors()),
                      .log = log,
                      .bus = options.session ? G_BUS_TYPE_SESSION : G_BUS_TYPE_SYSTEM,
                      .stop_callers = g_ptr_array_new_with_free_func(g_object_unref) };
    watch_signals(&daemon);
    if (daemon_start(&daemon.start, &options, daemon.bus, daemon.store, &error)) {
        begin(&daemon);
        g_main_loop_run(daemon.loop);
    } else {
        log_message(MESSAGE_DAEMON_NOT_STARTED, NULL, "bailiffd cannot start: %s", error->message);
        /* With that the service manager need not try it again (RestartPreventExitStatus=). */
        daemon.exit_status = daemon.start.misconfigured ? EX_CONFIG : 1;
    }
    daemon_clear(&daemon);
    (void)log_writer_flush(log, LOG_END_US);
    return daemon.exit_status;
}
