"""What a variant did with mirrored or served requests, and how it compares on those that both answered. Pure.

Mirrored requests are paired with the default model's by the request's id, and go through the same verdict as golden
cases, under a policy that asks for no lift: a change that is proven to be worse blocks. Memory is bounded: of more
pairs than are kept, those whose hashed ids are smallest stay.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from liftgate.data.text import normal_print
from liftgate.evaluation.runs import EvalRun
from liftgate.policy import Policy
from liftgate.registry.models import Alias, Variant
from liftgate.watch.tally import NOT_ESCALATED

if TYPE_CHECKING:
    from liftgate.verdict.comparison import Comparison

ANSWERED: Final = "answered"
MOST_PAIRS: Final = 50_000
MOST_REGRESSIONS: Final = 1_000
_LONGEST_ID: Final = 256
_SPACE: Final = 1 << 64


def hashed(request_id: str) -> int:
    """A number below 2**64 that stands for a request's id in every process."""
    return int.from_bytes(
        hashlib.blake2b(request_id.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    )


@dataclass(frozen=True)
class Answer:
    """What is kept of one answer: no text."""

    ok: bool
    latency_ms: float | None
    print: bytes | None
    scores: Mapping[str, float]

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Answer:
        """From a checked row of a request log."""
        output, ok = row.get("output"), row["status"] == "ok"
        scores = dict(row.get("scores") or {})
        if isinstance(row.get("escalated"), bool):
            scores[NOT_ESCALATED] = 0.0 if row["escalated"] else 1.0
        text = normal_print(output) if isinstance(output, str) else None
        return cls(ok, row.get("latency_ms") if ok else None, text, {**scores, ANSWERED: float(ok)})


@dataclass
class Shadows:
    """Answers of one variant, then those of the default model to the same requests."""

    most: int = MOST_PAIRS
    requests: int = 0
    errors: int = 0
    first: str = ""
    last: str = ""
    without_id: int = 0
    ours: dict[int, Answer] = field(default_factory=dict)
    theirs: dict[int, Answer] = field(default_factory=dict)
    lower: dict[int, str] = field(default_factory=dict)
    """Ids of the pairs in which some score of the variant is lower."""
    limit: int = _SPACE

    def take(self, row: Mapping[str, Any], at: str) -> None:
        """One request that the variant answered; `at` in UTC."""
        self.requests += 1
        self.errors += row["status"] != "ok"
        self.first = min(self.first or at, at)
        self.last = max(self.last, at)
        if not isinstance(row.get("id"), str):
            self.without_id += 1
        elif row.get("shadow") and (key := hashed(row["id"])) < self.limit:
            self.ours.setdefault(key, Answer.of(row))
            while len(self.ours) > self.most:
                self.limit //= 2
                self.ours = {key: answer for key, answer in self.ours.items() if key < self.limit}

    def pair(self, row: Mapping[str, Any]) -> None:
        """One request that the default model answered to somebody."""
        if isinstance(row.get("id"), str) and (key := hashed(row["id"])) in self.ours:
            theirs = self.theirs.setdefault(key, Answer.of(row)).scores
            ours = self.ours[key].scores
            if any(ours[name] < score for name, score in theirs.items() if name in ours):
                self.lower.setdefault(key, row["id"])

    @property
    def pairs(self) -> list[tuple[int, Answer, Answer]]:
        """(hashed id, the default model's, the variant's), by id."""
        return [(key, self.theirs[key], self.ours[key]) for key in sorted(self.theirs)]

    def worse(self, metric: str) -> list[str]:
        """Ids of requests on which the variant scores lower, in the order of their hashes."""
        return [
            request_id
            for key, request_id in sorted(self.lower.items())
            if self.ours[key].scores.get(metric, 0.0) < self.theirs[key].scores.get(metric, 0.0)
            and 0 < len(request_id) <= _LONGEST_ID
        ]

    def metrics(self) -> list[str]:
        """Scores that every pair has on both sides."""
        names = [set(each.scores) for _, *both in self.pairs for each in both]
        return sorted(set.intersection(*names)) if names else []


def shadow_report(
    found: Shadows, alias: Alias, variant: Variant, source: str, metric: str | None = None
) -> dict[str, Any]:
    """The form of shadow-report.schema.json; with a metric, also the requests on which it is lower."""
    both = [(one, two) for _, one, two in found.pairs if one.print is not None and two.print is not None]
    latency = {"p95_ms": [two.latency_ms for _, _, two in found.pairs],
               "default_p95_ms": [one.latency_ms for _, one, _ in found.pairs]}  # fmt: skip
    optional: dict[str, Any] = {}
    for key, given in latency.items():
        if known := [value for value in given if value is not None]:
            optional[key] = round(float(np.quantile(np.array(known), 0.95)), 1)
    if both:
        optional["agreement"] = round(sum(one.print == two.print for one, two in both) / len(both), 4)
    if metric is not None and (worse := found.worse(metric)):
        optional["regressions"] = [{"request_id": each} for each in worse[:MOST_REGRESSIONS]]
    return {
        "schema_version": 1,
        "alias": alias.name,
        "variant": variant.name,
        "model_id": variant.model.model_id,
        "rollout_percent": variant.rollout_percent,
        "from": found.first,
        "to": found.last,
        "requests": found.requests,
        "errors": found.errors,
        "source": source,
        **optional,
    }


def compare_shadows(
    found: Shadows, alias: Alias, variant: Variant, policy: Policy, metric: str
) -> Comparison:
    """The verdict's comparison of the pairs; the default model is base. Raises `InputError` without pairs."""
    from liftgate.verdict.comparison import compare

    bare = replace(
        policy,
        primary_metric=metric,
        min_lift=0.0,
        judge=replace(policy.judge, min_lift=0.0),
        json_valid=replace(policy.json_valid, min_lift=0.0),
    )
    base, candidate = (
        EvalRun.from_rows(list(_rows(found, side)), model=model, primary_metric=metric)
        for side, model in ((1, alias.default.model_id), (2, variant.model.model_id))
    )
    return compare(base, candidate, bare)


def _rows(found: Shadows, side: int) -> Iterator[dict[str, Any]]:
    names = found.metrics()
    for pair in found.pairs:
        answer: Any = pair[side]
        yield {
            "case_id": f"{pair[0]:016x}",
            "repeat": 0,
            "suite": "quality",
            "buckets": {},
            "scores": {name: answer.scores[name] for name in names},
            "output": None,
            "latency_ms": answer.latency_ms,
            "input_tokens": None,
            "output_tokens": None,
            "cached": False,
            "error": None,
        }
