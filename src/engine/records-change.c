/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Changing the files of records. A record is what its file says: it changes when the file is
 * written, and one change at a time.
 */
#include "engine/records-private.h"

#include "common/bailiff-error.h"
#include "common/log-message.h"

typedef struct Change {
    BailiffRecords *records; /* reference */
    GTask *task;             /* NULL: nobody waits for it */
    BailiffRecord *record;   /* reference; NULL: it is a new one */
    LockspaceSettings *settings;
} Change;

static Change *change_new(BailiffRecords *records, GTask *task, BailiffRecord *record,
                          const LockspaceSettings *settings)
{
    Change *self = g_new0(Change, 1);

    self->records = g_object_ref(records);
    self->task = task != NULL ? g_object_ref(task) : NULL;
    self->record = record != NULL ? g_object_ref(record) : NULL;
    self->settings = settings != NULL ? lockspace_settings_copy(settings) : NULL;
    if (record != NULL)
        record->busy = TRUE;
    return self;
}

/* Ends it; takes `error` over. */
static void change_end(Change *self, GError *error)
{
    if (self->record != NULL)
        self->record->busy = FALSE;
    if (self->task != NULL && error != NULL)
        g_task_return_error(self->task, g_steal_pointer(&error));
    else if (self->task != NULL)
        g_task_return_boolean(self->task, TRUE);
    g_clear_error(&error);
    g_clear_object(&self->task);
    g_clear_object(&self->record);
    g_clear_object(&self->records);
    lockspace_settings_free(self->settings);
    g_free(self);
}

static gboolean check_can_change(BailiffRecords *self, const char *name, GError **error)
{
    BailiffRecord *record = bailiff_records_find(self, name);

    if (self->store == NULL) {
        bailiff_set_error(error, BAILIFF_ERROR_UNSUPPORTED,
                          "Start bailiffd as root, or with the option --records-dir.",
                          "This bailiffd has no directory for lockspace records.");
        return FALSE;
    }
    if (record == NULL || !record->busy)
        return TRUE;
    bailiff_set_error(error, BAILIFF_ERROR_BUSY, "Wait until it is done, then try again.",
                      "Another change of the record of lockspace %s is under way.", name);
    return FALSE;
}

void records_changed(BailiffRecord *record)
{
    gboolean tried = record->next_attempt_us != 0 || record->failed;
    gboolean automatic = record->settings != NULL && record->settings->automatic;

    g_clear_pointer(&record->said, g_free);
    record->failed = FALSE;
    bailiff_record_set_next_attempt(record, 0);
    if (tried && automatic)
        records_begin(record);
    bailiff_record_changed(record);
}

/* --- writing --------------------------------------------------------------------------------- */

/* Of what is at the same place the host id that was chosen is kept. */
static void keep_choice(LockspaceSettings *settings, const LockspaceSettings *before)
{
    if (before == NULL || settings->host_id != 0 || settings->chosen_host_id != 0 ||
        g_strcmp0(settings->path, before->path) != 0 || settings->offset != before->offset)
        return;
    settings->chosen_host_id = before->chosen_host_id;
    settings->chosen_on = g_strdup(before->chosen_on);
}

/* What was chosen for a host id and cannot be kept is no reason to give the lockspace up. */
static void tell_not_kept(BailiffRecords *self, const GError *error)
{
    if (g_strcmp0(self->said, error->message) == 0)
        return;
    log_message(MESSAGE_RECORD_FAILED, NULL, "The host id that was chosen is not in the record: %s",
                error->message);
    g_free(self->said);
    self->said = g_strdup(error->message);
}

/* The record that was written: takes over `settings`. */
static void take_written(BailiffRecords *self, BailiffRecord *record, LockspaceSettings *settings,
                         gboolean by_somebody)
{
    g_autofree char *last_error =
        record->settings != NULL ? g_strdup(record->last_error) : g_strdup("");

    bailiff_record_take(record, settings, NULL);
    bailiff_record_set_error(record, last_error);
    if (by_somebody)
        records_changed(record);
    else
        bailiff_record_changed(record);
}

static void on_written(GObject *source, GAsyncResult *result, gpointer user_data)
{
    Change *change = user_data;
    BailiffRecords *self = change->records;
    LockspaceSettings *settings = change->settings;
    g_autofree char *entry = g_strconcat(settings->name, ".conf", NULL);
    g_autofree char *path = g_build_filename(record_store_get_directory(self->store), entry, NULL);
    /* Two may have written the first one of that name. */
    BailiffRecord *record = bailiff_records_find(self, settings->name);
    GError *error = NULL;

    if (!record_store_finish(result, &error)) {
        if (change->task == NULL)
            tell_not_kept(self, error);
        change_end(change, error);
        return;
    }
    change->settings = NULL;
    if (record == NULL)
        records_add(self, settings->name, path, settings, NULL);
    else
        take_written(self, record, settings, change->task != NULL);
    change_end(change, NULL);
}

void bailiff_records_put_async(BailiffRecords *self, const LockspaceSettings *settings,
                               GAsyncReadyCallback callback, gpointer user_data)
{
    g_autoptr(GTask) task = g_task_new(self, NULL, callback, user_data);
    BailiffRecord *record = bailiff_records_find(self, settings->name);
    Change *change;
    GError *error = NULL;

    if (!lockspace_settings_check(settings, &error) ||
        !check_can_change(self, settings->name, &error)) {
        g_task_return_error(task, error);
        return;
    }
    change = change_new(self, task, record, settings);
    keep_choice(change->settings, record != NULL ? record->settings : NULL);
    record_store_write_async(self->store, change->settings, on_written, change);
}

void records_keep(BailiffRecords *self, BailiffRecord *record, const LockspaceSettings *settings)
{
    record_store_write_async(self->store, settings, on_written,
                             change_new(self, NULL, record, settings));
}

/* --- removing -------------------------------------------------------------------------------- */

static void on_removed(GObject *source, GAsyncResult *result, gpointer user_data)
{
    Change *change = user_data;
    GError *error = NULL;

    if (record_store_finish(result, &error))
        records_remove(change->records, change->record);
    change_end(change, error);
}

void bailiff_records_forget_async(BailiffRecords *self, BailiffRecord *record,
                                  GAsyncReadyCallback callback, gpointer user_data)
{
    g_autoptr(GTask) task = g_task_new(self, NULL, callback, user_data);
    GError *error = NULL;

    if (!check_can_change(self, record->name, &error)) {
        g_task_return_error(task, error);
        return;
    }
    record_store_remove_async(self->store, record->name, on_removed,
                              change_new(self, task, record, NULL));
}

gboolean bailiff_records_finish(BailiffRecords *self, GAsyncResult *result, GError **error)
{
    return g_task_propagate_boolean(G_TASK(result), error);
}
