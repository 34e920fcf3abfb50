"""One alias of a change: its static stages, then its verdict by content, or what has to happen before there is one."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from liftgate.commands.checking.change_check import check_alias
from liftgate.commands.judging.content import Hashes, asks_promoted, key_of
from liftgate.commands.judging.evidence import Judged, Today, rebuild
from liftgate.commands.judging.merge_queue import retrain_together
from liftgate.commands.judging.next_word import Names, NextWord, next_word
from liftgate.commands.judging.promotion_check import Promotion, check_promotion
from liftgate.commands.judging.results_branch import ResultsBranch, find_results
from liftgate.commands.judging.static_stages import Known, StaticStages
from liftgate.commands.judging.variants import variant_findings
from liftgate.commands.launching.bill import UntrainableRows
from liftgate.commands.sources.places import Places
from liftgate.commands.sources.pull_tree import PullTree
from liftgate.data.text import shown
from liftgate.errors import ExitCode, InputError
from liftgate.findings import Finding, blocks, ordered
from liftgate.plan import Plan
from liftgate.project import Subject, ruler_of
from liftgate.publishing.outcome import AliasOutcome, State
from liftgate.registry.models import Models
from liftgate.training.budget import Spent
from liftgate.training.ledger import Ledger
from liftgate.training.manifest import Manifest
from liftgate.training.spent import spent_in
from liftgate.verdict.gate import exit_code

_STATE: Final[Mapping[ExitCode, State]] = {
    ExitCode.PASS: "pass",
    ExitCode.BLOCKED: "block",
    ExitCode.INSUFFICIENT_EVIDENCE: "insufficient-evidence",
}


@dataclass(frozen=True)
class Judging:
    """A change with all that its aliases are judged by. `root` is the clone, `pull` the change's files."""

    root: Path
    base: str
    head: str
    plan: Plan
    pull: PullTree
    base_files: Mapping[str, str]
    before: Models | None
    after: Models | None
    ledger: Ledger
    has_ledger: bool
    results: ResultsBranch | None
    names: Names
    now: datetime.datetime
    merge_group: bool
    say: Callable[[str], None]


@dataclass
class _Stages(StaticStages):
    ledger: Ledger | None = None

    def spent(self, subject: Subject) -> list[Spent]:
        return spent_in(self.ledger, but=subject.manifest().digest) if self.ledger else []


@dataclass
class AliasJudge:
    """Judges one alias in a folder of its own, which is new."""

    change: Judging
    alias: str
    folder: Path
    promotion: Promotion | None = None

    def outcome(self) -> AliasOutcome:
        """What came of it, with the checklist of what it promotes. Raises `LiftgateError` for what cannot be read."""
        judged, promoted = self._judged(), self.promotion
        if promoted is None:
            return judged
        return replace(judged, checklist=tuple(promoted.checklist), raised=promoted.raised)

    def _judged(self) -> AliasOutcome:
        stages, change = self.stages, self.change
        if "promotion" not in self.kinds and not self._has_rows:
            # A retired alias stands in no models.yaml any more, so nothing of it is looked up there.
            stages.ruler = ruler_of(change.pull.root, stages.folder, change.base, change.plan, self.alias)
            return self._without_rows() if self._is_trained else self._ruler_moved()
        known = stages.open()
        if known is None:
            return self._blocked(None)
        if "promotion" in self.kinds:
            stages.findings += self._promotion(known)
        if self._is_trained:
            return self._measured(known)
        if "promotion" in self.kinds:
            return self._promoted()
        return self._ruler_moved()

    @cached_property
    def kinds(self) -> tuple[str, ...]:
        """The change kinds of the alias."""
        return self.change.plan.aliases[self.alias]

    @cached_property
    def stages(self) -> _Stages:
        """The static stages, at work in the scratch tree."""
        change = self.change
        return _Stages(
            change.pull.root,
            self.folder / "run",
            self.folder / "store",
            self.alias,
            change.plan,
            change.base,
            f"liftgate run --base {change.base}",
            change.now.date(),
            change.say,
            ledger=change.ledger,
        )

    @property
    def places(self) -> Places:
        """Folders of this machine that no finding may name."""
        return Places(self.folder / "run" / "ruler", self.change.pull.root, self.folder)

    @property
    def _is_trained(self) -> bool:
        """Whether what is trained, or how it is asked, is part of the change."""
        return any(path.role == "subject" and path.alias == self.alias for path in self.change.plan.paths)

    @property
    def _has_rows(self) -> bool:
        return any(path.startswith(f"datasets/{self.alias}/") for path in self.change.pull.files)

    def _promotion(self, known: Known) -> list[Finding]:
        change, policy = self.change, self.stages.ruler.policy
        from liftgate.commands.launching.ends import sunset_findings

        ends = sunset_findings(self.stages.ruler, known.registered, change.now.date(), promoting=True)
        ledger = change.ledger if change.has_ledger else None
        self.promotion = check_promotion(
            change.root,
            change.base,
            change.head,
            self.alias,
            change.before,
            change.after,
            policy,
            ledger,
            change.now,
        )
        return [*ends, *self.promotion.findings]

    def _promoted(self) -> AliasOutcome:
        findings = tuple(ordered(self.stages.findings))
        state: State = "block" if blocks(findings) else "pass"
        said = "the registry's rules forbid it" if state == "block" else "every rule of the registry holds"
        told = self.promotion.told if self.promotion else "a change of models.yaml"
        return AliasOutcome(self.alias, self.kinds, state, f"{self.alias}: {told}; {said}", findings=findings)

    def _without_rows(self) -> AliasOutcome:
        """Nothing is trained for this alias, or not any more."""
        change = self.change
        checked = check_alias(change.pull.root, self.alias, self.stages.ruler, change.plan, change.now.date())
        findings = tuple(ordered([*self.stages.findings, *checked.everything]))
        state: State = "block" if blocks(findings) else "nothing"
        said = (
            "its rows are still needed"
            if state == "block"
            else "it has no rows, so there is nothing to measure"
        )
        return AliasOutcome(self.alias, self.kinds, state, f"{self.alias}: {said}", findings=findings)

    def _measured(self, known: Known) -> AliasOutcome:
        stages = self.stages
        if not self._has_rows:
            return self._without_rows()
        subject = stages.validate()
        if subject is None or blocks(stages.findings):
            return self._blocked(known)
        manifest = self._manifest(subject)
        if manifest is not None:
            stages.findings += variant_findings(manifest, known.registered)
        try:
            priced = stages.price(subject, None, None, known.suite, known.registered)
        except UntrainableRows as error:
            stages.findings += error.findings
            return self._blocked(known, manifest)
        found, said = self._found(manifest)
        stages.findings += said
        if found is not None:
            return self._with_verdict(found, manifest)
        if not blocks(stages.findings) and self.change.merge_group:
            stages.findings += retrain_together(
                self.change.root, self.change.base, self.change.head, self.alias
            )
        if blocks(stages.findings):
            return self._blocked(known, manifest)
        word = next_word(
            subject, manifest, stages.ruler, self.change.ledger, priced, self.change.names, self.change.now
        )
        return self._waiting(known, word, manifest, subject)

    def _manifest(self, subject: Subject) -> Manifest | None:
        from liftgate.commands.launching.local_terms import manifest_of

        try:
            return manifest_of(subject)
        except InputError:
            return None

    @cached_property
    def key(self) -> str:
        """The content key under which a verdict of this change would lie."""
        change = self.change
        asked = asks_promoted(change.root, change.base, change.head, change.plan, self.alias)
        return key_of(
            self.alias,
            change.plan,
            change.pull.files,
            change.base_files,
            change.after,
            asks_promoted=asked,
        )

    def _found(self, manifest: Manifest | None) -> tuple[Judged | None, list[Finding]]:
        if self.change.results is None or not self.change.has_ledger:
            return None, []
        digest = manifest.digest if manifest else None
        hashes = Hashes.of(self.change.pull, self.stages.ruler, self.alias, digest)
        return find_results(
            self.change.results, self.change.ledger, self.key, hashes, self.folder / "results"
        )

    def _with_verdict(self, found: Judged, manifest: Manifest | None) -> AliasOutcome:
        """The verdict of its answers, folded with what is found today."""
        now = [self.places.finding(each) for each in self.stages.findings]
        today = Today(now, self.stages.road, trains="data" in self.kinds)
        judged = rebuild(self.folder / "results", today=self.change.now.date(), now=today)
        state = _STATE[exit_code(judged.decision, judged.candidate, judged.policy)]
        training: Mapping[str, Any] = judged.report["training"] or {}
        return AliasOutcome(
            self.alias,
            self.kinds,
            state,
            str(judged.report["headline"]),
            judged.report,
            key=self.key,
            found=True,
            digest=training.get("manifest_digest") or (manifest.digest if manifest else None),
            provider=training.get("provider"),
            usd=training.get("usd"),
            job_id=training.get("job_id"),
        )

    def _blocked(self, known: Known | None, manifest: Manifest | None = None) -> AliasOutcome:
        report = self._report(known)
        estimate = self.stages.estimate or {}
        return AliasOutcome(
            self.alias,
            self.kinds,
            "block",
            str(report["headline"]),
            report,
            digest=manifest.digest if manifest else None,
            provider=manifest.provider if manifest else None,
            usd=estimate.get("usd_high"),
        )

    def _waiting(
        self, known: Known, word: NextWord, manifest: Manifest | None, subject: Subject
    ) -> AliasOutcome:
        self.stages.findings += word.findings
        estimate = self.stages.estimate or {}
        return AliasOutcome(
            self.alias,
            self.kinds,
            word.state,
            f"{self.alias}: {word.headline}",
            self._report(known),
            waiting=word.waiting,
            key=self.key,
            digest=manifest.digest if manifest else None,
            provider=str(subject.training["provider"]),
            usd=estimate.get("usd_high"),
            job_id=word.job_id,
            next_step=word.next_step,
            stage=word.stage,
        )

    def _ruler_moved(self) -> AliasOutcome:
        from liftgate.commands.judging.both_rulers import RulerJudge

        state, said, findings = RulerJudge(
            self.change,
            self.alias,
            self.stages,
            self.places,
            lambda: self._found(None),
            self.folder / "results",
        ).judged()
        return AliasOutcome(self.alias, self.kinds, state, f"{self.alias}: {said}", findings=findings)

    def _report(self, known: Known | None) -> dict[str, Any]:
        """The sealed report of the static stages."""
        self.stages.findings = [self.places.finding(each) for each in dict.fromkeys(self.stages.findings)]
        return self.stages.close(known)[0]


def failed(alias: str, kinds: tuple[str, ...], why: str) -> AliasOutcome:
    """An alias that could not be judged: never a pass, and the others go on."""
    return AliasOutcome(alias, kinds, "error", f"{shown(alias, 'an alias')} could not be judged: {why}")
