#!/bin/bash
# SPDX-License-Identifier: ISC
#
# udisks.sh - `coffer mount VOLUME` without DIR: an ordinary user's files by the kernel's file system, loop device and
# mount by udisks2. Against one of the test's own that really does both, and then refuses, vanishes, is slow, and lies:
# each time with a clear error, and nothing left.

# Some kernels want user_allow_other in /etc/fuse.conf; here a namespace has one of its own.
if [ "$(id -u)" -eq 0 ] && [ -z "${COFFER_TEST_NAMESPACE:-}" ] && [ -e /etc/fuse.conf ] &&
    unshare --mount true 2>/dev/null; then
    COFFER_TEST_NAMESPACE=1 exec unshare --mount bash "$0" "$@"
fi
if [ -n "${COFFER_TEST_NAMESPACE:-}" ]; then
    # shellcheck source=tests/cli/lib_namespace.sh
    . "$(dirname "${BASH_SOURCE[0]}")/lib_namespace.sh"
    leave_mounts_of_others
fi

# shellcheck source=tests/cli/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=tests/cli/lib_mount.sh
. "$SOURCE_DIR/tests/cli/lib_mount.sh"
[ -w /dev/loop-control ] || skip 'there are no loop devices here'
[ -x "$BUILD_DIR/tests/udisks/fake_udisks" ] || skip 'built without udisks2'
need_program dbus-send losetup
as_nobody test -x "$COFFER" || skip 'an ordinary user cannot run the program'

# A user's volumes.
install -d -o nobody -m 0700 mine mine/run
make_volume mine/none.coffer
cp "$secret" mine/secret
chown nobody mine/*
chmod 0711 "$work"
cd mine
run=$work/mine/run

user() {
    as_nobody XDG_RUNTIME_DIR="$run" DBUS_SYSTEM_BUS_ADDRESS="$DBUS_SYSTEM_BUS_ADDRESS" "$COFFER" "$@"
}

# Without a bus.
export DBUS_SYSTEM_BUS_ADDRESS=unix:path=$work/none
expect_status 0 user create a.coffer --size 24M "${small_kdf[@]}" --passphrase-file secret
expect_status 2 user mount a.coffer --passphrase-file no-such-file
expect_error "'mount' needs DIR: .* there is no system bus"
expect_status 16 user mount a.coffer --via udisks --passphrase-file no-such-file
expect_error 'there is no system bus'

# shellcheck source=tests/cli/lib_udisks.sh
. "$SOURCE_DIR/tests/cli/lib_udisks.sh"

# On the bus nobody is called udisks2.
expect_status 16 user mount a.coffer --via udisks --passphrase-file no-such-file
expect_error 'udisks2 is not installed'
expect_error 'hint: name an empty directory'
fake_start

# What goes together.
expect_status 2 user mount a.coffer m --via udisks --passphrase-file no-such-file
expect_error 'takes no DIR'
for option in --block --via=fuse --via=loop --via=dm; do
    expect_status 2 user mount a.coffer "$option" --passphrase-file no-such-file
    expect_error "needs VOLUME and DIR"
done
expect_status 2 user mount a.coffer --owner nobody --passphrase-file no-such-file
expect_error "'--owner' does not go with '--via udisks'"
expect_status 2 "$COFFER" mount a.coffer --passphrase-file no-such-file
expect_error "needs VOLUME and DIR"
expect_status 2 "$COFFER" mount a.coffer --via udisks --passphrase-file no-such-file
expect_error 'is for ordinary users'

loops_left() { # over files of this test
    grep -lF "$work/" /sys/block/loop*/loop/backing_file 2>/dev/null || true
}

servers_left() {
    { find /proc/[0-9]*/fd -lname "$work/mine/*" 2>/dev/null || true; } | cut -d/ -f3 | sort -u
}

mounts_left() {
    awk -v work="$work/" 'index($5, work) == 1' /proc/self/mountinfo
}

nothing_left() {
    [ -z "$(loops_left)$(mounts_left)$(servers_left)" ] &&
        { [ ! -d "$run/coffer" ] || [ -z "$(ls -A "$run/coffer")" ]; }
}

show_left() {
    loops_left
    mounts_left
    find "$run"
    servers_left
}

expect_end() {
    local deadline=$((SECONDS + 60))
    until nothing_left; do
        [ "$SECONDS" -lt "$deadline" ] || { show_left; fail 'something is left'; }
        sleep 0.05
    done
}

mount_it() { # [OPTION...]: sets place
    expect_status 0 user mount a.coffer --passphrase-file secret "$@"
    place=$(cat "$work/stdout")
    mountpoint -q "$place" || fail "nothing is mounted at '$place'"
}

server_pid() {
    user list --json 2>/dev/null | sed -n 's/.*"server_pid": *\([0-9]*\).*/\1/p'
}

# A kernel from 6.17 on shows root no size of a file that only its user may see.
if [ -n "${COFFER_TEST_NAMESPACE:-}" ]; then
    echo >"$work/fuse.conf"
    mount --bind "$work/fuse.conf" /etc/fuse.conf
    status=0
    user mount a.coffer --passphrase-file secret >"$work/stdout" 2>"$work/stderr" || status=$?
    if [ "$status" -eq 0 ]; then
        expect_status 0 user unmount a.coffer
    else
        [ "$status" -eq 16 ] || { show_run; fail "status $status instead of 16"; }
        expect_error 'this kernel shows root nothing'
        expect_error 'hint: .*6\.17.* root adds it with: echo user_allow_other >>/etc/fuse.conf'
    fi
    expect_end
    echo user_allow_other >"$work/fuse.conf"
elif ! grep -qx user_allow_other /etc/fuse.conf; then
    skip 'there are no mount namespaces here, and no user_allow_other in /etc/fuse.conf'
fi

# There and back, by volume and by the path that was printed.
mount_it
case $place in "$media"/loop*) ;; *) fail "mounted at '$place'" ;; esac
grep -q " $place rw,nosuid,nodev,.* - ext4 /dev/loop" /proc/self/mountinfo || fail "$(grep "$place" /proc/self/mountinfo)"
as_nobody sh -c "echo text >$place/file"
expect_status 0 user list --json
expect_json "[m['way'] for m in $ours] == ['udisks']" "${ours}[0]['mount_point'] == '$place'"
expect_status 11 user mount a.coffer --passphrase-file secret
expect_error "it is mounted at '$place'"
expect_status 0 user unmount a.coffer
expect_silence
expect_end
expect_status 0 user mount a.coffer --passphrase-file secret --json --via udisks --read-only
expect_json "it['way'] == 'udisks'" "it['read_only']" "it['mount_point'].startswith('$media/')"
place=$(sed -n 's/.*"mount_point": "\([^"]*\)".*/\1/p' "$work/stdout")
expect_same text "$(cat "$place/file")" 'what was written'
! touch "$place/new" 2>/dev/null || fail 'written to a read-only mount'
expect_status 0 user unmount "$place"
expect_end

# A root directory that is root's: that is said.
make_volume roots.coffer --fs ext4 --size 24M
chown nobody roots.coffer
expect_status 0 user mount roots.coffer --passphrase-file secret
expect_error "warning: '$media/.*' belongs to another user"
expect_status 0 user unmount roots.coffer
expect_end

# In use: by whom; lazily it goes at once, and the volume with the last file.
mount_it
holder() { # the process of nobody's that has it open
    { find /proc/[0-9]*/fd -lname "$place/file" 2>/dev/null || true; } | cut -d/ -f3
}
has_holder() {
    [ -n "$(holder)" ]
}
as_nobody tail -f "$place/file" >/dev/null &
starter=$!
wait_until has_holder
pid=$(holder)
expect_status 11 user unmount "$place"
expect_error "in use by tail \(pid [0-9]*: $place/file\)"
expect_status 0 user unmount a.coffer --lazy
expect_error 'notice: .* files in it are still open'
! mountpoint -q "$place" || fail 'still in the tree'
kill "$pid"
wait "$starter" || true
expect_end

# Whoever unmounts: umount(8), and a signal to the server.
mount_it
umount "$place"
expect_end
mount_it
kill -TERM "$(server_pid)"
expect_end

# Killed: the next command cleans up, also when udisks2 is not there at first; and what was synced is there.
mount_it
as_nobody sh -c "echo precious >$place/precious && sync $place/precious"
pid=$(server_pid)
kill -KILL "$pid"
wait_until is_gone "$pid"
fake_end || true
expect_status 0 user list
expect_error 'warning: .*what it left cannot be'
fake_start
expect_status 0 user list
expect_error "the server of '$work/mine/a.coffer' died"
expect_end
mount_it
expect_same precious "$(cat "$place/precious")" 'a synced file after kill -9'
expect_status 0 user unmount --all
expect_end

# A user's word about other mounts is not taken.
truncate -s 16M "$work/other.img"
mkfs.ext4 -q "$work/other.img"
mkdir "$work/other"
mount -o loop "$work/other.img" "$work/other"
other=$(awk -v dir="$work/other" '$5 == dir { print $(NF - 1) }' /proc/self/mountinfo)
as_nobody mkdir -p -m 0700 "$run/coffer"
as_nobody sh -c "printf '%s\n%s\n' \
    '{\"schema\":\"coffer.mount_state/1\",\"volume\":\"/x\",\"mount_point\":\"$work/other\",\"way\":\"udisks\",\"format\":\"coffer\",\"source\":\"$other\",\"server_pid\":1,\"read_only\":false,\"is_private\":false,\"volume_device\":0,\"volume_inode\":0,\"started\":1}' \
    '{\"phase\":\"serving\",\"device\":$((16#$(stat -c %D "$work/other")))}' >$run/coffer/1.mount"
user list >/dev/null 2>&1 || true
mountpoint -q "$work/other" || fail 'a made-up state file unmounted it'
umount "$work/other"
rm -f "$run/coffer/1.mount"
expect_end

# udisks2 knows a new device a little later.
fake_is late
mount_it
expect_status 0 user unmount a.coffer
fake_is slow
mount_it
expect_status 0 user unmount a.coffer
expect_end
fake_is good

# Options: ours are checked first, then udisks2 decides.
mount_it --options noexec
grep -q " $place rw,nosuid,nodev,noexec" /proc/self/mountinfo || fail "options: $(grep "$place" /proc/self/mountinfo)"
expect_status 0 user unmount a.coffer
expect_status 2 user mount a.coffer --options nonsense --passphrase-file no-such-file
expect_status 2 user mount a.coffer --options compress=zstd --passphrase-file secret
expect_error "is no option of ext4"
expect_status 2 user mount a.coffer --options suid --passphrase-file secret
expect_error 'is not allowed'
expect_end
expect_status 16 user mount none.coffer --passphrase-file secret
expect_error 'no file system is in it'
expect_end

# What goes wrong: the status, the reason, and nothing left.
goes_wrong() { # MODE STATUS PATTERN
    fake_is "$1"
    expect_status "$2" user mount a.coffer --passphrase-file secret
    expect_error "^coffer: error: cannot mount 'a.coffer': $3"
    [ "$(wc -l <"$work/stderr")" -le 2 ] || fail "$1: more than an error and a hint: $(cat "$work/stderr")"
    expect_end
}
goes_wrong refuse-loop 16 'udisks2 does not allow it to this session'
expect_error "hint: it does at this machine's own screen"
goes_wrong refuse-mount 16 "udisks2 does not allow it without an administrator's password"
goes_wrong type-loop 1 'udisks2 gave an answer without sense'
goes_wrong type-mount 1 'udisks2 gave an answer without sense'
goes_wrong odd-path 1 'udisks2 gave an answer without sense'
goes_wrong lie-loop 1 'udisks2 says that it made a loop device'
goes_wrong lie-mount 1 'udisks2 says that it mounted it'
goes_wrong blank 1 'udisks2 finds no file system that it mounts'

# It vanishes: what it had made stays until it is back, and then the next command cleans up.
for mode in vanish-loop vanish-mount; do
    fake_is "$mode"
    status=0
    user mount a.coffer --passphrase-file secret >"$work/stdout" 2>"$work/stderr" || status=$?
    [ "$status" -eq 1 ] || [ "$status" -eq 16 ] || { show_run; fail "$mode: status $status"; }
    expect_error "cannot mount 'a.coffer': udisks2"
    fake_start
    expect_status 0 user list
    expect_end
done

# Ctrl-C while it does not answer.
fake_is hang-loop
as_nobody XDG_RUNTIME_DIR="$run" DBUS_SYSTEM_BUS_ADDRESS="$DBUS_SYSTEM_BUS_ADDRESS" \
    "$COFFER" mount a.coffer --passphrase-file secret >"$work/stdout" 2>"$work/stderr" &
asked=$!
has_private_mount() { grep -qF " $run/coffer/" /proc/self/mountinfo; }
wait_until has_private_mount
kill -INT "$({ find /proc/[0-9]*/fd -lname "$work/mine/a.coffer" 2>/dev/null || true; } | cut -d/ -f3 | sort -u)"
status=0
wait "$asked" || status=$?
[ "$status" -eq 130 ] || { show_run; fail "status $status after Ctrl-C"; }
expect_error 'interrupted: nothing is mounted'
fake_start
expect_status 0 user list
expect_end
