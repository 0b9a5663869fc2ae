# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a client of the daemon does with a resource index, in one call each; and its entries as they are on storage."""

import struct

import disk_records as disk
from lease_calls import MIB, SPACE
from private_service import options

# Where the tests have it: right behind the lockspace.
INDEX = MIB
LEASE = INDEX + MIB  # of the index, "rindex_lease"
FIRST = INDEX + 2 * MIB  # the first resource

INDEX_MAX_RESOURCES = (16, "<I")


def begin(service, method, path, *name, offset=INDEX, lockspace=SPACE, **given):
    signature = "(stsa{sv})" if name else "(sta{sv})"
    return service.begin(lockspace, "Lockspace", method, signature, path, offset, *name, options(**given))


def format_index(service, path, **given):
    begin(service, "FormatIndex", path, **given).result()


def create(service, path, name, **given):
    return begin(service, "CreateResource", path, name, **given).result()


def delete(service, path, name, **given):
    begin(service, "DeleteResource", path, name, **given).result()


def lookup(service, path, name, **given):
    return begin(service, "LookupResource", path, name, **given).result()


def entries(service, path, **given):
    return begin(service, "ListResources", path, **given).result()


def rebuild(service, path, **given):
    begin(service, "RebuildIndex", path, **given).result()


def inspect_index(service, path, offset=INDEX):
    return service.call("Manager", "Manager", "InspectIndex", "(sta{sv})", path, offset, {})


def put_entry(path, number, name, offset=None):
    """Writes an entry behind the daemon's back; `offset`: what it says, instead of what is right."""
    offset = FIRST + number * MIB if offset is None else offset
    disk.write(path, INDEX + 512 * (1 + number // 8),
               replaced(disk.read(path, INDEX + 512 * (1 + number // 8), 512), 64 * (number % 8),
                        struct.pack("<QII48s", offset, 0, 0, name.encode())))


def replaced(content, at, data):
    return content[:at] + data + content[at + len(data):]
