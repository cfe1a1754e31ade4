#!/bin/bash
# SPDX-License-Identifier: ISC
#
# leaks.sh - where neither a passphrase nor cleartext may be: on the medium, in state and temporary files, in the
# arguments, the environment and the memory of the server. Promises P4, P5, P15, P18 and P19 of spec/threats.md.

# shellcheck source=tests/cli/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need_fuse

passphrase=Passphrase-c4d1a7-never-to-be-seen
cleartext=Cleartext-83be52-never-to-be-seen
printf '%s\n' "$passphrase" >"$secret"
mkdir mnt tmp
export TMPDIR=$work/tmp HOME=$work/tmp

nowhere() { # WHAT PATH...: neither text is in any of the files
    local what=$1
    shift
    ! grep -raqF -e "$passphrase" -e "$cleartext" -- "$@" || fail "a secret is in $what"
}

make_volume a.coffer --size 8M
expect_status 0 "$COFFER" mount --block a.coffer mnt --passphrase-file "$secret"
expect_status 0 "$COFFER" list --json
server=$(/usr/bin/python3 -c 'import json, sys
print(next(m["server_pid"] for m in json.load(open("stdout"))["mounts"] if m["mount_point"] == sys.argv[1]))' "$work/mnt")

# The same pattern in many places, aligned and not, and across the end of a piece of any cipher.
/usr/bin/python3 - "$cleartext" mnt/volume <<'PYTHON'
import os, sys
text = sys.argv[1].encode()
with open(sys.argv[2], "r+b", buffering=0) as volume:
    for at in (0, 4096, 8192, 12345, 65536 - 7, 1 << 20, (2 << 20) + 1):
        os.pwrite(volume.fileno(), text, at)
    for at in range(3 << 20, 4 << 20, 4096):
        os.pwrite(volume.fileno(), b"sixteen bytes ..", at)
        os.pwrite(volume.fileno(), bytes(4000), at + 16)
    os.fsync(volume.fileno())
PYTHON

nowhere 'the volume while it is mounted' a.coffer
nowhere 'the state of the mount' "$XDG_RUNTIME_DIR"
nowhere 'the arguments of the server' "/proc/$server/cmdline"
if [ -r "/proc/$server/environ" ]; then # only root may look
    nowhere 'the environment of the server' "/proc/$server/environ"
fi
[ -z "$(find tmp -mindepth 1)" ] || fail 'there is a temporary file'

# A server does not need the passphrase any more once it has opened the volume. Only root may look.
/usr/bin/python3 - "$server" "$passphrase" <<'PYTHON' || fail 'the passphrase is in the memory of the server'
import re, sys
pid, text = sys.argv[1], sys.argv[2].encode()
try:
    memory = open(f"/proc/{pid}/mem", "rb", buffering=0)
except PermissionError:
    sys.exit(0)
seen = 0
for line in open(f"/proc/{pid}/maps", encoding="ascii", errors="replace"):
    start, end, access = re.match(r"(\w+)-(\w+) (....)", line).groups()
    if "[v" in line or access[0] != "r":
        continue
    start, end = int(start, 16), int(end, 16)
    if end - start > 256 << 20:  # what sanitizers set aside
        continue
    while start < end:
        memory.seek(start)
        try:
            piece = memory.read(min(end - start, 16 << 20))
        except OSError:
            break
        seen += len(piece)
        if text in piece or not piece:
            sys.exit(1)
        start += len(piece)
sys.exit(0 if seen > 100000 else 1)
PYTHON

expect_status 0 "$COFFER" unmount mnt
# Where nobody takes notice of ended processes (a container), its number stays, and nothing else.
[ ! -e "/proc/$server" ] || ! grep -q . "/proc/$server/maps" || fail 'the server outlives its mount'
nowhere 'the volume' a.coffer
nowhere 'what is left of the state' "$XDG_RUNTIME_DIR"
[ -z "$(find tmp -mindepth 1)" ] || fail 'a temporary file is left'

# Equal pieces of cleartext are not equal on the medium: nothing of 16 bytes is there twice but holes.
/usr/bin/python3 - a.coffer <<'PYTHON' || fail 'something repeats on the medium'
import sys
image = open(sys.argv[1], "rb").read()
pieces = [image[at:at + 16] for at in range(0x1000, len(image), 16)]
pieces = [piece for piece in pieces if any(piece)]
sys.exit(0 if len(pieces) > 10000 and len(set(pieces)) == len(pieces) else 1)
PYTHON
