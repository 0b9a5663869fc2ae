# SPDX-License-Identifier: LGPL-2.1-or-later
"""Records on storage as the tests read, damage and forge them: by offset, independent of the daemon's own code."""

import hashlib
import os
import struct

MIB = 1 << 20

# Offset and format of fields, from the beginning of a record's sector.
MAGIC = (0, "<I")
VERSION = (4, "<I")
FLAGS = (8, "<I")
SECTOR_SIZE = (12, "<I")
OWNER_ID = (32, "<Q")
OWNER_GENERATION = (40, "<Q")
LEASE_VERSION = (48, "<Q")
SPACE_NAME = (56, "48s")
RECORD_NAME = (104, "48s")  # of a resource; of the host in a host lease
TIMESTAMP = (152, "<Q")
IO_TIMEOUT = (174, "<H")

BALLOT_MBAL = (0, "<Q")

# Bytes under the checksum, which stands right behind them.
LEADER_COVERED = 168
BALLOT_COVERED = 48


def checksum(data):
    """CRC-32C from 0xFFFFFFFE, without the last inversion."""
    register = 0xFFFFFFFE
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = register >> 1 ^ (0x82F63B78 if register & 1 else 0)
    return register


assert checksum(b"123456789") == 0xE8C7BB34


def read(path, offset, length):
    with open(path, "rb") as file:
        file.seek(offset)
        return file.read(length)


def write(path, offset, data):
    with open(path, "r+b") as file:
        file.seek(offset)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def field(path, record, which):
    offset, form = which
    value = struct.unpack(form, read(path, record + offset, struct.calcsize(form)))[0]
    return value.rstrip(b"\0").decode() if isinstance(value, bytes) else value


def change(path, record, which, value, covered=LEADER_COVERED):
    """Writes one field of a record, and the checksum that belongs to it now."""
    offset, form = which
    content = bytearray(read(path, record, covered + 4))
    struct.pack_into(form, content, offset, value.encode() if isinstance(value, str) else value) \
        if offset < covered else write(path, record + offset, struct.pack(form, value))
    struct.pack_into("<I", content, covered, checksum(content[:covered]))
    write(path, record, bytes(content))


def flip(path, offset):
    """Damages one byte."""
    write(path, offset, bytes([read(path, offset, 1)[0] ^ 0xFF]))


def digest(path, *without):
    """Of the whole file, but for the (offset, length) given: what is written there all the time."""
    with open(path, "rb") as file:
        content = bytearray(file.read())
    for offset, length in without:
        content[offset:offset + length] = bytes(length)
    return hashlib.sha256(content).hexdigest()
