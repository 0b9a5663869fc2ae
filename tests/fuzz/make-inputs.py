#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""make-inputs.py: writes the kept inputs that are not text (tests/fuzz/inputs/NAME/*), so that one can see what
is in them. Those that are text are kept by hand. Each target's file says what its input is made of."""

import pathlib
import struct

from gi.repository import GLib

HERE = pathlib.Path(__file__).parent
VECTORS = HERE.parent / "vectors"

# A change to an area, see area-patch.h.
LOCKSPACE, LEADER, BALLOT, LATE = 0x0800, 0x1000, 0x2000, 0x4000


def patch(sector, offset, data, after=None):
    head = struct.pack("<HBB", sector | (LATE if after is not None else 0), offset, len(data))
    return head + (b"" if after is None else bytes([after])) + data


def u16(value):
    return struct.pack("<H", value)


def u32(value):
    return struct.pack("<I", value)


def u64(*values):
    return struct.pack(f"<{len(values)}Q", *values)


def name(text):
    return text.encode().ljust(48, b"\0")


def holder(owner, generation, host_name, timestamp):
    """From the owner's id to the time stamp of a host lease: offsets 32 to 159."""
    return u64(owner, generation, 0) + name("LS") + name(host_name) + u64(timestamp)


def ballot(mbal, bal, inp, inp2, inp3, lver):
    return u64(mbal, bal, inp, inp2, inp3, lver)


RELEASED = u32(1)  # at 52 of a host's sector
SHARED = u32(1) + u32(0)  # at 128, before the generation


def leader(version, owner, generation, timestamp, writer):
    """Two patches' worth: owner and version at 32, the time stamp at 152, the writer at 176."""
    return (patch(0, 32, u64(owner, generation, version)) + patch(0, 176, u64(writer, 1, 501))
            + patch(LEADER | 0, 152, u64(timestamp)))


def write(target, **inputs):
    folder = HERE / "inputs" / target
    folder.mkdir(parents=True, exist_ok=True)
    for file_name, data in inputs.items():
        (folder / file_name.replace("_", "-")).write_bytes(data)


def vector(file_name, length):
    return (VECTORS / f"{file_name}.sector").read_bytes()[:length]


def records():
    for kind in ("host-lease-fresh-512-1M", "host-lease-fresh-4096-4M", "host-lease-held", "resource-held",
                 "resource-five-hosts", "resource-cleared"):
        write("leader-record", **{kind: b"\0" + vector(kind, 200)})
    held = bytearray(vector("resource-held", 200))
    held[16:24] = u64(2001)
    write("leader-record", resource_of_too_many_hosts=b"\1" + bytes(held))
    lease = bytearray(vector("host-lease-held", 200))
    lease[40:48] = u64(2**64 - 1)
    write("leader-record", host_lease_of_last_generation=b"\1" + bytes(lease))
    lease[32:48] = u64(2001, 1)
    write("leader-record", host_lease_of_no_such_host=b"\1" + bytes(lease))
    for kind in ("ballot-held", "ballot-released", "ballot-shared"):
        write("ballot-record", **{kind: b"\0" + vector(kind, 144)})
    write("ballot-record", empty=b"\0", taken_back=b"\1" + bytes(52) + RELEASED,
          highest_number=b"\1" + ballot(2**64 - 1, 0, 0, 0, 0, 2))
    write("request-record", fresh=vector("request-fresh-512", 24), graceful=vector("request-graceful", 24),
          unknown_mode=vector("request-graceful", 16) + u32(3))
    write("host-bitmap", event=u64(2000) + vector("host-lease-event", 512)[256:], no_such_host=u64(2001),
          all_bits=u64(1) + b"\xff" * 256)


def indexes():
    def index(kind, offset, number=0, entry=b"", **changes):
        header = bytearray(vector(f"index-header-fresh-{kind}", 80))
        for at, value in changes.items():
            header[int(at[3:]):int(at[3:]) + len(value)] = value
        return u64(offset) + u32(number) + bytes(header) + entry

    def entry(offset, text, flags=0):
        return u64(offset) + u32(flags) + u32(0) + name(text)

    mib = 1 << 20
    write("index-record",
          fresh=index("512-1M", mib),
          fresh_4096_8M=index("4096-8M", 8 * mib),
          entry=index("512-1M", mib, 1, entry(4 * mib, "two")),
          entry_elsewhere=index("512-1M", mib, 1, entry(5 * mib, "two")),
          entry_with_flag=index("512-1M", mib, 1, entry(4 * mib, "two", 1)),
          entry_without_name=index("512-1M", mib, 1, entry(4 * mib, "")),
          read_elsewhere=index("512-1M", 2 * mib),
          flags_of_a_leader=index("512-1M", mib, at_8=u32(0x10)),
          no_flags=index("512-1M", mib, at_8=u32(0)),
          too_many=index("512-1M", mib, at_16=u32(16001)),
          as_many_as_fit=index("4096-8M", 8 * mib, 127999, entry(128009 * 8 * mib, "last"), at_16=u32(0)),
          end_of_all_offsets=index("512-1M", 2**64 - mib, at_24=u64(2**64 - mib)))


def join():
    def start(sizes=0, host_id=2, io_timeout=10, stop=0, trouble=b"\0"):
        return bytes([sizes, host_id, io_timeout, stop]) + trouble

    other = patch(LEADER | 1, 32, holder(2, 3, "other", 500))
    write("host-lease-join",
          free=start(),
          free_4096_8M=start(sizes=4),
          ours=start() + patch(LEADER | 1, 32, holder(2, 3, "me", 500)),
          dead_stranger=start() + other,
          stranger_renews=start() + other + patch(LEADER | 1, 152, u64(501), after=80),
          stranger_leaves=start() + other + patch(LEADER | 1, 152, u64(0), after=80),
          taken_while_settling=start() + patch(LEADER | 1, 32, holder(2, 1, "other", 500), after=40),
          stopped_while_settling=start(stop=5),
          write_lands_late=start(trouble=bytes([1, 3, 5 + 8 * 20])),
          write_fails_with_effect=start(trouble=bytes([1, 3, 1])),
          other_owner=start() + patch(LEADER | 1, 32, holder(3, 3, "me", 0)),
          last_generation=start() + patch(LEADER | 1, 32, holder(2, 2**64 - 1, "me", 0)),
          other_sizes=start() + patch(0, 8, u32(0x10) + u32(4096)),
          two_align_flags=start() + patch(0, 8, u32(0x30)),
          host_id_too_high=start(sizes=1, host_id=251 + 1),
          head_damaged=start() + patch(0, 56, name("other")),
          bad_checksum=start() + patch(1, 170, b"\xff"))


def areas():
    held = patch(LEADER | 4, 32, holder(5, 3, "host-5", 500))
    write("area-report",
          lockspace_fresh=bytes([0]),
          lockspace_4096_1M=bytes([2]) + held,
          lockspace_one_held=bytes([0]) + held,
          lockspace_one_damaged=bytes([0]) + patch(4, 0, b"\xff"),
          lockspace_name_no_text=bytes([0]) + patch(LEADER | 0, 56, b"\x1b[2J\xff\xfe" + b"\xe2" * 42),
          lockspace_says_larger=bytes([2]) + patch(LEADER | 0, 8, u32(0x80)),
          resource_fresh=bytes([1]),
          resource_held=bytes([1]) + leader(5, 3, 4, 500, 3)
          + patch(BALLOT | 4, 0, ballot(3, 3, 3, 4, 500, 5)),
          resource_released_for_us=bytes([1]) + leader(5, 3, 4, 500, 2) + patch(4, 52, RELEASED),
          resource_shared=bytes([1]) + patch(4, 128, SHARED + u64(4)) + patch(2001, 128, SHARED + u64(1)),
          index_fresh=bytes([10]),
          index_4096_8M=bytes([18]) + patch(1, 0, u64(16 << 20)) + patch(1, 16, name("one")),
          index_entry_astray=bytes([10]) + patch(1, 0, u64(5)) + patch(1, 16, name("one")),
          index_name_no_text=bytes([10]) + patch(3, 80, b"\x1b[2J\xff\xfe" + b"\xe2" * 42),
          index_says_larger=bytes([12]) + patch(0, 8, u32(8)) + patch(0, 16, u32(0)),
          index_too_many=bytes([10]) + patch(0, 16, u32(16001)),
          resource_too_many_hosts=bytes([1]) + patch(LEADER | 0, 16, u64(2**32 + 5)))

    def read(later, took, *patches):
        return bytes([later, took, len(patches)]) + b"".join(patches)

    joined = patch(LEADER | 4, 32, holder(5, 3, "host-5", 500))
    renewed = patch(LEADER | 4, 152, u64(501))
    later = patch(LEADER | 4, 152, u64(502))
    # For host 1, who reads: the event as stored at 176, and the lowest bit of the bitmap.
    bit, no_bit = patch(4, 255, bytes([0, 1])), patch(4, 255, bytes([0, 0]))

    def event(generation):
        return patch(4, 176, u64(generation, 7, 8))

    write("host-view",
          renewing=bytes([0, 0, 1]) + read(1, 0, joined) + read(2, 0, renewed) + read(2, 0),
          dies=bytes([0, 0, 1]) + read(1, 0, joined) + read(2, 0, renewed) + read(20, 0) + read(49, 0),
          slow_reads=bytes([0, 0, 1]) + read(1, 60, joined) + read(2, 60, renewed) + read(10, 70),
          leaves=bytes([0, 0, 1]) + read(1, 0, joined) + read(2, 0, patch(LEADER | 4, 152, u64(0))),
          destroyed=bytes([0, 0, 1]) + read(1, 0, joined) + read(2, 0, patch(4, 0, bytes(200))) + read(70, 0),
          no_io_timeout=bytes([0, 0, 1]) + read(1, 0, joined, patch(4, 174, u16(0))) + read(69, 0),
          ourselves=bytes([1, 4, 10]) + read(1, 0, joined) + read(255, 0),
          event=bytes([0, 0, 1]) + read(1, 0, joined) + read(2, 0, renewed, event(4), bit) + read(2, 0, later)
          + read(2, 0, no_bit, patch(LEADER | 4, 152, u64(503))) + read(2, 0, bit, patch(LEADER | 4, 152, u64(504))),
          event_for_any=bytes([0, 0, 1]) + read(1, 0, joined, event(0), bit) + read(2, 0, renewed) + read(70, 0),
          event_for_another=bytes([0, 0, 1]) + read(1, 0, joined) + read(2, 0, renewed, event(3), bit),
          event_damaged=bytes([0, 0, 1]) + read(1, 0, joined) + read(2, 0, patch(4, 152, u64(9)), event(4), bit),
          events_far_apart=bytes([0, 0, 1]) + read(1, 0, joined) + read(2, 0, renewed, event(4), bit)
          + read(60, 0, patch(LEADER | 4, 152, u64(900))))


def share():
    live, nothing, dead = 0, 1, 2

    def start(sizes=0, evidence=live, valid=0, trouble=b"\0"):
        return bytes([sizes, evidence, valid]) + trouble

    sharer = patch(BALLOT | 3, 0, ballot(2, 2, 2, 7, 500, 1)) + patch(3, 52, RELEASED) + \
        patch(3, 128, SHARED + u64(7))
    held = leader(5, 2, 7, 500, 2) + patch(BALLOT | 3, 0, ballot(2, 2, 2, 7, 500, 5))
    write("resource-share",
          free=start(),
          free_4096=start(sizes=1),
          beside_a_live_sharer=start() + sharer,
          beside_a_dead_sharer=start(evidence=dead) + sharer,
          beside_an_unknown_sharer=start(evidence=nothing) + sharer,
          held_by_live=start() + held,
          passing_through=start() + held + patch(LEADER | 0, 8, u32(0x11)),
          ours_by_another_hand=start() + leader(5, 3, 4, 500, 2),
          conversion_that_fails_late=start(trouble=bytes([1, 16, 68])),
          soon_over=start(valid=1))


def acquire():
    live, nothing, dead, failing = 0, 4, 8, 12
    patient = 1

    def start(sizes=0, host_id=0, generation=0, how=live, valid=0, version=0, trouble=b"\0"):
        return bytes([sizes, host_id, generation, how, valid, version]) + trouble

    held = leader(5, 2, 7, 500, 2) + patch(BALLOT | 3, 0, ballot(2, 2, 2, 7, 500, 5))
    committed = leader(5, 2, 7, 500, 1) + patch(BALLOT | 3, 0, ballot(2, 2, 2, 7, 500, 5))
    rival = patch(BALLOT | 3, 0, ballot(2, 2, 2, 7, 500, 1))
    write("resource-acquire",
          free=start(),
          free_4096=start(sizes=1),
          held_by_live=start() + held,
          held_by_dead=start(how=dead) + held,
          held_by_silent_patiently=start(how=nothing | patient) + held,
          held_by_failing=start(how=failing) + held,
          owner_left=start() + held + patch(LOCKSPACE | LEADER | 1, 152, u64(0)),
          owner_came_back=start() + held + patch(LOCKSPACE | LEADER | 1, 40, u64(8)),
          owner_misplaced=start() + held + patch(LOCKSPACE | LEADER | 1, 32, u64(6)),
          released_for_owner=start() + committed + patch(3, 52, RELEASED),
          ours_from_before=start() + leader(5, 3, 3, 500, 3),
          ours_from_later=start() + leader(5, 3, 9, 500, 3),
          proposal_to_adopt=start() + rival,
          rival_outbids=start() + patch(BALLOT | 3, 0, ballot(2002, 0, 0, 0, 0, 1), after=0),
          highest_number=start() + patch(BALLOT | 3, 0, ballot(2**64 - 2, 0, 0, 0, 0, 1)),
          leader_of_the_past=start() + leader(5, 2, 7, 0, 2) + patch(BALLOT | 4, 0, ballot(2, 2, 2, 7, 500, 8)),
          last_version=start() + leader(2**64 - 1, 2, 7, 0, 2),
          last_version_but_one=start() + leader(2**64 - 2, 2, 7, 0, 2),
          proposal_of_no_such_host=start() + patch(BALLOT | 3, 0, ballot(2, 2, 10, 7, 500, 1)),
          shared_by_live=start() + patch(4, 128, SHARED + u64(7)),
          shared_by_dead=start(how=dead) + patch(3, 128, SHARED + u64(7)),
          shared_without_generation=start(how=dead) + patch(3, 128, SHARED + u64(0)),
          one_ballot_damaged=start() + patch(5, 0, b"\x01"),
          no_room_for_us=start(host_id=8),
          version_differs=start(version=4) + held,
          runs_out=start(valid=1, trouble=bytes([2, 3, 4 + 8 * 3, 4, 4 + 8 * 3])),
          one_write_times_out=start(trouble=bytes([1, 4, 4 + 8 * 6])),
          commit_lands_late=start(trouble=bytes([1, 6, 6 + 8 * 8])),
          commit_fails_with_effect=start(trouble=bytes([1, 6, 1])),
          phase2_fails=start(trouble=bytes([1, 4, 0])),
          short_hold=start() + held + patch(LEADER | 0, 8, u32(0x11)))
    write("resource-release",
          held=bytes([0, 1, 0, 0]),
          held_4096=bytes([1, 1, 0, 0]),
          nothing_owed=bytes([0, 0, 0, 0]),
          taken_back=bytes([0, 2, 0, 0]),
          committed_by_another=bytes([0, 1, 0, 0]) + patch(LEADER | 0, 176, u64(2)),
          another_owner=bytes([0, 1, 0, 0]) + leader(6, 2, 7, 500, 2),
          altered=bytes([0, 1, 0, 0]) + patch(LEADER | 0, 152, u64(600)),
          damaged=bytes([0, 1, 0, 0]) + patch(0, 0, b"\xff"),
          flag_lost=bytes([0, 1, 0, 1, 1, 3]),
          lease_runs_out=bytes([0, 1, 4, 1, 1, 4 + 8 * 8]))
    write("resource-request",
          next_graceful=bytes([0, 2]) + u64(0) + b"\0\0",
          next_force_4096=bytes([1, 1]) + u64(0) + b"\0\0",
          later=bytes([0, 2]) + u64(9) + b"\0\0",
          passed=bytes([0, 2]) + u64(5) + b"\0\0",
          take_back=bytes([0, 0]) + u64(0) + b"\0\0" + patch(1, 8, u64(6) + u32(1)),
          asked_for_later=bytes([0, 1]) + u64(0) + b"\0\0" + patch(1, 8, u64(2**64 - 1) + u32(1)),
          unknown_mode=bytes([0, 1]) + u64(0) + b"\0\0" + patch(1, 8, u64(6) + u32(3)),
          no_record=bytes([0, 1]) + u64(0) + b"\0\0" + patch(1, 0, bytes(24)),
          other_format=bytes([0, 1]) + u64(0) + b"\0\0" + patch(1, 4, u32(0x00020001)),
          free=bytes([0, 1]) + u64(0) + b"\0\0" + patch(LEADER | 0, 152, u64(0)),
          last_version=bytes([0, 1]) + u64(0) + b"\0\0" + leader(2**64 - 2, 2, 7, 500, 2),
          write_fails_with_effect=bytes([0, 1]) + u64(0) + bytes([0, 1, 3, 1]),
          lease_runs_out=bytes([0, 1]) + u64(0) + bytes([4, 1, 1, 4 + 8 * 8]))


def variants():
    def data(form, text):
        return GLib.Variant.parse(GLib.VariantType(form), text, None, None).get_data_as_bytes().get_data()

    write("variant-policy", **{what: data("a(sua{sv})", text) for what, text in {
        "default": "[('signal', 10, {'signal': <'TERM'>}), ('kill', 0, {})]",
        "ignore": "[('ignore', 0, {})]",
        "all_words": "[('pause', 1, {}), ('poweroff', 2, {}), ('stop-unit', 3, {}), ('host-reboot', 4, {})]",
        "signal_by_number": "[('signal', 4294967295, {'signal': <'15'>}), ('kill', 0, {})]",
        "no_signal": "[('signal', 10, {})]",
        "exec": "[('exec', 10, {'program': <'/bin/echo'>, 'arguments': <['two words', '', '5s']>}), ('kill', 0, {})]",
        "exec_without_program": "[('exec', 10, {'arguments': <['x']>})]",
        "unknown_action": "[('dance', 10, {'signal': <@ai []>})]",
        "unknown_option": "[('kill', 0, {'harder': <true>})]",
        "empty": "[]",
    }.items()})
    write("variant-policy", seventeen_steps=data("a(sua{sv})", "[" + ", ".join(["('notify', 0, {})"] * 17) + "]"))
    write("variant-options", **{what: data("a{sv}", text) for what, text in {
        "none": "{}",
        "all": "{'overwrite': <true>, 'sector-size': <uint32 512>, 'version': <uint64 1>, 'mode': <'shared'>, "
               "'failure-policy': <[('kill', uint32 0, @a{sv} {})]>}",
        "out_of_range": "{'sector-size': <uint32 4097>}",
        "other_type": "{'version': <uint32 1>}",
        "unknown": "{'colour': <'red'>}",
    }.items()})
    entry = data("{sv}", "{'version', <uint64 7>}")
    aligned = entry + bytes(-len(entry) % 8)
    write("variant-options", given_twice=aligned + entry + bytes([len(entry), len(aligned + entry)]))


if __name__ == "__main__":
    records()
    indexes()
    join()
    areas()
    acquire()
    share()
    variants()
