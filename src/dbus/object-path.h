/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where objects are on the bus. Names come from people and from disk; in a path they are escaped as
 * systemd does it, so that any name makes a valid path and two names never make the same one.
 */
#pragma once

#include <glib.h>

#define OBJECT_PATH_ROOT "/org/bailiff/Bailiff1"
#define OBJECT_PATH_MANAGER OBJECT_PATH_ROOT "/Manager"

/* One element of a path: letters and digits stand for themselves (a digit not in front), every
 * other byte is `_xx`; nothing at all is "_". */
char *object_path_escape(const char *name);

/* The name again; NULL when `label` is not what object_path_escape() makes of any name. */
char *object_path_unescape(const char *label);

char *object_path_lockspace(const char *name);
char *object_path_host(const char *lockspace, guint64 host_id);
char *object_path_resource(const char *lockspace, const char *resource);
char *object_path_registration(guint64 id);
char *object_path_incident(guint64 number);
char *object_path_record(const char *name);
