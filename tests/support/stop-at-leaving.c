/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Loaded before a bailiffd's libraries (LD_PRELOAD): once, it stops (SIGSTOP) as it hands over,
 * right before it looks whether somebody is next ($STOP_AT=look), or right before its end ("end").
 * No signal from outside hits such an instant.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static enum { NEVER, AT_LOOK, AT_END } stop_at;

/* Not in what this process starts. */
__attribute__((constructor)) static void begin(void)
{
    const char *where = getenv("STOP_AT");

    stop_at = where == NULL ? NEVER : strcmp(where, "look") == 0 ? AT_LOOK : AT_END;
    unsetenv("LD_PRELOAD");
}

static void stop_once(int here)
{
    if ((int)stop_at != here)
        return;
    stop_at = NEVER;
    (void)kill(getpid(), SIGSTOP);
}

__attribute__((visibility("default"))) int fcntl64(int fd, int command, ...)
{
    int (*real)(int, int, ...) = (int (*)(int, int, ...))dlsym(RTLD_NEXT, "fcntl64");
    va_list arguments;
    void *argument;

    va_start(arguments, command);
    argument = va_arg(arguments, void *);
    va_end(arguments);
    if (command == F_OFD_SETLK)
        stop_once(AT_LOOK);
    return real(fd, command, argument);
}

__attribute__((visibility("default"), noreturn)) void _exit(int status)
{
    void (*real)(int) = (void (*)(int))dlsym(RTLD_NEXT, "_exit");

    stop_once(AT_END);
    real(status);
    __builtin_unreachable();
}
