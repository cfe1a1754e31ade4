# SPDX-License-Identifier: ISC
# shellcheck shell=bash disable=SC2034,SC2154
#
# Volumes of others through dm-crypt: LUKS2 with sectors of 512 and 4096 bytes, VeraCrypt, one cipher and a cascade of
# three. What is written through FUSE reads the same through the mapping, and the other way round. A cipher that the
# kernel does not know is refused by its name. VeraCrypt derives its key for so long that it runs only when it is named;
# otherwise TrueCrypt stands for both, whose volumes differ in nothing else.

programs='dmsetup cryptsetup losetup'
modules='fuse loop dm-crypt xts aesni-intel ecb twofish_generic serpent_generic'
amount=32768

prepare() {
    local name images=${COFFER_CORPUS:-$root/../shared/corpus}/files/cryptsetup/tcrypt-images
    local names=(tc_5-sha512-xts-aes tc_5-sha512-xts-serpent-twofish-aes)
    [ -z "$named" ] || names+=(vc_1-sha512-xts-aes vc_1-sha512-xts-kuznyechik)
    for name in "${names[@]}"; do
        [ ! -e "$images/$name.xz" ] || xz -dc "$images/$name.xz" >"$name"
    done
}

pattern() { # TEXT
    (set +o pipefail; seq 100000 200000 | sed "s,^,$1 ," | head -c "$amount")
}

put() { # TEXT FILE
    pattern "$1" | dd of="$2" bs=64k conv=notrunc,fsync status=none
}

compare() { # TEXT FILE
    pattern "$1" | cmp -n "$amount" - "$2" || { echo "$2 does not hold '$1'"; return 1; }
}

# Either way writes, and the other reads.
check_both() { # VOLUME OPTION...
    local device volume=$1
    shift
    coffer mount --block "$volume" /tmp/m "$@" --quiet
    put "fuse $volume" /tmp/m/volume
    coffer unmount /tmp/m
    device=$(coffer mount --via dm --block "$volume" "$@" --quiet)
    compare "fuse $volume" "$device"
    put "dm $volume" "$device"
    coffer unmount "$device"
    coffer mount --block "$volume" /tmp/m "$@" --quiet
    compare "dm $volume" /tmp/m/volume
    coffer unmount /tmp/m
    test "$(dmsetup ls)" = 'No devices found'
}

guest() {
    local bytes name status=0 quick
    printf secret >/tmp/secret
    printf aaaaaaaaaaaa >/tmp/corpus
    mkdir /tmp/m
    for bytes in 512 4096; do
        truncate -s 20M "/tmp/luks$bytes"
        cryptsetup luksFormat --batch-mode --type luks2 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 \
            --sector-size "$bytes" --key-file /tmp/secret "/tmp/luks$bytes"
        check_both "/tmp/luks$bytes" --passphrase-file /tmp/secret
    done
    cd /case || return
    [ -e tc_5-sha512-xts-aes ] || { echo 'without TrueCrypt: the collection of volumes is not there'; return; }
    quick=(--hash sha512 --passphrase-file /tmp/corpus)
    for name in tc_5*; do check_both "$name" --type truecrypt "${quick[@]}"; done
    [ -e vc_1-sha512-xts-aes ] || return 0
    local veracrypt=(--type veracrypt "${quick[@]}")
    check_both vc_1-sha512-xts-aes "${veracrypt[@]}"
    coffer mount --via dm --block vc_1-sha512-xts-kuznyechik "${veracrypt[@]}" 2>/tmp/said || status=$?
    cat /tmp/said
    test "$status" -eq 14
    grep -i kuznyechik /tmp/said
    test -z "$(losetup -a)"
}
