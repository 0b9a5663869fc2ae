/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From one process to the next.
 *
 * The program is executed by the name that it had when it was started, so that after an upgrade it
 * is the new one, with the same arguments and environment. The lock on the runtime directory stays
 * taken over the exec: its descriptor is passed on, its number in the environment. So are those
 * that are kept for whoever comes next (common/fd-store.h), which is the same after a crash: the
 * pidfds of processes, and the watchdog, which would take its closing for one.
 *
 * An exec waits for the I/O of the old program, and for threads that are inside the kernel, after
 * it has ended all others: on hung storage for ever, with nobody left to enforce a deadline. So it
 * is done only when no I/O is out (engine/standstill.h).
 */
#include "daemon/continuity.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "common/bailiff-error.h"
#include "daemon/predecessor-wait.h"
#include "engine/hand-over.h"

#define LOCK_VARIABLE "BAILIFFD_LOCK_FD"
#define NEXT_LOCK_VARIABLE "BAILIFFD_NEXT_LOCK_FD"
#define DESCRIPTORS_VARIABLE "BAILIFFD_KEPT_FDS"
#define LAUNCHER_VARIABLE "BAILIFFD_LAUNCHER_FD"

/* For the last words on the bus. */
#define FAREWELL_MS 100
/* For an answer of one that runs, and for the end of one that leaves for nobody. */
#define HAND_OVER_MS 5000

static char *program;
static char **arguments;

void continuity_note_program(char **argv)
{
    g_autofree char *path = g_file_read_link("/proc/self/exe", NULL);

    /* One that was executed anew in the very moment of an upgrade. */
    if (path != NULL && g_str_has_suffix(path, " (deleted)"))
        path[strlen(path) - strlen(" (deleted)")] = '\0';
    program = path != NULL ? g_steal_pointer(&path) : g_strdup(argv[0]);
    arguments = g_strdupv(argv);
}

static gboolean stop_wanted;

void continuity_stop_later(void)
{
    stop_wanted = TRUE;
}

static void block_stop(int how)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    pthread_sigmask(how, &set, NULL);
}

void continuity_take_signals(void)
{
    block_stop(SIG_UNBLOCK);
}

void continuity_stop_now(void)
{
    if (!stop_wanted)
        return;
    stop_wanted = FALSE;
    raise(SIGTERM); /* where it is blocked it is pending already, and comes once */
    block_stop(SIG_UNBLOCK);
}

/* --- the start ------------------------------------------------------------------------------- */

static int inherit_descriptor(const char *variable)
{
    const char *text = g_getenv(variable);
    guint64 fd = 0;
    gboolean good = text != NULL && g_ascii_string_to_unsigned(text, 10, 3, G_MAXINT32, &fd, NULL);

    g_unsetenv(variable);
    return good ? (int)fd : -1;
}

static InstanceLock *inherit_lock(const char *runtime_dir)
{
    int fd = inherit_descriptor(LOCK_VARIABLE);
    int next_fd = inherit_descriptor(NEXT_LOCK_VARIABLE);

    return fd >= 0 ? instance_lock_inherit(fd, next_fd, runtime_dir) : NULL;
}

int continuity_take_descriptors(void)
{
    return inherit_descriptor(DESCRIPTORS_VARIABLE);
}

char *continuity_take_launcher(void)
{
    char *text = g_strdup(g_getenv(LAUNCHER_VARIABLE));

    g_unsetenv(LAUNCHER_VARIABLE);
    return text;
}

/* What would fail when the other one is gone: this program may not have the name. Whether it has
 * it, for now, makes no difference. */
static gboolean check_name_is_allowed(GDBusConnection *connection, GError **error)
{
    enum { DO_NOT_QUEUE = 4 };
    g_autoptr(GError) local = NULL;
    g_autoptr(GVariant) reply = g_dbus_connection_call_sync(
        connection, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
        "RequestName", g_variant_new("(su)", BAILIFF_BUS_NAME, DO_NOT_QUEUE), G_VARIANT_TYPE("(u)"),
        G_DBUS_CALL_FLAGS_NONE, HAND_OVER_MS, NULL, &local);

    if (reply != NULL)
        return TRUE;
    g_dbus_error_strip_remote_error(local);
    g_propagate_error(error, g_steal_pointer(&local));
    return FALSE;
}

static gboolean call_hand_over(GDBusConnection *connection, const char *watchdog, GError **error)
{
    g_autoptr(GError) local = NULL;
    g_auto(GVariantBuilder) options = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE_VARDICT);

    g_variant_builder_add(&options, "{sv}", "watchdog", g_variant_new_string(watchdog));
    g_autoptr(GVariant) reply = g_dbus_connection_call_sync(
        connection, BAILIFF_BUS_NAME, "/org/bailiff/Bailiff1/Manager", BAILIFF_BUS_NAME ".Manager",
        "HandOver", g_variant_new("(a{sv})", &options), NULL, G_DBUS_CALL_FLAGS_NO_AUTO_START,
        HAND_OVER_MS, NULL, &local);
    if (reply != NULL)
        return TRUE;
    if (g_error_matches(local, G_IO_ERROR, G_IO_ERROR_TIMED_OUT)) {
        bailiff_set_error(error, BAILIFF_ERROR_BUSY,
                          "Nothing has changed. Try again when it answers (bailiffctl status); if "
                          "it never does kill it (SIGKILL): the next one goes on with what it "
                          "holds, as after a crash.",
                          "The bailiffd that runs has not answered for %d s: it hangs, or its "
                          "process is stopped.",
                          HAND_OVER_MS / 1000);
        return FALSE;
    }
    g_dbus_error_strip_remote_error(local);
    g_propagate_error(error, g_steal_pointer(&local));
    return FALSE;
}

static gboolean ask_to_hand_over(GBusType bus, const char *watchdog, GError **error)
{
    g_autofree char *address = g_dbus_address_get_for_bus_sync(bus, NULL, error);
    g_autoptr(GDBusConnection) connection = NULL;
    gboolean agreed;

    /* Not the shared one, which ends the process when the bus goes. */
    if (address != NULL)
        connection = g_dbus_connection_new_for_address_sync(
            address,
            G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
                G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
            NULL, NULL, error);
    if (connection == NULL)
        return FALSE;
    agreed =
        check_name_is_allowed(connection, error) && call_hand_over(connection, watchdog, error);
    g_dbus_connection_close_sync(connection, NULL, NULL);
    return agreed;
}

/* Not known: it is. */
static gboolean is_on_the_bus(GBusType bus)
{
    g_autofree char *address = g_dbus_address_get_for_bus_sync(bus, NULL, NULL);
    g_autoptr(GDBusConnection) connection = NULL;
    g_autoptr(GVariant) reply = NULL;
    gboolean is_there = TRUE;

    if (address != NULL)
        connection = g_dbus_connection_new_for_address_sync(
            address,
            G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
                G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
            NULL, NULL, NULL);
    if (connection != NULL)
        reply = g_dbus_connection_call_sync(
            connection, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
            "NameHasOwner", g_variant_new("(s)", BAILIFF_BUS_NAME), G_VARIANT_TYPE("(b)"),
            G_DBUS_CALL_FLAGS_NONE, HAND_OVER_MS, NULL, NULL);
    if (reply != NULL)
        g_variant_get(reply, "(b)", &is_there);
    return is_there;
}

/* One that ends has given up its name before: a bus that starts services itself may have started
 * this one because of that. */
static gboolean wait_for_its_end(InstanceLock *lock, GBusType bus)
{
    return !is_on_the_bus(bus) && predecessor_wait(lock, HAND_OVER_MS) == PREDECESSOR_GONE;
}

/* Everything that can keep this one from going on comes before the other one is asked; and what
 * would keep it from being the next one, too. */
static gboolean check_fitness(const ContinuityWish *wish, InstanceLock *lock, GError **error)
{
    if (wish->unfit != NULL) {
        g_propagate_error(error, g_error_copy(wish->unfit));
        return FALSE;
    }
    if (!bailiff_engine_check_succession(wish->engine, error))
        return FALSE;
    if (instance_lock_take_next(lock))
        return TRUE;
    bailiff_set_error(error, BAILIFF_ERROR_BUSY, "Use that one, or try again when it is there.",
                      "Another bailiffd is about to take the place of the one that runs.");
    return FALSE;
}

/*
 * That somebody is left, whoever ends when and of what. The one that runs (A) is asked by the next
 * one (B), which is next in line (`lock.next`) from before it asks until it has the lock, for as
 * long as its process lives. A agrees only if somebody is next, and looks again in the last moment
 * before its end (leave()).
 *
 *   - B ends before A looks: A finds nobody, stays, and takes the name again.
 *
 *   - B is told to end: it does so if A has not looked (instance-lock.c); else it waits for A's
 *     end, takes its place, and ends in order.
 *
 *   - B is killed after A has looked: as if it had been killed later, when A has ended: a crash.
 *     What A held is written down, for whoever is started next.
 *
 *   - A stands still, before or after it looks: B waits, as long as it takes, and says so. Only
 *     one of them may go on with the leases, and nobody but A can say that it will not.
 *
 *   - A is killed before it agrees, or after that: its lock is free, or it cannot end, since
 *     storage hangs: B goes on as after a crash.
 *
 *   - A stays and B lives: not after A has agreed. Before, B is refused, or gets no answer in
 *     HAND_OVER_MS, and ends, so that A, when it comes to the call at last, finds nobody.
 *
 *   - C is started meanwhile, by the bus or by systemd: it cannot take the lock before B, nor be
 *     next; it waits for a while, then says who runs, and ends.
 *
 *   - C is to take A's place, too, and B has died: C is next and may be taken for B. It has made
 *     sure of everything that B had, and finds A gone when it asks.
 */
static gboolean replace_running(const ContinuityWish *wish, InstanceLock *lock, GError **error)
{
    g_autoptr(GError) refusal = NULL;
    const char *watchdog = bailiff_engine_get_watchdog_setting(wish->engine);
    gboolean agreed;

    if (!check_fitness(wish, lock, error))
        return FALSE;
    agreed = ask_to_hand_over(wish->bus, watchdog, &refusal);
    /* Without an answer it may have ended over that, or be about to: it may have agreed. */
    if (!agreed && is_on_the_bus(wish->bus) && instance_lock_is_next_no_more(lock)) {
        g_propagate_error(error, g_steal_pointer(&refusal));
        return FALSE;
    }
    if (predecessor_wait(lock, agreed ? 0 : HAND_OVER_MS) == PREDECESSOR_GONE)
        return TRUE;
    if (!agreed)
        g_propagate_error(error, g_steal_pointer(&refusal));
    else
        bailiff_set_error(error, BAILIFF_ERROR_BUSY, "Start it again to have it take over.",
                          "Told to end before it had taken over: the bailiffd that runs goes on.");
    return FALSE;
}

InstanceLock *continuity_take_place(const ContinuityWish *wish, GError **error)
{
    g_autoptr(InstanceLock) lock = inherit_lock(wish->runtime_dir);
    InstanceState state;
    pid_t pid;

    if (lock == NULL)
        lock = instance_lock_new(wish->runtime_dir, error);
    if (lock == NULL)
        return NULL;
    state = predecessor_look(lock, &pid);
    if (state == INSTANCE_ENDING && !instance_lock_take_next(lock)) {
        bailiff_set_error(
            error, BAILIFF_ERROR_ALREADY_EXISTS,
            "Use that one. The first one ends when its storage answers.",
            "bailiffd process %d cannot end, since storage hangs, and another bailiffd "
            "has taken its place already.",
            (int)pid);
        return NULL;
    }
    /* Who was next may have become the first one meanwhile. */
    if (state == INSTANCE_ENDING)
        state = instance_lock_look(lock, &pid);
    if (state != INSTANCE_RUNS || (!wish->replace && wait_for_its_end(lock, wish->bus)))
        return g_steal_pointer(&lock);
    if (!wish->replace) {
        /* That may be another one by now. */
        if (instance_lock_look(lock, &pid) == INSTANCE_NONE)
            return g_steal_pointer(&lock);
        bailiff_set_error(error, BAILIFF_ERROR_ALREADY_EXISTS,
                          "Use that one. To have this one take its place without a lease being "
                          "lost, start it with --replace.",
                          "bailiffd runs already, as process %d, with the runtime directory %s.",
                          (int)pid, wish->runtime_dir);
        return NULL;
    }
    if (!replace_running(wish, lock, error))
        return NULL;
    return g_steal_pointer(&lock);
}

/* --- the end --------------------------------------------------------------------------------- */

gboolean continuity_check_successor(InstanceLock *lock, GError **error)
{
    if (instance_lock_has_next(lock))
        return TRUE;
    bailiff_set_error(error, BAILIFF_ERROR_BUSY,
                      "Start one with 'bailiffd --replace'; 'bailiffctl reexecute' has this one go "
                      "on as its new program.",
                      "There is no bailiffd that waits to take the place of this one.");
    return FALSE;
}

gboolean continuity_check_program(GError **error)
{
    if (access(program, X_OK) == 0)
        return TRUE;
    bailiff_set_error(error, BAILIFF_ERROR_IO_ERROR,
                      "Install the program again; until then this one goes on.",
                      "%s cannot be executed: %s.", program, g_strerror(errno));
    return FALSE;
}

typedef struct Departure {
    BailiffEngine *engine;
    InstanceLock *lock;
    FdStore *store;
    Launcher *launcher;
    gboolean hand_over;
    guint limit;
    ContinuityFailed failed;
    gpointer user_data;
} Departure;

static void set_number(const char *variable, int number)
{
    g_autofree char *text = g_strdup_printf("%d", number);

    g_setenv(variable, text, TRUE);
}

static void pass_launcher_on(Departure *self)
{
    g_autofree char *launcher = launcher_give(self->launcher);

    if (launcher != NULL)
        g_setenv(LAUNCHER_VARIABLE, launcher, TRUE);
}

/* A daemon that waits for the end of an earlier one has not got the lock; it is next in line. */
static void pass_lock_on(Departure *self)
{
    int next;

    set_number(LOCK_VARIABLE, instance_lock_keep(self->lock, &next));
    if (next >= 0)
        set_number(NEXT_LOCK_VARIABLE, next);
}

static void stay(Departure *self, const char *why, const GError *error)
{
    hand_over_failed(self->engine, why);
    self->failed(error, self->user_data);
    continuity_stop_now();
}

static void execute(Departure *self)
{
    g_autoptr(GError) error = NULL;
    int descriptors;

    pass_lock_on(self);
    bailiff_engine_give_watchdog(self->engine);
    pass_launcher_on(self);
    descriptors = fd_store_pass_on(self->store, &error);
    if (descriptors >= 0) {
        set_number(DESCRIPTORS_VARIABLE, descriptors);
        /* What is blocked and pending in this thread is so after an exec, too. */
        if (stop_wanted) {
            block_stop(SIG_BLOCK);
            raise(SIGTERM);
        }
        execv(program, arguments);
        bailiff_set_error(&error, BAILIFF_ERROR_IO_ERROR,
                          "Install the program again; until then this one goes on.",
                          "%s could not be executed: %s.", program, g_strerror(errno));
        close(descriptors);
    }
    g_unsetenv(LOCK_VARIABLE);
    g_unsetenv(NEXT_LOCK_VARIABLE);
    instance_lock_keep_no_more(self->lock);
    g_unsetenv(DESCRIPTORS_VARIABLE);
    g_unsetenv(LAUNCHER_VARIABLE);
    fd_store_take_back(self->store);
    launcher_keep(self->launcher);
    bailiff_engine_take_watchdog_back(self->engine);
    stay(self, "the program could not be executed: this one goes on", error);
}

/* From here on this process ends, whatever happens, and nothing holds it up. */
static void end_for_next(Departure *self)
{
    /* Who takes over opens it, and systemd is not to have it open any longer than this process. */
    fd_store_drop(self->store, WATCHDOG_DEVICE_DESCRIPTOR);
    _exit(0);
}

static void leave(Departure *self)
{
    g_autoptr(GError) error = NULL;

    hand_over_write(self->engine, self->hand_over ? "another bailiffd takes its place"
                                                  : "bailiffd executes its program anew");
    if (!self->hand_over) {
        execute(self);
        return;
    }
    if (instance_lock_leave_to_next(self->lock))
        end_for_next(self);
    bailiff_set_error(&error, BAILIFF_ERROR_BUSY, "Start it again; this one goes on.",
                      "The bailiffd that was to take over has ended.");
    stay(self, "who was to take over has ended: this one goes on", error);
}

static gboolean on_farewell_limit(gpointer user_data)
{
    Departure *self = user_data;

    /* Freed when the bus has been left after all. */
    self->limit = 0;
    leave(self);
    return G_SOURCE_REMOVE;
}

static void on_off_the_bus(GObject *source, GAsyncResult *result, gpointer user_data)
{
    Departure *self = user_data;

    bailiff_bus_service_stop_finish(BAILIFF_BUS_SERVICE(source), result);
    if (self->limit != 0) { /* else it comes too late, and the program could not be executed */
        g_clear_handle_id(&self->limit, g_source_remove);
        leave(self);
    }
    g_free(self);
}

void continuity_depart(BailiffBusService *service, InstanceLock *lock, FdStore *store,
                       Launcher *launcher, gboolean hand_over, ContinuityFailed failed,
                       gpointer user_data)
{
    Departure *self = g_new0(Departure, 1);

    *self = (Departure){ .engine = bailiff_bus_service_get_engine(service),
                         .lock = lock,
                         .store = store,
                         .launcher = launcher,
                         .hand_over = hand_over,
                         .failed = failed,
                         .user_data = user_data };
    self->limit = g_timeout_add(FAREWELL_MS, on_farewell_limit, self);
    /* Who follows goes on with the steps that need it; if nobody does, this one. */
    bailiff_engine_await_bus(self->engine);
    bailiff_bus_service_stop_async(service, 0, on_off_the_bus, self);
}
