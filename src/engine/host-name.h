/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The unique name of this host in leases.
 */
#pragma once

#include <glib.h>

/* The part of it that is the machine's alone, and stays when the host is called otherwise. NULL
 * where the host has no machine id. */
char *bailiff_host_key(void);

/* Made of the machine id (hashed for this purpose, as it must not be shown) and the host's name:
 * stable across restarts and boots, at most 47 bytes. IoError where the host has no machine id. */
char *bailiff_host_name_default(GError **error);
