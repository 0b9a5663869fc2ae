/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Resource leases that somebody may use of whom nothing is known: an earlier daemon has written
 * down that a registration holds them, and the record of that registration cannot be read, or is
 * not there.
 *
 * He may run and write. He cannot be told of the end of the lease, nor be stopped, so he counts as
 * a holder who never lets go:
 *
 *   while the lockspace is renewed   the lease stays on disk, as strong as it was. It is neither
 *                                    released nor adopted, and is converted to nothing. Others who
 *                                    share it on this host go on, and let go of it
 *   when the lockspace fails         nothing can end his use, so the lockspace is not over: it
 *                                    stays `failing`, with the guard that was to reset this host if
 *                                    not all were harmless in time. He is not, and it does
 *   when the lockspace is left       it is not over either, and is renewed
 *
 * What ends it is the removal of the file in the place of the record: by that somebody says that he
 * has made sure. Then the lease is what it would be if its holder had ended. He stays written down
 * in the record of the resource until then, so that a daemon which follows this one asks the same.
 *
 * An orphan, whose holder is known to have ended, names nobody in its record, and is none of these.
 */
#include "engine/resource-state.h"

#include "common/bailiff-error.h"
#include "common/log-message.h"
#include "engine/engine-private.h"
#include "engine/held-record.h"
#include "engine/lockspace-private.h"
#include "engine/registration-private.h"

gboolean bailiff_resource_has_unknown(BailiffResource *self)
{
    return self->unknown->len > 0;
}

char *bailiff_resource_describe_unknown(BailiffResource *self)
{
    BailiffEngine *engine = self->lockspace->engine;
    const char *runtime_dir = engine != NULL ? bailiff_engine_get_runtime_dir(engine) : "";
    g_autoptr(GString) text = g_string_new(NULL);

    for (guint i = 0; i < self->unknown->len; i++)
        g_string_append_printf(text, "%swhoever %s/held/%" G_GUINT64_FORMAT " is about",
                               i > 0 ? ", " : "", runtime_dir,
                               g_array_index(self->unknown, guint64, i));
    return g_string_free(g_steal_pointer(&text), FALSE);
}

gboolean resource_check_known(BailiffResource *self, GError **error)
{
    g_autofree char *who = NULL;

    if (!bailiff_resource_has_unknown(self))
        return TRUE;
    who = bailiff_resource_describe_unknown(self);
    bailiff_set_error(error, BAILIFF_ERROR_BUSY,
                      "Make sure that it does not run any more, then remove that file.",
                      "Resource %s of lockspace %s may be used by %s, which cannot be read.",
                      self->name, self->lockspace->name, who);
    return FALSE;
}

void bailiff_resource_tell_unknown(BailiffResource *self)
{
    g_autofree char *who = bailiff_resource_describe_unknown(self);

    log_message(MESSAGE_REMAINS_FOUND,
                LOG_SUBJECT(.lockspace = self->lockspace->name, .resource = self->name),
                "Resource %s of lockspace %s may be used by %s, who cannot be stopped. The "
                "lockspace is not over before somebody has made sure that it does not run, and has "
                "removed that file.",
                self->name, self->lockspace->name, who);
}

static void become_orphan_of_unknown(BailiffResource *self)
{
    g_free(self->former_holder);
    self->former_holder = bailiff_resource_describe_unknown(self);
    self->orphan = TRUE;
    resource_save_holders(self);
    resource_notify_orphan(self);
    bailiff_lockspace_registrations_changed(self->lockspace);
}

void resource_leave_to_unknown(BailiffResource *self)
{
    g_autoptr(BailiffResource) hold = g_object_ref(self);
    g_autoptr(BailiffRegistration) holder = g_steal_pointer(&self->registration);

    become_orphan_of_unknown(self);
    bailiff_registration_resource_gone(holder, self);
}

static void on_let_go(GObject *source, GAsyncResult *result, gpointer user_data)
{
    /* Where it did not work the resource goes on trying by itself. */
    bailiff_resource_release_finish(BAILIFF_RESOURCE(source), result, NULL);
}

static void be_without_unknown(BailiffResource *self)
{
    log_line(
        LOG_NOTICE, LOG_SUBJECT(.lockspace = self->lockspace->name, .resource = self->name),
        "The record that could not be read is removed: resource %s of lockspace %s is not used "
        "by anybody unknown.",
        self->name, self->lockspace->name);
    if (self->phase != RESOURCE_PUBLISHED)
        return;
    if (self->registration != NULL)
        resource_save_holders(self);
    else if (!self->persistent)
        bailiff_resource_release_async(self, on_let_go, NULL);
    else if (bailiff_lockspace_holds_orphans(self->lockspace))
        resource_save_holders(self);
    else
        bailiff_resource_abandon(self);
}

gboolean bailiff_resource_acknowledge(BailiffResource *self, const char *runtime_dir,
                                      const GArray *never_there)
{
    (void)held_records_drop_removed(runtime_dir, self->unknown, never_there);
    if (bailiff_resource_has_unknown(self))
        return FALSE;
    be_without_unknown(self);
    return TRUE;
}
