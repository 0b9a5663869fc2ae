#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Makes the vectors of this folder anew, by Debian's sanlock: make-vectors.sh [FOLDER]
#
# Prints the SHA-256 of each whole fresh area (request padding zeroed), as test-area-image.c has it.
# Needs sanlock and xxd; for the sectors of leases in use also root, a C compiler, and unshare:
# without root only the sectors of fresh leases are made. README says what each file is.
set -euo pipefail

out=$(realpath "${1:-$(dirname "$0")}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# cut IMAGE SECTOR_SIZE SECTOR NAME
cut_sector()
{
    dd if="$1" of="$out/$4" bs="$2" skip="$3" count=1 status=none
}

# wait_for COMMAND...: until it is true, for a minute at most
wait_for()
{
    local end=$((SECONDS + 60))
    until "$@"; do
        if ((SECONDS > end)); then
            echo "make-vectors.sh: gave up waiting for: $*" >&2
            return 1
        fi
        sleep 0.1
    done
}

fresh_areas()
{
    local sizes sector align
    for sizes in 512-1M 4096-1M 4096-2M 4096-4M 4096-8M; do
        sector=${sizes%-*} align=${sizes#*-}

        truncate -s "$align" host-lease
        sanlock direct init -s "LS:0:$work/host-lease:0" -Z "$sector" -A "$align" -o 1 >/dev/null
        cut_sector host-lease "$sector" 0 "host-lease-fresh-$sizes.sector"
        echo "lockspace $sizes $(sha256sum <host-lease)"

        truncate -s "$align" resource
        sanlock direct init -r "LS:res1:$work/resource:0" -Z "$sector" -A "$align" >/dev/null
        cut_sector resource "$sector" 0 "resource-fresh-$sizes.sector"
        cut_sector resource "$sector" 1 "request-fresh-$sector.sector"
        # Bytes 20..23 of the request record are whatever lay in sanlock's memory.
        printf '\0\0\0\0' | dd of=resource bs=1 seek=$((sector + 20)) conv=notrunc status=none
        echo "resource $sizes $(sha256sum <resource)"
        rm host-lease resource

        # A resource index at the second area, so that its offset is not 0.
        local mib=${align%M}
        truncate -s $((mib * 5))M index
        sanlock direct format -x "LS:$work/index:$((mib << 20))" -Z "$sector" -A "$align" >/dev/null
        cut_sector index "$sector" $(((mib << 20) / sector)) "index-header-fresh-$sizes.sector"
        printf '\0\0\0\0' |
            dd of=index bs=1 seek=$(((mib << 21) + sector + 20)) conv=notrunc status=none
        echo "index $sizes $(dd if=index bs="${mib}M" skip=1 count=2 status=none | sha256sum)"
        rm index
    done

    truncate -s 1M resource
    sanlock direct init -r "LS:res1:$work/resource:0" -n 5 >/dev/null
    cut_sector resource 512 0 resource-five-hosts.sector
    sanlock direct init -r "LS:res1:$work/resource:0" -z 1 >/dev/null
    cut_sector resource 512 0 resource-cleared.sector

    truncate -s 8M index
    sanlock direct format -x "LS:$work/index:1048576" >/dev/null
    local entry
    for entry in one:$((3 << 20)) two:$((4 << 20)) "$(printf 'n%.0s' {1..48}):$((5 << 20))"; do
        sanlock direct update -x "LS:$work/index:1048576" -e "$entry" >/dev/null
    done
    sanlock direct update -x "LS:$work/index:1048576" -e two:$((4 << 20)) -z 1 >/dev/null
    cut_sector index 512 2049 index-entries.sector
}

resource_held()
{
    sanlock client status | grep -q "^r PYLS:$1:"
}

event_written()
{
    [ "$(xxd -s $((512 + 256 + 249)) -l 1 -p disk)" = 80 ]
}

# Host 2, called hostB, without a watchdog; the exclusive resource is in area 1, the shared in area 2.
leases_in_use()
{
    local daemon client
    mount -t tmpfs -o mode=755 tmpfs /run
    mkdir /run/sanlock
    # The daemon ends if it may not raise its limits, as in a container.
    printf '%s\n' 'struct rlimit;' \
        'int setrlimit(int what, const struct rlimit *limit) { return 0; }' \
        'int setrlimit64(int what, const struct rlimit *limit) { return 0; }' >limits.c
    ${CC:-cc} -w -shared -fPIC -o limits.so limits.c

    truncate -s 3M disk
    sanlock direct init -s "PYLS:0:$work/disk:0" -o 1
    sanlock direct init -r "PYLS:ra:$work/disk:1048576"
    sanlock direct init -r "PYLS:rs:$work/disk:2097152"
    LD_PRELOAD=$work/limits.so sanlock daemon -D -w 0 -h 0 -l 0 -U root -G root -e hostB 2>log &
    daemon=$!
    wait_for sanlock client status
    sanlock client add_lockspace -s "PYLS:2:$work/disk:0" -o 1
    sanlock client command -r "PYLS:ra:$work/disk:1048576" -r "PYLS:rs:$work/disk:2097152:SH" \
        -c /bin/sleep 1000 &
    client=$!
    wait_for resource_held ra
    wait_for resource_held rs
    cp disk held
    sanlock client set_event -s PYLS -i 2000 -g 3 -e 7 -d 9
    sanlock client set_event -s PYLS -i 9 -g 3 -e 7 -d 9
    sanlock client request -r "PYLS:ra:$work/disk:1048576:2" -f 2
    wait_for event_written
    cp disk event
    kill "$client"
    sanlock client rem_lockspace -s "PYLS:2:$work/disk:0"
    cp disk released
    sanlock client shutdown -f 1
    wait "$daemon" || true

    cut_sector held 512 1 host-lease-held.sector
    cut_sector event 512 1 host-lease-event.sector
    cut_sector released 512 1 host-lease-released.sector
    cut_sector held 512 2048 resource-held.sector
    cut_sector held 512 2051 ballot-held.sector
    cut_sector event 512 2049 request-graceful.sector
    cut_sector released 512 2048 resource-released.sector
    cut_sector released 512 2051 ballot-released.sector
    cut_sector held 512 4096 resource-shared.sector
    cut_sector held 512 4099 ballot-shared.sector
}

fresh_areas
if [ "$(id -u)" = 0 ]; then
    export -f cut_sector wait_for resource_held event_written leases_in_use
    export out work
    unshare --mount --propagation private bash -euc leases_in_use >&2
else
    echo "make-vectors.sh: not root: the sectors of leases in use were not made" >&2
fi
