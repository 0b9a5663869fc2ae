/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bailiffctl: the daemon's D-Bus interface for people and scripts. Here: the verbs, and which one
 * was meant.
 */
#include <glib.h>
#include <glib/gi18n.h>
#include <stdio.h>
#include <string.h>

#include "common/language.h"
#include "ctl/commands.h"
#include "ctl/complete.h"
#include "ctl/nearest-word.h"
#include "ctl/run-signals.h"

static const Command commands[] = {
    { "status", "", N_("Show lockspaces, hosts, leases and registrations"), "bailiffctl status",
      NULL, command_status },
    { "check", N_("PATH[:OFFSET]"), N_("Tell whether storage is fit for leases"),
      "bailiffctl check /dev/vg0/leases --duration 60",
      N_("Nothing is written. The exit status is 1 when the storage is not fit."), command_check },
    { "format-lockspace", N_("PATH[:OFFSET] NAME"), N_("Write an empty lockspace"),
      "bailiffctl format-lockspace /dev/vg0/leases vg0",
      N_("Offsets are bytes, or KiB, MiB and GiB with K, M and G."), command_format_lockspace },
    { "format-resource", N_("PATH[:OFFSET] LOCKSPACE NAME"), N_("Write a free resource"),
      "bailiffctl format-resource /dev/vg0/leases:1M vg0 disk1",
      N_("Offsets are bytes, or KiB, MiB and GiB with K, M and G."), command_format_resource },
    { "format-index", N_("PATH[:OFFSET] LOCKSPACE"), N_("Write an empty resource index"),
      "bailiffctl format-index /dev/vg0/leases:1M vg0",
      N_("It takes two areas; the resources follow. The lockspace must be joined."),
      command_format_index },
    { "create-resource", N_("PATH[:OFFSET] LOCKSPACE NAME"),
      N_("Make a resource where an index has room, and print its place"),
      "bailiffctl create-resource /dev/vg0/leases:1M vg0 disk1",
      N_("PATH and OFFSET are those of the index."), command_create_resource },
    { "delete-resource", N_("PATH[:OFFSET] LOCKSPACE NAME"),
      N_("Remove a resource that nobody holds from an index"),
      "bailiffctl delete-resource /dev/vg0/leases:1M vg0 disk1",
      N_("PATH and OFFSET are those of the index."), command_delete_resource },
    { "lookup-resource", N_("PATH[:OFFSET] LOCKSPACE NAME"),
      N_("Print the place of a resource that an index has"),
      "bailiffctl lookup-resource /dev/vg0/leases:1M vg0 disk1",
      N_("PATH and OFFSET are those of the index."), command_lookup_resource },
    { "list-resources", N_("PATH[:OFFSET] LOCKSPACE"), N_("Show the resources that an index has"),
      "bailiffctl list-resources /dev/vg0/leases:1M vg0",
      N_("PATH and OFFSET are those of the index."), command_list_resources },
    { "rebuild-index", N_("PATH[:OFFSET] LOCKSPACE"),
      N_("Make an index anew from the resources that are there"),
      "bailiffctl rebuild-index /dev/vg0/leases:1M vg0",
      N_("PATH and OFFSET are those of the index."), command_rebuild_index },
    { "inspect", N_("PATH[:OFFSET]"), N_("Show what lies at a place on storage"),
      "bailiffctl inspect /dev/vg0/leases:1M", NULL, command_inspect },
    { "join", N_("RECORD | NAME PATH[:OFFSET] HOST_ID|auto"),
      N_("Join a lockspace and wait until it is held"),
      "bailiffctl join vg0 /dev/vg0/leases auto --persist",
      N_("No two hosts may have the same HOST_ID; with auto bailiffd chooses one. RECORD is the "
         "name of "
         "a lockspace that has a record. Interrupting this does not end the join."),
      command_join },
    { "leave", N_("LOCKSPACE"), N_("Leave a lockspace"), "bailiffctl leave vg0", NULL,
      command_leave },
    { "records", "", N_("Show the lockspace records: what is joined when bailiffd starts"),
      "bailiffctl records", NULL, command_records },
    { "edit", N_("RECORD [KEY=VALUE…]"), N_("Change a lockspace record"),
      "bailiffctl edit vg0 Startup=manual",
      N_("What can be changed: Path, Offset, HostId, IoTimeout, Startup. Without KEY=VALUE an "
         "editor is "
         "started. A lockspace that is joined stays as it is until the next join."),
      command_edit },
    { "forget", N_("RECORD"), N_("Remove a lockspace record"), "bailiffctl forget vg0",
      N_("A lockspace that is joined stays joined."), command_forget },
    { "hosts", N_("[LOCKSPACE]"), N_("Show the hosts of a lockspace, or of all"),
      "bailiffctl hosts vg0", NULL, command_hosts },
    { "history", N_("LOCKSPACE"), N_("Show how the latest renewals went"),
      "bailiffctl history vg0 --max 20", NULL, command_history },
    { "drill", N_("LOCKSPACE | --live REGISTRATION"),
      N_("Show what a loss of the storage would lead to, second by second"), "bailiffctl drill vg0",
      N_("It touches nothing; with --live it walks the failure policy of one registration."),
      command_drill },
    { "incidents", "", N_("Show what leases were lost, and how it ended"), "bailiffctl incidents",
      NULL, command_incidents },
    { "incident", N_("NUMBER|last"), N_("Show what happened when a lease was lost"),
      "bailiffctl incident last",
      N_("Seconds are counted from the start of the last good renewal."), command_incident },
    { "register", N_("PID NAME | --unit UNIT [NAME] | --domain UUID [NAME]"),
      N_("Register who depends on leases, and print the registration's number"),
      "bailiffctl register 4711 guest1 --failure-policy 'signal TERM 10s, kill'",
      N_("Who may be registered, and what its failure policy is, is in bailiffctl(1)."),
      command_register },
    { "acquire", N_("REGISTRATION LOCKSPACE RESOURCE@PATH[:OFFSET]…"),
      N_("Acquire leases for a registration: all of them or none"),
      "bailiffctl acquire 7 vg0 disk1@/dev/vg0/leases:1M --wait",
      N_("REGISTRATION is its number, or its name if no other has the same."), command_acquire },
    { "convert", N_("LOCKSPACE/RESOURCE exclusive|shared"),
      N_("Change the mode of a lease while it is held"), "bailiffctl convert vg0/disk1 shared",
      N_("To exclusive it goes only when nobody else shares it, on any host."), command_convert },
    { "release", N_("REGISTRATION [LOCKSPACE/RESOURCE…]"),
      N_("Give leases of a registration back: those named, or all"),
      "bailiffctl release 7 vg0/disk1",
      N_("Do it only when the resources are not in use any more."), command_release },
    { "release-orphans", N_("LOCKSPACE [RESOURCE…]"),
      N_("Give orphans back: those named, or all; print how many"),
      "bailiffctl release-orphans vg0 disk1",
      N_("An orphan is a persistent lease whose process has ended without releasing it."),
      command_release_orphans },
    { "unregister", N_("REGISTRATION"), N_("Remove a registration that holds no leases"),
      "bailiffctl unregister 7", NULL, command_unregister },
    { "read-value", N_("LOCKSPACE/RESOURCE"), N_("Print the value of a resource that is held here"),
      "bailiffctl read-value vg0/disk1", NULL, command_read_value },
    { "write-value", N_("LOCKSPACE/RESOURCE [VALUE]"),
      N_("Write the value of a resource that is held here"),
      "bailiffctl write-value vg0/disk1 'clean since 12:00'",
      N_("Without VALUE it is read from the standard input."), command_write_value },
    { "request", N_("LOCKSPACE RESOURCE@PATH[:OFFSET]"),
      N_("Ask the host that holds a resource to let go of it"),
      "bailiffctl request vg0 disk1@/dev/vg0/leases:1M",
      N_("Its users get a SIGTERM, or with --force are killed. Nobody says what became of it: "
         "acquire "
         "the resource with --wait to have it next."),
      command_request },
    { "send-event", N_("LOCKSPACE HOST_ID|all EVENT [DATA]"),
      N_("Send an event to a host, or to all others"), "bailiffctl send-event vg0 3 1",
      N_("EVENT and DATA are numbers of which both sides know the meaning. It is done when the "
         "event "
         "is on the storage; the other hosts find it with their next renewals."),
      command_send_event },
    { "state", "", N_("Show what bailiffd has written down for the one that comes after it"),
      "bailiffctl state",
      N_("It reads files, and so tells the same when no bailiffd runs. A file that cannot be read "
         "is "
         "named, and the exit status is 1."),
      command_state },
    { "reload", "", N_("Have bailiffd read its configuration again"), "bailiffctl reload",
      N_("A configuration that is refused changes nothing; what is wrong with it is printed."),
      command_reload },
    { "reexecute", "", N_("Have bailiffd go on as its new program after an upgrade"),
      "bailiffctl reexecute",
      N_("No lease is given back, and no failure policy begins anew. It waits until the new one is "
         "there and prints its version."),
      command_reexecute },
    { "stop", "", N_("Give all leases back and end bailiffd"), "bailiffctl stop",
      N_("It is refused while anybody holds leases; who that is is printed."), command_stop },
    { "metrics", "", N_("Print metrics for a monitoring system (OpenMetrics text)"),
      "bailiffctl metrics", NULL, command_metrics },
    { "monitor", "", N_("Show the state and then every event, until interrupted"),
      "bailiffctl monitor --json",
      N_("The second column is how long ago the lockspace's last good renewal began."),
      command_monitor },
    { "libvirt-hook", N_("DOMAIN OPERATION SUB-OPERATION EXTRA"),
      N_("Acquire or release a domain's leases; libvirt runs it"),
      "virsh dumpxml guest | bailiffctl libvirt-hook guest prepare begin -",
      N_("The domain's description is read from the standard input."), command_libvirt_hook, TRUE },
    { "run", N_("LOCKSPACE RESOURCE@PATH[:OFFSET]… -- COMMAND…"),
      N_("Hold leases while a command runs"),
      "bailiffctl run vg0 disk1@/dev/vg0/leases:1M -- fsck /dev/vg0/disk1",
      N_("The exit status is the command's, 128 and the signal's number if one killed it, 125 if "
         "bailiffctl failed, 126 if the command cannot be executed and 127 if it is not found.\n"
         "The command finds the lease's version, a fencing token, in BAILIFF_VERSION."),
      command_run, TRUE },
};

static const Command *find_command(const char *name)
{
    for (gsize i = 0; i < G_N_ELEMENTS(commands); i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

static int print_help(void)
{
    printf("%s\n  bailiffctl %s\n\n%s\n", _("Usage:"), _("VERB [OPTION…] [ARGUMENT…]"),
           _("Verbs:"));
    for (gsize i = 0; i < G_N_ELEMENTS(commands); i++)
        printf("  %-17s %s\n", commands[i].name, _(commands[i].summary));
    printf("\n%s\n"
           "  --json            %s\n"
           "  --no-color        %s\n"
           "  --help            %s\n"
           "  --version         %s\n",
           _("Options:"), _("Print JSON"), _("Print no colours"),
           _("Show this help; behind a verb, the verb's"), _("Show the version"));
    printf("\n%s\n%s\n",
           _("Exit status: 0 done, 1 error, 2 wrong usage, 3 held or busy, 4 no bailiffd, 5 not "
             "authorized;\nof 'run': the command's, or 125, 126 and 127 as of env(1)."),
           _("bailiffctl(1) tells more."));
    return CTL_EXIT_OK;
}

static int report_unknown_verb(const char *typed)
{
    const char *names[G_N_ELEMENTS(commands) + 1] = { NULL };
    for (gsize i = 0; i < G_N_ELEMENTS(commands); i++)
        names[i] = commands[i].name;
    const char *near = nearest_word(typed, names);
    g_autofree char *cure =
        near ? g_strdup_printf(_("Did you mean '%s'? All verbs are in 'bailiffctl --help'."), near)
             : g_strdup(_("All verbs are in 'bailiffctl --help'."));
    GError *error = NULL;
    ctl_set_error(&error, CTL_EXIT_USAGE, cure, _("There is no verb '%s'."), typed);
    return command_line_fail(error);
}

static int run_command(const Command *command, GPtrArray *before, char **after)
{
    CommandLine line = { .command = command };
    g_autoptr(GPtrArray) words = g_ptr_array_new();
    for (guint i = 0; i < before->len; i++)
        g_ptr_array_add(words, g_strdup(before->pdata[i]));
    for (; *after && strcmp(*after, "--") != 0; after++)
        g_ptr_array_add(words, g_strdup(*after));
    g_ptr_array_add(words, NULL);
    if (*after)
        line.rest = after + 1;
    line.words = (char **)g_ptr_array_free(g_steal_pointer(&words), FALSE);
    int status = command->run(&line);
    g_strfreev(line.words);
    return status;
}

/* What stands before the verb are options that every verb has: the verb's own parser reads them. */
static int dispatch(int argc, char **argv)
{
    g_autoptr(GPtrArray) before = g_ptr_array_new();
    int i = 1;
    for (; i < argc && argv[i][0] == '-'; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return print_help();
        if (strcmp(argv[i], "--version") == 0) {
            puts("bailiffctl " PROJECT_VERSION);
            return CTL_EXIT_OK;
        }
        g_ptr_array_add(before, argv[i]);
    }
    if (i == argc) {
        GError *error = NULL;
        ctl_set_error(&error, CTL_EXIT_USAGE,
                      _("Try 'bailiffctl status'; all verbs are in 'bailiffctl --help'."),
                      _("There is no verb."));
        return command_line_fail(error);
    }
    /* No verb of people's: the shells' completions ask it. */
    if (strcmp(argv[i], "complete") == 0)
        return complete(commands, G_N_ELEMENTS(commands), argv + i + 1);
    const Command *command = find_command(argv[i]);
    if (!command)
        return report_unknown_verb(argv[i]);
    return run_command(command, before, argv + i + 1);
}

int main(int argc, char **argv)
{
    /* Before GIO changes how this process takes signals, which commands would inherit. */
    run_signals_note();
    language_of_locale(LOCALEDIR);
    g_set_prgname("bailiffctl");

    int status = dispatch(argc, argv);
    if (!output_finish() && status == CTL_EXIT_OK) {
        GError *error = NULL;
        ctl_set_error(&error, CTL_EXIT_ERROR, _("Is the disk full, or the reader gone?"),
                      _("The output could not be written."));
        status = command_line_fail(error);
    }
    return status;
}
