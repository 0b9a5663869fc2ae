/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bench-exec-mark [PID]: what a failure policy runs in the benchmark. It sends SIGTERM to the
 * process that its lease was lost of, which writes down when it came: so the time until then is
 * that of a program which has begun to do something. bailiffd says which process in the
 * environment, sanlock as the first argument.
 */
#include <signal.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : getenv("BAILIFF_PID");
    long pid = word != NULL ? strtol(word, NULL, 10) : 0;

    return pid > 1 && kill((pid_t)pid, SIGTERM) == 0 ? 0 : 1;
}
