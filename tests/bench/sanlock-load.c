/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bench-sanlock-load MODE OPTIONS (load-options.h): load on a sanlock daemon, through libsanlock.
 *
 * Each holder is a process with a connection of its own, as sanlock's clients are. It finds the
 * daemon by SANLOCK_RUN_DIR. --at-once is not heeded: the daemon itself does eight at a time.
 */
#include <errno.h>
#include <stdint.h> /* sanlock.h needs it and does not include it */
#include <pthread.h>
#include <sanlock.h>
#include <sanlock_admin.h>
#include <sanlock_resource.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/holder-child.h"
#include "bench/load-options.h"
#include "bench/pair-table.h"

/* Between two tries for a resource that another host has. */
#define RETRY_PAUSE_US 2000
/* What sanlock answers in that case, beside -EAGAIN: -243 (a live host has it) and the like. */
#define ANSWERS_OF_ACQUIRE_MAX (-230)
#define ANSWERS_OF_ACQUIRE_MIN (-260)
/* A holder whose calls all fail gives up. */
#define FAILURES_MAX 20
#define JOIN_STACK_SIZE 65536

static LoadOptions options;
static PairTable *table;

/* --- one holder ------------------------------------------------------------------------------ */

static struct sanlk_resource *make_resource(unsigned index)
{
    struct sanlk_resource *resource = g_malloc0(sizeof *resource + sizeof resource->disks[0]);

    g_strlcpy(resource->lockspace_name, options.lockspace, sizeof resource->lockspace_name);
    g_snprintf(resource->name, sizeof resource->name, "r%u", index);
    resource->num_disks = 1;
    g_strlcpy(resource->disks[0].path, options.path, sizeof resource->disks[0].path);
    resource->disks[0].offset = load_area_offset(&options, index);
    return resource;
}

static gboolean is_held_by_another(int answer)
{
    return answer == -EAGAIN ||
           (answer <= ANSWERS_OF_ACQUIRE_MAX && answer >= ANSWERS_OF_ACQUIRE_MIN);
}

static gboolean acquire(int connection, unsigned holder, struct sanlk_resource **set)
{
    guint64 asked_us = load_now_us();
    int answer;

    for (;;) {
        answer = sanlock_acquire(connection, -1, 0, options.per_call, set, NULL);
        if (!options.wait || !is_held_by_another(answer) || load_now_us() >= table->end_us)
            break;
        g_usleep(RETRY_PAUSE_US);
    }
    if (answer >= 0)
        return TRUE;
    /* With --wait the end of time is no failure. */
    if (options.wait)
        pair_table_waited(table, holder, load_now_us() - asked_us);
    if (!options.wait || !is_held_by_another(answer)) {
        g_autofree char *text = g_strdup_printf("sanlock_acquire: %d", answer);
        pair_table_fail(table, holder, text);
    }
    return FALSE;
}

static void cycle(int connection, unsigned holder, struct sanlk_resource ***sets)
{
    unsigned limit = (unsigned)(options.rounds * options.sets);

    for (unsigned n = 0; (limit == 0 || n < limit) && load_now_us() < table->end_us; n++) {
        struct sanlk_resource **set = sets[n % (unsigned)options.sets];
        Pair pair = { .asked_us = load_now_us() };

        if (!acquire(connection, holder, set)) {
            if (table->rows[holder].failed >= FAILURES_MAX)
                return;
            continue;
        }
        pair.held_us = load_now_us();
        int answer = sanlock_release(connection, -1, 0, options.per_call, set);
        pair.released_us = load_now_us();
        if (answer < 0) {
            g_autofree char *text = g_strdup_printf("sanlock_release: %d", answer);
            pair_table_fail(table, holder, text);
            return;
        }
        pair_table_add(table, holder, &pair);
    }
}

static void set_program(int connection, unsigned holder)
{
    g_autofree char *pid = g_strdup_printf("%d", (int)getpid());
    int answer = sanlock_killpath(connection, 0, options.program, pid);

    if (answer < 0) {
        g_autofree char *text = g_strdup_printf("sanlock_killpath: %d", answer);
        pair_table_fail(table, holder, text);
    }
}

/* `ready` gets a byte when it is registered, and in mode hold another one when it holds; `start`
 * ends when all may begin. */
static void be_holder(unsigned holder, int ready, int start)
{
    struct sanlk_resource ***sets = g_new0(struct sanlk_resource **, options.sets);
    int connection = sanlock_register();
    char byte = 0;

    for (unsigned s = 0; s < (unsigned)options.sets; s++) {
        sets[s] = g_new0(struct sanlk_resource *, options.per_call);
        for (unsigned k = 0; k < (unsigned)options.per_call; k++)
            sets[s][k] = make_resource(load_resource_index(&options, holder, s, k));
    }
    if (connection < 0)
        pair_table_fail(table, holder, "sanlock_register");
    if (connection >= 0 && options.program != NULL)
        set_program(connection, holder);
    if (write(ready, &byte, 1) != 1 || read(start, &byte, 1) != 0 || connection < 0)
        _exit(1);
    if (g_str_equal(options.mode, "cycle")) {
        cycle(connection, holder, sets);
        _exit(0);
    }
    if (acquire(connection, holder, sets[0]))
        table->rows[holder].held_us = load_now_us();
    if (write(ready, &byte, 1) != 1)
        _exit(1);
    holder_child_wait(&table->rows[holder].signalled_us);
}

/* --- all of them ----------------------------------------------------------------------------- */

static void wait_for_bytes(int fd, unsigned n)
{
    char bytes[256];

    while (n > 0) {
        ssize_t got = read(fd, bytes, MIN(n, sizeof bytes));
        if (got <= 0) {
            fprintf(stderr, "%s: a child ended too early\n", g_get_prgname());
            exit(1);
        }
        n -= (unsigned)got;
    }
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
    g_autofree pid_t *children = g_new0(pid_t, n);
    int ready[2], start[2];

    table = pair_table_new(n);
    if (pipe(ready) < 0 || pipe(start) < 0)
        exit(1);
    holder_child_block_signals();
    for (unsigned i = 0; i < n; i++) {
        children[i] = holder_child_fork();
        if (children[i] == 0) {
            close(start[1]);
            be_holder(i, ready[1], start[0]);
        }
    }
    holder_child_unblock_signals();
    close(ready[1]);
    wait_for_bytes(ready[0], n);
    set_window();
    close(start[1]);
    if (g_str_equal(options.mode, "cycle")) {
        char byte;
        while (read(ready[0], &byte, 1) > 0)
            ;
        pair_table_print(table, (unsigned)options.sets);
    } else {
        char byte;
        wait_for_bytes(ready[0], n);
        pair_table_print_held(table);
        while (read(STDIN_FILENO, &byte, 1) > 0)
            ;
        pair_table_print_signalled(table);
    }
    holder_child_end(children, n);
}

/* --- lockspaces ------------------------------------------------------------------------------ */

typedef struct LockspaceCall {
    pthread_t thread;
    unsigned index;
    int answer;
    guint64 took_us;
} LockspaceCall;

static void *call_for_lockspace(void *data)
{
    LockspaceCall *call = data;
    struct sanlk_lockspace lockspace = { .host_id = (uint64_t)options.host_id };
    guint64 begin_us = load_now_us();

    g_snprintf(lockspace.name, sizeof lockspace.name, "%s%u", options.lockspace, call->index);
    g_strlcpy(lockspace.host_id_disk.path, options.path, sizeof lockspace.host_id_disk.path);
    lockspace.host_id_disk.offset = load_area_offset(&options, call->index);
    if (g_str_equal(options.mode, "join"))
        call->answer = sanlock_add_lockspace_timeout(&lockspace, 0, (uint32_t)options.io_timeout);
    else
        call->answer = sanlock_rem_lockspace(&lockspace, 0);
    call->took_us = load_now_us() - begin_us;
    return NULL;
}

static void run_lockspaces(void)
{
    unsigned n = (unsigned)options.count;
    g_autofree LockspaceCall *calls = g_new0(LockspaceCall, n);
    guint64 begin_us = load_now_us();
    unsigned failed = 0;
    int answer = 0;
    pthread_attr_t attributes;

    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, JOIN_STACK_SIZE);
    for (unsigned i = 0; i < n; i++) {
        calls[i].index = i;
        if (pthread_create(&calls[i].thread, &attributes, call_for_lockspace, &calls[i]) != 0)
            exit(1);
    }
    for (unsigned i = 0; i < n; i++)
        pthread_join(calls[i].thread, NULL);
    guint64 all_us = load_now_us() - begin_us;
    for (unsigned i = 0; i < n; i++)
        if (calls[i].answer < 0) {
            failed++;
            answer = calls[i].answer;
        }
    printf("{\"all_us\": %" G_GUINT64_FORMAT ", \"failed\": %u, \"first_error\": \"%s: %d\", "
           "\"each_us\": [",
           all_us, failed, options.mode, answer);
    for (unsigned i = 0; i < n; i++)
        printf("%s%" G_GUINT64_FORMAT, i > 0 ? ", " : "", calls[i].took_us);
    printf("]}\n");
}

int main(int argc, char **argv)
{
    g_set_prgname("bench-sanlock-load");
    load_options_parse(&options, argc, argv);
    if (g_str_equal(options.mode, "cycle") || g_str_equal(options.mode, "hold"))
        run_holders();
    else if (g_str_equal(options.mode, "join") || g_str_equal(options.mode, "leave"))
        run_lockspaces();
    else {
        fprintf(stderr, "bench-sanlock-load: no mode %s\n", options.mode);
        return 2;
    }
    return 0;
}
