/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Leases as they are named by who wants them.
 */
#include "engine/lease-wish.h"

#include "base/fixed-name.h"
#include "common/bailiff-error.h"
#include "engine/descriptor-budget.h"
#include "engine/name-error.h"
#include "engine/registration-private.h"

#define WISHES_MAX 64u

static gboolean check_wish(BailiffEngine *engine, const BailiffLeaseWish *wish, GError **error)
{
    if (!bailiff_check_name("lockspace", wish->lockspace, FIXED_NAME_SIZE, error) ||
        !bailiff_check_name("resource", wish->resource, FIXED_NAME_SIZE, error) ||
        !bailiff_check_path(wish->path, error))
        return FALSE;
    if (bailiff_engine_find_lockspace(engine, wish->lockspace) != NULL)
        return TRUE;
    bailiff_set_error(error, BAILIFF_ERROR_NOT_JOINED, "Join it first.",
                      "Lockspace %s is not joined.", wish->lockspace);
    return FALSE;
}

gboolean lease_wishes_check(BailiffEngine *engine, BailiffRegistration *registration,
                            const BailiffLeaseWish *wishes, gsize n_wishes, GError **error)
{
    if (n_wishes == 0 || n_wishes > WISHES_MAX) {
        bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT, "Name 1 to 64 leases in one call.",
                          "%" G_GSIZE_FORMAT " leases were asked for.", n_wishes);
        return FALSE;
    }
    for (gsize i = 0; i < n_wishes; i++) {
        if (!check_wish(engine, &wishes[i], error))
            return FALSE;
        for (gsize j = 0; j < i; j++)
            if (g_strcmp0(wishes[i].lockspace, wishes[j].lockspace) == 0 &&
                g_strcmp0(wishes[i].resource, wishes[j].resource) == 0) {
                bailiff_set_error(error, BAILIFF_ERROR_INVALID_ARGUMENT, "Name each lease once.",
                                  "Resource %s of lockspace %s is named twice.", wishes[i].resource,
                                  wishes[i].lockspace);
                return FALSE;
            }
    }
    return bailiff_registration_check_ready(registration, error) &&
           bailiff_engine_check_descriptors(
               engine, (guint)n_wishes * (DESCRIPTORS_OF_LEASE + DESCRIPTORS_OF_COVER), error);
}
