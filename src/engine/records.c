/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which records there are, and when they are joined. How their files are changed is in
 * records-change.c.
 */
#include "engine/records-private.h"

#include "base/checked-time.h"
#include "common/bailiff-error.h"
#include "common/boottime.h"
#include "common/log-message.h"
#include "engine/engine-private.h"
#include "engine/host-name.h"
#include "engine/left-lockspaces.h"
#include "engine/lockspace.h"

#define DELAY_FIRST_SECONDS 1u
#define DELAY_MAX_SECONDS 60u

G_DEFINE_TYPE(BailiffRecords, bailiff_records, G_TYPE_OBJECT)

enum {
    SIGNAL_RECORD_ADDED,
    SIGNAL_RECORD_REMOVED,
    N_RECORD_SIGNALS,
    SIGNAL_LOADED = N_RECORD_SIGNALS,
    N_SIGNALS,
};

static guint signals[N_SIGNALS];

void bailiff_records_close(BailiffRecords *self)
{
    GHashTableIter iter;
    gpointer record;

    g_clear_pointer(&self->store, record_store_free);
    g_hash_table_iter_init(&iter, self->records);
    while (g_hash_table_iter_next(&iter, NULL, &record)) {
        ((BailiffRecord *)record)->records = NULL;
        bailiff_record_set_next_attempt(record, 0);
    }
}

static void bailiff_records_finalize(GObject *object)
{
    BailiffRecords *self = BAILIFF_RECORDS(object);
    bailiff_records_close(self);
    g_hash_table_unref(self->records);
    g_hash_table_unref(self->left);
    g_free(self->host_key);
    g_free(self->said);
    G_OBJECT_CLASS(bailiff_records_parent_class)->finalize(object);
}

static void bailiff_records_class_init(BailiffRecordsClass *klass)
{
    static const char *const names[N_RECORD_SIGNALS] = {
        [SIGNAL_RECORD_ADDED] = "record-added",
        [SIGNAL_RECORD_REMOVED] = "record-removed",
    };

    G_OBJECT_CLASS(klass)->finalize = bailiff_records_finalize;
    for (guint i = 0; i < N_RECORD_SIGNALS; i++)
        signals[i] = g_signal_new(names[i], G_TYPE_FROM_CLASS(klass), G_SIGNAL_RUN_LAST, 0, NULL,
                                  NULL, NULL, G_TYPE_NONE, 1, BAILIFF_TYPE_RECORD);
    signals[SIGNAL_LOADED] = g_signal_new("loaded", G_TYPE_FROM_CLASS(klass), G_SIGNAL_RUN_LAST, 0,
                                          NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void bailiff_records_init(BailiffRecords *self)
{
    self->records = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_object_unref);
    self->left = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
}

BailiffRecords *bailiff_records_new(BailiffEngine *engine, const char *directory)
{
    BailiffRecords *self = g_object_new(BAILIFF_TYPE_RECORDS, NULL);

    self->engine = engine;
    self->store = directory != NULL ? record_store_new(directory) : NULL;
    self->host_key = bailiff_host_key();
    if (self->host_key == NULL)
        self->host_key = g_strdup(bailiff_engine_get_host_name(engine));
    return self;
}

/* --- the list -------------------------------------------------------------------------------- */

BailiffRecord *bailiff_records_find(BailiffRecords *self, const char *name)
{
    return g_hash_table_lookup(self->records, name);
}

static gint compare_records(gconstpointer a, gconstpointer b)
{
    const BailiffRecord *const *first = a, *const *second = b;

    return g_strcmp0((*first)->name, (*second)->name);
}

GPtrArray *bailiff_records_list(BailiffRecords *self)
{
    GPtrArray *list = g_ptr_array_new_with_free_func(g_object_unref);
    GHashTableIter iter;
    gpointer record;

    g_hash_table_iter_init(&iter, self->records);
    while (g_hash_table_iter_next(&iter, NULL, &record))
        g_ptr_array_add(list, g_object_ref(record));
    g_ptr_array_sort(list, compare_records);
    return list;
}

gboolean bailiff_records_are_waiting(BailiffRecords *self)
{
    GHashTableIter iter;
    gpointer record;

    if (bailiff_records_are_loading(self))
        return TRUE;
    g_hash_table_iter_init(&iter, self->records);
    while (g_hash_table_iter_next(&iter, NULL, &record))
        if (bailiff_record_get_state(record) == BAILIFF_RECORD_WAITING)
            return TRUE;
    return FALSE;
}

static void on_timer(gpointer user_data);

BailiffRecord *records_add(BailiffRecords *self, const char *name, const char *path,
                           LockspaceSettings *settings, char *refusal)
{
    BailiffRecord *record = bailiff_record_new(self, self->engine, name, path, on_timer);

    bailiff_record_take(record, settings, refusal);
    record->left = g_hash_table_contains(self->left, name);
    g_hash_table_insert(self->records, record->name, record);
    g_signal_emit(self, signals[SIGNAL_RECORD_ADDED], 0, record);
    return record;
}

void records_remove(BailiffRecords *self, BailiffRecord *record)
{
    g_autoptr(BailiffRecord) hold = g_object_ref(record);

    if (bailiff_records_find(self, record->name) != record)
        return;
    bailiff_record_set_next_attempt(record, 0);
    g_hash_table_remove(self->records, record->name);
    g_signal_emit(self, signals[SIGNAL_RECORD_REMOVED], 0, record);
    record->records = NULL;
}

static void set_left(BailiffRecord *record, gboolean left)
{
    BailiffRecords *self = record->records;

    if (record->left == left)
        return;
    record->left = left;
    if (left)
        g_hash_table_add(self->left, g_strdup(record->name));
    else
        g_hash_table_remove(self->left, record->name);
    left_lockspaces_store(bailiff_engine_get_runtime_dir(self->engine), self->left);
}

void bailiff_records_forget_left(BailiffRecords *self)
{
    g_hash_table_remove_all(self->left);
    left_lockspaces_store(bailiff_engine_get_runtime_dir(self->engine), self->left);
}

/* --- joining --------------------------------------------------------------------------------- */

/* What may be otherwise at the next attempt, without anybody on this host doing anything. Nothing
 * is written before any of these is known. Not HostIdConflict: two hosts that both write one host
 * lease would go on doing so, and the one of them that works would lose it. */
static gboolean can_heal(const GError *error)
{
    static const BailiffError healing[] = {
        BAILIFF_ERROR_NOT_FOUND,      /* not attached, not mounted, not formatted yet */
        BAILIFF_ERROR_IO_ERROR,       /* … */
        BAILIFF_ERROR_IO_TIMEOUT,     /* … */
        BAILIFF_ERROR_HOST_ID_BUSY,   /* until that host leaves, or was dead for long enough */
        BAILIFF_ERROR_BUSY,           /* what an earlier daemon has left; a format */
        BAILIFF_ERROR_ALREADY_EXISTS, /* until the lockspace that is at that place is left */
        BAILIFF_ERROR_LOST,
    };

    for (guint i = 0; i < G_N_ELEMENTS(healing); i++)
        if (g_error_matches(error, BAILIFF_ERROR, (int)healing[i]))
            return TRUE;
    return FALSE;
}

/* Each cause once: a host whose storage is away for a week is not to fill its log with it. */
static void say(BailiffRecord *record, const char *message, gboolean heals)
{
    if (g_strcmp0(record->said, message) == 0)
        return;
    g_free(record->said);
    record->said = g_strdup(message);
    if (heals)
        log_message(MESSAGE_LOCKSPACE_RETRIED, LOG_SUBJECT(.lockspace = record->name),
                    "Lockspace %s, which has a record, is tried again until it is joined: %s",
                    record->name, message);
    else
        log_message(MESSAGE_LOCKSPACE_NOT_RETRIED, LOG_SUBJECT(.lockspace = record->name),
                    "Lockspace %s, which has a record, is not joined, and not tried again before "
                    "somebody joins it or edits the record: %s",
                    record->name, message);
}

/* After an attempt that did not work, or when the lockspace was lost. */
static void note_failure(BailiffRecord *record, const GError *error)
{
    gboolean heals = can_heal(error);

    bailiff_record_set_error(record, error->message);
    record->failed = !heals;
    say(record, error->message, heals);
    if (heals) {
        record->delay_seconds = record->delay_seconds == 0
                                    ? DELAY_FIRST_SECONDS
                                    : MIN(2 * record->delay_seconds, DELAY_MAX_SECONDS);
        bailiff_record_set_next_attempt(
            record, time_add(boottime_now(), time_from_seconds(record->delay_seconds)));
    }
    bailiff_record_changed(record);
}

static BailiffLockspace *join(BailiffRecord *record, gboolean is_retried, GError **error)
{
    const LockspaceSettings *settings = record->settings;
    gboolean chosen_here = g_strcmp0(settings->chosen_on, record->records->host_key) == 0;
    const BailiffJoin wish = {
        .name = settings->name,
        .path = settings->path,
        .offset = settings->offset,
        .host_id = settings->host_id,
        .kept_host_id = chosen_here ? settings->chosen_host_id : 0,
        .io_timeout = settings->io_timeout,
        .is_retried = is_retried,
    };

    return bailiff_engine_join_as(record->engine, &wish, error);
}

/* A lockspace of that name is there, or on its way; of one that is lost a new one takes the place.
 */
static gboolean is_there(BailiffRecord *record)
{
    BailiffLockspace *lockspace = bailiff_engine_find_lockspace(record->engine, record->name);

    return lockspace != NULL && bailiff_lockspace_get_state(lockspace) != BAILIFF_LOCKSPACE_LOST;
}

static void attempt(BailiffRecord *record)
{
    g_autoptr(BailiffRecord) hold = g_object_ref(record);
    g_autoptr(GError) error = NULL;

    bailiff_record_set_next_attempt(record, 0);
    record->failed = FALSE;
    if (bailiff_engine_is_shutting_down(record->engine) || is_there(record))
        bailiff_record_changed(record);
    else if (join(record, TRUE, &error) == NULL)
        note_failure(record, error);
}

static void on_timer(gpointer user_data)
{
    attempt(user_data);
}

void records_begin(BailiffRecord *record)
{
    if (record->settings == NULL || !record->settings->automatic || record->left)
        return;
    record->delay_seconds = 0;
    attempt(record);
}

BailiffLockspace *bailiff_records_join(BailiffRecords *self, BailiffRecord *record, GError **error)
{
    if (record->settings != NULL)
        return join(record, FALSE, error);
    bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT,
                      "'bailiffctl records' says what is wrong with it. Mend the file, then "
                      "'bailiffctl reload'; or remove it ('bailiffctl forget').",
                      "The record %s is refused.", record->path);
    return NULL;
}

void bailiff_records_stop_joining(BailiffRecords *self, BailiffRecord *record)
{
    set_left(record, TRUE);
    record->failed = FALSE;
    bailiff_record_set_next_attempt(record, 0);
    bailiff_record_changed(record);
}

/* --- what becomes of lockspaces --------------------------------------------------------------- */

/* What somebody has joined elsewhere under that name is not the record's to join again. */
static gboolean is_same(const LockspaceSettings *settings, BailiffLockspace *lockspace)
{
    return g_strcmp0(settings->path, bailiff_lockspace_get_path(lockspace)) == 0 &&
           settings->offset == bailiff_lockspace_get_offset(lockspace);
}

/* The host id that was chosen is written into the record. */
static void keep_host_id(BailiffRecords *self, BailiffRecord *record, BailiffLockspace *lockspace)
{
    const LockspaceSettings *settings = record->settings;
    guint64 host_id = bailiff_lockspace_get_host_id(lockspace);
    g_autoptr(LockspaceSettings) changed = NULL;

    if (settings->host_id != 0 || !is_same(settings, lockspace) || record->busy ||
        (settings->chosen_host_id == host_id &&
         g_strcmp0(settings->chosen_on, self->host_key) == 0))
        return;
    changed = lockspace_settings_copy(settings);
    changed->chosen_host_id = host_id;
    g_free(changed->chosen_on);
    changed->chosen_on = g_strdup(self->host_key);
    records_keep(self, record, changed);
}

static void on_held(BailiffRecords *self, BailiffRecord *record, BailiffLockspace *lockspace)
{
    record->delay_seconds = 0;
    record->failed = FALSE;
    set_left(record, FALSE);
    g_clear_pointer(&record->said, g_free);
    bailiff_record_set_next_attempt(record, 0);
    bailiff_record_set_error(record, "");
    keep_host_id(self, record, lockspace);
}

static gboolean on_lost(BailiffRecord *record, BailiffLockspace *lockspace)
{
    const GError *cause = bailiff_lockspace_get_join_error(lockspace);
    const char *reason = bailiff_lockspace_get_reason(lockspace);
    g_autoptr(GError) lost = NULL;

    if (!record->settings->automatic || record->left ||
        bailiff_engine_is_shutting_down(record->engine) || !is_same(record->settings, lockspace)) {
        bailiff_record_set_error(record, reason);
        return FALSE;
    }
    if (cause == NULL)
        cause = lost = g_error_new_literal(BAILIFF_ERROR, BAILIFF_ERROR_LOST, reason);
    note_failure(record, cause);
    return record->next_attempt_us != 0;
}

gboolean bailiff_records_lockspace_changed(BailiffRecords *self, BailiffLockspace *lockspace)
{
    BailiffRecord *record = bailiff_records_find(self, bailiff_lockspace_get_name(lockspace));
    g_autoptr(BailiffRecord) hold = NULL;
    gboolean joins_again = FALSE;

    if (record == NULL || record->settings == NULL)
        return FALSE;
    hold = g_object_ref(record);
    if (bailiff_lockspace_get_state(lockspace) == BAILIFF_LOCKSPACE_HELD)
        on_held(self, record, lockspace);
    else if (bailiff_lockspace_get_state(lockspace) == BAILIFF_LOCKSPACE_LOST)
        joins_again = on_lost(record, lockspace);
    bailiff_record_changed(record);
    return joins_again;
}

void bailiff_records_lockspace_joining(BailiffRecords *self, const char *name)
{
    BailiffRecord *record = bailiff_records_find(self, name);

    if (record == NULL)
        return;
    set_left(record, FALSE);
    record->failed = FALSE;
    bailiff_record_set_next_attempt(record, 0);
    bailiff_record_changed(record);
}

void bailiff_records_lockspace_left(BailiffRecords *self, const char *name)
{
    BailiffRecord *record = bailiff_records_find(self, name);

    if (record != NULL && !bailiff_engine_is_shutting_down(self->engine))
        bailiff_records_stop_joining(self, record);
}

void bailiff_records_lockspace_removed(BailiffRecords *self, const char *name)
{
    BailiffRecord *record = bailiff_records_find(self, name);

    if (record != NULL)
        bailiff_record_changed(record);
}

/* --- reading --------------------------------------------------------------------------------- */

static void tell_refused(const BailiffRecord *record)
{
    log_message(MESSAGE_LOCKSPACE_RECORD_REFUSED, NULL, "A lockspace record is refused: %s",
                record->last_error);
}

static void take_new(BailiffRecords *self, RecordFile *file)
{
    BailiffRecord *record =
        records_add(self, file->name, file->path, g_steal_pointer(&file->settings),
                    file->error != NULL ? g_strdup(file->error->message) : NULL);

    if (record->settings == NULL)
        tell_refused(record);
    records_begin(record);
}

/* Of one that is known. */
static void take_again(BailiffRecord *record, RecordFile *file)
{
    g_autoptr(BailiffRecord) hold = g_object_ref(record);
    gboolean same = record->settings != NULL && file->settings != NULL &&
                    lockspace_settings_equal(record->settings, file->settings);

    /* One that is being written is newer than what was read. */
    if (same || record->busy)
        return;
    bailiff_record_take(record, g_steal_pointer(&file->settings),
                        file->error != NULL ? g_strdup(file->error->message) : NULL);
    if (record->settings == NULL)
        tell_refused(record);
    records_changed(record);
}

static void drop_missing(BailiffRecords *self, GPtrArray *files)
{
    g_autoptr(GPtrArray) list = bailiff_records_list(self);
    g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint i = 0; i < files->len; i++)
        g_hash_table_add(names, ((RecordFile *)files->pdata[i])->name);
    for (guint i = 0; i < list->len; i++) {
        BailiffRecord *record = list->pdata[i];

        if (!record->busy && !g_hash_table_contains(names, record->name))
            records_remove(self, record);
    }
}

static void take_all(BailiffRecords *self, GPtrArray *files)
{
    drop_missing(self, files);
    for (guint i = 0; i < files->len; i++) {
        RecordFile *file = files->pdata[i];
        BailiffRecord *record = bailiff_records_find(self, file->name);

        if (record == NULL)
            take_new(self, file);
        else
            take_again(record, file);
    }
}

static void on_loaded(GObject *source, GAsyncResult *result, gpointer user_data)
{
    BailiffRecords *self = user_data;
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) files = record_store_load_finish(result, &error);

    self->loading--;
    if (files != NULL)
        take_all(self, files);
    else
        log_message(MESSAGE_LOCKSPACE_RECORD_REFUSED, NULL, "%s", error->message);
    g_signal_emit(self, signals[SIGNAL_LOADED], 0);
}

gboolean bailiff_records_are_loading(BailiffRecords *self)
{
    return self->loading > 0;
}

void bailiff_records_reload(BailiffRecords *self)
{
    if (!self->started || self->store == NULL)
        return;
    self->loading++;
    record_store_load_async(self->store, on_loaded, self);
}

void bailiff_records_start(BailiffRecords *self)
{
    self->started = TRUE;
    g_hash_table_unref(self->left);
    self->left = left_lockspaces_load(bailiff_engine_get_runtime_dir(self->engine));
    bailiff_records_reload(self);
}
