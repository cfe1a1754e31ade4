#!/bin/bash
# SPDX-License-Identifier: ISC
#
# A volume's name may hold anything. It shows as the device of the mount, as it is, and never becomes an option.

# shellcheck source=tests/fuse/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need setpriv
skip_without_fuse

names=(
    'plain'
    'a,allow_other,suid,dev,exec'
    $'trailing\\'
    'a\,b\\,c\134,d'
    $'new\nline /tmp fuse rw,suid 0 0'
    $'tab\tand blank # hash'
    'fsname=x,subtype=y'
    '-o suid'
    $'\xff\xfe not UTF-8'
    "$(printf 'long/%.0s' {1..800})"
)

check() { # DIR
    local name options shown
    for name in "${names[@]}"; do
        serve -s "$name" "$1/backing" 1M "$1/mnt"
        [ "$(grep -c " $1/mnt " /proc/mounts)" -eq 1 ] || fail "'$name' makes more than one line"
        shown=$(printf '%b.' "$(mount_field "$1/mnt" 1 | sed 's/\\\(...\)/\\0\1/g')")
        [ "${shown%.}" = "$name" ] || fail "'$name' is shown as '${shown%.}'"
        [ "$(mount_field "$1/mnt" 3)" = fuse.coffer ] || fail "'$name' changes the type"
        options=$(mount_field "$1/mnt" 4)
        case ,$options, in
        *,allow_other,* | *,suid,* | *,dev,*) fail "'$name' gives the options $options" ;;
        *,nosuid,*nodev,*) ;;
        *) fail "'$name' takes options away: $options" ;;
        esac
        stop || fail "'$name' cannot be unmounted"
    done
}

check "$work"
if [ "$(id -u)" -eq 0 ] && command -v fusermount3 >/dev/null; then
    chmod 711 "$work"
    cp "$SERVE_FAKE" "$work/serve"
    SERVE_FAKE=$work/serve
    mkdir "$work/user" "$work/user/mnt"
    chown -R 65534:65534 "$work/user"
    as=(setpriv --reuid=65534 --regid=65534 --clear-groups)
    check "$work/user"
fi
