/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bench-bailiff-load MODE OPTIONS (load-options.h): load on a bailiffd, through D-Bus.
 *
 * Each holder is a registration of its own, for a process of its own; this one process makes all
 * their calls, asynchronously. With sd-bus, which has no thread of its own: what is measured is the
 * daemon (and the bus), not the client. A connection carries few enough calls for the bus's limit
 * of replies that are waited for (128 on a system bus).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include "bench/holder-child.h"
#include "bench/load-options.h"
#include "bench/pair-table.h"

#define BUS_NAME "org.bailiff.Bailiff1"
#define ROOT_PATH "/org/bailiff/Bailiff1"
#define INTERFACE(name) BUS_NAME "." name
#define CALLS_PER_CONNECTION 64u
#define CALL_TIMEOUT_US (G_GUINT64_CONSTANT(900) * G_USEC_PER_SEC)
/* A holder whose calls all fail gives up. */
#define FAILURES_MAX 20
/* Longer than it takes until all programs have run. */
#define PROGRAM_GRACE_S 30u

typedef struct Holder {
    sd_bus *bus;
    unsigned index;
    char *path; /* of its registration; NULL before and after */
    unsigned set;
    unsigned limit; /* pairs; 0: by the clock */
    unsigned n;
    Pair pair;
} Holder;

typedef struct Lockspace {
    sd_bus *bus;
    unsigned index;
    guint64 took_us; /* 0: not ready */
} Lockspace;

static LoadOptions options;
static PairTable *table;
static sd_event *event;
static sd_bus **buses;
static Holder *holders;
static pid_t *children;
static unsigned waiting; /* holders, or lockspaces, that have something to do */

static int begin_acquire(Holder *holder);

static void check(int result, const char *what)
{
    if (result >= 0)
        return;
    fprintf(stderr, "%s: %s: %s\n", g_get_prgname(), what, strerror(-result));
    exit(1);
}

static void run_until_none_waits(void)
{
    while (waiting > 0)
        check(sd_event_run(event, UINT64_MAX), "event loop");
}

static void connect_for(unsigned n_calls)
{
    unsigned n = (n_calls + CALLS_PER_CONNECTION - 1) / CALLS_PER_CONNECTION;

    buses = g_new0(sd_bus *, n);
    for (unsigned i = 0; i < n; i++) {
        check(sd_bus_open_system(&buses[i]), "connection to the bus");
        check(sd_bus_attach_event(buses[i], event, 0), "connection to the bus");
    }
}

static sd_bus_message *new_call(sd_bus *bus, const char *path, const char *interface,
                                const char *member)
{
    sd_bus_message *message = NULL;

    check(sd_bus_message_new_method_call(bus, &message, BUS_NAME, path, interface, member), member);
    return message;
}

static void send_call(sd_bus *bus, sd_bus_message *message, sd_bus_message_handler_t handler,
                      void *data)
{
    check(sd_bus_call_async(bus, NULL, message, handler, data, CALL_TIMEOUT_US), "call");
    sd_bus_message_unref(message);
}

static const char *error_of(sd_bus_message *reply)
{
    const sd_bus_error *error = sd_bus_message_get_error(reply);

    return error == NULL ? NULL : error->message != NULL ? error->message : error->name;
}

/* --- one holder ------------------------------------------------------------------------------ */

static gboolean is_finished(const Holder *holder)
{
    return (holder->limit > 0 && holder->n >= holder->limit) || load_now_us() >= table->end_us ||
           table->rows[holder->index].failed >= FAILURES_MAX;
}

static int next_pair(Holder *holder)
{
    if (!is_finished(holder))
        return begin_acquire(holder);
    waiting--;
    return 0;
}

static int on_released(sd_bus_message *reply, void *data, sd_bus_error *unused)
{
    Holder *holder = data;

    holder->pair.released_us = load_now_us();
    if (error_of(reply) != NULL) {
        pair_table_fail(table, holder->index, error_of(reply));
        waiting--;
        return 0;
    }
    pair_table_add(table, holder->index, &holder->pair);
    return next_pair(holder);
}

static void begin_release(Holder *holder)
{
    sd_bus_message *message =
        new_call(holder->bus, holder->path, INTERFACE("Registration"), "Release");

    check(sd_bus_message_append(message, "aoa{sv}", 0, 0), "Release");
    send_call(holder->bus, message, on_released, holder);
}

static int on_acquired(sd_bus_message *reply, void *data, sd_bus_error *unused)
{
    Holder *holder = data;

    holder->pair.held_us = load_now_us();
    if (error_of(reply) != NULL) {
        pair_table_fail(table, holder->index, error_of(reply));
        return next_pair(holder);
    }
    if (g_str_equal(options.mode, "cycle")) {
        begin_release(holder);
    } else {
        table->rows[holder->index].held_us = holder->pair.held_us;
        waiting--;
    }
    return 0;
}

static int begin_acquire(Holder *holder)
{
    sd_bus_message *message =
        new_call(holder->bus, holder->path, INTERFACE("Registration"), "Acquire");
    unsigned set = holder->n++ % (unsigned)options.sets;
    char name[32];

    check(sd_bus_message_open_container(message, 'a', "(sssta{sv})"), "Acquire");
    for (unsigned k = 0; k < (unsigned)options.per_call; k++) {
        unsigned index = load_resource_index(&options, holder->index, set, k);
        snprintf(name, sizeof name, "r%u", index);
        check(sd_bus_message_open_container(message, 'r', "sssta{sv}"), "Acquire");
        check(sd_bus_message_append(message, "ssst", options.lockspace, name, options.path,
                                    load_area_offset(&options, index)),
              "Acquire");
        if (options.wait)
            check(sd_bus_message_append(message, "a{sv}", 1, "wait", "b", 1), "Acquire");
        else
            check(sd_bus_message_append(message, "a{sv}", 0), "Acquire");
        check(sd_bus_message_close_container(message), "Acquire");
    }
    check(sd_bus_message_close_container(message), "Acquire");
    check(sd_bus_message_append(message, "a{sv}", 0), "Acquire");
    holder->pair = (Pair){ .asked_us = load_now_us() };
    send_call(holder->bus, message, on_acquired, holder);
    return 0;
}

/* --- registrations --------------------------------------------------------------------------- */

static int on_registered(sd_bus_message *reply, void *data, sd_bus_error *unused)
{
    Holder *holder = data;
    const char *path = NULL;

    if (error_of(reply) != NULL) {
        fprintf(stderr, "%s: RegisterPid: %s\n", g_get_prgname(), error_of(reply));
        exit(1);
    }
    check(sd_bus_message_read(reply, "o", &path), "RegisterPid");
    holder->path = g_strdup(path);
    waiting--;
    return 0;
}

static void begin_register(Holder *holder)
{
    sd_bus_message *message =
        new_call(holder->bus, ROOT_PATH "/Manager", INTERFACE("Manager"), "RegisterPid");

    if (options.trees)
        check(sd_bus_message_append(message, "usa{sv}", (uint32_t)children[holder->index], "bench",
                                    2, "descendants", "b", 1, "failure-policy", "a(sua{sv})", 1,
                                    "kill", 0u, 0),
              "RegisterPid");
    else if (options.program == NULL)
        check(sd_bus_message_append(message, "usa{sv}", (uint32_t)children[holder->index], "bench",
                                    0),
              "RegisterPid");
    else
        check(sd_bus_message_append(message, "usa{sv}", (uint32_t)children[holder->index], "bench",
                                    1, "failure-policy", "a(sua{sv})", 2, "exec", PROGRAM_GRACE_S,
                                    1, "program", "s", options.program, "kill", 0u, 0),
              "RegisterPid");
    send_call(holder->bus, message, on_registered, holder);
}

static int on_unregistered(sd_bus_message *reply, void *data, sd_bus_error *unused)
{
    waiting--;
    return 0;
}

static void begin_unregister(Holder *holder)
{
    sd_bus_message *message =
        new_call(holder->bus, holder->path, INTERFACE("Registration"), "Unregister");

    check(sd_bus_message_append(message, "a{sv}", 0), "Unregister");
    send_call(holder->bus, message, on_unregistered, holder);
}

static void for_all_holders(void (*begin)(Holder *holder), unsigned at_once)
{
    unsigned n = (unsigned)options.holders;

    waiting = 0;
    for (unsigned i = 0; i < n; i++) {
        while (at_once > 0 && waiting >= at_once)
            check(sd_event_run(event, UINT64_MAX), "event loop");
        waiting++;
        begin(&holders[i]);
    }
    run_until_none_waits();
}

static void begin_holding(Holder *holder)
{
    begin_acquire(holder);
}

static void start_children(unsigned n)
{
    children = g_new0(pid_t, n);
    holder_child_block_signals();
    for (unsigned i = 0; i < n; i++) {
        children[i] = holder_child_fork();
        if (children[i] == 0 && options.trees)
            holder_child_be_tree();
        if (children[i] == 0)
            holder_child_wait(&table->rows[i].signalled_us);
    }
    holder_child_unblock_signals();
}

static void set_window(void)
{
    guint64 now_us = load_now_us();

    table->begin_us = now_us + (guint64)(options.warm_up_s * G_USEC_PER_SEC);
    table->end_us = table->begin_us + (guint64)(options.seconds * G_USEC_PER_SEC);
}

static void run_holders(void)
{
    unsigned n = (unsigned)options.holders;
    char byte;

    table = pair_table_new(n);
    start_children(n);
    connect_for(n);
    holders = g_new0(Holder, n);
    for (unsigned i = 0; i < n; i++)
        holders[i] = (Holder){ .index = i,
                               .bus = buses[i / CALLS_PER_CONNECTION],
                               .limit = (unsigned)(options.rounds * options.sets) };
    for_all_holders(begin_register, 0);
    set_window();
    for_all_holders(begin_holding, (unsigned)options.at_once);
    if (g_str_equal(options.mode, "cycle")) {
        for_all_holders(begin_unregister, 0);
        pair_table_print(table, (unsigned)options.sets);
    } else {
        pair_table_print_held(table);
        while (read(STDIN_FILENO, &byte, 1) > 0)
            ;
        pair_table_print_signalled(table);
    }
    holder_child_end(children, n);
}

/* --- lockspaces ------------------------------------------------------------------------------ */

static Lockspace *lockspaces;
static guint64 begin_us;
static unsigned n_failed;
static char *first_error;

static void lockspace_failed(const char *error)
{
    if (n_failed++ == 0)
        first_error = g_strescape(error, NULL);
    waiting--;
}

static int on_join_begun(sd_bus_message *reply, void *data, sd_bus_error *unused)
{
    if (error_of(reply) != NULL)
        lockspace_failed(error_of(reply));
    return 0;
}

static int on_left(sd_bus_message *reply, void *data, sd_bus_error *unused)
{
    Lockspace *lockspace = data;

    if (error_of(reply) != NULL) {
        lockspace_failed(error_of(reply));
    } else {
        lockspace->took_us = load_now_us() - begin_us;
        waiting--;
    }
    return 0;
}

static void on_state(const char *path, const char *state)
{
    const char *name = strrchr(path, '/') + 1;
    gsize prefix = strlen(options.lockspace);
    guint64 index;

    if (!g_str_has_prefix(name, options.lockspace) ||
        !g_ascii_string_to_unsigned(name + prefix, 10, 0, (guint64)options.count - 1, &index,
                                    NULL) ||
        lockspaces[index].took_us != 0)
        return;
    if (g_str_equal(state, "held")) {
        lockspaces[index].took_us = load_now_us() - begin_us;
        waiting--;
    } else if (g_str_equal(state, "lost")) {
        lockspaces[index].took_us = 1;
        lockspace_failed("a join failed");
    }
}

static int on_properties_changed(sd_bus_message *message, void *data, sd_bus_error *unused)
{
    const char *interface, *key, *state;

    if (sd_bus_message_read(message, "s", &interface) < 0 ||
        !g_str_equal(interface, INTERFACE("Lockspace")) ||
        sd_bus_message_enter_container(message, 'a', "{sv}") < 0)
        return 0;
    while (sd_bus_message_enter_container(message, 'e', "sv") > 0) {
        check(sd_bus_message_read(message, "s", &key), "PropertiesChanged");
        if (g_str_equal(key, "State")) {
            check(sd_bus_message_read(message, "v", "s", &state), "PropertiesChanged");
            on_state(sd_bus_message_get_path(message), state);
        } else {
            check(sd_bus_message_skip(message, "v"), "PropertiesChanged");
        }
        sd_bus_message_exit_container(message);
    }
    return 0;
}

static void begin_join(Lockspace *lockspace)
{
    sd_bus_message *message =
        new_call(lockspace->bus, ROOT_PATH "/Manager", INTERFACE("Manager"), "JoinLockspace");
    g_autofree char *name = g_strdup_printf("%s%u", options.lockspace, lockspace->index);

    check(sd_bus_message_append(message, "sstta{sv}", name, options.path,
                                load_area_offset(&options, lockspace->index),
                                (uint64_t)options.host_id, 1, "io-timeout", "u",
                                (uint32_t)options.io_timeout),
          "JoinLockspace");
    send_call(lockspace->bus, message, on_join_begun, lockspace);
}

static void begin_leave(Lockspace *lockspace)
{
    g_autofree char *path =
        g_strdup_printf(ROOT_PATH "/lockspaces/%s%u", options.lockspace, lockspace->index);
    sd_bus_message *message = new_call(lockspace->bus, path, INTERFACE("Lockspace"), "Leave");

    check(sd_bus_message_append(message, "a{sv}", 0), "Leave");
    send_call(lockspace->bus, message, on_left, lockspace);
}

static void print_lockspaces(guint64 all_us)
{
    printf("{\"all_us\": %" G_GUINT64_FORMAT ", \"failed\": %u, \"first_error\": \"%s\", "
           "\"each_us\": [",
           all_us, n_failed, first_error != NULL ? first_error : "");
    for (int i = 0; i < options.count; i++)
        printf("%s%" G_GUINT64_FORMAT, i > 0 ? ", " : "", lockspaces[i].took_us);
    printf("]}\n");
}

static void run_lockspaces(void)
{
    gboolean join = g_str_equal(options.mode, "join");
    unsigned n = (unsigned)options.count;

    lockspaces = g_new0(Lockspace, n);
    connect_for(n);
    if (join)
        check(sd_bus_match_signal(buses[0], NULL, BUS_NAME, NULL, "org.freedesktop.DBus.Properties",
                                  "PropertiesChanged", on_properties_changed, NULL),
              "match");
    begin_us = load_now_us();
    waiting = n;
    for (unsigned i = 0; i < n; i++) {
        lockspaces[i] = (Lockspace){ .index = i, .bus = buses[i / CALLS_PER_CONNECTION] };
        if (join)
            begin_join(&lockspaces[i]);
        else
            begin_leave(&lockspaces[i]);
    }
    run_until_none_waits();
    print_lockspaces(load_now_us() - begin_us);
}

/* --- objects --------------------------------------------------------------------------------- */

static void run_objects(void)
{
    connect_for(1);
    printf("{\"each_us\": [");
    for (int i = 0; i < MAX(options.rounds, 1); i++) {
        sd_bus_message *message = new_call(
            buses[0], ROOT_PATH, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects");
        sd_bus_message *reply = NULL;
        guint64 asked_us = load_now_us();

        check(sd_bus_call(buses[0], message, CALL_TIMEOUT_US, NULL, &reply), "GetManagedObjects");
        printf("%s%" G_GUINT64_FORMAT, i > 0 ? ", " : "", load_now_us() - asked_us);
        sd_bus_message_unref(reply);
        sd_bus_message_unref(message);
    }
    printf("]}\n");
}

int main(int argc, char **argv)
{
    g_set_prgname("bench-bailiff-load");
    load_options_parse(&options, argc, argv);
    check(sd_event_new(&event), "event loop");
    if (g_str_equal(options.mode, "cycle") || g_str_equal(options.mode, "hold"))
        run_holders();
    else if (g_str_equal(options.mode, "join") || g_str_equal(options.mode, "leave"))
        run_lockspaces();
    else if (g_str_equal(options.mode, "objects"))
        run_objects();
    else {
        fprintf(stderr, "bench-bailiff-load: no mode %s\n", options.mode);
        return 2;
    }
    return 0;
}
