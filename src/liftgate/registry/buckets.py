"""Who belongs to a share of the callers: the same answer in every process, version and language. Pure.

A caller's number is the first 8 bytes, big-endian, of sha256 over the UTF-8 text

    liftgate:1:<purpose>:<alias>:<variant>:<key>

and a share of `percent` holds the numbers below ceil(percent * 2**64 / of). Raising a percentage only ever adds
callers. Each variant has numbers of its own, so it is not always the same people who get the newest model first.
`tests/vectors/buckets.json` pins the numbers; an implementation elsewhere can be held against it.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Final

SPAN: Final = 2**64
ROLLOUT: Final = "rollout"
SHADOW: Final = "shadow"


def salt(purpose: str, alias: str, variant: str) -> bytes:
    """What stands before the key."""
    return f"liftgate:1:{purpose}:{alias}:{variant}:".encode()


def number(salted: bytes, key: bytes) -> int:
    """A caller's number, in [0, 2**64)."""
    return int.from_bytes(sha256(salted + key).digest()[:8])


def threshold(percent: int, of: int = 100) -> int:
    """The first number outside a share of `percent`, where `of` percent are left to share out."""
    if percent <= 0 or of <= 0:
        return 0
    return SPAN if percent >= of else -(-percent * SPAN // of)


def limit_of(first_outside: int) -> bytes | None:
    """A threshold to be compared with a whole digest: `digest < limit` for its callers; None holds everybody."""
    return None if first_outside >= SPAN else first_outside.to_bytes(8)


def key_bytes(key: object) -> bytes:
    """A key as it is counted: text as UTF-8, bytes as they are, all else as Python writes it; b"" for none.

    Half a surrogate pair, which no UTF-8 holds, counts as its three bytes. Never raises.
    """
    if isinstance(key, str):
        return key.encode("utf-8", "surrogatepass")
    if key is None:
        return b""
    if isinstance(key, bytes | bytearray):
        return bytes(key)
    try:
        return str(key).encode("utf-8", "surrogatepass")
    except Exception:
        return b""
