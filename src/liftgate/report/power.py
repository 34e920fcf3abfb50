"""What a golden set can prove, in sentences for a terminal, a comment and a page. Plain text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from liftgate.report import numbers

MOST_BUCKETS: Final = 5

Power = Mapping[str, Any]


def power_sentence(power: Power) -> str:
    """The smallest true lift that these cases pass, and how many more a usual one takes."""
    cases = numbers.plural(power["cases"], "golden case")
    if power["effective_cases"] < power["cases"]:
        cases += f" ({numbers.count(power['effective_cases'])} without near copies)"
    passes = f"{numbers.threshold(power['power'])} of the time"
    text = f"{cases} pass a true lift of {numbers.points(power['smallest_passable_lift'])} points {passes}"
    if (more := power["cases_needed"] - power["effective_cases"]) > 0:
        text += f"; {numbers.count(more)} more would do for {numbers.points(power['for_lift'])} points"
    return text


def cases_to_add(power: Power) -> str | None:
    """Where golden cases are missing for a drop to show; None where none are."""
    small = sorted(
        power["small_buckets"], key=lambda b: (not b["risky"], -b["missing"], b["dimension"], b["name"])
    )
    if not small:
        return None
    told = [f"{b['dimension']}={b['name']} {numbers.count(b['missing'])}" for b in small[:MOST_BUCKETS]]
    more = len(small) - MOST_BUCKETS
    buckets = numbers.plural(more, "more bucket")
    total = numbers.count(sum(b["missing"] for b in small))
    return f"golden cases to add: {', '.join(told)}" + (f" and {buckets}, {total} in all" if more > 0 else "")


def power_lines(power: Power | None) -> Iterator[str]:
    """Both sentences, without a full stop."""
    if power:
        yield power_sentence(power)
        if told := cases_to_add(power):
            yield told
