# SPDX-License-Identifier: ISC
# shellcheck shell=bash disable=SC2034,SC2154
#
# Volumes of other programs, both ways: what coffer writes into them, as an ordinary user and without the kernel's help,
# cryptsetup and dm-crypt read, and the other way round. LUKS volumes are made by cryptsetup itself, with every cipher and
# mode that takes a kernel to make; VeraCrypt and TrueCrypt by the generator of tests/foreign, a hidden volume in each.

programs='cryptsetup setpriv'
modules='fuse loop dm-crypt xts lrw cbc ecb essiv aesni-intel aes_generic serpent_generic twofish_generic camellia_generic
    cast5_generic sha1_generic sha256_generic sha512_generic wp512 rmd160 algif_skcipher algif_hash'
amount=262144 # bytes of each pattern
cheap=(--batch-mode --pbkdf pbkdf2 --pbkdf-force-iterations 1000)

prepare() {
    local make=$root/tests/foreign
    export PYTHONDONTWRITEBYTECODE=1
    /usr/bin/python3 -c 'import cryptography' 2>/dev/null || skip 'python3-cryptography is not installed'
    for kind in truecrypt veracrypt; do
        /usr/bin/python3 "$make/make_tcrypt.py" make "$kind" --kind "$kind" --size $((2 << 20)) --hidden-size $((1 << 19))
    done
}

# Bytes of which no two sectors are the same.
pattern() { # TEXT
    (set +o pipefail; seq 100000 200000 | sed "s/^/$1 /" | head -c "$amount")
}

put() { # TEXT FILE
    pattern "$1" | dd of="$2" bs=64k conv=notrunc,fsync status=none
}

compare() { # TEXT FILE
    pattern "$1" | cmp -n "$amount" - "$2" || { echo "$2 does not hold '$1'"; return 1; }
}

as_user() {
    (cd /home/user && setpriv --reuid=1000 --regid=1000 --clear-groups env -i PATH="$PATH" HOME=/home/user "$@")
}

by_coffer() { # put|compare TEXT: as an ordinary user
    pattern "$2" >/home/user/pattern
    as_user coffer mount --block "$volume" m "${ours[@]}" --quiet
    if [ "$1" = put ]; then
        as_user dd if=pattern of=m/volume bs=64k conv=notrunc,fsync status=none
    else
        as_user cmp -n "$amount" pattern m/volume || { echo "coffer does not read '$2' in $volume"; return 1; }
    fi
    as_user coffer unmount m
}

both_ways() { # NAME: with $volume, $ours, $theirs, $passphrase
    by_coffer put "coffer $1"
    cryptsetup open "${theirs[@]}" "$volume" plain <"$passphrase"
    compare "coffer $1" /dev/mapper/plain
    put "cryptsetup $1" /dev/mapper/plain
    cryptsetup close plain
    by_coffer compare "cryptsetup $1"
}

luks() { # NAME OPTION...
    volume=/home/user/luks
    rm -f "$volume"
    dd if=/dev/zero of="$volume" bs=1M count=0 seek=20 status=none
    cryptsetup luksFormat "${cheap[@]}" --key-file /tmp/secret "${@:2}" "$volume"
    chown 1000:1000 "$volume"
    ours=(--passphrase-file secret)
    theirs=(--key-file -)
    passphrase=/tmp/secret
    both_ways "$1"
}

guest() {
    local kind cipher
    printf 'correct horse' >/tmp/secret
    printf 'battery staple' >/tmp/hidden
    cp /tmp/secret /tmp/hidden /home/user/
    cp /case/truecrypt /case/veracrypt /home/user/
    chown -R 1000:1000 /home/user
    as_user mkdir m

    luks 'luks1 aes-xts' --type luks1
    luks 'luks1 cbc-essiv' --type luks1 --cipher aes-cbc-essiv:sha256 --key-size 256
    luks 'luks2 512' --type luks2 --sector-size 512
    luks 'luks2 4096' --type luks2 --sector-size 4096
    for cipher in serpent-xts-plain64 twofish-xts-plain64 camellia-xts-plain64 aes-cbc-plain64 serpent-cbc-essiv:sha256; do
        luks "$cipher" --type luks2 --cipher "$cipher" --key-size "$([[ $cipher = *xts* ]] && echo 512 || echo 256)"
    done
    luks cast5-cbc-plain64 --type luks2 --cipher cast5-cbc-plain64 --key-size 128 --keyslot-cipher aes-xts-plain64 \
        --keyslot-key-size 512 --sector-size 512

    for kind in truecrypt veracrypt; do
        volume=/home/user/$kind
        ours=(--type "$kind" --passphrase-file secret)
        theirs=(--type tcrypt)
        passphrase=/tmp/secret
        if [ "$kind" = veracrypt ]; then
            ours+=(--pim 1)
            theirs+=(--veracrypt --veracrypt-pim 1)
        else
            theirs+=(--disable-veracrypt)
        fi
        both_ways "$kind"
        ours[3]=hidden passphrase=/tmp/hidden
        theirs+=(--tcrypt-hidden)
        both_ways "hidden $kind"
    done
}
