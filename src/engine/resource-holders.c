/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who holds a resource lease on this host.
 *
 * An exclusive one has one registration. A shared one is on disk once, for any number of them: the
 * first one acquires it, others join without any I/O, and only the last one to leave gives it back.
 * On disk nothing tells how many they are, so what concerns the lease (its lockspace fails,
 * or it is released) concerns all of them.
 */
#include "engine/resource-state.h"

#include "base/fixed-name.h"
#include "common/bailiff-error.h"
#include "engine/lockspace-private.h"
#include "engine/name-error.h"
#include "engine/registration-private.h"

GPtrArray *bailiff_resource_list_registrations(BailiffResource *self)
{
    GPtrArray *list = g_ptr_array_new_with_free_func(g_object_unref);

    if (self->registration != NULL)
        g_ptr_array_add(list, g_object_ref(self->registration));
    for (guint i = 0; i < self->sharers->len; i++)
        g_ptr_array_add(list, g_object_ref(self->sharers->pdata[i]));
    return list;
}

gboolean bailiff_resource_is_held_by(BailiffResource *self, BailiffRegistration *registration)
{
    return self->registration == registration ||
           g_ptr_array_find(self->sharers, registration, NULL);
}

gboolean bailiff_resource_check_joinable(BailiffResource *self, BailiffRegistration *registration,
                                         const char *path, guint64 offset, GError **error)
{
    const char *lockspace = bailiff_lockspace_get_name(self->lockspace);

    if (self->phase != RESOURCE_PUBLISHED || self->operating)
        bailiff_set_error(error, BAILIFF_ERROR_BUSY, "Try again, or call with the option wait.",
                          "Resource %s of lockspace %s is being acquired, converted or released on "
                          "this host.",
                          self->name, lockspace);
    else if (bailiff_resource_is_held_by(self, registration))
        bailiff_set_error(error, BAILIFF_ERROR_HELD, "Use the lease that it has.",
                          "Resource %s of lockspace %s is held shared by %s already.", self->name,
                          lockspace, bailiff_registration_get_name(registration));
    else if (self->registration == NULL)
        bailiff_set_error(error, BAILIFF_ERROR_HELD, "Adopt it, or release it.",
                          "Resource %s of lockspace %s is held shared on this host as an orphan.",
                          self->name, lockspace);
    else if (g_strcmp0(self->path, path) != 0 || self->offset != offset)
        bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT, "Name the place of the resource.",
                          "Resource %s of lockspace %s is held shared on this host, at offset "
                          "%" G_GUINT64_FORMAT " of %s.",
                          self->name, lockspace, self->offset, self->path);
    else
        return TRUE;
    return FALSE;
}

void bailiff_resource_join(BailiffResource *self, BailiffRegistration *registration)
{
    g_assert(self->phase == RESOURCE_PUBLISHED && self->mode == RESOURCE_SHARED);
    g_ptr_array_add(self->sharers, g_object_ref(registration));
    resource_save_holders(self);
    bailiff_registration_add_resource(registration, self);
    resource_notify_registrations(self);
    bailiff_lockspace_registrations_changed(self->lockspace);
}

static void drop_holder(BailiffResource *self, BailiffRegistration *registration)
{
    g_autoptr(BailiffResource) hold = g_object_ref(self);
    g_autoptr(BailiffRegistration) hold_registration = g_object_ref(registration);

    if (self->registration == registration) {
        g_object_unref(self->registration);
        self->registration = g_ptr_array_steal_index(self->sharers, 0);
    } else {
        g_ptr_array_remove(self->sharers, registration);
    }
    resource_save_holders(self);
    resource_notify_registrations(self);
    bailiff_lockspace_registrations_changed(self->lockspace);
    bailiff_registration_resource_gone(registration, self);
}

gboolean bailiff_resource_leave(BailiffResource *self, BailiffRegistration *registration)
{
    if (self->phase != RESOURCE_PUBLISHED ||
        (self->sharers->len == 0 && !bailiff_resource_has_unknown(self)))
        return FALSE;
    if (!bailiff_resource_is_held_by(self, registration))
        return TRUE;
    if (self->sharers->len == 0)
        resource_leave_to_unknown(self);
    else
        drop_holder(self, registration);
    return TRUE;
}

void resource_tell_gone(BailiffResource *self)
{
    g_autoptr(GPtrArray) holders = bailiff_resource_list_registrations(self);

    for (guint i = 0; i < holders->len; i++)
        bailiff_registration_resource_gone(holders->pdata[i], self);
}

void bailiff_resource_start_failing(BailiffResource *self, guint64 fail_us)
{
    g_autoptr(GPtrArray) holders = bailiff_resource_list_registrations(self);

    for (guint i = 0; i < holders->len; i++)
        bailiff_registration_start_failing(holders->pdata[i],
                                           bailiff_lockspace_get_name(self->lockspace), fail_us);
}

gboolean resource_check_rename(BailiffResource *self, const char *new_name, GError **error)
{
    if (!bailiff_check_name("resource", new_name, FIXED_NAME_SIZE, error) ||
        !resource_check_known(self, error) || !resource_check_idle(self, error))
        return FALSE;
    if (self->mode == RESOURCE_SHARED)
        bailiff_set_error(
            error, BAILIFF_ERROR_INVALID_ARGUMENT,
            "Convert it to exclusive first, then release it with the new name.",
            "Resource %s is held shared: others who do would lose it by its old name.", self->name);
    else if (g_strcmp0(self->name, new_name) == 0)
        bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT,
                          "Choose another name, or release it without one.",
                          "Resource %s has that name already.", self->name);
    else
        return TRUE;
    return FALSE;
}
