/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bailiffctl join: joins a lockspace and waits until it is held.
 *
 * The join is bailiffd's, not ours: it goes on when this program is interrupted.
 */
#include "ctl/commands.h"

#include <gio/gio.h>
#include <glib-unix.h>
#include <glib/gi18n.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/checked-time.h"
#include "common/boottime.h"
#include "ctl/bus-client.h"
#include "ctl/format-options.h"
#include "ctl/place-text.h"
#include "ctl/record-outlook.h"
#include "ctl/safe-text.h"

/* The daemon answers properties from memory. */
#define ANSWER_MS 5000
/* Shorter waits need no explanation. */
#define TOLD_WAIT_US 5000000u

typedef struct Join {
    CommandLine *line;
    BusClient *client;
    BailiffBusLockspace *lockspace;
    GMainLoop *loop;
    gboolean progress; /* stderr is a terminal */
    gboolean silent;   /* nothing is to be told, or all has been told */
    guint64 started_us;
    int status;
    gboolean ended;
} Join;

static void clear_progress(Join *self)
{
    if (self->progress)
        fputs("\r\033[K", stderr);
}

static void end(Join *self, int status)
{
    self->status = status;
    self->ended = TRUE;
    clear_progress(self);
    g_main_loop_quit(self->loop);
}

/* For who reads it later, and for who wonders whether it hangs: once, when the end is known. A join
 * is a wait that nobody writes into the place that this host has, or is to have, in the lockspace
 * (lease/host-lease-join.h). */
static void tell_wait(Join *self)
{
    guint64 wait_us =
        time_since(bailiff_bus_lockspace_get_join_ends_at_usec(self->lockspace), boottime_now());

    if (self->silent || wait_us < TOLD_WAIT_US)
        return;
    self->silent = TRUE;
    g_autofree char *name = safe_text(bailiff_bus_lockspace_get_name(self->lockspace));
    g_autofree char *wait = span_text(wait_us);
    fprintf(stderr,
            _("bailiffctl: joining %s takes about %s: for that long it is watched whether another "
              "host uses the host id.\n"),
            name, wait);
}

static void show_progress(Join *self)
{
    tell_wait(self);
    if (!self->progress)
        return;
    guint64 now_us = boottime_now();
    guint64 ends_us = bailiff_bus_lockspace_get_join_ends_at_usec(self->lockspace);
    g_autofree char *name = safe_text(bailiff_bus_lockspace_get_name(self->lockspace));
    g_autofree char *since = span_text(time_since(now_us, self->started_us));
    g_autofree char *left = span_text(time_since(ends_us, now_us));
    clear_progress(self);
    if (ends_us)
        fprintf(stderr, _("Joining %s: %s, about %s more"), name, since, left);
    else
        fprintf(stderr, _("Joining %s: %s"), name, since);
    fflush(stderr);
}

/* The reason may be announced after the state. */
static void report_lost(Join *self)
{
    g_autoptr(GVariant) reason =
        proxy_read(self->lockspace, "Reason", G_VARIANT_TYPE_STRING, ANSWER_MS, NULL);
    const char *text = reason ? g_variant_get_string(reason, NULL) : "";
    GError *error = NULL;
    g_set_error_literal(&error, CTL_ERROR, CTL_EXIT_ERROR,
                        text[0] ? text : _("The lockspace could not be joined."));
    end(self, CTL_EXIT_ERROR);
    command_line_fail(error);
    record_outlook_tell(self->client, self->line->words[0], FALSE);
}

/* Times of a lockspace are not announced when they change: they are as old as the proxy. */
static void print_json(BailiffBusLockspace *lockspace)
{
    GDBusProxy *proxy = G_DBUS_PROXY(lockspace);
    g_autoptr(BailiffBusLockspace) fresh = bailiff_bus_lockspace_proxy_new_sync(
        g_dbus_proxy_get_connection(proxy), G_DBUS_PROXY_FLAGS_NONE, BUS_NAME,
        g_dbus_proxy_get_object_path(proxy), NULL, NULL);
    output_json(proxy_properties(fresh ? fresh : lockspace), FALSE);
}

static void report_held(Join *self)
{
    end(self, CTL_EXIT_OK);
    if (self->line->json) {
        print_json(self->lockspace);
        return;
    }
    g_autofree char *name = safe_text(bailiff_bus_lockspace_get_name(self->lockspace));
    output_line(_("%s: held as host %llu, generation %llu."), name,
                (unsigned long long)bailiff_bus_lockspace_get_host_id(self->lockspace),
                (unsigned long long)bailiff_bus_lockspace_get_generation(self->lockspace));
}

static void consider_state(Join *self, const char *state)
{
    if (self->ended)
        return;
    if (g_strcmp0(state, "joining") == 0)
        show_progress(self);
    else if (g_strcmp0(state, "held") == 0 || g_strcmp0(state, "late") == 0)
        report_held(self);
    else if (g_strcmp0(state, "leaving") == 0) {
        GError *error = NULL;
        ctl_set_error(&error, CTL_EXIT_ERROR, _("Join again if that was not intended."),
                      _("The lockspace is being left meanwhile."));
        end(self, command_line_fail(error));
    } else
        report_lost(self);
}

static void on_properties_changed(GDBusProxy *proxy, GVariant *changed, GStrv invalidated,
                                  gpointer data)
{
    Join *self = data;
    consider_state(self, bailiff_bus_lockspace_get_state(self->lockspace));
}

/* Signals make it quick; this makes it sure, also when the object or the daemon is gone. */
static gboolean on_tick(gpointer data)
{
    Join *self = data;
    GError *error = NULL;
    g_autoptr(GVariant) state =
        proxy_read(self->lockspace, "State", G_VARIANT_TYPE_STRING, ANSWER_MS, &error);
    if (self->ended) {
        g_clear_error(&error);
        return G_SOURCE_REMOVE;
    }
    if (!state) {
        clear_progress(self);
        end(self, command_line_fail(error));
        return G_SOURCE_REMOVE;
    }
    /* The reason comes with the signal, which was sent before this answer and is dispatched next.
     */
    if (g_strcmp0(g_variant_get_string(state, NULL), "joining") == 0)
        show_progress(self);
    return G_SOURCE_CONTINUE;
}

static gboolean on_interrupt(gpointer data)
{
    Join *self = data;
    end(self, CTL_EXIT_SIGNAL_BASE + SIGINT);
    g_autofree char *name = safe_text(bailiff_bus_lockspace_get_name(self->lockspace));
    fprintf(stderr,
            _("bailiffctl: bailiffd goes on joining.\n"
              "  Follow it with 'bailiffctl status'; end it with 'bailiffctl leave %s'.\n"),
            name);
    return G_SOURCE_CONTINUE;
}

static int wait_until_held(CommandLine *line, BusClient *client, BailiffBusLockspace *lockspace)
{
    g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, FALSE);
    Join self = {
        .line = line,
        .client = client,
        .lockspace = lockspace,
        .loop = loop,
        .progress = isatty(STDERR_FILENO) && !line->json,
        .silent = isatty(STDERR_FILENO) || line->json,
        .started_us = boottime_now(),
    };
    gulong handler = g_signal_connect(lockspace, "g-properties-changed",
                                      G_CALLBACK(on_properties_changed), &self);
    guint tick = g_timeout_add_seconds(1, on_tick, &self);
    guint interrupt = g_unix_signal_add(SIGINT, on_interrupt, &self);
    consider_state(&self, bailiff_bus_lockspace_get_state(lockspace));
    if (!self.ended)
        g_main_loop_run(loop);
    g_signal_handler_disconnect(lockspace, handler);
    g_source_remove(interrupt);
    GSource *ticking = g_main_context_find_source_by_id(NULL, tick);
    if (ticking)
        g_source_destroy(ticking);
    return self.status;
}

typedef struct JoinOptions {
    char *io_timeout;
    char *startup;
    gboolean no_wait, forget_orphans, persist;
} JoinOptions;

static void join_options_clear(JoinOptions *self)
{
    g_free(self->io_timeout);
    g_free(self->startup);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(JoinOptions, join_options_clear)

static gboolean parse_host_id(const char *word, guint64 *ret, GError **error)
{
    *ret = 0;
    return strcmp(word, "auto") == 0 ||
           command_line_number(word, _("HOST_ID"), 1, G_MAXUINT64, ret, error);
}

/* The object path of the lockspace; NULL with an error. */
static char *start_by_record(CommandLine *line, BusClient *client, GError **error)
{
    g_autoptr(BailiffBusRecord) record = NULL;
    g_auto(GVariantDict) options = G_VARIANT_DICT_INIT(NULL);
    char *path = NULL;
    if (bus_client_load(client, error) &&
        (record = bus_client_find_record(client, line->words[0], error)))
        bailiff_bus_record_call_join_sync(record, g_variant_dict_end(&options),
                                          G_DBUS_CALL_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION,
                                          BUS_NO_TIME_LIMIT, &path, NULL, error);
    return path;
}

static char *start_by_words(CommandLine *line, BusClient *client, const JoinOptions *given,
                            GError **error)
{
    g_auto(StoragePlace) place = { 0 };
    g_auto(GVariantDict) options = G_VARIANT_DICT_INIT(NULL);
    char *path = NULL;
    guint64 host_id;
    if (given->forget_orphans)
        g_variant_dict_insert(&options, "forget-orphans", "b", TRUE);
    if (given->persist)
        g_variant_dict_insert(&options, "persist", "b", TRUE);
    if (given->startup)
        g_variant_dict_insert(&options, "startup", "s", given->startup);
    if (storage_place_parse(&place, line->words[1], error) &&
        parse_host_id(line->words[2], &host_id, error) &&
        io_timeout_insert(&options, given->io_timeout, error))
        bailiff_bus_manager_call_join_lockspace_sync(
            client->manager, line->words[0], place.path, place.offset, host_id,
            g_variant_dict_end(&options), G_DBUS_CALL_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION,
            BUS_NO_TIME_LIMIT, &path, NULL, error);
    return path;
}

static BailiffBusLockspace *start(CommandLine *line, BusClient *client, const JoinOptions *given,
                                  GError **error)
{
    g_autofree char *path = line->n_words == 1 ? start_by_record(line, client, error)
                                               : start_by_words(line, client, given, error);
    if (!path)
        return NULL;
    return bailiff_bus_lockspace_proxy_new_sync(client->connection, G_DBUS_PROXY_FLAGS_NONE,
                                                BUS_NAME, path, NULL, error);
}

int command_join(CommandLine *line)
{
    g_auto(JoinOptions) given = { 0 };
    const GOptionEntry entries[] = {
        { "io-timeout", 0, 0, G_OPTION_ARG_STRING, &given.io_timeout,
          N_("Seconds that one I/O may take; every deadline follows from it (default: 10)"),
          N_("SECONDS") },
        { "no-wait", 0, 0, G_OPTION_ARG_NONE, &given.no_wait, N_("Do not wait until it is held"),
          NULL },
        { "persist", 0, 0, G_OPTION_ARG_NONE, &given.persist,
          N_("Write a record, so that it is joined again when bailiffd starts"), NULL },
        { "startup", 0, 0, G_OPTION_ARG_STRING, &given.startup,
          N_("With --persist: automatic (the default) or manual"), "automatic|manual" },
        { "forget-orphans", 0, 0, G_OPTION_ARG_NONE, &given.forget_orphans,
          N_("Nothing here uses what persistent leases were left behind for"), NULL },
        { NULL },
    };
    int status;
    if (!command_line_parse(line, entries, 1, 3, &status))
        return status;
    if (line->n_words == 2)
        return command_line_usage(line, _("HOST_ID is missing: a number, or auto."));
    if (line->n_words == 1 &&
        (given.persist || given.startup || given.io_timeout || given.forget_orphans))
        return command_line_usage(line, _("The options of a record's join are in the record."));

    GError *error = NULL;
    g_autoptr(BailiffBusLockspace) lockspace = NULL;
    g_autoptr(BusClient) client = bus_client_new(&error);
    if (!client)
        return command_line_fail(error);
    if (!(lockspace = start(line, client, &given, &error))) {
        status = command_line_fail(error);
        if (line->n_words > 1)
            record_outlook_tell(client, line->words[0], given.persist);
        return status;
    }
    if (!given.no_wait)
        return wait_until_held(line, client, lockspace);
    if (line->json)
        output_json(proxy_properties(lockspace), FALSE);
    return CTL_EXIT_OK;
}
