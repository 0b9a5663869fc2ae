/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Pausing a domain until it provably uses nothing any more.
 *
 * A guest that stands still is not quiet: its disk requests are QEMU's by then, and land when the
 * storage answers (test-environment facts, section 4, hazard 5). What QEMU does on `stop` is to
 * halt the processors, to say so (that is libvirt's event and state), and only then to wait until
 * no request is out; its main loop does nothing else meanwhile. So:
 *
 *   1. Suspend has returned without an error. If the domain ran, libvirt has waited for `stop`.
 *   2. A question that the main loop of QEMU has to answer is answered. libvirt does nothing on
 *      Suspend when it thinks that the domain is paused already: by another call, which is still
 *      being waited for in QEMU, or by QEMU itself, which stops a guest on an I/O error
 *      (error_policy='stop') in the same way, also draining last. Whoever asks for a failing
 * storage will meet just that. QEMU takes no question before it has come to the end of it.
 *   3. GetState, asked after that, says "paused".
 *   4. No Resume or Create of ours is out, which would let it go on later.
 *   5. All the while it was one and the same process, and it has not ended.
 *
 * Anything else is no pause: an error, a domain that is off for libvirt (the next step or the end
 * of its process decides), silence. A Suspend that was given up may pause the domain later. That
 * harms nobody who follows the rule of domain-life.c: whoever lets it go on waits for that call
 * first.
 */
#include "actions/action-functions.h"
#include "actions/domain-action.h"

static void on_state(GObject *source, GAsyncResult *result, gpointer user_data)
{
    g_autoptr(DomainAction) self = user_data;
    g_autoptr(GError) error = NULL;
    LibvirtState state = libvirt_get_state_finish(result, &error);

    if (self->done)
        return;
    if (error != NULL)
        domain_action_return_error(self, "Suspend returned, but not how it is", error);
    else if (state != LIBVIRT_STATE_PAUSED)
        domain_action_return(self, ACTION_FAILED, "Suspend returned, but the domain is %s",
                             libvirt_state_name(state));
    else if (domain_action_may_be_started(self))
        domain_action_return(self, ACTION_FAILED, "paused, but about to be started again");
    else if (!domain_action_is_same_process(self))
        domain_action_return(self, ACTION_FAILED, "paused, but by now it is another process");
    else {
        domain_target_set_quiet(self->target, TRUE);
        domain_action_return(self, ACTION_QUIET, "paused, and no I/O of it is out");
    }
}

static void ask_state(DomainAction *self)
{
    domain_action_set_silence(self, "Suspend returned, but libvirt has not said how it is");
    libvirt_get_state_async(domain_target_get_libvirt(self->target),
                            bailiff_domain_target_get_uuid(self->target), 0, self->cancellable,
                            on_state, domain_action_ref(self));
}

static void on_qemu_answered(GObject *source, GAsyncResult *result, gpointer user_data)
{
    g_autoptr(DomainAction) self = user_data;
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) reply = libvirt_calls_finish(result, &error);

    if (self->done)
        return;
    if (reply == NULL)
        domain_action_return_error(self, "Suspend returned, but QEMU does not answer", error);
    else
        ask_state(self);
}

static void on_suspended(GObject *source, GAsyncResult *result, gpointer user_data)
{
    g_autoptr(DomainAction) self = user_data;
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) reply = libvirt_calls_finish(result, &error);

    if (self->done)
        return;
    if (reply == NULL) {
        domain_action_return_error(self, "Suspend", error);
    } else if (libvirt_is_qemu(domain_target_get_libvirt(self->target))) {
        domain_action_set_silence(self, "Suspend returned, but QEMU has not answered");
        domain_action_call(self, LIBVIRT_ASK_QEMU, on_qemu_answered);
    } else {
        ask_state(self);
    }
}

static void on_settled(GObject *source, GAsyncResult *result, gpointer user_data)
{
    g_autoptr(DomainAction) self = user_data;

    if (self->done || !libvirt_settle_finish(result, NULL))
        return;
    domain_action_set_silence(self, "libvirt has not answered Suspend");
    domain_action_call(self, LIBVIRT_SUSPEND, on_suspended);
}

void action_pause_start(const ActionServices *services, const ActionRequest *request, GTask *task)
{
    DomainAction *self = domain_action_new(services, request, task);

    if (self == NULL)
        return;
    domain_action_set_silence(self, "an earlier Resume or Create is still out");
    libvirt_settle_async(domain_target_get_libvirt(self->target),
                         bailiff_domain_target_get_uuid(self->target), LIBVIRT_STARTING,
                         self->cancellable, on_settled, self);
}
