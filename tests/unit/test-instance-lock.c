/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One daemon in a runtime directory: who has the lock, whether he runs, and that it goes with his
 * end, over an exec, and never to two.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/bailiff-error.h"
#include "engine/instance-lock.h"
#include "support/runtime-directory.h"

typedef struct Fixture {
    char *directory;
    char *path;
    InstanceLock *lock; /* ours, not taken yet */
    pid_t child;        /* who has it */
} Fixture;

static void set_up(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;

    f->directory = runtime_directory_make();
    f->path = g_build_filename(f->directory, "lock", NULL);
    f->lock = instance_lock_new(f->directory, &error);
    g_assert_no_error(error);
    f->child = 0;
}

static void end_child(Fixture *f)
{
    if (f->child == 0)
        return;
    kill(f->child, SIGKILL);
    g_assert_cmpint(waitpid(f->child, NULL, 0), ==, f->child);
    f->child = 0;
}

static void tear_down(Fixture *f, gconstpointer data)
{
    end_child(f);
    instance_lock_free(f->lock);
    runtime_directory_remove(f->directory);
    g_free(f->directory);
    g_free(f->path);
}

/* Another process takes it, and lives until it is killed. */
static void start_child(Fixture *f)
{
    int ready[2];
    char byte;

    g_assert_cmpint(pipe2(ready, O_CLOEXEC), ==, 0);
    f->child = fork();
    if (f->child == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        InstanceLock *lock = instance_lock_new(f->directory, NULL);

        if (lock == NULL || !instance_lock_take(lock) || write(ready[1], "x", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    close(ready[1]);
    g_assert_cmpint(read(ready[0], &byte, 1), ==, 1);
    close(ready[0]);
}

static void assert_looks(Fixture *f, InstanceState state, pid_t pid)
{
    pid_t found = -1;

    g_assert_cmpint(instance_lock_look(f->lock, &found), ==, state);
    g_assert_cmpint(found, ==, pid);
}

static void test_none(Fixture *f, gconstpointer data)
{
    g_autofree char *text = NULL;
    g_autofree char *expected = g_strdup_printf("%d\n", (int)getpid());

    assert_looks(f, INSTANCE_NONE, 0);
    g_assert_true(instance_lock_take(f->lock)); /* as often as one likes */
    assert_looks(f, INSTANCE_NONE, 0);
    g_assert_true(g_file_get_contents(f->path, &text, NULL, NULL));
    g_assert_true(g_str_has_prefix(text, expected));
    /* Nobody else gets it, nor by another descriptor of this process. */
    g_autoptr(InstanceLock) second = instance_lock_new(f->directory, NULL);
    pid_t pid;
    g_assert_false(instance_lock_take(second));
    g_assert_cmpint(instance_lock_look(second, &pid), ==, INSTANCE_RUNS);
    g_assert_cmpint(pid, ==, getpid());
}

static void test_runs(Fixture *f, gconstpointer data)
{
    start_child(f);
    g_assert_false(instance_lock_take(f->lock));
    assert_looks(f, INSTANCE_RUNS, f->child);
    end_child(f);
    assert_looks(f, INSTANCE_NONE, 0);
}

/* A zombie whose lock somebody else keeps open: as one whose other threads have not ended yet. */
static void test_ending(Fixture *f, gconstpointer data)
{
    int fd = open(f->path, O_RDWR | O_CLOEXEC);
    siginfo_t info;
    g_autoptr(InstanceLock) kept = instance_lock_inherit(fd, -1, f->directory);

    g_assert_true(instance_lock_take(kept));
    f->child = fork();
    if (f->child == 0)
        _exit(0);
    g_assert_cmpint(waitid(P_PID, (id_t)f->child, &info, WEXITED | WNOWAIT), ==, 0);
    g_autofree char *text = g_strdup_printf("%d\n", (int)f->child);
    g_assert_cmpint(ftruncate(fd, 0), ==, 0);
    g_assert_cmpint(pwrite(fd, text, strlen(text), 0), ==, (gssize)strlen(text));
    assert_looks(f, INSTANCE_ENDING, f->child);
    pid_t gone = f->child;
    end_child(f);
    /* Ended altogether, and yet it is kept: he cannot come back. */
    assert_looks(f, INSTANCE_ENDING, gone);
}

/* Only one waits for one that cannot end, and gets the lock, however many come meanwhile. */
static void test_next(Fixture *f, gconstpointer data)
{
    g_autoptr(InstanceLock) second = instance_lock_new(f->directory, NULL);
    g_autoptr(InstanceLock) third = instance_lock_new(f->directory, NULL);
    pid_t found;

    start_child(f);
    g_assert_true(instance_lock_take_next(f->lock));
    g_assert_true(instance_lock_take_next(f->lock));
    g_assert_false(instance_lock_take_next(second));
    /* Looking at it gives nothing up, and takes nothing away. */
    assert_looks(f, INSTANCE_RUNS, f->child);
    g_assert_cmpint(instance_lock_look(second, &found), ==, INSTANCE_RUNS);
    g_assert_false(instance_lock_take_next(second));
    end_child(f);
    /* It is free, and not for those. */
    g_assert_false(instance_lock_take(second));
    g_assert_true(instance_lock_take(f->lock));
    /* Now another one may be next, and finds who has it. */
    g_assert_true(instance_lock_take_next(second));
    g_assert_false(instance_lock_take_next(third));
    g_assert_cmpint(instance_lock_look(second, &found), ==, INSTANCE_RUNS);
    g_assert_cmpint(found, ==, getpid());
    /* Who is next and ends makes room. */
    g_clear_pointer(&second, instance_lock_free);
    g_assert_true(instance_lock_take_next(third));
}

/* Of two that start at the same time, after one that was killed, one gets it, and the other one
 * never takes that for the one that was killed. */
static void test_two_at_once(Fixture *f, gconstpointer data)
{
    for (guint i = 0; i < 100; i++) {
        int counts[2], ready[2];
        char byte;

        start_child(f);
        end_child(f); /* its number stays in the file */
        g_assert_cmpint(pipe2(counts, O_CLOEXEC), ==, 0);
        g_assert_cmpint(pipe2(ready, O_CLOEXEC), ==, 0);
        for (guint n = 0; n < 2; n++) {
            if (fork() > 0)
                continue;
            InstanceLock *lock = instance_lock_new(f->directory, NULL);
            InstanceState state;
            pid_t pid;

            close(ready[1]);
            (void)read(ready[0], &byte, 1); /* both go on at its end */
            state = instance_lock_look(lock, &pid);
            if (state == INSTANCE_ENDING && instance_lock_take_next(lock))
                state = instance_lock_look(lock, &pid);
            else if (state == INSTANCE_ENDING)
                state = INSTANCE_RUNS;
            if (write(counts[1], state == INSTANCE_RUNS ? "r" : "g", 1) != 1)
                _exit(1);
            /* Whoever has it keeps it until both have looked. */
            close(counts[0]);
            struct pollfd until = { .fd = counts[1] };
            (void)poll(&until, 1, -1);
            _exit(0);
        }
        close(ready[0]);
        close(ready[1]);
        char said[2];
        g_assert_cmpint(read(counts[0], &said[0], 1), ==, 1);
        g_assert_cmpint(read(counts[0], &said[1], 1), ==, 1);
        close(counts[0]);
        close(counts[1]);
        for (guint n = 0; n < 2; n++)
            g_assert_cmpint(wait(NULL), >, 0);
        g_assert_cmpint((said[0] == 'g') + (said[1] == 'g'), ==, 1);
    }
}

/* What stands in the file is only a hint: nobody becomes an owner, or one that ends, by it. */
static void test_text_that_is_none(Fixture *f, gconstpointer data)
{
    static const char *const texts[] = { "",    "\n",         "0\n",          "-1\n", "1x\n",
                                         "abc", "4294967296", "999999999999", NULL };

    start_child(f);
    for (guint i = 0; texts[i] != NULL; i++) {
        int fd = open(f->path, O_WRONLY | O_TRUNC | O_CLOEXEC);

        g_assert_cmpint(write(fd, texts[i], strlen(texts[i])), ==, (gssize)strlen(texts[i]));
        close(fd);
        assert_looks(f, INSTANCE_RUNS, 0);
    }
    end_child(f);
    assert_looks(f, INSTANCE_NONE, 0);
}

/* The program that is executed has it, without a moment in which somebody else could take it. */
static void test_kept_over_exec(Fixture *f, gconstpointer data)
{
    g_assert_true(instance_lock_take(f->lock));
    int next, fd = instance_lock_keep(f->lock, &next);
    g_assert_cmpint(next, ==, -1);
    g_assert_cmpint(fcntl(fd, F_GETFD) & FD_CLOEXEC, ==, 0);
    int other = dup(fd); /* as after the exec */
    g_autoptr(InstanceLock) inherited = instance_lock_inherit(other, -1, f->directory);
    g_assert_cmpint(fcntl(other, F_GETFD) & FD_CLOEXEC, ==, FD_CLOEXEC);
    g_assert_true(instance_lock_take(inherited));
    g_autoptr(InstanceLock) second = instance_lock_new(f->directory, NULL);
    g_assert_false(instance_lock_take(second));
}

/* It waits for the end of an earlier one, and goes on waiting; nobody can come in between. */
static void test_next_kept_over_exec(Fixture *f, gconstpointer data)
{
    g_autoptr(InstanceLock) second = instance_lock_new(f->directory, NULL);
    int fd, next, fd_after, next_after;

    start_child(f);
    g_assert_true(instance_lock_take_next(f->lock));
    fd = instance_lock_keep(f->lock, &next);
    g_assert_cmpint(fcntl(fd, F_GETFD) & FD_CLOEXEC, ==, 0);
    g_assert_cmpint(fcntl(next, F_GETFD) & FD_CLOEXEC, ==, 0);
    fd_after = dup(fd);
    next_after = dup(next);
    InstanceLock *inherited = instance_lock_inherit(fd_after, next_after, f->directory);
    g_assert_cmpint(fcntl(fd_after, F_GETFD) & FD_CLOEXEC, ==, FD_CLOEXEC);
    g_assert_cmpint(fcntl(next_after, F_GETFD) & FD_CLOEXEC, ==, FD_CLOEXEC);
    instance_lock_keep_no_more(f->lock);
    g_assert_cmpint(fcntl(fd, F_GETFD) & FD_CLOEXEC, ==, FD_CLOEXEC);
    g_assert_cmpint(fcntl(next, F_GETFD) & FD_CLOEXEC, ==, FD_CLOEXEC);
    instance_lock_free(f->lock);
    f->lock = inherited;

    g_assert_false(instance_lock_take(inherited));
    g_assert_true(instance_lock_take_next(inherited));
    g_assert_false(instance_lock_take_next(second));
    end_child(f);
    g_assert_false(instance_lock_take(second));
    g_assert_true(instance_lock_take(inherited));
    /* Now somebody else may wait for its end. */
    g_assert_true(instance_lock_take_next(second));
}

/* Who has the lock sees who is next, and nobody who only passes by; that one may change its mind
 * until it may have been seen. */
static void test_leaving_to_next(Fixture *f, gconstpointer data)
{
    g_autoptr(InstanceLock) first = instance_lock_new(f->directory, NULL);
    g_autoptr(InstanceLock) third = instance_lock_new(f->directory, NULL);

    g_assert_true(instance_lock_take(first));
    g_assert_false(instance_lock_has_next(first));
    g_assert_false(instance_lock_take(third));
    g_assert_false(instance_lock_has_next(first));
    g_assert_false(instance_lock_leave_to_next(first));

    g_assert_true(instance_lock_take_next(f->lock));
    g_assert_true(instance_lock_has_next(first));
    g_assert_false(instance_lock_take(third));
    g_assert_true(instance_lock_has_next(first));
    /* Not yet: it may change its mind. */
    g_assert_true(instance_lock_is_next_no_more(f->lock));
    g_assert_true(instance_lock_is_next_no_more(f->lock));
    g_assert_false(instance_lock_leave_to_next(first));

    g_assert_true(instance_lock_take_next(third));
    g_assert_true(instance_lock_has_next(first));
    g_assert_true(instance_lock_leave_to_next(first));
    g_assert_false(instance_lock_is_next_no_more(third));
    g_assert_false(instance_lock_take_next(f->lock));
    g_clear_pointer(&first, instance_lock_free);
    g_assert_true(instance_lock_take(third));
    /* That one is the first now, and has nobody behind it. */
    g_assert_false(instance_lock_has_next(third));
    g_assert_true(instance_lock_take_next(f->lock));
    g_assert_true(instance_lock_has_next(third));
}

/* One that changed its mind when the first one had begun to leave, and was not seen. */
static void test_staying(Fixture *f, gconstpointer data)
{
    g_autoptr(InstanceLock) first = instance_lock_new(f->directory, NULL);

    g_assert_true(instance_lock_take(first));
    g_assert_true(instance_lock_take_next(f->lock));
    g_assert_true(instance_lock_has_next(first));
    g_assert_true(instance_lock_is_next_no_more(f->lock));
    g_assert_false(instance_lock_leave_to_next(first));
    /* It stays, and says so: the next one need not wait for it. */
    g_assert_true(instance_lock_take_next(f->lock));
    g_assert_true(instance_lock_is_next_no_more(f->lock));
}

/* Who waits for the end of one that cannot end has nobody behind it, and is no reason to leave. */
static void test_next_is_not_behind_itself(Fixture *f, gconstpointer data)
{
    start_child(f);
    g_assert_true(instance_lock_take_next(f->lock));
    g_assert_false(instance_lock_has_next(f->lock));
    g_assert_false(instance_lock_leave_to_next(f->lock));
}

/* Over an exec as well, on either side. */
static void test_leaving_after_exec(Fixture *f, gconstpointer data)
{
    g_autoptr(InstanceLock) second = instance_lock_new(f->directory, NULL);
    int next, fd;

    g_assert_true(instance_lock_take(f->lock));
    fd = dup(instance_lock_keep(f->lock, &next));
    g_autoptr(InstanceLock) first = instance_lock_inherit(fd, next, f->directory);
    g_assert_true(instance_lock_take(first));
    g_assert_false(instance_lock_has_next(first));
    g_assert_true(instance_lock_take_next(second));
    fd = dup(instance_lock_keep(second, &next));
    g_autoptr(InstanceLock) later = instance_lock_inherit(fd, dup(next), f->directory);
    g_clear_pointer(&second, instance_lock_free);
    g_assert_true(instance_lock_has_next(first));
    g_clear_pointer(&later, instance_lock_free);
    g_assert_false(instance_lock_has_next(first));
}

/* With all that is in it, under another inode. */
static char *copy_directory(Fixture *f)
{
    char *copy = runtime_directory_make();
    g_autofree char *to = g_build_filename(copy, "lock", NULL);
    g_autofree char *text = NULL;
    gsize length;

    g_assert_true(g_file_get_contents(f->path, &text, &length, NULL));
    g_assert_true(g_file_set_contents(to, text, (gssize)length, NULL));
    return copy;
}

static void test_copy_is_no_way_in(Fixture *f, gconstpointer data)
{
    g_autofree char *copy = NULL;
    pid_t pid = 0, holder;
    siginfo_t info;

    start_child(f);
    holder = f->child;
    copy = copy_directory(f);
    g_autoptr(InstanceLock) second = instance_lock_new(copy, NULL);
    g_assert_false(instance_lock_take(second));
    g_assert_cmpint(instance_lock_look(second, &pid), ==, INSTANCE_RUNS);
    g_assert_cmpint(pid, ==, holder);
    /* A zombie without further threads has done all that it will ever do. */
    kill(holder, SIGKILL);
    g_assert_cmpint(waitid(P_PID, (id_t)holder, &info, WEXITED | WNOWAIT), ==, 0);
    g_assert_true(instance_lock_take(second));
    end_child(f);
    runtime_directory_remove(copy);
}

static void test_in_place(Fixture *f, gconstpointer data)
{
    g_autofree char *aside = g_strconcat(f->path, ".aside", NULL);

    g_assert_true(instance_lock_take(f->lock));
    g_assert_true(instance_lock_is_in_place(f->lock));
    g_assert_cmpint(rename(f->path, aside), ==, 0);
    g_assert_false(instance_lock_is_in_place(f->lock));
    g_assert_true(g_file_set_contents(f->path, "", 0, NULL));
    g_assert_false(instance_lock_is_in_place(f->lock));
    g_assert_cmpint(rename(aside, f->path), ==, 0);
    g_assert_true(instance_lock_is_in_place(f->lock));
}

static void test_no_lock_file(Fixture *f, gconstpointer data)
{
    g_autofree char *none = g_build_filename(f->directory, "none", NULL);
    g_autoptr(GError) error = NULL;

    g_assert_null(instance_lock_new(none, &error));
    g_assert_error(error, BAILIFF_ERROR, BAILIFF_ERROR_IO_ERROR);
    g_clear_error(&error);
    g_unlink(f->path);
    g_assert_cmpint(symlink("/etc/passwd", f->path), ==, 0);
    g_assert_null(instance_lock_new(f->directory, &error));
    g_assert_error(error, BAILIFF_ERROR, BAILIFF_ERROR_IO_ERROR);
}

#define TEST(name, function)                                                                       \
    g_test_add("/instance-lock/" name, Fixture, NULL, set_up, function, tear_down)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    TEST("none", test_none);
    TEST("runs", test_runs);
    TEST("ending", test_ending);
    TEST("next", test_next);
    TEST("two-at-once", test_two_at_once);
    TEST("text-that-is-none", test_text_that_is_none);
    TEST("kept-over-exec", test_kept_over_exec);
    TEST("next-kept-over-exec", test_next_kept_over_exec);
    TEST("leaving-to-next", test_leaving_to_next);
    TEST("staying", test_staying);
    TEST("next-is-not-behind-itself", test_next_is_not_behind_itself);
    TEST("leaving-after-exec", test_leaving_after_exec);
    TEST("copy-is-no-way-in", test_copy_is_no_way_in);
    TEST("in-place", test_in_place);
    TEST("no-lock-file", test_no_lock_file);
    return g_test_run();
}
