#!/bin/bash
# SPDX-License-Identifier: ISC
#
# VeraCrypt and TrueCrypt through the program. A volume is made and read by Python's cryptography, which shares no
# code with coffer: what the mount writes lies in the file as the format says, and the headers stay as they were.

# shellcheck source=tests/cli/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=tests/cli/lib_mount.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib_mount.sh"

/usr/bin/python3 -c 'import cryptography' 2>/dev/null || skip 'python3-cryptography is missing'

cat >tcrypt.py <<'PYTHON'
"""make FILE KIND: a volume of 1 MiB; read FILE KIND: its cleartext on standard output."""
import hashlib, os, struct, sys, zlib
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

# magic, header version, hash, rounds: VeraCrypt's with PIM 1
KINDS = {"truecrypt": (b"TRUE", 4, "sha512", 1000), "veracrypt": (b"VERA", 5, "sha256", 16000)}
SIZE, START = 1 << 20, 131072


def xts(key, number):
    return Cipher(algorithms.AES(key), modes.XTS(struct.pack("<QQ", number, 0)))


def derive(kind, salt):
    return hashlib.pbkdf2_hmac(KINDS[kind][2], b"correct horse", salt, KINDS[kind][3], 64)


def header(kind, keys):
    size = SIZE - 2 * START
    body = bytearray(448)
    body[0:8] = KINDS[kind][0] + struct.pack(">HH", KINDS[kind][1], 0x0b07)
    body[36:68] = struct.pack(">QQQII", size, START, size, 0, 512)
    body[192:256] = keys
    body[8:12] = struct.pack(">I", zlib.crc32(body[192:448]))
    body[188:192] = struct.pack(">I", zlib.crc32(body[0:188]))
    salt = os.urandom(64)
    return salt + xts(derive(kind, salt), 0).encryptor().update(bytes(body))


action, path, kind = sys.argv[1:]
if action == "make":
    keys = os.urandom(64)
    volume = bytearray(os.urandom(SIZE))
    volume[0:512] = header(kind, keys)
    open(path, "wb").write(volume)
else:
    volume = open(path, "rb").read()
    keys = xts(derive(kind, volume[:64]), 0).decryptor().update(volume[64:512])[192:256]
    for at in range(START, SIZE - START, 512):
        sys.stdout.buffer.write(xts(keys, at // 512).decryptor().update(volume[at : at + 512]))
PYTHON
tcrypt() { /usr/bin/python3 tcrypt.py "$@"; }
named=(--passphrase-file "$secret")

# ---- info --------------------------------------------------------------------------------------------------

tcrypt make true.tc truecrypt
tcrypt make vera.hc veracrypt
expect_status 10 "$COFFER" info true.tc
expect_error '^coffer: hint: .*--unlock'
expect_status 2 "$COFFER" info true.tc --type truecrypt
expect_status 0 "$COFFER" info true.tc --type truecrypt "${named[@]}"
expect_output '^'\''true.tc'\'': truecrypt volume, version 4'
expect_output '^  derivation  *pbkdf2-sha512, 1000 iterations$'
expect_status 0 "$COFFER" info vera.hc --pim 1 --json "${named[@]}"
expect_json 'it["format"] == "veracrypt"' 'it["cipher"] == "aes-xts"' 'it["hidden"] is False' \
    'it["kdf"] == {"name": "pbkdf2-sha256", "iterations": 16000}' 'it["data_offset"] == 131072' \
    'it["data_size"] == (1 << 20) - 262144'
# without a word about what it is, too
expect_status 0 "$COFFER" info true.tc --json "${named[@]}"
expect_json 'it["format"] == "truecrypt"'

expect_status 12 "$COFFER" info true.tc --type truecrypt --passphrase-file "$wrong"
expect_error 'opens with this secret'
expect_status 12 "$COFFER" info vera.hc --pim 2 --hash sha256 "${named[@]}"
expect_status 12 "$COFFER" info true.tc --type truecrypt --hash whirlpool "${named[@]}"
expect_status 12 "$COFFER" info true.tc --type truecrypt --backup-header "${named[@]}"
expect_status 12 "$COFFER" info true.tc --type truecrypt --system "${named[@]}"
expect_status 2 "$COFFER" info vera.hc --hash md5 "${named[@]}"
expect_status 2 "$COFFER" info vera.hc --pim 0 "${named[@]}"

# ---- mount -------------------------------------------------------------------------------------------------

need_fuse
mkdir directory
head -c 786432 /dev/urandom >content
check_mount() { # VOLUME KIND OPTION...
    local volume=$1 kind=$2
    shift 2
    head -c 131072 "$volume" >head-before
    tail -c 131072 "$volume" >tail-before
    tcrypt read "$volume" "$kind" >plain
    mount_block "$volume" directory "$@"
    cmp plain directory/volume || fail "$kind: it reads something else"
    dd if=content of=directory/volume bs=64k conv=notrunc,fsync status=none
    unmount directory
    tcrypt read "$volume" "$kind" | cmp - content || fail "$kind: what was written is not there"
    head -c 131072 "$volume" | cmp - head-before || fail "$kind: its headers were written"
    tail -c 131072 "$volume" | cmp - tail-before || fail "$kind: its backup headers were written"
}
check_mount true.tc truecrypt --type truecrypt
check_mount vera.hc veracrypt --pim 1 --hash sha256
expect_nothing_left
