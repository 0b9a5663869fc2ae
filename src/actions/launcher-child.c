/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From the launcher to a program of somebody's.
 *
 * What an exec'd program would inherit, and what it gets: signal mask (none blocked), session and
 * process group (its own), directory (/), umask (022), descriptors (0 /dev/null, 1 and 2 the log's
 * pipe, no other), user and groups, environment, open files (the usual 1024, since the daemon has
 * raised its own), scheduling and its limits, locked memory, OOM score. Signal dispositions are the
 * launcher's, which are the default.
 */
#include "actions/launcher-child.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* "nogroup": the group of a user of whom nothing is known. It owns no file. */
#define NO_GROUP ((gid_t)65534)
/* What programs that use select() can live with. */
#define OPEN_FILES 1024u
/* The kernel's default. */
#define LOCKED_BYTES (8u * 1024u * 1024u)
#define STATUS_NOT_STARTED 127

static __attribute__((noreturn)) void fail(LauncherFailure *failure, LauncherStage stage, int error)
{
    failure->error = error;
    failure->stage = stage;
    _exit(STATUS_NOT_STARTED);
}

/* The parent's death is noticed from the call on, which a change of user takes back. */
static void die_with(pid_t launcher)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != launcher)
        _exit(STATUS_NOT_STARTED);
}

/* For good: the daemon's own limits are for the daemon. */
static void lower_limit(int resource, rlim_t most)
{
    struct rlimit limit;

    if (getrlimit(resource, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_cur < most ? limit.rlim_cur : most;
    limit.rlim_max = limit.rlim_max < most ? limit.rlim_max : most;
    (void)setrlimit(resource, &limit);
}

/* As good as it goes: none of these keeps the program from running. */
static void drop_privileged_settings(void)
{
    const struct sched_param no_priority = { 0 };
    struct rlimit limit;
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

    if (fd >= 0) {
        (void)!write(fd, "0\n", 2);
        close(fd);
    }
    (void)sched_setscheduler(0, SCHED_OTHER, &no_priority);
    (void)setpriority(PRIO_PROCESS, 0, 0);
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur > OPEN_FILES) {
        limit.rlim_cur = OPEN_FILES;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
    lower_limit(RLIMIT_RTPRIO, 0);
    lower_limit(RLIMIT_NICE, 0);
    lower_limit(RLIMIT_MEMLOCK, LOCKED_BYTES);
    (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    umask(022);
}

static int set_up_descriptors(int output_fd)
{
    int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (null_fd < 0)
        return errno;
    if (output_fd < 0)
        output_fd = null_fd;
    if (dup2(null_fd, STDIN_FILENO) < 0 || dup2(output_fd, STDOUT_FILENO) < 0 ||
        dup2(output_fd, STDERR_FILENO) < 0)
        return errno;
    return 0;
}

/* A user who is not known, or cannot be looked up, has no groups: never more rights than it may
 * have. */
static int become_user(uid_t uid)
{
    const struct passwd *user;
    uid_t real, effective, saved;
    int failed;

    if (geteuid() != 0)
        return uid == geteuid() && uid == getuid() ? 0 : EPERM;
    user = getpwuid(uid);
    if (user != NULL && user->pw_uid == uid)
        failed = initgroups(user->pw_name, user->pw_gid) != 0 ||
                 setresgid(user->pw_gid, user->pw_gid, user->pw_gid) != 0;
    else
        failed = setgroups(0, NULL) != 0 || setresgid(NO_GROUP, NO_GROUP, NO_GROUP) != 0;
    if (failed || setresuid(uid, uid, uid) != 0)
        return errno;
    if (getresuid(&real, &effective, &saved) != 0 || real != uid || effective != uid ||
        saved != uid)
        return EPERM;
    return 0;
}

static int check_file(const char *path)
{
    struct stat status;

    if (stat(path, &status) != 0)
        return errno;
    if (!S_ISREG(status.st_mode))
        return S_ISDIR(status.st_mode) ? EISDIR : EINVAL;
    return access(path, X_OK) != 0 ? errno : 0;
}

void launcher_child_main(LauncherRequest *request, int output_fd, pid_t launcher,
                         LauncherFailure *failure)
{
    char *args[LAUNCHER_WORDS_MAX + 1], *env[LAUNCHER_WORDS_MAX + 1];
    sigset_t none;
    int error;

    die_with(launcher);
    if (setsid() < 0 || chdir("/") != 0)
        fail(failure, LAUNCHER_STAGE_PREPARE, errno);
    drop_privileged_settings();
    error = set_up_descriptors(output_fd);
    if (error != 0)
        fail(failure, LAUNCHER_STAGE_PREPARE, error);
    error = become_user((uid_t)request->uid);
    if (error != 0)
        fail(failure, LAUNCHER_STAGE_USER, error);
    die_with(launcher);

    launcher_request_get_words(request, args, env);
    if (request->kind == LAUNCHER_REQUEST_CHECK) {
        error = check_file(args[0]);
        if (error != 0)
            fail(failure, LAUNCHER_STAGE_PROGRAM, error);
        _exit(0);
    }
    /* After the look-up of the user, which may have opened some. */
    closefrom(STDERR_FILENO + 1);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execve(args[0], args, env);
    fail(failure, LAUNCHER_STAGE_PROGRAM, errno);
}
