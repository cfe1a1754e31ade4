#!/bin/bash
# SPDX-License-Identifier: ISC
#
# QEMU's encrypted disk images, made by qemu-img and read as an ordinary user: what coffer shows is what qemu-img does, for
# every size of clusters, with holes, clusters of zeros, pieces in any order and snapshots. They are never written; what is
# not supported is refused by name; whoever edits their tables gets a reason and nothing else.

# shellcheck source=tests/cli/lib.sh
. "$SOURCE_DIR/tests/cli/lib.sh"
# shellcheck source=tests/foreign/lib_opened.sh
. "$SOURCE_DIR/tests/foreign/lib_opened.sh"

printf 'qemupass' >pass
printf 'wrong' >other
printf 'qemupass and much more than sixteen bytes' >long
chmod 0644 pass other long

open_image() { # FILE OPTION...
    chmod 0644 "$1"
    opened "./$1" "${@:2}"
}
unlock=(--passphrase-file "$work/pass")

corpus=${COFFER_CORPUS:-$SOURCE_DIR/../shared/corpus}
if [ -e "$corpus/INDEX.tsv" ] && command -v xz >/dev/null; then
    mkdir each
    (cd each && /usr/bin/python3 "$SOURCE_DIR/tests/foreign/corpus.py" "$corpus" "$OPENED" QCOW2-LUKS QCOW2-AES QCOW1-AES)
fi
need_program qemu-img qemu-io

# ---- what QEMU does ------------------------------------------------------------------------------------------

secret_of_qemu=(--object "secret,id=s,file=$work/pass")
place() { # FORMAT FILE
    echo "driver=$1,encrypt.key-secret=s,file.filename=$2"
}
create() { # FORMAT FILE SIZE OPTIONS: with a cheap derivation
    local options=$4
    [[ $options != *format=luks* ]] || options+=,encrypt.iter-time=10
    rm -f "$2"
    LD_PRELOAD=$BUILD_DIR/tests/slow_machine.so qemu-img create -q -f "$1" "${secret_of_qemu[@]}" \
        -o "encrypt.key-secret=s,$options" "$2" "$3" 2>said || { cat said; fail "qemu-img cannot make $2"; }
}
change() { # FORMAT FILE COMMAND...: of qemu-io
    local commands=()
    for command in "${@:3}"; do
        commands+=(-c "$command")
    done
    qemu-io "${secret_of_qemu[@]}" --image-opts "$(place "$1" "$2")" "${commands[@]}" >said || { cat said; fail "qemu-io $2"; }
}
content() { # FORMAT FILE: as QEMU sees it, in `wanted`
    rm -f wanted
    qemu-img convert "${secret_of_qemu[@]}" --image-opts "$(place "$1" "$2")" -O raw wanted
}
expect_same_content() { # FORMAT FILE
    content "$1" "$2"
    open_image "$2" "${unlock[@]}" 2>said >got || { cat said; fail "$2 does not open"; }
    cmp got wanted || fail "$2: QEMU reads something else"
}

# ---- content -------------------------------------------------------------------------------------------------

size=$((5 * 1048576 + 3 * 512))
fill() { # FORMAT FILE: pieces in any order, over each other, with holes between, and the last sector
    change "$1" "$2" 'write -P 0x11 3M 300k' 'write -P 0x22 1000k 65k' 'write -P 0x33 0 512' 'write -P 0x44 3200k 1M' \
        'write -P 0x55 2000k 1536' 'write -P 0x66 512 70k' "write -P 0x77 $((size - 512)) 512"
}
try_image() { # FORMAT OPTIONS
    create "$1" image "$size" "$2"
    fill "$1" image
    expect_same_content "$1" image
}
for options in encrypt.format=luks,cluster_size={512,4k,64k,2M} encrypt.format=luks,cluster_size=64k,compat=0.10 \
    encrypt.format=luks,encrypt.cipher-alg=serpent-256,encrypt.ivgen-alg=essiv,encrypt.cipher-mode=cbc,encrypt.ivgen-hash-alg=sha256 \
    encrypt.format=luks,compression_type=zstd encrypt.format=luks,preallocation=metadata \
    encrypt.format=aes,cluster_size={512,64k,2M} encrypt.format=aes,compat=0.10; do
    [[ $options != *zstd* ]] || qemu-img create -q -f qcow2 -o compression_type=zstd image 1M 2>said || continue
    try_image qcow2 "$options"
done
# qemu-io and 'qemu-img convert' do not open the oldest kind with a secret, but 'qemu-img convert' makes it.
head -c 300000 /dev/urandom >raw
truncate -s 2M raw
head -c 70000 /dev/urandom >>raw
truncate -s "$size" raw
create qcow image "$size" encrypt.format=aes
qemu-img convert -n "${secret_of_qemu[@]}" --target-image-opts -O qcow raw "$(place qcow image)" 2>said ||
    qemu-img convert "${secret_of_qemu[@]}" -f raw -O qcow -o encrypt.format=aes,encrypt.key-secret=s raw image
open_image image "${unlock[@]}" >got 2>said || { cat said; fail 'the oldest kind does not open'; }
cmp got raw || fail 'QCOW of version 1: something else is read'

create qcow2 image "$size" encrypt.format=luks,cluster_size=4k
fill qcow2 image
change qcow2 image 'write -z 3100k 200k' 'write -z -u 3500k 100k' 'discard 1000k 20k'
expect_same_content qcow2 image
qemu-img snapshot -c before --image-opts "${secret_of_qemu[@]}" "$(place qcow2 image)"
change qcow2 image 'write -P 0x88 3M 600k' 'write -P 0x99 0 4k'
expect_same_content qcow2 image
expect_status 0 "$COFFER" check image
expect_output 'note  *image: it has snapshots, 1 of them; only its present state is read$'
create qcow2 image 300G encrypt.format=aes
change qcow2 image 'write -P 0x11 1G 64k' "write -P 0x22 $(((300 << 30) - 512)) 512"
expect_status 0 "$COFFER" info image "${unlock[@]}" --json
expect_json 'it["data_size"] == 300 << 30'
expect_status 0 "$COFFER" convert image large.coffer "${unlock[@]}" --new-passphrase-file other "${small_kdf[@]}" # holes are skipped
[ "$(du -k large.coffer | cut -f 1)" -lt 2048 ] || fail "holes take space: $(du -k large.coffer)"
rm large.coffer

# ---- secrets -------------------------------------------------------------------------------------------------

create qcow2 luks "$size" encrypt.format=luks
fill qcow2 luks
content qcow2 luks
create qcow2 aes "$size" encrypt.format=aes
fill qcow2 aes
sum=$(cat luks aes | sha256sum)
expect_status 12 open_image luks --passphrase-file "$work/other"
expect_error 'no key slot opens with this secret'
expect_status 0 open_image luks --key-file "$work/pass" --no-cleartext
expect_status 2 open_image aes --key-file "$work/pass" --no-cleartext
expect_error 'opens with a passphrase, and with nothing else'
expect_status 0 "$COFFER" info luks
expect_output "^'luks': qcow volume, version 3$"
expect_output '^  cipher  *aes-xts-plain64, sectors of 512 bytes$'
expect_output '^  key slots  *0$'
expect_output '^  opens with  *a passphrase or a key file$'
expect_status 0 "$COFFER" info aes
expect_output '^  cipher  *aes-cbc-plain64, sectors of 512 bytes$'
expect_output '^  opens with  *a passphrase; nothing in it tells whether it is the right one$'
! grep -q 'key slots\|uuid' stdout || fail 'an image with AES has neither'
expect_status 0 "$COFFER" info aes --passphrase-file long --json
expect_json 'it["format"] == "qcow"' 'it["unlocked"]' "it['data_size'] == $size" '"slot" not in it'
expect_error 'only the first 16 bytes of the passphrase count'
expect_json 'it["secret_verified"] is False'
expect_status 0 "$COFFER" info aes "${unlock[@]}"
expect_output '^  key  *not verified: a wrong one'
expect_status 0 "$COFFER" check luks "${unlock[@]}"
expect_output '^good  *tables: all that they name is there, and nothing overlaps$'
expect_output '^good  *key slots: the key material of 1 looks'
expect_output '^good  *key slot 0: opens with this secret'
expect_status 0 "$COFFER" check aes "${unlock[@]}"
expect_output '^note  *nothing in it tells whether this secret is the right one$'
expect_status 12 "$COFFER" check luks --passphrase-file other

secret_of_qemu=(--object "secret,id=s,file=$work/long")
create qcow2 image "$size" encrypt.format=aes
fill qcow2 image
content qcow2 image
secret_of_qemu=(--object "secret,id=s,file=$work/pass")
open_image image --passphrase-file "$work/long" 2>said | cmp - wanted || fail 'a long passphrase is another key'
content qcow2 luks

# ---- never written -------------------------------------------------------------------------------------------

printf x >x
expect_status 16 ./opened luks "${unlock[@]}" --write --fill --no-cleartext <x
expect_error 'the volume is open for reading only'
expect_status 14 "$COFFER" key add luks "${unlock[@]}" --new-passphrase-file other
expect_error "hint: 'qemu-img amend'"
expect_status 0 "$COFFER" convert luks copy.coffer "${unlock[@]}" --new-passphrase-file other "${small_kdf[@]}"
expect_output "a copy of the qcow volume 'luks', read back and compared$"
expect_status 0 open_image copy.coffer --passphrase-file "$work/other"
cmp -n "$size" stdout wanted || fail 'the copy is something else'
expect_same "$sum" "$(cat luks aes | sha256sum)" 'images that were only read'
if [ -w /dev/fuse ] && command -v fusermount3 >/dev/null; then
    mkdir m
    at_end "$COFFER" unmount m
    expect_status 0 "$COFFER" mount luks m --block "${unlock[@]}"
    expect_error "a disk image of QEMU is only read; 'coffer convert' makes a volume of it that is written, too"
    cmp m/volume wanted || fail 'the mount shows something else'
    ! printf x 2>/dev/null 1<>m/volume || fail 'it can be written'
    expect_status 0 "$COFFER" unmount m
fi
expect_same "$sum" "$(cat luks aes | sha256sum)" 'images that were mounted'

# ---- neither while QEMU writes, nor the other way round -------------------------------------------------------

cp luks busy
mkfifo commands
qemu-io "${secret_of_qemu[@]}" --image-opts "$(place qcow2 busy)" <commands >said 2>&1 &
exec 5>commands
echo 'write -P 1 0 512' >&5
wait_until grep -q 'wrote 512' said
expect_status 11 "$COFFER" info busy "${unlock[@]}"
expect_error 'QEMU has it open for writing'
exec 5>&-
wait $!
expect_status 0 "$COFFER" info busy "${unlock[@]}"
if [ -d m ]; then
    expect_status 0 "$COFFER" mount busy m --block --read-only "${unlock[@]}"
    expect_status 0 "$COFFER" info busy "${unlock[@]}" # readers do not mind each other
    expect_status 1 qemu-io "${secret_of_qemu[@]}" --image-opts "$(place qcow2 busy)" -c 'write -P 1 0 512'
    expect_error 'Failed to get ".*" lock'
    expect_status 0 "$COFFER" unmount m
fi

# ---- what is refused -----------------------------------------------------------------------------------------

refused() { # FILE PATTERN: before anything is asked for, and said by info and check
    refused_by_info "$@"
    expect_status 0 "$COFFER" check "$1"
    expect_output "^note  *it cannot be opened here: .*$2"
}
refused_by_info() { # FILE PATTERN
    expect_status 14 open_image "$1" "${unlock[@]}" --no-cleartext
    expect_error "$2"
    expect_status 0 "$COFFER" info "$1"
    expect_output "not supported .*$2"
    expect_status 14 "$COFFER" info "$1" --unlock
    expect_error "$2"
}
edited() { # FILE STATEMENT: in `no`
    cp "$1" no
    /usr/bin/python3 "$SOURCE_DIR/tests/foreign/edit_qcow.py" no "$2"
}
for format in qcow qcow2; do
    qemu-img create -q -f "$format" plain 1M
    refused plain 'it is not encrypted; .qemu-img convert'
done
create qcow2 over 4M "encrypt.format=luks,backing_file=$work/plain,backing_fmt=qcow2"
refused over 'over another image, its backing file'
create qcow2 outside 4M "encrypt.format=luks,data_file=$work/data"
refused outside 'its data lies in another file'
create qcow2 parts 4M encrypt.format=luks,extended_l2=on,cluster_size=64k
refused parts 'extended entries'
edited luks 'it.put(72, 8, 1 << 40)'
refused no 'incompatible bits 0x10000000000'
edited luks 'it.put(32, 4, 3)'
refused no 'encrypted in an unknown way, 3'
edited luks 'it.put(4, 4, 4)'
expect_status 14 "$COFFER" info no
expect_error 'QCOW) of version 4$'
edited luks 'it.put(it.l2(0, 0), 8, 1 << 62 | 65536)'
expect_status 14 open_image no "${unlock[@]}"
expect_error 'some of its clusters are compressed'
expect_status 0 "$COFFER" check no
expect_output '^note  *it cannot be opened here: some of its clusters are compressed'
create qcow2 ecb 1M encrypt.format=luks,encrypt.cipher-mode=ecb
refused_by_info ecb 'aes-ecb.*is not supported'
edited luks 'it.put(79, 1, 1)' # dirty: reference counts only
expect_status 0 open_image no "${unlock[@]}"
cmp stdout wanted || fail 'an image that was not closed reads as something else'
expect_status 0 "$COFFER" check no
expect_output '^note  *image: it was not closed'
edited luks 'it.put(79, 1, 2)'
expect_status 0 "$COFFER" info no "${unlock[@]}"
expect_error 'QEMU has marked it as corrupt: what is read may be wrong'
expect_status 3 "$COFFER" check no
expect_output '^damaged? *image: QEMU has marked it as corrupt'
expect_error "hint: 'qemu-img check'"

# ---- hostile images ------------------------------------------------------------------------------------------

damaged() { # FILE STATEMENT PATTERN [STATUS]
    edited "$1" "$2"
    expect_status "${4:-13}" open_image no "${unlock[@]}"
    expect_error "$3"
}
for image in luks aes; do
    damaged "$image" 'it.put(20, 4, 8)' 'impossible size'
    damaged "$image" 'it.put(20, 4, 22)' 'impossible size'
    damaged "$image" 'it.put(20, 4, 0xffffffff)' 'impossible size'
    damaged "$image" 'it.put(24, 8, 0)' 'no content'
    damaged "$image" 'it.put(24, 8, 511)' 'no content'
    damaged "$image" 'it.put(24, 8, (1 << 64) - 1)' 'L1 table has more than 32 MiB' 14
    damaged "$image" 'it.put(24, 8, 1 << 40)' 'L1 table is too small'
    damaged "$image" 'it.put(36, 4, 0)' 'L1 table is too small'
    damaged "$image" 'it.put(40, 8, 1)' 'L1 table begins inside a cluster'
    damaged "$image" 'it.put(40, 8, 1 << 40)' 'L1 table lies beyond the end'
    damaged "$image" 'it.put(40, 8, (1 << 64) - 65536)' 'L1 table lies beyond the end'
    damaged "$image" 'it.put(40, 8, 0)' 'two parts of it overlap|bits that mean nothing|inside a cluster'
    damaged "$image" 'it.put(100, 4, 96)' 'impossible size'
    damaged "$image" 'it.put(100, 4, 1 << 31)' 'impossible size'
    damaged "$image" 'it.put(it.number(100, 4), 8, 0x12345678ffffffff)' 'an extension of it does not end'
    damaged "$image" 'it.put(it.l1(0), 8, it.get(it.l1(0)) + 512)' 'begins inside a cluster'
    damaged "$image" 'it.put(it.l1(0), 8, it.get(it.l1(0)) | 1)' 'bits that mean nothing'
    damaged "$image" 'it.put(it.l1(0), 8, it.get(it.l1(0)) | 1 << 55)' 'beyond the end'
    damaged "$image" 'it.put(it.l1(0), 8, it.number(40, 8))' 'two parts of it overlap' # the L1 table as an L2 table
    damaged "$image" 'it.put(it.l2(0, 0), 8, it.get(it.l2(0, 0)) | 2)' 'bits that mean nothing'
    damaged "$image" 'it.put(it.l2(0, 0), 8, it.get(it.l2(0, 0)) | 1 << 56)' 'bits that mean nothing'
    damaged "$image" 'it.put(it.l2(0, 0), 8, it.get(it.l2(0, 0)) | 1 << 54)' 'beyond the end'
    damaged "$image" 'it.put(it.l2(0, 0), 8, it.get(it.l2(0, 0)) + 512)' 'begins inside a cluster'
    damaged "$image" 'it.put(it.l2(0, 0), 8, 1 << 63)' 'where the header is'
    damaged "$image" 'it.put(it.l2(0, 1), 8, it.get(it.l2(0, 0)))' 'two parts of it overlap' # a cluster twice
    damaged "$image" 'it.put(it.l2(0, 0), 8, it.get(it.l1(0)))' 'two parts of it overlap' # its own table as data
    damaged "$image" 'it.put(it.l2(0, 0), 8, it.number(40, 8))' 'two parts of it overlap'
    damaged "$image" 'del it.data[-70000:]' 'beyond the end, or the file was cut short'
    damaged "$image" 'del it.data[100:]' 'cut short'
    expect_status 3 "$COFFER" check no
    edited "$image" 'del it.data[6:]'
    expect_status 10 "$COFFER" info no
    edited "$image" 'it.put(it.l2(0, 0), 8, it.get(it.l1(0)))'
    expect_status 3 "$COFFER" check no
    expect_output '^damaged? *tables: its QCOW tables are damaged: two parts of it overlap$'
done
fde='it.extension(0x0537be77)'
damaged luks "it.put($fde, 8, 512)" 'place of its LUKS header'
damaged luks "it.put($fde, 8, 1 << 40)" 'LUKS header lies beyond the end'
damaged luks "it.put($fde + 8, 8, (1 << 64) - 1)" 'LUKS header lies beyond the end'
damaged luks "it.put($fde + 8, 8, 0)" 'place of its LUKS header'
damaged luks "it.put($fde + 8, 8, 1000)" 'LUKS header is damaged: it is cut short'
damaged luks "it.put($fde + 8, 8, 100)" 'LUKS header is damaged: it is cut short'
damaged luks "it.put($fde, 8, 0)" 'LUKS header is damaged: it is not one of version 1'
damaged luks "it.put($fde - 8, 4, 1)" 'does not say where its LUKS header is'
damaged luks "it.put(32, 4, 1)" 'place of its LUKS header'
damaged luks "it.put(it.get($fde) + 7, 1, 2)" 'not one of version 1'
damaged luks "it.put(it.l2(0, 0), 8, it.get($fde))" 'two parts of it overlap'
create qcow2 old 5M encrypt.format=aes,compat=0.10
change qcow2 old 'write -P 1 0 64k'
damaged old 'it.put(it.l2(0, 0), 8, it.get(it.l2(0, 0)) | 1)' 'bits that mean nothing'

# Hundreds of thousands of L1 entries for one L2 table: nothing of that is read, let alone kept.
create qcow2 many 20G encrypt.format=aes,cluster_size=512
/usr/bin/python3 - many <<'END'
import sys
with open(sys.argv[1], "r+b") as file:
    head = file.read(48)
    table, count = int.from_bytes(head[40:48], "big"), int.from_bytes(head[36:40], "big")
    place = (table + 8 * count + 511) // 512 * 512
    file.seek(table)
    file.write(place.to_bytes(8, "big") * count)
    file.truncate(place + 512)
END
expect_status 13 open_image many "${unlock[@]}" --no-cleartext
expect_error 'two parts of it overlap'

# More tables than are read, all of them holes of the file.
create qcow2 many 2P encrypt.format=aes,cluster_size=2M
/usr/bin/python3 - many <<'END'
import sys
with open(sys.argv[1], "r+b") as file:
    head, cluster = file.read(48), 2 << 20
    table, count = int.from_bytes(head[40:48], "big"), int.from_bytes(head[36:40], "big")
    file.seek(table)
    file.write(b"".join(((8 + i) * cluster).to_bytes(8, "big") for i in range(2049)))
    file.truncate((8 + 2049) * cluster)
END
expect_status 14 open_image many "${unlock[@]}" --no-cleartext
expect_error 'its tables take more than 4 GiB'
