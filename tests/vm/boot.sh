# SPDX-License-Identifier: ISC
# shellcheck shell=bash disable=SC2034
#
# The machine itself: a Debian kernel with device-mapper and FUSE, and the program runs there.

modules='fuse loop dm-crypt ext4'

guest() {
    uname -r
    test -c /dev/fuse
    grep -q device-mapper /proc/misc
    coffer version
}
