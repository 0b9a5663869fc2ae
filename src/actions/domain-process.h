/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The QEMU process of a libvirt domain, found by the pid file that libvirt has it write.
 *
 * A pid file may be stale, half written, or that of a child that has not become QEMU yet; its
 * number may be another process' by now. So the number is only where to look: a pidfd is opened,
 * the command line is read, and the pidfd must still be unreadable afterwards, so that what was
 * read is that very process' (process-identity.c). It is the domain's when libvirt's own arguments
 * in there say so: `-uuid` with its UUID; where there is none, `-name guest=` with its name.
 */
#pragma once

#include "common/process-identity.h"

typedef enum DomainProcessFind {
    DOMAIN_PROCESS_NONE,     /* no pid file, or one that leads to no living process */
    DOMAIN_PROCESS_UNPROVEN, /* to one that is not seen to be the domain's (yet); or not legible */
    DOMAIN_PROCESS_FOUND,
    DOMAIN_PROCESS_KNOWN, /* to the one that is known, which lives */
} DomainProcessFind;

/* `uuid` in normal form; `known`: the process that was found last (cleared: none). `ret` is set for
 * FOUND only, and cleared otherwise. A command line is read once in the life of a process: reading
 * it waits for a lock of that process' memory, which one that is stuck may hold. */
DomainProcessFind domain_process_find(const char *run_dir, const char *name, const char *uuid,
                                      const ProcessIdentity *known, ProcessIdentity *ret);

/* TRUE when `name` can be that of a domain, and of a file: not empty, one component, printable, at
 * most 251 bytes. */
gboolean domain_process_name_is_valid(const char *name);

/* Whether a command line (arguments with their NULs, perhaps cut off) is that of the domain's QEMU.
 */
gboolean domain_process_is_qemu_of(const char *arguments, gsize length, const char *name,
                                   const char *uuid);
