/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The action `exec`: a program, run as the user who registered.
 *
 * It gets no rights that its user has not got, and nothing of the daemon's surroundings: its
 * environment is what stands here. That it has ended with status 0 says that the step was done, not
 * that it helped: the target shows that by its end.
 *
 * It runs at most once in a walk, also when its daemon is executed anew meanwhile, which it
 * outlives, or killed, which it does not. The exception is a daemon that is killed when it could not
 * write down that the program was begun: see note_program() in engine/registration-failing.c.
 *
 * When the step is over before it has ended (its grace, or the target was cleared) it is killed
 * with all that it has started.
 */
#include "actions/action-functions.h"

#include "actions/domain-target.h"
#include "actions/unit-target.h"

static void add_variable(GPtrArray *env, const char *name, const char *value)
{
    g_ptr_array_add(env, g_strconcat(name, "=", value, NULL));
}

static void add_number(GPtrArray *env, const char *name, guint64 value)
{
    g_ptr_array_add(env, g_strdup_printf("%s=%" G_GUINT64_FORMAT, name, value));
}

/* A variable that means nothing for this registration is not there. */
static void add_target(GPtrArray *env, BailiffTarget *target)
{
    const ProcessIdentity *process = bailiff_target_get_process(target);
    FailureTarget kind = bailiff_target_get_kind(target);

    add_variable(env, "BAILIFF_KIND", failure_target_name(kind));
    if (process != NULL)
        add_number(env, "BAILIFF_PID", (guint64)process->pid);
    if (kind == FAILURE_TARGET_UNIT)
        add_variable(env, "BAILIFF_UNIT",
                     bailiff_unit_target_get_unit(BAILIFF_UNIT_TARGET(target)));
    if (kind == FAILURE_TARGET_DOMAIN) {
        BailiffDomainTarget *domain = BAILIFF_DOMAIN_TARGET(target);

        add_variable(env, "BAILIFF_DOMAIN", bailiff_domain_target_get_uuid(domain));
        add_variable(env, "BAILIFF_DOMAIN_NAME", bailiff_domain_target_get_name(domain));
    }
}

static GPtrArray *make_environment(const ActionRequest *request)
{
    GPtrArray *env = g_ptr_array_new_with_free_func(g_free);

    add_variable(env, "PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    add_variable(env, "LANG", "C.UTF-8");
    if (request->lockspace[0] != '\0')
        add_variable(env, "BAILIFF_LOCKSPACE", request->lockspace);
    else
        add_variable(env, "BAILIFF_DRILL", "1");
    add_variable(env, "BAILIFF_REGISTRATION", request->registration_name);
    add_number(env, "BAILIFF_REGISTRATION_ID", request->registration_id);
    add_target(env, request->target);
    add_number(env, "BAILIFF_STEP", (guint64)(request->step - request->policy->steps));
    add_number(env, "BAILIFF_STEP_SECONDS", request->step->grace_seconds);
    g_ptr_array_add(env, NULL);
    return env;
}

/* Its words, borrowed from the policy; NULL when they are not all there. */
static GPtrArray *get_arguments(const ActionRequest *request)
{
    g_autoptr(GPtrArray) argv = g_ptr_array_new();

    for (gsize i = 0; i < request->step->n_words; i++) {
        const char *word = failure_policy_get_word(request->policy, request->step, i);

        if (word == NULL)
            return NULL;
        g_ptr_array_add(argv, (gpointer)word);
    }
    if (argv->len == 0)
        return NULL;
    g_ptr_array_add(argv, NULL);
    return g_steal_pointer(&argv);
}

static void on_ended(GObject *source, GAsyncResult *result, gpointer user_data)
{
    GTask *task = user_data;
    g_autoptr(GError) error = NULL;

    if (launcher_run_finish(NULL, result, &error))
        action_return(task, ACTION_WORKED, "it ended with status 0");
    else if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
        action_return(task, ACTION_FAILED, "it was killed, since its step was over");
    else
        action_return(task, ACTION_FAILED, "%s", error->message);
}

/* A program is run once: what it does (take storage away, call for help) may do harm a second time.
 * One that runs yet is waited for. One that was ended with its daemon has failed, so that the next
 * step is due at once: earlier than it would have been, which is never less safe. */
static void go_on(Launcher *launcher, const ActionRequest *request, GTask *task)
{
    if (!launcher_adopt_async(launcher, request->registration_id,
                              (guint)(request->step - request->policy->steps),
                              g_task_get_cancellable(task), on_ended, task))
        action_return(task, ACTION_FAILED,
                      "it was ended with the bailiffd that ran it, and is not run again");
}

void action_exec_start(const ActionServices *services, const ActionRequest *request, GTask *task)
{
    g_autoptr(GPtrArray) argv = get_arguments(request);

    if (argv == NULL) {
        /* Refused at registration: failure_policy_check(). */
        action_return(task, ACTION_FAILED, "there is no program");
        return;
    }
    if (services->launcher == NULL) {
        action_return(task, ACTION_FAILED, "this daemon has no launcher of programs");
        return;
    }
    if (request->is_resumed) {
        go_on(services->launcher, request, task);
        return;
    }
    g_autoptr(GPtrArray) env = make_environment(request);
    g_autofree char *name = g_path_get_basename(argv->pdata[0]);
    g_autofree char *prefix =
        g_strdup_printf("Registration %s, %s: ", request->registration_name, name);
    const LauncherProgram program = { .argv = (const char *const *)argv->pdata,
                                      .env = (const char *const *)env->pdata,
                                      .uid = request->owner_uid,
                                      .until_us = request->until_us,
                                      .log_prefix = prefix,
                                      .registration = request->registration_id,
                                      .step = (guint)(request->step - request->policy->steps) };
    launcher_run_async(services->launcher, &program, g_task_get_cancellable(task), on_ended, task);
}
