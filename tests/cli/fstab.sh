#!/bin/bash
# SPDX-License-Identifier: ISC
#
# fstab.sh - volumes in fstab: `mount DIR` and `umount DIR` by mount(8) itself, through mount.coffer, for root and for
# an ordinary user, with secrets from files and from systemd-ask-password. In a mount namespace of its own, where the
# helper is in /sbin and the fstab is the test's.

# shellcheck source=tests/cli/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=tests/cli/lib_mount.sh
. "$SOURCE_DIR/tests/cli/lib_mount.sh"

need_root
need_program unshare e2fsck
if [ "${COFFER_TEST_INSIDE:-}" != "$PPID" ]; then
    mkdir probe probe/low probe/up probe/work probe/all
    unshare --mount --propagation private mount -t overlay overlay \
        -o "lowerdir=$work/probe/low,upperdir=$work/probe/up,workdir=$work/probe/work" "$work/probe/all" 2>/dev/null ||
        skip 'there are no mount namespaces or no overlay file systems here'
    COFFER_TEST_INSIDE=$$ unshare --mount --propagation private bash "$SOURCE_DIR/tests/cli/fstab.sh" && exit 0
    exit $?
fi

# Inside.
# shellcheck source=tests/cli/lib_namespace.sh
. "$SOURCE_DIR/tests/cli/lib_namespace.sh"
leave_mounts_of_others
mkdir up overlay_work m n theirs
mount -t overlay overlay -o "lowerdir=/usr/sbin,upperdir=$work/up,workdir=$work/overlay_work" /usr/sbin
ln -s "$COFFER" /usr/sbin/mount.coffer
make_volume a.coffer --size 64M --fs ext4
cp a.coffer theirs/
cp "$secret" theirs/secret
install -d -o nobody -m 0700 theirs/m
chown nobody theirs/*
chmod 0711 "$work"
fstab=$(mktemp "${TMPDIR:-/tmp}/coffer-fstab.XXXXXX") # not below $work: what is mounted from there counts as left
at_end rm -f "$fstab"
chmod 0644 "$fstab"
cat >"$fstab" <<END
$work/a.coffer $work/m coffer noauto,_netdev,passphrase-file=$secret,noexec 0 0
$work/a.coffer $work/n coffer noauto,_netdev,nofail,x-systemd.requires=network.target 0 0
$work/theirs/a.coffer $work/theirs/m coffer noauto,user,_netdev,passphrase-file=$work/theirs/secret 0 0
END
mount --bind "$fstab" /etc/fstab
at_end umount /etc/fstab

serves() { # VOLUME: there is a server for it
    pgrep -f "mount.coffer $work/$1 " >/dev/null
}

ends() { # VOLUME
    ! serves "$1"
}

# Root: the line of fstab says it all.
expect_status 0 mount "$work/m"
expect_silence
is_mounted m || fail 'not mounted'
grep -q " $work/m [^ ]*nosuid,nodev,noexec" /proc/self/mountinfo || fail "options: $(grep "$work/m" /proc/self/mountinfo)"
echo precious >m/file
expect_status 0 umount "$work/m"
wait_until ends a.coffer
expect_status 0 mount "$work/m" -o ro
expect_same precious "$(cat m/file)" 'what was written'
! touch m/new 2>/dev/null || fail 'written to a read-only mount'
expect_status 0 "$COFFER" unmount m
expect_status 0 mount -t coffer a.coffer m -o "via=fuse,passphrase-file=$secret"
grep -q " $work/m .* - fuse.coffer" /proc/self/mountinfo || fail 'via=fuse is not heeded'
expect_status 0 umount m
wait_until ends a.coffer

# Failures are mount's: 32, and 1 for what cannot be right; the reason is ours.
expect_status 32 mount -t coffer a.coffer m -o "passphrase-file=$wrong"
expect_error 'coffer: error: .*no key slot opens'
expect_status 32 mount -t coffer no-such m -o "passphrase-file=$secret"
expect_status 1 mount -t coffer a.coffer m -o nonsense
expect_error "error: unknown option 'nonsense'"
expect_status 0 mount -f -t coffer a.coffer m -o "passphrase-file=$wrong"
expect_nothing_left

# An ordinary user, by the word `user`; and nobody else may unmount it.
expect_status 0 runuser -u nobody -- mount "$work/theirs/m"
expect_same "$(id -u nobody)" "$(awk -v dir="$work/theirs/m" '$5 == dir' /proc/self/mountinfo | sed 's/.*user_id=\([0-9]*\).*/\1/')" \
    'whose mount it is'
expect_status 0 runuser -u nobody -- sh -c "echo theirs >$work/theirs/m/theirs && cat $work/theirs/m/theirs"
expect_output theirs
expect_status 0 runuser -u nobody -- umount "$work/theirs/m"
wait_until ends theirs/a.coffer
! runuser -u nobody -- mount "$work/m" 2>/dev/null || fail 'a user mounts what is not for users'

# The example of a user's unit is one that systemd understands.
if command -v systemd-analyze >/dev/null; then
    sed "s,/usr/bin/coffer,$COFFER," "$SOURCE_DIR/contrib/systemd/secret.service" >secret.service
    expect_status 0 systemd-analyze verify --user --man=no ./secret.service
    expect_silence
fi

# No secret in fstab and no terminal: the agents of the system are asked.
reply=/lib/systemd/systemd-reply-password
[ -x "$reply" ] && command -v systemd-ask-password >/dev/null || exit 0

question() { # prints the file of the question that is about our volume
    grep -lsFx "Id=coffer:$work/a.coffer" /run/systemd/ask-password/ask.*
}

answer() { # 1 TEXT or 0: yes with an answer, or no
    wait_until question >/dev/null
    socket=$(sed -n 's/^Socket=//p' "$(question)")
    grep -qFx "Message=Passphrase for '$work/a.coffer'" "$(question)" || fail "asked: $(cat "$(question)")"
    printf '%s' "${2:-}" | "$reply" "$1" "$socket"
}

mount "$work/n" >stdout 2>stderr &
waiting=$!
answer 1 'correct horse'
wait "$waiting" || fail "mount after the answer: $(cat stderr)"
is_mounted n || fail 'not mounted'
expect_status 0 umount n
wait_until ends a.coffer
mount "$work/n" >stdout 2>stderr &
waiting=$!
answer 0
status=0
wait "$waiting" || status=$?
expect_same 32 "$status" 'status when nobody answers'
expect_error 'brought no passphrase'

# Who gives up asking takes the question back.
"$COFFER" mount "$work/a.coffer" m --askpass 2>stderr &
waiting=$!
wait_until question >/dev/null
kill -TERM "$waiting"
status=0
wait "$waiting" || status=$?
expect_same 130 "$status" 'status of an interrupted mount'
wait_until eval '! question'
expect_status 2 "$COFFER" mount a.coffer m --askpass --passphrase-file "$secret"
expect_error 'comes from one place'
expect_nothing_left
