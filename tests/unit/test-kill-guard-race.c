/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The last kill against time: removals that race with it, signals that are lost or held up, other
 * threads that are all blocked.
 *
 * The test has a syscall() and a malloc() of its own, which the guard's threads come to use as
 * well: by the one a signal can be held up on its way or lost, by the other everybody who allocates
 * can be made to wait.
 */
#include <dlfcn.h>
#include <stdarg.h>

#include "support/guard-victim.h"

#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
#define HAS_SANITIZER
#endif

/* What becomes of a SIGKILL on its way. */
static enum { SENT, LOST_ONCE, HELD_UP } fate;
static int is_removing, was_sent, is_held_up;
static guint64 lost_us;

long syscall(long number, ...)
{
    static long (*next)(long number, ...);
    long words[6];
    va_list arguments;

    va_start(arguments, number);
    for (guint i = 0; i < G_N_ELEMENTS(words); i++)
        words[i] = va_arg(arguments, long);
    va_end(arguments);
    if (next == NULL)
        next = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");

    if (number == SYS_pidfd_send_signal && words[1] == SIGKILL) {
        if (g_atomic_int_get((gint *)&fate) == LOST_ONCE) {
            __atomic_store_n(&lost_us, boottime_now(), __ATOMIC_SEQ_CST);
            g_atomic_int_set((gint *)&fate, SENT);
            return 0;
        }
        if (g_atomic_int_get((gint *)&fate) == HELD_UP) {
            g_atomic_int_set(&is_held_up, TRUE);
            while (!g_atomic_int_get(&is_removing))
                sched_yield();
            /* Time enough for a removal that does not wait to return. */
            for (guint i = 0; i < 2000; i++)
                sched_yield();
            g_atomic_int_set(&was_sent, TRUE);
        }
    }
    return next(number, words[0], words[1], words[2], words[3], words[4], words[5]);
}

#ifndef HAS_SANITIZER
static pthread_mutex_t malloc_lock = PTHREAD_MUTEX_INITIALIZER;
static int malloc_is_locked, n_waiting_for_malloc;

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *memory, size_t size);

static void wait_for_malloc(void)
{
    if (!__atomic_load_n(&malloc_is_locked, __ATOMIC_SEQ_CST))
        return;
    __atomic_fetch_add(&n_waiting_for_malloc, 1, __ATOMIC_SEQ_CST);
    pthread_mutex_lock(&malloc_lock);
    pthread_mutex_unlock(&malloc_lock);
}

void *malloc(size_t size)
{
    wait_for_malloc();
    return __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
    wait_for_malloc();
    return __libc_calloc(n, size);
}

void *realloc(void *memory, size_t size)
{
    wait_for_malloc();
    return __libc_realloc(memory, size);
}
#endif

/* A victim that says that it lives: asked by a byte, it answers by one. Who was sent a SIGKILL does
 * not answer any more. */
static int questions[2], answers[2];

static void body_answers(void)
{
    char byte;

    while (read(questions[0], &byte, 1) == 1)
        if (write(answers[1], &byte, 1) != 1)
            _exit(1);
}

static gboolean answers_question(const Victim *victim)
{
    struct pollfd fds[] = { { .fd = answers[0], .events = POLLIN },
                            { .fd = victim->process.pidfd, .events = POLLIN } };
    char byte = 'x';

    g_assert_cmpint(write(questions[1], &byte, 1), ==, 1);
    g_assert_cmpint(poll(fds, 2, 30000), >=, 1);
    if (fds[0].revents != 0)
        return read(answers[0], &byte, 1) == 1;
    /* It did not take the question, or not answer it. */
    struct pollfd left = { .fd = questions[0], .events = POLLIN };
    if (poll(&left, 1, 0) == 1)
        g_assert_cmpint(read(questions[0], &byte, 1), ==, 1);
    return FALSE;
}

static void test_race(void)
{
    g_autoptr(KillGuard) guard = guard_new();
    guint64 line = add_line(guard);
    guint n_killed = 0, n_spared = 0;
    Victim victim;

    g_assert_cmpint(pipe2(questions, O_CLOEXEC), ==, 0);
    g_assert_cmpint(pipe2(answers, O_CLOEXEC), ==, 0);
    victim_start(&victim, body_answers);
    for (guint round = 0; round < 4000; round++) {
        guint64 until_us;

        /* Nobody has it: a signal that was sent too late would show here. */
        g_assert_true(answers_question(&victim));
        victim.target.tree = round % 2;
        kill_guard_set_line(guard, line, boottime_now() + (guint64)g_random_int_range(0, 120));
        guint64 entry = add(guard, line, &victim.target);
        until_us = boottime_now() + (guint64)g_random_int_range(0, 200);
        while (boottime_now() < until_us)
            ;
        if (round % 3 == 0) {
            kill_guard_remove_line(guard, line);
            line = add_line(guard);
        } else {
            kill_guard_remove(guard, entry);
        }
        /* Stopped, it does not answer either. */
        kill(victim.process.pid, SIGCONT);
        if (answers_question(&victim)) {
            n_spared++;
            continue;
        }
        n_killed++;
        victim_end(&victim);
        victim_start(&victim, body_answers);
    }
    g_test_message("%u killed, %u spared", n_killed, n_spared);
    victim_end(&victim);
    for (guint i = 0; i < 2; i++) {
        close(questions[i]);
        close(answers[i]);
    }
}

static void test_removal_waits(void)
{
    for (guint tree = 0; tree < 2; tree++) {
        g_autoptr(KillGuard) guard = guard_new();
        guint64 line = add_line(guard);
        Victim victim;

        victim_start(&victim, body_pause);
        victim.target.tree = (gboolean)tree;
        is_held_up = is_removing = was_sent = FALSE;
        g_atomic_int_set((gint *)&fate, HELD_UP);
        kill_guard_set_line(guard, line, 1);
        guint64 entry = add(guard, line, &victim.target);
        while (!g_atomic_int_get(&is_held_up))
            sched_yield();
        g_atomic_int_set(&is_removing, TRUE);
        kill_guard_remove(guard, entry);
        g_assert_true(g_atomic_int_get(&was_sent));
        g_atomic_int_set((gint *)&fate, SENT);
        wait_for_end(&victim.process);
        victim_end(&victim);
    }
}

static void test_again_each_second(void)
{
    g_autoptr(KillGuard) guard = guard_new();
    guint64 line = add_line(guard);
    Victim victim;

    victim_start(&victim, body_pause);
    g_atomic_int_set((gint *)&fate, LOST_ONCE);
    kill_guard_set_line(guard, line, 1);
    guint64 entry = add(guard, line, &victim.target);
    wait_for_end(&victim.process);
    g_assert_cmpuint(boottime_now(), >=,
                     __atomic_load_n(&lost_us, __ATOMIC_SEQ_CST) + USEC_PER_SECOND);
    wait_for_count(guard, 1);
    kill_guard_remove(guard, entry);
    victim_end(&victim);
}

#ifndef HAS_SANITIZER
static gpointer allocate(gpointer unused)
{
    while (!__atomic_load_n(&malloc_is_locked, __ATOMIC_SEQ_CST))
        sched_yield();
    free(malloc(1));
    return NULL;
}
#endif

/* All other threads wait for the memory allocator, and this one waits for the end of the victims
 * alone: the process of the one, the tree of the other. */
static void test_others_blocked(void)
{
#ifdef HAS_SANITIZER
    g_test_skip("the sanitizer has a malloc() of its own");
#else
    g_autoptr(KillGuard) guard = guard_new();
    guint64 line = add_line(guard);
    GThread *threads[4];
    Victim victims[2];

    for (guint i = 0; i < 2; i++) {
        victim_start(&victims[i], body_pause);
        victims[i].target.tree = (gboolean)i;
        add(guard, line, &victims[i].target);
    }
    for (guint i = 0; i < G_N_ELEMENTS(threads); i++)
        threads[i] = g_thread_new("blocked", allocate, NULL);
    pthread_mutex_lock(&malloc_lock);
    __atomic_store_n(&malloc_is_locked, TRUE, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&n_waiting_for_malloc, __ATOMIC_SEQ_CST) < (int)G_N_ELEMENTS(threads))
        sched_yield();
    kill_guard_set_line(guard, line, boottime_now() + 50 * MS);
    struct pollfd fds[2] = { { .fd = victims[0].process.pidfd, .events = POLLIN },
                             { .fd = victims[1].process.pidfd, .events = POLLIN } };
    int first = poll(&fds[0], 1, 30000);
    int second = poll(&fds[1], 1, 30000);
    int n_waiting = __atomic_load_n(&n_waiting_for_malloc, __ATOMIC_SEQ_CST);
    __atomic_store_n(&malloc_is_locked, FALSE, __ATOMIC_SEQ_CST);
    pthread_mutex_unlock(&malloc_lock);

    g_assert_cmpint(first, ==, 1);
    g_assert_cmpint(second, ==, 1);
    g_assert_cmpint(n_waiting, ==, G_N_ELEMENTS(threads));
    for (guint i = 0; i < G_N_ELEMENTS(threads); i++)
        g_thread_join(threads[i]);
    for (guint i = 0; i < 2; i++)
        victim_end(&victims[i]);
#endif
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    if (!forked_tree_init())
        return 0;
    g_test_add_func("/kill-guard/race", test_race);
    g_test_add_func("/kill-guard/removal-waits", test_removal_waits);
    g_test_add_func("/kill-guard/again-each-second", test_again_each_second);
    g_test_add_func("/kill-guard/others-blocked", test_others_blocked);
    return g_test_run();
}
