/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * systemd's store of descriptors, and that of an exec.
 *
 * Each name is told to systemd once, and its end once, in this order for each name:
 *
 *   keep ──► waiting ── sent ──► stored ── drop ──► to be removed ── sent ──► nothing
 *               └────── drop ──► nothing
 *
 * Removals go before what waits: a name that was dropped and is kept again means the new file. A
 * removal that could not be sent is passed on to the program that is executed; one that is lost
 * with this process is made good by the next one, which drops what it has no use for.
 */
#include "common/fd-store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <systemd/sd-daemon.h>

#include "common/bailiff-error.h"
#include "common/log-message.h"
#include "common/notify-socket.h"

/* Of FD_STORE_MAX, for what is not FD_STORE_PROCESS. */
#define RESERVED 8u
/* A message that found no room is said again after this. */
#define RETRY_MS 200u
/* Of a list that is inherited. */
#define LIST_MAX (16 * 1024 * 1024)

/* The kernel's MAX_ARG_STRLEN, with the ':' behind each name. */
G_STATIC_ASSERT(sizeof "LISTEN_FDNAMES=" + FD_STORE_MAX * (FD_STORE_NAME_MAX + 1) <= 32 * 4096);

typedef enum EntryState {
    ENTRY_GIVEN, /* by systemd or the program before, and not looked at */
    ENTRY_TAKEN,
    ENTRY_KEPT,
} EntryState;

typedef struct Entry {
    char *name;
    int fd; /* a duplicate, or what was given */
    FdStoreKind kind;
    EntryState state;
    gboolean is_sent; /* systemd has it, as far as is known */
    GList *waiting;   /* its place among those; NULL: none */
} Entry;

struct FdStore {
    GMutex lock;
    NotifySocket *socket;
    GHashTable *entries;             /* name -> Entry */
    GQueue waiting;                  /* of Entry: to be sent */
    GQueue removals;                 /* of names: to be removed */
    guint n_sent[FD_STORE_EXEC + 1]; /* of each kind */
    guint retry_source;
};

static void entry_free(gpointer data)
{
    Entry *entry = data;

    close(entry->fd);
    g_free(entry->name);
    g_free(entry);
}

static gboolean name_is_fit(const char *name)
{
    gsize length = strlen(name);

    for (gsize i = 0; i < length; i++)
        if (!g_ascii_isalnum(name[i]) && strchr("-._", name[i]) == NULL)
            return FALSE;
    return length > 0 && length <= FD_STORE_NAME_MAX;
}

/* --- telling systemd (with the lock) ---------------------------------------------------------- */

/* FDPOLL: systemd is not to look after it by itself, and drop it when its process has ended. */
static gboolean send_entry(FdStore *self, Entry *entry)
{
    g_autofree char *text = g_strdup_printf("FDSTORE=1\nFDNAME=%s\nFDPOLL=0", entry->name);

    entry->is_sent = notify_socket_send(self->socket, text, entry->fd);
    self->n_sent[entry->kind] += entry->is_sent ? 1 : 0;
    return entry->is_sent;
}

static gboolean send_removal(FdStore *self, const char *name)
{
    g_autofree char *text = g_strdup_printf("FDSTOREREMOVE=1\nFDNAME=%s", name);

    return notify_socket_send(self->socket, text, -1);
}

static gboolean has_room_for(const FdStore *self, const Entry *entry)
{
    return entry->kind != FD_STORE_PROCESS ||
           self->n_sent[FD_STORE_PROCESS] < FD_STORE_MAX - RESERVED;
}

static void stop_waiting(FdStore *self, Entry *entry)
{
    if (entry->waiting != NULL)
        g_queue_delete_link(&self->waiting, g_steal_pointer(&entry->waiting));
}

static void send_unsent(FdStore *self);

static gboolean send_again(gpointer user_data)
{
    FdStore *self = user_data;

    g_mutex_lock(&self->lock);
    self->retry_source = 0;
    send_unsent(self);
    g_mutex_unlock(&self->lock);
    return G_SOURCE_REMOVE;
}

static void send_unsent(FdStore *self)
{
    Entry *entry;

    if (self->socket == NULL)
        return;
    while (!g_queue_is_empty(&self->removals) &&
           send_removal(self, g_queue_peek_head(&self->removals)))
        g_free(g_queue_pop_head(&self->removals));
    /* What waits for room does until something is dropped. */
    while (g_queue_is_empty(&self->removals) &&
           (entry = g_queue_peek_head(&self->waiting)) != NULL && has_room_for(self, entry) &&
           send_entry(self, entry))
        stop_waiting(self, entry);
    entry = g_queue_peek_head(&self->waiting);
    if (self->retry_source == 0 &&
        (!g_queue_is_empty(&self->removals) || (entry != NULL && has_room_for(self, entry))))
        self->retry_source = g_timeout_add(RETRY_MS, send_again, self);
}

static void offer(FdStore *self, Entry *entry)
{
    if (entry->is_sent || entry->kind == FD_STORE_EXEC || self->socket == NULL)
        return;
    entry->waiting = g_list_prepend(NULL, entry);
    if (entry->kind == FD_STORE_PROCESS)
        g_queue_push_tail_link(&self->waiting, entry->waiting);
    else
        g_queue_push_head_link(&self->waiting, entry->waiting);
    send_unsent(self);
}

static void drop_entry(FdStore *self, Entry *entry)
{
    stop_waiting(self, entry);
    if (entry->is_sent && self->socket != NULL && name_is_fit(entry->name))
        g_queue_push_tail(&self->removals, g_strdup(entry->name));
    self->n_sent[entry->kind] -= entry->is_sent ? 1 : 0;
    g_hash_table_remove(self->entries, entry->name);
    send_unsent(self);
}

/* --- what is given ---------------------------------------------------------------------------- */

/* A second one of the same name cannot be told from the first: it goes, and with the first one's
 * end it goes at systemd, too. */
static void add_given(FdStore *self, const char *name, int fd, gboolean is_sent)
{
    Entry *entry;

    if (g_hash_table_contains(self->entries, name)) {
        close(fd);
        return;
    }
    entry = g_new0(Entry, 1);
    *entry = (Entry){ .name = g_strdup(name), .fd = fd, .state = ENTRY_GIVEN, .is_sent = is_sent };
    self->n_sent[entry->kind] += is_sent ? 1 : 0;
    g_hash_table_insert(self->entries, entry->name, entry);
}

static void take_from_systemd(FdStore *self)
{
    char **names = NULL;
    int n = sd_listen_fds_with_names(TRUE, &names);

    for (int i = 0; i < n; i++) {
        add_given(self, names[i], SD_LISTEN_FDS_START + i, TRUE);
        free(names[i]);
    }
    free(names);
}

/* "FD SENT NAME"; FD -1: what is to be removed from systemd's store. */
static void take_line(FdStore *self, const char *line)
{
    g_auto(GStrv) words = g_strsplit(line, " ", 3);
    guint64 fd = 0;

    if (g_strv_length(words) != 3)
        return;
    if (g_str_equal(words[0], "-1") && name_is_fit(words[2]))
        g_queue_push_tail(&self->removals, g_strdup(words[2]));
    else if (g_ascii_string_to_unsigned(words[0], 10, STDERR_FILENO + 1, G_MAXINT32, &fd, NULL) &&
             fcntl((int)fd, F_SETFD, FD_CLOEXEC) == 0)
        add_given(self, words[2], (int)fd, g_str_equal(words[1], "1"));
}

static void take_inherited(FdStore *self, int list)
{
    struct stat facts;
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;

    if (fstat(list, &facts) == 0 && S_ISREG(facts.st_mode) && facts.st_size > 0 &&
        facts.st_size <= LIST_MAX) {
        text = g_malloc0((gsize)facts.st_size + 1);
        if (pread(list, text, (gsize)facts.st_size, 0) == facts.st_size)
            lines = g_strsplit(text, "\n", -1);
    }
    close(list);
    for (guint i = 0; lines != NULL && lines[i] != NULL; i++)
        take_line(self, lines[i]);
}

FdStore *fd_store_new(int inherited)
{
    FdStore *self = g_new0(FdStore, 1);

    g_mutex_init(&self->lock);
    g_queue_init(&self->waiting);
    g_queue_init(&self->removals);
    self->entries = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, entry_free);
    self->socket = notify_socket_new();
    take_from_systemd(self);
    if (inherited >= 0)
        take_inherited(self, inherited);
    send_unsent(self);
    return self;
}

void fd_store_free(FdStore *self)
{
    if (self == NULL)
        return;
    g_clear_handle_id(&self->retry_source, g_source_remove);
    g_queue_clear(&self->waiting);
    g_queue_clear_full(&self->removals, g_free);
    g_hash_table_unref(self->entries);
    notify_socket_free(self->socket);
    g_mutex_clear(&self->lock);
    g_free(self);
}

gboolean fd_store_is_shared(FdStore *self)
{
    return self != NULL && self->socket != NULL;
}

/* --- keeping ---------------------------------------------------------------------------------- */

void fd_store_keep(FdStore *self, const char *name, int fd, FdStoreKind kind)
{
    g_autoptr(GMutexLocker) locker = self != NULL ? g_mutex_locker_new(&self->lock) : NULL;
    Entry *entry;
    int duplicate;

    if (self == NULL)
        return;
    entry = g_hash_table_lookup(self->entries, name);
    if (entry != NULL && entry->state == ENTRY_GIVEN) {
        /* It was not looked at, so nobody knows that it is the same. */
        drop_entry(self, entry);
        entry = NULL;
    }
    if (entry != NULL && entry->state == ENTRY_KEPT)
        return;
    if (entry == NULL) {
        duplicate = fcntl(fd, F_DUPFD_CLOEXEC, 0);
        if (duplicate < 0)
            return; /* without the extra, then */
        entry = g_new0(Entry, 1);
        entry->name = g_strdup(name);
        entry->fd = duplicate;
        g_hash_table_insert(self->entries, entry->name, entry);
    }
    self->n_sent[entry->kind] -= entry->is_sent ? 1 : 0;
    entry->kind = name_is_fit(name) ? kind : FD_STORE_EXEC;
    self->n_sent[entry->kind] += entry->is_sent ? 1 : 0;
    entry->state = ENTRY_KEPT;
    offer(self, entry);
}

void fd_store_drop(FdStore *self, const char *name)
{
    g_autoptr(GMutexLocker) locker = self != NULL ? g_mutex_locker_new(&self->lock) : NULL;
    Entry *entry = self != NULL ? g_hash_table_lookup(self->entries, name) : NULL;

    if (entry != NULL)
        drop_entry(self, entry);
}

GStrv fd_store_list_given(FdStore *self)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->lock);
    g_autoptr(GStrvBuilder) names = g_strv_builder_new();
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, self->entries);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        if (((Entry *)value)->state == ENTRY_GIVEN)
            g_strv_builder_add(names, ((Entry *)value)->name);
    return g_strv_builder_end(names);
}

int fd_store_take(FdStore *self, const char *name)
{
    g_autoptr(GMutexLocker) locker = self != NULL ? g_mutex_locker_new(&self->lock) : NULL;
    Entry *entry = self != NULL ? g_hash_table_lookup(self->entries, name) : NULL;

    if (entry == NULL || entry->state != ENTRY_GIVEN)
        return -1;
    entry->state = ENTRY_TAKEN;
    return fcntl(entry->fd, F_DUPFD_CLOEXEC, 0);
}

char *fd_store_find_path(FdStore *self, const char *name)
{
    g_autoptr(GMutexLocker) locker = self != NULL ? g_mutex_locker_new(&self->lock) : NULL;
    const Entry *entry = self != NULL ? g_hash_table_lookup(self->entries, name) : NULL;
    g_autofree char *link = NULL;
    g_autofree char *path = NULL;

    if (entry == NULL || entry->state != ENTRY_GIVEN)
        return NULL;
    link = g_strdup_printf("/proc/self/fd/%d", entry->fd);
    path = g_file_read_link(link, NULL);
    return path != NULL && g_path_is_absolute(path) ? g_steal_pointer(&path) : NULL;
}

void fd_store_settle(FdStore *self)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->lock);
    g_autoptr(GPtrArray) useless = g_ptr_array_new();
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, self->entries);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        if (((Entry *)value)->state != ENTRY_KEPT)
            g_ptr_array_add(useless, value);
    for (guint i = 0; i < useless->len; i++)
        drop_entry(self, useless->pdata[i]);
    if (useless->len > 0)
        log_line(LOG_INFO, NULL, "Descriptors that were kept and are of no use: %u", useless->len);
}

/* --- over an exec ----------------------------------------------------------------------------- */

static void set_close_on_exec(FdStore *self, int flag)
{
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, self->entries);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        (void)fcntl(((Entry *)value)->fd, F_SETFD, flag);
}

static char *print_list(FdStore *self)
{
    GString *text = g_string_new(NULL);
    GHashTableIter iter;
    gpointer value;

    for (const GList *each = self->removals.head; each != NULL; each = each->next)
        g_string_append_printf(text, "-1 1 %s\n", (const char *)each->data);
    g_hash_table_iter_init(&iter, self->entries);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const Entry *entry = value;

        g_string_append_printf(text, "%d %d %s\n", entry->fd, entry->is_sent, entry->name);
    }
    return g_string_free(text, FALSE);
}

int fd_store_pass_on(FdStore *self, GError **error)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->lock);
    g_autofree char *text = print_list(self);
    gsize length = strlen(text);
    int list = memfd_create("bailiffd-descriptors", 0);

    if (list >= 0 && length <= LIST_MAX && write(list, text, length) == (gssize)length) {
        set_close_on_exec(self, 0);
        return list;
    }
    bailiff_set_error(error, BAILIFF_ERROR_IO_ERROR, "See the limits on memory and open files.",
                      "What is kept for the next program cannot be passed on to it: %s.",
                      g_strerror(errno));
    if (list >= 0)
        close(list);
    return -1;
}

void fd_store_take_back(FdStore *self)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->lock);

    set_close_on_exec(self, FD_CLOEXEC);
}
