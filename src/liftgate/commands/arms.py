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
from liftgate.policy import Policy
from liftgate.registry.models import Alias, Model
from liftgate.training.adapters import Adapter
from liftgate.verdict.safety import to_confirm


@dataclass
class Answering:
    """The arms of one alias; `about` says per arm which prompt it used and which arm answered for it."""

    suite: SuiteFolder
    registered: Alias
    adapter: Adapter
    store: ResponseStore
    policy: Policy
    resume_command: str
    about: dict[str, dict[str, Any]] = field(default_factory=dict)

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
            if arm.model not in endpoints:
                raise InputError(
                    f"arm {arm.name!r}: {arm.model!r} is not a model this run can ask",
                    hint="an arm's model is `default` or `candidate`",
                )
            if arm.name in runs:
                self.about[arm.name] = {"prompt": arm.prompt, "alias_of": None}
                continue
            same = self._same_as(arm, runs)
            self.about[arm.name] = {"prompt": arm.prompt, "alias_of": same}
            if same:
                runs[arm.name] = EvalRun.from_rows(runs[same].rows, **{**runs[same].meta, "arm": arm.name})
            else:
                runs[arm.name] = self._answer(arm, endpoints[arm.model], names[arm.model])
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

    def _same_as(self, arm: Arm, runs: Mapping[str, EvalRun]) -> str | None:
        """An earlier arm with the same model and prompt: it already answered for this one."""
        prompt = self.suite.prompt(arm).sha256
        for name in runs:
            other = self.suite.suite.arms[name]
            if other.model == arm.model and self.suite.prompt(other).sha256 == prompt:
                return name
        return None

    def _answer(
        self,
        arm: Arm,
        endpoint: Endpoint,
        model: str,
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
            again = self._answer(arm, endpoints[model], runs[name].model, only=doubtful, repeats=fresh)
            rows = [*runs[name].rows, *(row for row in again.rows if row["suite"] == "safety")]
            runs[name] = EvalRun.from_rows(rows, **runs[name].meta)


def _endpoint(model: Model) -> Endpoint:
    if model.provider == "local":
        return open_endpoint("local", Settings(model=model.base or model.model_id))
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
