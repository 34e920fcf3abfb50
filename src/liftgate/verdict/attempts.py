"""How many candidates one golden set has judged, and how likely one of them passes by luck.

Whoever trains again and again against the same cases passes in the end. One attempt of a worthless candidate passes
with a chance of about alpha, one-sided: docs/operating-characteristics.md has what was measured (rows "lift 0").
Attempts that share cases and base answers pass and fail together, so their chance to pass at least once is at most
that of independent ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from liftgate.digests import digest
from liftgate.evaluation.runs import EvalRun
from liftgate.findings import Finding, Severity
from liftgate.policy import Policy
from liftgate.verdict.parts import percent

_IS: Final = (
    "endpoint",
    "identity",
    "prompt_sha256",
    "sampling",
    "chat_template_sha256",
    "retriever",
    "truncated",
)


@dataclass(frozen=True)
class Attempts:
    """`number` is the candidate's place among those that met this golden set, from 1; `chance` that of one attempt."""

    number: int
    chance: float
    limit: int

    @classmethod
    def of(cls, number: int, policy: Policy) -> Attempts:
        """The chance of one attempt is the policy's alpha."""
        return cls(number, policy.alpha, policy.max_attempts)

    @property
    def by_luck(self) -> float:
        """Upper bound on the chance that worthless candidates pass at least once so far."""
        return 1 - (1 - self.chance) ** self.number

    @property
    def findings(self) -> list[Finding]:
        """A warning once the policy's `max_attempts` is passed."""
        if self.number <= self.limit:
            return []
        message = (
            f"this is attempt {self.number} on this golden set, and the policy allows {self.limit}: one of so many "
            f"worthless candidates passes by luck with a chance of up to {percent(self.by_luck)}; refresh the "
            "golden set"
        )
        return [Finding("many-attempts", Severity.WARNING, message)]

    def to_dict(self) -> dict[str, Any]:
        """The form in report.json."""
        return {
            "number": self.number,
            "chance": self.chance,
            "by_luck": float(f"{self.by_luck:.10g}"),
            "limit": self.limit,
        }


def candidate_key(candidate: EvalRun) -> str:
    """What a candidate is, whatever it is compared with: the same model asked the same way is no second attempt."""
    return digest({key: candidate.meta.get(key) for key in _IS})
