"""Answers side by side, as data for the page's script: each text once, masked and cut as the page may show it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from liftgate.report.escape import clean, visible
from liftgate.report.redaction import Show, redacted_lines

Bucket = tuple[str, str]

ANSWER_LIMITS: Final = (2_000, 1_000, 500, 240, 120, 60)
TEXT_BYTES: Final = 4_500_000
"""What all answers of a page may weigh together; longer ones are cut until they do."""

# None of these may stand in a script element: they end it, open a comment, or end a line of JavaScript.
_ESCAPED: Final = {
    ord(c): f"\\u{ord(c):04x}" for c in ("<", ">", "&", "\u2028", "\u2029", "\x7f", "\x85", "\ufeff")
}


@dataclass(frozen=True)
class PageCases:
    """`json` for a script element; where in it each bucket and case stands; how long an answer may be."""

    json: str
    buckets: Mapping[Bucket, int]
    cases: Mapping[str, int]
    answer_limit: int


@dataclass
class _Texts:
    """Answers in the order in which they first occur: most of them are given again and again."""

    show: Show
    known: dict[str, int] = field(default_factory=dict)

    def place(self, text: str | None) -> int | None:
        if text is None or self.show == "ids":
            return None
        return self.known.setdefault(text, len(self.known))

    def shown(self) -> tuple[list[str], int]:
        for limit in ANSWER_LIMITS:
            # Cut before masking too: a text that will not be shown whole need not be read whole.
            if limit == ANSWER_LIMITS[-1] or _weight(self.known, limit) <= TEXT_BYTES:
                break
        mask = redacted_lines if self.show == "redacted" else visible
        return [mask(text, limit) for text in self.known], limit


def _weight(texts: Mapping[str, int], limit: int) -> int:
    return sum(len(text[:limit].encode("utf-8", "replace")) for text in texts)


def page_cases(report: Mapping[str, Any], show: Show) -> PageCases:
    """Every case of the report, its answers as `show` allows them to be seen."""
    arms = [arm["name"] for arm in report["arms"]]
    texts, buckets = _Texts(show), dict[Bucket, int]()
    cases = [
        [
            clean(case["case_id"]),
            [buckets.setdefault(bucket, len(buckets)) for bucket in case["buckets"].items()],
            texts.place(case["expected"]),
            [texts.place(case["outputs"].get(arm)) for arm in arms],
            [case["scores"].get(arm) for arm in arms],
        ]
        for case in report["cases"]
    ]
    shown, limit = texts.shown()
    data = {
        "arms": [clean(name) for name in arms],
        "base": _index(arms, report["base_arm"]),
        "candidate": _index(arms, report["candidate_arm"]),
        "answers": show != "ids",
        "buckets": [[clean(dimension), clean(name)] for dimension, name in buckets],
        "texts": shown,
        "cases": cases,
    }
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":")).translate(_ESCAPED)
    places = {case["case_id"]: place for place, case in enumerate(report["cases"])}
    return PageCases(text, buckets, places, limit)


def _index(arms: Sequence[str], name: str | None) -> int:
    return arms.index(name) if name in arms else -1
