/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * CheckAuthorization() of org.freedesktop.PolicyKit1.
 */
#include "dbus/polkit.h"

#include "common/bailiff-error.h"
#include "common/log-message.h"

#define POLKIT_NAME "org.freedesktop.PolicyKit1"
#define POLKIT_PATH "/org/freedesktop/PolicyKit1/Authority"
#define POLKIT_INTERFACE "org.freedesktop.PolicyKit1.Authority"

enum { POLKIT_ALLOW_USER_INTERACTION = 1 };

typedef struct Asked {
    char *action_id;
    char *cancellation_id;
} Asked;

static void asked_free(gpointer data)
{
    Asked *asked = data;

    g_free(asked->action_id);
    g_free(asked->cancellation_id);
    g_free(asked);
}

/* Else a password dialogue stays on somebody's screen, for nothing. Nobody waits for the reply. */
static void withdraw(GDBusConnection *connection, const Asked *asked)
{
    g_dbus_connection_call(connection, POLKIT_NAME, POLKIT_PATH, POLKIT_INTERFACE,
                           "CancelCheckAuthorization", g_variant_new("(s)", asked->cancellation_id),
                           NULL, G_DBUS_CALL_FLAGS_NO_AUTO_START, POLKIT_ANSWER_MS, NULL, NULL,
                           NULL);
}

static void fail_no_answer(GTask *task, const Asked *asked, GError *cause)
{
    g_autofree char *remote = g_dbus_error_get_remote_error(cause);
    const char *cure = "Start polkit (systemctl start polkit), or call as root.";

    if (g_strcmp0(remote, POLKIT_NAME ".Error.Failed") == 0)
        cure = "Install org.bailiff.policy in /usr/share/polkit-1/actions, or call as root.";
    g_dbus_error_strip_remote_error(cause);
    if (!g_error_matches(cause, G_IO_ERROR, G_IO_ERROR_CANCELLED))
        log_message(MESSAGE_POLKIT_ABSENT, NULL,
                    "polkit gives no answer (%s), so only root may do what needs the action %s.",
                    cause->message, asked->action_id);
    g_task_return_error(task, bailiff_error_make(BAILIFF_ERROR_NOT_AUTHORIZED, cure,
                                                 "polkit was asked about the action %s and "
                                                 "gave no answer: %s.",
                                                 asked->action_id, cause->message));
}

static void answered(GObject *source, GAsyncResult *result, gpointer user_data)
{
    g_autoptr(GTask) task = user_data;
    const Asked *asked = g_task_get_task_data(task);
    gboolean authorised, challenge;
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) reply =
        g_dbus_connection_call_finish(G_DBUS_CONNECTION(source), result, &error);

    if (reply == NULL) {
        if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT) ||
            g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
            withdraw(G_DBUS_CONNECTION(source), asked);
        fail_no_answer(task, asked, error);
        return;
    }
    g_variant_get(reply, "((bba{ss}))", &authorised, &challenge, NULL);
    if (authorised)
        g_task_return_boolean(task, TRUE);
    else
        g_task_return_error(
            task, bailiff_error_make(
                      BAILIFF_ERROR_NOT_AUTHORIZED,
                      challenge ? "Call it as root, from a session with an agent that can ask an "
                                  "administrator, or let an administrator allow the action: "
                                  "bailiff-polkit(7)."
                                : "Call it as root, or let an administrator allow the action: "
                                  "bailiff-polkit(7).",
                      "It needs the polkit action %s, which is not allowed to the caller.",
                      asked->action_id));
}

/* Unique among our questions: polkit wants that of each caller of its. */
static char *new_cancellation_id(void)
{
    static guint64 last;

    return g_strdup_printf("bailiffd-%" G_GUINT64_FORMAT, ++last);
}

void polkit_ask_async(const PolkitQuestion *question, GCancellable *cancellable,
                      GAsyncReadyCallback callback, gpointer user_data)
{
    GTask *task = g_task_new(NULL, NULL, callback, user_data);
    Asked *asked = g_new0(Asked, 1);
    GVariantBuilder subject;

    g_task_set_source_tag(task, polkit_ask_async);
    asked->action_id = g_strdup(question->action_id);
    asked->cancellation_id = new_cancellation_id();
    g_task_set_task_data(task, asked, asked_free);
    g_variant_builder_init(&subject, G_VARIANT_TYPE_VARDICT);
    g_variant_builder_add(&subject, "{sv}", "name", g_variant_new_string(question->caller));
    g_dbus_connection_call(
        question->connection, POLKIT_NAME, POLKIT_PATH, POLKIT_INTERFACE, "CheckAuthorization",
        g_variant_new("((sa{sv})s@a{ss}us)", "system-bus-name", &subject, question->action_id,
                      question->details,
                      (guint32)(question->interactive ? POLKIT_ALLOW_USER_INTERACTION : 0),
                      asked->cancellation_id),
        G_VARIANT_TYPE("((bba{ss}))"), G_DBUS_CALL_FLAGS_NONE,
        question->interactive ? POLKIT_PERSON_MS : POLKIT_ANSWER_MS, cancellable, answered, task);
}

gboolean polkit_ask_finish(GAsyncResult *result, GError **error)
{
    return g_task_propagate_boolean(G_TASK(result), error);
}
