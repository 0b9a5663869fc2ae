/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The one gate in front of every method: who is the caller, and may it do this?
 *
 * The user is what the bus says of the connection, never what a message says. Root, and the user
 * whom this daemon runs as, may do everything without a question: a host must get its leases, and
 * give them back, when polkit is not there (early and late in the life of a host, in a rescue
 * shell, or because it crashed), and either could stop the daemon anyway. About everybody else
 * polkit is asked, once for each action that the call needs, and only a clear yes counts.
 *
 * All is asynchronous and has its own limits; handlers look everything up again after it.
 */
#pragma once

#include <gio/gio.h>

#define BAILIFF_TYPE_AUTHORIZATION (bailiff_authorization_get_type())
G_DECLARE_FINAL_TYPE(BailiffAuthorization, bailiff_authorization, BAILIFF, AUTHORIZATION, GObject)

BailiffAuthorization *bailiff_authorization_new(void);

/* Whose call is it? NotAuthorized when the bus does not say. The calls of one caller are answered
 * in the order in which they are asked about. */
void bailiff_authorization_identify_async(BailiffAuthorization *self,
                                          GDBusMethodInvocation *invocation,
                                          GAsyncReadyCallback callback, gpointer user_data);
gboolean bailiff_authorization_identify_finish(BailiffAuthorization *self, GAsyncResult *result,
                                               uid_t *ret_uid, GError **error);

/* Those who are not asked about. */
gboolean bailiff_authorization_trusts(BailiffAuthorization *self, uid_t uid);

/* May the caller of `invocation` do all of `actions` (bits of PolkitAction)? One question after the
 * other, the first no ends it: NotAuthorized. `details`: of call_details_new(). */
void bailiff_authorization_check_async(BailiffAuthorization *self,
                                       GDBusMethodInvocation *invocation, guint actions,
                                       GVariant *details, GCancellable *cancellable,
                                       GAsyncReadyCallback callback, gpointer user_data);
gboolean bailiff_authorization_check_finish(BailiffAuthorization *self, GAsyncResult *result,
                                            GError **error);

/* What was learnt of callers is of another bus now. */
void bailiff_authorization_forget(BailiffAuthorization *self);
