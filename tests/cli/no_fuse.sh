#!/bin/bash
# SPDX-License-Identifier: ISC
#
# no_fuse.sh - without /dev/fuse, fusermount3 or mkfs: exit 16 says what is missing and what to do, before anything
# is made. Simulated in a mount namespace of its own.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$SOURCE_DIR/tests/cli/lib_mount.sh"

need_root
need_program unshare mknod
unshare -m true 2>/dev/null || skip 'no mount namespace can be made here'

make_volume a.coffer
mkdir m
cp "$secret" theirs
chmod 0711 "$work"
chown nobody a.coffer theirs m
install -d -o nobody -m 0700 nobody-run

# A /dev of our own has only what is put there.
cat >small-dev <<'END'
mount -t tmpfs none /dev
for node in null:3 zero:5 full:7 random:8 urandom:9; do mknod -m 666 /dev/${node%:*} c 1 ${node#*:}; done
mknod -m 666 /dev/tty c 5 0
END

in_namespace() { # SCRIPT COMMAND...: runs SCRIPT as root in a new mount namespace, then COMMAND there
    local script=$1
    shift
    unshare -m sh -c "$script"'
exec "$@"' sh "$@"
}

as_user_there() { # what follows runs as an ordinary user
    printf 'runuser -u nobody -- env XDG_RUNTIME_DIR=%s/nobody-run ' "$work"
}
read -ra user <<<"$(as_user_there)"

missing=$(cat small-dev)
expect_status 16 in_namespace "$missing" "$COFFER" mount --block a.coffer m --passphrase-file "$secret"
expect_error "cannot mount 'a.coffer': /dev/fuse is missing"
expect_error 'hint: .*modprobe fuse'
expect_status 16 in_namespace "$missing" "$COFFER" create b.coffer --size 8M --passphrase-file "$secret" "${small_kdf[@]}"
expect_error '/dev/fuse is missing'
expect_error 'hint: .*modprobe fuse'
[ ! -e b.coffer ] || fail 'something was created'
expect_status 0 in_namespace "$missing" "$COFFER" create c.coffer --fs none --size 8M --passphrase-file "$secret" \
    "${small_kdf[@]}"

forbidden="$missing
mknod -m 600 /dev/fuse c 10 229"
expect_status 16 in_namespace "$forbidden" "${user[@]}" "$COFFER" mount --block a.coffer m --passphrase-file theirs
expect_error 'no permission to use /dev/fuse'

absent="$missing
mknod -m 666 /dev/fuse c 10 254"
expect_status 16 in_namespace "$absent" "$COFFER" mount --block a.coffer m --passphrase-file "$secret"
expect_error 'this kernel has no FUSE'
expect_error 'hint: .*modprobe fuse'

# Programs disappear behind an overlay over their directory.
mkdir upper workdir
unshare -m mount -t overlay -o "lowerdir=/usr/bin,upperdir=$work/upper,workdir=$work/workdir" none /usr/bin \
    2>/dev/null || skip 'no overlay can be mounted here: what follows is not tried'

hide() { # NAME: a script that hides the program wherever it is
    local directory
    for directory in /usr/sbin /usr/bin /sbin /bin; do
        [ -e "$directory/$1" ] && [ "$(realpath "$directory")" = "$directory" ] || continue
        rm -rf "$work/upper" "$work/workdir"
        mkdir "$work/upper" "$work/workdir"
        echo "mount -t overlay -o lowerdir=$directory,upperdir=$work/upper,workdir=$work/workdir none $directory"
        echo "rm $directory/$1"
    done
}

without=$(hide fusermount3)
expect_status 16 in_namespace "$without" "${user[@]}" "$COFFER" mount --block a.coffer m --passphrase-file theirs
expect_error 'fusermount3 is missing'
expect_error 'hint: .*package fuse3'
expect_status 16 in_namespace "$without" "${user[@]}" "$COFFER" create "$work/m/b.coffer" --size 8M \
    --passphrase-file theirs "${small_kdf[@]}"
expect_error 'fusermount3 is missing'
expect_error 'hint: .*package fuse3'
expect_same '' "$(ls -A m)" 'what create left'
# root needs none
cat >mount-and-unmount <<'END'
"$COFFER" mount --block a.coffer m --passphrase-file secret && "$COFFER" unmount m
END
expect_status 0 in_namespace "$without" sh mount-and-unmount

# A missing mkfs is named with its package before anything is made.
for kind in ext4:e2fsprogs exfat:exfatprogs vfat:dosfstools btrfs:btrfs-progs xfs:xfsprogs ntfs:ntfs-3g; do
    expect_status 16 in_namespace "$(hide "mkfs.${kind%:*}")" "$COFFER" create b.coffer --fs "${kind%:*}" --size 400M \
        --passphrase-file "$secret" "${small_kdf[@]}"
    expect_error "mkfs.${kind%:*} is missing"
    expect_error "hint: .*package ${kind#*:}"
    [ ! -e b.coffer ] || fail 'something was created'
done
expect_nothing_left
