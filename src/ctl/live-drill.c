/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/live-drill.h"

#include <glib/gi18n.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/checked-time.h"
#include "common/boottime.h"
#include "ctl/bus-client.h"
#include "ctl/exit-status.h"
#include "ctl/policy-option.h"
#include "ctl/safe-text.h"

typedef struct LiveDrill {
    CommandLine *line;
    BailiffBusRegistration *registration;
    GMainLoop *loop;
    guint64 started_us;
    gboolean cleared;
} LiveDrill;

/* What comes after it is cleared: whoever drills has to know whether that is left to him. */
static const char *outlook(BailiffBusRegistration *registration)
{
    const char *recovery = bailiff_bus_registration_get_on_recovery(registration);

    if (g_strcmp0(recovery, "resume") == 0)
        return _("Once it is cleared it gets its leases again, and goes on.");
    if (g_strcmp0(recovery, "restart") == 0)
        return _("Once it is cleared it gets its leases again, and is started.");
    return _("It does not go on by itself: whoever wants that starts or resumes it.");
}

/* Its name is what the daemon says, not what was typed: a number can be mistyped. */
static gboolean ask(BailiffBusRegistration *registration, const char *name)
{
    g_autofree char *policy =
        policy_variant_text(bailiff_bus_registration_get_failure_policy(registration),
                            bailiff_bus_registration_get_on_recovery(registration));
    g_autofree char *safe_name = safe_text(name);
    g_autofree char *safe_policy = safe_text(policy);
    char typed[256];

    fprintf(
        stderr,
        _("This really walks the failure policy of %s (%s):\n  %s\n%s\nType its name to go on: "),
        safe_name, bailiff_bus_registration_get_kind(registration), safe_policy,
        outlook(registration));
    fflush(stderr);
    if (fgets(typed, sizeof typed, stdin) == NULL)
        return FALSE;
    typed[strcspn(typed, "\n")] = '\0';
    return strcmp(typed, name) == 0;
}

static gboolean is_meant(BailiffBusRegistration *registration, const char *yes, GError **error)
{
    const char *name = bailiff_bus_registration_get_name(registration);

    if (!name)
        name = "";
    if (yes ? strcmp(yes, name) == 0 : isatty(STDIN_FILENO) && ask(registration, name))
        return TRUE;
    g_autofree char *safe_name = safe_text(name);
    if (!yes && !isatty(STDIN_FILENO))
        ctl_set_error(error, CTL_EXIT_USAGE,
                      _("Where nobody can be asked, give --yes and its name."),
                      _("Nobody has confirmed that %s is meant; nothing was done."), safe_name);
    else
        ctl_set_error(error, CTL_EXIT_USAGE, _("Give the name of the registration."),
                      _("The registration is %s, and that was not said; nothing was done."),
                      safe_name);
    return FALSE;
}

static void print_event(LiveDrill *self, const char *event, GVariantDict *details, const char *text)
{
    guint64 since_us = time_since(boottime_now(), self->started_us);

    if (self->line->json) {
        g_variant_dict_insert(details, "event", "s", event);
        g_variant_dict_insert(details, "since-start-usec", "t", since_us);
        output_json(g_variant_dict_end(details), TRUE);
    } else {
        g_autofree char *safe = safe_text(text);
        output_line(_("%8.3f s  %s"), (double)since_us / (double)USEC_PER_SECOND, safe);
        g_variant_dict_clear(details);
    }
    (void)output_finish();
}

/* People count steps from 1, as errors do; JSON has the index, as D-Bus does. */
static void on_step_started(BailiffBusRegistration *registration, guint step, const char *action,
                            LiveDrill *self)
{
    g_autofree char *text = g_strdup_printf(_("step %u: %s"), step + 1, action);
    GVariantDict details = G_VARIANT_DICT_INIT(NULL);

    g_variant_dict_insert(&details, "step", "u", step);
    g_variant_dict_insert(&details, "action", "s", action);
    print_event(self, "step-started", &details, text);
}

static void on_step_finished(BailiffBusRegistration *registration, guint step, const char *action,
                             gboolean worked, const char *detail, LiveDrill *self)
{
    g_autofree char *text =
        worked ? g_strdup_printf(_("step %u, %s, is done: %s"), step + 1, action, detail)
               : g_strdup_printf(_("step %u, %s, has failed: %s"), step + 1, action, detail);
    GVariantDict details = G_VARIANT_DICT_INIT(NULL);

    g_variant_dict_insert(&details, "step", "u", step);
    g_variant_dict_insert(&details, "action", "s", action);
    g_variant_dict_insert(&details, "worked", "b", worked);
    g_variant_dict_insert(&details, "detail", "s", detail);
    print_event(self, "step-finished", &details, text);
}

static void on_cleared(BailiffBusRegistration *registration, const char *how, LiveDrill *self)
{
    const char *recovery = bailiff_bus_registration_get_on_recovery(registration);
    g_autofree char *text = g_strdup_printf(_("cleared: %s"), how);
    GVariantDict details = G_VARIANT_DICT_INIT(NULL);

    g_variant_dict_insert(&details, "how", "s", how);
    g_variant_dict_insert(&details, "on-recovery", "s", recovery != NULL ? recovery : "");
    print_event(self, "cleared", &details, text);
    if (!self->line->json)
        output_line("%s", outlook(registration));
    self->cleared = TRUE;
    g_main_loop_quit(self->loop);
}

/* The registration is gone, or bailiffd. */
static void on_removed(GDBusObjectManager *objects, GDBusObject *object, LiveDrill *self)
{
    if (g_strcmp0(g_dbus_object_get_object_path(object),
                  g_dbus_proxy_get_object_path(G_DBUS_PROXY(self->registration))) == 0)
        g_main_loop_quit(self->loop);
}

static int walk(LiveDrill *self, BusClient *client)
{
    GError *error = NULL;

    g_signal_connect(self->registration, "step-started", G_CALLBACK(on_step_started), self);
    g_signal_connect(self->registration, "step-finished", G_CALLBACK(on_step_finished), self);
    g_signal_connect(self->registration, "cleared", G_CALLBACK(on_cleared), self);
    g_signal_connect(client->objects, "object-removed", G_CALLBACK(on_removed), self);
    self->started_us = boottime_now();
    /* What is announced meanwhile is kept until the loop runs. */
    if (!bailiff_bus_registration_call_drill_sync(self->registration, g_variant_new("a{sv}", NULL),
                                                  G_DBUS_CALL_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION,
                                                  BUS_NO_TIME_LIMIT, NULL, &error))
        return command_line_fail(error);
    g_main_loop_run(self->loop);
    if (self->cleared)
        return CTL_EXIT_OK;
    ctl_set_error(&error, CTL_EXIT_ERROR, _("Look at 'bailiffctl status', and at bailiffd's log."),
                  _("The registration or bailiffd was gone before the end of the drill."));
    return command_line_fail(error);
}

int live_drill(CommandLine *line, const char *word, const char *yes)
{
    GError *error = NULL;
    g_autoptr(BailiffBusRegistration) registration = NULL;
    g_autoptr(BusClient) client = bus_client_new(&error);

    if (!client || !bus_client_load(client, &error) ||
        !(registration = bus_client_find_registration(client, word, &error)) ||
        !is_meant(registration, yes, &error))
        return command_line_fail(error);

    LiveDrill self = { .line = line,
                       .registration = registration,
                       .loop = g_main_loop_new(NULL, FALSE) };
    int status = walk(&self, client);
    g_signal_handlers_disconnect_by_data(registration, &self);
    g_signal_handlers_disconnect_by_data(client->objects, &self);
    g_main_loop_unref(self.loop);
    return status;
}
