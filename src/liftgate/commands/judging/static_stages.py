"""What can be said of an alias before anything is trained or asked: plan, data, difference, price; and its report.

Nothing here needs a model, a key or a provider, so it is also what judges a change that nobody has approved yet.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from liftgate.commands.asking.forecasting import evaluation_cost
from liftgate.commands.checking.change_check import check_alias
from liftgate.commands.checking.data_diff import release_diff
from liftgate.commands.judging.evidence import write_evidence
from liftgate.commands.launching.bill import estimate_training
from liftgate.commands.launching.decisions import held_to_decision
from liftgate.commands.launching.ends import sunset_findings
from liftgate.commands.launching.hosted_flow import HostedWords
from liftgate.data.waivers import Waived
from liftgate.errors import LiftgateError
from liftgate.evaluation.suite_folder import SuiteFolder
from liftgate.files import read_bytes, write_json
from liftgate.findings import Finding, Severity, blocks, ordered
from liftgate.plan import Plan
from liftgate.policy import Policy
from liftgate.project import Ruler, Subject, promoted_at, read_subject, ruler_of, unknown_addresses
from liftgate.registry.models import Alias, read_models
from liftgate.report.annotations import inert
from liftgate.report.build import Evidence, build_report
from liftgate.report.data_diff import data_diff_sentence
from liftgate.report.power import power_lines
from liftgate.training.base_model import Base
from liftgate.training.budget import Spent
from liftgate.training.estimate import Estimate
from liftgate.training.rendering import TrainedRow
from liftgate.training.spent import spent_in
from liftgate.verdict.attempts import Attempts
from liftgate.verdict.comparison import Comparison
from liftgate.verdict.cost import training_cost
from liftgate.verdict.gate import ArmResult, Decision, decide
from liftgate.verdict.reproduction import Reproduction
from liftgate.verdict.road import road_section


class Known(NamedTuple):
    """What an alias is measured by and where it stands in models.yaml."""

    suite: SuiteFolder
    registered: Alias


@dataclass
class StaticStages:
    """One alias and what was found about it; `folder` is its run folder, `store` keeps adapters and answers."""

    root: Path
    folder: Path
    store: Path
    alias: str
    plan: Plan
    base_ref: str | None
    resume_command: str
    today: datetime.date
    say: Callable[[str], None]
    findings: list[Finding] = field(default_factory=list)
    waived: list[Waived] = field(default_factory=list)
    dataset: dict[str, Any] | None = None
    data_diff: dict[str, Any] | None = None
    power: dict[str, Any] | None = None
    estimate: dict[str, Any] | None = None
    training: dict[str, Any] | None = None
    road: dict[str, Any] | None = None
    training_rendering: str | None = None
    evaluation_rendering: str | None = None
    calibration_sha256: str | None = None
    waivers_sha256: str | None = None
    decisions_on: str | None = None
    resumable_hint: str | None = None
    words: HostedWords = field(default_factory=HostedWords)
    still_running: bool = False
    attempts: Attempts | None = None
    arms: list[ArmResult] = field(default_factory=list)
    about: dict[str, dict[str, Any]] = field(default_factory=dict)
    reproduced: list[Reproduction] = field(default_factory=list)

    def open(self) -> Known | None:
        """Take the ruler and what it measures; None where the plan forbids to go on."""
        self.ruler: Ruler = ruler_of(self.root, self.folder, self.base_ref, self.plan, self.alias)
        self.findings += self.plan.findings
        if blocks(self.findings):
            return None
        suite = self.ruler.suite(self.alias)
        registered = read_models(read_bytes(self.root / "models.yaml"), "models.yaml").alias(self.alias)
        self.findings += unknown_addresses(self.root, self.base_ref, registered, suite.suite)
        return Known(suite, registered)

    def close(self, known: Known | None) -> tuple[dict[str, Any], Decision, Comparison | None, Policy]:
        """Fold what was found; returns report, decision, the candidate's comparison and the policy."""
        policy = self.ruler.policy
        write_json(
            self.folder / "findings.json",
            {
                "schema_version": 1,
                "findings": [finding.to_dict() for finding in ordered(self.findings)],
                "power": self.power,
            },
        )
        candidate = next((arm.comparison for arm in self.arms if arm.name == "candidate"), None)
        paid = training_cost(self.estimate, self.training)
        decision = decide(self.findings, candidate, self.arms, policy=policy, training=paid)
        evidence = self._evidence(decision, candidate, known.suite if known else None, policy)
        write_evidence(self.folder, evidence)
        return build_report(evidence), decision, candidate, policy

    def validate(self) -> Subject | None:
        """The subject, unless what was found says that there is none to read."""
        self.say("validate")
        checked = check_alias(self.root, self.alias, self.ruler, self.plan, self.today)
        self.findings += checked.everything
        self.waived += checked.waived
        self.power = checked.power.to_dict() if checked.power else None
        for file in checked.files:
            errors = sum(finding.severity is Severity.ERROR for finding in file.findings)
            told = inert(f"{file.path}: {file.rows} rows, {file.tokens} tokens, {errors} errors")
            self.say(f"  {told}")
        for line in power_lines(self.power):
            self.say(f"  {inert(line)}")
        if blocks(self.findings) and checked.release is None:
            return None
        subject = read_subject(self.root, self.alias)
        release, rows = subject.release, {Path(file.path).name: file.rows for file in checked.files}
        self.dataset = {
            "version": release.version,
            "train_rows": rows.get(Path(release.train.file).name),
            "validation_rows": rows.get(Path(release.validation.file).name) if release.validation else None,
            "train_sha256": release.train.sha256,
            "validation_sha256": release.validation.sha256 if release.validation else None,
        }
        self._diff(subject)
        return subject

    def _diff(self, subject: Subject) -> None:
        """What the release changes, for the reviewer. It judges nothing, so not to have it is a warning."""
        target = self.folder / "data-diff.json"
        try:
            self.data_diff = release_diff(subject.card, self.root, self.base_ref)
        except LiftgateError as error:
            target.unlink(missing_ok=True)
            message = f"no data diff can be made: {error.sentence}"
            path = f"datasets/{self.alias}/card.yaml"
            self.findings.append(Finding("no-data-diff", Severity.WARNING, message, path))
            return
        write_json(target, self.data_diff)
        self.say(f"  {data_diff_sentence(self.data_diff)}")

    def price(
        self,
        subject: Subject,
        base: Base | None,
        rows: list[TrainedRow] | None,
        suite: SuiteFolder,
        registered: Alias,
    ) -> Estimate:
        """Price the change and look when its models end."""
        promoted = promoted_at(self.root, self.base_ref, registered)
        # The report shows the evaluation from nothing, so that a second run writes the same bytes.
        kept, nothing = (
            evaluation_cost(subject, self.ruler, registered, suite, store, promoted)
            for store in (self.store / "responses.sqlite", None)
        )
        # A budget counts what other manifests were launched for; a desk without a ledger launched nothing.
        spent = self.spent(subject) if subject.is_hosted else ()
        priced = estimate_training(subject, base, self.ruler, self.today, rows, evaluation=kept, spent=spent)
        promoting = "promotion" in self.plan.aliases.get(self.alias, ())
        priced = priced.with_findings(
            sunset_findings(
                self.ruler, registered, self.today, subject, priced.pays_back_on, promoting=promoting
            )
        )
        if "data" in self.plan.aliases.get(self.alias, ()):
            priced, paper = held_to_decision(priced, self.root, self.alias, self.ruler.policy)
            self.road = None if paper is None else road_section(paper)
        write_json(self.folder / "estimate.json", priced.to_dict())
        self.findings += priced.findings
        self.estimate = priced.to_report(nothing)
        price = "unknown" if priced.usd is None else f"${priced.usd.rounded.high}"
        self.say(f"estimate\n  {priced.training_tokens.point} training tokens, price {price}")
        return priced

    def spent(self, subject: Subject) -> list[Spent]:
        """What the ledger's other manifests cost."""
        return spent_in(self.words.open(self.root), but=subject.manifest().digest)

    def _evidence(
        self,
        decision: Decision,
        candidate: Comparison | None,
        suite: SuiteFolder | None,
        policy: Policy,
    ) -> Evidence:
        return Evidence(
            alias=self.alias,
            kinds=self.plan.aliases.get(self.alias, ("none",)),
            steps=self.plan.steps(self.alias) if self.alias in self.plan.aliases else (),
            ruler_source=self.ruler.source,
            ruler_ref=self.ruler.ref,
            decision=decision,
            dataset=self.dataset,
            data_diff=self.data_diff,
            power=self.power,
            attempts=self.attempts.to_dict() if self.attempts else None,
            estimate=self.estimate,
            training=self.training,
            road=self.road,
            comparison=candidate,
            arms=self.arms,
            arm_about=self.about,
            policy=policy,
            policy_sha256=self.ruler.policy_sha256,
            calibration_sha256=self.calibration_sha256,
            waivers_sha256=self.waivers_sha256,
            decisions_on=self.decisions_on,
            training_rendering=self.training_rendering,
            evaluation_rendering=self.evaluation_rendering,
            waived=[waived.to_dict() for waived in self.waived],
            reproduced=self.reproduced,
            expected={case.id: case.expected for case in suite.golden} if suite else {},
            resumable_hint=self.resumable_hint,
        )
