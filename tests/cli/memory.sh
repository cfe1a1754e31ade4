#!/bin/bash
# SPDX-License-Identifier: ISC
#
# memory.sh - what the memory of a running server holds, and who can look: keys are in locked memory only, what they were
# derived from is gone; another process of the same user can neither trace nor read it; a crash leaves no core.

# shellcheck source=tests/cli/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=tests/cli/lib_mount.sh
. "$SOURCE_DIR/tests/cli/lib_mount.sh"

need_fuse
need_root
/usr/bin/python3 -c 'import nacl, cryptography' 2>/dev/null || skip 'the second reader of the format cannot run here'
as_nobody test -x "$COFFER" || skip 'an ordinary user may not reach the program'
mkdir m
printf 'Passphrase-5be0c7-never-to-be-seen\n' >"$secret"
make_volume v.coffer --fs ext4 --size 16M
cp v.coffer copy.coffer

look() { # WHAT
    local status=0
    /usr/bin/python3 "$SOURCE_DIR/tests/cli/memory.py" "$(server_of m)" copy.coffer "$secret" >said || status=$?
    [ "$status" -ne 77 ] || skip 'memory of other processes cannot be read here'
    [ "$status" -eq 0 ] || fail "$1: $(cat said)"
    echo "$1: $(cat said)"
}

for way in '--via fuse' --block; do
    # shellcheck disable=SC2086 # an option and its value
    expect_status 0 "$COFFER" mount v.coffer m $way --passphrase-file "$secret"
    look "$way, at rest"
    file=m/volume
    [ "$way" = --block ] || file=m/file
    head -c 3000000 /dev/zero | dd of="$file" bs=64k conv=notrunc,fsync status=none
    cat "$file" >/dev/null
    look "$way, after writing and reading"
    # Another secret for the volume while it is mounted changes nothing in the server.
    expect_status 0 "$COFFER" key add v.coffer --passphrase-file "$secret" --new-passphrase-file "$wrong"
    expect_status 0 "$COFFER" key remove v.coffer --passphrase-file "$secret" --slot 1
    look "$way, after a change of keys"
    unmount m
done

# An ordinary user's server, and another process of the same user.
install -d -o nobody -m 0700 theirs theirs/run theirs/m
cp copy.coffer theirs/v.coffer
cp "$secret" theirs/secret
chown -R nobody theirs
chmod 0711 "$work"
theirs() { # COMMAND...
    (cd theirs && ulimit -c unlimited && runuser -u nobody -- env XDG_RUNTIME_DIR="$work/theirs/run" "$@")
}
expect_status 0 theirs "$COFFER" mount --block v.coffer m --passphrase-file secret
server=$(server_of theirs/m theirs)
expect_status 0 theirs /usr/bin/python3 - "$server" <<'PYTHON'
import ctypes, sys
pid = int(sys.argv[1])
libc = ctypes.CDLL(None, use_errno=True)
if libc.ptrace(16, pid, None, None) == 0:  # PTRACE_ATTACH
    sys.exit("it can be traced")
for name in ("mem", "environ", "maps"):
    try:
        open(f"/proc/{pid}/{name}", "rb").read(1)
    except OSError:
        continue
    sys.exit(f"its {name} can be read")
PYTHON

# It crashes where a core would be welcome.
kill -SEGV "$server"
wait_until is_gone "$server"
expect_same '' "$(find "$work" -name 'core*' ! -name '*.coffer' 2>/dev/null)" 'core files'
expect_status 0 theirs "$COFFER" list
expect_status 0 theirs "$COFFER" mount --block v.coffer m --passphrase-file secret
expect_status 0 theirs "$COFFER" unmount m
