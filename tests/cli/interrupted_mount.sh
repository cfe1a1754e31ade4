#!/bin/bash
# SPDX-License-Identifier: ISC
#
# interrupted_mount.sh - Ctrl-C and other signals while a mount is being made: nothing is left, the status is 130; and
# the same when the one who waits for the mount is killed.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$SOURCE_DIR/tests/cli/lib_mount.sh"

make_volume a.coffer
mkdir m
mkfifo secret-later

# The child that waits for the secret; its parent waits for it.
child_of() { # PID
    cat "/proc/$1/task/$1/children" 2>/dev/null
}

start() { # a mount that waits for its secret: $parent and $child
    "$COFFER" mount --block "$work/a.coffer" "$work/m" --passphrase-file "$work/secret-later" 2>stderr &
    parent=$!
    wait_until sh -c "[ -n \"\$(cat /proc/$parent/task/$parent/children 2>/dev/null)\" ]"
    child=$(child_of "$parent")
    child=${child// /}
}

# A signal to the parent is passed on. (Background jobs of a script ignore SIGINT, so it is not tried here.)
start
kill -TERM "$parent"
status=0
wait "$parent" || status=$?
expect_same 130 "$status" 'status after SIGTERM'
wait_until is_gone "$child"
expect_nothing_left

# A signal to the child.
for signal in TERM HUP; do
    start
    kill -"$signal" "$child"
    status=0
    wait "$parent" || status=$?
    expect_same 130 "$status" "status after SIG$signal to the child"
    expect_nothing_left
done

# The child is killed: the parent says so.
start
kill -KILL "$child"
status=0
wait "$parent" || status=$?
expect_same 1 "$status" 'status after the child was killed'
expect_error 'the server process was killed before it was ready'
expect_nothing_left

# The parent is killed: the child gives up.
start
kill -KILL "$parent"
wait "$parent" 2>/dev/null || true
wait_until is_gone "$child"
expect_nothing_left

# At any moment: from the start over the key derivation to the mount. Either it is mounted and usable, or there is
# nothing; never half of it. Files take longer than the block file, and a loop device longer still.
interrupt() { # TIMES STEP VOLUME FILE MOUNT-OPTION...: FILE is there when it is mounted
    local times=$1 step=$2 volume=$3 file=$4 mounted=0 interrupted=0 i j
    for ((i = 0; i < times; i++)); do
        "$COFFER" mount "${@:5}" "$work/$volume" "$work/m" --passphrase-file "$secret" 2>stderr &
        parent=$!
        while [ -e "/proc/$parent" ] && [ ! "/proc/$parent/exe" -ef "$COFFER" ]; do :; done
        for ((j = 0; j < i * step; j++)); do :; done # a little longer each time
        kill -TERM "$parent" 2>/dev/null || true
        status=0
        wait "$parent" || status=$?
        case $status in
            0)
                [ -e "m/$file" ] || fail "mounted with ${*:5}, and $file is not there"
                unmount m
                mounted=$((mounted + 1))
                ;;
            130 | 143) interrupted=$((interrupted + 1)) ;;
            *) fail "${*:5}: status $status: $(cat stderr)" ;;
        esac
        wait_until has_no_process
        expect_nothing_left
        ! losetup -l 2>/dev/null | grep -F "$work" || fail "${*:5}: a loop device is left"
    done
    echo "${*:5}: $mounted were mounted, $interrupted were not"
}
make_volume files.coffer --fs ext4 --size 16M
interrupt 40 500 a.coffer volume --block
interrupt 30 1000 files.coffer lost+found --via fuse
if [ "$(id -u)" -eq 0 ] && [ -w /dev/loop-control ] && grep -qw ext4 /proc/filesystems; then
    interrupt 30 2000 files.coffer lost+found --via loop
fi

# On a terminal: Ctrl-C at the passphrase.
expect_status 0 /usr/bin/python3 - "$COFFER" "$work" <<'END'
import os, pty, sys, time, termios

coffer, work = sys.argv[1:]
pid, terminal = pty.fork()
if pid == 0:
    os.execv(coffer, [coffer, "mount", "--block", work + "/a.coffer", work + "/m"])
said = b""
while b": " not in said:
    said += os.read(terminal, 1000)
while termios.tcgetattr(terminal)[3] & termios.ECHO:
    time.sleep(0.01)
os.write(terminal, b"half a passph\x03")
_, status = os.waitpid(pid, 0)
assert os.waitstatus_to_exitcode(status) == 130, status
assert termios.tcgetattr(terminal)[3] & termios.ECHO, "echo is left off"
END
wait_until has_no_process
expect_nothing_left

# And the right one, with the mount in use after the terminal is gone.
expect_status 0 /usr/bin/python3 - "$COFFER" "$work" "$secret" <<'END'
import os, pty, sys, time, termios

coffer, work, secret = sys.argv[1:]
pid, terminal = pty.fork()
if pid == 0:
    os.execv(coffer, [coffer, "mount", "--block", work + "/a.coffer", work + "/m"])
said = b""
while b": " not in said:
    said += os.read(terminal, 1000)
while termios.tcgetattr(terminal)[3] & termios.ECHO:
    time.sleep(0.01)
os.write(terminal, open(secret, "rb").read())
_, status = os.waitpid(pid, 0)
os.close(terminal)
assert os.waitstatus_to_exitcode(status) == 0, status
END
head -c 1 m/volume >stdout
unmount m
expect_nothing_left
