"""The report that a variant names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from liftgate.registry.models import Variant


def pinned_report(root: Path, variant: Variant) -> dict[str, Any] | None:
    """The report that the variant names, when its bytes are those that are pinned."""
    import orjson

    from liftgate.commands.sources.registry_evidence import in_tree
    from liftgate.files import sha256_bytes

    pin = variant.entry.get("report")
    data = None if pin is None else in_tree(root)(pin["path"])
    if pin is None or data is None or sha256_bytes(data) != pin["sha256"]:
        return None
    try:
        read = orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
    return read if isinstance(read, dict) else None
