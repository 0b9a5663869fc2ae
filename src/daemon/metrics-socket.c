/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Answering those who ask for metrics.
 *
 * A connection is a source of the main loop for what it waits for now, and a time limit. Each turn
 * reads or writes once, without blocking.
 */
#include "daemon/metrics-socket.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gio/gunixsocketaddress.h>

#include "common/bailiff-error.h"
#include "engine/descriptor-budget.h"

/* A request with all its header lines. */
#define REQUEST_SIZE_MAX 4096u
#define PRIORITY G_PRIORITY_LOW

struct MetricsSocket {
    BailiffEngine *engine;
    char *path;
    GSocket *listener;
    GSource *accepting; /* NULL while there are as many connections as there may be */
    GSource *pause;     /* after an accept that did not work */
    GPtrArray *connections;
};

typedef struct Connection {
    MetricsSocket *owner;
    GSocket *socket;
    GSource *source;
    GSource *limit;
    char request[REQUEST_SIZE_MAX];
    gsize n_request;
    GString *answer; /* NULL until the request has ended */
    gsize n_sent;
} Connection;

static void accept_more(MetricsSocket *self);

static void drop_source(GSource **source)
{
    if (*source != NULL) {
        g_source_destroy(*source);
        g_clear_pointer(source, g_source_unref);
    }
}

static void connection_free(gpointer data)
{
    Connection *connection = data;

    drop_source(&connection->source);
    drop_source(&connection->limit);
    g_socket_close(connection->socket, NULL);
    g_object_unref(connection->socket);
    if (connection->answer != NULL)
        g_string_free(connection->answer, TRUE);
    g_free(connection);
}

static void end_connection(Connection *connection)
{
    MetricsSocket *owner = connection->owner;

    g_ptr_array_remove_fast(owner->connections, connection);
    accept_more(owner);
}

static gboolean on_limit(gpointer data)
{
    end_connection(data);
    return G_SOURCE_REMOVE;
}

/* --- one connection -------------------------------------------------------------------------- */

static gboolean on_connection(GSocket *socket, GIOCondition condition, gpointer data);

static void wait_for(Connection *connection, GIOCondition condition)
{
    drop_source(&connection->source);
    connection->source = g_socket_create_source(connection->socket, condition, NULL);
    g_source_set_priority(connection->source, PRIORITY);
    g_source_set_callback(connection->source, G_SOURCE_FUNC(on_connection), connection, NULL);
    g_source_attach(connection->source, NULL);
}

static void begin_answer(Connection *connection)
{
    g_autofree char *text = bailiff_engine_print_metrics(connection->owner->engine);

    connection->answer = g_string_new(NULL);
    g_string_printf(connection->answer,
                    "HTTP/1.0 200 OK\r\n"
                    "Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n"
                    "Content-Length: %zu\r\n"
                    "Connection: close\r\n\r\n%s",
                    strlen(text), text);
    wait_for(connection, G_IO_OUT);
}

static gboolean request_has_ended(const Connection *connection)
{
    return g_strstr_len(connection->request, (gssize)connection->n_request, "\r\n\r\n") != NULL ||
           g_strstr_len(connection->request, (gssize)connection->n_request, "\n\n") != NULL;
}

/* FALSE: the connection is over. Who only closes his side has ended his request, too. */
static gboolean read_request(Connection *connection)
{
    g_autoptr(GError) error = NULL;
    gssize n = g_socket_receive_with_blocking(
        connection->socket, connection->request + connection->n_request,
        REQUEST_SIZE_MAX - connection->n_request, FALSE, NULL, &error);

    if (n < 0)
        return g_error_matches(error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK);
    connection->n_request += (gsize)n;
    if (n == 0 || request_has_ended(connection))
        begin_answer(connection);
    return connection->n_request < REQUEST_SIZE_MAX;
}

static gboolean write_answer(Connection *connection)
{
    g_autoptr(GError) error = NULL;
    gssize n = g_socket_send_with_blocking(
        connection->socket, connection->answer->str + connection->n_sent,
        connection->answer->len - connection->n_sent, FALSE, NULL, &error);

    if (n < 0)
        return g_error_matches(error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK);
    connection->n_sent += (gsize)n;
    return connection->n_sent < connection->answer->len;
}

static gboolean on_connection(GSocket *socket, GIOCondition condition, gpointer data)
{
    Connection *connection = data;
    GSource *source = connection->source;

    if (!(connection->answer != NULL ? write_answer(connection) : read_request(connection))) {
        end_connection(connection);
        return G_SOURCE_REMOVE;
    }
    /* It may wait for something else now, by another source. */
    return connection->source == source ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

/* --- the listener ---------------------------------------------------------------------------- */

static gboolean on_pause_ended(gpointer data)
{
    MetricsSocket *self = data;

    drop_source(&self->pause);
    accept_more(self);
    return G_SOURCE_REMOVE;
}

static void pause_accepting(MetricsSocket *self)
{
    drop_source(&self->accepting);
    drop_source(&self->pause);
    self->pause = g_timeout_source_new_seconds(METRICS_SECONDS_MAX);
    g_source_set_callback(self->pause, on_pause_ended, self, NULL);
    g_source_attach(self->pause, NULL);
}

static gboolean on_client(GSocket *listener, GIOCondition condition, gpointer data)
{
    MetricsSocket *self = data;
    g_autoptr(GError) error = NULL;
    GSocket *socket = g_socket_accept(listener, NULL, &error);
    Connection *connection;

    if (socket == NULL) {
        if (!g_error_matches(error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK)) {
            /* Most likely there are no descriptors left: to go on at once would be a loop. */
            pause_accepting(self);
            return G_SOURCE_REMOVE;
        }
        return G_SOURCE_CONTINUE;
    }
    if (!bailiff_engine_check_descriptors(self->engine, 1, NULL)) {
        g_object_unref(socket);
        return G_SOURCE_CONTINUE;
    }
    connection = g_new0(Connection, 1);
    connection->owner = self;
    connection->socket = socket;
    connection->limit = g_timeout_source_new_seconds(METRICS_SECONDS_MAX);
    g_source_set_callback(connection->limit, on_limit, connection, NULL);
    g_source_attach(connection->limit, NULL);
    g_ptr_array_add(self->connections, connection);
    wait_for(connection, G_IO_IN);
    if (self->connections->len < METRICS_CONNECTIONS_MAX)
        return G_SOURCE_CONTINUE;
    g_clear_pointer(&self->accepting, g_source_unref);
    return G_SOURCE_REMOVE;
}

static void accept_more(MetricsSocket *self)
{
    if (self->accepting != NULL)
        return;
    self->accepting = g_socket_create_source(self->listener, G_IO_IN, NULL);
    g_source_set_priority(self->accepting, PRIORITY);
    g_source_set_callback(self->accepting, G_SOURCE_FUNC(on_client), self, NULL);
    g_source_attach(self->accepting, NULL);
}

/* The directory is ours alone: the engine holds its lock. */
static gboolean listen_at(MetricsSocket *self, GError **error)
{
    g_autoptr(GSocketAddress) address = g_unix_socket_address_new(self->path);

    self->listener =
        g_socket_new(G_SOCKET_FAMILY_UNIX, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_DEFAULT, error);
    if (self->listener == NULL)
        return FALSE;
    g_socket_set_blocking(self->listener, FALSE);
    unlink(self->path);
    /* The mode of the socket becomes that of its file, less the umask: nobody gets in before it is
     * what it is to be. */
    if (fchmod(g_socket_get_fd(self->listener), 0600) != 0 ||
        !g_socket_bind(self->listener, address, FALSE, error) ||
        !g_socket_listen(self->listener, error))
        return FALSE;
    return chmod(self->path, 0660) == 0;
}

MetricsSocket *metrics_socket_new(BailiffEngine *engine, const char *path, GError **error)
{
    g_autoptr(MetricsSocket) self = g_new0(MetricsSocket, 1);
    g_autoptr(GError) cause = NULL;

    self->engine = g_object_ref(engine);
    self->path = g_strdup(path);
    self->connections = g_ptr_array_new_with_free_func(connection_free);
    if (!listen_at(self, &cause)) {
        bailiff_set_error(error, BAILIFF_ERROR_IO_ERROR,
                          "Use 'bailiffctl metrics', or see what is wrong with that directory.",
                          "The metrics socket %s cannot be made: %s.", path,
                          cause != NULL ? cause->message : g_strerror(errno));
        return NULL;
    }
    accept_more(self);
    return g_steal_pointer(&self);
}

void metrics_socket_free(MetricsSocket *self)
{
    if (self == NULL)
        return;
    drop_source(&self->accepting);
    drop_source(&self->pause);
    g_ptr_array_unref(self->connections);
    if (self->listener != NULL) {
        unlink(self->path);
        g_object_unref(self->listener);
    }
    g_object_unref(self->engine);
    g_free(self->path);
    g_free(self);
}
