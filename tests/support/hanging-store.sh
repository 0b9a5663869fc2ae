#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A file that can be made to hang or to fail: nbdkit serves DIR/disk, nbdfuse shows it as DIR/mnt/disk,
# and O_DIRECT I/O on that file waits for nbdkit. Needs root or a writable /dev/fuse.
#
#   hanging-store.sh check               why it cannot run here, on stdout; exit status 77 then
#   hanging-store.sh start DIR SIZE [PID]    makes and serves DIR/disk; prints the path to use
#                                            with PID: stops when that process has ended
#                                            HANGING_STORE_READ_DELAY: what each read takes, such as 200ms
#   hanging-store.sh hang DIR            from the return on nothing is answered
#   hanging-store.sh resume DIR          what hung is answered, and all that follows
#   hanging-store.sh fail-reads DIR on|off
#   hanging-store.sh fail-writes DIR on|off    EIO
#   hanging-store.sh stop DIR            resumes, unmounts, ends both; DIR/disk stays
#
# A process with I/O out cannot be killed until the storage answers. So a hang ends by itself after
# HANGING_STORE_LIMIT seconds (30), also when the test that asked for it is gone, and stop resumes first.
set -eu

# The number in pid file $1 while that is a process with the name $2: a number alone may be reused.
pid_of() {
    pid=$(cat "$1" 2>/dev/null) && [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = "$2" ] && echo "$pid"
}
nbdkit_pid() { pid_of "$1/nbdkit.pid" nbdkit; }
nbdfuse_pid() { pid_of "$1/nbdfuse.pid" nbdfuse; }

# Runs "$@" every 20 ms until it succeeds, for 20 s at most.
wait_until() {
    tries=1000
    until "$@"; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || { echo "hanging-store: gave up waiting: $*" >&2; return 1; }
        sleep 0.02
    done
}

# SIGSTOP reaches the threads one by one: until the last has stopped a request may still be answered.
all_threads_stopped() {
    for status in /proc/"$1"/task/*/status; do
        grep -q '^State:[[:space:]]*T' "$status" 2>/dev/null || return 1
    done
}

has_ended() { ! kill -0 "$1" 2>/dev/null || grep -q '^State:[[:space:]]*[ZX]' "/proc/$1/status" 2>/dev/null; }
is_filled() { [ -s "$1" ]; }
is_unmounted() { ! grep -q " $1 " /proc/self/mounts; }

check() {
    for program in nbdkit nbdfuse fusermount3; do
        command -v "$program" >/dev/null || { echo "$program is not installed"; return 77; }
    done
    [ -r /dev/fuse ] && [ -w /dev/fuse ] || { echo "/dev/fuse cannot be opened"; return 77; }
}

start() {
    check >&2
    dir=$1
    mkdir -p "$dir/mnt"
    [ -e "$dir/disk" ] || truncate -s "$2" "$dir/disk"
    : >"$dir/mnt/disk"
    rm -f "$dir/sock" "$dir/nbdkit.pid" "$dir/nbdfuse.pid" "$dir/fail-reads" "$dir/fail-writes"
    # Nobody may inherit stdout: the caller reads it to its end.
    nbdkit -U "$dir/sock" -P "$dir/nbdkit.pid" --filter=error --filter=delay file file="$dir/disk" error=EIO \
        rdelay="${HANGING_STORE_READ_DELAY:-0}" \
        error-pread-rate=100% error-pread-file="$dir/fail-reads" \
        error-pwrite-rate=100% error-pwrite-file="$dir/fail-writes" >"$dir/nbdkit.log" 2>&1 </dev/null
    nbdfuse -P "$dir/nbdfuse.pid" "$dir/mnt/disk" "nbd+unix://?socket=$dir/sock" \
        >"$dir/nbdfuse.log" 2>&1 </dev/null &
    wait_until is_filled "$dir/nbdkit.pid"
    wait_until is_filled "$dir/nbdfuse.pid"
    [ -z "${3:-}" ] || stop_with "$3" "$dir"
    echo "$dir/mnt/disk"
}

# In the background: a test that failed leaves no mount and no process behind. The test is no child of this shell, so
# its end is looked for.
stop_with() {
    (
        trap 'exit 0' TERM
        until has_ended "$1"; do sleep 1; done
        rm -f "$2/owner.pid"
        stop "$2"
    ) >/dev/null 2>&1 </dev/null &
    echo $! >"$2/owner.pid"
}

end_helper() {
    [ ! -s "$1" ] || kill "$(cat "$1")" 2>/dev/null || true
    rm -f "$1"
}

hang() {
    pid=$(nbdkit_pid "$1")
    end_helper "$1/limit.pid"
    (
        trap 'kill "$sleeper" 2>/dev/null; exit 0' TERM
        sleep "${HANGING_STORE_LIMIT:-30}" &
        sleeper=$!
        wait "$sleeper"
        kill -CONT "$pid"
        rm -f "$1/limit.pid"
    ) >/dev/null 2>&1 </dev/null &
    echo $! >"$1/limit.pid"
    kill -STOP "$pid"
    wait_until all_threads_stopped "$pid"
}

resume() {
    end_helper "$1/limit.pid"
    pid=$(nbdkit_pid "$1") && kill -CONT "$pid" 2>/dev/null || true
}

fail() {
    case $2 in
    on) : >"$1" ;;
    off) rm -f "$1" ;;
    *) echo "hanging-store: on or off" >&2; return 2 ;;
    esac
}

stop() {
    end_helper "$1/owner.pid"
    resume "$1"
    fusermount3 -u -z "$1/mnt/disk" 2>/dev/null || true
    for pid in $(nbdfuse_pid "$1") $(nbdkit_pid "$1"); do
        kill "$pid" 2>/dev/null || true
        wait_until has_ended "$pid"
    done
    wait_until is_unmounted "$1/mnt/disk"
    rm -f "$1/sock" "$1/nbdkit.pid" "$1/nbdfuse.pid" "$1/fail-reads" "$1/fail-writes"
}

case "${1:-}:$#" in
check:1) check ;;
start:3 | start:4) start "$2" "$3" "${4:-}" ;;
hang:2) hang "$2" ;;
resume:2) resume "$2" ;;
fail-reads:3) fail "$2/fail-reads" "$3" ;;
fail-writes:3) fail "$2/fail-writes" "$3" ;;
stop:2) stop "$2" ;;
*) sed -n '/^#   hanging/s/^#   //p' "$0" >&2; exit 2 ;;
esac
