# SPDX-License-Identifier: ISC
# shellcheck shell=bash disable=SC2034,SC2154
#
# BitLocker, both ways: what coffer writes, as an ordinary user and without the kernel's help, cryptsetup and dm-crypt read,
# and the other way round, with every cipher. coffer gets a startup key and cryptsetup, which takes none, the volume's own
# key: the million rounds that a passphrase costs last minutes in this machine.

programs='cryptsetup setpriv'
modules='fuse loop dm-crypt dm-zero xts cbc ecb essiv aesni-intel aes_generic'
methods='0x8000 0x8001 0x8002 0x8003 0x8004 0x8005'
# In units of 8192 bytes, START:COUNT: what is not metadata. The first unit is stored elsewhere, at 41.
stretches='0:32 41:23 72:56 136:120'

prepare() {
    local method who
    export PYTHONDONTWRITEBYTECODE=1
    /usr/bin/python3 -c 'import cryptography' 2>/dev/null || skip 'python3-cryptography is not installed'
    # no two sectors are the same
    for who in coffer cryptsetup; do
        (set +o pipefail; seq 100000 400000 | sed "s/^/$who /" | head -c 2097152) >"$who"
    done
    for method in $methods; do
        /usr/bin/python3 "$root/tests/foreign/make_bitlk.py" "$method" "$method" \
            "it.clear = False; it.startup = '$method.bek'" >"$method.hex"
        # The diffuser's 128-bit keys lie apart in 64 bytes, and cryptsetup takes them without what is between.
        /usr/bin/python3 -c 'import sys
key = bytes.fromhex(sys.stdin.read())
sys.stdout.buffer.write(key[:16] + key[32:48] if sys.argv[1] == "0x8000" else key)' "$method" <"$method.hex" >"$method.key"
    done
}

put() { # PATTERN FILE [as_user]
    local stretch
    for stretch in $stretches; do
        "${@:3}" dd if="/case/$1" of="$2" bs=8192 skip="${stretch%:*}" seek="${stretch%:*}" \
            count="${stretch#*:}" conv=notrunc,fsync status=none
    done
}

compare() { # PATTERN FILE [as_user]
    local stretch
    for stretch in $stretches; do
        dd if="/case/$1" bs=8192 skip="${stretch%:*}" count="${stretch#*:}" status=none >/tmp/wanted
        "${@:3}" dd if="$2" bs=8192 skip="${stretch%:*}" count="${stretch#*:}" status=none >/tmp/got
        cmp /tmp/wanted /tmp/got || { echo "$2 does not hold what $1 wrote"; return 1; }
    done
}

as_user() {
    (cd /home/user && setpriv --reuid=1000 --regid=1000 --clear-groups env -i PATH="$PATH" HOME=/home/user "$@")
}

guest() {
    local method
    cp /case/0x* /home/user/
    chown -R 1000:1000 /home/user
    as_user mkdir m
    for method in $methods; do
        as_user coffer mount --block "$method" m --key-file "$method.bek" --quiet
        put coffer m/volume as_user
        as_user coffer unmount m
        cryptsetup open --type bitlk --volume-key-file "/case/$method.key" "/home/user/$method" plain
        compare coffer /dev/mapper/plain
        put cryptsetup /dev/mapper/plain
        cryptsetup close plain
        as_user coffer mount --block "$method" m --key-file "$method.bek" --read-only --quiet
        compare cryptsetup m/volume as_user
        as_user coffer unmount m
    done
}
