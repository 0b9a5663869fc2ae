/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An area from disk as the dictionary that Manager.InspectLockspace(), InspectResource()
 * and InspectIndex() document.
 */
#pragma once

#include <glib.h>

#include "ondisk/index-record.h"
#include "ondisk/layout.h"

/* The first record has been checked and says `layout`; everything else may be damaged. Floating. */
GVariant *area_report_lockspace(const guint8 *area, const Layout *layout);
GVariant *area_report_resource(const guint8 *area, const Layout *layout);
/* `place`: of index_header_check(). */
GVariant *area_report_index(const guint8 *area, const IndexPlace *place);
