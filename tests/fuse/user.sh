#!/bin/bash
# SPDX-License-Identifier: ISC
#
# An ordinary user, through fusermount3: everything works as for root, others are kept out, and what fusermount3
# refuses is told in its words.

# shellcheck source=tests/fuse/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need fusermount3 setpriv
need_root 'only root can become an ordinary user'
user=65534 # nobody
as=(setpriv "--reuid=$user" "--regid=$user" --clear-groups)

chmod 711 "$work"
mkdir "$work/user"
chown "$user:$user" "$work/user"
cp "$SERVE_FAKE" "$work/serve" # the build directory may be root's own
SERVE_FAKE=$work/serve
mkdir "$work/user/mnt"
chown "$user:$user" "$work/user/mnt"
status=0
serve "$work/user/probe" 1M "$work/user/mnt" || status=$?
[ "$status" -eq 0 ] || skip "no FUSE mounts for users here: $(cat "$work/said")"
stop

for test in test_block test_faults test_life test_shared; do
    cp "${TEST_DIR:?where the tests are}/$test" "$work/"
    (cd "$work/user" && TMPDIR=$work/user "${as[@]}" "$work/$test") >"$work/log" 2>&1 ||
        fail "$test as an ordinary user: $(cat "$work/log")"
done

# Nobody else may look in, root included.
serve "$work/user/backing" 1M "$work/user/mnt"
! stat "$work/user/mnt/volume" 2>/dev/null || fail 'root sees the volume of a user'
[[ ,$(mount_field "$work/user/mnt" 4), == *,nosuid,*nodev,*noatime,*user_id=$user,*default_permissions,* ]] ||
    fail "mounted with $(mount_field "$work/user/mnt" 4)"
stop

# What fusermount3 refuses.
if ! grep -q '^user_allow_other' /etc/fuse.conf 2>/dev/null; then
    status=0
    serve -a "$work/user/backing" 1M "$work/user/mnt" || status=$?
    [ "$status" -eq 9 ] || fail "allow_other: status $status, not COFFER_NOT_PERMITTED"
    grep -q 'user_allow_other' "$work/said" || fail 'does not name user_allow_other'
fi
mkdir "$work/root"
status=0
serve "$work/user/backing" 1M "$work/root" || status=$?
[ "$status" -eq 9 ] || fail "another's directory: status $status"

# Root of a user namespace of one's own needs no fusermount3. The mount is seen in there only.
if "${as[@]}" unshare -rm true 2>/dev/null; then
    # shellcheck disable=SC2016
    "${as[@]}" unshare -rm bash -c '
        set -e
        exec {output}< <(exec "$0" "$1/backing" 1048576 "$1/mnt")
        server=$!
        read -r line <&"$output" && [ "$line" = ready ]
        printf kept | dd of="$1/mnt/volume" conv=notrunc,fsync status=none
        [ "$(head -c 4 "$1/mnt/volume")" = kept ]
        kill -TERM "$server"
        wait "$server"' "$SERVE_FAKE" "$work/user" >"$work/log" 2>&1 || fail "user namespace: $(cat "$work/log")"
fi
