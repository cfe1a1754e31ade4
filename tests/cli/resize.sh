#!/bin/bash
# SPDX-License-Identifier: ISC
#
# `coffer resize`: container and file system grow together, nothing that was in it is lost, and what cannot work is
# refused before anything is changed: GROW-1, GROW-2, GROW-3. A thin volume stays thin: THICK-1.

# shellcheck source=tests/cli/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=tests/cli/lib_mount.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib_mount.sh"
PATH=$PATH:/usr/sbin:/sbin
need_program mkfs.ext4 e2fsck resize2fs debugfs

with=(--passphrase-file "$secret")
resize=("$COFFER" resize "${with[@]}")
mkdir m
MiB=$((1 << 20))

head -c 3000000 /dev/urandom >data
put_data() { # VOLUME: an ext file system with data in it
    mount_block "$1" m "${@:2}"
    debugfs -w -R 'write data data' m/volume >/dev/null 2>&1
    unmount m
}
expect_ext() { # VOLUME SIZE [OPTION...]: clean, of that many bytes at least, with the data
    mount_block "$1" m "${@:3}"
    e2fsck -fn m/volume >fsck 2>&1 || { cat fsck; fail "the file system in $1 is not clean"; }
    debugfs -R 'dump data there' m/volume >/dev/null 2>&1
    cmp data there || fail "the data in $1"
    dumpe2fs -h m/volume 2>/dev/null >superblock
    unmount m
    local size
    size=$(awk '/^Block count:/ { count = $3 } /^Block size:/ { print count * $3 }' superblock)
    [ "$size" -ge "$2" ] || fail "the file system in $1 has $size bytes"
    rm there
}
size_of() { stat -c %s "$1"; }

# ---- with ext4 ---------------------------------------------------------------------------------------------

make_volume a.coffer --fs ext4 --size 40M
put_data a.coffer
expect_status 0 "${resize[@]}" a.coffer 96M
expect_output "^'a.coffer': 96 MiB, with its ext4$"
expect_error '^coffer: notice: the volume will have 96 MiB \(100663296 bytes\)$'
expect_same $((96 * MiB)) "$(size_of a.coffer)" 'size'
[ $(($(stat -c %b a.coffer) * 512)) -lt $((40 * MiB)) ] || fail 'a thin volume is not thin any more'
expect_ext a.coffer $((94 * MiB))
expect_status 0 "$COFFER" check a.coffer "${with[@]}"
expect_status 0 "${resize[@]}" a.coffer +32M --json
expect_json 'it["schema"] == "coffer.resize/1"' 'it["volume"] == "a.coffer"' 'it["container_size"] == 128 << 20' \
    'it["data_size"] == (128 << 20) - 1152 * 1024' 'it["filesystem"] == "ext4"' 'it["filesystem_grown"]'
expect_ext a.coffer $((126 * MiB))
# the same again changes nothing
expect_status 0 "${resize[@]}" a.coffer 128M
expect_status 0 "${resize[@]}" a.coffer
expect_ext a.coffer $((126 * MiB))

# Only the container, then the rest: what a failed last step leaves, and how it goes on.
expect_status 0 "${resize[@]}" a.coffer 160M --container-only
expect_output "^'a.coffer': 160 MiB, what is in it as it was$"
expect_same $((160 * MiB)) "$(size_of a.coffer)" 'size'
expect_status 0 "${resize[@]}" a.coffer
expect_output "^'a.coffer': 160 MiB, with its ext4$"
expect_ext a.coffer $((158 * MiB))
# a file that somebody has made larger
truncate -s 170M a.coffer
expect_status 0 "${resize[@]}" a.coffer --quiet
expect_silence
expect_ext a.coffer $((168 * MiB))

make_volume thick.coffer --fs ext4 --size 16M --thick --sector-size 512
put_data thick.coffer
expect_status 0 "${resize[@]}" thick.coffer 24M
expect_ext thick.coffer $((22 * MiB))
[ $(($(stat -c %b thick.coffer) * 512)) -ge $((24 * MiB)) ] || fail 'a thick volume has holes'

# ---- refused, with nothing changed -------------------------------------------------------------------------

before=$(sha256sum <a.coffer)
expect_status 2 "${resize[@]}" a.coffer 100M
expect_error "^coffer: error: cannot resize 'a.coffer': it has 170 MiB, and a volume cannot be made smaller$"
expect_status 2 "${resize[@]}" a.coffer +64K
expect_error 'at least 128 KiB'
expect_status 2 "${resize[@]}" a.coffer 1X
expect_error "'1X' is not a size"
expect_status 2 "${resize[@]}" a.coffer ''
expect_status 2 "${resize[@]}" a.coffer +18446744073709551615
expect_status 2 "$COFFER" resize a.coffer 200M
expect_error 'there is no terminal'
expect_status 12 "$COFFER" resize a.coffer 200M --passphrase-file "$wrong"
expect_status 10 "${resize[@]}" missing.coffer 200M
mount_block a.coffer m
expect_status 11 "${resize[@]}" a.coffer 200M
expect_error "cannot resize 'a.coffer': it is mounted at '$work/m'"
unmount m
expect_same "$before" "$(sha256sum <a.coffer)" 'a volume that was not resized'

# A damaged file system: e2fsck -p does not dare.
make_volume bad.coffer --fs ext4 --size 16M
mount_block bad.coffer m
debugfs -w -R 'clri <2>' m/volume >/dev/null 2>&1
unmount m
expect_status 1 "${resize[@]}" bad.coffer 32M
expect_error "^coffer: error: cannot resize 'bad.coffer': the file system in it is damaged"
expect_error '^coffer: hint: .*e2fsck -f'
expect_same $((16 * MiB)) "$(size_of bad.coffer)" 'size of a volume with a damaged file system'

# ---- unmarked, with a hidden volume ------------------------------------------------------------------------

level=(--kdf-level 0)
printf 'hidden secret\n' >hidden
"$COFFER" create u.img --quiet --unmarked --fs ext4 --size 24M "${level[@]}" "${with[@]}" 2>/dev/null
put_data u.img "${level[@]}"
expect_status 0 "$COFFER" create --hidden u.img --quiet --size 4M --fs none --confirm u.img "${level[@]}" "${with[@]}" \
    --new-passphrase-file hidden
cleartext=$BUILD_DIR/tests/cleartext
kept=$("$cleartext" u.img "${level[@]}" --passphrase-file hidden | sha256sum)
expect_status 2 "$COFFER" resize u.img 32M "${level[@]}" --passphrase-file hidden
expect_error 'a hidden volume cannot grow'
expect_status 0 "${resize[@]}" u.img 32M "${level[@]}" --container-only
expect_same "$kept" "$("$cleartext" u.img "${level[@]}" --passphrase-file hidden | sha256sum)" 'the hidden volume'
expect_ext u.img $((20 * MiB)) "${level[@]}"

# ---- other contents ----------------------------------------------------------------------------------------

make_volume n.coffer --size 8M
expect_status 0 "${resize[@]}" n.coffer 16M
expect_output "^'n.coffer': 16 MiB, what is in it as it was$"
expect_error '^coffer: warning: no file system is recognised in it: only the container grows$'
if command -v mkfs.vfat >/dev/null; then
    make_volume v.coffer --fs vfat --size 16M
    expect_status 0 "${resize[@]}" v.coffer 32M --json
    expect_json 'it["filesystem"] == "vfat" and not it["filesystem_grown"]'
    expect_error 'vfat .* only the container grows'
fi

# ---- no space ----------------------------------------------------------------------------------------------

if [ "$(id -u)" -eq 0 ] && mkdir tiny && mount -t tmpfs -o size=20M tmpfs tiny 2>/dev/null; then
    make_volume tiny/t.coffer --fs ext4 --size 16M --thick
    put_data tiny/t.coffer
    expect_status 1 "${resize[@]}" tiny/t.coffer 64M
    expect_error 'no space left on device'
    expect_same $((16 * MiB)) "$(size_of tiny/t.coffer)" 'size after a growth without space'
    expect_ext tiny/t.coffer $((14 * MiB))
    umount tiny
fi

# ---- a last step that fails, or that somebody wants to interrupt -------------------------------------------

with_resize2fs() { # FILE COMMAND...: FILE in place of resize2fs, for COMMAND alone
    # shellcheck disable=SC2016 # expanded inside
    setsid --wait unshare --mount bash -c 'mount --bind "$1" "$2" && shift 2 && exec "$@"' bash "$1" "$program" "${@:2}"
}
program=/usr/sbin/resize2fs
[ -x "$program" ] || program=/sbin/resize2fs
if [ "$(id -u)" -eq 0 ] && unshare --mount true 2>/dev/null; then
    make_volume s.coffer --fs ext4 --size 16M
    put_data s.coffer
    : >missing
    expect_status 16 with_resize2fs missing "${resize[@]}" s.coffer 32M
    expect_error 'resize2fs is missing'
    expect_error '^coffer: hint: install the package e2fsprogs'
    expect_same $((16 * MiB)) "$(size_of s.coffer)" 'size without resize2fs'
    printf '#!/bin/sh\necho oh dear\nexit 1\n' >failing
    chmod +x failing
    expect_status 1 with_resize2fs failing "${resize[@]}" s.coffer 32M
    expect_error 'resize2fs: oh dear$'
    expect_error 'resize2fs failed with status 1$'
    expect_error '^coffer: warning: the volume has grown and is good, .*goes on$'
    expect_same $((32 * MiB)) "$(size_of s.coffer)" 'size'
    expect_ext s.coffer $((14 * MiB))
    # Ctrl-C goes to the whole process group of the terminal; the program that is at work must not die of it.
    cp "$program" real
    cat >interrupting <<SCRIPT
#!/bin/bash
kill -INT -- "-\$(ps -o pgid= -p \$PPID | tr -d ' ')" && touch "$work/interrupted"
exec "$work/real" "\$@"
SCRIPT
    chmod +x interrupting
    expect_status 0 with_resize2fs interrupting "${resize[@]}" s.coffer
    [ -e interrupted ] || fail 'nothing was interrupted'
    expect_ext s.coffer $((30 * MiB))
fi

# ---- what only the kernel can grow -------------------------------------------------------------------------

grow_mounted() { # FS SIZE NEW
    local loop_before
    command -v "mkfs.$1" >/dev/null || return 0
    make_volume "$1.coffer" --fs "$1" --size "$2"
    if [ "$(id -u)" -eq 0 ]; then
        chmod 0755 "$work"
        cp "$1.coffer" other.coffer && chown nobody other.coffer
        install -m 0644 "$secret" readable
        expect_status 16 as_nobody "$COFFER" resize "$work/other.coffer" "$3" --passphrase-file "$work/readable"
        expect_error "only while the kernel has it mounted"
        expect_same "$(size_of "$1.coffer")" "$(size_of other.coffer)" 'size after a refusal'
        rm other.coffer
        grep -qw "$1" /proc/filesystems || return 0
        loop_before=$(losetup --list --noheadings --output NAME | wc -l)
        expect_status 0 "${resize[@]}" "$1.coffer" "$3"
        expect_output "^'$1.coffer': .* with its $1$"
        mount_block "$1.coffer" m
        mkdir -p inner
        mount -o loop,ro m/volume inner
        [ "$(df --output=size -B 1M inner | tail -n 1)" -gt $((${3%M} * 8 / 10)) ] || fail "$1 did not grow"
        umount inner
        expect_status 0 "$COFFER" unmount m --wait 30
        [ "$(losetup --list --noheadings --output NAME | wc -l)" -le $((loop_before + 1)) ] || fail 'a loop device was left'
    else
        expect_status 16 "${resize[@]}" "$1.coffer" "$3"
    fi
}
grow_mounted btrfs 120M 320M
if [ -f btrfs.coffer ] && [ "$(id -u)" -eq 0 ]; then
    make_volume b.coffer --fs btrfs --size 120M
    expect_status 2 "${resize[@]}" b.coffer 240M # a limit of the kernel
    expect_error 'btrfs cannot be grown to less than 256 MiB'
fi
grow_mounted xfs 320M 640M

# ---- a device ----------------------------------------------------------------------------------------------

if [ "$(id -u)" -eq 0 ]; then
    truncate -s 16M disk.img
    if loop=$(losetup --find --show disk.img 2>/dev/null); then
        at_end losetup -d "$loop"
        expect_status 0 "$COFFER" create "$loop" --quiet --fs ext4 --confirm "${loop##*/}" "${small_kdf[@]}" "${with[@]}"
        put_data "$loop"
        truncate -s 32M disk.img
        losetup -c "$loop"
        expect_status 2 "${resize[@]}" "$loop" 24M
        expect_status 0 "${resize[@]}" "$loop"
        expect_ext "$loop" $((30 * MiB))
        losetup -d "$loop"
    fi
fi
expect_nothing_left
