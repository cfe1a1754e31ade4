#!/bin/bash
# SPDX-License-Identifier: ISC
#
# Hidden volumes: made at the end of an outer one after a warning, opened by their own secret, not seen by the outer one,
# and, protected, out of reach for it; that it is lost otherwise is said (HIDDEN-7): HIDDEN-1, HIDDEN-3, HIDDEN-5, HIDDEN-6, HIDDEN-8, BODY-6.

# shellcheck source=tests/cli/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

with=(--passphrase-file "$secret")
printf 'hidden secret\n' >hidden
hidden=(--new-passphrase-file hidden)
level=(--kdf-level 0)
hide=("$COFFER" create --hidden "${with[@]}" "${hidden[@]}" --fs none)
cleartext=$BUILD_DIR/tests/cleartext
sum() { sha256sum <"$1"; }

"$COFFER" create u.img --quiet --unmarked --size 8M --fs none "${level[@]}" "${with[@]}" 2>/dev/null
make_volume m.coffer --fill
make_volume thin.coffer
make_volume thick.coffer --thick

# ---- what it refuses, with nothing touched -----------------------------------------------------------------

before=$(cat ./*.img ./*.coffer | sha256sum)
expect_status 2 "${hide[@]}" m.coffer
expect_error "'--hidden' needs '--size'"
expect_status 2 "${hide[@]}" thin.coffer --size 1M --confirm thin.coffer
expect_error 'was not filled with noise'
expect_status 2 "${hide[@]}" thick.coffer --size 1M --confirm thick.coffer
expect_status 2 "${hide[@]}" m.coffer --size 8M --confirm m.coffer
expect_error "a hidden volume in 'm.coffer' can have 64 KiB to 6.8 MiB"
expect_status 2 "${hide[@]}" m.coffer --size 32K --confirm m.coffer
expect_status 12 "$COFFER" create --hidden --passphrase-file "$wrong" "${hidden[@]}" m.coffer --size 1M --confirm m.coffer --fs none
expect_status 2 "$COFFER" create --hidden "${with[@]}" --new-passphrase-file "$secret" m.coffer --size 1M --confirm m.coffer --fs none
expect_error 'this secret opens the volume already'
expect_status 2 "${hide[@]}" m.coffer --size 1M
expect_error "^coffer: warning: .*how far the files of the outer volume reach is not known"
expect_error "^coffer: warning: the last 1 MiB \(1048576 bytes\) of the outer volume in 'm.coffer' will be overwritten, .*hidden"
expect_error "without a terminal that takes --confirm 'm.coffer'"
expect_status 2 "${hide[@]}" m.coffer --size 1M --confirm u.img
expect_status 2 "${hide[@]}" m.coffer --size 1M --confirm m.coffer --name "$(printf '%041d' 0)"
for option in --thin --thick --fill --unmarked '--kdf-memory 8M' '--kdf-passes 1' --force --recovery-key '--header-backup b'; do
    # shellcheck disable=SC2086 # an option and its value
    expect_status 2 "${hide[@]}" m.coffer --size 1M --confirm m.coffer $option
    expect_error "'?${option%% *}'? "
done
expect_status 2 "$COFFER" create n.coffer --size 8M --fs none "${with[@]}" "${hidden[@]}"
expect_error "a second secret is for '--hidden'"
expect_status 10 "${hide[@]}" missing.coffer --size 1M
expect_same "$before" "$(cat ./*.img ./*.coffer | sha256sum)" 'volumes after refusals'
rm thin.coffer thick.coffer

# ---- made and opened ---------------------------------------------------------------------------------------

expect_hidden() { # VOLUME OPTION...: both secrets open their own
    expect_status 0 "$COFFER" info "$1" "${with[@]}" "${@:2}" --json
    expect_json 'not it["hidden"]' 'it["data_size"] == (8 << 20) - 1152 * 1024'
    expect_status 0 "$COFFER" info "$1" --passphrase-file hidden "${@:2}" --json
    expect_json 'it["hidden"]' 'it["data_size"] == 1 << 20' 'it["filled"] and not it["thin"]' \
        'it["data_offset"] + it["data_size"] == (8 << 20) - 128 * 1024'
}
outer_of_m=$("$cleartext" m.coffer "${with[@]}" | sha256sum)
expect_status 0 "${hide[@]}" m.coffer --size 1M --confirm m.coffer --name secret --json
expect_json 'it == {"schema": "coffer.create/1", "volume": "m.coffer", "hidden": True, "data_size": 1 << 20, "sector_size": 4096, "filesystem": None}'
expect_error 'protect-hidden'
expect_hidden m.coffer
expect_status 0 "${hide[@]}" u.img --size 1M --confirm u.img "${level[@]}"
expect_output "^'u.img': 1 MiB, hidden, without a file system$"
expect_hidden u.img "${level[@]}"
# nothing of the outer volume has changed but what the hidden one will write
expect_same "$outer_of_m" "$("$cleartext" m.coffer "${with[@]}" | sha256sum)" 'cleartext of the outer volume'
expect_status 0 "$COFFER" check m.coffer "${with[@]}"
expect_status 0 "$COFFER" check m.coffer --passphrase-file hidden
expect_status 2 "$COFFER" create --hidden --passphrase-file hidden --new-passphrase-file "$wrong" m.coffer --size 1M --fs none
expect_error "the outer one's is needed"
# key commands work in it, and leave the outer one alone
expect_status 0 "$COFFER" key list m.coffer --passphrase-file hidden
expect_output '^0 +passphrase .* secret$'
expect_status 0 "$COFFER" key add m.coffer --passphrase-file hidden --new-passphrase-file "$wrong"
expect_status 0 "$COFFER" info m.coffer --passphrase-file "$wrong" --json
expect_json 'it["hidden"] and it["slots_used"] == 2'
expect_status 0 "$COFFER" key add m.coffer "${with[@]}" --new-key-file m.coffer
expect_hidden m.coffer
# an owner who does not know of it repairs the outer header
printf x | dd of=m.coffer conv=notrunc status=none
expect_status 0 "$COFFER" check m.coffer "${with[@]}" --repair
expect_hidden m.coffer

in_terminal "see:Passphrase of the outer volume in 'u.img': " echo:off 'type:correct horse' "see:Type 'u.img' to overwrite the end" \
    type:u.img "see:New passphrase of the hidden volume in 'u.img': " echo:off 'type:another one' see:again echo:off \
    'type:another one' exit:0 hidden:horse hidden:another -- "$COFFER" create --hidden u.img --size 1M --fs none "${level[@]}"
printf 'another one\n' >another
expect_status 12 "$COFFER" info u.img --passphrase-file hidden "${level[@]}"
mv another hidden
expect_hidden u.img "${level[@]}"

# ---- protected ---------------------------------------------------------------------------------------------

{ : <>/dev/fuse; } 2>/dev/null || skip '/dev/fuse cannot be opened: protection was not tested'
# shellcheck source=tests/cli/lib_mount.sh
. "$SOURCE_DIR/tests/cli/lib_mount.sh"
mkdir m
protect=("$COFFER" mount --block --protect-hidden u.img m "${level[@]}" "${with[@]}")
put() { # OFFSET SIZE [OPTION...]: x's into the block file, nothing cut off
    head -c "$2" /dev/zero | tr '\0' x | dd of=m/volume bs="$2" seek="$1" oflag=seek_bytes conv=notrunc status=none "${@:3}"
}
wall=$(((8 << 20) - 1152 * 1024 - (1 << 20)))

expect_status 0 "$COFFER" mount --block u.img m "${level[@]}" --passphrase-file hidden
put 0 100000
unmount m
hidden_content() { "$cleartext" u.img "${level[@]}" --passphrase-file hidden | sha256sum; }
kept=$(hidden_content)

expect_status 2 "${protect[@]}" --new-passphrase-file hidden --read-only
expect_status 2 "$COFFER" mount --block u.img m "${level[@]}" "${with[@]}" --new-passphrase-file hidden
expect_error "a second secret is for '--protect-hidden'"
expect_status 2 "${protect[@]}"
expect_error '^coffer: hint: .*--new-passphrase-file'
expect_status 12 "${protect[@]}" --new-passphrase-file "$wrong"
expect_status 12 "${protect[@]}" --new-passphrase-file "$secret"
expect_nothing_left
in_terminal 'see:Passphrase of the outer volume' echo:off 'type:correct horse' 'see:Passphrase of the hidden volume' echo:off \
    'type:another one' exit:0 -- "$COFFER" mount --block --protect-hidden u.img m "${level[@]}"
unmount m

expect_status 0 "${protect[@]}" --new-passphrase-file hidden --json
expect_json 'it["protects_hidden"]'
expect_status 0 "$COFFER" list
expect_output ' protect  [0-9]+$'
expect_no_error .
put 4096 1000000 || fail 'the outer volume cannot be written'
put $((wall - 4096)) 4096 || fail 'the last block before the hidden volume cannot be written'
dd if=m/volume of=before bs=64K skip=$((wall - 65536)) iflag=skip_bytes status=none
expect_refused() { # OFFSET SIZE [OPTION...]: not permitted at write, and what is there stays
    expect_status 1 put "$@"
    expect_error 'Operation not permitted'
    dd if=m/volume of=after bs=64K skip=$((wall - 65536)) iflag=skip_bytes status=none
    cmp before after || fail 'the refused write is there'
    dd if=m/volume of=after bs=64K skip=$((wall - 65536)) iflag=skip_bytes,direct status=none
    cmp before after || fail 'the refused write is on the medium'
}
expect_refused "$wall" 4096
expect_refused $((wall - 4096)) 8192
expect_refused $((wall + 1)) 1
expect_refused $((wall + (1 << 20) - 512)) 512 oflag=seek_bytes,direct
expect_refused $((wall - 4096)) 65536 conv=notrunc,fsync
is_mounted m || fail 'a refused write ended the mount'
put 0 4096 || fail 'the outer volume can no longer be written'
expect_status 0 "$COFFER" list
expect_error "^coffer: warning: writes into the hidden volume in '$work/u.img' were refused"
expect_same 1 "$(wc -l <stderr)" 'warnings of list'
expect_status 0 "$COFFER" list --json
expect_json "any(m['protects_hidden'] and m['refused_writes'] for m in it['mounts'] if m['mount_point'] == '$work/m')"
expect_status 0 "$COFFER" unmount m
expect_error "^coffer: warning: writes into the hidden volume in '$work/u.img' were refused"
expect_same 1 "$(wc -l <stderr)" 'warnings of unmount'
expect_same "$kept" "$(hidden_content)" 'the hidden volume'
expect_nothing_left

# A loop device over it gets the error, too, and its owner's file system can go on.
if [ "$(id -u)" -eq 0 ] && command -v losetup >/dev/null; then
    expect_status 0 "${protect[@]}" --new-passphrase-file hidden
    if loop=$(losetup --find --show m/volume 2>/dev/null); then
        at_end losetup -d "$loop"
        dd if=/dev/zero of="$loop" bs=64K seek="$wall" oflag=seek_bytes count=1 conv=fsync status=none 2>/dev/null &&
            fail 'a loop device wrote into the hidden volume'
        dd if=/dev/zero of="$loop" bs=64K count=1 conv=fsync status=none || fail 'the loop device is dead'
        losetup -d "$loop"
        is_free() { ! losetup "$loop" >/dev/null 2>&1; }
        wait_until is_free
    fi
    expect_status 0 "$COFFER" unmount m --wait 30
    expect_same "$kept" "$(hidden_content)" 'the hidden volume under a loop device'
fi

# With file systems in both: the hidden one is made at the end of what the outer one does not use.
PATH=$PATH:/usr/sbin:/sbin
need_program mkfs.exfat mkfs.ext4 debugfs
"$COFFER" create f.img --quiet --unmarked --size 24M --fs exfat "${level[@]}" "${with[@]}" 2>/dev/null
expect_status 0 "$COFFER" create --hidden f.img --size 8M "${with[@]}" --new-passphrase-file hidden --confirm f.img "${level[@]}"
expect_output "^'f.img': 8 MiB, hidden, ext4$"
expect_error "^coffer: notice: the outer volume's exfat uses nothing in its last 2[0-9]\.[0-9] MiB"
expect_status 0 "$COFFER" mount --block f.img m "${level[@]}" --passphrase-file hidden
expect_same 0 "$(e2fsck -fn m/volume >fsck 2>&1; echo $?)" 'status of e2fsck'
unmount m
# The outer file system in process: what does not fit beside the hidden volume fails at write, what was written stays,
# and unmounting is no failure.
"$COFFER" create e.img --quiet --unmarked --size 24M "${level[@]}" "${with[@]}" 2>/dev/null
expect_status 0 "$COFFER" create --hidden e.img --size 8M "${with[@]}" --new-passphrase-file hidden --confirm e.img "${level[@]}"
kept=$("$cleartext" e.img "${level[@]}" --passphrase-file hidden | sha256sum)
expect_status 0 "$COFFER" mount e.img m "${level[@]}" "${with[@]}" --new-passphrase-file hidden --protect-hidden
head -c 1M /dev/urandom >data
written=0
until ! dd if=data of="m/$written" bs=64K conv=fsync 2>stderr; do
    written=$((written + 1))
    [ "$written" -lt 24 ] || fail 'the outer file system is larger than what is free of the hidden volume'
done
expect_error 'Operation not permitted'
[ "$written" -ge 8 ] || fail "only $written MiB could be written"
rm "m/$written"
dd if=data of=m/0 bs=64K conv=notrunc status=none || fail 'the outer file system can no longer be written'
expect_status 0 "$COFFER" unmount m
expect_error "^coffer: warning: writes into the hidden volume in '$work/e.img' were refused"
expect_same 1 "$(wc -l <stderr)" 'warnings of unmount'
expect_same "$kept" "$("$cleartext" e.img "${level[@]}" --passphrase-file hidden | sha256sum)" 'the hidden volume beside files'
expect_status 0 "$COFFER" mount e.img m "${level[@]}" "${with[@]}" --read-only
for ((i = 0; i < written; i++)); do
    cmp data "m/$i" || fail "file $i of $written is not what was written"
done
expect_status 0 "$COFFER" unmount m
expect_status 0 "$COFFER" mount --block e.img m "${level[@]}" "${with[@]}" --read-only
expect_same 0 "$(e2fsck -fn m/volume >fsck 2>&1; echo $?)" 'status of e2fsck of the outer file system'
unmount m
expect_status 2 "$COFFER" create --hidden f.img --size 64K --fs none "${with[@]}" --new-passphrase-file hidden --confirm f.img "${level[@]}"
expect_error 'this secret opens the volume already'
expect_status 0 "$COFFER" create --hidden f.img --size 64K --fs none "${with[@]}" --new-passphrase-file "$wrong" --confirm f.img "${level[@]}"
expect_status 2 "$COFFER" create --hidden f.img --size 1M "${with[@]}" --new-passphrase-file hidden --confirm f.img "${level[@]}" --fs xfs
expect_error 'xfs needs a volume of at least'
