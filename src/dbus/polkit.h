/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One question to polkit: may the caller do this? Plain calls on the connection that we have: the
 * library would bring a connection and a main context's worth of its own for two methods.
 *
 * Whatever is no clear yes is a no: an error, silence, a polkit that is not there.
 */
#pragma once

#include <gio/gio.h>

typedef struct PolkitQuestion {
    GDBusConnection *connection;
    const char *caller;    /* its unique name */
    const char *action_id; /* "org.bailiff.use-leases" */
    GVariant *details;     /* a{ss}, for rules; not consumed when it has no floating reference */
    gboolean interactive;  /* a person may be asked, which takes longer */
} PolkitQuestion;

/* The longest that is waited. A rule is a few milliseconds of work for polkit (measured: 2 to 10,
 * 30 with its start); a person has to find a password. */
#define POLKIT_ANSWER_MS 10000
#define POLKIT_PERSON_MS 120000

/* The strings are borrowed for the call. When it is cancelled, or takes too long, polkit is told
 * that nobody waits any more. */
void polkit_ask_async(const PolkitQuestion *question, GCancellable *cancellable,
                      GAsyncReadyCallback callback, gpointer user_data);
/* NotAuthorized, naming the action and who can change it. */
gboolean polkit_ask_finish(GAsyncResult *result, GError **error);
