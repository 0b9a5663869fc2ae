/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Numbers of registrations: RUNTIME/numbers. None is given twice in one boot, whatever becomes of
 * the daemon and of its records: a client that still has the object path of a registration which is
 * gone must not speak of somebody else's process.
 *
 * They are taken from the file in blocks, so that most registrations write nothing for it; what is
 * left of a block when the daemon ends is never given.
 */
#pragma once

#include <glib.h>

typedef struct RegistrationNumbers RegistrationNumbers;

/* `highest`: of the records that there are, 0 without any. Where the file cannot be read the
 * numbers go on behind all that could have been given since the boot. */
RegistrationNumbers *registration_numbers_new(const char *runtime_dir, guint64 highest);
void registration_numbers_free(RegistrationNumbers *self);

/* The one that is taken next; at the start: the first one that is new. */
guint64 registration_numbers_peek(const RegistrationNumbers *self);
/* 0 with an error (IoError): the file cannot be written. */
guint64 registration_numbers_take(RegistrationNumbers *self, GError **error);
