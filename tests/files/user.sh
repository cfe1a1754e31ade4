#!/bin/bash
# SPDX-License-Identifier: ISC
#
# An ordinary user mounts a file system whose files belong to somebody else: with an owner given, everything seems to
# be that user's and can be used; what is made belongs to that user on the volume, too.

# shellcheck source=tests/files/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

[ "$(id -u)" -eq 0 ] || skip 'only root can become another user'
need runuser
uid=$(id -u nobody) gid=$(id -g nobody)
chmod 0711 "$work" "$TOOLS/serve_image" 2>/dev/null || true
runuser -u nobody -- test -x "$TOOLS/serve_image" || skip 'nobody may not reach the program'

image fs.img 64M -t ext4
serve fs.img m # as root: files of root
mkdir m/private
echo text >m/private/file
chmod 0700 m/private
chmod 0600 m/private/file
stop m
chown nobody fs.img
install -d -o nobody m user

as() {
    runuser -u nobody -- "$@"
}

mkfifo ready
chown nobody ready
as "$TOOLS/serve_image" fs.img m "owner=$uid:$gid" >ready 2>&1 &
server=$!
read -r line <ready
[[ $line = ready* ]] || fail "the server: $line"

[ "$(as cat m/private/file)" = text ] || fail 'the file cannot be read'
[ "$(as stat -c %u:%g m/private)" = "$uid:$gid" ] || fail 'it belongs to somebody else'
as sh -c 'echo more >>m/private/file && mkdir m/private/new && echo mine >m/private/new/file && chmod 0640 m/private/file'
if as chown 0 m/private/file 2>/dev/null; then
    fail 'a file was given away'
fi
as chown "$uid:$gid" m/private/file
if cat m/private/file 2>/dev/null; then
    fail 'root may look into it'
fi
as fusermount3 -u m
wait "$server" || fail 'the server failed'
clean fs.img

serve fs.img m read-only
[ "$(stat -c %u:%a m/private/file)" = 0:640 ] || fail 'the owner of an old file has changed'
[ "$(stat -c %u:%g m/private/new/file)" = "$uid:$gid" ] || fail 'a new file belongs to somebody else'
stop m
