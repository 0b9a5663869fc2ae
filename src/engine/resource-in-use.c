/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who has it, in words.
 */
#include "engine/resource-in-use.h"

#include "common/bailiff-error.h"
#include "engine/lockspace-private.h"
#include "engine/registration-private.h"
#include "engine/resource-private.h"

void resource_set_in_use_error(GError **error, BailiffResource *here, BailiffLockspace *lockspace,
                               BailiffRegistration *wants)
{
    BailiffRegistration *registration = bailiff_resource_get_registration(here);
    const char *name = bailiff_resource_get_name(here);
    const char *lockspace_name = bailiff_lockspace_get_name(lockspace);

    if (bailiff_resource_is_orphan(here) && bailiff_resource_has_unknown(here))
        bailiff_set_error(error, BAILIFF_ERROR_HELD,
                          "Make sure that it does not run any more, then remove that file.",
                          "Resource %s of lockspace %s may be used on this host by %s, which "
                          "cannot be read.",
                          name, lockspace_name, bailiff_resource_get_former_holder(here));
    else if (bailiff_resource_is_orphan(here))
        bailiff_set_error(error, BAILIFF_ERROR_HELD,
                          "Take it over with the option adopt, or give it back (bailiffctl "
                          "release-orphans).",
                          "Resource %s of lockspace %s is held on this host as an orphan that %s "
                          "has left.",
                          name, lockspace_name, bailiff_resource_get_former_holder(here));
    else if (registration == NULL && bailiff_resource_is_restored(here) &&
             bailiff_resource_get_former_holder(here)[0] == '\0')
        bailiff_set_error(error, BAILIFF_ERROR_BUSY, "Try again, or call with the option wait.",
                          "Resource %s of lockspace %s is being given back: it was being acquired "
                          "or released when another bailiffd took over.",
                          name, lockspace_name);
    else if (registration == NULL && bailiff_resource_get_former_holder(here)[0] == '\0')
        bailiff_set_error(error, BAILIFF_ERROR_BUSY, "Try again, or call with the option wait.",
                          "Resource %s of lockspace %s is part of a resource index that this host "
                          "is changing.",
                          name, lockspace_name);
    else if (bailiff_resource_is_held_by(here, wants) &&
             bailiff_resource_get_phase(here) == RESOURCE_PUBLISHED)
        /* Not Held: nobody but the caller could end the wait for it. */
        bailiff_set_error(error, BAILIFF_ERROR_ALREADY_EXISTS, "Use it, or release it first.",
                          "%s (%s) holds resource %s of lockspace %s already.",
                          bailiff_registration_get_name(wants),
                          bailiff_registration_describe(wants), name, lockspace_name);
    else if (bailiff_resource_get_phase(here) == RESOURCE_PUBLISHED)
        bailiff_set_error(error, BAILIFF_ERROR_HELD,
                          "Release it there, or call with the option wait.",
                          "Resource %s of lockspace %s is held on this host by %s (%s).", name,
                          lockspace_name, bailiff_registration_get_name(registration),
                          bailiff_registration_describe(registration));
    else
        bailiff_set_error(
            error, BAILIFF_ERROR_BUSY, "Try again, or call with the option wait.",
            "Resource %s of lockspace %s is being %s on this host for %s.", name, lockspace_name,
            bailiff_resource_get_phase(here) == RESOURCE_RELEASING ? "released" : "acquired",
            registration != NULL ? bailiff_registration_get_name(registration)
                                 : "nobody: it was an orphan");
}
