"""One live variant asked again, against its base: fresh answers by the batch, one report, one entry of the ledger.

A cycle begins where the last verdict on the variant ended and is named after it. Its answers lie in a store of its own,
and its batches carry its name: whoever comes back, on this machine or another, finds what is under way and pays nothing
twice; and last month's answers are never found for this month's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from liftgate.commands.asking.answerers import in_order, kind_of, settings_of_model
from liftgate.commands.asking.arms import Answering
from liftgate.commands.judging.flow import Flow
from liftgate.digests import digest
from liftgate.errors import StillRunning
from liftgate.evaluation.arms import Arm
from liftgate.evaluation.batches import PROVIDERS, Places, open_provider
from liftgate.evaluation.batches.asking import BatchedEndpoint
from liftgate.evaluation.batches.ledger import Ledger as BatchLedger
from liftgate.evaluation.endpoints import Endpoint, open_endpoint
from liftgate.evaluation.limits import Limits, Purse
from liftgate.evaluation.responses import ResponseStore
from liftgate.evaluation.runs import EvalRun
from liftgate.evaluation.suite_folder import SuiteFolder
from liftgate.findings import Finding, Severity
from liftgate.policy import Policy
from liftgate.registry.models import Alias, Model, Variant
from liftgate.training.adapters import Adapter, find_adapter
from liftgate.training.cost import Price, TokenPrice, price_for
from liftgate.training.ledger import Entry

FIRST = "first"


@dataclass(frozen=True)
class Words:
    """How a re-evaluation asks. `deadline_s` is how long each batch is waited for in this call."""

    live: bool = False
    look_s: float = 30.0
    deadline_s: float | None = None
    places: Places = field(default_factory=Places)
    max_usd: Decimal | None = None


def judged(entries: Sequence[Entry], alias: str, variant: Variant) -> list[Entry]:
    """The ledger's verdicts on exactly this model, oldest first."""
    wanted = variant.entry.get("manifest_digest")
    mine = [e for e in entries if e["alias"] == alias and wanted and e.get("manifest_digest") == wanted]
    return sorted(mine, key=lambda entry: (str(entry["at"]), str(entry["key"])))


def cycle_of(known: Sequence[Entry]) -> str:
    """The name of the cycle that follows these verdicts."""
    return str(known[-1]["key"]) if known else FIRST


def cycle_key(report: Mapping[str, Any], cycle: str) -> str:
    """Where the verdict of a cycle lies: the same answers judged in the next cycle lie elsewhere."""
    training = report["training"] or {}
    return digest(
        {
            "verdict_key": report["verdict_key"],
            "manifest_digest": training.get("manifest_digest"),
            "cycle": cycle,
        }
    )


def batch_price(prices: Sequence[Price], model: Model, live: TokenPrice) -> TokenPrice:
    """What an answer costs by the batch; the live price where the table names no share of it, which is never less."""
    for provider in dict.fromkeys((model.provider, kind_of(model))):
        for name in filter(None, (model.model_id, model.base)):
            row = price_for(prices, provider, name)
            if row is not None and row.batch_ratio is not None:
                ratio = row.batch_ratio
                return TokenPrice(live.input_usd_per_mtok * ratio, live.output_usd_per_mtok * ratio)
    return live


@dataclass
class CycleAnswering(Answering):
    """Base and candidate, each by the batch where its provider has batches."""

    words: Words = field(default_factory=Words)
    cycle: str = FIRST
    judged_usd: Decimal = Decimal(0)
    """What every judgement of this cycle costs, also those that an earlier call paid for."""

    def runs(self) -> dict[str, EvalRun]:
        """Runs by arm, base first. A batch that goes on does not keep the next one from being created."""
        runs: dict[str, EvalRun] = {}
        arms = in_order(self.suite.suite.arms)
        endpoints: dict[str, Endpoint] = {}
        for arm in arms:
            if arm.model not in endpoints:
                default = arm.model == "default"
                opened = self._registered(self.registered.default) if default else self._candidate()
                endpoints[arm.model] = opened
        # A machine that is new every day keeps no answers, and would pay every day for a cycle that cannot end.
        if too_dear := self._cannot_end(arms, endpoints):
            self.findings += too_dear
            return {}
        waiting: StillRunning | None = None
        for arm in arms:
            self.about[arm.name] = {"prompt": arm.prompt, "alias_of": None}
            if waiting is not None and self.suite.judges:
                # Some judges hold an answer against base's, which is not there yet.
                break
            try:
                name = self._name(arm)
                runs[arm.name] = self._answer(arm, endpoints[arm.model], name, runs.get("base"))
            except StillRunning as stopped:
                waiting = waiting or stopped
        if waiting is not None:
            raise waiting
        self._confirm(endpoints, runs)
        return runs

    def _name(self, arm: Arm) -> str:
        return self.registered.default.model_id if arm.model == "default" else self._candidate_name()

    def _cannot_end(self, arms: Sequence[Arm], endpoints: Mapping[str, Endpoint]) -> list[Finding]:
        """What the budget has against the cycle before anything is asked; what is answered already costs nothing."""
        from liftgate.commands.asking.forecasting import to_be_asked
        from liftgate.commands.asking.spending import answer_price
        from liftgate.evaluation.forecast import forecast
        from liftgate.training.budget import cents
        from liftgate.verdict.gate import UNFINISHED

        if self.spending is None or self.spending.purse.max_usd is None:
            return []
        to_ask, prices = [], self.spending.prices
        for arm in arms:
            endpoint = endpoints[arm.model]
            price = self.prices.get(id(endpoint))
            asked = (self.suite, arm, endpoint, self._name(arm), price, self.policy, self.store)
            to_ask.append(to_be_asked(*asked))
        cost = forecast(to_ask, "evals/prices.yaml", lambda kind, model: answer_price(prices, kind, model))
        if cost.usd is None:
            return []  # a missing price is told where the answers are paid for
        least, most = cents(cost.usd.low), self.spending.purse.max_usd
        if least <= most:
            return []
        message = (
            f"to ask both models costs at least ${least}, and the budget of ${most} does not hold it, so nothing was "
            "asked; narrow the suite or its max_tokens, or raise cost.max_eval_usd"
        )
        return [Finding(UNFINISHED, Severity.WARNING, message)]

    def _answer(self, *asked: Any, **more: Any) -> EvalRun:
        run = super()._answer(*asked, **more)
        self.judged_usd += Decimal(run.meta["usage"].get("judge_usd", "0"))
        return run

    def _registered(self, model: Model) -> Endpoint:
        kind = kind_of(model)
        if self.words.live or kind not in PROVIDERS or self.spending is None:
            return super()._registered(model)
        live = self.spending.price_of(model)
        limits = Limits(live, purse=self.spending.purse, deadline_s=self.words.deadline_s)
        _, settings = settings_of_model(model, limits)
        provider = open_provider(kind, settings, self.words.places)
        endpoint = BatchedEndpoint(
            open_endpoint(kind, settings),
            provider,
            BatchLedger(self.store.path, self.cycle),
            limits=limits,
            look_s=self.words.look_s,
            say=_say,
            fewer_live=True,
        )
        # Where few requests are asked one by one, every one is counted at that price.
        price = live if provider.least > 1 else batch_price(self.spending.prices, model, live)
        return self._at(endpoint, price)


@dataclass
class Reevaluation(Flow):
    """A variant's cycle: nothing is validated or trained. `adapters` is the store that holds local weights."""

    variant: Variant = field(kw_only=True)
    asked: Words = field(default_factory=Words)
    cycle: str = FIRST
    adapters: Path = Path()
    pinned: Mapping[str, Any] | None = None
    """The report that the variant rests on, for what it says of its training."""
    made: CycleAnswering | None = None
    usd: Decimal = Decimal(0)

    def _go(self, suite: SuiteFolder, registered: Alias, policy: Policy) -> None:
        candidate = self._model()
        if candidate is None:
            return
        self.training, self.dataset = self._lineage()
        narrow = replace(suite, suite=replace(suite.suite, arms=_arms(suite, policy)))
        runs = self._evaluate(narrow, registered, candidate, policy)
        if runs:
            self._compare(runs, narrow, policy)
            self.usd = self._paid(runs, registered) + (self.made.judged_usd if self.made else 0)

    def _model(self) -> Adapter | Model | None:
        if self.variant.model.provider != "local":
            return self.variant.model
        named = self.variant.entry.get("manifest_digest")
        found = find_adapter(self.adapters, named) if named else None
        if found is None:
            message = f"{self.alias} {self.variant.name}: its weights are not in {self.adapters}; run where they are"
            self.findings.append(Finding("variant-not-asked", Severity.ERROR, message, "models.yaml"))
        return found

    def answering(
        self,
        suite: SuiteFolder,
        registered: Alias,
        candidate: Adapter | Model,
        store: ResponseStore,
        policy: Policy,
    ) -> Answering:
        """By the batch, in this cycle."""
        made = CycleAnswering(suite, registered, candidate, store, policy, self.resume_command)
        made.words, made.cycle = self.asked, self.cycle
        self.made = made
        return made

    def _purse(self, policy: Policy) -> Purse:
        most = policy.cost.max_eval_usd
        return Purse(most if self.asked.max_usd is None else min(most, self.asked.max_usd))

    def _lineage(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """What the report says of training and rows: as the pinned report has it, else as models.yaml does."""
        entry = self.variant.entry
        pins = {key: entry["dataset"].get(key) for key in ("version", "train_sha256", "validation_sha256")}
        dataset: dict[str, Any] = {**pins, "train_rows": None, "validation_rows": None}
        training: dict[str, Any] = dict.fromkeys(
            ("base_sha256", "steps", "seconds", "validation_loss", "trainable_parameters")
        )
        training |= {
            "provider": entry["provider"],
            "base": entry.get("base") or entry["model_id"],
            "adapter_sha256": entry.get("adapter_sha256"),
            "manifest_digest": entry.get("manifest_digest"),
            "losses": [],
        }
        if self.pinned is not None:
            known = self.pinned.get("training") or {}
            if known.get("manifest_digest") == training["manifest_digest"]:
                training, dataset = dict(known), dict(self.pinned["dataset"] or dataset)
        return training, dataset

    def _paid(self, runs: Mapping[str, EvalRun], registered: Alias) -> Decimal:
        """What the answers of this cycle cost, judges apart, whoever fetched them; nothing where no price is known."""
        total = Decimal(0)
        for arm, run in runs.items():
            model = self.variant.model if arm == "candidate" else registered.default
            price = _price(
                self.ruler.prices, model, batched=not self.asked.live and kind_of(model) in PROVIDERS
            )
            if price is not None:
                for row in run.rows:
                    total += price.usd(row.get("input_tokens") or 0, row.get("output_tokens") or 0)
        return total


def _arms(suite: SuiteFolder, policy: Policy) -> dict[str, Any]:
    """Base and candidate; every prompt of the default model, too, where the policy asks for cheaper roads first."""
    wanted = {"base", "candidate"}
    arms = suite.suite.arms
    if policy.require_cheaper_arms_first:
        wanted |= {name for name, arm in arms.items() if arm.model == "default"}
    return {name: arm for name, arm in arms.items() if name in wanted}


def _price(prices: Sequence[Price], model: Model, *, batched: bool) -> TokenPrice | None:
    from liftgate.commands.asking.spending import model_price

    live = model_price(prices, model)
    return batch_price(prices, model, live) if live is not None and batched else live


def _say(line: str) -> None:
    from liftgate.commands.command_line.saying import say

    say(f"  {line}")
