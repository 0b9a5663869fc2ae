/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The last kill, with real processes and a real control group: who is killed, who is spared, and
 * how many there may be.
 */
#include <sys/resource.h>
#include <sys/stat.h>

#include "support/guard-victim.h"

#define HOUR (3600 * USEC_PER_SECOND)

static guint count_descriptors(void)
{
    g_autoptr(GDir) directory = g_dir_open("/proc/self/fd", 0, NULL);
    guint n = 0;

    while (g_dir_read_name(directory) != NULL)
        n++;
    return n;
}

static void test_deadline(void)
{
    g_autoptr(KillGuard) guard = guard_new();
    guint64 line = add_line(guard);
    guint64 deadlines[] = { 1, 0, 150 * MS };

    for (guint i = 0; i < G_N_ELEMENTS(deadlines); i++) {
        guint64 deadline_us = deadlines[i] > 1 ? boottime_now() + deadlines[i] : deadlines[i];
        Victim victim;

        victim_start(&victim, body_pause);
        kill_guard_set_line(guard, line, TIME_NEVER);
        guint64 entry = add(guard, line, &victim.target);
        kill_guard_set_line(guard, line, deadline_us);
        wait_for_end(&victim.process);
        g_assert_cmpuint(boottime_now(), >=, deadline_us);
        wait_for_count(guard, i + 1);
        kill_guard_remove(guard, entry);
        victim_end(&victim);
    }

    /* The deadline is there first. */
    Victim victim;
    victim_start(&victim, body_pause);
    add(guard, line, &victim.target);
    wait_for_end(&victim.process);
    victim_end(&victim);
}

/* `spared` stands before the one that is killed, and its deadline was the earlier one: when the
 * other one has ended it would have, too. */
static void test_spared(void)
{
    g_autoptr(KillGuard) guard = guard_new();
    guint64 moved_on = add_line(guard), removed = add_line(guard), emptied = add_line(guard),
            never = add_line(guard), kept = add_line(guard);
    guint64 lines[] = { moved_on, removed, emptied, never };
    Victim spared[G_N_ELEMENTS(lines)], killed;
    guint64 entries[G_N_ELEMENTS(lines)];
    guint64 deadline_us = boottime_now() + 100 * MS;

    for (guint i = 0; i < G_N_ELEMENTS(lines); i++) {
        victim_start(&spared[i], body_pause);
        entries[i] = add(guard, lines[i], &spared[i].target);
        kill_guard_set_line(guard, lines[i], lines[i] == never ? TIME_NEVER : deadline_us + HOUR);
    }
    victim_start(&killed, body_pause);
    add(guard, kept, &killed.target);

    /* So that they are all due at one moment, which comes after what follows. */
    kill_guard_set_line(guard, moved_on, deadline_us + HOUR / 2);
    kill_guard_set_line(guard, moved_on, deadline_us + HOUR);
    kill_guard_remove(guard, entries[1]);
    kill_guard_set_line(guard, removed, 1);
    kill_guard_remove_line(guard, emptied);
    kill_guard_set_line(guard, emptied, 1);
    kill_guard_set_line(guard, kept, deadline_us);
    wait_for_end(&killed.process);
    wait_for_count(guard, 1);
    for (guint i = 0; i < G_N_ELEMENTS(lines); i++) {
        g_assert_true(victim_lives(&spared[i]));
        victim_end(&spared[i]);
    }
    victim_end(&killed);
}

/* A deadline that is moved on again and again, always shortly before it comes. */
static void test_renewed(void)
{
    g_autoptr(KillGuard) guard = guard_new();
    guint64 line = add_line(guard), other = add_line(guard);
    guint64 end_us = boottime_now() + 300 * MS;
    Victim victim, last;

    victim_start(&victim, body_pause);
    victim_start(&last, body_pause);
    kill_guard_set_line(guard, line, boottime_now() + 20 * USEC_PER_SECOND);
    add(guard, line, &victim.target);
    kill_guard_set_line(guard, other, end_us);
    add(guard, other, &last.target);
    while (victim_lives(&last))
        kill_guard_set_line(guard, line, boottime_now() + 20 * USEC_PER_SECOND);
    g_assert_true(victim_lives(&victim));
    kill_guard_set_line(guard, line, boottime_now());
    wait_for_end(&victim.process);
    victim_end(&victim);
    victim_end(&last);
}

static void test_stale_handles(void)
{
    g_autoptr(KillGuard) guard = guard_new();
    guint64 line = add_line(guard);
    Victim victim;

    victim_start(&victim, body_pause);
    guint64 old_entry = add(guard, line, &victim.target);
    guint64 old_line = line;
    kill_guard_remove_line(guard, line);
    kill_guard_remove_line(guard, line);
    kill_guard_remove(guard, old_entry);
    refused(guard, old_line, &victim.target, BAILIFF_ERROR_NOT_FOUND);

    /* All places are used again, and again by others. */
    g_autofree guint64 *lines = g_new0(guint64, KILL_GUARD_MAX_LINES);
    for (guint i = 0; i < KILL_GUARD_MAX_LINES; i++) {
        lines[i] = add_line(guard);
        g_assert_cmpuint(lines[i], !=, old_line);
    }
    g_autoptr(GError) error = NULL;
    g_assert_cmpuint(kill_guard_add_line(guard, &error), ==, 0);
    g_assert_error(error, BAILIFF_ERROR, BAILIFF_ERROR_BUSY);
    for (guint i = 0; i < KILL_GUARD_MAX_ENTRIES; i++) {
        guint64 entry = add(guard, lines[0], &victim.target);
        g_assert_cmpuint(entry, !=, old_entry);
        if (i + 1 < KILL_GUARD_MAX_ENTRIES)
            kill_guard_remove(guard, entry);
    }
    /* One is left, in the old one's place or another; no stale handle takes it away. */
    kill_guard_set_line(guard, old_line, 1);
    kill_guard_remove_line(guard, old_line);
    kill_guard_remove(guard, old_entry);
    kill_guard_remove(guard, 0);
    kill_guard_remove(guard, G_MAXUINT64);
    kill_guard_set_line(guard, 0, 1);
    kill_guard_set_line(guard, G_MAXUINT64, 1);
    g_assert_true(victim_lives(&victim));
    kill_guard_set_line(guard, lines[0], 1);
    wait_for_end(&victim.process);
    victim_end(&victim);
}

static void test_refusals(void)
{
    g_autoptr(KillGuard) guard = guard_new();
    guint64 line = add_line(guard);
    KillGuardTarget none = KILL_GUARD_TARGET_NONE;
    KillGuardTarget bad = { .pidfd = 999999, .pid = 2, .cgroup_kill_fd = -1 };
    Victim victim;

    victim_start(&victim, body_pause);
    KillGuardTarget self = { .pidfd = victim.target.pidfd, .pid = getpid(), .cgroup_kill_fd = -1 };
    KillGuardTarget init = { .pidfd = victim.target.pidfd, .pid = 1, .cgroup_kill_fd = -1 };
    refused(guard, line, &none, BAILIFF_ERROR_INVALID_ARGUMENT);
    refused(guard, line, &self, BAILIFF_ERROR_INVALID_ARGUMENT);
    refused(guard, line, &init, BAILIFF_ERROR_INVALID_ARGUMENT);
    refused(guard, line, &bad, BAILIFF_ERROR_BUSY);
    refused(guard, line + 1, &victim.target, BAILIFF_ERROR_NOT_FOUND);
    refused(guard, 0, &victim.target, BAILIFF_ERROR_NOT_FOUND);
    victim_end(&victim);
}

static gboolean may_open(rlim_t n)
{
    struct rlimit limit;

    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    return setrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur >= n;
}

static void test_many(void)
{
    guint n_before = count_descriptors();
    g_autoptr(KillGuard) guard = guard_new();
    guint64 first_line = add_line(guard);
    guint n_idle;
    Victim victim;

    if (!may_open(KILL_GUARD_MAX_ENTRIES + 100)) {
        g_test_skip("may not open 16500 descriptors");
        return;
    }
    /* The thread of the trees holds what it will hold when it has killed one. */
    victim_start(&victim, body_pause);
    victim.target.tree = TRUE;
    add(guard, first_line, &victim.target);
    kill_guard_set_line(guard, first_line, 1);
    wait_for_count(guard, 1);
    kill_guard_remove_line(guard, first_line);
    victim_end(&victim);

    victim_start(&victim, body_pause);
    n_idle = count_descriptors();
    for (guint round = 0; round < 2; round++) {
        guint64 lines[64];

        for (guint i = 0; i < G_N_ELEMENTS(lines); i++) {
            lines[i] = add_line(guard);
            kill_guard_set_line(guard, lines[i], boottime_now() + HOUR);
        }
        for (guint i = 0; i < KILL_GUARD_MAX_ENTRIES; i++)
            add(guard, lines[i % G_N_ELEMENTS(lines)], &victim.target);
        refused(guard, lines[0], &victim.target, BAILIFF_ERROR_BUSY);
        g_assert_cmpuint(kill_guard_count_kills(guard), ==, 1);
        if (round == 1) {
            for (guint i = 0; i < G_N_ELEMENTS(lines); i++)
                kill_guard_set_line(guard, lines[i], 1);
            wait_for_end(&victim.process);
            wait_for_count(guard, 1 + KILL_GUARD_MAX_ENTRIES);
        }
        for (guint i = 0; i < G_N_ELEMENTS(lines); i++)
            kill_guard_remove_line(guard, lines[i]);
    }
    /* What the thread had in hand it closes in its own time. */
    while (count_descriptors() > n_idle)
        sched_yield();
    victim_end(&victim);
    kill_guard_free(g_steal_pointer(&guard));
    g_assert_cmpuint(count_descriptors(), ==, n_before);
}

static void test_freed_with_entries(void)
{
    guint n_before = count_descriptors();
    Victim victims[3];

    for (guint i = 0; i < 3; i++)
        victim_start(&victims[i], body_pause);
    for (guint round = 0; round < 50; round++) {
        g_autoptr(KillGuard) guard = guard_new();
        guint64 line = add_line(guard);

        kill_guard_set_line(guard, line, boottime_now() + HOUR);
        for (guint i = 0; i < 3; i++)
            add(guard, line, &victims[i].target);
    }
    for (guint i = 0; i < 3; i++) {
        g_assert_true(victim_lives(&victims[i]));
        victim_end(&victims[i]);
    }
    g_assert_cmpuint(count_descriptors(), ==, n_before);
}

static char *make_cgroup(void)
{
    const char *mounts[] = { "/sys/fs/cgroup/unified", "/sys/fs/cgroup" };

    for (guint i = 0; i < G_N_ELEMENTS(mounts); i++) {
        g_autofree char *path = g_strdup_printf("%s/bailiff-test-%d-%" G_GINT64_FORMAT, mounts[i],
                                                (int)getpid(), g_get_monotonic_time());
        g_autofree char *kill_file = g_strconcat(path, "/cgroup.kill", NULL);

        if (mkdir(path, 0755) < 0)
            continue;
        if (g_file_test(kill_file, G_FILE_TEST_EXISTS))
            return g_steal_pointer(&path);
        rmdir(path);
    }
    return NULL;
}

static void test_cgroup(void)
{
    g_autofree char *path = make_cgroup();
    g_autofree char *procs = g_strconcat(path != NULL ? path : "", "/cgroup.procs", NULL);
    g_autofree char *kill_file = g_strconcat(path != NULL ? path : "", "/cgroup.kill", NULL);

    if (path == NULL) {
        g_test_skip("no control group (cgroup v2, Linux 5.14) can be made here");
        return;
    }
    for (guint with_pidfd = 0; with_pidfd < 2; with_pidfd++) {
        g_autoptr(KillGuard) guard = guard_new();
        guint64 line = add_line(guard);
        Victim victims[3];
        KillGuardTarget target = KILL_GUARD_TARGET_NONE;

        for (guint i = 0; i < 3; i++) {
            g_autofree char *number = NULL;
            int fd = open(procs, O_WRONLY | O_CLOEXEC);

            victim_start(&victims[i], body_pause);
            number = g_strdup_printf("%d", (int)victims[i].process.pid);
            g_assert_cmpint(write(fd, number, strlen(number)), ==, strlen(number));
            close(fd);
        }
        if (with_pidfd)
            target = victims[1].target;
        target.cgroup_kill_fd = open(kill_file, O_WRONLY | O_CLOEXEC);
        g_assert_cmpint(target.cgroup_kill_fd, >=, 0);
        kill_guard_set_line(guard, line, boottime_now() + 50 * MS);
        guint64 entry = add(guard, line, &target);
        close(target.cgroup_kill_fd);
        for (guint i = 0; i < 3; i++)
            wait_for_end(&victims[i].process);
        wait_for_count(guard, 1);
        kill_guard_remove(guard, entry);
        for (guint i = 0; i < 3; i++)
            victim_end(&victims[i]);
    }
    g_assert_cmpint(rmdir(path), ==, 0);
}

/* Whatever is done to the wall clock: the kernel says that these timers do not follow it. */
static void test_clock(void)
{
    g_autoptr(KillGuard) guard = guard_new();
    guint64 line = add_line(guard);
    guint n_timers = 0;
    Victim victim;

    victim_start(&victim, body_pause);
    add(guard, line, &victim.target);
    kill_guard_set_line(guard, line, boottime_now() + HOUR);
    while (n_timers == 0)
        for (int fd = 0; fd < 64; fd++) {
            g_autofree char *path = g_strdup_printf("/proc/self/fdinfo/%d", fd);
            g_autofree char *text = NULL;

            if (!g_file_get_contents(path, &text, NULL, NULL) || strstr(text, "clockid:") == NULL)
                continue;
            g_assert_nonnull(strstr(text, "clockid: 7\n")); /* CLOCK_BOOTTIME */
            /* TFD_TIMER_ABSTIME; the others are not set yet. */
            if (strstr(text, "settime flags: 01\n") != NULL && !strstr(text, "it_value: (0, 0)"))
                n_timers++;
        }
    g_assert_cmpuint(n_timers, ==, 1);
    victim_end(&victim);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    if (!forked_tree_init())
        return 0;
    g_test_add_func("/kill-guard/deadline", test_deadline);
    g_test_add_func("/kill-guard/spared", test_spared);
    g_test_add_func("/kill-guard/renewed", test_renewed);
    g_test_add_func("/kill-guard/stale-handles", test_stale_handles);
    g_test_add_func("/kill-guard/refusals", test_refusals);
    g_test_add_func("/kill-guard/many", test_many);
    g_test_add_func("/kill-guard/freed-with-entries", test_freed_with_entries);
    g_test_add_func("/kill-guard/cgroup", test_cgroup);
    g_test_add_func("/kill-guard/clock", test_clock);
    return g_test_run();
}
