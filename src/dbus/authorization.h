/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The one gate in front of every method: may this caller do this?
 *
 * Today's rule: root and the daemon's own user may do everything, nobody else anything. The user is
 * what the bus says of the connection, never what a message says. The question is asynchronous, so
 * that an authority which asks a person (polkit) can stand in this place without a change to any
 * method: handlers already expect that time passes, and look everything up again after it.
 */
#pragma once

#include <gio/gio.h>

#define BAILIFF_TYPE_AUTHORIZATION (bailiff_authorization_get_type())
G_DECLARE_FINAL_TYPE(BailiffAuthorization, bailiff_authorization, BAILIFF, AUTHORIZATION, GObject)

BailiffAuthorization *bailiff_authorization_new(void);

/* May the caller of `invocation` call this method? NotAuthorized when not, and also when the bus
 * does not say who it is. */
void bailiff_authorization_check_async(BailiffAuthorization *self,
                                       GDBusMethodInvocation *invocation,
                                       GAsyncReadyCallback callback, gpointer user_data);
/* `ret_uid`: the caller's user, also when it may not. */
gboolean bailiff_authorization_check_finish(BailiffAuthorization *self, GAsyncResult *result,
                                            uid_t *ret_uid, GError **error);

/* What was learnt of callers is of another bus now. */
void bailiff_authorization_forget(BailiffAuthorization *self);
