"""A small share of the requests for online evaluation, the same ones whoever draws it. Pure.

A request belongs to the sample when the hash of its id is small enough; of more than are wanted, the smallest stay, so
that nothing grows with the log. Rows have the form of training rows, unreviewed; ids are hashes.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from liftgate.watch.shadow import hashed


@dataclass
class Sample:
    """What was drawn so far, and what was left out."""

    share: float
    most: int
    seen: int = 0
    without_id: int = 0
    without_text: int = 0
    drawn: int = 0
    kept: list[tuple[int, int, dict[str, Any]]] = field(default_factory=list)

    def take(self, row: Mapping[str, Any], alias: str, variant: str, at: str) -> None:
        """Look at one answered request."""
        self.seen += 1
        if not isinstance(row.get("id"), str):
            self.without_id += 1
            return
        key = hashed(row["id"])
        if key >= self.share * 2**64:
            return
        made = _row(row, key, alias, variant, at)
        if made is None:
            self.without_text += 1
            return
        self.drawn += 1
        entry = (-key, -self.drawn, made)
        if len(self.kept) < self.most:
            heapq.heappush(self.kept, entry)
        else:
            heapq.heappushpop(self.kept, entry)

    def rows(self) -> list[dict[str, Any]]:
        """The sample, each request once, by hashed id."""
        by_key = {-key: row for key, _, row in sorted(self.kept, reverse=True)}
        return [by_key[key] for key in sorted(by_key)]


def _row(row: Mapping[str, Any], key: int, alias: str, variant: str, at: str) -> dict[str, Any] | None:
    messages, output = row.get("messages"), row.get("output")
    if not isinstance(messages, list) or not isinstance(output, str) or not output:
        return None
    asked = [
        {"role": each["role"], "content": each["content"]}
        for each in messages
        if isinstance(each, dict)
        and isinstance(each.get("role"), str)
        and isinstance(each.get("content"), str)
    ]
    if len(asked) != len(messages) or not asked:
        return None
    metadata = {
        "id": f"req-{key:016x}",
        "source": "prod_sample",
        "reviewed": False,
        "alias": alias,
        "variant": variant,
        "at": at,
    }
    return {"messages": [*asked, {"role": "assistant", "content": output}], "metadata": metadata}
