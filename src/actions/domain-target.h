/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A libvirt domain: its QEMU process, found by its pid file, and what libvirt says of it.
 *
 * It may be registered before its process is there (libvirt's hook at `prepare`). It has ended when
 * the pidfd of its process is readable; libvirt's word for it is never enough, since a destroyed
 * domain can still have a write out.
 */
#pragma once

#include "actions/libvirt.h"
#include "actions/target.h"

#define BAILIFF_TYPE_DOMAIN_TARGET (bailiff_domain_target_get_type())
G_DECLARE_FINAL_TYPE(BailiffDomainTarget, bailiff_domain_target, BAILIFF, DOMAIN_TARGET,
                     BailiffTarget)

/* Looks for its process from now on. InvalidArgument when `uuid` is none or `name` cannot be that
 * of a domain. */
BailiffTarget *bailiff_domain_target_new(BailiffLibvirt *libvirt, const char *uuid,
                                         const char *name, GError **error);

const char *bailiff_domain_target_get_uuid(BailiffDomainTarget *self); /* normal form */
const char *bailiff_domain_target_get_name(BailiffDomainTarget *self);

/* FALSE: it has no process, its pid file leads to none, and nothing of ours is out that would start
 * it. Also TRUE of one whose process cannot be told yet. */
gboolean bailiff_domain_target_may_run(BailiffDomainTarget *self);

/* For the recovery: lets a paused domain go on; starts one that is off. Both wait until older calls
 * for this domain have been answered, and are judged by the domain's state afterwards. Cancelled:
 * not asked of libvirt, or Cancelled with the call still out. */
void bailiff_domain_target_resume_async(BailiffDomainTarget *self, GCancellable *cancellable,
                                        GAsyncReadyCallback callback, gpointer user_data);
gboolean bailiff_domain_target_resume_finish(BailiffDomainTarget *self, GAsyncResult *result,
                                             GError **error);
void bailiff_domain_target_start_async(BailiffDomainTarget *self, GCancellable *cancellable,
                                       GAsyncReadyCallback callback, gpointer user_data);
gboolean bailiff_domain_target_start_finish(BailiffDomainTarget *self, GAsyncResult *result,
                                            GError **error);

/* The one that a held record (fill_record) tells of, of this boot. `quiet`: an action had paused
 * it, which was proved; it is resumed when it is found not to be. Corrupt. */
BailiffTarget *bailiff_domain_target_restore(BailiffLibvirt *libvirt, GKeyFile *file,
                                             const char *group, gboolean quiet, GError **error);

/* TRUE when what a held record says of a domain (fill_record) is of one whose process has ended. */
gboolean bailiff_domain_target_record_has_ended(GKeyFile *file, const char *group);
