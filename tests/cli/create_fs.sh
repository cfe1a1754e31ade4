#!/bin/bash
# SPDX-License-Identifier: ISC
#
# create_fs.sh - `create --fs`: each file system is made, is found clean by its own checker, and can be mounted from
# the block file, written, and read again; limits are known beforehand; a failed mkfs leaves nothing.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$SOURCE_DIR/tests/cli/lib_mount.sh"

mkdir m files
check=$work/check

make() { # OPTION...: makes $volume anew
    rm -f volume.coffer
    expect_status 0 "$COFFER" create volume.coffer --passphrase-file "$secret" "${small_kdf[@]}" "$@"
    expect_nothing_left
}

# The checker that says whether it is clean.
check_ext4() { e2fsck -fn m/volume; }
check_exfat() { fsck.exfat -n m/volume; }
check_vfat() { fsck.vfat -n m/volume; }
check_btrfs() { btrfs check --readonly m/volume; }
check_xfs() { xfs_repair -n -f m/volume; }
check_ntfs() { ntfsfix -n m/volume; }

check_clean() { # KIND
    "check_$1" >"$check" 2>&1 || {
        cat "$check"
        fail "$1 is not clean"
    }
}

can_loop() { # KIND: whether the kernel mounts it here, from a loop device
    [ "$(id -u)" -eq 0 ] && [ -e /dev/loop-control ] && losetup -f >/dev/null 2>&1 &&
        { grep -qw "$1" /proc/filesystems || modprobe "$1" 2>/dev/null; }
}

use_files() { # KIND: writes through a loop mount, closes everything, and reads it again
    local device
    device=$(losetup -f --show m/volume)
    at_end losetup -d "$device"
    mount -t "$1" "$device" files
    cp -r "$SOURCE_DIR/cli" files/
    umount files
    losetup -d "$device"
    unmount m
    mount_block volume.coffer m --read-only
    device=$(losetup -f --show --read-only m/volume)
    at_end losetup -d "$device"
    mount -t "$1" -o ro "$device" files
    diff -r "$SOURCE_DIR/cli" files/cli
    umount files
    losetup -d "$device"
}

tried=0
for kind in ext4 exfat vfat btrfs xfs ntfs; do
    command -v "mkfs.$kind" >/dev/null || continue
    for options in '' '--sector-size 512' --thick; do
        case $kind in btrfs) room=128M ;; xfs) room=304M ;; *) room=48M ;; esac
        # shellcheck disable=SC2086
        make --fs "$kind" --size "$room" --label holiday $options
        mount_block volume.coffer m
        check_clean "$kind"
        case $(blkid -p -o value -s TYPE m/volume) in
            "$kind") ;;
            *) fail "blkid finds $(blkid -p m/volume) instead of $kind" ;;
        esac
        expect_same holiday "$(blkid -p -o value -s LABEL m/volume | tr '[:upper:]' '[:lower:]')" "label of $kind"
        if can_loop "$kind"; then
            use_files "$kind"
            check_clean "$kind"
        fi
        unmount m
        expect_nothing_left
        tried=$((tried + 1))
    done
done
[ "$tried" -gt 0 ] || skip 'no mkfs is installed'

# auto is ext4, with room for its owner and a root directory that is theirs.
need_program mkfs.ext4
make --size 48M --label 'longer than sixteen bytes'
expect_error 'notice: ext4 cannot take .* as its label'
mount_block volume.coffer m
expect_same ext4 "$(blkid -p -o value -s TYPE m/volume)" 'file system of auto'
unmount m

# 1 TiB of ext4 in less than 32 MiB, and nothing to be zeroed later.
make --size 1T --fs ext4
used=$(du -k volume.coffer | cut -f1)
[ "$used" -lt 32768 ] || fail "1 TiB of ext4 takes $used KiB"
mount_block volume.coffer m
dumpe2fs m/volume 2>/dev/null | awk '/^Group [0-9]/ { groups++ } /ITABLE_ZEROED/ { zeroed++ }
    END { exit groups > 0 && groups == zeroed ? 0 : 1 }' || fail 'inode tables are left to be zeroed'
unmount m

# Too small, too large: before anything is made.
refuse() { # PATTERN OPTION...
    local pattern=$1
    shift
    rm -f volume.coffer
    expect_status 2 "$COFFER" create volume.coffer --passphrase-file "$secret" "${small_kdf[@]}" "$@"
    expect_error "$pattern"
    [ ! -e volume.coffer ] || fail 'something was created'
}
refuse 'xfs needs a volume of at least 302 MiB' --fs xfs --size 301M
refuse 'btrfs needs a volume of at least 111 MiB' --fs btrfs --size 110M
refuse 'exfat needs a volume of at least 5 MiB' --fs exfat --size 4M
refuse 'ntfs needs a volume of at least 4 MiB' --fs ntfs --size 3M
refuse 'ext4 needs a volume of at least 3 MiB' --fs ext4 --size 2M
refuse 'vfat needs a volume of at least 2 MiB' --fs vfat --size 1M
refuse 'vfat cannot be larger than 15[.]9 TiB' --fs vfat --size 17T
refuse 'vfat cannot be larger than 1[.]9 TiB' --fs vfat --size 3T --sector-size 512
# The smallest ones work.
for smallest in xfs:302M btrfs:111M exfat:5M ntfs:4M ext4:3M vfat:2M; do
    command -v "mkfs.${smallest%:*}" >/dev/null || continue
    make --fs "${smallest%:*}" --size "${smallest#*:}"
done

# A mkfs that fails shows why, and leaves no volume, no mount and no process.
if [ "$(id -u)" -eq 0 ] && unshare -m true 2>/dev/null; then
    cat >with-fake <<'END'
mount --bind fake "$1"
shift
exec "$@"
END
    with_fake() { # COMMAND...: where mkfs.ext4 is our own script
        unshare -m sh "$work/with-fake" "$program" "$@"
    }
    printf '#!/bin/sh\necho the first line\necho no such luck >&2\nexit 7\n' >fake
    chmod 755 fake
    program=$(realpath "$(command -v mkfs.ext4)")
    expect_status 1 with_fake "$COFFER" create \
        failed.coffer --size 8M --passphrase-file "$secret" "${small_kdf[@]}"
    expect_error 'mkfs.ext4: the first line'
    expect_error 'mkfs.ext4: no such luck'
    expect_error 'error: cannot make ext4: mkfs.ext4 failed with status 7'
    [ ! -e failed.coffer ] || fail 'a failed mkfs left a volume'
    expect_nothing_left

    # One that lies about it.
    printf '#!/bin/sh\nexit 0\n' >fake
    expect_status 1 with_fake "$COFFER" create \
        failed.coffer --size 8M --passphrase-file "$secret" "${small_kdf[@]}"
    expect_error 'mkfs.ext4 reported success, but none is there'
    [ ! -e failed.coffer ] || fail 'a volume without its file system'

    # Stopped in the middle: by a signal to coffer alone.
    printf '#!/bin/sh\necho $$ >"%s/started"\nexec sleep 600\n' "$work" >fake
    unshare -m sh with-fake "$program" "$COFFER" create failed.coffer --size 8M --passphrase-file "$secret" \
        "${small_kdf[@]}" 2>stderr &
    creating=$!
    wait_until test -s started
    kill "$creating"
    status=0
    wait "$creating" || status=$?
    expect_same 130 "$status" 'status of a create that was stopped'
    [ ! -e failed.coffer ] || fail 'a stopped create left a volume'
    expect_nothing_left

    # Killed in the middle: the next command cleans up.
    rm started
    unshare -m sh with-fake "$program" "$COFFER" create failed.coffer --size 8M --passphrase-file "$secret" \
        "${small_kdf[@]}" 2>stderr &
    creating=$!
    wait_until test -s started
    at_end kill "$(cat started)"
    expect_status 0 "$COFFER" list --json
    expect_json "[m for m in it['mounts'] if '$work' in m['mount_point']] == []"
    kill -KILL "$creating"
    wait "$creating" 2>/dev/null || true
    wait_until is_gone "$creating"
    expect_status 0 "$COFFER" list
    expect_nothing_left
    [ ! -e failed.coffer ] || fail 'a killed create left a volume'
fi
