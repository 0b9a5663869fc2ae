/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Systemd is not there yet: what the headers promise, for the linker; every unit is refused.
 */
#include "actions/unit-target.h"
#include "common/bailiff-error.h"

struct _BailiffSystemd {
    GObject parent_instance;
};
G_DEFINE_FINAL_TYPE(BailiffSystemd, bailiff_systemd, G_TYPE_OBJECT)
static void bailiff_systemd_class_init(BailiffSystemdClass *klass)
{
}
static void bailiff_systemd_init(BailiffSystemd *self)
{
}
BailiffSystemd *bailiff_systemd_new(void)
{
    return g_object_new(BAILIFF_TYPE_SYSTEMD, NULL);
}
void bailiff_systemd_set_bus(BailiffSystemd *self, GDBusConnection *bus)
{
}

struct _BailiffUnitTarget {
    BailiffTarget parent_instance;
};
G_DEFINE_FINAL_TYPE(BailiffUnitTarget, bailiff_unit_target, BAILIFF_TYPE_TARGET)
static void bailiff_unit_target_class_init(BailiffUnitTargetClass *klass)
{
}
static void bailiff_unit_target_init(BailiffUnitTarget *self)
{
}
void bailiff_unit_target_new_async(BailiffSystemd *s, const char *u, GCancellable *c,
                                   GAsyncReadyCallback cb, gpointer d)
{
    g_task_report_new_error(s, cb, d, NULL, BAILIFF_ERROR, BAILIFF_ERROR_UNSUPPORTED,
                            "Units are not supported.\nRegister a process.");
}
BailiffTarget *bailiff_unit_target_new_finish(GAsyncResult *r, GError **e)
{
    return g_task_propagate_pointer(G_TASK(r), e);
}
const char *bailiff_unit_target_get_unit(BailiffUnitTarget *self)
{
    return "";
}
void bailiff_unit_target_start_async(BailiffUnitTarget *s, GCancellable *c, GAsyncReadyCallback cb,
                                     gpointer d)
{
}
gboolean bailiff_unit_target_start_finish(BailiffUnitTarget *s, GAsyncResult *r, GError **e)
{
    return FALSE;
}
gboolean bailiff_unit_target_record_has_ended(GKeyFile *f, const char *g)
{
    return FALSE;
}
