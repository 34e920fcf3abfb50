"""A change of the ruler alone: the rows as both rulers see them, and both verdicts where answers are stored.

The subject did not change, so nothing is trained and nothing is asked for it; whether the new ruler is a good one is
for its owners to say.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from liftgate.commands.checking.change_check import check_alias
from liftgate.commands.judging.evidence import Judged, rebuild
from liftgate.commands.sources.places import Places
from liftgate.errors import LiftgateError, Together
from liftgate.files import read_bytes, sha256_bytes
from liftgate.findings import Finding, Severity, blocks, ordered
from liftgate.plan import Plan
from liftgate.project import Ruler
from liftgate.publishing.outcome import State

if TYPE_CHECKING:
    from liftgate.commands.judging.alias import Judging
    from liftgate.commands.judging.static_stages import StaticStages

Told = tuple[State, str, tuple[Finding, ...]]
_POLICY = "evals/policy.yaml"


@dataclass
class RulerJudge:
    """`stages` has taken the old ruler; `found` looks for its verdict and leaves the run in `results`."""

    change: Judging
    alias: str
    stages: StaticStages
    places: Places
    found: Callable[[], tuple[Judged | None, list[Finding]]]
    results: Path

    def judged(self) -> Told:
        """State, what is said of it, findings."""
        stages = self.stages
        if not any(path.startswith(f"datasets/{self.alias}/") for path in self.change.pull.files):
            stages.findings += self._unreadable()
            if blocks(stages.findings):
                return self._told("block", "the ruler that this change brings cannot be read")
            return self._told("nothing", "nothing is trained under it, so there is nothing to measure again")
        stages.findings += self._by_the_next_ruler()
        found, said = self.found()
        # What the old verdict lacks is no reason against a better ruler.
        stages.findings += [replace(each, severity=Severity.WARNING) for each in said]
        if blocks(stages.findings):
            return self._told(
                "block", "the ruler that this change brings cannot be used with the rows as they are"
            )
        if found is None:
            message = (
                "no answers are stored for the rows as they are, so nobody knows what this ruler makes of them; the "
                "next change of the dataset is measured by it"
            )
            stages.findings.append(Finding("ruler-not-tried", Severity.NOTICE, message, self._moved[0]))
            return self._told("pass", "the ruler moves, and nothing was measured by the old one")
        before, after = found.report["verdict"], self._by_next_policy()
        if after is None:
            return self._told(
                "pass", f"{before} by the old ruler; the cases of the new one are not asked yet"
            )
        if after != before:
            message = (
                f"by the old ruler the verdict is {before}, by this one it is {after}, on the same answers"
            )
            stages.findings.append(Finding("ruler-turns-verdict", Severity.WARNING, message, _POLICY))
        return self._told("pass", f"{before} by the old ruler, {after} by the new one, on the same answers")

    @property
    def _moved(self) -> list[str]:
        return moved(self.change.plan, self.alias)

    def _told(self, state: State, said: str) -> Told:
        findings = dict.fromkeys(self.places.finding(each) for each in self.stages.findings)
        return state, said, tuple(ordered(findings))

    def _unreadable(self) -> list[Finding]:
        """Why the ruler of the head cannot measure whatever comes; an alias that it takes away needs none."""
        ruler = Ruler(self.change.pull.root, None)
        together = Together()
        with together:
            _ = ruler.policy
        if any(path.startswith(f"evals/{self.alias}/") for path in self.change.pull.files):
            with together:
                ruler.suite(self.alias)
        return [self._unusable(error) for error in together.errors]

    def _unusable(self, error: LiftgateError) -> Finding:
        problems = "; ".join([error.sentence, *(str(each) for each in error.problems[:3])])
        return Finding("ruler-unusable", Severity.ERROR, self.places.text(problems), self._moved[0])

    def _by_the_next_ruler(self) -> list[Finding]:
        """The rows under the ruler of the head: a leak into new cases blocks, anything else is for its owners."""
        root = self.change.pull.root
        try:
            checked = check_alias(
                root, self.alias, Ruler(root, None), self.change.plan, self.change.now.date()
            )
        except LiftgateError as error:
            return [self._unusable(error)]
        return [each if each.rule.startswith("golden-") else _lowered(each) for each in checked.everything]

    def _by_next_policy(self) -> str | None:
        """The verdict that the head's policy gives on the same answers; None where more than the policy changed."""
        if set(self._moved) - {_POLICY}:
            return None
        ruler = Ruler(self.change.pull.root, None)
        sha256 = sha256_bytes(read_bytes(ruler.folder / _POLICY))
        judged = rebuild(
            self.results, policy=ruler.policy, policy_sha256=sha256, today=self.change.now.date()
        )
        return str(judged.report["verdict"])


def moved(plan: Plan, alias: str) -> list[str]:
    """The files of the ruler of this alias that a change touches."""
    return [path.path for path in plan.paths if path.role == "ruler" and path.alias in (alias, None)]


def _lowered(finding: Finding) -> Finding:
    return replace(finding, severity=Severity.WARNING) if finding.severity is Severity.ERROR else finding
