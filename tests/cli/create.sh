#!/bin/bash
# SPDX-License-Identifier: ISC
#
# `coffer create` in a file: what it makes, what it says, what it refuses before anything is touched, and that a
# failed one leaves nothing behind: COST-3, PRE-7, FLAG-4, FILL-1, LAYOUT-3, LAYOUT-10.

# shellcheck source=tests/cli/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

create=("$COFFER" create --fs none "${small_kdf[@]}" --passphrase-file "$secret")
unmarked=("$COFFER" create --fs none --unmarked --kdf-level 0 --passphrase-file "$secret")

nothing_is_left() { # but for what was there
    local names
    names=$(find . -mindepth 1 -not -name stdout -not -name stderr -not -path './run*' | sort)
    expect_same "$known" "$names" 'files'
}
remember() { known=$(find . -mindepth 1 -not -name stdout -not -name stderr -not -path './run*' | sort); }

# ---- what it makes -----------------------------------------------------------------------------------------

expect_status 0 "${create[@]}" a.coffer --size 64M --label 'Urlaub' --name 'laptop'
expect_output "^'a.coffer': 62.8 MiB, thin, without a file system$"
expect_error '^coffer: notice: the volume will have 64 MiB \(67108864 bytes\)$'
expect_error '^coffer: warning: a key derivation below 64 MiB'
expect_same 600 "$(stat -c %a a.coffer)" 'mode'
expect_same $((64 << 20)) "$(stat -c %s a.coffer)" 'size'
[ $(($(stat -c %b a.coffer) * 512)) -lt $((4 << 20)) ] || fail 'a thin volume takes more than 4 MiB'
expect_status 0 "$COFFER" info a.coffer
expect_output '^  label  *Urlaub$'

expect_status 0 "${create[@]}" thick.coffer --size 8M --thick --quiet
expect_same '' "$(cat stdout)" 'result with --quiet'
expect_no_error notice
[ $(($(stat -c %b thick.coffer) * 512)) -ge $((8 << 20)) ] || fail 'a thick volume has holes'
expect_status 0 "${create[@]}" fill.coffer --size 8M --fill --json
expect_json 'it["schema"] == "coffer.create/1"' 'it["volume"] == "fill.coffer"' 'it["container_size"] == 8 << 20' \
    'it["data_size"] == (8 << 20) - (1 << 20) - (128 << 10)' 'it["filled"] and not it["thin"] and it["marked"]' \
    'it["filesystem"] is None' 'it["sector_size"] == 4096'
# The noise of two volumes with one secret has nothing in common, nor has it a pattern.
expect_status 0 "${create[@]}" filled.coffer --size 8M --fill
/usr/bin/python3 - fill.coffer filled.coffer <<'PYTHON' || fail 'what fills a volume is not noise of its own'
import sys
areas = [open(path, "rb").read()[1 << 20:-128 << 10] for path in sys.argv[1:]]
pieces = [{area[at:at + 16] for at in range(0, len(area), 16)} for area in areas]
sys.exit(any(len(seen) * 16 != len(area) for seen, area in zip(pieces, areas)) or bool(pieces[0] & pieces[1]))
PYTHON
expect_same $((8 << 20)) "$(stat -c %s filled.coffer)" 'size of a filled one' # its last bytes are a header
expect_status 0 "${unmarked[@]}" random --size 8M
expect_same $((8 << 20)) "$(stat -c %s random)" 'size of an unmarked one'
expect_output "'random': 6.8 MiB, thick, unmarked"
expect_status 10 "$COFFER" info random
expect_status 0 "$COFFER" info random --passphrase-file "$secret" --kdf-level 0
expect_status 0 "${create[@]}" small.coffer --size 8M --sector-size 512 --json
expect_json 'it["sector_size"] == 512'

uuid=$(/usr/bin/python3 -c 'import json; print(json.load(open("stdout"))["uuid"])')
expect_status 0 "$COFFER" info small.coffer --json
expect_json "it['uuid'] == '$uuid'"

# Sizes: what was understood is said, and cut to a multiple of 4096.
expect_status 0 "${create[@]}" size.coffer --size 10MB
expect_error 'the volume will have 9.5 MiB \(9998336 bytes\), a multiple of 4096'
expect_same 9998336 "$(stat -c %s size.coffer)" 'size'

# One key for very much data: allowed, and said.
truncate -s 2T probe 2>/dev/null && {
    rm probe
    expect_status 0 "${create[@]}" large.coffer --size 1T
    expect_no_error '1 TiB, data'
    expect_status 0 "${create[@]}" huge.coffer --size 2T
    expect_error '^coffer: warning: above 1 TiB, data encrypted with one AES-XTS key is more'
}

# The default costs are 256 MiB and 3 passes and bring no warning.
printf 'cleft cam synod lacy yr wok\n' >good
expect_status 0 "$COFFER" create full.coffer --size 8M --fs none --passphrase-file good
expect_no_error warning
expect_status 0 "$COFFER" info full.coffer --json
expect_json 'it["kdf"] == {"name": "argon2id", "memory": 256 << 20, "passes": 3, "lanes": 1}'

# Names that are not UTF-8.
odd=$(printf 'b\xff.coffer')
expect_status 0 "${create[@]}" "$odd" --size 8M --json
expect_json 'it["volume"] == "b\ufffd.coffer"' 'it["volume_bytes"] == "Yv8uY29mZmVy"'

# ---- what it refuses, with nothing touched -----------------------------------------------------------------

remember
expect_status 2 "${create[@]}" n.coffer
expect_error "needs '--size'"
expect_status 2 "${create[@]}" n.coffer --size 1M
expect_status 2 "${create[@]}" n.coffer --size 1000T
expect_status 2 "${create[@]}" n.coffer --size 8M --thin --thick
expect_status 2 "${create[@]}" n.coffer --size 8M --thin --fill
expect_status 2 "${create[@]}" n.coffer --size 8M --thin --unmarked
expect_status 2 "${create[@]}" n.coffer --size 8M --kdf-level 2
expect_status 2 "${unmarked[@]}" n.coffer --size 8M --label x
expect_status 2 "${unmarked[@]}" n.coffer --size 8M --kdf-memory 8M
expect_status 2 "${create[@]}" n.coffer --size 8M --label "$(printf '%065d' 0)"
expect_status 2 "${create[@]}" n.coffer --size 8M --name "$(printf '%041d' 0)"
expect_status 2 "$COFFER" create n.coffer --size 8M --fs none --passphrase-file "$secret" --kdf-memory 4M
expect_status 2 "$COFFER" create n.coffer --size 8M --fs none --passphrase-file "$secret" --kdf-memory 5G
expect_status 2 "$COFFER" create n.coffer --size 8M --fs none --passphrase-file "$secret" --kdf-passes 65
expect_status 2 "${create[@]}" n.coffer --size 8M --fs reiserfs
expect_status 2 "${create[@]}" n.coffer --size 4095
expect_error "cannot create 'n.coffer': a volume of .*4095 bytes.* has no room for anything"
expect_no_error 'the volume will have|holes'
with_small_files() { (ulimit -f 100 && "$@"); }
expect_status 1 with_small_files "${create[@]}" n.coffer --size 8M
expect_error 'ulimit -f'
expect_status 10 "${create[@]}" nowhere/n.coffer --size 8M
expect_error "there is no directory 'nowhere'"
expect_status 10 "${create[@]}" a.coffer/n.coffer --size 8M
expect_status 2 "${create[@]}" . --size 8M
expect_status 2 "${create[@]}" '' --size 8M
expect_status 2 "${create[@]}" new/ --size 8M
expect_status 2 "${create[@]}" /dev/null --size 8M
expect_status 2 "${create[@]}" n.coffer --size 8M --header-backup ./n.coffer
expect_error "'./n.coffer' is the volume itself"
nothing_is_left

# ---- what is there -----------------------------------------------------------------------------------------

sum=$(sha256sum <a.coffer)
expect_status 1 "${create[@]}" a.coffer --size 8M
expect_error "^coffer: error: cannot create 'a.coffer': it is there: a file of 64 MiB, coffer volume 'Urlaub'$"
expect_error '^coffer: hint: --force'
expect_status 2 "${create[@]}" a.coffer --size 8M --force
expect_error "takes --confirm 'a.coffer'"
expect_status 2 "${create[@]}" a.coffer --size 8M --force --confirm b.coffer
expect_error "names 'b.coffer'"
expect_status 1 "${create[@]}" a.coffer --size 8M --confirm a.coffer
in_terminal "see:Type 'a.coffer'" type:yes 'see:nothing has been written' exit:1 \
    -- "${create[@]}" a.coffer --size 8M --force
in_terminal "see:Type 'a.coffer'" key:intr killed:INT -- "${create[@]}" a.coffer --size 8M --force
# a create that fails later leaves the old one too
expect_status 1 "${create[@]:0:4}" --passphrase-file missing "${small_kdf[@]}" a.coffer --size 8M --force --confirm a.coffer
expect_status 2 "${create[@]}" a.coffer --size 1M --force --confirm a.coffer
expect_same "$sum" "$(sha256sum <a.coffer)" 'content of the refused file'
nothing_is_left

in_terminal "see:coffer volume 'Urlaub'" "see:Type 'a.coffer' to overwrite all of it: " echo:on type:a.coffer exit:0 \
    -- "${create[@]}" a.coffer --size 8M --force
expect_same $((8 << 20)) "$(stat -c %s a.coffer)" 'size of the new one'
expect_status 0 "$COFFER" info a.coffer
expect_status 0 "${create[@]}" ./a.coffer --size 16M --force --confirm a.coffer
expect_same $((16 << 20)) "$(stat -c %s a.coffer)" 'size of the newest one'
nothing_is_left

if PATH=$PATH:/usr/sbin:/sbin command -v mkfs.ext4 >/dev/null; then
    truncate -s 8M disk.img
    PATH=$PATH:/usr/sbin:/sbin mkfs.ext4 -q -L photos disk.img
    expect_status 1 "${create[@]}" disk.img --size 8M
    expect_error "a file of 8 MiB, ext4 'photos'"
    rm disk.img
fi
: >empty
expect_status 1 "${create[@]}" empty --size 8M
expect_error 'a file of 0 bytes, without a known content'
rm empty

# A link to a file is the file; a link to nothing is not followed into a surprise.
ln -s a.coffer link
expect_status 0 "${create[@]}" link --size 8M --force --confirm link
[ -L link ] || fail 'the link was replaced'
expect_same $((8 << 20)) "$(stat -c %s a.coffer)" 'size of the file behind the link'
ln -s nothing dangling
expect_status 2 "${create[@]}" dangling --size 8M
rm link dangling

# ---- where nothing can be made -----------------------------------------------------------------------------

if [ "$(id -u)" -eq 0 ]; then
    chmod 0755 "$work"
    install -d -m 0755 closed
    install -m 0644 "$secret" readable
    as_user=(as_nobody "$COFFER" create --size 8M --fs none "${small_kdf[@]}" --passphrase-file "$work/readable")
    expect_status 16 "${as_user[@]}" "$work/closed/n.coffer"
    expect_error 'permission denied'
    rmdir closed
fi

# The size is above what the file system can hold, or the file system is full: nothing is left.
if [ "$(id -u)" -eq 0 ] && mkdir tiny && mount -t tmpfs -o size=4M tmpfs tiny 2>/dev/null; then
    expect_status 1 "${create[@]}" tiny/n.coffer --size 8M --thick
    expect_error 'no space left on device'
    expect_error '^coffer: hint: free some space'
    [ -z "$(ls -A tiny)" ] || fail 'a create on a full disk left a file'
    umount tiny
fi
