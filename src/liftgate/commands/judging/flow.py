"""The stages of one alias in order, each step's files written as it ends: what `liftgate run` does.

A stage that finds errors ends the flow: nothing is trained on bad data, and nothing is paid past the budget.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from liftgate.commands.asking.arms import Answering
from liftgate.commands.asking.attempts import NAME, count_attempt
from liftgate.commands.asking.reproductions import write_reproductions
from liftgate.commands.asking.spending import Spending
from liftgate.commands.judging.evidence import WAIVERS, keep_waivers
from liftgate.commands.judging.static_stages import StaticStages
from liftgate.commands.judging.variants import variant_findings
from liftgate.commands.launching.bill import Tokenized, UntrainableRows, base_name, tokenized
from liftgate.commands.launching.hosted_flow import hosted_candidate
from liftgate.commands.launching.local_terms import local_approval
from liftgate.commands.launching.local_train import (
    hourly,
    local_section,
    told,
    train_adapter,
    training_findings,
)
from liftgate.commands.launching.training_terms import training_terms
from liftgate.errors import InputError
from liftgate.evaluation.limits import Purse
from liftgate.evaluation.responses import ResponseStore
from liftgate.evaluation.run_folder import write_run
from liftgate.evaluation.runner import Unfinished
from liftgate.evaluation.runs import EvalRun
from liftgate.evaluation.shards import Shard, share_of_cases
from liftgate.evaluation.suite_folder import SuiteFolder
from liftgate.files import sha256_bytes, write_bytes, write_json
from liftgate.findings import Finding, Severity, blocks
from liftgate.policy import Policy
from liftgate.project import CALIBRATION, Subject, promoted_at
from liftgate.registry.models import Alias, Model
from liftgate.training.adapters import Adapter, find_adapter
from liftgate.training.base_model import Base, resolve_base
from liftgate.training.cost import token_price
from liftgate.training.quantisation import QuantisedTooFar
from liftgate.training.rendering import TrainedRow, load_renderer
from liftgate.verdict.arm_results import arm_results
from liftgate.verdict.attempts import Attempts, candidate_key
from liftgate.verdict.comparison import Comparison
from liftgate.verdict.gate import Decision, unfinished
from liftgate.verdict.rules import weighed


@dataclass
class Flow(StaticStages):
    """One alias on its way through the stages; `folder` is its run folder, `store` keeps adapters and answers.

    A `shard` answers its share of every arm's questions and compares nothing; a `closed` flow asks nobody, because
    every answer came from shards.
    """

    shard: Shard | None = None
    closed: bool = False

    def run(self) -> tuple[dict[str, Any], Decision, Comparison | None, Policy]:
        """Go as far as the findings allow; returns report, decision, the candidate's comparison and the policy."""
        known = self.open()
        policy = self.ruler.policy
        if known is not None:
            self._go(known.suite, known.registered, policy)
        return self.close(known)

    def share(self) -> list[Finding]:
        """Answer the shard's questions and say what stood against it."""
        known = self.open()
        if known is not None:
            self._go(known.suite, known.registered, self.ruler.policy)
        return self.findings

    def _go(self, suite: SuiteFolder, registered: Alias, policy: Policy) -> None:
        subject = self.validate()
        if subject is None or blocks(self.findings):
            return
        if self.shard is not None and not subject.is_hosted:
            raise InputError(
                f"{self.alias} trains on this machine, and whoever trained it answers for it",
                hint="run without --shard where the adapter is",
            )
        candidate = (
            self._hosted(subject, suite, registered)
            if subject.is_hosted
            else self._local(subject, suite, registered, policy)
        )
        if candidate is None:
            return
        runs = self._evaluate(suite, registered, candidate, policy)
        if self.shard is not None:
            return
        self._compare(runs, suite, policy)
        self._count(runs, policy)

    def _local(
        self, subject: Subject, suite: SuiteFolder, registered: Alias, policy: Policy
    ) -> Adapter | None:
        base = resolve_base(
            base_name(subject), say=self.say, remote_code=training_terms(self.ruler).remote_code
        )
        manifest = subject.manifest(base.revision)
        self.findings += [*variant_findings(manifest, registered), *self.words.another(manifest)]
        rows = self._tokenized(subject, base, policy)
        if rows is None:
            return None
        priced = self.price(subject, base, rows.train, suite, registered)
        if find_adapter(self.store, manifest.digest) is None:
            self.findings += local_approval(self.words, subject, manifest, self.ruler, priced, self.root)
        return None if blocks(self.findings) else self._train(subject, base, rows[:2])

    def _hosted(self, subject: Subject, suite: SuiteFolder, registered: Alias) -> Model | None:
        """The model that a provider trained, when it is there and may be asked."""
        manifest = subject.manifest()
        self.findings += [*variant_findings(manifest, registered), *self.words.another(manifest)]
        priced = self.price(subject, None, None, suite, registered)
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

    def _train(
        self, subject: Subject, base: Base, rows: tuple[list[TrainedRow], list[TrainedRow]]
    ) -> Adapter | None:
        manifest = subject.manifest(base.revision)
        adapter = find_adapter(self.store, manifest.digest)
        self.say(f"train\n  manifest {manifest.digest[:12]}…")
        if adapter is None:
            allowed = training_terms(self.ruler)
            try:
                adapter = train_adapter(
                    subject,
                    base,
                    self.store,
                    self.resume_command,
                    allowed,
                    rows,
                    usd_per_hour=hourly(self.ruler, manifest),
                )
            except QuantisedTooFar as error:
                self.findings += error.findings
                return None
        else:
            self.say("  found by its manifest digest, nothing to train")
        self.say(f"  {told(adapter)}")
        self.findings += training_findings(adapter, self.ruler.policy, subject)
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
        return None if blocks(self.findings) else adapter

    def _evaluate(
        self, suite: SuiteFolder, registered: Alias, candidate: Adapter | Model, policy: Policy
    ) -> dict[str, EvalRun]:
        self.say("evaluate")
        store = ResponseStore(self.store / "responses.sqlite")
        try:
            answering = self.answering(suite, registered, candidate, store, policy)
            answering.promoted = promoted_at(self.root, self.base_ref, registered)
            answering.spending = Spending(self._purse(policy), self.ruler.prices)
            if self.shard is not None:
                suites = [suite.golden, *([suite.safety] if suite.safety is not None else [])]
                answering.only = share_of_cases(self.shard, suites)
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

    def answering(
        self,
        suite: SuiteFolder,
        registered: Alias,
        candidate: Adapter | Model,
        store: ResponseStore,
        policy: Policy,
    ) -> Answering:
        """Who lets the arms answer."""
        return Answering(suite, registered, candidate, store, policy, self.resume_command)

    def _purse(self, policy: Policy) -> Purse:
        """What may be spent on answers: all shards together spend no more than one machine would."""
        whole = policy.cost.max_eval_usd
        return Purse(whole if self.shard is None else whole / self.shard.of, closed=self.closed)

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
