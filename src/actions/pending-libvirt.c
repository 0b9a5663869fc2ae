/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Libvirt is not there yet: what the headers promise, for the linker; every domain is refused.
 */
#include "actions/domain-target.h"
#include "common/bailiff-error.h"

struct _BailiffLibvirt {
    GObject parent_instance;
};
G_DEFINE_FINAL_TYPE(BailiffLibvirt, bailiff_libvirt, G_TYPE_OBJECT)
static void bailiff_libvirt_class_init(BailiffLibvirtClass *klass)
{
}
static void bailiff_libvirt_init(BailiffLibvirt *self)
{
}
BailiffLibvirt *bailiff_libvirt_new(const char *driver, const char *run_dir)
{
    return g_object_new(BAILIFF_TYPE_LIBVIRT, NULL);
}
void bailiff_libvirt_set_bus(BailiffLibvirt *self, GDBusConnection *bus)
{
}
void bailiff_libvirt_look_up_async(BailiffLibvirt *self, const char *uuid, GCancellable *c,
                                   GAsyncReadyCallback cb, gpointer d)
{
    g_task_report_new_error(self, cb, d, NULL, BAILIFF_ERROR, BAILIFF_ERROR_UNSUPPORTED,
                            "Domains are not supported.\nRegister a process.");
}
char *bailiff_libvirt_look_up_finish(BailiffLibvirt *self, GAsyncResult *r, GError **e)
{
    return g_task_propagate_pointer(G_TASK(r), e);
}

struct _BailiffDomainTarget {
    BailiffTarget parent_instance;
};
G_DEFINE_FINAL_TYPE(BailiffDomainTarget, bailiff_domain_target, BAILIFF_TYPE_TARGET)
static void bailiff_domain_target_class_init(BailiffDomainTargetClass *klass)
{
}
static void bailiff_domain_target_init(BailiffDomainTarget *self)
{
}
BailiffTarget *bailiff_domain_target_new(BailiffLibvirt *l, const char *u, const char *n,
                                         GError **error)
{
    bailiff_set_error(error, BAILIFF_ERROR_UNSUPPORTED, "Register a process.",
                      "Domains are not supported.");
    return NULL;
}
const char *bailiff_domain_target_get_uuid(BailiffDomainTarget *self)
{
    return "";
}
const char *bailiff_domain_target_get_name(BailiffDomainTarget *self)
{
    return "";
}
void bailiff_domain_target_resume_async(BailiffDomainTarget *s, GCancellable *c,
                                        GAsyncReadyCallback cb, gpointer d)
{
}
gboolean bailiff_domain_target_resume_finish(BailiffDomainTarget *s, GAsyncResult *r, GError **e)
{
    return FALSE;
}
void bailiff_domain_target_start_async(BailiffDomainTarget *s, GCancellable *c,
                                       GAsyncReadyCallback cb, gpointer d)
{
}
gboolean bailiff_domain_target_start_finish(BailiffDomainTarget *s, GAsyncResult *r, GError **e)
{
    return FALSE;
}
gboolean bailiff_domain_target_record_has_ended(GKeyFile *f, const char *g)
{
    return FALSE;
}
