#!/bin/bash
# SPDX-License-Identifier: ISC
#
# README's session is run as it stands, typed at a terminal, in an empty directory. What it shows must happen.

set -euo pipefail
[ -w /dev/fuse ] || { echo '/dev/fuse is missing or not for us'; exit 77; }
for program in fusermount3 mkfs.ext4; do
    PATH=$PATH:/usr/sbin:/sbin command -v "$program" >/dev/null || { echo "$program is not installed"; exit 77; }
done

work=$(mktemp -d "${TMPDIR:-/tmp}/coffer-readme.XXXXXX")
clean_up() {
    cd /
    ! mountpoint -q "$work/Secret" || "$COFFER" unmount "$work/Secret" || true
    mountpoint -q "$work/Secret" || rm -rf "$work"
}
trap clean_up EXIT
cd "$work"
export PATH=${COFFER%/*}:$PATH:/usr/sbin:/sbin
/usr/bin/python3 "$SOURCE_DIR/tests/cli/readme_session.py" "$SOURCE_DIR/README.md" >&2

[ -z "$(ls -A Secret)" ] || { echo 'something is still mounted'; exit 1; }
[ "$(stat -c %s secret.coffer)" -eq $((1 << 30)) ] || { echo 'the volume is not 1 GiB'; exit 1; }
# "some 40 MB on disk"
used=$(du -m secret.coffer | cut -f 1)
[ "$used" -ge 1 ] && [ "$used" -le 60 ] || { echo "the volume takes $used MiB on disk"; exit 1; }
! grep -q 'Dear diary' secret.coffer || { echo 'the volume shows what was written'; exit 1; }

# And what was written is there.
printf 'correct horse\n' >passphrase
coffer mount secret.coffer Secret --passphrase-file passphrase
[ "$(cat Secret/diary)" = 'Dear diary' ] || { echo 'the diary is lost'; exit 1; }
