/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whose an object is, as it is now: a resource may have other holders by the time an answer comes.
 */
#include "dbus/ownership.h"

#include "dbus/registration-object.h"
#include "dbus/resource-object.h"

static gboolean resource_belongs_to(BailiffResource *resource, uid_t uid)
{
    g_autoptr(GPtrArray) holders = bailiff_resource_list_registrations(resource);

    for (guint i = 0; i < holders->len; i++)
        if (bailiff_registration_get_uid(g_ptr_array_index(holders, i)) != uid)
            return FALSE;
    return holders->len > 0;
}

gboolean object_belongs_to(gpointer interface, uid_t uid)
{
    if (BAILIFF_IS_REGISTRATION_OBJECT(interface))
        return bailiff_registration_get_uid(
                   bailiff_registration_object_get_registration(interface)) == uid;
    if (BAILIFF_IS_RESOURCE_OBJECT(interface))
        return resource_belongs_to(bailiff_resource_object_get_resource(interface), uid);
    return TRUE;
}
