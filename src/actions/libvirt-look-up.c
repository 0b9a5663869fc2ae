/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A domain's name by its UUID: the name is what its pid file is called by.
 */
#include "actions/libvirt-domain.h"

#include "base/checked-time.h"
#include "common/bailiff-error.h"
#include "common/boottime.h"
#include "common/printable-word.h"

#define LOOK_UP_LIMIT_MS 10000
#define CURE_LIBVIRT "Look after libvirt: virsh list, and the log of libvirtd."

typedef struct LookUp {
    char *uuid, *path;
    guint64 until_us;
} LookUp;

static void look_up_free(gpointer data)
{
    LookUp *look_up = data;

    g_free(look_up->uuid);
    g_free(look_up->path);
    g_free(look_up);
}

static void on_name_told(GObject *source, GAsyncResult *result, gpointer user_data)
{
    g_autoptr(GTask) task = user_data;
    GError *error = NULL;
    g_autoptr(GVariant) reply = libvirt_calls_finish(result, &error);
    g_autoptr(GVariant) value = NULL;

    if (reply == NULL) {
        g_task_return_error(task, error);
        return;
    }
    g_variant_get(reply, "(v)", &value);
    if (g_variant_is_of_type(value, G_VARIANT_TYPE_STRING))
        g_task_return_pointer(task, g_variant_dup_string(value, NULL), g_free);
    else
        g_task_return_error(task, bailiff_error_make(BAILIFF_ERROR_IO_ERROR, CURE_LIBVIRT,
                                                     "libvirt does not tell a domain's name."));
}

/* Whether there is such a domain is read from the list: libvirt's errors have one name for all. */
static void on_domains_listed(GObject *source, GAsyncResult *result, gpointer user_data)
{
    g_autoptr(GTask) task = user_data;
    BailiffLibvirt *self = g_task_get_source_object(task);
    LookUp *look_up = g_task_get_task_data(task);
    guint64 left_us = time_since(look_up->until_us, boottime_now());
    GError *error = NULL;
    g_autoptr(GVariant) reply = libvirt_calls_finish(result, &error);
    g_autofree const char **paths = NULL;

    if (reply == NULL) {
        g_task_return_error(task, error);
        return;
    }
    g_variant_get(reply, "(^a&o)", &paths);
    if (!g_strv_contains(paths, look_up->path)) {
        g_task_return_error(task, bailiff_error_make(BAILIFF_ERROR_NOT_FOUND,
                                                     "Define it first: virsh list --all --uuid "
                                                     "shows those that libvirt has.",
                                                     "libvirt has no domain %s.", look_up->uuid));
        return;
    }
    libvirt_calls_start(libvirt_get_calls(self), LIBVIRT_GET_NAME, look_up->uuid,
                        1 + (guint)(left_us / 1000), g_task_get_cancellable(task), on_name_told,
                        g_object_ref(task));
}

void bailiff_libvirt_look_up_async(BailiffLibvirt *self, const char *uuid,
                                   GCancellable *cancellable, GAsyncReadyCallback callback,
                                   gpointer user_data)
{
    g_autoptr(GTask) task = g_task_new(self, cancellable, callback, user_data);
    LookUp *look_up;

    g_task_set_source_tag(task, bailiff_libvirt_look_up_async);
    if (!g_uuid_string_is_valid(uuid)) {
        g_autofree char *word = printable_word(uuid);
        g_task_return_error(
            task, bailiff_error_make(BAILIFF_ERROR_INVALID_ARGUMENT,
                                     "Pass the domain's UUID: virsh domuuid NAME prints it.",
                                     "'%s' is not a UUID.", word));
        return;
    }
    look_up = g_new0(LookUp, 1);
    look_up->uuid = g_ascii_strdown(uuid, -1);
    look_up->path = libvirt_calls_make_path(libvirt_get_calls(self), look_up->uuid);
    look_up->until_us = time_add(boottime_now(), (guint64)LOOK_UP_LIMIT_MS * 1000);
    g_task_set_task_data(task, look_up, look_up_free);
    libvirt_calls_start(libvirt_get_calls(self), LIBVIRT_LIST_DOMAINS, NULL, LOOK_UP_LIMIT_MS,
                        cancellable, on_domains_listed, g_object_ref(task));
}

char *bailiff_libvirt_look_up_finish(BailiffLibvirt *self, GAsyncResult *result, GError **error)
{
    g_return_val_if_fail(g_task_is_valid(result, self), NULL);
    return g_task_propagate_pointer(G_TASK(result), error);
}
