"""The byte forms that hashes are taken over. Pure: values in, values out."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import orjson


def sha256_bytes(data: bytes) -> str:
    """Full lowercase sha256 of a byte string."""
    return hashlib.sha256(data).hexdigest()


def canonical(value: Any) -> bytes:
    """The one byte form of a JSON value that hashes are taken over: sorted keys, no spaces, UTF-8."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def digest(value: Any) -> str:
    """sha256 over the canonical JSON of a value."""
    return sha256_bytes(canonical(value))


def pretty(value: Any) -> bytes:
    """The form in which JSON files are written: two spaces, sorted keys, final newline."""
    return (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n").encode()
