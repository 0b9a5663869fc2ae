/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What libvirt's description of a domain says of its leases. */
#include <glib.h>
#include <string.h>

#include "ctl/domain-xml.h"
#include "ctl/exit-status.h"

#define NAME "<name>guest</name>"
#define UUID "<uuid>82088A9B-a53d-4800-9fa2-74d07ee108ea</uuid>"
#define LEASE                                                                                      \
    "<lease><lockspace>space</lockspace><key>disk</key><target path='/dev/x' offset='1048576'/>"   \
    "</lease>"
#define DOMAIN(content) "<domain type='qemu'>" NAME UUID content "</domain>"
#define DEVICES(content) DOMAIN("<devices>" content "</devices>")

static DomainXml *parsed(const char *text)
{
    g_autoptr(GError) error = NULL;
    DomainXml *domain = domain_xml_parse(text, strlen(text), &error);
    g_assert_no_error(error);
    g_assert_nonnull(domain);
    return domain;
}

static void refused(const char *text, gsize length, const char *why)
{
    g_autoptr(GError) error = NULL;
    g_assert_null(domain_xml_parse(text, length, &error));
    g_assert_error(error, CTL_ERROR, CTL_EXIT_ERROR);
    g_assert_nonnull(strchr(error->message, '\n'));
    g_test_message("wanted: %s; %s", why, error->message);
    g_assert_nonnull(strstr(error->message, why));
}

/* The way libvirt writes it. */
static void test_libvirt(void)
{
    g_autoptr(DomainXml) domain =
        parsed("<domain type='qemu' id='11'>\n"
               "  <name>guest</name>\n"
               "  <uuid>82088a9b-a53d-4800-9fa2-74d07ee108ea</uuid>\n"
               "  <metadata><x:y xmlns:x='urn:z'><name>other</name><x:lease/></x:y></metadata>\n"
               "  <os><type arch='x86_64' machine='pc'>hvm</type></os>\n"
               "  <on_poweroff>destroy</on_poweroff>\n"
               "  <on_lockfailure>pause</on_lockfailure>\n"
               "  <devices>\n"
               "    <disk type='file'><source file='/a'/><target dev='hda' bus='ide'/></disk>\n"
               "    <lease>\n"
               "      <lockspace>space</lockspace>\n"
               "      <key>disk&amp;1</key>\n"
               "      <target path='/dev/x' offset='1048576'/>\n"
               "    </lease>\n"
               "    <lease>\n"
               "      <lockspace>other</lockspace>\n"
               "      <key>key</key>\n"
               "      <target path='/dev/y'/>\n"
               "    </lease>\n"
               "    <interface type='network'><source network='n'/><name>nic</name></interface>\n"
               "  </devices>\n"
               "</domain>\n");
    g_assert_cmpstr(domain->name, ==, "guest");
    g_assert_cmpstr(domain->uuid, ==, "82088a9b-a53d-4800-9fa2-74d07ee108ea");
    g_assert_cmpint(domain->lockfailure, ==, DOMAIN_LOCKFAILURE_PAUSE);
    g_assert_cmpuint(domain->leases->len, ==, 2);
    const DomainLease *first = domain->leases->pdata[0], *second = domain->leases->pdata[1];
    g_assert_cmpstr(first->lockspace, ==, "space");
    g_assert_cmpstr(first->resource, ==, "disk&1");
    g_assert_cmpstr(first->path, ==, "/dev/x");
    g_assert_cmpuint(first->offset, ==, 1048576);
    g_assert_cmpstr(second->lockspace, ==, "other");
    g_assert_cmpuint(second->offset, ==, 0);
}

static void test_no_leases(void)
{
    g_autoptr(DomainXml) domain = parsed(DEVICES("<disk><lease/></disk>"));
    g_assert_cmpuint(domain->leases->len, ==, 0);
    g_assert_cmpint(domain->lockfailure, ==, DOMAIN_LOCKFAILURE_ABSENT);
    g_assert_cmpstr(domain->uuid, ==, "82088a9b-a53d-4800-9fa2-74d07ee108ea");
}

static void test_words(void)
{
    static const struct {
        const char *word;
        DomainLockfailure value;
    } cases[] = {
        { "default", DOMAIN_LOCKFAILURE_DEFAULT }, { " poweroff\n", DOMAIN_LOCKFAILURE_POWEROFF },
        { "restart", DOMAIN_LOCKFAILURE_RESTART }, { "pause", DOMAIN_LOCKFAILURE_PAUSE },
        { "ignore", DOMAIN_LOCKFAILURE_IGNORE },
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *text =
            g_strdup_printf(DOMAIN("<on_lockfailure>%s</on_lockfailure>"), cases[i].word);
        g_autoptr(DomainXml) domain = parsed(text);
        g_assert_cmpint(domain->lockfailure, ==, cases[i].value);
    }
}

static void test_refused(void)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        { "", "empty" },
        { "no markup", "domain" },
        { "<network>" NAME UUID "</network>", "<network>" },
        { "<domain>" UUID "</domain>", "no <name>" },
        { "<domain>" NAME "</domain>", "no <uuid>" },
        { "<domain>" NAME UUID, "domain" },
        { "<domain>" NAME UUID "</domain", "ended" },
        { DOMAIN("") "<domain/>", "more than one" },
        { DOMAIN(NAME), "twice" },
        { DOMAIN(UUID), "twice" },
        { "<domain><name> </name>" UUID "</domain>", "<name> is empty" },
        { "<domain><name><b/></name>" UUID "</domain>", "only text" },
        { "<domain>" NAME "<uuid>82088a9b</uuid></domain>", "'82088a9b' is not a UUID" },
        { "<domain>" NAME "<uuid>82088a9b-a53d-4800-9fa2-74d07ee108e\n</uuid></domain>", "UUID" },
        { DOMAIN("<on_lockfailure>explode</on_lockfailure>"), "'explode'" },
        { DOMAIN("<on_lockfailure/>"), "on_lockfailure" },
        { DOMAIN("<on_lockfailure>pause</on_lockfailure><on_lockfailure>pause</on_lockfailure>"),
          "twice" },
        { DOMAIN("&unknown;"), "unknown" },
        { DEVICES("<lease/>"), "no <lockspace>" },
        { DEVICES("<lease><lockspace>space</lockspace></lease>"), "no <key>" },
        { DEVICES("<lease><lockspace>space</lockspace><key>disk</key></lease>"), "no <target>" },
        { DEVICES("<lease><lockspace/><key>disk</key><target path='/x'/></lease>"),
          "<lockspace> is empty" },
        { DEVICES("<lease><key>a</key><key>b</key></lease>"), "twice" },
        { DEVICES("<lease><target path='/a'/><target path='/b'/></lease>"), "twice" },
        { DEVICES("<lease><target offset='1'/></lease>"), "path" },
        { DEVICES("<lease><target path='x'/></lease>"), "not absolute" },
        { DEVICES("<lease><target path='/x' sector='1'/></lease>"), "sector" },
        { DEVICES("<lease><target path='/x' offset='-1'/></lease>"), "'-1'" },
        { DEVICES("<lease><target path='/x' offset='1M'/></lease>"), "'1M'" },
        { DEVICES("<lease><target path='/x' offset=''/></lease>"), "''" },
        { DEVICES("<lease><target path='/x' offset='18446744073709551616'/></lease>"), "offset" },
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
        refused(cases[i].text, strlen(cases[i].text), cases[i].why);
}

static void test_encodings(void)
{
    static const char zero[] = DOMAIN("") "\0" LEASE;
    static const char latin1[] = "<domain><name>G\xe4st</name>" UUID "</domain>";
    static const char utf16[] = "\xff\xfe<\0d\0o\0m\0a\0i\0n\0>\0";

    refused(latin1, sizeof latin1 - 1, "UTF-8");
    refused(zero, sizeof zero - 1, "zero byte");
    refused(utf16, sizeof utf16 - 1, "zero byte");
    g_autoptr(DomainXml) domain =
        parsed("<domain><name>G\xc3\xa4st &#x1F600;<![CDATA[&<]]></name>" UUID "</domain>");
    g_assert_cmpstr(domain->name, ==, "G\xc3\xa4st \xf0\x9f\x98\x80&<");
}

static char *repeated(const char *text, guint times)
{
    GString *string = g_string_new(NULL);
    while (times-- > 0)
        g_string_append(string, text);
    return g_string_free(string, FALSE);
}

static void test_sizes(void)
{
    g_autofree char *deep = repeated("<domain>", DOMAIN_XML_MAX_DEPTH + 1);
    refused(deep, strlen(deep), "within each other");

    g_autofree char *leases = repeated(LEASE, DOMAIN_XML_MAX_LEASES);
    g_autofree char *full = g_strdup_printf(DEVICES("%s"), leases);
    g_autoptr(DomainXml) domain = parsed(full);
    g_assert_cmpuint(domain->leases->len, ==, DOMAIN_XML_MAX_LEASES);
    g_autofree char *too_many = g_strdup_printf(DEVICES("%s" LEASE), leases);
    refused(too_many, strlen(too_many), "more than 64 leases");

    g_autofree char *long_text = g_strnfill(DOMAIN_XML_MAX_BYTES + 1, ' ');
    refused(long_text, strlen(long_text), "bytes");

    /* What an error quotes is short, in one line, and still text. */
    g_autofree char *umlauts = repeated("\xc3\xa4\n", 100000);
    g_autofree char *long_uuid =
        g_strdup_printf("<domain>" NAME "<uuid>%s</uuid></domain>", umlauts);
    g_autoptr(GError) error = NULL;
    g_assert_null(domain_xml_parse(long_uuid, strlen(long_uuid), &error));
    g_assert_cmpuint(strlen(error->message), <, 600);
    g_assert_true(g_utf8_validate(error->message, -1, NULL));
    g_auto(GStrv) lines = g_strsplit(error->message, "\n", 0);
    g_assert_cmpuint(g_strv_length(lines), ==, 2);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/domain-xml/libvirt", test_libvirt);
    g_test_add_func("/domain-xml/no-leases", test_no_leases);
    g_test_add_func("/domain-xml/words", test_words);
    g_test_add_func("/domain-xml/refused", test_refused);
    g_test_add_func("/domain-xml/encodings", test_encodings);
    g_test_add_func("/domain-xml/sizes", test_sizes);
    return g_test_run();
}
