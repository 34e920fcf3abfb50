"""The stages of one alias in order, each step's files written as it ends: what `liftgate run` does.

A stage that finds errors ends the flow: nothing is trained on bad data, and nothing is paid past the budget.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from liftgate.commands.arms import Answering
from liftgate.commands.attempts import NAME, count_attempt
from liftgate.commands.change_check import check_alias
from liftgate.commands.data_diff import release_diff
from liftgate.commands.ends import sunset_findings
from liftgate.commands.estimate import Tokenized, UntrainableRows, base_name, estimate_training, tokenized
from liftgate.commands.evidence import WAIVERS, keep_waivers, write_evidence
from liftgate.commands.forecasting import evaluation_cost
from liftgate.commands.hosted_flow import HostedWords, hosted_candidate
from liftgate.commands.reproductions import write_reproductions
from liftgate.commands.spending import Spending
from liftgate.commands.train import local_section, train_adapter
from liftgate.commands.variants import variant_findings
from liftgate.data.waivers import Waived
from liftgate.errors import LiftgateError
from liftgate.evaluation.limits import Purse
from liftgate.evaluation.responses import ResponseStore
from liftgate.evaluation.run_folder import write_run
from liftgate.evaluation.runner import Unfinished
from liftgate.evaluation.runs import EvalRun
from liftgate.evaluation.suite_folder import SuiteFolder
from liftgate.files import read_bytes, sha256_bytes, write_bytes, write_json
from liftgate.findings import Finding, Severity, blocks, ordered
from liftgate.plan import Plan
from liftgate.policy import Policy
from liftgate.project import CALIBRATION, Subject, promoted_at, read_subject, ruler_of, unknown_addresses
from liftgate.registry.models import Alias, Model, read_models
from liftgate.report.annotations import inert
from liftgate.report.build import Evidence, build_report
from liftgate.report.data_diff import data_diff_sentence
from liftgate.report.power import power_lines
from liftgate.training.adapters import Adapter, find_adapter
from liftgate.training.base_model import Base, resolve_base
from liftgate.training.cost import token_price
from liftgate.training.estimate import Estimate
from liftgate.training.rendering import TokenizedRow, load_renderer
from liftgate.training.spent import spent_in
from liftgate.verdict.arm_results import arm_results
from liftgate.verdict.attempts import Attempts, candidate_key
from liftgate.verdict.comparison import Comparison
from liftgate.verdict.cost import training_cost
from liftgate.verdict.gate import ArmResult, Decision, decide, unfinished
from liftgate.verdict.reproduction import Reproduction
from liftgate.verdict.rules import weighed


@dataclass
class Flow:
    """One alias on its way through the stages; `folder` is its run folder, `store` keeps adapters and answers."""

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

    def run(self) -> tuple[dict[str, Any], Decision, Comparison | None, Policy]:
        """Go as far as the findings allow; returns report, decision, the candidate's comparison and the policy."""
        self.ruler = ruler_of(self.root, self.folder, self.base_ref, self.plan, self.alias)
        policy = self.ruler.policy
        self.findings += self.plan.findings
        suite: SuiteFolder | None = None
        if not blocks(self.findings):
            suite = self.ruler.suite(self.alias)
            registered = read_models(read_bytes(self.root / "models.yaml"), "models.yaml").alias(self.alias)
            self.findings += unknown_addresses(self.root, self.base_ref, registered, suite.suite)
            self._go(suite, registered, policy)
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
        evidence = self._evidence(decision, candidate, suite, policy)
        write_evidence(self.folder, evidence)
        return build_report(evidence), decision, candidate, policy

    def _go(self, suite: SuiteFolder, registered: Alias, policy: Policy) -> None:
        subject = self._validate()
        if subject is None or blocks(self.findings):
            return
        candidate = (
            self._hosted(subject, suite, registered)
            if subject.is_hosted
            else self._local(subject, suite, registered, policy)
        )
        if candidate is None:
            return
        runs = self._evaluate(suite, registered, candidate, policy)
        self._compare(runs, suite, policy)
        self._count(runs, policy)

    def _local(
        self, subject: Subject, suite: SuiteFolder, registered: Alias, policy: Policy
    ) -> Adapter | None:
        base = resolve_base(base_name(subject), say=self.say)
        manifest = subject.manifest(base.revision)
        self.findings += variant_findings(manifest, registered)
        rows = self._tokenized(subject, base, policy)
        if rows is None:
            return None
        priced = self._estimate(subject, base, rows.train, suite, registered)
        if not priced.auto_approved and find_adapter(self.store, manifest.digest) is None:
            price = "unknown" if priced.usd is None else f"${priced.usd.rounded.high}"
            message = f"the training is priced at {price} and needs an approval; nothing was started"
            self.findings.append(Finding("approval-missing", Severity.ERROR, message, "evals/policy.yaml"))
        return None if blocks(self.findings) else self._train(subject, base, rows[:2])

    def _hosted(self, subject: Subject, suite: SuiteFolder, registered: Alias) -> Model | None:
        """The model that a provider trained, when it is there and may be asked."""
        self.findings += variant_findings(subject.manifest(), registered)
        priced = self._estimate(subject, None, None, suite, registered)
        if blocks(self.findings):
            return None
        self.say(f"train\n  manifest {subject.manifest().digest[:12]}…")
        came = hosted_candidate(
            self.words,
            subject,
            self.ruler,
            priced,
            registered,
            root=self.root,
            folder=self.folder,
            command=self.resume_command,
            say=self.say,
        )
        self.findings += [finding for finding in came.findings if finding not in self.findings]
        self.training, self.still_running = came.training, came.still_running
        self.resumable_hint = self.resume_command if came.still_running else None
        write_json(self.folder / "manifest.json", subject.manifest().to_dict())
        return None if blocks(self.findings) else came.model

    def _validate(self) -> Subject | None:
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

    def _tokenized(self, subject: Subject, base: Base, policy: Policy) -> Tokenized | None:
        """The rows as the model reads them, or None when some cannot be trained on."""
        try:
            rows = tokenized(subject, base, policy.rules)
        except UntrainableRows as error:
            # The base's own tokens take the place of what validation had to guess.
            guessed = [finding for finding in self.findings if finding.rule != "target-truncated"]
            self.findings = [*guessed, *error.findings]
            self.say(f"  {error}")
            return None
        self.findings = [f for f in self.findings if f.rule != "target-truncated"] + rows.findings
        return rows

    def _estimate(
        self,
        subject: Subject,
        base: Base | None,
        rows: list[TokenizedRow] | None,
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
        spent = spent_in(self.words.open(self.root), but=subject.manifest().digest) if base is None else ()
        priced = estimate_training(subject, base, self.ruler, self.today, rows, evaluation=kept, spent=spent)
        promoting = "promotion" in self.plan.aliases.get(self.alias, ())
        priced = priced.with_findings(
            sunset_findings(
                self.ruler, registered, self.today, subject, priced.pays_back_on, promoting=promoting
            )
        )
        write_json(self.folder / "estimate.json", priced.to_dict())
        self.findings += priced.findings
        self.estimate = priced.to_report(nothing)
        price = "unknown" if priced.usd is None else f"${priced.usd.rounded.high}"
        self.say(f"estimate\n  {priced.training_tokens.point} training tokens, price {price}")
        return priced

    def _train(
        self, subject: Subject, base: Base, rows: tuple[list[TokenizedRow], list[TokenizedRow]]
    ) -> Adapter:
        manifest = subject.manifest(base.revision)
        adapter = find_adapter(self.store, manifest.digest)
        self.say(f"train\n  manifest {manifest.digest[:12]}…")
        if adapter is None:
            adapter = train_adapter(subject, base, self.store, self.resume_command, rows)
        else:
            self.say("  found by its manifest digest, nothing to train")
        evidence = adapter.evidence
        losses = evidence["losses"]
        self.say(
            f"  loss {losses[0]['loss']:.3f} → {losses[-1]['loss']:.3f} in {evidence['steps']} steps, "
            f"validation loss {evidence['validation_loss'] or float('nan'):.3f}"
        )
        self.training = local_section(manifest, base, adapter)
        write_json(self.folder / "manifest.json", {**manifest.to_dict(), "adapter_sha256": adapter.sha256})
        renderer = load_renderer(base.folder, base.tokenizer_sha256)
        self.training_rendering = str(adapter.record["rendering_sha256"])
        self.evaluation_rendering = renderer.sha256
        if self.training_rendering != self.evaluation_rendering:
            self.findings.append(
                Finding(
                    "rendering-differs",
                    Severity.ERROR,
                    "the adapter was trained on prompts rendered differently from those it is asked; train again",
                )
            )
        return adapter

    def _evaluate(
        self, suite: SuiteFolder, registered: Alias, candidate: Adapter | Model, policy: Policy
    ) -> dict[str, EvalRun]:
        self.say("evaluate")
        store = ResponseStore(self.store / "responses.sqlite")
        try:
            answering = Answering(suite, registered, candidate, store, policy, self.resume_command)
            answering.promoted = promoted_at(self.root, self.base_ref, registered)
            answering.spending = Spending(Purse(policy.cost.max_eval_usd), self.ruler.prices)
            runs = answering.runs()
        except Unfinished as stopped:
            self.findings.append(unfinished(stopped))
            self.resumable_hint = self.resume_command
            self.say(f"  {stopped.sentence}")
            return {}
        finally:
            store.close()
        self.about = answering.about
        self.findings += answering.findings
        self.reproduced = answering.reproduced
        write_reproductions(self.folder / "runs" / "candidate", self.reproduced)
        for name, run in runs.items():
            write_run(self.folder / "runs" / name, run)
            metric = run.primary_metric or policy.primary_metric
            scores = [row["scores"].get(metric) for row in run.rows if row["suite"] == "quality"]
            known = [score for score in scores if score is not None]
            mean = f"{sum(known) / len(known):.3f}" if known else "unscored"
            self.say(f"  {name}: {metric} {mean} on {len(known)} cases")
        return runs

    def _compare(self, runs: dict[str, EvalRun], suite: SuiteFolder, policy: Policy) -> None:
        self.say("compare")
        base = runs.get("base")
        if base is None:
            return
        checked = self.ruler.calibration(self.alias)
        (self.folder / CALIBRATION).unlink(missing_ok=True)
        if checked is not None:
            # The gate judges this folder again, by the same word of the judge.
            write_bytes(self.folder / CALIBRATION, checked.data)
            self.calibration_sha256 = sha256_bytes(checked.data)
        waivers = self.ruler.folder / "evals" / self.alias / WAIVERS
        place = f"evals/{self.alias}/{WAIVERS}"
        decisions, self.waivers_sha256 = keep_waivers(self.folder, waivers, place, self.today)
        self.decisions_on = self.today.isoformat() if decisions else None
        self.arms = arm_results(
            runs,
            policy,
            kinds={name: suite.suite.arms[name].kind for name in runs},
            alias_of={name: self.about[name]["alias_of"] for name in runs},
            prices={
                name: token_price(self.ruler.prices, str(run.meta.get("endpoint")), run.model)
                for name, run in runs.items()
            },
            calibration=None if checked is None else checked.calibration,
            decisions=decisions,
        )
        for arm in self.arms:
            if arm.comparison is not None:
                target = "comparison.json" if arm.name == "candidate" else f"comparisons/{arm.name}.json"
                write_bytes(self.folder / target, arm.comparison.to_json())

    def _count(self, runs: dict[str, EvalRun], policy: Policy) -> None:
        """Which candidate this is that met the golden set."""
        candidate = runs.get("candidate")
        if candidate is None or "base" not in runs:
            return
        place = count_attempt(
            self.store / NAME,
            alias=self.alias,
            golden_sha256=str(candidate.meta["golden_sha256"]),
            candidate_sha256=candidate_key(candidate),
        )
        self.attempts = Attempts.of(place.number, policy)
        self.findings += weighed([*place.findings, *self.attempts.findings], policy.rules)

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
