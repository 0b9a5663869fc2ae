/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A domain as a target.
 *
 * When has it ended? Its QEMU has, which its pidfd says; the pid file leads to no other one, for it
 * may have been started again; and no Resume or Create of ours is out that would start it when
 * libvirt comes to it. libvirt itself is not asked: it says "destroyed" of a QEMU that still has a
 * write out (test-environment facts, section 4, hazard 6).
 *
 * One that was registered before its start and never had a process would never end so, and its host
 * would be reset for a domain that never ran. When its lease is lost, it has ended if libvirt,
 * asked after that, says that it is off, and there is no pid file. It says "paused" from the moment
 * on in which it begins to start one, before its hook is asked and before it forks. So the start of
 * one that it calls off has yet to ask for the lease, which nobody gets.
 *
 * When is it quiet? When action-pause.c has proved it, and until libvirt says that it is neither
 * paused nor off. Events can be missed, so while it is quiet its state is asked for with each
 * heartbeat. An event that it runs counts if nobody answers the question whether it does: to take
 * leases for a domain that is paused costs little, to let one run without costs all.
 *
 * Its process is replaced only in domain_target_look(), which runs from the main loop. Who asks
 * from within another call (has_ended, kill) gets an answer that is true of the pid file as it is
 * now, and the replacement follows.
 */
#include "actions/domain-target-private.h"

#include <glib-unix.h>

#include "actions/action-process.h"
#include "actions/domain-process.h"
#include "actions/domain-record.h"
#include "base/checked-time.h"
#include "common/bailiff-error.h"
#include "common/boottime-timer.h"
#include "common/boottime.h"
#include "common/printable-word.h"

/* A pid file is there before its process has become QEMU; nothing tells when it does. */
#define LOOK_AGAIN_FIRST_US (USEC_PER_SECOND / 20)
#define LOOK_AGAIN_MAX_US (2 * USEC_PER_SECOND)

/* For the answer whether it runs: after an event, and otherwise. */
#define STATE_LIMIT_MS 2000

struct _BailiffDomainTarget {
    BailiffTarget parent_instance;
    BailiffLibvirt *libvirt;
    char *uuid;
    char *name;
    LibvirtWatch *watch;

    ProcessIdentity process; /* the last one that was found; cleared: none ever was */
    GSource *end_watch;      /* while it lives */
    gboolean ended_told;     /* also of one that never ran */
    BoottimeTimer *look_again;
    guint64 look_again_us;
    guint look_soon;

    gboolean quiet;
    guint64 quiet_count; /* which quiet time an answer is about */
    gboolean asking_state, asking_if_off;
    gboolean runs_by_event; /* an event says that it runs, and nobody has denied it since */
    GCancellable *asking;
};

G_DEFINE_FINAL_TYPE(BailiffDomainTarget, bailiff_domain_target, BAILIFF_TYPE_TARGET)

/* --- its process ---------------------------------------------------------------------------------
 */

static void drop_end_watch(BailiffDomainTarget *self)
{
    if (self->end_watch != NULL) {
        g_source_destroy(self->end_watch);
        g_clear_pointer(&self->end_watch, g_source_unref);
    }
}

static gboolean on_process_ended(gint fd, GIOCondition condition, gpointer user_data)
{
    drop_end_watch(user_data);
    domain_target_look(user_data);
    return G_SOURCE_REMOVE;
}

static void take_process(BailiffDomainTarget *self, ProcessIdentity *found)
{
    drop_end_watch(self);
    process_identity_clear(&self->process);
    self->process = *found;
    *found = (ProcessIdentity){ .pidfd = -1 };
    self->ended_told = FALSE;
    self->end_watch = g_unix_fd_source_new(self->process.pidfd, G_IO_IN);
    g_source_set_callback(self->end_watch, G_SOURCE_FUNC(on_process_ended), self, NULL);
    g_source_attach(self->end_watch, NULL);
    /* Whoever was quiet was another one. */
    domain_target_set_quiet(self, FALSE);
}

static gboolean process_has_ended(BailiffDomainTarget *self)
{
    return self->process.pidfd >= 0 && process_identity_has_ended(&self->process);
}

static gboolean may_be_started_by_us(BailiffDomainTarget *self)
{
    return libvirt_calls_has(libvirt_get_calls(self->libvirt), self->uuid, LIBVIRT_STARTING);
}

static DomainProcessFind find_process(BailiffDomainTarget *self, ProcessIdentity *ret)
{
    return domain_process_find(libvirt_get_run_dir(self->libvirt), self->name, self->uuid,
                               &self->process, ret);
}

static void look_again_later(BailiffDomainTarget *self, DomainProcessFind find)
{
    if (find != DOMAIN_PROCESS_UNPROVEN) {
        self->look_again_us = LOOK_AGAIN_FIRST_US;
        boottime_timer_set(self->look_again, TIME_NEVER);
        return;
    }
    boottime_timer_set(self->look_again, time_add(boottime_now(), self->look_again_us));
    self->look_again_us = MIN(self->look_again_us * 2, LOOK_AGAIN_MAX_US);
}

static void tell_ended(BailiffDomainTarget *self)
{
    self->ended_told = TRUE;
    domain_target_set_quiet(self, FALSE);
    bailiff_target_emit_ended(BAILIFF_TARGET(self));
}

void domain_target_look(BailiffDomainTarget *self)
{
    g_autoptr(BailiffDomainTarget) alive = g_object_ref(self);
    g_auto(ProcessIdentity) found = { .pidfd = -1 };
    DomainProcessFind find = find_process(self, &found);

    look_again_later(self, find);
    if (find == DOMAIN_PROCESS_FOUND) {
        take_process(self, &found);
        bailiff_target_emit_process_changed(BAILIFF_TARGET(self));
    }
    if (self->ended_told || !process_has_ended(self) || may_be_started_by_us(self))
        return;
    /* One that cannot be told may be its next life. */
    if (find == DOMAIN_PROCESS_UNPROVEN)
        return;
    tell_ended(self);
}

static void look_soon(BailiffDomainTarget *self);

void domain_target_tell_end_again(BailiffDomainTarget *self)
{
    self->ended_told = FALSE;
    look_soon(self);
}

static void on_look_again(gpointer user_data)
{
    domain_target_look(user_data);
}

static gboolean on_look_soon(gpointer user_data)
{
    BailiffDomainTarget *self = user_data;

    self->look_soon = 0;
    domain_target_look(self);
    return G_SOURCE_REMOVE;
}

static void look_soon(BailiffDomainTarget *self)
{
    if (self->look_soon == 0)
        self->look_soon = g_idle_add_full(G_PRIORITY_HIGH, on_look_soon, self, NULL);
}

/* --- whether it is still quiet -------------------------------------------------------------------
 */

static void ask_state(BailiffDomainTarget *self);

void domain_target_set_quiet(BailiffDomainTarget *self, gboolean quiet)
{
    if (self->watch != NULL && self->quiet != quiet)
        libvirt_watch_set_quick(self->watch, quiet);
    self->quiet = quiet;
    self->quiet_count++;
    self->runs_by_event = FALSE;
    /* An event may have overtaken the answer that this follows from, when it did not count yet. */
    ask_state(self);
}

static gboolean stands_still(LibvirtState state)
{
    return state == LIBVIRT_STATE_PAUSED || state == LIBVIRT_STATE_OFF ||
           state == LIBVIRT_STATE_CRASHED;
}

typedef struct StateQuestion {
    BailiffDomainTarget *target;
    guint64 quiet_count;
    gboolean by_event; /* asked after an event, so that no answer is an answer */
} StateQuestion;

static void on_state(GObject *source, GAsyncResult *result, gpointer user_data)
{
    g_autofree StateQuestion *question = user_data;
    g_autoptr(BailiffDomainTarget) self = question->target;
    g_autoptr(GError) error = NULL;
    LibvirtState state = libvirt_get_state_finish(result, &error);

    self->asking_state = FALSE;
    if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED) || !self->quiet)
        return;
    if (question->quiet_count != self->quiet_count || question->by_event != self->runs_by_event) {
        ask_state(self); /* something happened meanwhile */
        return;
    }
    self->runs_by_event = FALSE;
    if (error != NULL ? !question->by_event : stands_still(state))
        return;
    domain_target_set_quiet(self, FALSE);
    bailiff_target_emit_resumed(BAILIFF_TARGET(self));
}

static void ask_state(BailiffDomainTarget *self)
{
    StateQuestion *question;

    if (!self->quiet || self->asking_state)
        return;
    self->asking_state = TRUE;
    question = g_new0(StateQuestion, 1);
    question->target = g_object_ref(self);
    question->quiet_count = self->quiet_count;
    question->by_event = self->runs_by_event;
    libvirt_get_state_async(self->libvirt, self->uuid, STATE_LIMIT_MS, self->asking, on_state,
                            question);
}

static void on_news(LibvirtNews news, gpointer user_data)
{
    g_autoptr(BailiffDomainTarget) self = g_object_ref(user_data);

    if (news == LIBVIRT_NEWS_RUNS)
        self->runs_by_event = self->quiet;
    domain_target_look(self);
    if (news == LIBVIRT_NEWS_RUNS || news == LIBVIRT_NEWS_HEARTBEAT)
        ask_state(self);
}

/* --- one that never ran
 * --------------------------------------------------------------------------- */

static void on_state_of_never_run(GObject *source, GAsyncResult *result, gpointer user_data)
{
    g_autoptr(BailiffDomainTarget) self = user_data;
    LibvirtState state = libvirt_get_state_finish(result, NULL);
    g_auto(ProcessIdentity) found = { .pidfd = -1 };

    self->asking_if_off = FALSE;
    if (state == LIBVIRT_STATE_OFF && self->process.pidfd < 0 && !self->ended_told &&
        !may_be_started_by_us(self) && find_process(self, &found) == DOMAIN_PROCESS_NONE)
        tell_ended(self);
}

static void ask_if_it_never_ran(BailiffDomainTarget *self)
{
    if (self->process.pidfd >= 0 || self->ended_told || self->asking_if_off)
        return;
    self->asking_if_off = TRUE;
    libvirt_get_state_async(self->libvirt, self->uuid, STATE_LIMIT_MS, self->asking,
                            on_state_of_never_run, g_object_ref(self));
}

static void prepare_to_fail(BailiffTarget *target)
{
    ask_if_it_never_ran(BAILIFF_DOMAIN_TARGET(target));
}

/* --- what a target can do ------------------------------------------------------------------------
 */

static const ProcessIdentity *get_process(BailiffTarget *target)
{
    BailiffDomainTarget *self = BAILIFF_DOMAIN_TARGET(target);

    return self->process.pidfd >= 0 ? &self->process : NULL;
}

static gboolean has_ended(BailiffTarget *target)
{
    BailiffDomainTarget *self = BAILIFF_DOMAIN_TARGET(target);
    g_auto(ProcessIdentity) found = { .pidfd = -1 };
    DomainProcessFind find;

    if (may_be_started_by_us(self) ||
        (self->process.pidfd >= 0 ? !process_has_ended(self) : !self->ended_told))
        return FALSE;
    find = find_process(self, &found);
    if (find == DOMAIN_PROCESS_FOUND)
        look_soon(self);
    /* A number in a stale pid file is somebody else's sooner or later: that changes no end that was
     * seen. */
    return find == DOMAIN_PROCESS_NONE || (find != DOMAIN_PROCESS_FOUND && self->ended_told);
}

static gboolean send_signal(BailiffTarget *target, int signal_number, GError **error)
{
    BailiffDomainTarget *self = BAILIFF_DOMAIN_TARGET(target);
    g_auto(ProcessIdentity) found = { .pidfd = -1 };

    if (find_process(self, &found) == DOMAIN_PROCESS_FOUND) {
        look_soon(self);
        return action_process_signal(&found, signal_number, error);
    }
    if (self->process.pidfd >= 0)
        return action_process_signal(&self->process, signal_number, error);
    bailiff_set_error(error, BAILIFF_ERROR_NOT_FOUND,
                      "Nothing is to be done unless it is starting.",
                      "No process of the %s is known.", bailiff_target_get_description(target));
    return FALSE;
}

/* The pid file can name a new process beside the known one for a moment: both are killed. */
static gboolean kill_all(BailiffTarget *target, GError **error)
{
    BailiffDomainTarget *self = BAILIFF_DOMAIN_TARGET(target);
    g_auto(ProcessIdentity) found = { .pidfd = -1 };

    if (find_process(self, &found) == DOMAIN_PROCESS_FOUND) {
        look_soon(self);
        if (self->process.pidfd >= 0 && !process_has_ended(self))
            (void)action_process_kill(&self->process, FALSE, NULL); /* again with the next kill */
        return action_process_kill(&found, FALSE, error);
    }
    if (self->process.pidfd >= 0)
        return action_process_kill(&self->process, FALSE, error);
    ask_if_it_never_ran(self);
    bailiff_set_error(error, BAILIFF_ERROR_NOT_FOUND,
                      "Nothing is to be done unless it is starting.",
                      "No process of the %s is known.", bailiff_target_get_description(target));
    return FALSE;
}

static void fill_guard(BailiffTarget *target, KillGuardTarget *ret)
{
    BailiffDomainTarget *self = BAILIFF_DOMAIN_TARGET(target);

    ret->pidfd = self->process.pidfd;
    ret->pid = self->process.pid;
}

static void fill_record(BailiffTarget *target, GKeyFile *file, const char *group)
{
    BailiffDomainTarget *self = BAILIFF_DOMAIN_TARGET(target);

    domain_record_fill(file, group, self->uuid, self->name, libvirt_get_run_dir(self->libvirt),
                       &self->process);
}

/* --- the object ----------------------------------------------------------------------------------
 */

static void bailiff_domain_target_dispose(GObject *object)
{
    BailiffDomainTarget *self = BAILIFF_DOMAIN_TARGET(object);

    g_cancellable_cancel(self->asking);
    g_clear_handle_id(&self->look_soon, g_source_remove);
    g_clear_pointer(&self->look_again, boottime_timer_free);
    g_clear_pointer(&self->watch, libvirt_watch_free);
    drop_end_watch(self);
    G_OBJECT_CLASS(bailiff_domain_target_parent_class)->dispose(object);
}

static void bailiff_domain_target_finalize(GObject *object)
{
    BailiffDomainTarget *self = BAILIFF_DOMAIN_TARGET(object);

    process_identity_clear(&self->process);
    g_object_unref(self->asking);
    g_clear_object(&self->libvirt);
    g_free(self->uuid);
    g_free(self->name);
    G_OBJECT_CLASS(bailiff_domain_target_parent_class)->finalize(object);
}

static void bailiff_domain_target_class_init(BailiffDomainTargetClass *klass)
{
    BailiffTargetClass *target_class = BAILIFF_TARGET_CLASS(klass);

    G_OBJECT_CLASS(klass)->dispose = bailiff_domain_target_dispose;
    G_OBJECT_CLASS(klass)->finalize = bailiff_domain_target_finalize;
    target_class->kind = FAILURE_TARGET_DOMAIN;
    target_class->get_process = get_process;
    target_class->has_ended = has_ended;
    target_class->signal = send_signal;
    target_class->kill = kill_all;
    target_class->prepare_to_fail = prepare_to_fail;
    target_class->fill_guard = fill_guard;
    target_class->fill_record = fill_record;
}

static void bailiff_domain_target_init(BailiffDomainTarget *self)
{
    self->process.pidfd = -1;
    self->asking = g_cancellable_new();
    self->look_again_us = LOOK_AGAIN_FIRST_US;
    self->look_again = boottime_timer_new(on_look_again, self);
}

BailiffTarget *bailiff_domain_target_new(BailiffLibvirt *libvirt, const char *uuid,
                                         const char *name, GError **error)
{
    BailiffDomainTarget *self;

    if (!g_uuid_string_is_valid(uuid)) {
        g_autofree char *word = printable_word(uuid);
        bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT,
                          "Pass the domain's UUID: virsh domuuid NAME prints it.",
                          "'%s' is not a UUID.", word);
        return NULL;
    }
    if (!domain_process_name_is_valid(name)) {
        bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT,
                          "Pass the domain's name, as virsh list --name prints it.",
                          "What was given as the name of a domain cannot be one.");
        return NULL;
    }
    self = g_object_new(BAILIFF_TYPE_DOMAIN_TARGET, NULL);
    self->libvirt = g_object_ref(libvirt);
    self->uuid = g_ascii_strdown(uuid, -1);
    self->name = g_strdup(name);
    bailiff_target_set_description(BAILIFF_TARGET(self), g_strdup_printf("domain %s", name));
    self->watch = libvirt_watch_new(libvirt, self->uuid, name, on_news, self);
    domain_target_look(self);
    return BAILIFF_TARGET(self);
}

/* The process that the record names is taken for its own only if nothing newer is found: the pid
 * file leads to the present one. */
BailiffTarget *bailiff_domain_target_restore(BailiffLibvirt *libvirt, GKeyFile *file,
                                             const char *group, gboolean quiet, GError **error)
{
    g_autofree char *uuid = g_key_file_get_string(file, group, "Domain", NULL);
    g_autofree char *name = g_key_file_get_string(file, group, "DomainName", NULL);
    gint64 pid = g_key_file_get_int64(file, group, "Pid", NULL);
    guint64 start_time = g_key_file_get_uint64(file, group, "StartTime", NULL);
    g_auto(ProcessIdentity) process = { .pidfd = -1 };
    BailiffDomainTarget *self;

    if (uuid == NULL || name == NULL) {
        bailiff_set_error(error, BAILIFF_ERROR_CORRUPT, "Look what uses the leases.",
                          "The record names no domain.");
        return NULL;
    }
    self = BAILIFF_DOMAIN_TARGET(bailiff_domain_target_new(libvirt, uuid, name, error));
    if (self == NULL)
        return NULL;
    /* A pid file that is gone does not mean that its QEMU is. */
    if (self->process.pidfd < 0 && pid > 0 && pid <= G_MAXINT32 && start_time != 0 &&
        process_identity_from_pid(&process, (pid_t)pid, start_time, NULL))
        take_process(self, &process);
    if (self->process.pidfd < 0 && pid > 0 && bailiff_domain_target_record_has_ended(file, group))
        self->ended_told = TRUE;
    if (quiet && !self->ended_told)
        domain_target_set_quiet(self, TRUE);
    return BAILIFF_TARGET(self);
}

const char *bailiff_domain_target_get_uuid(BailiffDomainTarget *self)
{
    return self->uuid;
}

const char *bailiff_domain_target_get_name(BailiffDomainTarget *self)
{
    return self->name;
}

gboolean bailiff_domain_target_may_run(BailiffDomainTarget *self)
{
    g_auto(ProcessIdentity) found = { .pidfd = -1 };

    if (may_be_started_by_us(self) || (self->process.pidfd >= 0 && !process_has_ended(self)))
        return TRUE;
    return find_process(self, &found) != DOMAIN_PROCESS_NONE;
}

BailiffLibvirt *domain_target_get_libvirt(BailiffDomainTarget *self)
{
    return self->libvirt;
}
