/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The list of incidents, their numbers and their bound.
 */
#include "engine/incident-log.h"

#include "base/checked-time.h"
#include "common/boottime.h"
#include "common/log-message.h"
#include "common/process-identity.h"
#include "common/saved-state.h"
#include "engine/incident-directory.h"
#include "engine/incident-store.h"

struct _BailiffIncidentLog {
    GObject parent_instance;

    GPtrArray *incidents;     /* in the order of their numbers */
    IncidentStore *store;     /* NULL: in memory only */
    IncidentStore *under_way; /* those that are followed, in the runtime directory; NULL: nowhere */
    GHashTable *followed;     /* set of BailiffIncident */
    char *unreadable; /* during a take-over: "7, 9", incidents that this one may go on from */
    char *boot_id;
    guint64 next_number;
    gboolean numbers_known; /* all that were ever given */
    gboolean loading;       /* the list is being put together */
};

G_DEFINE_TYPE(BailiffIncidentLog, bailiff_incident_log, G_TYPE_OBJECT)

enum {
    SIGNAL_INCIDENT_ADDED,
    SIGNAL_INCIDENT_REMOVED,
    N_SIGNALS,
};

static guint signals[N_SIGNALS];

static void bailiff_incident_log_finalize(GObject *object)
{
    BailiffIncidentLog *self = BAILIFF_INCIDENT_LOG(object);

    incident_store_free(self->store);
    incident_store_free(self->under_way);
    g_hash_table_unref(self->followed);
    g_free(self->unreadable);
    for (guint i = 0; i < self->incidents->len; i++)
        g_signal_handlers_disconnect_by_data(self->incidents->pdata[i], self);
    g_ptr_array_unref(self->incidents);
    g_free(self->boot_id);
    G_OBJECT_CLASS(bailiff_incident_log_parent_class)->finalize(object);
}

static void bailiff_incident_log_class_init(BailiffIncidentLogClass *klass)
{
    GType type = G_TYPE_FROM_CLASS(klass);

    G_OBJECT_CLASS(klass)->finalize = bailiff_incident_log_finalize;
    signals[SIGNAL_INCIDENT_ADDED] =
        g_signal_new("incident-added", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1,
                     BAILIFF_TYPE_INCIDENT);
    signals[SIGNAL_INCIDENT_REMOVED] =
        g_signal_new("incident-removed", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE,
                     1, BAILIFF_TYPE_INCIDENT);
}

static void bailiff_incident_log_init(BailiffIncidentLog *self)
{
    self->incidents = g_ptr_array_new_with_free_func(g_object_unref);
    self->followed = g_hash_table_new_full(NULL, NULL, g_object_unref, NULL);
    self->boot_id = process_boot_id(NULL);
    self->next_number = 1;
}

gboolean bailiff_incident_log_is_kept(BailiffIncidentLog *self)
{
    return self->store != NULL;
}

GPtrArray *bailiff_incident_log_list(BailiffIncidentLog *self)
{
    return g_ptr_array_copy(self->incidents, (GCopyFunc)(void (*)(void))g_object_ref, NULL);
}

guint64 bailiff_incident_log_find_last(BailiffIncidentLog *self, const char *lockspace)
{
    for (guint i = self->incidents->len; i-- > 0;) {
        const IncidentRecord *record = bailiff_incident_get_record(self->incidents->pdata[i]);

        if (g_str_equal(record->lockspace, lockspace))
            return record->number;
    }
    return 0;
}

/* --- bound ----------------------------------------------------------------------------------- */

static guint n_steps(BailiffIncident *incident)
{
    return bailiff_incident_get_record(incident)->steps->len;
}

static BailiffIncident *oldest_ended(BailiffIncidentLog *self)
{
    for (guint i = 0; i + 1 < self->incidents->len; i++)
        if (!bailiff_incident_is_ongoing(self->incidents->pdata[i]))
            return self->incidents->pdata[i];
    return NULL;
}

static void remove_incident(BailiffIncidentLog *self, BailiffIncident *incident)
{
    g_autoptr(BailiffIncident) hold = g_object_ref(incident);

    g_signal_handlers_disconnect_by_data(incident, self);
    g_ptr_array_remove(self->incidents, incident);
    if (self->store != NULL)
        incident_store_remove(self->store, incident);
    g_signal_emit(self, signals[SIGNAL_INCIDENT_REMOVED], 0, incident);
}

static void trim(BailiffIncidentLog *self)
{
    BailiffIncident *oldest;
    guint64 total = 0;

    if (self->loading)
        return;
    for (guint i = 0; i < self->incidents->len; i++)
        total += n_steps(self->incidents->pdata[i]);
    while ((self->incidents->len > INCIDENTS_MAX || total > INCIDENT_STEPS_TOTAL_MAX) &&
           (oldest = oldest_ended(self)) != NULL) {
        total -= n_steps(oldest);
        remove_incident(self, oldest);
    }
}

/* --- adding ---------------------------------------------------------------------------------- */

static void put(BailiffIncidentLog *self, BailiffIncident *incident)
{
    if (self->store != NULL)
        incident_store_put(self->store, incident);
    if (self->under_way != NULL && g_hash_table_contains(self->followed, incident))
        incident_store_put(self->under_way, incident);
}

static void on_changed(BailiffIncident *incident, BailiffIncidentLog *self)
{
    put(self, incident);
    if (!bailiff_incident_is_ongoing(incident))
        trim(self);
}

static void on_step_added(BailiffIncident *incident, gpointer step, BailiffIncidentLog *self)
{
    put(self, incident);
}

/* Takes over `incident`, of which there is none with its number. */
static void add_incident(BailiffIncidentLog *self, BailiffIncident *incident)
{
    guint place = self->incidents->len;

    while (place > 0 && bailiff_incident_get_number(self->incidents->pdata[place - 1]) >
                            bailiff_incident_get_number(incident))
        place--;
    g_ptr_array_insert(self->incidents, (gint)place, incident);
    g_signal_connect(incident, "changed", G_CALLBACK(on_changed), self);
    g_signal_connect(incident, "step-added", G_CALLBACK(on_step_added), self);
    g_signal_emit(self, signals[SIGNAL_INCIDENT_ADDED], 0, incident);
}

/* Those of the state directory may not be known yet, or for as long as that directory hangs. The
 * seconds since 1970 are higher than any number of incidents, and grow as well. */
static guint64 take_number(BailiffIncidentLog *self)
{
    if (!self->numbers_known)
        self->next_number =
            MAX(self->next_number, (guint64)g_get_real_time() / (guint64)G_USEC_PER_SEC);
    return self->next_number++;
}

static void name_predecessor(BailiffIncidentLog *self, BailiffIncident *incident)
{
    g_autofree char *detail = g_strdup_printf(
        "what an earlier bailiffd has told, as incident %s, cannot be read", self->unreadable);
    const IncidentStep step = {
        .time_us = boottime_now(), .event = INCIDENT_TAKEN_OVER, .index = -1, .detail = detail
    };

    bailiff_incident_add_step(incident, incident_step_new(&step));
}

BailiffIncident *bailiff_incident_log_begin(BailiffIncidentLog *self, const char *lockspace,
                                            const char *cause, guint64 last_renewal_us,
                                            guint64 fail_at_us)
{
    IncidentRecord *record = incident_record_new();
    BailiffIncident *incident;

    record->number = take_number(self);
    record->lockspace = incident_text(lockspace, INCIDENT_NAME_SIZE);
    record->cause = incident_text(cause, INCIDENT_CAUSE_SIZE);
    record->boot_id = incident_text(self->boot_id, INCIDENT_NAME_SIZE);
    record->started_us = boottime_now();
    record->started_real_us = (guint64)MAX(g_get_real_time(), 0);
    record->last_renewal_us = last_renewal_us;
    record->fail_at_us = fail_at_us;
    incident = bailiff_incident_new(record);
    log_message(MESSAGE_INCIDENT_BEGUN,
                LOG_SUBJECT(.lockspace = record->lockspace, .incident = record->number),
                "Incident %" G_GUINT64_FORMAT " of lockspace %s has begun.", record->number,
                record->lockspace);
    add_incident(self, incident);
    g_hash_table_add(self->followed, g_object_ref(incident));
    if (self->unreadable != NULL)
        name_predecessor(self, incident);
    put(self, incident);
    trim(self);
    return incident;
}

/* --- what earlier daemons have left ---------------------------------------------------------- */

/* The daemon that wrote it ended before the incident did: the last that it wrote is the last that
 * is known. */
static void interrupt(BailiffIncident *incident)
{
    const IncidentRecord *record = bailiff_incident_get_record(incident);
    guint64 last_us = record->started_us;

    for (guint i = 0; i < record->steps->len; i++)
        last_us = MAX(last_us, ((const IncidentStep *)record->steps->pdata[i])->time_us);
    bailiff_incident_end(incident, INCIDENT_INTERRUPTED, last_us);
}

static gboolean has_number(BailiffIncidentLog *self, guint64 number)
{
    for (guint i = 0; i < self->incidents->len; i++)
        if (bailiff_incident_get_number(self->incidents->pdata[i]) == number)
            return TRUE;
    return FALSE;
}

static void on_loaded(GPtrArray *records, guint64 highest, gpointer user_data)
{
    g_autoptr(BailiffIncidentLog) self = g_object_ref(user_data);
    g_autoptr(GPtrArray) found = records;
    gpointer *steal;
    gsize n = 0;

    if (highest != G_MAXUINT64) {
        self->next_number = MAX(self->next_number, highest + 1);
        self->numbers_known = TRUE;
    }
    self->loading = TRUE;
    steal = g_ptr_array_steal(found, &n);
    for (gsize i = 0; i < n; i++) {
        g_autoptr(BailiffIncident) found_one = bailiff_incident_new(steal[i]);
        BailiffIncident *incident = found_one;
        gboolean left_open = bailiff_incident_is_ongoing(incident);

        /* It was taken over from the runtime directory, which is ahead of this one. */
        if (has_number(self, bailiff_incident_get_number(incident)))
            continue;
        if (left_open)
            interrupt(incident);
        add_incident(self, g_steal_pointer(&found_one));
        if (left_open)
            incident_store_put(self->store, incident);
    }
    g_free(steal);
    self->loading = FALSE;
    trim(self);
}

/* --- from one daemon to the next ------------------------------------------------------------- */

static void note_unreadable(BailiffIncidentLog *self, guint64 number)
{
    g_autofree char *before = g_steal_pointer(&self->unreadable);

    self->unreadable = before != NULL ? g_strdup_printf("%s, %" G_GUINT64_FORMAT, before, number)
                                      : g_strdup_printf("%" G_GUINT64_FORMAT, number);
}

/* What cannot be read, or is of an earlier boot: it would be found each time. */
static void drop_file(const char *directory, guint64 number)
{
    g_autoptr(GError) error = NULL;

    if (!incident_directory_remove(directory, number, &error))
        log_line(LOG_WARNING, NULL, "%s", error->message);
}

static void take_over_one(BailiffIncidentLog *self, IncidentRecord *record_taken)
{
    BailiffIncident *incident = bailiff_incident_new(record_taken);

    self->next_number = MAX(self->next_number, record_taken->number + 1);
    add_incident(self, incident);
    g_hash_table_add(self->followed, g_object_ref(incident));
    /* The state directory may have less of it. */
    if (self->store != NULL)
        incident_store_put(self->store, incident);
}

static void take_over_all(BailiffIncidentLog *self, const char *directory)
{
    g_autoptr(GArray) unread = NULL;
    g_autoptr(GPtrArray) found = incident_directory_load_all(directory, &unread);
    gsize n = found->len;
    g_autofree gpointer *records = g_ptr_array_steal(found, NULL);

    for (gsize i = 0; i < n; i++) {
        IncidentRecord *record = records[i];

        if (g_strcmp0(record->boot_id, self->boot_id) == 0) {
            take_over_one(self, record);
            continue;
        }
        drop_file(directory, record->number);
        incident_record_free(record);
    }
    for (guint i = 0; i < unread->len; i++) {
        guint64 number = g_array_index(unread, guint64, i);

        self->next_number = MAX(self->next_number, number + 1);
        note_unreadable(self, number);
        drop_file(directory, number);
    }
}

GPtrArray *bailiff_incident_log_take_over(BailiffIncidentLog *self, const char *runtime_dir)
{
    g_autofree char *directory = g_build_filename(runtime_dir, SAVED_INCIDENTS_DIRECTORY, NULL);

    take_over_all(self, directory);
    self->under_way = incident_store_new_volatile(directory);
    return bailiff_incident_log_list(self);
}

void bailiff_incident_log_end_take_over(BailiffIncidentLog *self)
{
    g_clear_pointer(&self->unreadable, g_free);
}

void bailiff_incident_log_unfollow(BailiffIncidentLog *self, BailiffIncident *incident)
{
    if (bailiff_incident_is_ongoing(incident))
        interrupt(incident);
    if (g_hash_table_remove(self->followed, incident) && self->under_way != NULL)
        incident_store_remove(self->under_way, incident);
}

void bailiff_incident_log_flush(BailiffIncidentLog *self, guint64 limit_us)
{
    if (self->under_way != NULL)
        incident_store_flush(self->under_way, limit_us);
}

/* --- the beginning --------------------------------------------------------------------------- */

BailiffIncidentLog *bailiff_incident_log_new(const char *state_dir)
{
    BailiffIncidentLog *self = g_object_new(BAILIFF_TYPE_INCIDENT_LOG, NULL);
    g_autofree char *directory = NULL;

    if (state_dir != NULL) {
        directory = g_build_filename(state_dir, "incidents", NULL);
        self->store = incident_store_new(directory, INCIDENTS_MAX, on_loaded, self);
        return self;
    }
    self->numbers_known = TRUE;
    log_line(LOG_NOTICE, NULL, "There is no state directory: incidents are kept in memory only.");
    return self;
}
