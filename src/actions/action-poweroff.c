/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Powering a domain off.
 *
 * It is off when the pidfd of its QEMU is readable, and this action has worked then and not before:
 * libvirt reports a domain as destroyed while its process still has a write out (test-environment
 * facts, section 4, hazard 6). So when Destroy has returned, or GetState says "off", the process is
 * what is waited for, to the end of the grace.
 *
 * An error of Destroy may be one of the domain's being off already, or of its being busy; all have
 * one name. GetState tells: if the domain is not off, this has failed and the next step is due. A
 * Destroy that is given up may come later; whoever starts the domain again waits for it first
 * (domain-life.c).
 */
#include "actions/action-functions.h"
#include "actions/domain-action.h"

#include <string.h>

#define OFF_BUT_ALIVE "libvirt says that it is off, but its process has not ended"

typedef struct Refusal {
    DomainAction *action;
    char *text;
} Refusal;

static void on_state(GObject *source, GAsyncResult *result, gpointer user_data)
{
    g_autofree Refusal *refusal = user_data;
    g_autofree char *text = refusal->text;
    g_autoptr(DomainAction) self = refusal->action;
    g_autoptr(GError) error = NULL;
    LibvirtState state = libvirt_get_state_finish(result, &error);

    if (self->done)
        return;
    if (error != NULL)
        domain_action_return(self, ACTION_FAILED, "Destroy: %s", text);
    else if (state != LIBVIRT_STATE_OFF)
        domain_action_return(self, ACTION_FAILED, "the domain is %s; Destroy: %s",
                             libvirt_state_name(state), text);
    else
        domain_action_set_silence(self, OFF_BUT_ALIVE);
}

static void ask_state(DomainAction *self, const GError *why)
{
    Refusal *refusal = g_new(Refusal, 1);

    refusal->action = domain_action_ref(self);
    refusal->text = g_strndup(why->message, strcspn(why->message, "\n"));
    domain_action_set_silence(self,
                              "libvirt has answered Destroy with an error, and not said how it is");
    libvirt_get_state_async(domain_target_get_libvirt(self->target),
                            bailiff_domain_target_get_uuid(self->target), 0, self->cancellable,
                            on_state, refusal);
}

static void on_destroyed(GObject *source, GAsyncResult *result, gpointer user_data)
{
    g_autoptr(DomainAction) self = user_data;
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) reply = libvirt_calls_finish(result, &error);

    if (self->done)
        return;
    if (reply == NULL)
        ask_state(self, error);
    else
        domain_action_set_silence(self, OFF_BUT_ALIVE);
}

void action_poweroff_start(const ActionServices *services, const ActionRequest *request,
                           GTask *task)
{
    g_autoptr(DomainAction) self = domain_action_new(services, request, task);

    if (self == NULL)
        return;
    domain_action_set_silence(self, "libvirt has not answered Destroy");
    domain_action_call(self, LIBVIRT_DESTROY, on_destroyed);
}
