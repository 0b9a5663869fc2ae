/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/standard-input.h"

#include <errno.h>
#include <glib/gi18n.h>
#include <unistd.h>

#include "ctl/exit-status.h"

GBytes *standard_input_read(gsize maximum, const char *too_long_cure, GError **error)
{
    g_autoptr(GByteArray) input = g_byte_array_new();
    guint8 piece[4096];

    for (;;) {
        ssize_t n = read(STDIN_FILENO, piece, sizeof piece);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            ctl_set_error(error, CTL_EXIT_ERROR, _("Check where the input comes from."),
                          _("The standard input could not be read: %s."), g_strerror(errno));
            return NULL;
        }
        if (n == 0)
            return g_byte_array_free_to_bytes(g_steal_pointer(&input));
        g_byte_array_append(input, piece, (guint)n);
        if (input->len > maximum) {
            ctl_set_error(error, CTL_EXIT_USAGE, too_long_cure,
                          _("The standard input has more than %zu bytes."), maximum);
            return NULL;
        }
    }
}
