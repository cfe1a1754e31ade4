# SPDX-License-Identifier: ISC
# shellcheck shell=bash disable=SC2034,SC2154
#
# An ordinary user in an active session of a desktop, and the real udisks2 and polkit: `coffer mount VOLUME` without a
# directory, for file systems that this program does not know as well; used, busy, unmounted in every way, its server
# killed, and nothing left. Of two USB sticks polkit lets one be opened.

modules='fuse loop btrfs exfat nls_utf8 xhci-pci usb-storage sd_mod'
memory=1024
create=(--kdf-memory 8M --kdf-passes 1 --quiet --passphrase-file secret)

# An administrator's password nobody can type here; a rule stands for it.
prepare() {
    cat >polkit.rules <<'EOF'
polkit.addRule(function(action, subject) {
    if (action.id == "org.freedesktop.udisks2.open-device" && action.lookup("device") == "/dev/sdb" &&
        subject.user == "user" && subject.active) {
        return polkit.Result.YES;
    }
});
EOF
}

expect() { # STATUS COMMAND...
    local status=0
    "${@:2}" >said 2>&1 || status=$?
    [ "$status" -eq "$1" ] || { cat said; echo "status $status instead of $1: ${*:2}"; return 1; }
}

says() { # PATTERN: what was run last
    grep -q -- "$1" said || { cat said; echo "nothing says '$1'"; return 1; }
}

nothing_is_left() {
    ! compgen -G '/sys/block/loop*/loop'
    test -z "$(ls -A /run/user/1000/coffer 2>/dev/null)"
    test -z "$(coffer list 2>/dev/null)"
    ! grep -e '^/dev/loop' -e fuse.coffer /proc/mounts
}

there_and_back() { # TYPE SIZE
    local place
    coffer create "$1.coffer" --size "$2" --fs "$1" "${create[@]}" 2>/dev/null
    place=$(coffer mount "$1.coffer" --passphrase-file secret)
    grep "^/dev/loop[0-9]* $place $1 rw,nosuid,nodev" /proc/mounts
    coffer list | grep "$place *udisks *rw"
    echo "text in $1" >"$place/file"
    coffer unmount "$1.coffer"
    nothing_is_left
    place=$(coffer mount "$1.coffer" --passphrase-file secret --read-only)
    test "$(cat "$place/file")" = "text in $1"
    ! touch "$place/new" 2>/dev/null
    coffer unmount "$place"
    nothing_is_left
}

# The root directory of a new btrfs is root's, which is said.
roots() {
    coffer create b.coffer --size 128M --fs btrfs "${create[@]}" 2>/dev/null
    expect 0 coffer mount b.coffer --passphrase-file secret
    says 'warning: .* belongs to another user'
    grep '^/dev/loop[0-9]* /media/user/[^ ]* btrfs rw,nosuid,nodev' /proc/mounts
    coffer unmount b.coffer
    nothing_is_left
}

lives() { # of a mount
    local place pid
    place=$(coffer mount ext4.coffer --passphrase-file secret)
    exec 7>"$place/open"
    expect 11 coffer unmount "$place"
    says "in use by bash (pid [0-9]*: $place/open)"
    exec 7>&-
    coffer unmount "$place"
    nothing_is_left

    coffer mount ext4.coffer --passphrase-file secret >/dev/null
    udisksctl unmount -b /dev/loop0 >/dev/null
    wait_until nothing_is_left >/dev/null

    place=$(coffer mount ext4.coffer --passphrase-file secret)
    echo precious >"$place/precious"
    sync "$place/precious"
    pid=$(coffer list --json | sed -n 's/.*"server_pid": \([0-9]*\).*/\1/p')
    kill -9 "$pid"
    wait_until test ! -e "/proc/$pid"
    expect 0 coffer list
    says "the server of '/home/user/ext4.coffer' died"
    wait_until nothing_is_left >/dev/null
    place=$(coffer mount ext4.coffer --passphrase-file secret)
    test "$(cat "$place/precious")" = precious
    coffer unmount --all
    nothing_is_left
}

sticks() {
    local place
    wait_until test -b /dev/sdb
    expect 16 coffer create /dev/sda --confirm sda "${create[@]}"
    expect 16 coffer info /dev/sda
    says "notice: .*without an administrator's password"
    expect 0 coffer create /dev/sdb --confirm sdb --thick "${create[@]}"
    expect 0 coffer info /dev/sdb
    place=$(coffer mount /dev/sdb --passphrase-file secret)
    echo stick >"$place/file"
    expect 11 coffer mount /dev/sdb m --passphrase-file secret
    coffer unmount /dev/sdb
    coffer mount /dev/sdb m --passphrase-file secret
    test "$(cat m/file)" = stick
    coffer unmount m
    nothing_is_left
}

guest() {
    cd /home/user || return
    mkdir m
    echo secret >secret
    loginctl show-session "$XDG_SESSION_ID" -p Active -p Seat
    there_and_back ext4 24M
    there_and_back exfat 24M
    roots
    lives
    sticks
}

host() {
    local number sticks=(-device 'qemu-xhci,id=xhci')
    for number in 0 1; do
        truncate -s 48M "$work/stick$number"
        sticks+=(-blockdev "driver=file,filename=$work/stick$number,node-name=stick$number"
            -device "usb-storage,drive=stick$number,bus=xhci.0")
    done
    desktop_start "${sticks[@]}"
    machine_wait
}
