"""Prompt versions of one alias through time: what no prompt gets right, and whether prompts still gain."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from liftgate.evaluation.runs import EvalRun
from liftgate.findings import Finding, Severity
from liftgate.policy import Policy

CONSECUTIVE: Final = 3
FAILS_BELOW: Final = 0.5
"""A case fails when the mean over its answers is below this; of right-or-wrong scores that is most of them."""


@dataclass(frozen=True)
class Version:
    """What one prompt reached: mean score of each case, None where an answer is missing or unscored."""

    prompt: str
    prompt_sha256: str
    model: str
    metric: str
    golden_sha256: str
    scores: Mapping[str, float | None]
    buckets: Mapping[str, Mapping[str, str]] = field(default_factory=dict, compare=False)

    def to_dict(self) -> dict[str, str]:
        """Its name in a backlog row."""
        return {"prompt": self.prompt, "prompt_sha256": self.prompt_sha256, "model": self.model}

    def fails(self, case_id: str) -> bool:
        """Whether the case was answered, and wrong. What was not answered says nothing of a prompt."""
        score = self.scores.get(case_id)
        return score is not None and score < FAILS_BELOW


@dataclass(frozen=True)
class Plateau:
    """What the newest prompts gained over the one before them, on the cases that all of them answered."""

    reached: bool
    gain: float
    cases: int
    wanted: float


def version_of(run: EvalRun, metric: str, prompt: str) -> Version | None:
    """One run as a version of its prompt; None when the run does not say which prompt or golden set it used."""
    sha256, golden = run.meta.get("prompt_sha256"), run.meta.get("golden_sha256")
    if not sha256 or not golden:
        return None
    found: dict[str, list[float | None]] = {}
    buckets: dict[str, Mapping[str, str]] = {}
    for row in run.rows:
        if row.get("suite", "quality") == "quality":
            score = None if row.get("error") else row["scores"].get(metric)
            found.setdefault(row["case_id"], []).append(score)
            buckets.setdefault(row["case_id"], dict(row.get("buckets") or {}))
    means = {case_id: _mean(scores) for case_id, scores in found.items()}
    return Version(prompt, str(sha256), run.model, metric, str(golden), means, buckets)


def _mean(scores: Sequence[float | None]) -> float | None:
    known = [score for score in scores if score is not None]
    return sum(known) / len(known) if known and len(known) == len(scores) else None


def in_sequence(
    versions: Iterable[Version], golden_sha256: str, path: str
) -> tuple[list[Version], list[Finding]]:
    """Versions oldest first, each prompt once with its newest answers; those of another golden set are left out."""
    kept: dict[str, Version] = {}
    others = 0
    for version in versions:
        if version.golden_sha256 != golden_sha256:
            others += 1
            continue
        # A prompt keeps the place of its first appearance.
        kept[version.prompt_sha256] = version
    findings = []
    if others:
        runs = "1 run was" if others == 1 else f"{others} runs were"
        message = f"{runs} answered on another golden set than the present one, and left out"
        findings.append(Finding("another-golden", Severity.WARNING, message, path))
    if len(kept) < CONSECUTIVE:
        message = (
            f"{len(kept)} prompt versions were measured on this golden set; what fails in {CONSECUTIVE} is "
            "only known from three on"
        )
        findings.append(Finding("too-few-prompt-versions", Severity.NOTICE, message, path))
    return list(kept.values()), findings


def stubborn(versions: Sequence[Version]) -> list[str]:
    """Cases that fail under each of the newest three versions, sorted."""
    newest = versions[-CONSECUTIVE:]
    if len(newest) < CONSECUTIVE:
        return []
    return sorted(
        case_id for case_id in newest[-1].scores if all(version.fails(case_id) for version in newest)
    )


def plateau(versions: Sequence[Version], policy: Policy) -> Plateau | None:
    """Whether the newest two prompts gained less than the policy's minimum lift over the one before them.

    None with fewer than three versions, or when no case was answered under all of them.
    """
    newest = versions[-CONSECUTIVE:]
    if len(newest) < CONSECUTIVE:
        return None
    shared = [
        case_id
        for case_id in newest[0].scores
        if all(version.scores.get(case_id) is not None for version in newest)
    ]
    if not shared:
        return None
    means = [sum(float(version.scores[c] or 0.0) for c in shared) / len(shared) for version in newest]
    gain, wanted = max(means[1:]) - means[0], policy.min_lift_of(newest[-1].metric)
    return Plateau(gain < wanted, gain, len(shared), wanted)


def natural(name: str | None) -> list[Any]:
    """A key by which v10 follows v9."""
    return [
        (0, int(part), "") if part.isdecimal() else (1, 0, part) for part in re.split(r"(\d+)", name or "")
    ]
