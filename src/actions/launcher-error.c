/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Answers of the launcher as errors: each with its cause and cure.
 */
#include "actions/launcher-error.h"

#include <errno.h>
#include <string.h>

#include "common/bailiff-error.h"

#define CURE_USER_PROGRAM "Name a program by its absolute path that this user may run."

void launcher_set_time_out(GError **error, const char *path, gboolean checked)
{
    if (checked) {
        bailiff_set_error(error, BAILIFF_ERROR_IO_TIMEOUT,
                          "Name a program on storage of this host that answers.",
                          "The program %s cannot be looked at: its storage, or the look-up of its "
                          "user's groups, does not answer.",
                          path);
        return;
    }
    bailiff_set_error(error, BAILIFF_ERROR_IO_TIMEOUT,
                      "Give it more time, or see what it waits for.",
                      "The program %s had not ended at its limit, and was killed.", path);
}

static void set_program_error(GError **error, int reason, const char *path, uid_t uid)
{
    switch (reason) {
    case ENOENT:
    case ENOTDIR:
        bailiff_set_error(error, BAILIFF_ERROR_NOT_FOUND, CURE_USER_PROGRAM,
                          "The program %s, or the interpreter that it names, does not exist for "
                          "user %u.",
                          path, (unsigned)uid);
        return;
    case EACCES:
    case EPERM:
        /* Not NotAuthorized: the caller may name programs, only not this one. */
        bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT,
                          "Set its file mode (chmod +x) and see that the user may enter each "
                          "directory on the way to it, or name another program.",
                          "The program %s is not executable for user %u: %s.", path, (unsigned)uid,
                          g_strerror(reason));
        return;
    case EISDIR:
        bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT, CURE_USER_PROGRAM,
                          "%s is a directory and no program.", path);
        return;
    case EINVAL:
    case ENOEXEC:
        bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT,
                          "Name a binary, or a script whose first line begins with #!.",
                          "%s is not a program that can be run.", path);
        return;
    case EAGAIN:
        bailiff_set_error(error, BAILIFF_ERROR_BUSY, "Raise the user's limit of processes.",
                          "User %u has too many processes to run the program %s.", (unsigned)uid,
                          path);
        return;
    default:
        bailiff_set_error(error, BAILIFF_ERROR_IO_ERROR, CURE_USER_PROGRAM,
                          "The program %s cannot be run as user %u: %s.", path, (unsigned)uid,
                          g_strerror(reason));
    }
}

static void set_start_error(GError **error, const LauncherAnswer *answer, const char *path,
                            uid_t uid)
{
    switch (answer->stage) {
    case LAUNCHER_STAGE_PROGRAM:
        set_program_error(error, answer->detail, path, uid);
        return;
    case LAUNCHER_STAGE_USER:
        bailiff_set_error(error, BAILIFF_ERROR_NOT_AUTHORIZED,
                          "Run bailiffd as root, or register as the user that it runs as.",
                          "bailiffd cannot run a program as user %u: %s.", (unsigned)uid,
                          g_strerror(answer->detail));
        return;
    case LAUNCHER_STAGE_FORK:
        bailiff_set_error(error, BAILIFF_ERROR_BUSY,
                          "See how many processes there are, and to the limits of the service.",
                          "There is no process to be had for the program %s: %s.", path,
                          g_strerror(answer->detail));
        return;
    default:
        bailiff_set_error(error, BAILIFF_ERROR_IO_ERROR, "See to what the system is short of.",
                          "The surroundings of the program %s cannot be made: %s.", path,
                          g_strerror(answer->detail));
    }
}

gboolean launcher_answer_is_good(const LauncherAnswer *answer, const char *path, uid_t uid,
                                 gboolean checked, GError **error)
{
    switch ((LauncherAnswerKind)answer->kind) {
    case LAUNCHER_ANSWER_EXITED:
        if (answer->detail == 0)
            return TRUE;
        bailiff_set_error(error, BAILIFF_ERROR_IO_ERROR,
                          "See in the log what it has written, and its own documentation.",
                          "The program %s ended with status %d.", path, answer->detail);
        return FALSE;
    case LAUNCHER_ANSWER_SIGNALLED:
        bailiff_set_error(error, BAILIFF_ERROR_IO_ERROR,
                          "See in the log what it has written, and its own documentation.",
                          "The program %s was ended by signal %d (%s).", path, answer->detail,
                          strsignal(answer->detail));
        return FALSE;
    case LAUNCHER_ANSWER_KILLED:
        launcher_set_time_out(error, path, checked);
        return FALSE;
    case LAUNCHER_ANSWER_NOT_STARTED:
    case LAUNCHER_ANSWER_PONG:
        break;
    }
    set_start_error(error, answer, path, uid);
    return FALSE;
}
