# SPDX-License-Identifier: ISC
# shellcheck shell=bash
#
# lib_alone.sh - for tests of `unmount --all`: source it before lib.sh. As root the test then runs in a mount namespace
# without anybody else's volumes and their state, so that --all can only mean the test's own. An ordinary user's state
# directory is the test's anyway.

if [ "$(id -u)" -eq 0 ]; then
    if [ -z "${COFFER_TEST_ALONE:-}" ]; then
        unshare --mount true 2>/dev/null || { echo 'no mount namespace can be made here'; exit 77; }
        export COFFER_TEST_ALONE=1
        exec unshare --mount --propagation private bash "$0" "$@"
    fi
    # shellcheck source=tests/cli/lib_namespace.sh
    . "$(dirname "${BASH_SOURCE[0]}")/lib_namespace.sh"
    leave_mounts_of_others
    mount -t tmpfs none /run
fi
