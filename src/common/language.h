/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * In which language a program speaks to people: that of the locale, with the translations of po/.
 *
 * bailiffctl does so for all that it says itself, bailiffd for its command line only. What bailiffd
 * says later (the log, errors on the bus, the records of incidents) is one text on all hosts: it is
 * searched for, compared between hosts, and read by people in other places than the daemon.
 */
#pragma once

/* Call it first in main(). `locale_directory` is where translations are installed; an absolute
 * TEXTDOMAINDIR in the environment comes before it, as for gettext(1), so that a build can be tried
 * without being installed. */
void language_of_locale(const char *locale_directory);

/* English, and numbers with a decimal point, from now on. Characters stay as the locale has them.
 * No other thread may run yet. */
void language_of_logs(void);
