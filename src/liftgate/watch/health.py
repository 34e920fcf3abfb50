"""Whether the gate itself still works: what its verdicts in the ledger say of it. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from liftgate.findings import Finding, Severity
from liftgate.watch.words import share

NEVER_FAILED = "gate-never-failed"
NEVER_PASSED = "gate-never-passed"
FLAKY = "gate-flaky"
_MOST_FLAKES = 0.1
_FEWEST_AGAIN = 10


@dataclass(frozen=True)
class Health:
    """Verdicts of one alias: how many of each, how many weights were judged again, and what that found.

    `flakes` of `judged_again` are weights with both a pass and a block. `caught` are weights that were blocked and
    never passed; `usd` is what their alias has spent on training, by the ledger.
    """

    passed: int
    blocked: int
    insufficient: int
    judged_again: int
    flakes: int
    caught: int
    usd: Decimal | None

    @property
    def verdicts(self) -> int:
        """All of them."""
        return self.passed + self.blocked + self.insufficient

    @property
    def usd_per_catch(self) -> Decimal | None:
        """What one caught regression has cost, to the cent, rounded up."""
        if self.usd is None or not self.caught:
            return None
        return (self.usd / self.caught).quantize(Decimal("0.01"), rounding="ROUND_UP")

    def to_dict(self) -> dict[str, Any]:
        """The form in JSON; money as text."""
        usd = {"usd": self.usd, "usd_per_catch": self.usd_per_catch}
        return {**vars(self), **{key: None if value is None else str(value) for key, value in usd.items()}}


def health(alias: str, verdicts: Iterable[Mapping[str, Any]], usd: Decimal | None) -> Health:
    """Counts of the ledger's verdicts of an alias; one that stands under two keys counts once."""
    reports = {entry["report_sha256"]: entry for entry in verdicts if entry["alias"] == alias}
    said = [entry["verdict"] for entry in reports.values()]
    by_weights: dict[str, list[str]] = defaultdict(list)
    for entry in reports.values():
        if entry.get("manifest_digest") is not None:
            by_weights[entry["manifest_digest"]].append(entry["verdict"])
    again = [each for each in by_weights.values() if len(each) > 1]
    return Health(
        passed=said.count("pass"),
        blocked=said.count("block"),
        insufficient=said.count("insufficient-evidence"),
        judged_again=len(again),
        flakes=sum({"pass", "block"} <= set(each) for each in again),
        caught=sum("block" in each and "pass" not in each for each in by_weights.values()),
        usd=usd,
    )


def health_findings(found: Health, min_verdicts: int) -> Iterator[Finding]:
    """A gate that only ever says one thing, or says two of the same weights."""
    if found.verdicts >= min_verdicts and not found.blocked and not found.insufficient:
        message = (
            f"all {found.verdicts:,} verdicts are passes: try it with a model that is worse (liftgate demo shows one "
            "that is blocked)"
        )
        yield Finding(NEVER_FAILED, Severity.WARNING, message)
    if found.verdicts >= min_verdicts and not found.passed:
        message = f"none of {found.verdicts:,} verdicts is a pass: the thresholds or the golden set may be out of reach"
        yield Finding(NEVER_PASSED, Severity.WARNING, message)
    if found.judged_again >= _FEWEST_AGAIN and found.flakes > _MOST_FLAKES * found.judged_again:
        message = (
            f"{share(found.flakes, found.judged_again)} of the weights that were judged again got both a pass and a "
            "block; liftgate noise measures what the model alone does, and more cases help"
        )
        yield Finding(FLAKY, Severity.WARNING, message)
