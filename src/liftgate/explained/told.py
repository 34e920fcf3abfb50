"""One entry of the tables: how much a finding weighs, and its documentation."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Literal

Weighed = Literal["nowhere", "everywhere", "in watch"]


@dataclass(frozen=True)
class Told:
    """`severity` is `error`, or several as `error or warning`; `text` says what, then `Why:` and `Fix:`.

    `weighed` says where a policy's `rules` set another severity.
    """

    severity: str
    text: str
    weighed: Weighed = "nowhere"

    @property
    def severities(self) -> frozenset[str]:
        """Each by itself."""
        return frozenset(self.severity.split(" or "))

    @property
    def lines(self) -> str:
        """The text without the indentation that it has in the table."""
        return inspect.cleandoc(self.text)
