/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whether a domain that an earlier bailiffd gave leases to still runs, without asking libvirt,
 * which may not be there yet.
 *
 * With a process on record: it has ended when that has, by number and start time, and its pid file
 * leads to no other living process, for the domain may have been started again before anybody wrote
 * that down. Without one, libvirt was about to start it: libvirtd asks first and forks then, and
 * how long it takes for that nobody can say. It is given a minute; from then on there is a pid file
 * to a living process, or there is no domain.
 */
#include "actions/domain-record.h"

#include "actions/domain-process.h"
#include "actions/domain-target.h"
#include "actions/process-target.h"
#include "base/checked-time.h"
#include "common/bailiff-error.h"
#include "common/boottime.h"

#define STARTING_US (60 * USEC_PER_SECOND)

void domain_record_fill(GKeyFile *file, const char *group, const char *uuid, const char *name,
                        const char *run_dir, const ProcessIdentity *process)
{
    g_key_file_set_string(file, group, "Domain", uuid);
    g_key_file_set_string(file, group, "DomainName", name);
    g_key_file_set_string(file, group, "RunDirectory", run_dir);
    g_key_file_set_uint64(file, group, "WrittenUsec", boottime_now());
    g_key_file_remove_key(file, group, "Pid", NULL);
    g_key_file_remove_key(file, group, "StartTime", NULL);
    if (process->pidfd < 0)
        return;
    g_key_file_set_integer(file, group, "Pid", process->pid);
    g_key_file_set_uint64(file, group, "StartTime", process->start_time);
}

/* A time that is not legible, or not of this boot, is no time that has passed. */
static gboolean start_is_over(GKeyFile *file, const char *group)
{
    guint64 written_us = g_key_file_get_uint64(file, group, "WrittenUsec", NULL);

    return written_us != 0 && time_since(boottime_now(), written_us) > STARTING_US;
}

gboolean bailiff_domain_target_record_has_ended(GKeyFile *file, const char *group)
{
    static const ProcessIdentity none = { .pidfd = -1 };
    g_autofree char *uuid = g_key_file_get_string(file, group, "Domain", NULL);
    g_autofree char *name = g_key_file_get_string(file, group, "DomainName", NULL);
    g_autofree char *run_dir = g_key_file_get_string(file, group, "RunDirectory", NULL);
    g_auto(ProcessIdentity) process = { .pidfd = -1 };
    gboolean has_process = g_key_file_has_key(file, group, "Pid", NULL) ||
                           g_key_file_has_key(file, group, "StartTime", NULL);

    if (uuid == NULL || !g_uuid_string_is_valid(uuid) || name == NULL ||
        !domain_process_name_is_valid(name) || run_dir == NULL || !g_path_is_absolute(run_dir))
        return FALSE;
    if (has_process ? !bailiff_process_target_record_has_ended(file, group)
                    : !start_is_over(file, group))
        return FALSE;
    /* Any living process, also one that is not QEMU yet. */
    return domain_process_find(run_dir, name, uuid, &none, &process) == DOMAIN_PROCESS_NONE;
}
