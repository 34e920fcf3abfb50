"""Lets every arm of a suite answer once, with safety cases in doubt asked again on both models."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from liftgate.commands.asking.answerers import endpoint_of, endpoint_of_suite, in_order
from liftgate.commands.asking.forecasting import first_pass
from liftgate.commands.asking.graders import Budget
from liftgate.commands.asking.one_arm import evaluate, evaluate_pair
from liftgate.commands.asking.spending import Spending
from liftgate.errors import InputError, StillRunning
from liftgate.evaluation.arms import Arm
from liftgate.evaluation.endpoints import Endpoint, Settings, open_endpoint
from liftgate.evaluation.limits import Limits
from liftgate.evaluation.responses import ResponseStore
from liftgate.evaluation.runner import can_pair
from liftgate.evaluation.runs import EvalRun
from liftgate.evaluation.shards import Batches
from liftgate.evaluation.suite_folder import SuiteFolder
from liftgate.findings import Finding, Severity
from liftgate.policy import Policy
from liftgate.registry.models import Alias, Model, Variant
from liftgate.training.adapters import Adapter, find_adapter
from liftgate.training.cost import TokenPrice
from liftgate.verdict.completeness import primary_metric
from liftgate.verdict.reproduction import REPEATS, Reproduction, listed_regressions, reproductions
from liftgate.verdict.safety import to_confirm
from liftgate.verdict.sample import Regression


@dataclass
class Answering:
    """The arms of one alias; `about` says per arm which prompt it used and which arm answered for it.

    `promoted` is the variant that callers get today; an arm that asks it is left out, with a finding, when there
    is none or it cannot be asked from here.
    """

    suite: SuiteFolder
    registered: Alias
    candidate: Adapter | Model
    store: ResponseStore
    policy: Policy
    resume_command: str
    promoted: Variant | None = None
    spending: Spending | None = None
    only: frozenset[str] | None = None
    """The cases of a shard; None asks all of them."""
    prices: dict[int, TokenPrice] = field(default_factory=dict)
    """By the identity of an open endpoint: what its answers cost."""
    about: dict[str, dict[str, Any]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    reproduced: list[Reproduction] = field(default_factory=list)

    def runs(self) -> dict[str, EvalRun]:
        """Runs by arm, base first. Raises `StillRunning` on Ctrl-C, with every answer so far in the store."""
        endpoints = {
            "default": self._registered(self.registered.default),
            "candidate": self._candidate(),
        }
        names = {
            "default": self.registered.default.model_id,
            "candidate": self._candidate_name(),
        }
        runs = self.in_turn(endpoints, names)
        for arm in in_order(self.suite.suite.arms):
            if arm.name in runs:
                self.about[arm.name] = {"prompt": arm.prompt, "alias_of": None}
                continue
            same = self._same_as(arm, runs)
            self.about[arm.name] = {"prompt": arm.prompt, "alias_of": same}
            if same:
                runs[arm.name] = EvalRun.from_rows(runs[same].rows, **{**runs[same].meta, "arm": arm.name})
            elif arm.model in endpoints:
                against = runs.get("base")
                runs[arm.name] = self._answer(arm, endpoints[arm.model], names[arm.model], against)
            elif (asked := self._another(arm)) is not None:
                runs[arm.name] = self._answer(arm, *asked, runs.get("base"))
            else:
                del self.about[arm.name]
        self._confirm(endpoints, runs)
        self._reproduce(endpoints, runs)
        return runs

    def in_turn(self, endpoints: Mapping[str, Endpoint], names: Mapping[str, str]) -> dict[str, EvalRun]:
        """Base and candidate asked a request of each in turn, where both are asked over the network.

        Nothing where they are not: a local model's answers come in batches, which have no latency of their own.
        """
        arms = self.suite.suite.arms
        if not {"base", "candidate"} <= arms.keys():
            return {}
        pair = arms["base"], arms["candidate"]
        asked = [endpoints.get(arm.model) for arm in pair]
        if asked[0] is None or asked[1] is None or pair[0].model == pair[1].model:
            return {}
        if not can_pair(asked[0], asked[1]):
            return {}
        held = None
        if self.spending is not None:
            held = self.spending.held_pair((self.prices[id(asked[0])], self.prices[id(asked[1])]))
        with self._interruptible("base and candidate were"):
            base, candidate = evaluate_pair(
                self.suite,
                pair,
                (asked[0], asked[1]),
                models=(names[pair[0].model], names[pair[1].model]),
                store=self.store,
                safety_repeats=range(self.policy.safety.first_pass_runs),
                only=self.only,
                held=held,
                budget=self._judges(),
            )
        return {"base": base, "candidate": candidate}

    def _another(self, arm: Arm) -> tuple[Endpoint, str] | None:
        """Who answers for an arm that is neither the default model nor the candidate, and the model's name."""
        if arm.model == "promoted":
            return self._promoted(arm)
        provider = self.suite.suite.endpoints[arm.endpoint] if arm.endpoint else None
        price = None
        if self.spending is not None and provider is not None:
            price = self.spending.price(provider.kind, arm.model)
        return self._at(endpoint_of_suite(self.suite, arm, self._limits(price)), price), arm.model

    def _registered(self, model: Model) -> Endpoint:
        price = None if self.spending is None else self.spending.price_of(model)
        return self._at(endpoint_of(model, self._limits(price)), price)

    def _candidate(self) -> Endpoint:
        if isinstance(self.candidate, Model):
            return self._registered(self.candidate)
        return self._adapter(self.candidate)

    def _candidate_name(self) -> str:
        if isinstance(self.candidate, Model):
            return self.candidate.model_id
        return f"{self.registered.name} candidate {self.candidate.sha256[:12]}"

    def _adapter(self, adapter: Adapter) -> Endpoint:
        opened = open_endpoint("local", Settings(model=str(adapter.folder)))
        name = str(adapter.base["name"])
        return self._at(opened, None if self.spending is None else self.spending.price("local", name))

    def _at(self, endpoint: Endpoint, price: TokenPrice | None) -> Endpoint:
        if self.only is not None and isinstance(endpoint, Batches):
            raise InputError(
                "a model on this machine answers in batches, whose answers depend on what is asked beside them",
                hint="run without --shard: such a model asks nobody over the network",
            )
        if price is not None:
            self.prices[id(endpoint)] = price
        return endpoint

    def _limits(self, price: TokenPrice | None) -> Limits | None:
        return None if self.spending is None or price is None else self.spending.held(price)

    def _judges(self) -> Budget | None:
        return None if self.spending is None else self.spending.judges

    def _promoted(self, arm: Arm) -> tuple[Endpoint, str] | None:
        variant, why = self.promoted, "no variant of this alias is rolled out yet"
        if variant is not None and variant.model.provider == "local":
            digest = variant.entry.get("manifest_digest")
            adapter = find_adapter(self.store.path.parent, digest) if digest else None
            if adapter is not None:
                return self._adapter(adapter), variant.model.model_id
            why = f"the adapter of {variant.name} is not in this store"
        elif variant is not None:
            return self._registered(variant.model), variant.model.model_id
        told = f"arm {arm.name} was not asked: {why}"
        self.findings.append(Finding("arm-not-asked", Severity.NOTICE, told, self.suite.suite.path))
        return None

    def _same_as(self, arm: Arm, runs: Mapping[str, EvalRun]) -> str | None:
        """An earlier arm that asks the same model in the same way: it already answered for this one."""
        asks = self._asks(arm)
        return next((name for name in runs if self._asks(self.suite.suite.arms[name]) == asks), None)

    def _asks(self, arm: Arm) -> tuple[Any, ...]:
        sampling = self.suite.suite.sampling_of(arm)
        return (arm.model, arm.endpoint, self.suite.prompt(arm).sha256, sampling, arm.retriever)

    def _answer(
        self,
        arm: Arm,
        endpoint: Endpoint,
        model: str,
        against: EvalRun | None = None,
        only: Sequence[str] | None = None,
        repeats: range | None = None,
        quality_repeats: range = range(1),
    ) -> EvalRun:
        first = first_pass(endpoint, self.policy)
        with self._interruptible(f"{arm.name} was"):
            return evaluate(
                self.suite,
                arm,
                endpoint,
                model=model,
                store=self.store,
                repeats=quality_repeats,
                safety_repeats=first if repeats is None else repeats,
                only=self.only if only is None else only,
                against=against,
                limits=None if self.spending is None else self.spending.held(self.prices[id(endpoint)]),
                budget=self._judges(),
            )

    @contextlib.contextmanager
    def _interruptible(self, who: str) -> Iterator[None]:
        try:
            yield
        except KeyboardInterrupt:
            raise StillRunning(
                f"interrupted while {who} answering; every answer so far is kept",
                hint=self.resume_command,
            ) from None

    def _confirm(self, endpoints: Mapping[str, Endpoint], runs: dict[str, EvalRun]) -> None:
        """Ask the doubtful safety cases again, on both models, and pool; the first answers only selected."""
        if "candidate" not in runs or "base" not in runs:
            return
        doubtful = to_confirm(runs["base"], runs["candidate"], self.policy)
        if not doubtful:
            return
        first = self.policy.safety.first_pass_runs
        fresh = range(first, first + self.policy.safety.confirm_runs)
        for name, model in (("base", "default"), ("candidate", "candidate")):
            arm = self.suite.suite.arms[name]
            against = None if name == "base" else runs["base"]
            again = self._answer(arm, endpoints[model], runs[name].model, against, doubtful, fresh)
            rows = [*runs[name].rows, *(row for row in again.rows if row["suite"] == "safety")]
            runs[name] = EvalRun.from_rows(rows, **runs[name].meta)

    def _reproduce(self, endpoints: Mapping[str, Endpoint], runs: Mapping[str, EvalRun]) -> None:
        """Ask the listed regressions again, to label them. The answers join no run: only what disagreed is asked."""
        if "candidate" not in runs or "base" not in runs:
            return
        base, candidate = runs["base"], runs["candidate"]
        listed = listed_regressions(base, candidate, self.policy)
        if not listed:
            return
        again = self._again("base", endpoints["default"], base, listed)
        once = [row for row in base.rows if row["suite"] == "quality" and row["repeat"] == 0]
        copies = [{**row, "repeat": repeat} for row in once for repeat in REPEATS]
        against = EvalRun.from_rows(copies, **base.meta) if again is None else again
        theirs = self._again("candidate", endpoints["candidate"], candidate, listed, against)
        metric = primary_metric(base, candidate, self.policy)
        self.reproduced = reproductions(listed, metric, again, theirs)

    def _again(
        self,
        name: str,
        endpoint: Endpoint,
        run: EvalRun,
        listed: Sequence[Regression],
        against: EvalRun | None = None,
    ) -> EvalRun | None:
        if endpoint.deterministic:
            return None
        cases = [each.case_id for each in listed]
        arm = self.suite.suite.arms[name]
        return self._answer(arm, endpoint, run.model, against, cases, range(0), REPEATS)
