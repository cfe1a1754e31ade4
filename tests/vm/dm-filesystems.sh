# SPDX-License-Identifier: ISC
# shellcheck shell=bash disable=SC2034,SC2154
#
# Every file system that `create --fs` makes and this kernel knows, by dm-crypt: made, mounted, written, there after a
# second mount. The same for volumes of others: LUKS2, which cryptsetup opens as well, and a cascade of TrueCrypt's,
# which takes three mappings. Among all cases two file systems have to do; named, all of them are tried.

programs='mkfs.ext4 e2fsck mkfs.btrfs mkfs.xfs mkfs.exfat mkfs.vfat mkfs.ntfs mount umount cryptsetup dmsetup'
modules='fuse loop ext4 btrfs xfs exfat vfat nls_ascii nls_cp437 nls_utf8 dm-crypt xts aesni-intel ecb
    twofish-x86_64 twofish_generic serpent_generic serpent-sse2-x86_64'
disks='340M 40M'

prepare() {
    if [ -n "$named" ]; then echo ext4 btrfs xfs exfat vfat; else echo btrfs exfat; fi >kinds
    local image=${COFFER_CORPUS:-$root/../shared/corpus}/files/cryptsetup/tcrypt-images/tc_5-sha512-xts-serpent-twofish-aes
    if [ -e "$image.xz" ]; then xz -dc "$image.xz" >cascade; elif [ -e "$image" ]; then cp "$image" cascade; fi
}

there_and_back() { # VOLUME TYPE OPTION...
    coffer mount "$1" /tmp/m --via dm "${@:3}" --quiet
    grep "^/dev/mapper/coffer-.* /tmp/m $2 rw" /proc/mounts
    echo "text in $2" >/tmp/m/file
    coffer unmount /tmp/m
    coffer mount "$1" /tmp/m --via dm "${@:3}" --quiet
    test "$(cat /tmp/m/file)" = "text in $2"
    coffer unmount /tmp/m
    test "$(dmsetup ls)" = 'No devices found'
}

guest() {
    local kind kinds secret=(--passphrase-file /tmp/secret)
    printf secret >/tmp/secret
    printf aaaaaaaaaaaa >/tmp/corpus
    mkdir /tmp/m
    read -ra kinds </case/kinds
    for kind in "${kinds[@]}"; do
        coffer create "$disk0" --force --confirm "${disk0##*/}" --thick --fs "$kind" --kdf-memory 8M --kdf-passes 1 --quiet \
            "${secret[@]}" 2>/dev/null
        there_and_back "$disk0" "$kind" "${secret[@]}"
    done
    if ! modprobe ntfs3 2>/dev/null; then
        coffer create "$disk0" --force --confirm "${disk0##*/}" --thick --fs ntfs --kdf-memory 8M --kdf-passes 1 --quiet \
            "${secret[@]}" 2>/dev/null
        ! coffer mount "$disk0" /tmp/m --via dm "${secret[@]}" 2>/tmp/said
        grep "this kernel does not know the file system ntfs" /tmp/said
        test "$(dmsetup ls)" = 'No devices found'
    fi

    cryptsetup luksFormat --batch-mode --type luks2 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --sector-size 4096 \
        --key-file /tmp/secret "$disk1"
    cryptsetup open --key-file /tmp/secret "$disk1" luks
    mkfs.ext4 -q -b 4096 /dev/mapper/luks
    cryptsetup close luks
    there_and_back "$disk1" ext4 "${secret[@]}"
    cryptsetup open --key-file /tmp/secret "$disk1" luks
    mount /dev/mapper/luks /tmp/m
    test "$(cat /tmp/m/file)" = 'text in ext4'
    umount /tmp/m
    cryptsetup close luks

    [ -e /case/cascade ] || { echo 'without a cascade: the collection of volumes is not there'; return; }
    secret=(--type truecrypt --hash sha512 --passphrase-file /tmp/corpus)
    coffer mount --block /case/cascade /tmp/m "${secret[@]}"
    mkfs.vfat -I -F 12 -s 1 -f 1 -r 16 -R 1 /tmp/m/volume >/dev/null
    coffer unmount /tmp/m
    there_and_back /case/cascade vfat "${secret[@]}"
    coffer mount /case/cascade /tmp/m --via dm "${secret[@]}"
    test "$(dmsetup table | wc -l)" -eq 3
    coffer unmount /tmp/m
    coffer mount --block /case/cascade /tmp/m "${secret[@]}"
    grep -q 'text in vfat' /tmp/m/volume
    coffer unmount /tmp/m
}
