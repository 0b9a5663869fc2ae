/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/language.h"

#include <glib.h>
#include <libintl.h>
#include <locale.h>

/* The gettext domain; GETTEXT_PACKAGE is for those who have texts. */
#define DOMAIN "bailiff"

void language_of_locale(const char *locale_directory)
{
    const char *given = g_getenv("TEXTDOMAINDIR");

    setlocale(LC_ALL, "");
    bindtextdomain(DOMAIN, given && g_path_is_absolute(given) ? given : locale_directory);
    /* GLib and the bus know nothing else. */
    bind_textdomain_codeset(DOMAIN, "UTF-8");
    textdomain(DOMAIN);
}

void language_of_logs(void)
{
    /* The C library and GLib put their own texts into errors ("No such file or directory"). */
    setlocale(LC_ALL, "C");
    setlocale(LC_CTYPE, "");
}
