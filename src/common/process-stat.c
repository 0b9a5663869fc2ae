/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading /proc/PID/stat. Without any allocation: the kill guard uses it too.
 */
#include "common/process-stat.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common/process-children.h"

/* Fields as proc(5) counts them; state is the first one after the name. */
#define FIELD_STATE 3
#define FIELD_PARENT 4
#define FIELD_FLAGS 9
#define FIELD_THREADS 20
#define FIELD_START_TIME 22

/* A name of at most 64 bytes and fifty numbers of at most 20 digits each. */
#define STAT_MAX 2048

static gboolean parse_number(const char *text, guint64 max, guint64 *ret)
{
    guint64 number = 0;

    if (!g_ascii_isdigit(*text))
        return FALSE;
    for (; g_ascii_isdigit(*text); text++) {
        guint64 digit = (guint64)(*text - '0');

        if (number > (max - digit) / 10)
            return FALSE;
        number = number * 10 + digit;
    }
    *ret = number;
    return *text == ' ' || *text == '\n' || *text == '\0';
}

static const char *skip_fields(const char *text, int n)
{
    for (; text != NULL && n > 0; n--) {
        text = strchr(text, ' ');
        if (text != NULL)
            text++;
    }
    return text;
}

/* `state`: where the field of the state begins. */
static gboolean parse_field(const char *state, int field, guint64 max, guint64 *ret)
{
    const char *text = skip_fields(state, field - FIELD_STATE);

    return text != NULL && parse_number(text, max, ret);
}

gboolean process_stat_parse(ProcessStat *ret, const char *text)
{
    guint64 pid, parent, flags, threads, start_time;
    const char *state;
    const char *field;

    if (!parse_number(text, G_MAXINT32, &pid) || pid == 0)
        return FALSE;
    field = strchr(text, ' ');
    if (field == NULL || field[1] != '(')
        return FALSE;

    /* All fields after the name are numbers but for the state: the last parenthesis ends the name,
     * however many there are in it. */
    state = strrchr(field, ')');
    if (state == NULL || state[1] != ' ' || !g_ascii_isalpha(state[2]) || state[3] != ' ')
        return FALSE;
    state += 2;

    if (!parse_field(state, FIELD_PARENT, G_MAXINT32, &parent) ||
        !parse_field(state, FIELD_FLAGS, G_MAXUINT32, &flags) ||
        !parse_field(state, FIELD_THREADS, G_MAXINT32, &threads) ||
        !parse_field(state, FIELD_START_TIME, G_MAXUINT64, &start_time))
        return FALSE;

    *ret = (ProcessStat){
        .pid = (pid_t)pid,
        .parent = (pid_t)parent,
        .state = *state,
        .flags = flags,
        .threads = threads,
        .start_time = start_time,
    };
    return TRUE;
}

ProcessStatResult process_stat_read(ProcessStat *ret, int proc_fd, const char *path)
{
    char text[STAT_MAX];
    ssize_t n;
    int saved_errno;
    int fd = openat(proc_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0)
        return errno == ENOENT || errno == ESRCH ? PROCESS_STAT_GONE : PROCESS_STAT_UNREADABLE;
    do
        n = read(fd, text, sizeof text - 1);
    while (n < 0 && errno == EINTR);
    saved_errno = errno;
    close(fd);

    if (n < 0)
        return saved_errno == ESRCH ? PROCESS_STAT_GONE : PROCESS_STAT_UNREADABLE;
    text[n] = '\0';
    return process_stat_parse(ret, text) ? PROCESS_STAT_READ : PROCESS_STAT_UNREADABLE;
}

/* R is the one state in which a thread can be in the midst of making a process; a letter that is
 * not known may mean anything. */
static gboolean is_at_rest(char state)
{
    return strchr("SDTtZXIP", state) != NULL;
}

gboolean process_stat_threads_at_rest(int proc_fd, pid_t pid)
{
    gboolean at_rest = TRUE;
    ProcessNumbers threads;
    char path[64];
    pid_t tid;

    g_snprintf(path, sizeof path, "%d/task", (int)pid);
    if (!process_numbers_open(&threads, proc_fd, path))
        return FALSE;
    while (at_rest && process_numbers_next(&threads, &tid)) {
        ProcessStat stat;
        ProcessStatResult result;

        g_snprintf(path, sizeof path, "%d/task/%d/stat", (int)pid, (int)tid);
        result = process_stat_read(&stat, proc_fd, path);
        at_rest =
            result == PROCESS_STAT_GONE || (result == PROCESS_STAT_READ && is_at_rest(stat.state));
    }
    return process_numbers_close(&threads) && at_rest;
}
