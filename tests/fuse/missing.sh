#!/bin/bash
# SPDX-License-Identifier: ISC
#
# Where /dev/fuse or fusermount3 is missing, or not for us, the error says which. Each case is set up in a mount
# namespace of its own, in which the system's own files are covered.

# shellcheck source=tests/fuse/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need_root 'only root can hide files of the system'
need unshare setpriv
unshare -m true 2>/dev/null || skip 'no mount namespaces here'
skip_without_fuse

chmod 711 "$work"
cp "$SERVE_FAKE" "$work/serve"
mkdir "$work/user" "$work/user/mnt"
chown -R 65534:65534 "$work/user"
user='setpriv --reuid=65534 --regid=65534 --clear-groups'

# try NAME PATTERN ERRNO PREPARATION [USER]: NOT_PERMITTED with that text and errno after PREPARATION.
try() {
    local status=0 said
    rm -f "$work/user/backing"
    said=$(unshare -m bash -c "set -e; $4; exec ${5-} '$work/serve' '$work/user/backing' 1048576 '$work/user/mnt'" \
        2>&1) || status=$?
    [ "$status" -eq 9 ] || fail "$1: status $status: $said"
    [[ $said == *"errno $3: "*$2* ]] || fail "$1: $said"
}

# A /dev with everything that serving needs but /dev/fuse.
hide_device='mount -t tmpfs none /dev; mknod -m 666 /dev/null c 1 3'
try 'no /dev/fuse' '/dev/fuse is missing' 2 "$hide_device"
try 'no /dev/fuse, user' '/dev/fuse is missing' 2 "$hide_device" "$user"
try '/dev/fuse for root only' 'no permission to use /dev/fuse' 13 "$hide_device; mknod -m 600 /dev/fuse c 10 229" "$user"
try 'no driver' 'no FUSE' 19 "$hide_device; mknod -m 666 /dev/fuse c 10 254"
# PATH must not help: an impostor that would say so stands in it.
mkdir "$work/bin"
printf '#!/bin/sh\necho impostor >&2\nexit 1\n' >"$work/bin/fusermount3"
chmod 755 "$work/bin/fusermount3"
setpriv=$(command -v setpriv)
cp "$setpriv" "$work/setpriv" # it stands where fusermount3 does
try 'no fusermount3' 'fusermount3 is missing' 2 "mount -t tmpfs none /usr/bin; export PATH=$work/bin:/bin" \
    "$work/${user}"
try 'fusermount3 without its bit' 'fusermount3 refuses' 0 \
    "cp /usr/bin/fusermount3 '$work/plain'; mount --bind '$work/plain' /usr/bin/fusermount3" "$user"
