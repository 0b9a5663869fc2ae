/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Persistent resource leases: what becomes of them when those who hold them end, and how somebody
 * else takes them over.
 */
#include "engine/resource-state.h"

#include "common/bailiff-error.h"
#include "common/log-message.h"
#include "engine/lockspace-private.h"
#include "engine/registration-private.h"

static void on_let_go(GObject *source, GAsyncResult *result, gpointer user_data)
{
    /* Where it did not work the resource goes on trying by itself. */
    bailiff_resource_release_finish(BAILIFF_RESOURCE(source), result, NULL);
}

/* An acquisition has written it down by now; this is for a lease that becomes persistent later. */
void bailiff_resource_set_persistent(BailiffResource *self, gboolean persistent)
{
    g_autoptr(GError) error = NULL;
    gboolean changes = self->persistent != persistent;

    self->persistent = persistent;
    /* One that is not published yet is written down as unused, which says nothing of its holders;
     * what it is as well is written with its being held. */
    if (changes && self->phase != RESOURCE_GRANTED)
        resource_save_holders(self);
    if (!persistent)
        bailiff_lockspace_forget_persistent(self->lockspace, self->name);
    else if (!bailiff_lockspace_note_persistent(self->lockspace, self->name, &error))
        log_message(MESSAGE_RECORD_FAILED,
                    LOG_SUBJECT(.lockspace = self->lockspace->name, .resource = self->name), "%s",
                    error->message);
}

gboolean bailiff_resource_is_persistent(BailiffResource *self)
{
    return self->persistent;
}

static void set_orphan(BailiffResource *self, gboolean orphan)
{
    self->orphan = orphan;
    resource_save_holders(self);
    resource_notify_orphan(self);
    bailiff_lockspace_registrations_changed(self->lockspace);
}

static void become_orphan(BailiffResource *self)
{
    g_autoptr(BailiffRegistration) holder = g_steal_pointer(&self->registration);

    g_free(self->former_holder);
    self->former_holder = g_strdup_printf("%s (%s)", bailiff_registration_get_name(holder),
                                          bailiff_registration_describe(holder));
    log_message(MESSAGE_RESOURCE_ORPHANED,
                LOG_SUBJECT(.lockspace = self->lockspace->name, .resource = self->name,
                            .registration = bailiff_registration_get_id(holder),
                            .registration_name = bailiff_registration_get_name(holder)),
                "Resource %s of lockspace %s is an orphan now: %s has left it.", self->name,
                self->lockspace->name, self->former_holder);
    set_orphan(self, TRUE);
    bailiff_registration_resource_gone(holder, self);
}

void bailiff_resource_holder_ended(BailiffResource *self, BailiffRegistration *registration)
{
    if (bailiff_resource_leave(self, registration))
        return;
    if (!self->persistent || self->phase != RESOURCE_PUBLISHED)
        bailiff_resource_release_async(self, on_let_go, NULL);
    else if (bailiff_lockspace_holds_orphans(self->lockspace))
        become_orphan(self);
    else
        bailiff_resource_abandon(
            self); /* as are the orphans of a lockspace that fails or is left */
}

void bailiff_resource_take_back(BailiffResource *self, BailiffRegistration *registration)
{
    if (bailiff_resource_leave(self, registration))
        return;
    bailiff_resource_set_persistent(self, self->adopted);
    if (self->registration != NULL)
        bailiff_resource_holder_ended(self, registration);
}

gboolean bailiff_resource_reserve(BailiffResource *self, GError **error)
{
    if (!resource_check_known(self, error))
        return FALSE;
    if (self->reserved) {
        bailiff_set_error(error, BAILIFF_ERROR_BUSY, "Look who holds it now.",
                          "Resource %s of lockspace %s, an orphan, is being adopted by another "
                          "call.",
                          self->name, self->lockspace->name);
        return FALSE;
    }
    self->reserved = TRUE;
    return TRUE;
}

void bailiff_resource_unreserve(BailiffResource *self)
{
    self->reserved = FALSE;
}

void bailiff_resource_adopt(BailiffResource *self, BailiffRegistration *registration)
{
    g_assert(self->reserved && bailiff_resource_is_orphan(self));
    self->reserved = FALSE;
    self->adopted = TRUE;
    self->registration = g_object_ref(registration);
    set_orphan(self, FALSE);
    bailiff_registration_add_resource(registration, self);
}

gboolean bailiff_resource_is_orphan(BailiffResource *self)
{
    return self->orphan && self->phase == RESOURCE_PUBLISHED;
}

const char *bailiff_resource_get_former_holder(BailiffResource *self)
{
    return self->former_holder != NULL ? self->former_holder : "";
}
