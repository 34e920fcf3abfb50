"""Lets every arm of a suite answer once, with safety cases in doubt asked again on both models."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from liftgate.commands.evaluate import evaluate, evaluate_pair
from liftgate.errors import InputError, StillRunning
from liftgate.evaluation.arms import Arm
from liftgate.evaluation.endpoints import Endpoint, Settings, open_endpoint
from liftgate.evaluation.responses import ResponseStore
from liftgate.evaluation.runner import can_pair
from liftgate.evaluation.runs import EvalRun
from liftgate.evaluation.suite_folder import SuiteFolder
from liftgate.findings import Finding, Severity
from liftgate.policy import Policy
from liftgate.registry.models import Alias, Model, Variant
from liftgate.training.adapters import Adapter, find_adapter
from liftgate.verdict.safety import to_confirm


@dataclass
class Answering:
    """The arms of one alias; `about` says per arm which prompt it used and which arm answered for it.

    `promoted` is the variant that callers get today; an arm that asks it is left out, with a finding, when there
    is none or it cannot be asked from here.
    """

    suite: SuiteFolder
    registered: Alias
    adapter: Adapter
    store: ResponseStore
    policy: Policy
    resume_command: str
    promoted: Variant | None = None
    about: dict[str, dict[str, Any]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def runs(self) -> dict[str, EvalRun]:
        """Runs by arm, base first. Raises `StillRunning` on Ctrl-C, with every answer so far in the store."""
        endpoints = {
            "default": _endpoint(self.registered.default),
            "candidate": open_endpoint("local", Settings(model=str(self.adapter.folder))),
        }
        names = {
            "default": self.registered.default.model_id,
            "candidate": f"{self.registered.name} candidate {self.adapter.sha256[:12]}",
        }
        runs = self.in_turn(endpoints, names)
        for arm in _in_order(self.suite.suite.arms):
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
        with self._interruptible("base and candidate were"):
            base, candidate = evaluate_pair(
                self.suite,
                pair,
                (asked[0], asked[1]),
                models=(names[pair[0].model], names[pair[1].model]),
                store=self.store,
                safety_repeats=range(self.policy.safety.first_pass_runs),
            )
        return {"base": base, "candidate": candidate}

    def _another(self, arm: Arm) -> tuple[Endpoint, str] | None:
        """Who answers for an arm that is neither the default model nor the candidate, and the model's name."""
        if arm.model == "promoted":
            return self._promoted(arm)
        if arm.endpoint is None:
            raise InputError(
                f"{self.suite.suite.path}: arm {arm.name!r} does not say who answers for {arm.model!r}",
                hint="name one of the suite's `endpoints` with `endpoint:`",
            )
        provider = self.suite.suite.endpoints[arm.endpoint]
        key = os.environ.get(provider.api_key_env) if provider.api_key_env else ""
        settings = Settings(
            model=arm.model,
            base_url=provider.base_url,
            api_key=key,
            region=provider.region,
            program=self.suite.programs.get(arm.endpoint),
        )
        return open_endpoint(provider.kind, settings), arm.model

    def _promoted(self, arm: Arm) -> tuple[Endpoint, str] | None:
        variant, why = self.promoted, "no variant of this alias is rolled out yet"
        if variant is not None and variant.model.provider == "local":
            digest = variant.entry.get("manifest_digest")
            adapter = find_adapter(self.store.path.parent, digest) if digest else None
            if adapter is not None:
                return open_endpoint("local", Settings(model=str(adapter.folder))), variant.model.model_id
            why = f"the adapter of {variant.name} is not in this store"
        elif variant is not None:
            return _endpoint(variant.model), variant.model.model_id
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
    ) -> EvalRun:
        first = range(1 if endpoint.deterministic else self.policy.safety.first_pass_runs)
        with self._interruptible(f"{arm.name} was"):
            return evaluate(
                self.suite,
                arm,
                endpoint,
                model=model,
                store=self.store,
                safety_repeats=repeats or first,
                only=only,
                against=against,
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


def _endpoint(model: Model) -> Endpoint:
    if model.provider == "local":
        return open_endpoint("local", Settings(model=model.base or model.model_id))
    if model.provider == "bedrock":
        settings = Settings(model=model.model_id, base_url=model.base_url, region=model.region)
        return open_endpoint("bedrock", settings)
    if model.base_url is None:
        raise InputError(
            f"models.yaml: the default model {model.model_id!r} has no base_url",
            hint="give the address of an OpenAI-compatible server",
        )
    key = os.environ.get("OPENAI_API_KEY")
    return open_endpoint("openai", Settings(model=model.model_id, base_url=model.base_url, api_key=key))


def _in_order(arms: Mapping[str, Arm]) -> list[Arm]:
    """Base first, since everything is held against it, then the candidate, then the other roads."""
    rank = {"base": 0, "candidate": 1}
    return sorted(arms.values(), key=lambda arm: (rank.get(arm.name, 2), arm.name))
