/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Programs that outlive the one that has started them: what a daemon that executes itself anew
 * gives away, and how the next one gets it back, each program for whoever goes on with its step.
 *
 *   given -> inherited: in the table, adoptable -> adopted: somebody waits for its end, as ever
 *                                               -> ended before that: its end is kept
 *                                               -> nobody came: killed
 */
#include "actions/launcher-private.h"

#include "base/checked-time.h"
#include "common/boottime.h"

char *launcher_give(Launcher *self)
{
    g_autoptr(LauncherInheritance) given = launcher_inheritance_new();
    GHashTableIter iter;
    gpointer value;

    if (self->is_stopped || g_hash_table_size(self->programs) == 0 ||
        !launcher_link_give(self->link, &given->launcher))
        return NULL;
    given->last_id = self->last_id;
    g_hash_table_iter_init(&iter, self->programs);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const Program *program = value;
        gboolean is_wanted = program->task != NULL && program->output != NULL;

        launcher_inheritance_add(
            given, &(InheritedProgram){
                       .id = program->id,
                       .path = program->path,
                       .log_prefix = program->log_prefix,
                       .registration = program->registration,
                       .step = program->step,
                       .uid = program->uid,
                       .until_us = program->until_us,
                       .output_fd = is_wanted ? program_output_get_fd(program->output) : -1 });
    }
    self->given = g_steal_pointer(&given);
    return launcher_inheritance_give(self->given);
}

void launcher_keep(Launcher *self)
{
    if (self->given != NULL)
        launcher_inheritance_keep(self->given);
    g_clear_pointer(&self->given, launcher_inheritance_free);
}

static void inherit_program(Launcher *self, InheritedProgram *inherited)
{
    const char *const argv[] = { inherited->path, NULL };
    const LauncherProgram what = { .argv = argv,
                                   .uid = inherited->uid,
                                   .until_us = inherited->until_us,
                                   .log_prefix = inherited->log_prefix,
                                   .registration = inherited->registration,
                                   .step = inherited->step };
    Program *program = launcher_program_new(self, inherited->id, &what);
    gboolean is_wanted = inherited->output_fd >= 0;

    /* What nobody wants was killed, or is a look at a file: it has its answer to give. */
    boottime_timer_set(program->timer, is_wanted
                                           ? program->until_us
                                           : time_add(boottime_now(), LAUNCHER_ANSWER_PATIENCE_US));
    g_hash_table_insert(self->programs, &program->id, program);
    if (!is_wanted)
        return;
    launcher_program_listen(program, g_steal_fd(&inherited->output_fd));
    program->is_adoptable = TRUE;
    g_ptr_array_add(self->adoptable, program);
}

static gboolean inherit(Launcher *self, LauncherInheritance *given, GError **error)
{
    const LauncherHandle launcher = given->launcher;

    self->last_id = given->last_id;
    for (guint i = 0; i < given->programs->len; i++)
        inherit_program(self, given->programs->pdata[i]);
    given->launcher.socket_fd = -1;
    return launcher_link_inherit(&self->link, NULL, &launcher_times, &launcher,
                                 &launcher_link_events, self, error);
}

static Program *find_adoptable(Launcher *self, guint64 registration, guint step)
{
    for (guint i = 0; i < self->adoptable->len; i++) {
        Program *program = self->adoptable->pdata[i];

        if (program->registration == registration && program->step == step)
            return program;
    }
    return NULL;
}

gboolean launcher_adopt_async(Launcher *self, guint64 registration, guint step,
                              GCancellable *cancellable, GAsyncReadyCallback callback,
                              gpointer user_data)
{
    Program *program = find_adoptable(self, registration, step);
    GTask *task;

    if (program == NULL)
        return FALSE;
    task = g_task_new(NULL, cancellable, callback, user_data);
    g_task_set_source_tag(task, launcher_run_async);
    g_ptr_array_remove_fast(self->adoptable, program);
    program->is_adoptable = FALSE;
    if (program->has_ended) {
        GError *end = g_steal_pointer(&program->end);

        launcher_program_free(program);
        launcher_answer_caller(task, end);
        return TRUE;
    }
    program->task = task;
    launcher_watch_cancellable(program, cancellable);
    return TRUE;
}

void launcher_end_adoption(Launcher *self)
{
    for (guint i = 0; i < self->adoptable->len; i++) {
        Program *program = self->adoptable->pdata[i];

        program->is_adoptable = FALSE;
        if (program->has_ended)
            launcher_program_free(program);
        else
            launcher_end_program(program);
    }
    g_ptr_array_set_size(self->adoptable, 0);
}

gboolean launcher_keep_end(Program *program, GError *error)
{
    if (!program->is_adoptable)
        return FALSE;
    program->has_ended = TRUE;
    program->end = error;
    boottime_timer_set(program->timer, TIME_NEVER);
    return TRUE;
}

Launcher *launcher_new_given(const char *given, GError **error)
{
    g_autoptr(LauncherInheritance) inherited =
        given != NULL ? launcher_inheritance_take(given) : NULL;
    g_autoptr(Launcher) self = NULL;

    if (inherited == NULL)
        return launcher_new(NULL, error);
    self = launcher_make();
    return inherit(self, inherited, error) ? g_steal_pointer(&self) : NULL;
}
