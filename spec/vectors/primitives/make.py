#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Writes blake2b-sizes.txt, argon2id.txt, xchacha20-poly1305.txt, seal.txt and seal-collision.txt of this folder.

Nothing here comes from the libraries that coffer uses: BLAKE2b is Python's hashlib, ChaCha20-Poly1305 is OpenSSL
(python3-cryptography), HChaCha20 and Poly1305 are written out below, Argon2id is libargon2 (through ctypes). The
published vectors are checked on the way. Running it again writes the same bytes.
"""
import ctypes
import hashlib
import os
import struct

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

P = 2**130 - 5
HERE = os.path.dirname(os.path.abspath(__file__))


def write(name, comment, blocks):
    lines = ["# " + line for line in comment]
    for block in blocks:
        lines.append("")
        for key, value in block.items():
            value = value.hex() if isinstance(value, bytes) else str(value)
            lines.append(f"{key} = {value}".rstrip())
    with open(os.path.join(HERE, name), "w", encoding="ascii") as file:
        file.write("\n".join(lines) + "\n")


def stream(seed, size):
    """Bytes without a pattern, the same at every run."""
    return hashlib.shake_256(seed.encode()).digest(size)


# ---- BLAKE2b ----

def blake2b_vectors():
    for size in (16, 32, 48, 64):
        for key_size, data_size in [(0, 0), (0, 1920), (1, 128), (32, 32), (64, 129)]:
            name = f"blake2b {size} {key_size} {data_size}"
            key, data = stream(name + " key", key_size), stream(name + " input", data_size)
            yield {"key": key, "input": data, "hash": hashlib.blake2b(data, key=key, digest_size=size).digest()}


# ---- Argon2id ----

class Argon2Context(ctypes.Structure):
    _fields_ = [("out", ctypes.c_char_p), ("outlen", ctypes.c_uint32), ("pwd", ctypes.c_char_p),
                ("pwdlen", ctypes.c_uint32), ("salt", ctypes.c_char_p), ("saltlen", ctypes.c_uint32),
                ("secret", ctypes.c_char_p), ("secretlen", ctypes.c_uint32), ("ad", ctypes.c_char_p),
                ("adlen", ctypes.c_uint32), ("t_cost", ctypes.c_uint32), ("m_cost", ctypes.c_uint32),
                ("lanes", ctypes.c_uint32), ("threads", ctypes.c_uint32), ("version", ctypes.c_uint32),
                ("allocate_cbk", ctypes.c_void_p), ("free_cbk", ctypes.c_void_p), ("flags", ctypes.c_uint32)]


def argon2id(password, salt, memory, passes, lanes=1, secret=b"", ad=b""):
    out = ctypes.create_string_buffer(32)
    context = Argon2Context(ctypes.cast(out, ctypes.c_char_p), 32, password, len(password), salt, len(salt), secret,
                            len(secret), ad, len(ad), passes, memory, lanes, lanes, 0x13, None, None, 0)
    status = ctypes.CDLL("libargon2.so.1").argon2id_ctx(ctypes.byref(context))
    assert status == 0, status
    return out.raw


def argon2_vectors():
    block = {"source": "RFC 9106, 5.3", "password": b"\1" * 32, "salt": b"\2" * 16, "secret": b"\3" * 8,
             "ad": b"\4" * 12, "memory": 32, "passes": 3, "lanes": 4}
    block["key"] = argon2id(b"\1" * 32, b"\2" * 16, 32, 3, 4, b"\3" * 8, b"\4" * 12)
    assert block["key"].hex() == "0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659"
    yield block
    salt = bytes(range(0xA0, 0xB0))
    for password, memory, passes in [
        (b"\1" * 32, 32, 3), (b"password", 8, 1), (b"password", 9, 1), (b"password", 11, 5), (b"", 64, 2),
        (b"\0", 64, 2), (b"\0\0", 64, 2), (bytes(range(64)), 1024, 1), (bytes(range(64)), 1025, 2),
        (b"x" * 1024, 4096, 1), (bytes(range(64)), 8192, 1), (bytes(range(64)), 65536, 3),
    ]:
        yield {"source": "libargon2", "password": password, "salt": salt, "memory": memory, "passes": passes,
               "lanes": 1, "key": argon2id(password, salt, memory, passes)}


# ---- XChaCha20-Poly1305 ----

def quarter(x, a, b, c, d):
    for first, second, third, turn in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
        x[first] = (x[first] + x[second]) & 0xFFFFFFFF
        word = x[third] ^ x[first]
        x[third] = (word << turn | word >> 32 - turn) & 0xFFFFFFFF


def hchacha20(key, nonce16):
    x = list(struct.unpack("<16L", b"expand 32-byte k" + key + nonce16))
    for _ in range(10):
        for column in range(4):
            quarter(x, column, column + 4, column + 8, column + 12)
        for start in range(4):
            quarter(x, start, 4 + (start + 1) % 4, 8 + (start + 2) % 4, 12 + (start + 3) % 4)
    return struct.pack("<8L", *x[:4], *x[12:])


def xchacha20poly1305(key, nonce, plain, ad=b""):
    return ChaCha20Poly1305(hchacha20(key, nonce[:16])).encrypt(bytes(4) + nonce[16:], plain, ad)


def keystream(key, nonce, block, size):
    start = struct.pack("<L", block) + bytes(4) + nonce[16:]
    cipher = Cipher(algorithms.ChaCha20(hchacha20(key, nonce[:16]), start), mode=None).encryptor()
    return cipher.update(bytes(size))


def xchacha_vectors():
    subkey = hchacha20(bytes(range(32)), bytes.fromhex("000000090000004a0000000031415927"))
    assert subkey.hex() == "82413b4227b27bfed30e42508a877d73a0f9e4d58a74a853c12ec41326d3ecdc"
    yield {"source": "draft-irtf-cfrg-xchacha-03, 2.2.1", "key": bytes(range(32)),
           "hchacha_input": bytes.fromhex("000000090000004a0000000031415927"), "hchacha_output": subkey}
    plain = (b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, "
             b"sunscreen would be it.")
    ad = bytes.fromhex("50515253c0c1c2c3c4c5c6c7")
    sealed = xchacha20poly1305(bytes(range(0x80, 0xA0)), bytes(range(0x40, 0x58)), plain, ad)
    assert sealed.hex().startswith("bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb")
    assert sealed.hex().endswith("c0875924c1c7987947deafd8780acf49")
    yield {"source": "draft-irtf-cfrg-xchacha-03, A.3.1", "key": bytes(range(0x80, 0xA0)),
           "nonce": bytes(range(0x40, 0x58)), "ad": ad, "plain": plain, "sealed": sealed}


# ---- SEAL ----

def derive(key, label, nonce, ad):
    okm = hashlib.blake2b(label.encode().ljust(16, b"\0") + nonce + ad, key=key).digest()
    return okm[:32], okm[32:]


def seal_vectors():
    for label, ad_size, size in [("coffer1 slot", 18, 56), ("coffer1 body", 130, 1976), ("coffer1 selftest", 0, 0),
                                 ("x", 1, 1), ("coffer1 slot", 1000, 15), ("coffer1 slot", 17, 16),
                                 ("coffer1 slot", 18, 64), ("", 3, 65)]:
        name = f"{label} {ad_size} {size}"
        key, nonce, ad = stream(name + " key", 32), stream(name + " nonce", 24), stream(name + " ad", ad_size)
        plain = stream(name + " plain", size)
        com, ek = derive(key, label, nonce, ad)
        yield {"key": key, "label": label, "nonce": nonce, "ad": ad, "plain": plain, "ek": ek,
               "sealed": nonce + com + xchacha20poly1305(ek, nonce, plain)}


# ---- One box, two keys ----

def poly1305_of(r, s, blocks):
    accumulator = 0
    for block in blocks:
        accumulator = (accumulator + block) * r % P
    return (accumulator + s) % 2**128


def one_time_key(key, nonce):
    block = keystream(key, nonce, 0, 32)
    r = int.from_bytes(block[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    return r, int.from_bytes(block[16:], "little")


def collide(keys, nonce, size):
    """A ciphertext of `size` bytes and a tag that both keys accept.

    Poly1305 is a polynomial in r modulo 2^130 - 5, so two blocks of ciphertext can be solved for: two unknowns,
    two linear equations. A solution is of use when both blocks come out in [2^128, 2^129); else another tag.
    """
    cipher = bytearray(stream("ciphertext", size))
    count = size // 16 + 1  # and the block of lengths
    one_time = [one_time_key(key, nonce) for key in keys]
    for attempt in range(10000):
        tag = int.from_bytes(stream(f"tag {attempt}", 16), "little")
        rows = []
        for number, (r, s) in enumerate(one_time):
            blocks = [int.from_bytes(cipher[at:at + 16] + b"\1", "little") for at in range(0, size, 16)]
            blocks.append(int.from_bytes(struct.pack("<QQ", 0, size) + b"\1", "little"))
            blocks[0] = blocks[1] = 0
            known = sum(block * pow(r, count - i, P) for i, block in enumerate(blocks))
            wanted = (tag - s) % 2**128 + (attempt >> number & 1) * 2**128
            rows.append((pow(r, count, P), pow(r, count - 1, P), (wanted - known) % P))
        (a, b, e), (c, d, f) = rows
        inverse = pow(a * d - b * c, -1, P)
        first, second = (e * d - b * f) * inverse % P, (a * f - e * c) * inverse % P
        if first >> 128 != 1 or second >> 128 != 1:
            continue
        cipher[:16] = (first - 2**128).to_bytes(16, "little")
        cipher[16:32] = (second - 2**128).to_bytes(16, "little")
        return bytes(cipher) + tag.to_bytes(16, "little")
    raise AssertionError("no collision found")


def collision_vectors():
    label, ad, nonce = "coffer1 slot", stream("collision ad", 18), stream("collision nonce", 24)
    keys = [stream("collision key 1", 32), stream("collision key 2", 32)]
    derived = [derive(key, label, nonce, ad) for key in keys]
    box = collide([ek for _, ek in derived], nonce, 64)
    block = {"label": label, "nonce": nonce, "ad": ad, "box": box}
    for number, (key, (com, ek)) in enumerate(zip(keys, derived), 1):
        plain = ChaCha20Poly1305(hchacha20(ek, nonce[:16])).decrypt(bytes(4) + nonce[16:], box, b"")
        block |= {f"key{number}": key, f"com{number}": com, f"ek{number}": ek, f"plain{number}": plain}
    yield block


write("blake2b-sizes.txt", ["BLAKE2b with other output and key sizes, from Python's hashlib."], blake2b_vectors())
write("argon2id.txt", ["Argon2id, version 0x13, 32 bytes out; memory in KiB.",
                       "RFC 9106's has a secret, associated data and four lanes, which the format does not use: it is here",
                       "for the implementation that the tests compare with. The others come from libargon2."],
      argon2_vectors())
write("xchacha20-poly1305.txt", ["HChaCha20 and XChaCha20-Poly1305."], xchacha_vectors())
write("seal.txt", ["SEAL with a known nonce. ek is the key inside, for tests that look for what is left of it."],
      seal_vectors())
write("seal-collision.txt", ["box is accepted by XChaCha20-Poly1305 under ek1 and under ek2 with the same nonce.",
                             "nonce | com1 | box opens with key1 only, nonce | com2 | box with key2 only."],
      collision_vectors())
