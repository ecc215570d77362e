"""`DYNPROT_ENC_` values exactly as the old app made them, mistake included.

The app hands its PBKDF2 key to crypto-js as a *string*. crypto-js then works in passphrase mode: it draws
8 random bytes of salt, derives key and IV from them (OpenSSL's EVP_BytesToKey, MD5, one round) and ignores the
IV that it was given. The app stores that ignored IV in front of the ciphertext and throws the salt away, so that
nobody can ever read the value back. A sample made with a correct scheme would not represent what browsers hold.

AES is written out here (encryption only) since the standard library has none and nothing that runs in production
needs one: do not use it for anything but samples.
"""

from __future__ import annotations

import base64
import hashlib
import struct
from functools import lru_cache
from random import Random

PREFIX = "DYNPROT_ENC_"
# The default that was compiled into every copy of the front end: public, and secret from nobody.
BUNDLED_KEY_TEXT = "DynProt-2024-SecureStorage-v1.0"
ITERATIONS = 10_000

KEY_SIZE, BLOCK_SIZE = 32, 16  # bytes


def _tables() -> tuple[bytes, tuple[list[int], ...]]:
    """The S-box (FIPS 197, 5.1.1) and the four tables that join it with MixColumns, one per byte of a word."""
    powers, logs = [0] * 256, [0] * 256
    value = 1
    for exponent in range(255):
        powers[exponent], logs[value] = value, exponent
        value ^= (value << 1) ^ (0x11B if value & 0x80 else 0)
    box = bytearray(256)
    for byte in range(256):
        inverse = powers[(255 - logs[byte]) % 255] if byte else 0
        spread = inverse
        for turn in range(1, 5):
            spread ^= (inverse << turn | inverse >> (8 - turn)) & 0xFF
        box[byte] = spread ^ 0x63
    first = []
    for substituted in box:
        doubled = (substituted << 1) ^ (0x11B if substituted & 0x80 else 0)
        first.append(doubled << 24 | substituted << 16 | substituted << 8 | (doubled ^ substituted))
    turned = [[(word >> shift | word << (32 - shift)) & 0xFFFFFFFF for word in first] for shift in (0, 8, 16, 24)]
    return bytes(box), tuple(turned)


_BOX, (_T0, _T1, _T2, _T3) = _tables()


def _substituted(word: int) -> int:
    return _BOX[word >> 24] << 24 | _BOX[word >> 16 & 255] << 16 | _BOX[word >> 8 & 255] << 8 | _BOX[word & 255]


def _round_keys(key: bytes) -> list[int]:
    """The key schedule of AES-256: 60 words (FIPS 197, 5.2)."""
    words = list(struct.unpack(">8I", key))
    constant = 1
    for index in range(8, 60):
        word = words[-1]
        if index % 8 == 0:
            word = _substituted((word << 8 | word >> 24) & 0xFFFFFFFF) ^ constant << 24
            constant <<= 1
        elif index % 4 == 0:
            word = _substituted(word)
        words.append(words[-8] ^ word)
    return words


def encrypt_aes_256_cbc(key: bytes, iv: bytes, plain: bytes) -> bytes:
    """AES-256 in CBC mode with PKCS#7 padding."""
    keys = _round_keys(key)
    t0, t1, t2, t3 = _T0, _T1, _T2, _T3
    padding = BLOCK_SIZE - len(plain) % BLOCK_SIZE
    a, b, c, d = struct.unpack(">4I", iv)
    sealed = bytearray()
    for w, x, y, z in struct.iter_unpack(">4I", plain + bytes([padding]) * padding):
        a, b, c, d = a ^ w ^ keys[0], b ^ x ^ keys[1], c ^ y ^ keys[2], d ^ z ^ keys[3]
        for at in range(4, 56, 4):
            a, b, c, d = (
                t0[a >> 24] ^ t1[b >> 16 & 255] ^ t2[c >> 8 & 255] ^ t3[d & 255] ^ keys[at],
                t0[b >> 24] ^ t1[c >> 16 & 255] ^ t2[d >> 8 & 255] ^ t3[a & 255] ^ keys[at + 1],
                t0[c >> 24] ^ t1[d >> 16 & 255] ^ t2[a >> 8 & 255] ^ t3[b & 255] ^ keys[at + 2],
                t0[d >> 24] ^ t1[a >> 16 & 255] ^ t2[b >> 8 & 255] ^ t3[c & 255] ^ keys[at + 3],
            )
        a, b, c, d = (
            _last_round(a, b, c, d) ^ keys[56],
            _last_round(b, c, d, a) ^ keys[57],
            _last_round(c, d, a, b) ^ keys[58],
            _last_round(d, a, b, c) ^ keys[59],
        )
        sealed += struct.pack(">4I", a, b, c, d)
    return bytes(sealed)


def _last_round(a: int, b: int, c: int, d: int) -> int:
    return _BOX[a >> 24] << 24 | _BOX[b >> 16 & 255] << 16 | _BOX[c >> 8 & 255] << 8 | _BOX[d & 255]


def evp_key_and_iv(passphrase: bytes, salt: bytes) -> tuple[bytes, bytes]:
    """EVP_BytesToKey with MD5 and one round, as crypto-js's EvpKDF: 32 bytes of key, 16 of IV."""
    derived = block = b""
    while len(derived) < KEY_SIZE + BLOCK_SIZE:
        block = hashlib.md5(block + passphrase + salt, usedforsecurity=False).digest()
        derived += block
    return derived[:KEY_SIZE], derived[KEY_SIZE : KEY_SIZE + BLOCK_SIZE]


@lru_cache(maxsize=64)
def session_key(salt_text: str, key_text: str = BUNDLED_KEY_TEXT, iterations: int = ITERATIONS) -> str:
    """The key of a tab, as 64 hex digits. The salt's hex *text* is what is hashed, not the bytes it spells."""
    return hashlib.pbkdf2_hmac("sha256", key_text.encode(), salt_text.encode(), iterations, KEY_SIZE).hex()


def seal(text: str, salt_text: str, rng: Random) -> str:
    """What `P-...` keys hold after the app saved `text`; unreadable to everyone, the app included."""
    discarded_salt, ignored_iv = rng.getrandbits(64).to_bytes(8, "big"), rng.getrandbits(128).to_bytes(16, "big")
    key, iv = evp_key_and_iv(session_key(salt_text).encode(), discarded_salt)
    return PREFIX + base64.b64encode(ignored_iv + encrypt_aes_256_cbc(key, iv, text.encode())).decode()


def unprefixed(text: str, rng: Random) -> str:
    """The Web Crypto format of an earlier build, which no later build can read: bare Base64 of IV and ciphertext."""
    key, iv = rng.getrandbits(256).to_bytes(32, "big"), rng.getrandbits(128).to_bytes(16, "big")
    return base64.b64encode(iv + encrypt_aes_256_cbc(key, iv, text.encode())).decode()
