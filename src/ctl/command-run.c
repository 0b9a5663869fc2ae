/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bailiffctl run: holds leases while a command runs.
 *
 * The registered process is bailiffctl itself, with all that is below it (option `descendants`): so
 * the daemon's `kill` reaches everything, and the leases, which the daemon gives back when the
 * registered process ends, are not given back before the last process of the command is gone:
 * bailiffctl ends only then (run-children.h). When the daemon cannot do its part, run-guard.h says
 * what is done without it.
 */
#include "ctl/commands.h"

#include <glib/gi18n.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fixed-name.h"
#include "common/boottime.h"
#include "ctl/policy-option.h"
#include "ctl/run-children.h"
#include "ctl/run-guard.h"
#include "ctl/run-lease.h"
#include "ctl/run-signals.h"
#include "ctl/run-watch.h"
#include "ctl/safe-text.h"

typedef struct Run {
    RunLease *lease;
    RunGuard guard;
    RunWatch *watch;
    GMainLoop *loop;
    GSource *timer;
    pid_t pid;        /* the command's main process */
    int wait_status;  /* once it has ended */
    gboolean ended;   /* the main process has */
    gboolean killing; /* SIGKILL goes to what is left */
    gboolean failing; /* the daemon walks our failure policy */
    gboolean termed;  /* somebody sent us SIGTERM */
    gboolean daemon_left;
    gboolean all_gone; /* nothing is left but to hear why we got SIGTERM */
} Run;

static void say(const char *format, ...) G_GNUC_PRINTF(1, 2);

static void say(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    g_strdelimit(text, "\n", ' ');
    g_autofree char *safe = safe_text(text);
    fprintf(stderr, "bailiffctl: %s\n", safe);
}

static void say_cause(Run *self, RunCause cause)
{
    switch (cause) {
    case RUN_CAUSE_SILENCE:
        say(_("bailiffd does not answer, and the lease of '%s' may be lost by now."),
            self->lease->lockspace_name);
        break;
    case RUN_CAUSE_NOT_OURS:
        say(_("bailiffd does not know that the leases in '%s' are held: it was started anew, or "
              "somebody has given them back."),
            self->lease->lockspace_name);
        break;
    default:
        break;
    }
}

static void carry_out_term(Run *self, RunCause cause)
{
    say_cause(self, cause);
    guint n = run_children_signal(SIGTERM, 0);
    if (cause == RUN_CAUSE_COMMAND_ENDED)
        say(ngettext("The command has ended, but %u process below it has not; it got SIGTERM, and "
                     "gets SIGKILL soon.",
                     "The command has ended, but %u processes below it have not; they got SIGTERM, "
                     "and get SIGKILL soon.",
                     n),
            n);
    else
        say(ngettext("%u process of the command got SIGTERM, and gets SIGKILL soon.",
                     "%u processes of the command got SIGTERM, and get SIGKILL soon.", n),
            n);
}

static void carry_out(Run *self, const RunGuardOutput *output)
{
    switch (output->order) {
    case RUN_ORDER_NONE:
        break;
    case RUN_ORDER_WARN:
        say_cause(self, output->cause);
        say(_("The command goes on, since its failure policy is ignore."));
        break;
    case RUN_ORDER_TERM:
        carry_out_term(self, output->cause);
        break;
    case RUN_ORDER_KILL:
        if (!self->killing)
            say(_("What is left of the command gets SIGKILL."));
        self->killing = TRUE;
        run_children_kill();
        break;
    }
}

static void advance(Run *self)
{
    if (self->all_gone)
        return;
    RunGuardOutput output = run_guard_advance(&self->guard, boottime_now());
    if (output.ask)
        run_watch_ask(self->watch, RUN_ASK_LIMIT_US);
    carry_out(self, &output);
    boottime_source_set(self->timer, output.next_us);
}

static gboolean on_timer(gpointer data)
{
    advance(data);
    return G_SOURCE_CONTINUE;
}

static void on_presence(gboolean present, gpointer data)
{
    Run *self = data;
    if (present) {
        if (self->daemon_left)
            say(_("bailiffd is back on the bus."));
        self->daemon_left = FALSE;
        run_guard_ask_now(&self->guard, boottime_now());
    } else if (!self->daemon_left) {
        g_autofree char *left = span_text(time_since(self->guard.fail_at_us, boottime_now()));
        say(_("bailiffd left the bus; the lease of '%s' is good for %s."),
            self->lease->lockspace_name, left);
        self->daemon_left = TRUE;
        run_guard_daemon_left(&self->guard);
    }
    advance(self);
}

static void on_changed(gpointer data)
{
    Run *self = data;
    run_guard_ask_now(&self->guard, boottime_now());
    advance(self);
}

static void say_failing(Run *self, const RunAnswer *answer)
{
    if (g_strcmp0(answer->lockspace_state, "leaving") == 0)
        say(_("Lockspace '%s' is being left by force."), self->lease->lockspace_name);
    else
        say(_("The lease is lost: lockspace '%s' is %s. %s"), self->lease->lockspace_name,
            answer->lockspace_state ? answer->lockspace_state : "failing",
            answer->reason ? answer->reason : "");
    say(_("bailiffd walks the failure policy."));
}

static void on_answer(const RunAnswer *answer, gpointer data)
{
    Run *self = data;
    if (answer->answered)
        run_guard_answered(&self->guard, answer->ours, answer->fail_at_us, answer->asked_us);
    else
        run_guard_unanswered(&self->guard);
    if (answer->answered && answer->failing && !self->failing) {
        self->failing = TRUE;
        say_failing(self, answer);
        /* The command has got the SIGTERM that came before we knew why. */
        if (self->termed)
            (void)run_children_signal(SIGTERM, self->pid);
    }
    if (self->all_gone)
        g_main_loop_quit(self->loop);
    advance(self);
}

static void on_child(Run *self)
{
    int status = -1;
    gboolean left = run_children_reap(self->ended ? 0 : self->pid, &status);
    if (status != -1) {
        self->ended = TRUE;
        self->wait_status = status;
    }
    if (!left) {
        /* Perhaps it was the lease: whoever reads this wants to know. The question has its limit.
         */
        self->all_gone = TRUE;
        if (!self->termed || !self->guard.asking)
            g_main_loop_quit(self->loop);
        return;
    }
    if (self->killing)
        run_children_kill();
    if (self->ended) {
        run_guard_command_ended(&self->guard, boottime_now());
        advance(self);
    }
}

static void pass_on(Run *self, const RunSignal *signal)
{
    gboolean same_group = !self->ended && getpgid(self->pid) == getpgrp();
    /* The terminal has sent it to the command as well. */
    if (signal->from_terminal && same_group)
        return;
    if (self->ended || self->failing)
        (void)run_children_signal(signal->number, 0);
    else
        (void)kill(self->pid, signal->number);
}

static void on_signal(const RunSignal *signal, gpointer data)
{
    Run *self = data;
    if (signal->number == SIGCHLD) {
        on_child(self);
        return;
    }
    pass_on(self, signal);
    if (signal->number == SIGTERM) {
        /* Perhaps it is the daemon's: ask whether the lease is lost. */
        self->termed = TRUE;
        if (!self->daemon_left)
            on_changed(self);
    }
}

static int exit_status_of(int wait_status)
{
    if (WIFSIGNALED(wait_status))
        return CTL_EXIT_SIGNAL_BASE + WTERMSIG(wait_status);
    return WEXITSTATUS(wait_status);
}

/* Nothing is left that could use the leases, so they are given back before the exit: who runs the
 * next command finds them free. */
static void give_back(RunLease *lease, GDBusConnection *connection)
{
    g_autoptr(GError) error = NULL;
    if (run_lease_give_back(lease, connection, &error))
        return;
    say(_("The leases are not given back yet; bailiffd has to go on trying."));
    (void)ctl_report_error(error);
}

static void main_loop(Run *self)
{
    const RunWatchHandler handler = {
        .presence = on_presence, .changed = on_changed, .answer = on_answer, .data = self
    };
    GDBusProxy *registration = G_DBUS_PROXY(self->lease->registration);
    self->loop = g_main_loop_new(NULL, FALSE);
    self->timer = boottime_source_new(TIME_NEVER);
    g_source_set_callback(self->timer, on_timer, self, NULL);
    g_source_attach(self->timer, NULL);
    self->watch = run_watch_new(
        g_dbus_proxy_get_connection(registration), g_dbus_proxy_get_object_path(registration),
        bailiff_bus_registration_get_pid(self->lease->registration), self->lease->lockspace,
        (const char *const *)self->lease->resources, &handler);
    advance(self);
    g_main_loop_run(self->loop);
}

static void main_loop_end(Run *self)
{
    g_source_destroy(self->timer);
    g_clear_pointer(&self->timer, g_source_unref);
    g_clear_pointer(&self->watch, run_watch_free);
    g_clear_pointer(&self->loop, g_main_loop_unref);
}

/* With the leases held. */
static int run_command(RunLease *lease, gboolean ignore, char **argv)
{
    Run self = { .lease = lease };
    GError *error = NULL;
    g_auto(GStrv) environment = run_lease_environment(lease);
    g_autoptr(GDBusConnection) connection =
        g_object_ref(g_dbus_proxy_get_connection(G_DBUS_PROXY(lease->registration)));
    run_guard_init(&self.guard, ignore, lease->fail_at_us, boottime_now());

    if (run_signals_install(on_signal, &self, &error))
        self.pid = run_children_start(argv, environment, &error);
    if (error) {
        give_back(lease, connection);
        int status = command_line_fail(error);
        return status < CTL_EXIT_RUN_FAILED ? CTL_EXIT_RUN_FAILED : status;
    }
    main_loop(&self);
    g_set_object(&connection, run_watch_connection(self.watch));
    main_loop_end(&self);
    /* In the other cases nobody is there, or it is the daemon's own business by now. */
    if (!self.failing && !self.daemon_left && self.guard.cause <= RUN_CAUSE_COMMAND_ENDED)
        give_back(lease, connection);
    return exit_status_of(self.wait_status);
}

/* A registration's name has the same rules as that of a lease. */
static char *default_name(const char *command)
{
    g_autofree char *base = g_path_get_basename(command);
    char *name = g_strndup(base, FIXED_NAME_SIZE);
    for (char *p = name; *p; p++)
        if (!g_ascii_isgraph(*p) || strchr("/:\\", *p))
            *p = '_';
    return name;
}

/* Before anything is acquired: a lease may be long in coming. exec has the last word. */
static int check_command(const char *name)
{
    g_autofree char *program = g_find_program_in_path(name);
    if (program)
        return CTL_EXIT_OK;
    gboolean there = strchr(name, '/') && g_file_test(name, G_FILE_TEST_EXISTS);
    GError *error = NULL;
    if (there)
        ctl_set_error(&error, CTL_EXIT_NOT_EXECUTABLE, _("Check its permissions."),
                      _("The command '%s' cannot be executed."), name);
    else
        ctl_set_error(&error, CTL_EXIT_NOT_FOUND, _("Check how it is written, and PATH."),
                      _("The command '%s' is not found."), name);
    return command_line_fail(error);
}

/* Reports, and returns what env(1) would. */
static int fail_run(GError *error)
{
    (void)command_line_fail(error);
    return CTL_EXIT_RUN_FAILED;
}

int command_run(CommandLine *line)
{
    RunWish wish = { 0 };
    g_autofree char *policy_text = NULL;
    g_autofree char *name = NULL;
    const GOptionEntry entries[] = {
        { "shared", 0, 0, G_OPTION_ARG_NONE, &wish.shared,
          N_("Shared: beside any number of others, all of them shared"), NULL },
        { "wait", 0, 0, G_OPTION_ARG_NONE, &wish.wait,
          N_("Wait as long as it takes for the present owner to release it or to be dead"), NULL },
        { "failure-policy", 0, 0, G_OPTION_ARG_STRING, &policy_text,
          N_("What to do when the lease is lost (default: as bailiffd.conf(5) says)"), N_("TEXT") },
        { "name", 0, 0, G_OPTION_ARG_STRING, &name,
          N_("The registration's name (default: the command's)"), N_("NAME") },
        { NULL },
    };
    int status;
    if (!command_line_parse(line, entries, 2, G_MAXUINT, &status))
        return status == CTL_EXIT_OK ? CTL_EXIT_OK : CTL_EXIT_RUN_FAILED;
    if (!line->rest || !line->rest[0]) {
        (void)command_line_usage(line, _("There is no command; write it behind --."));
        return CTL_EXIT_RUN_FAILED;
    }
    status = check_command(line->rest[0]);
    if (status != CTL_EXIT_OK)
        return status;

    GError *error = NULL;
    FailurePolicy policy;
    g_autoptr(BusClient) client = NULL;
    g_autoptr(RunLease) lease = NULL;
    if (policy_text && !policy_option_parse(&policy, policy_text, &error))
        return fail_run(error);
    if (!name)
        name = default_name(line->rest[0]);
    wish.name = name;
    wish.policy = policy_text ? &policy : NULL;
    wish.lockspace = line->words[0];
    wish.places = line->words + 1;
    if (!run_children_adopt_orphans(&error) || !(client = bus_client_new(&error)) ||
        !(lease = run_lease_take(client, &wish, &error)))
        return fail_run(error);
    return run_command(lease, wish.policy && policy_is_ignore(wish.policy), line->rest);
}
