/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Programs, as the daemon sees them: a request to the launcher, an answer, and a pipe with output.
 *
 * Whoever waits for a program is answered at its limit at the latest, whatever the launcher does:
 * the limit is a timer here, too. A launcher that has not answered some time after that hangs.
 */
#include "actions/launcher-private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "actions/launcher-error.h"
#include "base/checked-time.h"
#include "common/bailiff-error.h"
#include "common/boottime-timer.h"
#include "common/boottime.h"
#include "common/log-message.h"

#define CHECK_LIMIT_US USEC_PER_SECOND
/* Others wait, and their time has not begun: a thousand registrations in one moment shall not time
 * out for being so many. */
#define CHECKS_AT_ONCE 64u
/* For all to be gone that was killed: longer than the launcher itself waits for its programs, and
 * than the link waits for the launcher. */
#define STOP_LIMIT_US (8u * USEC_PER_SECOND)

typedef struct WaitingCheck {
    GTask *task;
    char *path;
    uid_t uid;
} WaitingCheck;

static void go_on(Launcher *self);

/* One program. */

void launcher_program_free(Program *program)
{
    if (program->output != NULL)
        program_output_finish(program->output);
    if (program->cancel_source != NULL)
        g_source_destroy(program->cancel_source);
    g_clear_pointer(&program->cancel_source, g_source_unref);
    boottime_timer_free(program->timer);
    g_clear_object(&program->task);
    g_clear_error(&program->end);
    g_free(program->path);
    g_free(program->log_prefix);
    g_free(program);
}

/* From here on nobody waits for it. NULL when nobody did. */
static GTask *take_task(Program *program)
{
    if (program->task != NULL && program->output == NULL)
        program->launcher->n_checks--;
    if (program->cancel_source != NULL)
        g_source_destroy(program->cancel_source);
    g_clear_pointer(&program->cancel_source, g_source_unref);
    return g_steal_pointer(&program->task);
}

void launcher_answer_caller(GTask *task_taken, GError *error)
{
    g_autoptr(GTask) task = task_taken;

    if (task == NULL)
        g_clear_error(&error);
    else if (error != NULL)
        g_task_return_error(task, error);
    else
        g_task_return_boolean(task, TRUE);
}

void launcher_end_program(Program *program)
{
    Launcher *self = program->launcher;
    g_autofree LauncherRequest *request = NULL;

    if (launcher_link_take_back(self->link, program->id)) {
        g_hash_table_remove(self->programs, &program->id);
        return;
    }
    boottime_timer_set(program->timer, time_add(boottime_now(), LAUNCHER_ANSWER_PATIENCE_US));
    request = g_new(LauncherRequest, 1);
    launcher_request_init(request, LAUNCHER_REQUEST_KILL, program->id);
    launcher_link_send(self->link, request, -1);
}

static void on_timer(gpointer user_data)
{
    Program *program = user_data;
    GTask *task = take_task(program);
    GError *error = NULL;

    if (task == NULL) {
        launcher_link_give_up(program->launcher->link);
        return;
    }
    Launcher *self = program->launcher;
    launcher_set_time_out(&error, program->path, program->output == NULL);
    launcher_end_program(program);
    launcher_answer_caller(task, error);
    go_on(self);
}

static gboolean on_cancelled(GCancellable *cancellable, gpointer user_data)
{
    Program *program = user_data;
    Launcher *self = program->launcher;
    GTask *task = take_task(program);

    launcher_end_program(program);
    launcher_answer_caller(
        task, g_error_new_literal(G_IO_ERROR, G_IO_ERROR_CANCELLED, "No longer wanted"));
    go_on(self);
    return G_SOURCE_REMOVE;
}

static void on_line(const char *line, gpointer user_data)
{
    const Program *program = user_data;

    log_message(MESSAGE_PROGRAM_OUTPUT, LOG_SUBJECT(.registration = program->registration), "%s%s",
                program->log_prefix, line);
}

void launcher_program_listen(Program *program, int fd)
{
    program->output = program_output_new(fd, on_line, program);
}

Program *launcher_program_new(Launcher *launcher, guint64 id, const LauncherProgram *what)
{
    Program *program = g_new0(Program, 1);

    program->launcher = launcher;
    program->id = id;
    program->path = g_strdup(what->argv[0]);
    program->log_prefix = g_strdup(what->log_prefix);
    program->registration = what->registration;
    program->step = what->step;
    program->uid = what->uid;
    program->until_us = what->until_us;
    program->timer = boottime_timer_new(on_timer, program);
    return program;
}

/* What the link tells. */

static gboolean on_answered(const LauncherAnswer *answer, gpointer user_data)
{
    Launcher *self = user_data;
    guint64 id = answer->id;
    Program *program = g_hash_table_lookup(self->programs, &id);
    GError *error = NULL;

    if (program == NULL)
        return FALSE;
    (void)launcher_answer_is_good(answer, program->path, program->uid, program->output == NULL,
                                  &error);
    if (launcher_keep_end(program, error)) {
        g_hash_table_steal(self->programs, &id);
        return TRUE;
    }
    GTask *task = take_task(program);
    g_hash_table_remove(self->programs, &id);
    launcher_answer_caller(task, error);
    go_on(self);
    return TRUE;
}

static void fail_all(Launcher *self, const char *cause)
{
    g_autoptr(GList) programs = g_hash_table_get_values(self->programs);

    g_hash_table_steal_all(self->programs);
    for (GList *at = programs; at != NULL; at = at->next) {
        Program *program = at->data;
        GError *error = bailiff_error_make(
            BAILIFF_ERROR_IO_ERROR, "See in the log what has happened to it.",
            "The program %s is killed, if it had not ended already: %s.", program->path, cause);
        if (launcher_keep_end(program, error))
            continue;
        GTask *task = take_task(program);

        launcher_program_free(program);
        launcher_answer_caller(task, error);
    }
    go_on(self);
}

static void on_lost(const char *reason, gpointer user_data)
{
    g_autofree char *cause = g_strdup_printf("its launcher is gone (%s)", reason);

    fail_all(user_data, cause);
}

static void on_changed(gpointer user_data)
{
    Launcher *self = user_data;

    if (self->changed != NULL)
        self->changed(self->changed_data);
}

/* The end of all of it. */

static void end_stop(Launcher *self, GError *error)
{
    g_clear_pointer(&self->stop_timer, boottime_timer_free);
    launcher_answer_caller(g_steal_pointer(&self->stop), error);
}

static void on_stopped(gpointer user_data)
{
    end_stop(user_data, NULL);
}

static void end_all(Launcher *self)
{
    self->is_ended = TRUE;
    boottime_timer_set(self->stop_timer, time_add(boottime_now(), STOP_LIMIT_US));
    fail_all(self, "bailiffd ends its launcher");
    if (launcher_link_stop(self->link))
        end_stop(self, NULL);
}

static void on_stop_timer(gpointer user_data)
{
    Launcher *self = user_data;
    g_autofree char *rest = NULL;

    if (!self->is_ended) {
        end_all(self);
        return;
    }
    rest = launcher_link_describe_rest(self->link);
    end_stop(self, bailiff_error_make(BAILIFF_ERROR_BUSY,
                                      "See what these processes wait for: storage, most often.",
                                      "Killed and not ended: %s.", rest != NULL ? rest : "?"));
}

void launcher_stop_async(Launcher *self, guint64 until_us, GAsyncReadyCallback callback,
                         gpointer user_data)
{
    g_return_if_fail(self->stop == NULL);
    self->stop = g_task_new(NULL, NULL, callback, user_data);
    g_task_set_source_tag(self->stop, launcher_stop_async);
    self->stop_timer = boottime_timer_new(on_stop_timer, self);
    self->is_stopped = TRUE;
    self->is_ended = FALSE;
    boottime_timer_set(self->stop_timer, until_us);
    go_on(self);
}

gboolean launcher_stop_finish(Launcher *self, GAsyncResult *result, GError **error)
{
    return g_task_propagate_boolean(G_TASK(result), error);
}

void launcher_resume(Launcher *self)
{
    self->is_stopped = FALSE;
    launcher_link_resume(self->link);
}

const LauncherLinkEvents launcher_link_events = {
    .answered = on_answered, .lost = on_lost, .changed = on_changed, .stopped = on_stopped
};

/* Requests. */

static gboolean is_ready(Launcher *self, GError **error)
{
    if (self->link == NULL || self->is_stopped) {
        bailiff_set_error(error, BAILIFF_ERROR_BUSY, "Try again when bailiffd runs again.",
                          "bailiffd is about to end, and starts no more programs.");
        return FALSE;
    }
    if (!launcher_link_is_up(self->link)) {
        bailiff_set_error(error, BAILIFF_ERROR_BUSY, "Try again in a moment; see the log.",
                          "The launcher of programs is gone and is being started again.");
        return FALSE;
    }
    if (g_hash_table_size(self->programs) >= LAUNCHER_PROGRAMS_MAX) {
        bailiff_set_error(error, BAILIFF_ERROR_BUSY, "Try again when some of them have ended.",
                          "%u programs are under way.", g_hash_table_size(self->programs));
        return FALSE;
    }
    return TRUE;
}

/* A request that the launcher will take, or NULL with an error. */
static LauncherRequest *make_request(Launcher *self, LauncherRequestKind kind,
                                     const LauncherProgram *what, GError **error)
{
    g_autofree LauncherRequest *request = g_new(LauncherRequest, 1);

    if (!is_ready(self, error))
        return NULL;
    if (what->argv[0] == NULL || what->argv[0][0] != '/') {
        bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT,
                          "Name the program by its absolute path.",
                          "The program %s is not named by an absolute path.",
                          what->argv[0] != NULL ? what->argv[0] : "without a name");
        return NULL;
    }
    launcher_request_init(request, kind, self->last_id + 1);
    request->uid = what->uid;
    request->until_us = what->until_us;
    if (!launcher_request_add_args(request, what->argv) ||
        !launcher_request_add_env(request, what->env) ||
        !launcher_request_is_sound(request, launcher_request_size(request),
                                   kind == LAUNCHER_REQUEST_RUN)) {
        bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT, "Pass less to the program.",
                          "The words for the program %s are too many or too long, or no variables.",
                          what->argv[0]);
        return NULL;
    }
    self->last_id++;
    return g_steal_pointer(&request);
}

/* The end to write to, -1 for a check or with an error. */
static gboolean open_output(Program *program, int *ret_fd, GError **error)
{
    int fds[2];

    if (pipe2(fds, O_CLOEXEC) != 0) {
        bailiff_set_error(error, BAILIFF_ERROR_BUSY, "Raise the daemon's limit of open files.",
                          "There is no pipe to be had for what the program %s writes: %s.",
                          program->path, g_strerror(errno));
        return FALSE;
    }
    launcher_program_listen(program, fds[0]);
    *ret_fd = fds[1];
    return TRUE;
}

void launcher_watch_cancellable(Program *program, GCancellable *cancellable)
{
    if (cancellable == NULL)
        return;
    program->cancel_source = g_cancellable_source_new(cancellable);
    g_source_set_priority(program->cancel_source, G_PRIORITY_HIGH);
    g_source_set_callback(program->cancel_source, G_SOURCE_FUNC(on_cancelled), program, NULL);
    g_source_attach(program->cancel_source, NULL);
}

static void begin(Launcher *self, LauncherRequestKind kind, const LauncherProgram *what,
                  GTask *task_taken)
{
    g_autoptr(GTask) task = task_taken;
    GError *error = NULL;
    g_autofree LauncherRequest *request = make_request(self, kind, what, &error);
    int output_fd = -1;

    if (request == NULL) {
        g_task_return_error(task, error);
        return;
    }
    Program *program = launcher_program_new(self, request->id, what);
    if (kind == LAUNCHER_REQUEST_RUN && !open_output(program, &output_fd, &error)) {
        launcher_program_free(program);
        g_task_return_error(task, error);
        return;
    }
    program->task = g_steal_pointer(&task);
    if (kind == LAUNCHER_REQUEST_CHECK)
        self->n_checks++;
    boottime_timer_set(program->timer, what->until_us);
    launcher_watch_cancellable(program, g_task_get_cancellable(program->task));
    g_hash_table_insert(self->programs, &program->id, program);
    launcher_link_send(self->link, request, output_fd);
}

void launcher_run_async(Launcher *self, const LauncherProgram *program, GCancellable *cancellable,
                        GAsyncReadyCallback callback, gpointer user_data)
{
    GTask *task = g_task_new(NULL, cancellable, callback, user_data);

    g_task_set_source_tag(task, launcher_run_async);
    begin(self, LAUNCHER_REQUEST_RUN, program, task);
}

gboolean launcher_run_finish(Launcher *self, GAsyncResult *result, GError **error)
{
    return g_task_propagate_boolean(G_TASK(result), error);
}

/* Takes over `task`. */
static void begin_check(Launcher *self, const char *path, uid_t uid, GTask *task)
{
    const char *const argv[] = { path, NULL };
    const char *const env[] = { NULL };
    const LauncherProgram program = {
        .argv = argv, .env = env, .uid = uid, .until_us = time_add(boottime_now(), CHECK_LIMIT_US)
    };

    begin(self, LAUNCHER_REQUEST_CHECK, &program, task);
}

static void begin_waiting_checks(Launcher *self)
{
    while (self->n_checks < CHECKS_AT_ONCE && !g_queue_is_empty(self->checks)) {
        g_autofree WaitingCheck *check = g_queue_pop_head(self->checks);
        g_autofree char *path = check->path;

        begin_check(self, path, check->uid, check->task);
    }
}

/* After each end of a program. */
static void go_on(Launcher *self)
{
    begin_waiting_checks(self);
    if (self->stop != NULL && !self->is_ended && g_hash_table_size(self->programs) == 0)
        end_all(self);
}

void launcher_check_async(Launcher *self, const char *path, uid_t uid, GCancellable *cancellable,
                          GAsyncReadyCallback callback, gpointer user_data)
{
    GTask *task = g_task_new(NULL, cancellable, callback, user_data);
    WaitingCheck *check;

    g_task_set_source_tag(task, launcher_check_async);
    if (self->n_checks < CHECKS_AT_ONCE) {
        begin_check(self, path, uid, task);
        return;
    }
    check = g_new(WaitingCheck, 1);
    *check = (WaitingCheck){ .task = task, .path = g_strdup(path), .uid = uid };
    g_queue_push_tail(self->checks, check);
}

gboolean launcher_check_finish(Launcher *self, GAsyncResult *result, GError **error)
{
    return g_task_propagate_boolean(G_TASK(result), error);
}

/* The beginning and the end. */

Launcher *launcher_make(void)
{
    Launcher *self = g_new0(Launcher, 1);

    self->programs = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL,
                                           (GDestroyNotify)launcher_program_free);
    self->adoptable = g_ptr_array_new();
    self->checks = g_queue_new();
    return self;
}

Launcher *launcher_new_with_times(const char *executable, const LauncherTimes *times,
                                  GError **error)
{
    g_autoptr(Launcher) self = launcher_make();

    self->link = launcher_link_new(executable, times, &launcher_link_events, self, error);
    return self->link != NULL ? g_steal_pointer(&self) : NULL;
}

Launcher *launcher_new(const char *executable, GError **error)
{
    return launcher_new_with_times(executable, &launcher_times, error);
}

void launcher_free(Launcher *self)
{
    if (self == NULL)
        return;
    g_clear_pointer(&self->link, launcher_link_free);
    end_stop(self, bailiff_error_make(BAILIFF_ERROR_BUSY, "Look for its processes.",
                                      "The launcher of programs was not waited for."));
    launcher_keep(self);
    launcher_end_adoption(self);
    fail_all(self, "bailiffd ends");
    g_ptr_array_unref(self->adoptable);
    g_hash_table_unref(self->programs);
    g_queue_free(self->checks);
    g_free(self);
}

gboolean launcher_is_up(Launcher *self)
{
    return launcher_link_is_up(self->link);
}

guint64 launcher_count_losses(Launcher *self)
{
    return launcher_link_count_losses(self->link);
}

void launcher_watch(Launcher *self, void (*changed)(gpointer), gpointer user_data)
{
    self->changed = changed;
    self->changed_data = user_data;
}

pid_t launcher_get_pid(Launcher *self)
{
    return launcher_link_get_pid(self->link);
}
