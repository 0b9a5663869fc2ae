# SPDX-License-Identifier: LGPL-2.1-or-later
"""The records on disk, read and written a second time: shares no code and no table with src/ondisk.

A test that read the disk by the daemon's own eyes would agree with the daemon's mistakes. For the same reason the
checksum is computed bit by bit.
"""

import mmap
import os
import struct

from disk_records import checksum

SECTOR = 512
HOST_LEASE_MAGIC = 0x12212010
RESOURCE_MAGIC = 0x06152010
OLD_MINOR = 3
# Bits of the flags word that tell the size of an area.
ALIGN_FLAGS = 0xF0
SHARED = 1
RELEASED = 1

# Up to the checksum, which covers what lies before it, and from there on.
LEADER_SUMMED = struct.Struct("<4I 5Q 48s 48s 2Q")
LEADER_REST = struct.Struct("<I H H 3Q")
LEADER_FIELDS = ("magic version flags sector_size num_hosts max_hosts owner_id owner_generation lver space_name"
                 " resource_name timestamp unused1").split()
LEADER_REST_FIELDS = "checksum unused2 io_timeout write_id write_generation write_timestamp".split()
LEADER_SIZE = LEADER_SUMMED.size + LEADER_REST.size
BALLOT = struct.Struct("<6Q I I")
BALLOT_FIELDS = "mbal bal inp inp2 inp3 lver checksum flags".split()
MODE_OFFSET = 128
MODE = struct.Struct("<I 4x Q")


class Leader:
    """A leader record: of a host lease, or of a resource."""

    def __init__(self, data):
        self.__dict__.update(zip(LEADER_FIELDS, LEADER_SUMMED.unpack_from(data)))
        self.__dict__.update(zip(LEADER_REST_FIELDS, LEADER_REST.unpack_from(data, LEADER_SUMMED.size)))
        self.summed = data[:LEADER_SUMMED.size]
        self.space_name = self.space_name.rstrip(b"\0").decode()
        self.resource_name = self.resource_name.rstrip(b"\0").decode()

    def pack(self):
        """With the checksum that belongs to the fields as they are now."""
        fields = [getattr(self, name) for name in LEADER_FIELDS]
        fields = [field.encode() if isinstance(field, str) else field for field in fields]
        summed = LEADER_SUMMED.pack(*fields)
        rest = [getattr(self, name) for name in LEADER_REST_FIELDS[1:]]
        return summed + LEADER_REST.pack(checksum(summed), *rest)

    @property
    def intact(self):
        return self.checksum == checksum(self.summed)


class HostSector:
    """What one host has written in a resource: its ballot and its mode."""

    def __init__(self, data):
        self.__dict__.update(zip(BALLOT_FIELDS, BALLOT.unpack_from(data)))
        self.mode, self.mode_generation = MODE.unpack_from(data, MODE_OFFSET)
        self.summed = data[:BALLOT.size - 8]

    @property
    def intact(self):
        return self.checksum == checksum(self.summed)


def read_direct(path, offset, length):
    """Past the page cache, as the hosts read; offset and length are multiples of 4096."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECT | os.O_CLOEXEC)
    try:
        with mmap.mmap(-1, length) as buffer:
            assert os.preadv(fd, [buffer], offset) == length
            return buffer[:]
    finally:
        os.close(fd)


def make_old_format(path, offset, size, sector_size):
    """Turns the records of an area into those of versions that knew no flags for the size of an area. The area must
    not be in use."""
    with open(path, "r+b") as file:
        for at in range(offset, offset + size, sector_size):
            file.seek(at)
            leader = Leader(file.read(LEADER_SIZE))
            if leader.magic not in (HOST_LEASE_MAGIC, RESOURCE_MAGIC):
                continue
            leader.version = leader.version & 0xFFFF0000 | OLD_MINOR
            leader.flags &= ~ALIGN_FLAGS
            file.seek(at)
            file.write(leader.pack())
        file.flush()
        os.fsync(file.fileno())
