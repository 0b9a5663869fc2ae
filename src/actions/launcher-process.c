/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The launcher's loop: requests from the socket, ends of children by SIGCHLD, limits by a timer on
 * CLOCK_BOOTTIME. Nothing in it blocks, so that no program, no user's look-up and no daemon that
 * has stopped reading keeps it from killing another program in time. Plain C; all memory is static.
 *
 * Who is killed: the process group of a program at its limit, when it is not wanted any more, and
 * when its first process has ended, so that nothing of a step outlives it. A program that leaves
 * its group (setsid) stays below the launcher, which is the subreaper: it is killed as soon as no
 * program is under way any more, since nobody can tell then whose it is.
 *
 * A number of a process is used for as long as the launcher has not reaped it only; so it is that
 * process's.
 *
 * When the daemon ends, so does the launcher, with all that it has started. The end of the socket
 * tells it, and the kernel: the parent-death signal is SIGCONT, which also wakes a launcher that
 * somebody has stopped, and which says nothing by itself (it may be anybody's, or come of a thread
 * that has ended). What counts is whether the parent is still the process that made the socket.
 * A SIGKILL instead would leave what the programs have started to nobody.
 */
#include "actions/launcher-process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "actions/launcher-child.h"
#include "actions/launcher-message.h"
#include "base/checked-time.h"

#define SOCKET_FD 3
/* Perhaps the daemon has ended. Other signals, the service manager's for all of a service among
 * them, are blocked and have no effect. */
#define SIGNAL_PARENT_ENDED SIGCONT
/* Requests between two looks at children and limits. */
#define REQUESTS_AT_ONCE 16
/* At the end: how long to wait for those that were killed. */
#define LAST_WAIT_MS 5000
#define EXIT_USAGE 2

typedef struct Program {
    uint64_t id;       /* 0: this place is free */
    pid_t pid;         /* 0: it has ended */
    uint64_t until_us; /* TIME_NEVER: it was killed */
    bool answered;     /* `answer` is what to say */
    bool sent;
    LauncherAnswer answer;
} Program;

static Program programs[LAUNCHER_PROGRAMS_MAX];
static unsigned n_places; /* no program lies beyond */
static unsigned n_living;
static unsigned n_unsent;
static LauncherFailure *failures; /* shared with the children; a program's is that of its place */
static uint64_t ping_id;          /* 0: none is to be answered */
static pid_t daemon_pid;
static int signal_fd;
static int timer_fd;
static uint64_t timer_us;

static uint64_t now_us(void)
{
    struct timespec now = { 0 };

    clock_gettime(CLOCK_BOOTTIME, &now);
    return (uint64_t)now.tv_sec * USEC_PER_SECOND + (uint64_t)now.tv_nsec / 1000u;
}

static void complain(const char *what)
{
    fprintf(stderr, "bailiffd launcher: %s: %s\n", what, strerror(errno));
}

/* Answers. */

static void answer(Program *program, LauncherAnswerKind kind, int detail, LauncherStage stage)
{
    if (program->answered)
        return;
    launcher_answer_init(&program->answer, kind, program->id);
    program->answer.detail = detail;
    program->answer.stage = stage;
    program->answered = true;
    n_unsent++;
}

static void free_place(Program *program)
{
    if (program->pid == 0 && program->sent)
        program->id = 0;
    while (n_places > 0 && programs[n_places - 1].id == 0)
        n_places--;
}

/* False when it could not be sent for another reason than that the daemon does not read. */
static bool send_answer(const LauncherAnswer *what, bool *ret_sent)
{
    *ret_sent = send(SOCKET_FD, what, sizeof *what, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
    return *ret_sent || errno == EAGAIN || errno == EINTR || errno == ENOBUFS;
}

static bool send_pong(void)
{
    LauncherAnswer pong;
    bool sent, going_on;

    if (ping_id == 0)
        return true;
    launcher_answer_init(&pong, LAUNCHER_ANSWER_PONG, ping_id);
    pong.detail = LAUNCHER_PROTOCOL;
    going_on = send_answer(&pong, &sent);
    if (sent)
        ping_id = 0;
    return going_on;
}

/* False when the daemon is gone. */
static bool send_answers(void)
{
    if (!send_pong())
        return false;
    for (unsigned i = 0; i < n_places && n_unsent > 0; i++) {
        Program *program = &programs[i];
        bool going_on;

        if (program->id == 0 || !program->answered || program->sent)
            continue;
        going_on = send_answer(&program->answer, &program->sent);
        if (!program->sent)
            return going_on;
        n_unsent--;
        free_place(program);
    }
    return true;
}

/* Too many have yet to end: killed ones, that wait for storage. There is no place to keep the
 * answer in; when it cannot be sent the daemon finds out at the program's limit. */
static void refuse(uint64_t id)
{
    LauncherAnswer refusal;

    launcher_answer_init(&refusal, LAUNCHER_ANSWER_NOT_STARTED, id);
    refusal.detail = EAGAIN;
    refusal.stage = LAUNCHER_STAGE_FORK;
    (void)send(SOCKET_FD, &refusal, sizeof refusal, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Programs. */

static Program *find_program(uint64_t id)
{
    for (unsigned i = 0; i < n_places; i++)
        if (programs[i].id == id)
            return &programs[i];
    return NULL;
}

static Program *find_process(pid_t pid)
{
    for (unsigned i = 0; i < n_places; i++)
        if (programs[i].id != 0 && programs[i].pid == pid)
            return &programs[i];
    return NULL;
}

static Program *take_place(uint64_t id)
{
    for (unsigned i = 0; i < LAUNCHER_PROGRAMS_MAX; i++) {
        Program *program = &programs[i];

        if (program->id != 0)
            continue;
        *program = (Program){ .id = id, .until_us = TIME_NEVER };
        if (i >= n_places)
            n_places = i + 1;
        failures[i] = (LauncherFailure){ 0 };
        return program;
    }
    return NULL;
}

/* It has no group of its own yet when it was forked but now. */
static void kill_group(pid_t pid)
{
    kill(-pid, SIGKILL);
    kill(pid, SIGKILL);
}

static void kill_program(Program *program)
{
    program->until_us = TIME_NEVER;
    if (program->pid > 0)
        kill_group(program->pid);
    answer(program, LAUNCHER_ANSWER_KILLED, 0, LAUNCHER_STAGE_NONE);
}

static void start_program(Program *program, LauncherRequest *request, int output_fd)
{
    pid_t launcher = getpid();
    pid_t pid;

    program->until_us = request->until_us;
    if (program->until_us <= now_us()) {
        kill_program(program);
        return;
    }
    pid = fork();
    if (pid == 0)
        launcher_child_main(request, output_fd, launcher, &failures[program - programs]);
    if (pid < 0) {
        answer(program, LAUNCHER_ANSWER_NOT_STARTED, errno, LAUNCHER_STAGE_FORK);
        return;
    }
    program->pid = pid;
    n_living++;
}

static void answer_end(Program *program, const siginfo_t *info)
{
    const LauncherFailure *failure = &failures[program - programs];
    uint32_t stage = failure->stage;
    int error = failure->error;

    if (info->si_code != CLD_EXITED)
        answer(program, LAUNCHER_ANSWER_SIGNALLED, info->si_status, LAUNCHER_STAGE_NONE);
    else if (stage > LAUNCHER_STAGE_NONE && stage < LAUNCHER_STAGE_COUNT && error > 0)
        answer(program, LAUNCHER_ANSWER_NOT_STARTED, error, stage);
    else
        answer(program, LAUNCHER_ANSWER_EXITED, info->si_status & 0xff, LAUNCHER_STAGE_NONE);
}

/* Those that a program has left behind, which have another group and now the launcher as parent.
 * Their children become the launcher's in turn and are killed when it hears of that. */
static void kill_leftovers(void)
{
    char path[64];
    int number;
    FILE *file;

    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    file = fopen(path, "re");
    if (file == NULL)
        return;
    while (fscanf(file, "%d", &number) == 1)
        if (number > 1)
            kill((pid_t)number, SIGKILL);
    fclose(file);
}

static void reap(void)
{
    siginfo_t info = { 0 };

    /* Looked at before it is reaped: its number must still be its own when its group is killed. */
    while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid > 0) {
        pid_t pid = info.si_pid;
        Program *program = find_process(pid);

        if (program != NULL) {
            kill(-pid, SIGKILL);
            answer_end(program, &info);
            program->pid = 0;
            program->until_us = TIME_NEVER;
            n_living--;
            free_place(program);
        }
        waitid(P_PID, (id_t)pid, &info, WEXITED);
        info.si_pid = 0;
    }
    if (n_living == 0)
        kill_leftovers();
}

/* Requests. */

/* False when there is no more daemon, or one that does not make sense. */
static bool carry_out(LauncherRequest *request, int output_fd)
{
    Program *program = find_program(request->id);

    if (request->kind == LAUNCHER_REQUEST_PING) {
        ping_id = request->id;
        return true;
    }
    if (request->kind == LAUNCHER_REQUEST_KILL) {
        if (program != NULL)
            kill_program(program);
        return true;
    }
    if (program != NULL) {
        errno = EEXIST;
        complain("request");
        return false;
    }
    program = take_place(request->id);
    if (program == NULL)
        refuse(request->id);
    else
        start_program(program, request, output_fd);
    return true;
}

/* The descriptors in a message, of which the first is kept. */
static unsigned take_descriptors(struct msghdr *message, int *ret_fd)
{
    unsigned n = 0;

    for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part != NULL;
         part = CMSG_NXTHDR(message, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS)
            continue;
        for (size_t at = 0; at + sizeof(int) <= part->cmsg_len - CMSG_LEN(0); at += sizeof(int)) {
            int fd;

            memcpy(&fd, CMSG_DATA(part) + at, sizeof fd);
            if (n++ == 0)
                *ret_fd = fd;
            else
                close(fd);
        }
    }
    return n;
}

/* False when the connection is to end. `ret_more`: there may be another request. */
static bool receive(bool *ret_more)
{
    static LauncherRequest request;
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(4 * sizeof(int))];
    } control;
    struct iovec part = { .iov_base = &request, .iov_len = sizeof request };
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control
    };
    ssize_t size = recvmsg(SOCKET_FD, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    int output_fd = -1;
    bool going_on = false;
    unsigned n_fds;

    *ret_more = size > 0;
    if (size < 0)
        return errno == EAGAIN || errno == EINTR;
    n_fds = take_descriptors(&message, &output_fd);
    if (size == 0)
        return false;
    if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0 ||
        !launcher_request_is_sound(&request, (size_t)size, n_fds)) {
        errno = EBADMSG;
        complain("request");
    } else {
        going_on = carry_out(&request, output_fd);
    }
    if (output_fd >= 0)
        close(output_fd);
    return going_on;
}

static bool receive_some(void)
{
    bool more = true;

    for (unsigned i = 0; more && i < REQUESTS_AT_ONCE; i++)
        if (!receive(&more))
            return false;
    return true;
}

/* Time. */

static void kill_due(void)
{
    uint64_t now = now_us();

    for (unsigned i = 0; i < n_places; i++)
        if (programs[i].id != 0 && programs[i].until_us <= now)
            kill_program(&programs[i]);
}

static void set_timer(void)
{
    struct itimerspec setting = { 0 };
    uint64_t first_us = TIME_NEVER;

    for (unsigned i = 0; i < n_places; i++)
        if (programs[i].id != 0 && programs[i].until_us < first_us)
            first_us = programs[i].until_us;
    if (first_us == timer_us)
        return;
    timer_us = first_us;
    if (first_us != TIME_NEVER) {
        setting.it_value.tv_sec = (time_t)(first_us / USEC_PER_SECOND);
        setting.it_value.tv_nsec = (long)(first_us % USEC_PER_SECOND) * 1000;
        if (setting.it_value.tv_sec == 0 && setting.it_value.tv_nsec == 0)
            setting.it_value.tv_nsec = 1;
    }
    timerfd_settime(timer_fd, TFD_TIMER_ABSTIME, &setting, NULL);
}

/* The loop. */

/* False when the daemon has ended. */
static bool take_signals(void)
{
    struct signalfd_siginfo info;

    while (read(signal_fd, &info, sizeof info) == sizeof info)
        ;
    reap();
    return getppid() == daemon_pid;
}

static void serve(void)
{
    struct pollfd fds[] = {
        { .fd = SOCKET_FD, .events = POLLIN },
        { .fd = signal_fd, .events = POLLIN },
        { .fd = timer_fd, .events = POLLIN },
    };
    bool going_on = true;

    while (going_on) {
        uint64_t unused;

        set_timer();
        fds[0].events = n_unsent > 0 || ping_id != 0 ? POLLIN | POLLOUT : POLLIN;
        if (poll(fds, 3, -1) < 0 && errno != EINTR)
            return;
        /* It may never be set off again when its time has passed already. */
        if (fds[2].revents != 0) {
            (void)!read(timer_fd, &unused, sizeof unused);
            timer_us = TIME_NEVER;
        }
        kill_due();
        if (fds[1].revents != 0 && !take_signals())
            return;
        if (fds[0].revents != 0)
            going_on = receive_some();
        going_on = send_answers() && going_on;
    }
}

static bool any_child(void)
{
    siginfo_t info = { 0 };

    return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

/* Whoever does not end in time has his SIGKILL pending. */
static void end_all(void)
{
    uint64_t until_us = now_us() + LAST_WAIT_MS * 1000u;
    struct pollfd fd = { .fd = signal_fd, .events = POLLIN };

    for (unsigned i = 0; i < n_places; i++)
        if (programs[i].id != 0 && programs[i].pid > 0)
            kill_group(programs[i].pid);
    while (any_child() && now_us() < until_us) {
        poll(&fd, 1, 100);
        (void)take_signals();
        kill_leftovers();
    }
}

/* Nothing that is opened later shall be taken for one of the first three. */
static bool fill_standard_descriptors(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd < SOCKET_FD);
    return fd >= 0 && close(fd) == 0;
}

/* `ret_maker`: the process that made it, by the kernel's word. */
static bool is_our_socket(int fd, pid_t *ret_maker)
{
    struct ucred maker = { 0 };
    int type = 0, domain = 0;
    socklen_t size = sizeof type;

    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0)
        return false;
    size = sizeof domain;
    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) != 0 || type != SOCK_SEQPACKET ||
        domain != AF_UNIX)
        return false;
    size = sizeof maker;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &maker, &size) != 0 || maker.pid <= 0)
        return false;
    *ret_maker = maker.pid;
    return true;
}

static bool set_up_signals(void)
{
    static const int faults[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS };
    sigset_t blocked, waited_for;

    for (int number = 1; number <= SIGRTMAX; number++)
        (void)signal(number, SIG_DFL);
    sigfillset(&blocked);
    for (unsigned i = 0; i < sizeof faults / sizeof faults[0]; i++)
        sigdelset(&blocked, faults[i]);
    sigprocmask(SIG_SETMASK, &blocked, NULL);
    sigemptyset(&waited_for);
    sigaddset(&waited_for, SIGCHLD);
    sigaddset(&waited_for, SIGNAL_PARENT_ENDED);
    signal_fd = signalfd(-1, &waited_for, SFD_NONBLOCK | SFD_CLOEXEC);
    return signal_fd >= 0;
}

/* One that is started anew comes from a daemon that may have a real-time priority by then; none of
 * this is urgent enough for that. Its nice value stays: it is the daemon's. */
static void drop_real_time(void)
{
    const struct sched_param none = { 0 };

    if (sched_getscheduler(0) != SCHED_OTHER)
        (void)sched_setscheduler(0, SCHED_OTHER, &none);
}

static bool set_up(void)
{
    if (!set_up_signals())
        return false;
    timer_us = TIME_NEVER;
    timer_fd = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
    if (timer_fd < 0)
        return false;
    failures = mmap(NULL, LAUNCHER_PROGRAMS_MAX * sizeof *failures, PROT_READ | PROT_WRITE,
                    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (failures == MAP_FAILED)
        return false;
    prctl(PR_SET_NAME, "bailiff-launch");
    drop_real_time();
    return chdir("/") == 0 && prctl(PR_SET_CHILD_SUBREAPER, 1) == 0 &&
           prctl(PR_SET_PDEATHSIG, SIGNAL_PARENT_ENDED) == 0;
}

int launcher_process_main(int socket_fd)
{
    if (!is_our_socket(socket_fd, &daemon_pid)) {
        fprintf(stderr, "bailiffd: " LAUNCHER_OPTION " is for bailiffd's own use.\n");
        return EXIT_USAGE;
    }
    if (!fill_standard_descriptors() ||
        (socket_fd != SOCKET_FD && dup2(socket_fd, SOCKET_FD) < 0)) {
        complain("start");
        return EXIT_FAILURE;
    }
    closefrom(SOCKET_FD + 1);
    if (!set_up()) {
        complain("start");
        return EXIT_FAILURE;
    }
    /* A daemon that had ended before the kernel was asked to tell of it has told nobody. */
    if (getppid() == daemon_pid)
        serve();
    close(SOCKET_FD);
    end_all();
    return EXIT_SUCCESS;
}

int launcher_process_main_of_word(const char *word)
{
    char *end = NULL;
    long number;

    errno = 0;
    number = strtol(word, &end, 10);
    if (errno != 0 || end == word || *end != '\0' || number < SOCKET_FD || number > 1 << 20)
        number = -1;
    return launcher_process_main((int)number);
}
