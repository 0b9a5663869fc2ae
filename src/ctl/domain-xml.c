/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An element is known by its whole path: <name> is that of a domain, of a network card's port or
 * of anything in the metadata, and only the first is meant. The path is kept as the names of the
 * elements that are open; what is not on a known one is not looked at.
 */
#include "ctl/domain-xml.h"

#include <glib/gi18n.h>
#include <string.h>

#include "ctl/exit-status.h"
#include "ctl/size-text.h"

#define DOMAIN_CURE                                                                                \
    N_("Mend it with 'virsh edit'; what it has to be like is in bailiff-libvirt(7).")

/* An error may quote what was read. */
#define MESSAGE_MAX_BYTES 200u

typedef struct Reader {
    GPtrArray *path; /* the elements that are open, from the root */
    gboolean begun;  /* GMarkup takes several roots for well formed */
    DomainXml *domain;
    DomainLease *lease; /* within one */
    GString *text;      /* of the element that is open, when it is one of `fields`; else NULL */
} Reader;

static void domain_lease_free(DomainLease *self)
{
    g_free(self->lockspace);
    g_free(self->resource);
    g_free(self->path);
    g_free(self);
}

void domain_xml_free(DomainXml *self)
{
    if (!self)
        return;
    g_free(self->name);
    g_free(self->uuid);
    g_clear_pointer(&self->leases, g_ptr_array_unref);
    g_free(self);
}

static void set_fault(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* In GMarkup's domain, which then puts before it where that is. */
static void set_fault(GError **error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error_literal(error, G_MARKUP_ERROR, G_MARKUP_ERROR_INVALID_CONTENT, text);
}

static gboolean path_is(Reader *self, const char *const *names)
{
    guint depth = g_strv_length((char **)names);
    if (self->path->len != depth)
        return FALSE;
    for (guint i = 0; i < depth; i++)
        if (strcmp(self->path->pdata[i], names[i]) != 0)
            return FALSE;
    return TRUE;
}

#define PATH_IS(self, ...) path_is(self, (const char *const[]){ "domain", __VA_ARGS__, NULL })

static DomainLockfailure lockfailure_of(const char *word)
{
    static const struct {
        const char *word;
        DomainLockfailure value;
    } words[] = {
        { "default", DOMAIN_LOCKFAILURE_DEFAULT }, { "poweroff", DOMAIN_LOCKFAILURE_POWEROFF },
        { "restart", DOMAIN_LOCKFAILURE_RESTART }, { "pause", DOMAIN_LOCKFAILURE_PAUSE },
        { "ignore", DOMAIN_LOCKFAILURE_IGNORE },
    };
    for (gsize i = 0; i < G_N_ELEMENTS(words); i++)
        if (strcmp(words[i].word, word) == 0)
            return words[i].value;
    return DOMAIN_LOCKFAILURE_ABSENT;
}

/* A text that may be there once, and not empty. Takes `text` over. */
static gboolean keep_once(char **ret, const char *element, char *text, GError **error)
{
    g_autofree char *owned = text;
    if (*ret) {
        set_fault(error, _("<%s> is there twice"), element);
        return FALSE;
    }
    if (owned[0] == '\0') {
        set_fault(error, _("<%s> is empty"), element);
        return FALSE;
    }
    *ret = g_steal_pointer(&owned);
    return TRUE;
}

static gboolean keep_lockfailure(Reader *self, const char *text, GError **error)
{
    DomainLockfailure word = lockfailure_of(text);
    if (word == DOMAIN_LOCKFAILURE_ABSENT) {
        set_fault(error, _("'%s' is no word for <on_lockfailure>"), text);
        return FALSE;
    }
    if (self->domain->lockfailure != DOMAIN_LOCKFAILURE_ABSENT) {
        set_fault(error, _("<%s> is there twice"), "on_lockfailure");
        return FALSE;
    }
    self->domain->lockfailure = word;
    return TRUE;
}

/* Where the text of the present element belongs; NULL when it does not matter. */
static char **field_of(Reader *self)
{
    if (PATH_IS(self, "name"))
        return &self->domain->name;
    if (PATH_IS(self, "uuid"))
        return &self->domain->uuid;
    if (PATH_IS(self, "devices", "lease", "lockspace"))
        return &self->lease->lockspace;
    if (PATH_IS(self, "devices", "lease", "key"))
        return &self->lease->resource;
    return NULL;
}

static gboolean read_target(DomainLease *lease, const char **names, const char **values,
                            GError **error)
{
    const char *path = NULL, *offset = NULL;
    if (!g_markup_collect_attributes("target", names, values, error, G_MARKUP_COLLECT_STRING,
                                     "path", &path,
                                     G_MARKUP_COLLECT_STRING | G_MARKUP_COLLECT_OPTIONAL, "offset",
                                     &offset, G_MARKUP_COLLECT_INVALID))
        return FALSE;
    if (!g_path_is_absolute(path)) {
        set_fault(error, _("the path '%s' of a lease is not absolute"), path);
        return FALSE;
    }
    if (offset && number_text_parse(&lease->offset, offset) != SIZE_OK) {
        set_fault(error, _("the offset '%s' of a lease is not a number"), offset);
        return FALSE;
    }
    return keep_once(&lease->path, "target", g_strdup(path), error);
}

static gboolean begin_lease(Reader *self, GError **error)
{
    if (self->domain->leases->len == DOMAIN_XML_MAX_LEASES) {
        set_fault(error, _("there are more than %u leases"), DOMAIN_XML_MAX_LEASES);
        return FALSE;
    }
    self->lease = g_new0(DomainLease, 1);
    g_ptr_array_add(self->domain->leases, self->lease);
    return TRUE;
}

static void on_start(GMarkupParseContext *context, const char *element, const char **names,
                     const char **values, gpointer user_data, GError **error)
{
    Reader *self = user_data;

    if (self->path->len == 0 && strcmp(element, "domain") != 0) {
        set_fault(error, _("it is a <%s>, not a <domain>"), element);
        return;
    }
    if (self->path->len == 0 && self->begun) {
        set_fault(error, _("there is more than one domain in it"));
        return;
    }
    self->begun = TRUE;
    if (self->path->len == DOMAIN_XML_MAX_DEPTH) {
        set_fault(error, _("more than %u elements are within each other"), DOMAIN_XML_MAX_DEPTH);
        return;
    }
    if (self->text) {
        set_fault(error, _("<%s> stands where only text may be"), element);
        return;
    }
    g_ptr_array_add(self->path, g_strdup(element));
    if (PATH_IS(self, "devices", "lease"))
        begin_lease(self, error);
    else if (PATH_IS(self, "devices", "lease", "target"))
        read_target(self->lease, names, values, error);
    else if (field_of(self) || PATH_IS(self, "on_lockfailure"))
        self->text = g_string_new(NULL);
}

static gboolean end_lease(Reader *self, GError **error)
{
    DomainLease *lease = g_steal_pointer(&self->lease);
    const char *missing = !lease->lockspace  ? "lockspace"
                          : !lease->resource ? "key"
                          : !lease->path     ? "target"
                                             : NULL;
    if (missing)
        set_fault(error, _("a <lease> has no <%s>"), missing);
    return missing == NULL;
}

static void on_end(GMarkupParseContext *context, const char *element, gpointer user_data,
                   GError **error)
{
    Reader *self = user_data;
    gboolean good = TRUE;

    if (self->text) {
        char *text = g_strstrip(g_string_free(g_steal_pointer(&self->text), FALSE));
        char **field = field_of(self);
        if (field) {
            good = keep_once(field, element, text, error);
        } else {
            good = keep_lockfailure(self, text, error);
            g_free(text);
        }
    }
    if (good && PATH_IS(self, "devices", "lease"))
        end_lease(self, error);
    g_ptr_array_set_size(self->path, (int)self->path->len - 1);
}

static void on_text(GMarkupParseContext *context, const char *text, gsize length,
                    gpointer user_data, GError **error)
{
    Reader *self = user_data;
    if (self->text)
        g_string_append_len(self->text, text, (gssize)length);
}

static gboolean check_identity(DomainXml *domain, GError **error)
{
    if (!domain->name || !domain->uuid) {
        set_fault(error, _("the domain has no <%s>"), domain->name ? "uuid" : "name");
        return FALSE;
    }
    if (!g_uuid_string_is_valid(domain->uuid)) {
        set_fault(error, _("'%s' is not a UUID"), domain->uuid);
        return FALSE;
    }
    char *lower = g_ascii_strdown(domain->uuid, -1);
    g_free(domain->uuid);
    domain->uuid = lower;
    return TRUE;
}

static gboolean read_all(Reader *self, const char *text, gsize length, GError **error)
{
    static const GMarkupParser parser = { on_start, on_end, on_text, NULL, NULL };

    if (length == 0) {
        set_fault(error, _("it is empty"));
        return FALSE;
    }
    if (length > DOMAIN_XML_MAX_BYTES) {
        set_fault(error, _("it has more than %u bytes"), DOMAIN_XML_MAX_BYTES);
        return FALSE;
    }
    /* GMarkup would end at it, as if the rest were not there. */
    if (memchr(text, '\0', length)) {
        set_fault(error, _("there is a zero byte in it"));
        return FALSE;
    }
    /* GMarkup finds it too, but where more is wrong it would set one error over the other. */
    if (!g_utf8_validate_len(text, length, NULL)) {
        set_fault(error, _("it is not UTF-8"));
        return FALSE;
    }
    g_autoptr(GMarkupParseContext) context = g_markup_parse_context_new(
        &parser, G_MARKUP_TREAT_CDATA_AS_TEXT | G_MARKUP_PREFIX_ERROR_POSITION, self, NULL);
    return g_markup_parse_context_parse(context, text, (gssize)length, error) &&
           g_markup_parse_context_end_parse(context, error) && check_identity(self->domain, error);
}

/* In one line that people can read, whatever it quotes. */
static char *shown(const char *message)
{
    char *text = g_utf8_make_valid(message, (gssize)MIN(strlen(message), MESSAGE_MAX_BYTES));
    return g_strdelimit(text, "\n\r", ' ');
}

DomainXml *domain_xml_parse(const char *text, gsize length, GError **error)
{
    g_autoptr(DomainXml) domain = g_new0(DomainXml, 1);
    g_autoptr(GPtrArray) path = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GError) local = NULL;
    Reader reader = { .path = path, .domain = domain };

    domain->leases = g_ptr_array_new_with_free_func((GDestroyNotify)domain_lease_free);
    gboolean good = read_all(&reader, text, length, &local);
    if (reader.text)
        g_string_free(reader.text, TRUE);
    if (good)
        return g_steal_pointer(&domain);
    g_autofree char *fault = shown(local->message);
    ctl_set_error(error, CTL_EXIT_ERROR, _(DOMAIN_CURE),
                  _("The description of the domain cannot be used: %s."), fault);
    return NULL;
}
