/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One spelling of names in JSON: that of D-Bus properties.
 *
 * On the bus properties are written IoTimeout, keys of dictionaries io-timeout, and arguments of
 * signals io_timeout. Whoever reads JSON sees no difference between these.
 */
#pragma once

#include <glib.h>

/* `value` with the keys of each a{sv} in it written as properties are; a full reference. */
GVariant *json_names_spell(GVariant *value);
