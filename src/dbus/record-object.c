/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A lockspace record.
 */
#include "dbus/record-object.h"

#include "bailiff-bus-generated.h"
#include "common/bailiff-error.h"
#include "dbus/method-call.h"
#include "dbus/object-path.h"
#include "dbus/variant-options.h"
#include "engine/lockspace.h"

#define BAILIFF_TYPE_RECORD_OBJECT (bailiff_record_object_get_type())
G_DECLARE_FINAL_TYPE(BailiffRecordObject, bailiff_record_object, BAILIFF, RECORD_OBJECT,
                     BailiffBusRecordSkeleton)

struct _BailiffRecordObject {
    BailiffBusRecordSkeleton parent_instance;
    BailiffBusService *service; /* owns us */
    BailiffRecord *record;
};

static void record_iface_init(BailiffBusRecordIface *iface);

G_DEFINE_TYPE_WITH_CODE(BailiffRecordObject, bailiff_record_object,
                        BAILIFF_BUS_TYPE_RECORD_SKELETON,
                        G_IMPLEMENT_INTERFACE(BAILIFF_BUS_TYPE_RECORD, record_iface_init))

static BailiffRecords *records_of(MethodCall *call)
{
    return bailiff_engine_get_records(bailiff_bus_service_get_engine(call->service));
}

static void change_done(GObject *source, GAsyncResult *result, gpointer user_data)
{
    MethodCall *call = user_data;
    GError *error = NULL;

    if (bailiff_records_finish(BAILIFF_RECORDS(source), result, &error))
        method_call_reply(call, NULL);
    else
        method_call_fail(call, error);
}

/* Joining. */

static void join_act(MethodCall *call)
{
    BailiffRecordObject *self = BAILIFF_RECORD_OBJECT(call->target);
    GError *error = NULL;
    BailiffLockspace *lockspace = bailiff_records_join(records_of(call), self->record, &error);

    if (lockspace == NULL) {
        method_call_fail(call, error);
        return;
    }
    g_autofree char *path = object_path_lockspace(bailiff_lockspace_get_name(lockspace));
    method_call_reply(call, g_variant_new("(o)", path));
}

static void stop_act(MethodCall *call)
{
    BailiffRecordObject *self = BAILIFF_RECORD_OBJECT(call->target);

    bailiff_records_stop_joining(records_of(call), self->record);
    method_call_reply(call, NULL);
}

static void forget_act(MethodCall *call)
{
    BailiffRecordObject *self = BAILIFF_RECORD_OBJECT(call->target);

    bailiff_records_forget_async(records_of(call), self->record, change_done, call);
}

static gboolean start(BailiffBusRecord *object, GDBusMethodInvocation *invocation,
                      GVariant *options, MethodCallAct act)
{
    BailiffRecordObject *self = BAILIFF_RECORD_OBJECT(object);
    GError *error = NULL;

    if (!variant_options_parse(options, NULL, 0, &error))
        return method_call_refuse(invocation, error);
    return method_call_start(self->service, self, invocation, act, NULL, NULL);
}

static gboolean handle_join(BailiffBusRecord *object, GDBusMethodInvocation *invocation,
                            GVariant *options)
{
    return start(object, invocation, options, join_act);
}

static gboolean handle_stop_joining(BailiffBusRecord *object, GDBusMethodInvocation *invocation,
                                    GVariant *options)
{
    return start(object, invocation, options, stop_act);
}

static gboolean handle_forget(BailiffBusRecord *object, GDBusMethodInvocation *invocation,
                              GVariant *options)
{
    return start(object, invocation, options, forget_act);
}

/* Editing. */

#define UNCHANGED G_MAXUINT64

typedef struct Changes {
    char *path;
    guint64 offset;
    guint64 host_id;
    guint32 io_timeout;
    char *startup;
} Changes;

static void changes_free(gpointer data)
{
    Changes *self = data;

    g_free(self->path);
    g_free(self->startup);
    g_free(self);
}

/* Of the record as it is by now. */
static LockspaceSettings *changed_settings(BailiffRecord *record, const Changes *changes,
                                           GError **error)
{
    const LockspaceSettings *before = bailiff_record_get_settings(record);
    g_autoptr(LockspaceSettings) settings = NULL;
    gboolean moved;

    if (before == NULL) {
        bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT,
                          "'bailiffctl records' says what is wrong with it. Mend the file, then "
                          "'bailiffctl reload'; or remove it ('bailiffctl forget').",
                          "The record %s is refused.", bailiff_record_get_path(record));
        return NULL;
    }
    settings = lockspace_settings_copy(before);
    if (changes->path != NULL) {
        g_free(settings->path);
        settings->path = g_strdup(changes->path);
    }
    if (changes->offset != UNCHANGED)
        settings->offset = changes->offset;
    if (changes->host_id != UNCHANGED)
        settings->host_id = changes->host_id;
    if (changes->io_timeout != G_MAXUINT32)
        settings->io_timeout = changes->io_timeout;
    if (changes->startup != NULL &&
        !lockspace_startup_from_name(changes->startup, &settings->automatic, error))
        return NULL;
    /* What was chosen for one place says nothing of another one. */
    moved = g_strcmp0(settings->path, before->path) != 0 || settings->offset != before->offset;
    if (moved || settings->host_id != 0) {
        settings->chosen_host_id = 0;
        g_clear_pointer(&settings->chosen_on, g_free);
    }
    return g_steal_pointer(&settings);
}

static void edit_act(MethodCall *call)
{
    BailiffRecordObject *self = BAILIFF_RECORD_OBJECT(call->target);
    GError *error = NULL;
    g_autoptr(LockspaceSettings) settings = changed_settings(self->record, call->args, &error);

    if (settings == NULL)
        method_call_fail(call, error);
    else
        bailiff_records_put_async(records_of(call), settings, change_done, call);
}

static gboolean handle_edit(BailiffBusRecord *object, GDBusMethodInvocation *invocation,
                            GVariant *given, GVariant *options)
{
    BailiffRecordObject *self = BAILIFF_RECORD_OBJECT(object);
    Changes *changes = g_new0(Changes, 1);
    GError *error = NULL;

    changes->offset = changes->host_id = UNCHANGED;
    changes->io_timeout = G_MAXUINT32;
    const VariantOption known[] = {
        { "path", "s", &changes->path },
        { "offset", "t", &changes->offset, 0, G_MAXINT64 },
        { "host-id", "t", &changes->host_id, 0, G_MAXINT64 },
        { "io-timeout", "u", &changes->io_timeout, 0, 255 },
        { "startup", "s", &changes->startup },
    };
    if (!variant_options_parse(options, NULL, 0, &error) ||
        !variant_options_parse(given, known, G_N_ELEMENTS(known), &error)) {
        changes_free(changes);
        return method_call_refuse(invocation, error);
    }
    return method_call_start(self->service, self, invocation, edit_act, changes, changes_free);
}

/* Properties. */

static void sync_properties(BailiffRecordObject *self)
{
    static const LockspaceSettings nothing = { .path = (char *)"" };
    BailiffBusRecord *bus = BAILIFF_BUS_RECORD(self);
    const LockspaceSettings *given = bailiff_record_get_settings(self->record);
    const LockspaceSettings *settings = given != NULL ? given : &nothing;

    bailiff_bus_record_set_path(bus, settings->path);
    bailiff_bus_record_set_offset(bus, settings->offset);
    bailiff_bus_record_set_host_id(bus, settings->host_id);
    bailiff_bus_record_set_chosen_host_id(bus,
                                          settings->host_id == 0 ? settings->chosen_host_id : 0);
    bailiff_bus_record_set_io_timeout(bus, settings->io_timeout);
    bailiff_bus_record_set_startup(bus,
                                   given != NULL ? lockspace_startup_name(given->automatic) : "");
    bailiff_bus_record_set_state(bus, bailiff_record_get_state_name(self->record));
    bailiff_bus_record_set_last_error(bus, bailiff_record_get_last_error(self->record));
    bailiff_bus_record_set_next_attempt_usec(bus, bailiff_record_get_next_attempt(self->record));
}

static void on_changed(BailiffRecord *record, BailiffRecordObject *self)
{
    sync_properties(self);
    bailiff_bus_service_changed(self->service, G_DBUS_INTERFACE_SKELETON(self));
}

/* Object. */

static void bailiff_record_object_finalize(GObject *object)
{
    g_clear_object(&BAILIFF_RECORD_OBJECT(object)->record);
    G_OBJECT_CLASS(bailiff_record_object_parent_class)->finalize(object);
}

static void record_iface_init(BailiffBusRecordIface *iface)
{
    iface->handle_join = handle_join;
    iface->handle_stop_joining = handle_stop_joining;
    iface->handle_edit = handle_edit;
    iface->handle_forget = handle_forget;
}

static void bailiff_record_object_class_init(BailiffRecordObjectClass *class)
{
    G_OBJECT_CLASS(class)->finalize = bailiff_record_object_finalize;
}

static void bailiff_record_object_init(BailiffRecordObject *self)
{
}

/* The name of a file may be no text. */
static char *shown_name(BailiffRecord *record)
{
    return g_utf8_make_valid(bailiff_record_get_name(record), -1);
}

void bailiff_record_object_show(BailiffBusService *service, BailiffRecord *record)
{
    g_autoptr(BailiffRecordObject) self = g_object_new(BAILIFF_TYPE_RECORD_OBJECT, NULL);
    g_autofree char *path = object_path_record(bailiff_record_get_name(record));
    g_autofree char *name = shown_name(record);

    self->service = service;
    self->record = g_object_ref(record);
    bailiff_bus_record_set_name(BAILIFF_BUS_RECORD(self), name);
    bailiff_bus_record_set_file(BAILIFF_BUS_RECORD(self), bailiff_record_get_path(record));
    sync_properties(self);
    g_signal_connect_object(record, "changed", G_CALLBACK(on_changed), self, 0);
    bailiff_bus_service_show(service, path, G_DBUS_INTERFACE_SKELETON(self));
}

void bailiff_record_object_hide(BailiffBusService *service, BailiffRecord *record)
{
    g_autofree char *path = object_path_record(bailiff_record_get_name(record));
    BailiffRecordObject *self = bailiff_bus_service_find(service, path, BAILIFF_TYPE_RECORD_OBJECT);

    if (self == NULL || self->record != record)
        return;
    g_signal_handlers_disconnect_by_data(record, self);
    bailiff_bus_service_hide(service, path, G_DBUS_INTERFACE_SKELETON(self));
}
