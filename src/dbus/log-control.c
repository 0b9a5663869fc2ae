/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Names of levels and targets, and two properties that can be written.
 */
#include "dbus/log-control.h"

#include <string.h>
#include <syslog.h>

#include "bailiff-bus-generated.h"
#include "common/bailiff-error.h"
#include "common/log-message.h"
#include "common/printable-word.h"
#include "dbus/method-call.h"

/* By number, as syslog(3) has them. */
static const char *const level_names[] = { "emerg",   "alert",  "crit", "err",
                                           "warning", "notice", "info", "debug" };
static const char *const target_names[] = {
    [LOG_TARGET_JOURNAL] = "journal",
    [LOG_TARGET_CONSOLE] = "console",
};

struct _BailiffLogControl {
    GObject parent_instance;
    BailiffBusService *service;
    LogWriter *log;
    GDBusConnection *connection;
    guint registered;
};

G_DEFINE_TYPE(BailiffLogControl, bailiff_log_control, G_TYPE_OBJECT)

static int find_name(const char *const *names, gsize n, const char *name)
{
    for (gsize i = 0; i < n; i++)
        if (g_str_equal(names[i], name))
            return (int)i;
    return -1;
}

/* --- setting --------------------------------------------------------------------------------- */

typedef struct Setting {
    int level;  /* -1: not this */
    int target; /* -1: not this */
} Setting;

static void set_act(MethodCall *call)
{
    BailiffLogControl *self = call->target;
    const Setting *setting = call->args;

    int level = setting->level >= 0 ? setting->level : log_writer_get_level(self->log);
    int target = setting->target >= 0 ? setting->target : (int)log_writer_get_target(self->log);

    /* Whatever it is set to, and to where it went before: it is not silenced in silence. */
    log_writer_set_level(self->log, LOG_DEBUG);
    log_line(LOG_NOTICE, NULL, "User %u sets the log: level %s, target %s", (guint)call->uid,
             level_names[level], target_names[target]);
    log_writer_set_level(self->log, level);
    if (setting->target >= 0) {
        log_writer_set_target(self->log, (LogTarget)target);
        log_line(LOG_NOTICE, NULL, "The log is written here (%s) from now on",
                 target_names[target]);
    }
    method_call_reply(call, NULL);
}

static GError *refuse(const char *what, const char *word, const char *cure)
{
    g_autofree char *printable = printable_word(word);

    return bailiff_error_make(BAILIFF_ERROR_INVALID_ARGUMENT, cure, "There is no log %s '%s' here.",
                              what, printable);
}

/* NULL with an error. */
static Setting *read_setting(BailiffLogControl *self, const char *property, const char *word,
                             GError **error)
{
    Setting setting = { .level = -1, .target = -1 };

    if (g_str_equal(property, "LogLevel")) {
        setting.level = find_name(level_names, G_N_ELEMENTS(level_names), word);
        if (setting.level < 0)
            g_propagate_error(
                error, refuse("level", word,
                              "Use emerg, alert, crit, err, warning, notice, info or debug."));
    } else {
        setting.target = g_str_equal(word, "auto")
                             ? (int)log_writer_get_usual_target(self->log)
                             : find_name(target_names, G_N_ELEMENTS(target_names), word);
        if (setting.target < 0)
            g_propagate_error(error, refuse("target", word, "Use auto, journal or console."));
    }
    return setting.level >= 0 || setting.target >= 0 ? g_memdup2(&setting, sizeof(setting)) : NULL;
}

/* GDBus has checked that the property is there, can be written, and is of this type. */
static void handle_set(GDBusConnection *connection, const char *sender, const char *path,
                       const char *interface, const char *method, GVariant *parameters,
                       GDBusMethodInvocation *invocation, gpointer user_data)
{
    BailiffLogControl *self = user_data;
    g_autoptr(GVariant) value = NULL;
    const char *property;
    GError *error = NULL;
    Setting *setting;

    g_variant_get(parameters, "(&s&sv)", NULL, &property, &value);
    setting = read_setting(self, property, g_variant_get_string(value, NULL), &error);
    if (setting == NULL)
        method_call_refuse(invocation, error);
    else
        method_call_start(self->service, self, invocation, set_act, setting, g_free);
}

/* --- being there ----------------------------------------------------------------------------- */

static GVariant *get_property(GDBusConnection *connection, const char *sender, const char *path,
                              const char *interface, const char *property, GError **error,
                              gpointer user_data)
{
    BailiffLogControl *self = user_data;

    return g_variant_new_string(
        g_str_equal(property, "LogLevel")    ? level_names[log_writer_get_level(self->log)]
        : g_str_equal(property, "LogTarget") ? target_names[log_writer_get_target(self->log)]
                                             : log_writer_get_identifier(self->log));
}

void bailiff_log_control_set_connection(BailiffLogControl *self, GDBusConnection *connection)
{
    static const GDBusInterfaceVTable vtable = { .method_call = handle_set,
                                                 .get_property = get_property };
    g_autoptr(GError) error = NULL;

    if (self->registered != 0)
        g_dbus_connection_unregister_object(self->connection, self->registered);
    self->registered = 0;
    g_set_object(&self->connection, connection);
    if (connection == NULL)
        return;
    self->registered = g_dbus_connection_register_object(
        connection, LOG_CONTROL_PATH, bailiff_bus_org_freedesktop_log_control1_interface_info(),
        &vtable, self, NULL, &error);
    if (self->registered == 0)
        log_line(LOG_WARNING, NULL, "%s is not on the bus: %s", LOG_CONTROL_PATH, error->message);
}

static void bailiff_log_control_dispose(GObject *object)
{
    bailiff_log_control_set_connection(BAILIFF_LOG_CONTROL(object), NULL);
    G_OBJECT_CLASS(bailiff_log_control_parent_class)->dispose(object);
}

static void bailiff_log_control_class_init(BailiffLogControlClass *class)
{
    G_OBJECT_CLASS(class)->dispose = bailiff_log_control_dispose;
}

static void bailiff_log_control_init(BailiffLogControl *self)
{
}

BailiffLogControl *bailiff_log_control_new(BailiffBusService *service, LogWriter *log)
{
    BailiffLogControl *self = g_object_new(BAILIFF_TYPE_LOG_CONTROL, NULL);

    self->service = service;
    self->log = log;
    return self;
}
