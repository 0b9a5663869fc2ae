/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libvirt's description of a domain, of which everything may be anything.
 */
#include <string.h>

#include "ctl/domain-xml.h"
#include "fuzz.h"

static void assert_text(const char *text)
{
    g_assert_nonnull(text);
    g_assert_cmpstr(text, !=, "");
    g_assert_true(g_utf8_validate(text, -1, NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* In memory of just that size: whoever reads on is caught. */
    g_autofree char *text = g_memdup2(data, size);
    g_autoptr(GError) error = NULL;
    g_autoptr(DomainXml) domain = domain_xml_parse(text, size, &error);

    if (domain == NULL) {
        fuzz_assert_error(error);
        return 0;
    }
    g_assert_no_error(error);
    assert_text(domain->name);
    g_assert_true(g_uuid_string_is_valid(domain->uuid));
    g_assert_cmpuint(domain->leases->len, <=, DOMAIN_XML_MAX_LEASES);
    /* What is registered was asked for. */
    if (domain->leases->len > 0)
        g_assert_nonnull(memmem(data, size, "lease", 5));
    for (guint i = 0; i < domain->leases->len; i++) {
        const DomainLease *lease = domain->leases->pdata[i];
        assert_text(lease->lockspace);
        assert_text(lease->resource);
        g_assert_true(g_path_is_absolute(lease->path));
    }
    return 0;
}
