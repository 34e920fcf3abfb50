"""Whether a model still answers as it did: the same prompts again, compared by fingerprints of the answers. Pure.

Each look asks every prompt several times. A prompt's distance is how often an answer of then differs from one of now,
less how often two of the same look differ; the mean distance is held against 5,000 seeded reshuffles of then and now
within each prompt. Noise that was there before thus weighs nothing, and one prompt that changed proves nothing. At
most one reshuffle in a thousand may reach the distance. A model that changed is one more thing: `identity` is what the
provider says of itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from liftgate.findings import Finding, Severity
from liftgate.watch.words import share

RULE: Final = "silent-weights"
_SHUFFLES: Final = 5_000
_LEVEL: Final = 0.001
_LEAST_PROMPTS: Final = 5


@dataclass(frozen=True)
class Look:
    """One look: fingerprints of every answer by case id. Nothing of a prompt or an answer is kept."""

    alias: str
    model: str
    at: str
    sampling_sha256: str
    answers: Mapping[str, Sequence[str]]

    def to_dict(self) -> dict[str, Any]:
        """One line of the file of looks."""
        return {"schema_version": 1, **vars(self)}

    def same_question(self, other: Look) -> bool:
        """Whether another look asked the same model the same in the same way."""
        ours, theirs = ((each.alias, each.model, each.sampling_sha256) for each in (self, other))
        return ours == theirs


def look_of(alias: str, model: str, at: str, asked_sha256: str, rows: Iterable[Mapping[str, Any]]) -> Look:
    """A look from a run's rows; answers that failed are left out."""
    answers: dict[str, list[str]] = {}
    for row in rows:
        if row.get("output") is not None and row.get("error") is None:
            answers.setdefault(row["case_id"], []).append(_fingerprint(row["output"]))
    return Look(
        alias, model, at, asked_sha256, {name: sorted(each) for name, each in sorted(answers.items())}
    )


def _fingerprint(text: str) -> str:
    return hashlib.sha256(" ".join(text.split()).encode("utf-8", "surrogatepass")).hexdigest()[:16]


@dataclass(frozen=True)
class Change:
    """Two looks compared: prompts of both, those with no answer in common, the mean distance, and its p-value."""

    prompts: int
    moved: int
    distance: float
    p: float

    @property
    def proven(self) -> bool:
        """Beyond what noise does."""
        return self.prompts >= _LEAST_PROMPTS and self.p <= _LEVEL


def compare_looks(then: Look, now: Look) -> Change:
    """The permutation test; the same looks give the same numbers."""
    both = [
        (list(then.answers[name]), list(now.answers[name]))
        for name in sorted(then.answers.keys() & now.answers.keys())
        if len(then.answers[name]) > 1 and len(now.answers[name]) > 1
    ]
    if not both:
        return Change(0, 0, 0.0, 1.0)
    generator = np.random.default_rng(0)
    observed = 0.0
    shuffled = np.zeros(_SHUFFLES)
    for before, after in both:
        known = {name: code for code, name in enumerate(sorted({*before, *after}))}
        codes = np.array([known[name] for name in (*before, *after)], dtype=np.int64)
        observed += float(_distance(codes[None, :], len(before), len(known))[0])
        mixed = generator.permuted(np.tile(codes, (_SHUFFLES, 1)), axis=1)
        shuffled += _distance(mixed, len(before), len(known))
    moved = sum(not set(before) & set(after) for before, after in both)
    p = (1 + int(np.count_nonzero(shuffled >= observed - 1e-9))) / (_SHUFFLES + 1)
    return Change(len(both), moved, observed / len(both), p)


def _distance(codes: Any, first: int, kinds: int) -> Any:
    """How often answers of the two parts differ, less how often those within a part do; one number a row."""
    one, other = codes[:, :first], codes[:, first:]
    ours = np.stack([(one == kind).sum(axis=1) for kind in range(kinds)], axis=1)
    theirs = np.stack([(other == kind).sum(axis=1) for kind in range(kinds)], axis=1)
    n, m = first, codes.shape[1] - first
    between = 1 - (ours * theirs).sum(axis=1) / (n * m)
    within = [1 - (each * (each - 1)).sum(axis=1) / (k * (k - 1)) for each, k in ((ours, n), (theirs, m))]
    return between - sum(within) / 2


def canary_findings(looks: Sequence[Look], evaluated_at: str | None) -> list[Finding]:
    """The newest look against the first one since the last evaluation, which took the model as it was then."""
    found = []
    for model in sorted({look.model for look in looks}):
        mine = sorted((look for look in looks if look.model == model), key=lambda look: look.at)
        same = [look for look in mine if look.same_question(mine[-1])]
        since = [look for look in same if evaluated_at is None or look.at >= evaluated_at]
        if len(since) < 2:
            continue
        change = compare_looks(since[0], since[-1])
        if change.proven:
            message = (
                f"the same prompts are answered differently since {since[0].at}: "
                f"{share(change.moved, change.prompts)} of them have no answer in common, p = {change.p:.2g}; the "
                "weights behind the id may have changed; evaluate again"
            )
            found.append(Finding(RULE, Severity.ERROR, message))
    return found
