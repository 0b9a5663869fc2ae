# SPDX-License-Identifier: LGPL-2.1-or-later
"""The harness itself: the real sanlock daemon is a host, on storage that both implementations take."""


def test_sanlock_joins_and_holds(sanlock, storage):
    sanlock.run("direct", "init", "-s", f"space:0:{storage}:0", "-o", "1")
    sanlock.run("direct", "init", "-r", f"space:thing:{storage}:1048576")
    sanlock.run("client", "add_lockspace", "-s", f"space:2:{storage}:0", "-o", "1")
    assert f"s space:2:{storage}:0" in sanlock.run("client", "status").stdout
    assert sanlock.host_name in sanlock.run("direct", "dump", f"{storage}:0:1048576").stdout

    holder = sanlock.hold(f"space:thing:{storage}:1048576")
    assert f"space:thing:{storage}:1048576" in sanlock.run("client", "status").stdout
    holder.release()
    assert f"space:thing:{storage}:1048576" not in sanlock.run("client", "status").stdout
