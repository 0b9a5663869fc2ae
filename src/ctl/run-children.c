/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/run-children.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/process-tree.h"
#include "ctl/exit-status.h"
#include "ctl/run-signals.h"

gboolean run_children_adopt_orphans(GError **error)
{
    if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)
        return TRUE;
    ctl_set_error(error, CTL_EXIT_ERROR, _("Bailiff needs Linux 5.4 or newer."),
                  _("This process cannot adopt orphans: %s."), g_strerror(errno));
    return FALSE;
}

/* Between fork and exec: nothing that is not safe in a signal handler. */
static G_NORETURN void exec_command(char **argv, char **environment, pid_t parent, int report_fd)
{
    run_signals_undo_in_child();
    /* Set by the parent's death from now on; what died before is seen by the parent's number. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0 && getppid() == parent)
        (void)execvpe(argv[0], argv, environment);
    int code = errno;
    ssize_t written = write(report_fd, &code, sizeof code);
    (void)written;
    _exit(CTL_EXIT_NOT_FOUND);
}

static void set_exec_error(GError **error, const char *name, int code)
{
    if (code == ENOENT || code == ENOTDIR)
        ctl_set_error(error, CTL_EXIT_NOT_FOUND, _("Check how it is written, and PATH."),
                      _("The command '%s' is not found."), name);
    else
        ctl_set_error(error, CTL_EXIT_NOT_EXECUTABLE, _("Check its permissions and format."),
                      _("The command '%s' cannot be executed: %s."), name, g_strerror(code));
}

static void set_start_error(GError **error, int code)
{
    ctl_set_error(error, CTL_EXIT_ERROR, _("Raise the limits of processes and open files."),
                  _("No process can be started: %s."), g_strerror(code));
}

pid_t run_children_start(char **argv, char **environment, GError **error)
{
    int report[2];
    if (pipe2(report, O_CLOEXEC) < 0) {
        set_start_error(error, errno);
        return -1;
    }
    pid_t parent = getpid();
    run_signals_hold();
    pid_t pid = fork();
    if (pid == 0)
        exec_command(argv, environment, parent, report[1]);
    int fork_code = errno;
    run_signals_let_go();
    close(report[1]);

    /* The end of the pipe without a word means that exec has closed it: the command runs. */
    int code = 0;
    ssize_t n = 0;
    if (pid > 0) {
        do
            n = read(report[0], &code, sizeof code);
        while (n < 0 && errno == EINTR);
    }
    close(report[0]);
    if (pid < 0) {
        set_start_error(error, fork_code);
        return -1;
    }
    if (n == sizeof code) {
        (void)waitpid(pid, NULL, 0);
        set_exec_error(error, argv[0], code);
        return -1;
    }
    return pid;
}

gboolean run_children_reap(pid_t main_pid, int *ret_status)
{
    for (;;) {
        int status;
        pid_t pid = waitpid(-1, &status, WNOHANG | __WALL);
        if (pid < 0 && errno == EINTR)
            continue;
        if (pid <= 0)
            return pid == 0;
        if (pid == main_pid)
            *ret_status = status;
    }
}

/* Nobody is reaped meanwhile, so a line that names us as the parent names a child of ours. */
static guint signal_children(int number, pid_t except)
{
    guint n = 0;
    DIR *proc = opendir("/proc");
    if (!proc)
        return 0;
    for (struct dirent *entry; (entry = readdir(proc));) {
        ProcessStat stat;
        g_autofree char *path = g_strdup_printf("%s/stat", entry->d_name);
        if (!g_ascii_isdigit(entry->d_name[0]) ||
            process_stat_read(&stat, dirfd(proc), path) != PROCESS_STAT_READ ||
            stat.parent != getpid() || stat.pid == except)
            continue;
        if (kill(stat.pid, number) == 0)
            n++;
    }
    closedir(proc);
    return n;
}

void run_children_kill(void)
{
    (void)signal_children(SIGKILL, 0);
}

guint run_children_signal(int number, pid_t except)
{
    g_auto(ProcessIdentity) self = { .pidfd = -1 };
    g_autoptr(ProcessTree) tree = NULL;
    if (process_identity_from_pid(&self, getpid(), 0, NULL))
        tree = process_tree_scan(&self, NULL);
    if (!tree)
        return signal_children(number, except);

    guint n = 0;
    for (guint i = 0; i < tree->members->len; i++) {
        const ProcessIdentity *member =
            &g_array_index(tree->members, ProcessTreeMember, i).identity;
        if (member->pid != except && process_identity_signal(member, number, NULL))
            n++;
    }
    return n;
}
