# SPDX-License-Identifier: LGPL-2.1-or-later
"""Files of the runtime directory, as another daemon might have left them."""


def reseal(data):
    """With the checksum that the rest has: CRC-32C, reflected."""
    body = data.split(b"\n", 1)[1]
    crc = 0xFFFFFFFF
    for byte in body:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return b"# bailiff crc32c %08x\n" % (crc ^ 0xFFFFFFFF) + body


def damage(path):
    """One bit is another one."""
    text = bytearray(path.read_bytes())
    text[len(text) // 2] ^= 1
    path.write_bytes(text)
