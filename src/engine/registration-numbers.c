/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Numbers of registrations, reserved in a key file.
 */
#include "engine/registration-numbers.h"

#include "common/bailiff-error.h"
#include "common/boottime.h"
#include "common/log-message.h"
#include "common/runtime-file.h"

#define FILE_NAME "numbers"
#define GROUP "registrations"
#define FORMAT 1
#define BLOCK 64u

struct RegistrationNumbers {
    char *runtime_dir;
    guint64 next;
    guint64 reserved; /* all below it are ours to give */
};

/* The first one that was never reserved. */
static guint64 read_reserved(const char *runtime_dir)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GKeyFile) file = runtime_file_load(runtime_dir, FILE_NAME, GROUP, FORMAT, &error);

    if (file != NULL)
        return g_key_file_get_uint64(file, GROUP, "Reserved", NULL);
    if (g_error_matches(error, BAILIFF_ERROR, BAILIFF_ERROR_NOT_FOUND))
        return 0;
    /* No daemon registers a million processes a second. */
    log_message(MESSAGE_REMAINS_FOUND, NULL,
                "Registrations get numbers from now on that cannot have been given before: %s",
                error->message);
    return boottime_now();
}

RegistrationNumbers *registration_numbers_new(const char *runtime_dir, guint64 highest)
{
    RegistrationNumbers *self = g_new0(RegistrationNumbers, 1);

    self->runtime_dir = g_strdup(runtime_dir);
    self->next = self->reserved = MAX(read_reserved(runtime_dir), highest + 1);
    return self;
}

void registration_numbers_free(RegistrationNumbers *self)
{
    g_free(self->runtime_dir);
    g_free(self);
}

guint64 registration_numbers_peek(const RegistrationNumbers *self)
{
    return self->next;
}

static gboolean reserve(RegistrationNumbers *self, GError **error)
{
    g_autoptr(GKeyFile) file = runtime_file_new(GROUP, FORMAT, error);

    if (file == NULL)
        return FALSE;
    g_key_file_set_uint64(file, GROUP, "Reserved", self->next + BLOCK);
    if (!runtime_file_write(
            self->runtime_dir, FILE_NAME, file,
            "Make room, or mend the runtime directory: nobody is registered under a "
            "number that may be given again.",
            error))
        return FALSE;
    self->reserved = self->next + BLOCK;
    return TRUE;
}

guint64 registration_numbers_take(RegistrationNumbers *self, GError **error)
{
    if (self->next >= self->reserved && !reserve(self, error))
        return 0;
    return self->next++;
}
