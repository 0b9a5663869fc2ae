/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pseudo-watchdog MOUNT-POINT LOG [KEY=VALUE...]
 *
 * A watchdog device without hardware: MOUNT-POINT, an existing file, takes the system calls of
 * linux/watchdog.h as the kernel's watchdog core does (open for one at a time, WDIOC_GETSUPPORT,
 * SETTIMEOUT, GETTIMEOUT, KEEPALIVE, SETOPTIONS, write with the magic 'V', last close), and resets
 * nothing: LOG gets a line for each of them, "MICROSECONDS EVENT [SECONDS]" on CLOCK_BOOTTIME:
 *
 *   open, busy, settimeout N, keepalive, disable, enable, magic, stop (closed after a magic V),
 *   unclean (closed without), fire (nobody fed it in time)
 *
 * It is a FUSE file, since not every kernel has CUSE: the ioctls of a watchdog say in their numbers
 * how much they copy, which is all that FUSE needs to know. Unlike a device it may be opened by its
 * name only, and is not found in /sys. And of SETOPTIONS, whose number says that it copies the
 * other way, nobody tells what the option is: the one that comes right after a SETTIMEOUT is taken
 * for "enable", any other for "disable".
 *
 * KEY=VALUE makes it a bad one: options=N (of watchdog_info), fixed=N (it has this timeout whatever
 * is asked for), min=N (shorter timeouts are taken to be N), max=N (longer ones are refused),
 * busy=1 (somebody else has it open). Unmount it to end it.
 */
#define FUSE_USE_VERSION 312

#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <linux/watchdog.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define NAME "Pseudo watchdog"

typedef struct PseudoWatchdog {
    FILE *log;
    int timer_fd;
    unsigned options, timeout, fixed, min, max;
    int is_busy, is_open, is_running, is_magic;
} PseudoWatchdog;

static PseudoWatchdog dog = { .options = WDIOF_SETTIMEOUT | WDIOF_MAGICCLOSE | WDIOF_KEEPALIVEPING,
                              .timeout = 60,
                              .min = 1,
                              .max = 65535 };

static const char *last_event = "";

static void say(const char *event, unsigned number)
{
    struct timespec now;

    last_event = event;

    clock_gettime(CLOCK_BOOTTIME, &now);
    fprintf(dog.log, "%lld%06ld %s", (long long)now.tv_sec, now.tv_nsec / 1000, event);
    fprintf(dog.log, number != 0 ? " %u\n" : "\n", number);
    fflush(dog.log);
}

/* From now on it counts from its timeout again, or not at all. */
static void count_down(void)
{
    const struct itimerspec timer = { .it_value.tv_sec = dog.is_running ? dog.timeout : 0 };

    timerfd_settime(dog.timer_fd, 0, &timer, NULL);
}

static unsigned taken_timeout(unsigned wish)
{
    if (dog.fixed != 0)
        return dog.fixed;
    return wish < dog.min ? dog.min : wish;
}

static void on_open(fuse_req_t request, fuse_ino_t inode, struct fuse_file_info *file)
{
    if (dog.is_open || dog.is_busy) {
        say("busy", 0);
        fuse_reply_err(request, EBUSY);
        return;
    }
    dog.is_open = dog.is_running = 1;
    dog.is_magic = 0;
    file->direct_io = 1;
    file->nonseekable = 1;
    count_down();
    say("open", 0);
    fuse_reply_open(request, file);
}

static void on_release(fuse_req_t request, fuse_ino_t inode, struct fuse_file_info *file)
{
    int stops = dog.is_magic || (dog.options & WDIOF_MAGICCLOSE) == 0;

    dog.is_open = 0;
    if (stops)
        dog.is_running = 0;
    count_down();
    say(stops ? "stop" : "unclean", 0);
    fuse_reply_err(request, 0);
}

static void on_write(fuse_req_t request, fuse_ino_t inode, const char *data, size_t size,
                     off_t offset, struct fuse_file_info *file)
{
    dog.is_magic = memchr(data, 'V', size) != NULL;
    count_down();
    say(dog.is_magic ? "magic" : "keepalive", 0);
    fuse_reply_write(request, size);
}

static void on_ioctl(fuse_req_t request, fuse_ino_t inode, unsigned command, void *argument,
                     struct fuse_file_info *file, unsigned flags, const void *in, size_t in_size,
                     size_t out_size)
{
    const struct watchdog_info info = { .options = dog.options, .identity = NAME };
    int number = 0;

    switch (command) {
    case (unsigned)WDIOC_GETSUPPORT:
        fuse_reply_ioctl(request, 0, &info, sizeof info);
        return;
    case (unsigned)WDIOC_SETTIMEOUT:
        memcpy(&number, in, in_size < sizeof number ? in_size : sizeof number);
        if ((dog.options & WDIOF_SETTIMEOUT) == 0) {
            fuse_reply_err(request, EOPNOTSUPP);
            return;
        }
        if (number <= 0 || (unsigned)number > dog.max) {
            fuse_reply_err(request, EINVAL);
            return;
        }
        dog.timeout = taken_timeout((unsigned)number);
        count_down();
        say("settimeout", dog.timeout);
        break;
    case (unsigned)WDIOC_GETTIMEOUT:
        break;
    case (unsigned)WDIOC_KEEPALIVE:
        count_down();
        say("keepalive", 0);
        break;
    case (unsigned)WDIOC_SETOPTIONS:
        dog.is_running = strcmp(last_event, "settimeout") == 0;
        count_down();
        say(dog.is_running ? "enable" : "disable", 0);
        fuse_reply_ioctl(request, 0, &number, 0);
        return;
    case (unsigned)WDIOC_GETSTATUS:
    case (unsigned)WDIOC_GETBOOTSTATUS:
        fuse_reply_ioctl(request, 0, &number, sizeof number);
        return;
    default:
        fuse_reply_err(request, ENOTTY);
        return;
    }
    number = (int)dog.timeout;
    fuse_reply_ioctl(request, 0, &number, sizeof number);
}

static void on_getattr(fuse_req_t request, fuse_ino_t inode, struct fuse_file_info *file)
{
    const struct stat facts = { .st_ino = 1, .st_mode = S_IFREG | 0600, .st_nlink = 1 };

    fuse_reply_attr(request, &facts, 1.0);
}

static void on_setattr(fuse_req_t request, fuse_ino_t inode, struct stat *wish, int what,
                       struct fuse_file_info *file)
{
    on_getattr(request, inode, file);
}

static int take_setting(const char *word)
{
    const struct {
        const char *key;
        unsigned *number;
    } settings[] = { { "options=", &dog.options },
                     { "fixed=", &dog.fixed },
                     { "min=", &dog.min },
                     { "max=", &dog.max },
                     { "busy=", (unsigned *)&dog.is_busy } };

    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        if (strncmp(word, settings[i].key, strlen(settings[i].key)) == 0) {
            *settings[i].number = (unsigned)strtoul(word + strlen(settings[i].key), NULL, 0);
            return 1;
        }
    return 0;
}

/* One request after the other, and the time. */
static void serve(struct fuse_session *session)
{
    struct fuse_buf buffer = { .mem = NULL };
    struct pollfd fds[] = { { .fd = fuse_session_fd(session), .events = POLLIN },
                            { .fd = dog.timer_fd, .events = POLLIN } };
    uint64_t count;

    while (!fuse_session_exited(session)) {
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            break;
        if (fds[1].revents != 0 && read(dog.timer_fd, &count, sizeof count) == sizeof count)
            say("fire", 0);
        if (fds[0].revents == 0)
            continue;
        int size = fuse_session_receive_buf(session, &buffer);
        if (size == -EINTR)
            continue;
        if (size <= 0)
            break;
        fuse_session_process_buf(session, &buffer);
    }
    free(buffer.mem);
}

int main(int argc, char **argv)
{
    static const struct fuse_lowlevel_ops operations = {
        .open = on_open,
        .release = on_release,
        .write = on_write,
        .ioctl = on_ioctl,
        .getattr = on_getattr,
        .setattr = on_setattr,
    };
    char *words[] = { argv[0], NULL };
    struct fuse_args arguments = FUSE_ARGS_INIT(1, words);
    struct fuse_session *session;

    for (int i = 3; i < argc; i++)
        if (!take_setting(argv[i]))
            return 2;
    /* It ends with the test, however that ends. */
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (argc < 3 || (dog.log = fopen(argv[2], "ae")) == NULL)
        return 2;
    dog.timer_fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC);
    session = fuse_session_new(&arguments, &operations, sizeof operations, NULL);
    if (dog.timer_fd < 0 || session == NULL || fuse_set_signal_handlers(session) != 0)
        return 1;
    if (fuse_session_mount(session, argv[1]) != 0)
        return 1;
    say("ready", 0);
    serve(session);
    fuse_session_unmount(session);
    fuse_session_destroy(session);
    return 0;
}
