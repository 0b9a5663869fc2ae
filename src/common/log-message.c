/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The table of notable messages, and how a line becomes fields.
 */
#include "common/log-message.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "base/printable-text.h"

/* MESSAGE, PRIORITY, MESSAGE_ID, GLIB_DOMAIN, three of the code, eight of the subject. */
#define FIELDS_MAX 16u
#define NUMBER_MAX 21u

/* A new one gets an id of its own (`systemd-id128 new`), an entry in data/bailiff.catalog, and a
 * line that says it somewhere in src; an id is never used for anything else afterwards. */
static const MessageKind kinds[] = {
    [MESSAGE_DAEMON_READY] = { "daemon-ready", "be92bb69d4564964b4a6dadf31367743", LOG_NOTICE },
    [MESSAGE_DAEMON_NOT_STARTED] = { "daemon-not-started", "b88efac6e5064f2c94739058a72cb978",
                                     LOG_ERR },
    [MESSAGE_DAEMON_REEXECUTES] = { "daemon-reexecutes", "131383ad3b674caf8cdb67f4512e847c",
                                    LOG_NOTICE },
    [MESSAGE_DAEMON_HANDS_OVER] = { "daemon-hands-over", "2e9b6cf872f24c268e148f2e6f16acb2",
                                    LOG_NOTICE },
    [MESSAGE_DAEMON_STOPPING] = { "daemon-stopping", "220a88bf091042a49d7891c964cefcbd",
                                  LOG_NOTICE },
    [MESSAGE_DAEMON_STOPPED] = { "daemon-stopped", "92d21187f67c4919b4bf6221807c49ce", LOG_NOTICE },
    [MESSAGE_HOST_SHUTS_DOWN] = { "host-shuts-down", "019a943e10f34d5082d0bf4fb87d7d98",
                                  LOG_NOTICE },
    [MESSAGE_HOST_STAYS_UP] = { "host-stays-up", "ab58e07d82634970824d9eb8f9394388", LOG_NOTICE },
    [MESSAGE_SHUTDOWN_UNHEEDED] = { "shutdown-unheeded", "a0e9a26f4e9e45e8b110a113b1d0d7c5",
                                    LOG_WARNING },
    [MESSAGE_REMAINS_FOUND] = { "remains-found", "66511f9acd2b4227ada50157f9049b67", LOG_WARNING },
    [MESSAGE_LOCKSPACE_FORSAKEN] = { "lockspace-forsaken", "cb0de2b3ea674f118d20b3e73588d83a",
                                     LOG_CRIT },
    [MESSAGE_TAKEN_OVER] = { "taken-over", "5a924e233dde461cb06f0825099c29af", LOG_NOTICE },
    [MESSAGE_PREDECESSOR_STUCK] = { "predecessor-stuck", "1f9851b169a54a75b0af533cc687b66e",
                                    LOG_WARNING },
    [MESSAGE_CONFIGURATION_RELOADED] = { "configuration-reloaded",
                                         "1bdcc07ce505420fa04672a60a809708", LOG_NOTICE },
    [MESSAGE_CONFIGURATION_REFUSED] = { "configuration-refused", "8712cb88766643839245450cc3f850fc",
                                        LOG_ERR },
    [MESSAGE_REAL_TIME_REFUSED] = { "real-time-refused", "0400cd729ff94ab29105baba5c1b2232",
                                    LOG_WARNING },
    [MESSAGE_BUS_LOST] = { "bus-lost", "c3f3a755c481468aa02ab767eda1dc7d", LOG_WARNING },
    [MESSAGE_BUS_BACK] = { "bus-back", "e434d12bbecd404f8f87f67c808cae73", LOG_NOTICE },
    [MESSAGE_POLKIT_ABSENT] = { "polkit-absent", "03f41e21c2664ff4900d6565a4f8dcb9", LOG_WARNING },
    [MESSAGE_LAUNCHER_LOST] = { "launcher-lost", "1ee972002bc14a82b9b28565ff0855bd", LOG_WARNING },
    [MESSAGE_LAUNCHER_BACK] = { "launcher-back", "4da8e5fd565e457baaf561cfcb2f4189", LOG_NOTICE },
    [MESSAGE_RECORD_FAILED] = { "record-failed", "47f1884eae964fc080b4070e648edbd1", LOG_ERR },
    [MESSAGE_DESCRIPTORS_SHORT] = { "descriptors-short", "dde0de174ea04bb5bdbe7194635f02da",
                                    LOG_ERR },
    [MESSAGE_LINES_LOST] = { "lines-lost", "93495d87b4d240a697c979b571e36403", LOG_WARNING },

    [MESSAGE_LOCKSPACE_JOINED] = { "lockspace-joined", "db4406a767e74beba62dd2c241de5ca0",
                                   LOG_NOTICE },
    [MESSAGE_LOCKSPACE_JOIN_FAILED] = { "lockspace-join-failed", "473e4511c7fa4e55896097c695cf5302",
                                        LOG_ERR },
    [MESSAGE_LOCKSPACE_TAKEN_OVER] = { "lockspace-taken-over", "beb9e92565c54861aef2b039a864a3eb",
                                       LOG_NOTICE },
    [MESSAGE_LOCKSPACE_LATE] = { "lockspace-late", "d158cf3c7a064e248883d75aaeb32623",
                                 LOG_WARNING },
    [MESSAGE_LOCKSPACE_FRESH] = { "lockspace-fresh", "82617deca7784f17a5795a1013794f05",
                                  LOG_NOTICE },
    [MESSAGE_LOCKSPACE_FAILING] = { "lockspace-failing", "8034f5db8a804dcf94e52c4c08cb2edd",
                                    LOG_CRIT, TRUE },
    [MESSAGE_LOCKSPACE_LOST] = { "lockspace-lost", "56ba2522c39340719cbc34b233614d99", LOG_ERR,
                                 TRUE },
    [MESSAGE_LOCKSPACE_LEFT] = { "lockspace-left", "e6c30a0884ac4c2f8fb0465e607ba116", LOG_NOTICE },
    [MESSAGE_LOCKSPACE_REJOINING] = { "lockspace-rejoining", "e5766485d727489090d884d76fdff603",
                                      LOG_NOTICE },
    [MESSAGE_LOCKSPACE_SUSPECTED] = { "lockspace-suspected", "40d6c06e5fbc44b4873579fedf7c305a",
                                      LOG_WARNING },
    [MESSAGE_HOST_ID_CHOSEN] = { "host-id-chosen", "e1991b2a2f834e058544cc2846c6f268", LOG_NOTICE },
    [MESSAGE_LOCKSPACE_RETRIED] = { "lockspace-retried", "8df238f9d81745509ff1032ec2d7040d",
                                    LOG_WARNING },
    [MESSAGE_LOCKSPACE_NOT_RETRIED] = { "lockspace-not-retried", "88bfff2e4ce244eea6e9ea7ad2ba787e",
                                        LOG_ERR },
    [MESSAGE_LOCKSPACE_RECORD_REFUSED] = { "lockspace-record-refused",
                                           "a618306741be4fb6b7902bb1cefe3f18", LOG_ERR },

    [MESSAGE_RESOURCE_ACQUIRED] = { "resource-acquired", "5e7b2675a2ea4cc4a05f864ac5768f76",
                                    LOG_DEBUG },
    [MESSAGE_RESOURCE_RELEASED] = { "resource-released", "f857998945f24f1d88e5b126e224a003",
                                    LOG_DEBUG },
    [MESSAGE_RESOURCE_NOT_RELEASED] = { "resource-not-released", "0944e4474c07481f850d8ee3ae51c1a8",
                                        LOG_WARNING },
    [MESSAGE_RESOURCE_GIVEN_UP] = { "resource-given-up", "9524e33969c44e32b2925aadb2f64f7b",
                                    LOG_ERR },
    [MESSAGE_RESOURCE_ORPHANED] = { "resource-orphaned", "c30c2c40495b4e38818115066da085af",
                                    LOG_WARNING },
    [MESSAGE_RESOURCE_REQUESTED] = { "resource-requested", "f1e0efbd656e4f85a146e0d9a56a7e4a",
                                     LOG_NOTICE },

    [MESSAGE_REGISTRATION_FAILING] = { "registration-failing", "cc0f0fc198054e4ab035fa12d3fb2cdb",
                                       LOG_ERR, TRUE },
    [MESSAGE_STEP_STARTED] = { "step-started", "a7fc446c86be4f24b40cf9e29c08abf9", LOG_NOTICE,
                               TRUE },
    [MESSAGE_STEP_FINISHED] = { "step-finished", "882f65b514004f4180730119b0cb5a0c", LOG_NOTICE,
                                TRUE },
    [MESSAGE_STEP_FAILED] = { "step-failed", "86d8d7c3b8a34c218d980622cdc08460", LOG_WARNING,
                              TRUE },
    [MESSAGE_PROGRAM_OUTPUT] = { "program-output", "b08b090f6c5649d3916bbee477ca1795", LOG_NOTICE,
                                 TRUE },
    [MESSAGE_REGISTRATION_CLEARED] = { "registration-cleared", "da87756b0e84457ebd33cf9e4b7134ae",
                                       LOG_NOTICE, TRUE },
    [MESSAGE_REGISTRATION_LEFT_TO_WATCHDOG] = { "registration-left-to-watchdog",
                                                "04f8d180d08e4958b61ed631b85e4577", LOG_ALERT,
                                                TRUE },
    [MESSAGE_LAST_KILL] = { "last-kill", "b96b8023e9334e428fe9a81bc940bc9f", LOG_CRIT, TRUE },
    [MESSAGE_LAST_KILL_UNPREPARED] = { "last-kill-unprepared", "757d1fb88423468a895c5db1184fbd5f",
                                       LOG_ERR },
    [MESSAGE_RECOVERY_DELAYED] = { "recovery-delayed", "6da6b4e359fc449b8a34be24f4ac703f",
                                   LOG_WARNING },
    [MESSAGE_RECOVERY_GIVEN_UP] = { "recovery-given-up", "b98ec893b0654d6eb00fb8b06eb7a176",
                                    LOG_ERR },
    [MESSAGE_REGISTRATION_RECOVERED] = { "registration-recovered",
                                         "4bf083e5f5014e6ea575ccd6918625e2", LOG_NOTICE },
    [MESSAGE_REGISTRATION_STOPPED_AGAIN] = { "registration-stopped-again",
                                             "6ed111afd51c4da98a8d0316a9f1d86a", LOG_ERR, TRUE },

    [MESSAGE_WATCHDOG_ABSENT] = { "watchdog-absent", "8e5ff1b94afd4390be2ce1aae401c70d",
                                  LOG_WARNING },
    [MESSAGE_WATCHDOG_ARMED] = { "watchdog-armed", "980dd0c0b313438dbd53700ea295de0d", LOG_NOTICE },
    [MESSAGE_WATCHDOG_STOPPED] = { "watchdog-stopped", "f41d860bbc5044e3b4467c2c423684e7",
                                   LOG_NOTICE },
    [MESSAGE_WATCHDOG_FIRING] = { "watchdog-firing", "6e920ed5d1ff43b2b67ee7de15b79e6b", LOG_CRIT,
                                  TRUE },
    [MESSAGE_WATCHDOG_FAILED] = { "watchdog-failed", "a3fe937ae74e43b3b14ad0d8fc4010f2", LOG_CRIT,
                                  TRUE },

    [MESSAGE_INCIDENT_BEGUN] = { "incident-begun", "6ce043cbeef64b1f8bab654b99f8b0a1",
                                 LOG_WARNING },
    [MESSAGE_INCIDENT_ENDED] = { "incident-ended", "7832d3bcd4624fbd8bad4a77f13325b6", LOG_NOTICE },
    [MESSAGE_INCIDENT_UNSAFE] = { "incident-unsafe", "42dd6242bcc04c7eb558e8195b493503",
                                  LOG_ALERT },
    [MESSAGE_INCIDENTS_NOT_WRITTEN] = { "incidents-not-written", "9c33a7ac9e244a7fac353509eab481bf",
                                        LOG_ERR },
    [MESSAGE_INCIDENTS_WRITTEN_AGAIN] = { "incidents-written-again",
                                          "ea3b7ea16ac748b1b8a8232a28fee52b", LOG_NOTICE },
};

G_STATIC_ASSERT(G_N_ELEMENTS(kinds) == MESSAGE_COUNT);

typedef struct Fields {
    GLogField list[FIELDS_MAX];
    gsize count;
    char numbers[4][NUMBER_MAX];
    guint numbers_used;
} Fields;

const MessageKind *message_kind(MessageId message)
{
    return &kinds[message];
}

const MessageKind *message_kind_of_id(const char *id)
{
    for (guint i = 0; i < G_N_ELEMENTS(kinds); i++)
        if (g_str_equal(kinds[i].id, id))
            return &kinds[i];
    return NULL;
}

static void add(Fields *fields, const char *key, const char *value)
{
    if (value != NULL && fields->count < FIELDS_MAX)
        fields->list[fields->count++] = (GLogField){ key, value, -1 };
}

static void add_number(Fields *fields, const char *key, guint64 value)
{
    if (value == 0 || fields->numbers_used == G_N_ELEMENTS(fields->numbers))
        return;
    char *text = fields->numbers[fields->numbers_used++];

    g_snprintf(text, NUMBER_MAX, "%" PRIu64, value);
    add(fields, key, text);
}

/* Line ends are blanks, and what is not printable text is a question mark for each byte. */
static void make_one_line(char *text)
{
    size_t left = strlen(text);
    char *at = text;

    while (left > 0 && text[left - 1] == '\n')
        text[--left] = '\0';
    g_strdelimit(text, "\n\t", ' ');
    while (left > 0) {
        size_t good = printable_text_length(at, left);

        at += good;
        left -= good;
        if (left > 0) {
            *at++ = '?';
            left--;
        }
    }
}

static GLogLevelFlags glib_level(int priority)
{
    if (priority >= LOG_DEBUG)
        return G_LOG_LEVEL_DEBUG;
    return priority == LOG_INFO ? G_LOG_LEVEL_INFO : G_LOG_LEVEL_MESSAGE;
}

static void add_subject(Fields *fields, const LogSubject *subject)
{
    add(fields, "LOCKSPACE", subject->lockspace);
    add_number(fields, "HOST_ID", subject->host_id);
    add(fields, "RESOURCE", subject->resource);
    add_number(fields, "REGISTRATION", subject->registration);
    add(fields, "REGISTRATION_NAME", subject->registration_name);
    add_number(fields, "OBJECT_PID", subject->pid > 0 ? (guint64)subject->pid : 0);
    add(fields, "STEP", subject->step);
    add_number(fields, "INCIDENT", subject->incident);
}

static void write_line(int priority, const char *id, const LogSubject *subject, const char *file,
                       const char *line, const char *function, const char *format,
                       va_list arguments) G_GNUC_PRINTF(7, 0);

static void write_line(int priority, const char *id, const LogSubject *subject, const char *file,
                       const char *line, const char *function, const char *format,
                       va_list arguments)
{
    const char priority_text[] = { (char)('0' + priority), '\0' };
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    Fields fields = { .count = 0 };

    make_one_line(text);
    add(&fields, "MESSAGE", text);
    add(&fields, "PRIORITY", priority_text);
    add(&fields, "MESSAGE_ID", id);
    add(&fields, "GLIB_DOMAIN", G_LOG_DOMAIN);
    add(&fields, "CODE_FILE", file);
    add(&fields, "CODE_LINE", line);
    add(&fields, "CODE_FUNC", function);
    if (subject != NULL)
        add_subject(&fields, subject);
    g_log_structured_array(glib_level(priority), fields.list, fields.count);
}

void log_message_at(MessageId message, const LogSubject *subject, const char *file,
                    const char *line, const char *function, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    write_line(kinds[message].priority, kinds[message].id, subject, file, line, function, format,
               arguments);
    va_end(arguments);
}

void log_line_at(int priority, const LogSubject *subject, const char *file, const char *line,
                 const char *function, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    write_line(priority, NULL, subject, file, line, function, format, arguments);
    va_end(arguments);
}
