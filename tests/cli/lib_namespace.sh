# SPDX-License-Identifier: ISC
# shellcheck shell=bash
#
# lib_namespace.sh - for tests that run in a mount namespace of their own for a while: it begins with a copy of every
# mount, and what other tests have mounted just then would be in use, for them, by something they cannot see.

leave_mounts_of_others() { # before the test mounts anything
    local mount_point
    while read -r mount_point; do
        umount -l "$(printf '%b' "$mount_point")"
    done < <(awk '/ - fuse\.coffer / || $5 ~ "/coffer-test[.][^/]*/" { print $5 }' /proc/self/mountinfo | tac)
}
