/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The verbs. Each returns the exit status.
 */
#pragma once

#include "ctl/command-line.h"

int command_acquire(CommandLine *line);
int command_check(CommandLine *line);
int command_convert(CommandLine *line);
int command_create_resource(CommandLine *line);
int command_delete_resource(CommandLine *line);
int command_drill(CommandLine *line);
int command_edit(CommandLine *line);
int command_forget(CommandLine *line);
int command_format_index(CommandLine *line);
int command_format_lockspace(CommandLine *line);
int command_format_resource(CommandLine *line);
int command_history(CommandLine *line);
int command_hosts(CommandLine *line);
int command_incident(CommandLine *line);
int command_incidents(CommandLine *line);
int command_inspect(CommandLine *line);
int command_join(CommandLine *line);
int command_leave(CommandLine *line);
int command_libvirt_hook(CommandLine *line);
int command_list_resources(CommandLine *line);
int command_lookup_resource(CommandLine *line);
int command_metrics(CommandLine *line);
int command_monitor(CommandLine *line);
int command_read_value(CommandLine *line);
int command_rebuild_index(CommandLine *line);
int command_records(CommandLine *line);
int command_reexecute(CommandLine *line);
int command_register(CommandLine *line);
int command_reload(CommandLine *line);
int command_release(CommandLine *line);
int command_release_orphans(CommandLine *line);
int command_request(CommandLine *line);
int command_run(CommandLine *line);
int command_send_event(CommandLine *line);
int command_state(CommandLine *line);
int command_status(CommandLine *line);
int command_stop(CommandLine *line);
int command_unregister(CommandLine *line);
int command_write_value(CommandLine *line);
