"""How much a quantised base lost, and whether that is more than the policy takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from liftgate.errors import InputError
from liftgate.findings import Finding, Severity

RULE = "quantised-perplexity"


class QuantisedTooFar(InputError):
    """The quantised base lost more than the policy takes; nothing was trained."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = list(findings)
        super().__init__(
            findings[0].message,
            hint="train by method lora, take another base, or raise the limit in evals/policy.yaml",
        )


def quantised_findings(measured: Mapping[str, Any] | None, limit: float, path: str) -> list[Finding]:
    """An error for each perplexity above `limit` times that of the base as it is.

    `measured` is `evidence["quantised"]` of a training: `base_perplexity` and `quantised_perplexity` over the whole
    held-out rows, and the same over their answers alone, where the candidate is measured as well.
    """
    if measured is None:
        return []
    found = []
    if (ratio := measured["ratio"]) > limit:
        found.append(f"the quantised base has {ratio:.3f} times the perplexity of the base itself")
    candidate, base = measured.get("candidate_answer_perplexity"), measured["base_answer_perplexity"]
    if candidate is not None and candidate > limit * base:
        found.append(
            f"the candidate finds held-out answers {candidate / base:.3f} times as perplexing as base"
        )
    allowed = f"training.max_quantised_perplexity_ratio allows {limit:g}"
    return [Finding(RULE, Severity.ERROR, f"{message}; {allowed}", path) for message in found]
