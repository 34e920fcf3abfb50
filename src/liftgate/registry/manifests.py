"""A training manifest as a file: it counts under the digest that its own content has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from liftgate.digests import digest


def read_manifest(data: bytes) -> Mapping[str, Any] | None:
    """The manifest of a manifest.json whose digest is that of its content; else None."""
    try:
        read = orjson.loads(data)
        body = {key: read[key] for key in ("provider", "base", "base_revision", "method", "seed")}
        body["hyperparameters"] = read["hyperparameters"]
        body |= {key: read["dataset"][key] for key in ("train_sha256", "validation_sha256")}
        holds = read["digest"] == digest(body)
    except (orjson.JSONDecodeError, KeyError, TypeError, IndexError):
        return None
    return read if holds else None
