/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What libvirt's description of a domain says that bailiff has to know: who it is, the leases it
 * needs (the devices <lease>), and what is to become of it when it loses one (<on_lockfailure>).
 *
 * libvirt's hook reads it from its standard input. All else in it is passed over; text that is not
 * well formed, or that leaves open which leases are meant, is refused, since a domain would run
 * without the lease that its owner believes it has.
 */
#pragma once

#include <gio/gio.h>

/* As many bytes as a description may have; those of libvirt have thousands. */
#define DOMAIN_XML_MAX_BYTES (4u * 1024 * 1024)
/* As many elements within each other; libvirt's own have fewer than ten, metadata may have more. */
#define DOMAIN_XML_MAX_DEPTH 128u
/* As many as one call of Acquire() takes. */
#define DOMAIN_XML_MAX_LEASES 64u

typedef enum DomainLockfailure {
    DOMAIN_LOCKFAILURE_ABSENT, /* the element is not there */
    DOMAIN_LOCKFAILURE_DEFAULT,
    DOMAIN_LOCKFAILURE_POWEROFF,
    DOMAIN_LOCKFAILURE_RESTART,
    DOMAIN_LOCKFAILURE_PAUSE,
    DOMAIN_LOCKFAILURE_IGNORE,
} DomainLockfailure;

typedef struct DomainLease {
    char *lockspace;
    char *resource; /* libvirt calls it the key */
    char *path;     /* absolute */
    guint64 offset; /* bytes */
} DomainLease;

typedef struct DomainXml {
    char *name;
    char *uuid; /* with small letters */
    DomainLockfailure lockfailure;
    GPtrArray *leases; /* of DomainLease, in the order of the text; may be empty */
} DomainXml;

/* `length` bytes that may be anything. Errors (CTL_EXIT_ERROR) say what is wrong and in which line.
 */
DomainXml *domain_xml_parse(const char *text, gsize length, GError **error);

void domain_xml_free(DomainXml *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DomainXml, domain_xml_free)
