"""What a verdict is made of: parts that are ok, fail or unclear, and the words they are told in."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from liftgate.findings import Finding, Severity

State = Literal["ok", "fail", "unclear", "not-measured"]
Verdict = Literal["pass", "block", "insufficient-evidence"]


@dataclass(frozen=True)
class Part:
    """One requirement. `gates` says whether its state counts in the verdict; `needs` is its threshold."""

    name: str
    state: State
    detail: str
    needs: str
    gates: bool = True

    def to_dict(self) -> dict[str, Any]:
        """The form in comparison.json."""
        return {
            "name": self.name,
            "state": self.state,
            "detail": self.detail,
            "needs": self.needs,
            "gates": self.gates,
        }


def verdict_of(parts: Sequence[Part]) -> Verdict:
    """Block if any gating part fails, pass if all are ok, insufficient evidence otherwise."""
    states = [part.state for part in parts if part.gates]
    if "fail" in states:
        return "block"
    return "pass" if states and all(state == "ok" for state in states) else "insufficient-evidence"


def finding_of(part: Part, *, failed: str, unclear: str) -> list[Finding]:
    """The finding that a part's state amounts to; a part that is ok has none."""
    if part.state == "fail" and part.gates:
        return [Finding(failed, Severity.ERROR, part.detail)]
    if part.state == "unclear":
        return [Finding(unclear, Severity.WARNING if part.gates else Severity.NOTICE, part.detail)]
    return []


def points(difference: float) -> str:
    """`+6.0 points` for 0.06."""
    return f"{signed(difference)} points"


def signed(difference: float) -> str:
    """`+6.0` for 0.06."""
    return "?" if math.isnan(difference) else f"{100 * difference + 0.0:+.1f}"


def percent(share: float) -> str:
    """`80.0%` for 0.8."""
    return "?" if math.isnan(share) else f"{100 * share + 0.0:.1f}%"


def plain_percent(share: float) -> str:
    """A threshold as it was written: `15%`, `2.5%`."""
    return f"{round(100 * share, 6):g}%"


def plain_points(ratio: float) -> str:
    """A threshold as it was written: `3 points`."""
    return f"{round(100 * ratio, 6):g} points"


def count(number: float, thing: str, plural: str | None = None) -> str:
    """`1 case`, `1,319 cases`."""
    words = thing if number == 1 else plural or f"{thing}s"
    return f"{number:,.4g} {words}" if number != int(number) else f"{int(number):,} {words}"


def p_value(p: float) -> str:
    """`p = 0.25`, `p < 0.0001`."""
    return "p < 0.0001" if p < 0.0001 else f"p = {p:.2g}"


def confidence(alpha: float) -> str:
    """`95%` for 0.05."""
    return f"{round(100 * (1 - alpha), 6):g}%"


def listed(names: Sequence[str], limit: int = 5) -> str:
    """The first few names, and how many more there are."""
    more = len(names) - limit
    return ", ".join(shown(name) for name in names[:limit]) + (f" and {more:,} more" if more > 0 else "")


def shown(name: str) -> str:
    """A name from somebody's file on one line, whatever it holds, and not endlessly long."""
    name = name if len(name) <= 80 else f"{name[:79]}…"
    return name if name.isprintable() else repr(name)
