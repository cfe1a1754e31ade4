#!/bin/bash
# SPDX-License-Identifier: ISC
#
# `coffer header`: a backup brings back what both copies have lost, with the secrets of its time, and is never put over a
# volume that is in use or that nobody confirmed: BACKUP-1, RESTORE-1, RESTORE-3, RESTORE-4, RESTORE-6.

# shellcheck source=tests/cli/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

backup() { "$COFFER" header backup "$@"; }
restore() { "$COFFER" header restore "$@"; }
with=(--passphrase-file "$secret")
printf 'second secret\n' >second
opens() { expect_status 0 "$COFFER" info "$1" "${@:2}"; }
cleartext=$BUILD_DIR/tests/cleartext
content() { "$cleartext" a.coffer "$@" | sha256sum; }
destroy() { # FILE: both copies of its header
    dd if=/dev/zero of="$1" bs=64K count=1 conv=notrunc status=none
    dd if=/dev/zero of="$1" bs=64K count=1 seek=$(($(stat -c %s "$1") / 65536 - 2)) conv=notrunc status=none
}

make_volume a.coffer --thick # its content is noise, which is as good as any
plain=$(content "${with[@]}")

# ---- backup ------------------------------------------------------------------------------------------------

expect_status 0 backup a.coffer a.backup
expect_output "^'a.backup': the header of 'a.coffer', 128 KiB$"
expect_error '^coffer: notice: .*keep it as you keep the secrets'
expect_same 131072 "$(stat -c %s a.backup)" 'size'
expect_same 600 "$(stat -c %a a.backup)" 'mode'
expect_status 0 backup a.coffer with.backup "${with[@]}" --json
expect_json 'it == {"schema": "coffer.header/1", "action": "backup", "volume": "a.coffer", "backup": "with.backup", "size": 131072}'
cmp -s a.backup with.backup || fail 'two backups differ'
expect_status 1 backup a.coffer a.backup
expect_error "^coffer: error: cannot back up the header of 'a.coffer': 'a.backup' is there already$"
cmp -s a.backup with.backup || fail 'a backup was overwritten'
expect_status 12 backup a.coffer n.backup --passphrase-file "$wrong"
expect_status 10 backup missing.coffer n.backup
expect_status 10 backup a.coffer nowhere/n.backup
[ ! -e n.backup ] || fail 'a failed backup left a file'

# ---- restore -----------------------------------------------------------------------------------------------

expect_status 0 "$COFFER" key change a.coffer "${with[@]}" --new-passphrase-file second
expect_status 12 "$COFFER" info a.coffer "${with[@]}"
before=$(sha256sum <a.coffer)
expect_status 2 restore a.coffer a.backup "${with[@]}"
expect_error "^coffer: warning: the header of 'a.coffer', a file of 8 MiB, coffer volume, will be replaced"
expect_error '^coffer: warning: .*removed since'
expect_no_error 'nothing shows that the backup belongs' # both have one UUID
expect_error "'a.coffer' would be given another header: without a terminal that takes --confirm 'a.coffer'"
expect_status 2 restore a.coffer a.backup "${with[@]}" --confirm b.coffer
expect_status 12 restore a.coffer a.backup --passphrase-file second --confirm a.coffer
expect_error '^coffer: hint: .*time of the backup'
in_terminal "see:Type 'a.coffer' to overwrite its header" type:no 'see:nothing has been written' exit:1 \
    -- "$COFFER" header restore a.coffer a.backup "${with[@]}"
expect_same "$before" "$(sha256sum <a.coffer)" 'content after refusals'

expect_status 0 restore a.coffer a.backup "${with[@]}" --confirm a.coffer
expect_output "^'a.coffer': the header is that of 'a.backup' again$"
opens a.coffer "${with[@]}"
expect_status 12 "$COFFER" info a.coffer --passphrase-file second
expect_same "$plain" "$(content "${with[@]}")" 'cleartext'
destroy a.coffer
expect_status 12 "$COFFER" info a.coffer "${with[@]}" --kdf-level 0
in_terminal "see:Type 'a.coffer' to overwrite its header" type:a.coffer "see:Passphrase for 'a.backup'" echo:off \
    'type:correct horse' exit:0 -- "$COFFER" header restore a.coffer a.backup
opens a.coffer "${with[@]}"
expect_same "$plain" "$(content "${with[@]}")" 'cleartext of a volume that was brought back'
expect_status 0 "$COFFER" check a.coffer "${with[@]}"
expect_status 0 restore a.coffer a.backup "${with[@]}" --confirm a.coffer --json
expect_json 'it == {"schema": "coffer.header/1", "action": "restore", "volume": "a.coffer", "backup": "a.backup"}'

# ---- what is no backup, and what cannot take one -----------------------------------------------------------

before=$(sha256sum <a.coffer)
head -c 131072 /dev/urandom >noise
head -c 131071 a.backup >short
expect_status 12 restore a.coffer noise "${with[@]}" --confirm a.coffer --kdf-level 0
expect_status 2 restore a.coffer short "${with[@]}" --confirm a.coffer
expect_error "^coffer: error: 'short' is no header backup: it has 131071 bytes, not 131072$"
expect_status 1 restore a.coffer missing "${with[@]}" --confirm a.coffer
expect_error "cannot read the backup 'missing': no such file or directory"
expect_status 10 restore missing.coffer a.backup "${with[@]}" --confirm missing.coffer
expect_status 2 restore . a.backup "${with[@]}" --confirm .
expect_same "$before" "$(sha256sum <a.coffer)" 'content after refusals'
make_volume small.coffer --size 4M
before=$(sha256sum <small.coffer)
expect_status 13 restore small.coffer a.backup "${with[@]}" --confirm small.coffer
expect_error 'cut short: 4194304 of 8388608 bytes are there'
expect_same "$before" "$(sha256sum <small.coffer)" 'a store that is too small'
make_volume other.coffer --size 8M
before=$(sha256sum <other.coffer)
expect_status 2 restore other.coffer a.backup "${with[@]}" --confirm other.coffer
expect_error 'it is the backup of another volume'
expect_same "$before" "$(sha256sum <other.coffer)" "another volume, though the same secret opens both"
expect_status 2 "$COFFER" header restroe a.coffer a.backup
expect_error "did you mean 'restore'"
expect_status 2 backup a.coffer n.backup --confirm a.coffer
expect_error "'--confirm' is for 'header restore'"

# A backup of a damaged copy: said.
cp a.coffer d.coffer
printf x | dd of=d.coffer conv=notrunc status=none
expect_status 0 backup d.coffer d.backup
expect_error '^coffer: warning: one copy of the header is damaged'

# ---- unmarked: the secret is needed ------------------------------------------------------------------------

"$COFFER" create u.img --quiet --unmarked --kdf-level 0 --size 4M --fs none "${with[@]}" 2>/dev/null
expect_status 2 backup u.img u.backup
expect_error 'there is no terminal'
expect_status 0 backup u.img u.backup "${with[@]}" --kdf-level 0
destroy u.img
expect_status 0 restore u.img u.backup "${with[@]}" --kdf-level 0 --confirm u.img
expect_error "^coffer: warning: nothing shows that the backup belongs to 'u.img'"
opens u.img "${with[@]}" --kdf-level 0
"$COFFER" create w.img --quiet --unmarked --kdf-level 0 --size 4M --fs none "${with[@]}" 2>/dev/null
before=$(sha256sum <w.img)
expect_status 2 restore w.img u.backup "${with[@]}" --kdf-level 0 --confirm w.img
expect_error 'it is the backup of another volume'
expect_same "$before" "$(sha256sum <w.img)" 'another unmarked volume'

# ---- from the start ----------------------------------------------------------------------------------------

create=("$COFFER" create --size 8M --fs none "${with[@]}")
expect_status 0 "${create[@]}" "${small_kdf[@]}" c.coffer --header-backup c.backup
expect_error '^coffer: notice: .*keep it as you keep the secrets'
backup c.coffer again.backup --quiet
cmp -s c.backup again.backup || fail 'the backup of a new volume is another one'
destroy c.coffer
expect_status 0 restore c.coffer c.backup "${with[@]}" --confirm c.coffer
opens c.coffer "${with[@]}"
expect_status 0 "${create[@]}" --unmarked --kdf-level 0 v.img --header-backup v.backup
destroy v.img
expect_status 0 restore v.img v.backup "${with[@]}" --kdf-level 0 --confirm v.img
expect_status 1 "${create[@]}" "${small_kdf[@]}" e.coffer --header-backup c.backup
expect_error "'c.backup' is there already"
expect_status 10 "${create[@]}" "${small_kdf[@]}" e.coffer --header-backup nowhere/e.backup
[ ! -e e.coffer ] || fail 'a refused create left a file'

# ---- while it is mounted -----------------------------------------------------------------------------------

{ : <>/dev/fuse; } 2>/dev/null || skip '/dev/fuse cannot be opened: not tested on a mounted volume'
mkdir m
expect_status 0 "$COFFER" mount --block a.coffer m "${with[@]}"
expect_status 0 backup a.coffer m.backup
expect_status 11 restore a.coffer a.backup "${with[@]}" --confirm a.coffer
expect_error "^coffer: error: cannot restore the header of 'a.coffer': it is mounted at '$work/m'$"
expect_status 0 "$COFFER" unmount m
expect_same "$plain" "$(content "${with[@]}")" 'cleartext'
