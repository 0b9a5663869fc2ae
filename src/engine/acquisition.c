/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Acquiring several leases, all or none.
 */
#include "engine/acquisition.h"

#include "common/bailiff-error.h"
#include "common/boottime.h"
#include "engine/lease-wish.h"
#include "engine/lockspace-private.h"
#include "engine/registration-private.h"
#include "engine/resource-in-use.h"
#include "engine/resource-private.h"
#include "engine/retry-pause.h"

typedef struct Acquisition Acquisition;

typedef struct AcquisitionItem {
    Acquisition *call;
    BailiffLockspace *lockspace;
    char *resource_name;
    char *path;
    guint64 offset;
    guint64 required_version;
    gboolean wait;
    gboolean persistent;
    gboolean adopt;
    ResourceMode mode;
    gboolean joins;            /* `resource` is held shared here already, by others */
    guint position;            /* in the caller's order */
    BailiffResource *resource; /* once it is in the lockspace's table for us */
    gboolean granted;
    gboolean waiting; /* for the timer, or to be told that it is its turn */
    RetryPause pause;
    GSource *timer;
    TurnWaiter turn;
} AcquisitionItem;

struct Acquisition {
    BailiffRegistration *registration;
    GTask *task;
    GCancellable *cancellable; /* the caller's or the registration's wish to stop */
    GCancellable *of_registration;
    gulong caller_handler, registration_handler;
    AcquisitionItem *items; /* in the order in which they are taken */
    gsize n_items;
    gsize next;    /* the first that was not started */
    guint running; /* started and neither granted nor failed */
    guint undoing; /* releases under way after a failure */
    gboolean in_order;
    GError *error; /* the first one */
};

static void start_items(Acquisition *call);
static void go_on(Acquisition *call);
static void try_item(AcquisitionItem *item);

static gboolean is_here(const AcquisitionItem *item)
{
    return bailiff_lockspace_find_resource(item->lockspace, item->resource_name) != NULL;
}

static void leave_queue(AcquisitionItem *item)
{
    turn_leave(item->lockspace->turns, &item->turn, is_here(item), boottime_now());
}

static void acquisition_free(Acquisition *call)
{
    GCancellable *of_caller = g_task_get_cancellable(call->task);

    if (call->caller_handler != 0)
        g_cancellable_disconnect(of_caller, call->caller_handler);
    if (call->registration_handler != 0)
        g_cancellable_disconnect(call->of_registration, call->registration_handler);
    for (gsize i = 0; i < call->n_items; i++) {
        AcquisitionItem *item = &call->items[i];

        leave_queue(item);
        if (item->timer != NULL) {
            g_source_destroy(item->timer);
            g_source_unref(item->timer);
        }
        g_clear_object(&item->lockspace);
        g_clear_object(&item->resource);
        g_free(item->resource_name);
        g_free(item->path);
    }
    g_free(call->items);
    g_clear_object(&call->cancellable);
    g_clear_object(&call->of_registration);
    g_clear_error(&call->error);
    bailiff_registration_end_acquiring(call->registration);
    g_object_unref(call->registration);
    g_object_unref(call->task);
    g_free(call);
}

/* --- the end --------------------------------------------------------------------------------- */

static void succeed(Acquisition *call)
{
    GPtrArray *resources = g_ptr_array_new_with_free_func(g_object_unref);

    g_ptr_array_set_size(resources, (int)call->n_items);
    for (gsize i = 0; i < call->n_items; i++) {
        /* A shared one stays persistent that anybody wanted so: he may be gone, and not have
         * released it, when the others let go. */
        if (!call->items[i].joins || call->items[i].persistent)
            bailiff_resource_set_persistent(call->items[i].resource, call->items[i].persistent);
        if (call->items[i].adopt)
            bailiff_resource_adopt(call->items[i].resource, call->registration);
        else if (call->items[i].joins)
            bailiff_resource_join(call->items[i].resource, call->registration);
        else
            bailiff_resource_publish(call->items[i].resource);
        resources->pdata[call->items[i].position] = g_object_ref(call->items[i].resource);
    }
    g_task_return_pointer(call->task, resources, (GDestroyNotify)g_ptr_array_unref);
    acquisition_free(call);
}

/* Who was told to stop is told why: nobody who still listens has cancelled the call himself. */
static void answer_error(Acquisition *call)
{
    g_autoptr(GError) why = NULL;

    if (g_error_matches(call->error, G_IO_ERROR, G_IO_ERROR_CANCELLED)) {
        if (bailiff_registration_check_ready(call->registration, &why))
            why =
                bailiff_error_make(BAILIFF_ERROR_BUSY, "Call again if the leases are still wanted.",
                                   "The call was given up before it had the leases.");
        g_clear_error(&call->error);
        call->error = g_steal_pointer(&why);
    }
    g_task_return_error(call->task, g_steal_pointer(&call->error));
    acquisition_free(call);
}

static void on_undone(GObject *source, GAsyncResult *result, gpointer user_data)
{
    Acquisition *call = user_data;

    /* Whether it worked at once or goes on in the background, the caller gets the first error. */
    bailiff_resource_release_finish(BAILIFF_RESOURCE(source), result, NULL);
    if (--call->undoing > 0)
        return;
    answer_error(call);
}

/* Nothing runs any more and something failed: what was granted goes back. */
static void undo(Acquisition *call)
{
    call->undoing = 1;
    for (gsize i = 0; i < call->n_items; i++) {
        if (!call->items[i].granted || call->items[i].joins)
            continue;
        if (call->items[i].adopt) {
            bailiff_resource_unreserve(call->items[i].resource);
            continue;
        }
        call->undoing++;
        bailiff_resource_release_async(call->items[i].resource, on_undone, call);
    }
    if (--call->undoing == 0)
        answer_error(call);
}

/* The last look before leases are handed out: the world may have changed since the machine ended.
 */
static gboolean check_still_good(Acquisition *call, GError **error)
{
    if (g_cancellable_set_error_if_cancelled(call->cancellable, error) ||
        !bailiff_registration_check_ready(call->registration, error))
        return FALSE;
    for (gsize i = 0; i < call->n_items; i++) {
        BailiffLockspace *lockspace = call->items[i].lockspace;

        if (!bailiff_lockspace_check_usable(lockspace, error))
            return FALSE;
        if (boottime_now() >= bailiff_lockspace_get_fail_at(lockspace)) {
            bailiff_set_error(error, BAILIFF_ERROR_LOST, "Check the storage, then try again.",
                              "Lockspace %s has passed its fail deadline.",
                              bailiff_lockspace_get_name(lockspace));
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean is_still_there(const AcquisitionItem *item)
{
    return !item->joins ||
           (bailiff_resource_is_shared(item->resource) &&
            bailiff_resource_check_joinable(item->resource, item->call->registration, item->path,
                                            item->offset, NULL));
}

static void on_stood_back(GObject *source, GAsyncResult *result, gpointer user_data)
{
    Acquisition *call = user_data;

    /* Where it goes on in the background the next try for it waits, or fails, as for any other. */
    bailiff_resource_release_finish(BAILIFF_RESOURCE(source), result, NULL);
    if (--call->undoing == 0)
        go_on(call);
}

static void forget_grant(AcquisitionItem *item)
{
    Acquisition *call = item->call;

    if (item->adopt) {
        bailiff_resource_unreserve(item->resource);
    } else if (!item->joins) {
        call->undoing++;
        bailiff_resource_release_async(item->resource, on_stood_back, call);
    }
    item->joins = item->granted = FALSE;
    g_clear_object(&item->resource);
}

/* While this call waited for other leases, those who shared one that it was to join may have let go
 * of it, or have made it exclusive. Then it is tried for again, and what comes behind it in the
 * order is given back first: who holds the later ones while he waits for an earlier one can wait
 * for another such call for ever. */
static gboolean stand_back(Acquisition *call)
{
    gsize first = 0;

    while (first < call->n_items && is_still_there(&call->items[first]))
        first++;
    if (call->error != NULL || first == call->n_items)
        return FALSE;
    call->next = first;
    call->undoing = 1;
    for (gsize i = call->n_items; i > first; i--)
        forget_grant(&call->items[i - 1]);
    if (--call->undoing == 0)
        start_items(call);
    return TRUE;
}

static void go_on(Acquisition *call)
{
    if (call->error == NULL && call->next < call->n_items)
        start_items(call);
    if (call->running > 0 || stand_back(call))
        return;
    if (call->error == NULL)
        check_still_good(call, &call->error);
    if (call->error != NULL)
        undo(call);
    else
        succeed(call);
}

/* --- one lease ------------------------------------------------------------------------------- */

/* What waits tries at `when_us`; also to find that it has nothing to wait for any more. */
static void go_item(gpointer user_data, guint64 when_us)
{
    AcquisitionItem *item = user_data;

    if (item->waiting)
        boottime_source_set(item->timer, when_us);
}

static void end_pauses(Acquisition *call)
{
    for (gsize i = 0; i < call->n_items; i++)
        go_item(&call->items[i], boottime_now());
}

static void item_failed(AcquisitionItem *item, GError *error)
{
    Acquisition *call = item->call;

    if (call->error == NULL)
        call->error = error;
    else
        g_error_free(error);
    call->running--;
    leave_queue(item);
    /* The others stop at their next chance: nobody needs what they would still get. */
    g_cancellable_cancel(call->cancellable);
    end_pauses(call);
    go_on(call);
}

/* A version that is not the demanded one does not become it. */
static gboolean can_wait(const AcquisitionItem *item)
{
    return item->wait && item->required_version == 0 && !item->adopt;
}

static gboolean is_worth_waiting(const GError *error)
{
    return g_error_matches(error, BAILIFF_ERROR, BAILIFF_ERROR_HELD) ||
           g_error_matches(error, BAILIFF_ERROR, BAILIFF_ERROR_BUSY);
}

static gboolean on_pause_over(gpointer user_data)
{
    AcquisitionItem *item = user_data;

    boottime_source_set(item->timer, TIME_NEVER);
    item->waiting = FALSE;
    try_item(item);
    return G_SOURCE_CONTINUE;
}

/* What is shared here, or is about to be, can be joined; not past those who wait. */
static gboolean may_join_soon(const AcquisitionItem *item)
{
    BailiffResource *here = bailiff_lockspace_find_resource(item->lockspace, item->resource_name);

    return item->mode == RESOURCE_SHARED && here != NULL && bailiff_resource_is_shared(here) &&
           bailiff_resource_get_phase(here) <= RESOURCE_PUBLISHED;
}

/* Another call on this host is acquiring it shared: this one can join in a moment, or not at all.
 * Not one that has got it and waits for others: that may be for what this call has. */
static gboolean is_about_to_share(const AcquisitionItem *item)
{
    BailiffResource *here = bailiff_lockspace_find_resource(item->lockspace, item->resource_name);

    return item->mode == RESOURCE_SHARED && here != NULL && bailiff_resource_is_shared(here) &&
           bailiff_resource_get_phase(here) == RESOURCE_ACQUIRING;
}

static void note_try(AcquisitionItem *item)
{
    guint64 version =
        item->resource != NULL ? bailiff_resource_get_found_version(item->resource) : 0;

    retry_pause_note(&item->pause, version, boottime_now());
}

/* Only the first asks again, and only when it is another host that is in the way, or late storage:
 * all others are told when it is their turn. */
static void wait_for_turn(AcquisitionItem *item)
{
    guint64 when_us = TIME_NEVER, now_us = boottime_now();

    if ((turn_is_first(&item->turn) && !is_here(item)) || may_join_soon(item))
        when_us = time_add(now_us, retry_pause_choose(&item->pause));
    item->waiting = TRUE;
    if (item->timer == NULL) {
        item->timer = boottime_source_new(when_us);
        g_source_set_callback(item->timer, on_pause_over, item, NULL);
        g_source_attach(item->timer, NULL);
    } else {
        boottime_source_set(item->timer, when_us);
    }
}

static void item_not_now(AcquisitionItem *item, GError *error)
{
    note_try(item);
    g_clear_object(&item->resource);
    if ((can_wait(item) || is_about_to_share(item)) && item->call->error == NULL &&
        is_worth_waiting(error) && !g_cancellable_is_cancelled(item->call->cancellable)) {
        g_error_free(error);
        wait_for_turn(item);
        return;
    }
    item_failed(item, error);
}

static void on_acquired(GObject *source, GAsyncResult *result, gpointer user_data)
{
    AcquisitionItem *item = user_data;
    GError *error = NULL;

    if (!bailiff_resource_acquire_finish(BAILIFF_RESOURCE(source), result, &error)) {
        item_not_now(item, error);
        return;
    }
    item->granted = TRUE;
    item->call->running--;
    leave_queue(item);
    go_on(item->call);
}

/* Nobody overtakes those who have waited on this host. */
static gboolean check_its_turn(AcquisitionItem *item, GError **error)
{
    if (turn_is_first(&item->turn) || !turn_is_awaited(item->lockspace->turns, item->resource_name))
        return TRUE;
    bailiff_set_error(error, BAILIFF_ERROR_BUSY,
                      "Try again, or call with the option wait, which gets its turn.",
                      "Resource %s of lockspace %s is waited for on this host already.",
                      item->resource_name, bailiff_lockspace_get_name(item->lockspace));
    return FALSE;
}

/* One lease machine for each resource on this host, whoever it is for. */
static gboolean check_not_here(AcquisitionItem *item, GError **error)
{
    BailiffResource *here = bailiff_lockspace_find_resource(item->lockspace, item->resource_name);

    if (here == NULL)
        return check_its_turn(item, error);
    resource_set_in_use_error(error, here, item->lockspace, item->call->registration);
    return FALSE;
}

static void adopt_item(AcquisitionItem *item)
{
    GError *error = NULL;
    BailiffResource *orphan = NULL;

    if (bailiff_lockspace_check_usable(item->lockspace, &error))
        orphan = bailiff_lockspace_reserve_orphan(item->lockspace, item->resource_name, item->path,
                                                  item->offset, item->required_version, &error);
    if (orphan != NULL && bailiff_resource_is_shared(orphan) != (item->mode == RESOURCE_SHARED)) {
        bailiff_set_error(&error, BAILIFF_ERROR_INVALID_ARGUMENT, "Adopt it in its own mode.",
                          "The orphan %s of lockspace %s is held %s.", item->resource_name,
                          bailiff_lockspace_get_name(item->lockspace),
                          bailiff_resource_get_mode_name(orphan));
        bailiff_resource_unreserve(orphan);
        orphan = NULL;
    }
    if (orphan == NULL) {
        item_failed(item, error);
        return;
    }
    item->resource = g_object_ref(orphan);
    item->granted = TRUE;
    item->call->running--;
    go_on(item->call);
}

/* A shared lease that is held on this host already is joined. FALSE: there is none, or with an
 * error. */
static gboolean join_shared(AcquisitionItem *item, GError **error)
{
    BailiffResource *here = bailiff_lockspace_find_resource(item->lockspace, item->resource_name);

    if (item->mode != RESOURCE_SHARED || here == NULL || !bailiff_resource_is_shared(here) ||
        bailiff_resource_get_phase(here) != RESOURCE_PUBLISHED ||
        bailiff_resource_is_orphan(here) ||
        !bailiff_resource_check_joinable(here, item->call->registration, item->path, item->offset,
                                         error) ||
        !check_its_turn(item, error) ||
        (item->persistent &&
         !bailiff_lockspace_note_persistent(item->lockspace, item->resource_name, error)))
        return FALSE;
    item->resource = g_object_ref(here);
    item->joins = TRUE;
    item->granted = TRUE;
    item->call->running--;
    return TRUE;
}

static void try_item(AcquisitionItem *item)
{
    GError *error = NULL;

    retry_pause_begin(&item->pause, boottime_now());
    if (g_cancellable_set_error_if_cancelled(item->call->cancellable, &error)) {
        item_failed(item, error);
        return;
    }
    if (item->adopt) {
        adopt_item(item);
        return;
    }
    /* In its place before the first try, which may take long: who comes meanwhile is behind it. */
    if (can_wait(item))
        turn_enter(item->lockspace->turns, item->resource_name, &item->turn, boottime_now());
    if (bailiff_lockspace_check_usable(item->lockspace, &error) && join_shared(item, &error)) {
        leave_queue(item);
        go_on(item->call);
        return;
    }
    if (error != NULL || !check_not_here(item, &error)) {
        item_not_now(item, error);
        return;
    }
    if (item->persistent &&
        !bailiff_lockspace_note_persistent(item->lockspace, item->resource_name, &error)) {
        item_failed(item, error);
        return;
    }
    item->resource =
        bailiff_resource_new(item->lockspace, item->call->registration, item->resource_name,
                             item->path, item->offset, item->mode);
    bailiff_lockspace_add_resource(item->lockspace, item->resource);
    bailiff_resource_acquire_async(item->resource, item->wait, item->required_version,
                                   item->call->cancellable, on_acquired, item);
}

static gboolean start_later(gpointer user_data)
{
    try_item(user_data);
    return G_SOURCE_REMOVE;
}

static void start_items(Acquisition *call)
{
    guint limit = call->in_order ? 1 : G_MAXUINT;

    while (call->running < limit && call->next < call->n_items) {
        call->running++;
        /* From the main loop, so that a failure cannot end the call inside this loop. */
        g_idle_add_full(G_PRIORITY_DEFAULT, start_later, &call->items[call->next++], NULL);
    }
}

/* --- the beginning ---------------------------------------------------------------------------
 */

static void on_stop(GCancellable *source, gpointer user_data)
{
    Acquisition *call = user_data;

    g_cancellable_cancel(call->cancellable);
    end_pauses(call);
}

static int compare_items(gconstpointer a, gconstpointer b)
{
    const AcquisitionItem *x = a, *y = b;
    int order = g_strcmp0(bailiff_lockspace_get_name(x->lockspace),
                          bailiff_lockspace_get_name(y->lockspace));

    return order != 0 ? order : g_strcmp0(x->resource_name, y->resource_name);
}

static void copy_wish(AcquisitionItem *item, Acquisition *call, BailiffEngine *engine,
                      const BailiffLeaseWish *wish, guint position)
{
    *item = (AcquisitionItem){
        .call = call,
        .lockspace = g_object_ref(bailiff_engine_find_lockspace(engine, wish->lockspace)),
        .resource_name = g_strdup(wish->resource),
        .path = g_strdup(wish->path),
        .offset = wish->offset,
        .required_version = wish->required_version,
        .wait = wish->wait,
        .persistent = wish->persistent,
        .adopt = wish->adopt,
        .mode = wish->shared ? RESOURCE_SHARED : RESOURCE_EXCLUSIVE,
        .position = position,
        .turn = { .go = go_item },
    };
}

void acquisition_start(BailiffEngine *engine, BailiffRegistration *registration,
                       const BailiffLeaseWish *wishes, gsize n_wishes, GTask *task)
{
    GCancellable *of_caller = g_task_get_cancellable(task);
    GError *error = NULL;
    Acquisition *call;

    if (!lease_wishes_check(engine, registration, wishes, n_wishes, &error)) {
        g_task_return_error(task, error);
        return;
    }
    call = g_new0(Acquisition, 1);
    call->task = g_object_ref(task);
    call->registration = g_object_ref(registration);
    bailiff_registration_begin_acquiring(registration);
    call->cancellable = g_cancellable_new();
    call->items = g_new0(AcquisitionItem, n_wishes);
    call->n_items = n_wishes;
    for (gsize i = 0; i < n_wishes; i++) {
        copy_wish(&call->items[i], call, engine, &wishes[i], (guint)i);
        call->in_order = call->in_order || wishes[i].wait;
    }
    qsort(call->items, n_wishes, sizeof *call->items, compare_items);
    /* Only now has each of them its place. */
    for (gsize i = 0; i < n_wishes; i++)
        call->items[i].turn.user_data = &call->items[i];

    if (!bailiff_registration_record_held(registration, wishes, n_wishes, &error)) {
        call->error = error;
        undo(call);
        return;
    }
    if (of_caller != NULL)
        call->caller_handler = g_cancellable_connect(of_caller, G_CALLBACK(on_stop), call, NULL);
    call->of_registration = g_object_ref(bailiff_registration_get_cancellable(registration));
    call->registration_handler =
        g_cancellable_connect(call->of_registration, G_CALLBACK(on_stop), call, NULL);
    start_items(call);
}
