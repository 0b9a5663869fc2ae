/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bailiffctl check: is this storage fit for leases? What is told is what bailiffd found, as its
 * user; all of it is on one screen.
 */
#include "ctl/commands.h"

#include <glib/gi18n.h>

#include "ctl/bus-client.h"
#include "ctl/model-table.h"
#include "ctl/place-text.h"
#include "ctl/safe-text.h"
#include "ctl/size-text.h"

#define DURATION_MAX 300u

static const char *lookup_text(GVariant *info, const char *key)
{
    const char *text = NULL;
    (void)g_variant_lookup(info, key, "&s", &text);
    return text;
}

/* u or t. */
static gboolean lookup_number(GVariant *info, const char *key, guint64 *ret)
{
    guint32 narrow = 0;
    *ret = 0;
    if (g_variant_lookup(info, key, "t", ret))
        return TRUE;
    if (!g_variant_lookup(info, key, "u", &narrow))
        return FALSE;
    *ret = narrow;
    return TRUE;
}

static guint number(GVariant *info, const char *key)
{
    guint64 value;
    (void)lookup_number(info, key, &value);
    return (guint)value;
}

static double milliseconds(GVariant *info, const char *key)
{
    guint64 usec;
    (void)lookup_number(info, key, &usec);
    return (double)usec / 1000;
}

/* "unknown" is what a hang has kept from being found out. */
static const char *answer_text(GVariant *info, const char *key)
{
    gboolean answer;
    if (!g_variant_lookup(info, key, "b", &answer))
        return _("unknown");
    return answer ? _("yes") : _("no");
}

static void print_kind(GVariant *info)
{
    const char *kind = lookup_text(info, "kind"), *file_system = lookup_text(info, "file-system");
    g_autofree char *safe = safe_text(file_system ? file_system : "");

    if (kind && g_str_equal(kind, "block-device"))
        output_line("  %s", _("block device"));
    else if (kind)
        output_line(_("  file on %s"), safe);
    output_line(_("  user %u: may read: %s; may write: %s; direct I/O: %s"), number(info, "user"),
                answer_text(info, "readable"), answer_text(info, "writable"),
                answer_text(info, "direct-io"));
}

static void print_sizes(GVariant *info)
{
    char size_text[SIZE_TEXT_MAX], sector[SIZE_TEXT_MAX], area[SIZE_TEXT_MAX];
    guint64 size, sector_size, area_size;

    if (!lookup_number(info, "size", &size) || !lookup_number(info, "sector-size", &sector_size))
        return;
    (void)lookup_number(info, "align-size", &area_size);
    size_text_print(size_text, size);
    size_text_print(sector, sector_size);
    size_text_print(area, area_size);
    output_line(_("  size %s, sectors of %s, areas of %s"), size_text, sector, area);
}

static void print_latencies(GVariant *info)
{
    guint64 reads;

    if (!lookup_number(info, "reads", &reads) || reads == 0)
        return;
    output_line(
        ngettext("  %u read of an area: 50%% within %.1f ms, 95%% within %.1f ms, 99%% within "
                 "%.1f ms, all within %.1f ms",
                 "  %u reads of an area: 50%% within %.1f ms, 95%% within %.1f ms, 99%% within "
                 "%.1f ms, all within %.1f ms",
                 reads),
        (guint)reads, milliseconds(info, "latency-50-usec"), milliseconds(info, "latency-95-usec"),
        milliseconds(info, "latency-99-usec"), milliseconds(info, "latency-max-usec"));
}

static void print_advice(const Output *output, GVariant *info)
{
    guint64 io_timeout;

    if (!lookup_number(info, "io-timeout", &io_timeout))
        return;
    output_heading(output, _("Recommended io timeout: %u s"), (guint)io_timeout);
    output_line(_("  (these reads alone would bear %u s)"), number(info, "smallest-io-timeout"));
    output_line(_("  after a host's last good renewal: late %u s, fail %u s, reset %u s at the "
                  "latest, free %u s"),
                number(info, "late"), number(info, "fail"), number(info, "reset"),
                number(info, "free"));
    output_line(_("  long enough for a watchdog by wdmd: %s"), answer_text(info, "watchdog"));
}

static void print_sentences(const Output *output, GVariant *info, const char *key, TableColor color,
                            const char *word)
{
    g_autofree const char **sentences = NULL;
    g_autofree char *label = colored_text(color, word, output->color);

    if (!g_variant_lookup(info, key, "^a&s", &sentences))
        return;
    for (gsize i = 0; sentences[i]; i++) {
        g_autofree char *safe = safe_text(sentences[i]);
        output_line("%s %s", label, safe);
    }
}

static void print_text(const Output *output, const StoragePlace *place, GVariant *info,
                       gboolean fit)
{
    g_autofree char *text = place_text(place->path, place->offset);
    g_autofree char *safe = safe_text(text);

    output_heading(output, fit ? _("%s is fit for leases") : _("%s is not fit for leases"), safe);
    print_kind(info);
    print_sizes(info);
    print_latencies(info);
    print_sentences(output, info, "problems", TABLE_RED, _("problem:"));
    print_sentences(output, info, "warnings", TABLE_YELLOW, _("mind:"));
    print_advice(output, info);
}

/* 0: the default. */
static GVariant *check(const StoragePlace *place, guint64 duration, GError **error)
{
    g_autoptr(BusClient) client = bus_client_new(error);
    g_auto(GVariantDict) options = G_VARIANT_DICT_INIT(NULL);
    GVariant *info = NULL;

    if (!client)
        return NULL;
    if (duration)
        g_variant_dict_insert(&options, "duration", "u", (guint32)duration);
    bailiff_bus_manager_call_check_storage_sync(
        client->manager, place->path, place->offset, g_variant_dict_end(&options),
        G_DBUS_CALL_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION, BUS_NO_TIME_LIMIT, &info, NULL, error);
    return info;
}

int command_check(CommandLine *line)
{
    g_auto(StoragePlace) place = { 0 };
    g_autofree char *duration_text = NULL;
    guint64 duration = 0;
    GError *error = NULL;
    gboolean fit = FALSE;
    int status;
    const GOptionEntry options[] = { { "duration", 0, 0, G_OPTION_ARG_STRING, &duration_text,
                                       N_("For how long reads are measured (default: 3)"),
                                       N_("SECONDS") },
                                     G_OPTION_ENTRY_NULL };

    if (!command_line_parse(line, options, 1, 1, &status))
        return status;
    if ((duration_text &&
         !command_line_number(duration_text, "--duration", 1, DURATION_MAX, &duration, &error)) ||
        !storage_place_parse(&place, line->words[0], &error))
        return command_line_fail(error);

    g_autoptr(GVariant) info = check(&place, duration, &error);
    if (!info)
        return command_line_fail(error);
    (void)g_variant_lookup(info, "fit", "b", &fit);
    if (line->json)
        output_json(info, FALSE);
    else
        print_text(&line->output, &place, info, fit);
    return fit ? CTL_EXIT_OK : CTL_EXIT_ERROR;
}
