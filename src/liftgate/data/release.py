"""What is known of the release a dataset file belongs to: its card then and now, and the files on disk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from liftgate.data.card import Release


@dataclass(frozen=True)
class Releases:
    """The card's releases against what lies beside it, and against the base branch.

    `found` maps a file name as the card writes it to the sha256 of what lies there, None when it is missing.
    `before` holds the releases of the card in the base commit, `found_before` the sha256 of the files there.
    """

    current: Release
    found: Mapping[str, str | None] = field(default_factory=dict)
    before: tuple[Release, ...] | None = None
    found_before: Mapping[str, str] = field(default_factory=dict)
