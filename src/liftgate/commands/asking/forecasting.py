"""Reads what an evaluation would ask, and of whom, so that its price is known before the training is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from liftgate.errors import LiftgateError

if TYPE_CHECKING:
    from liftgate.evaluation.arms import Arm
    from liftgate.evaluation.endpoints import Endpoint
    from liftgate.evaluation.forecast import ArmToAsk
    from liftgate.evaluation.responses import ResponseStore
    from liftgate.evaluation.suite_folder import SuiteFolder
    from liftgate.policy import Policy
    from liftgate.project import Ruler, Subject
    from liftgate.registry.models import Alias, Model, Variant
    from liftgate.training.cost import TokenPrice
    from liftgate.training.estimate import EvaluationCost

_ASKED_AS: Mapping[str, str] = dict.fromkeys(("azure", "fireworks", "together"), "openai")
"""Providers whose models are asked through another's protocol."""


def evaluation_cost(
    subject: Subject,
    ruler: Ruler,
    registered: Alias,
    suite: SuiteFolder,
    store: Path | None,
    promoted: Variant | None,
) -> EvaluationCost:
    """What `liftgate run` would still pay for the arms of an alias. Asks nobody and writes nothing."""
    from liftgate.commands.asking.spending import answer_price
    from liftgate.evaluation.forecast import forecast
    from liftgate.evaluation.responses import ResponseStore

    kept = ResponseStore(store, read_only=True) if store is not None and store.is_file() else None
    try:
        asking = _Arms(subject, ruler, registered, suite, kept, promoted)
        return forecast(
            asking.arms(), ruler.prices_path, lambda kind, model: answer_price(ruler.prices, kind, model)
        )
    finally:
        if kept is not None:
            kept.close()


def to_be_asked(
    suite: SuiteFolder,
    arm: Arm,
    endpoint: Endpoint,
    model: str,
    price: TokenPrice | None,
    policy: Policy,
    store: ResponseStore | None,
) -> ArmToAsk:
    """The first pass of an arm, as it would be asked of `endpoint`; what the store holds costs nothing."""
    from liftgate.commands.asking.graders import later_of
    from liftgate.commands.asking.one_arm import asking_of
    from liftgate.evaluation.forecast import ArmToAsk

    asking = asking_of(suite, arm, endpoint, None, store, (0,), first_pass(endpoint, policy), None)
    return ArmToAsk(arm.name, model, asking, later_of(suite, arm, asking), price)


def first_pass(endpoint: Endpoint, policy: Policy) -> range:
    """Repeats of a safety case before any is in doubt: what always answers the same is asked once."""
    return range(1 if endpoint.deterministic else policy.safety.first_pass_runs)


class _Arms:
    """Finds for each arm who would answer, at which price, and what of it is stored."""

    def __init__(
        self,
        subject: Subject,
        ruler: Ruler,
        registered: Alias,
        suite: SuiteFolder,
        store: ResponseStore | None,
        promoted: Variant | None,
    ) -> None:
        self.subject, self.ruler, self.registered = subject, ruler, registered
        self.suite, self.store, self.promoted = suite, store, promoted

    def arms(self) -> list[ArmToAsk]:
        """The arms that would be asked, base first; arms that ask the same are one."""
        from liftgate.commands.asking.answerers import in_order

        found: list[ArmToAsk] = []
        seen: set[tuple[object, ...]] = set()
        for arm in in_order(self.suite.suite.arms):
            asks = (
                arm.model,
                arm.endpoint,
                self.suite.prompt(arm).sha256,
                self.suite.suite.sampling_of(arm),
                arm.retriever,
            )
            if asks in seen or (arm.model == "promoted" and self.promoted is None):
                continue
            seen.add(asks)
            found.append(self._arm(arm))
        return found

    def _arm(self, arm: Arm) -> ArmToAsk:
        from liftgate.evaluation.forecast import Again
        from liftgate.verdict.reproduction import REPEATS
        from liftgate.verdict.sample import SAMPLE

        endpoint, model, price = self._asked(arm)
        safety = self.ruler.policy.safety
        trained = arm.kind in ("candidate", "promoted")
        compared = arm.name in ("base", "candidate")
        again = Again(safety.confirm_runs, len(REPEATS), SAMPLE) if compared else Again()
        asked = to_be_asked(self.suite, arm, endpoint, model, price, self.ruler.policy, self.store)
        return replace(asked, trained=trained, again=again)

    def _asked(self, arm: Arm) -> tuple[Endpoint, str, TokenPrice | None]:
        from liftgate.commands.asking.spending import answer_price
        from liftgate.evaluation.forecast import Unasked
        from liftgate.training.cost import price_for

        prices = self.ruler.prices
        if arm.model == "candidate":
            provider, base = self.subject.training["provider"], self.subject.training["base"]
            kind = _ASKED_AS.get(provider, provider)
            if provider == "local":
                return Unasked(kind, deterministic=True), base, answer_price(prices, kind, base)
            row = price_for(prices, provider, base)
            return Unasked(kind), base, None if row is None else row.tuned_answers
        if arm.model == "default":
            return self._registered(self.registered.default)
        if arm.model == "promoted" and self.promoted is not None:
            return self._registered(self.promoted.model)
        provider = self.suite.suite.endpoints[arm.endpoint] if arm.endpoint else None
        kind = "openai" if provider is None else provider.kind
        endpoint: Endpoint = Unasked(
            kind, deterministic=False if provider is None else provider.deterministic
        )
        if provider is not None and kind != "local":
            endpoint = self._opened(lambda: _of_suite(self.suite, arm), endpoint)
        return endpoint, arm.model, answer_price(prices, kind, arm.model)

    def _registered(self, model: Model) -> tuple[Endpoint, str, TokenPrice | None]:
        from liftgate.commands.asking.answerers import endpoint_of, kind_of, price_name
        from liftgate.commands.asking.spending import model_price
        from liftgate.evaluation.forecast import Unasked

        prices = self.ruler.prices
        if model.provider == "local":
            # No token of it is charged, and to open it would load what only its answers need.
            name = price_name(model)
            return Unasked("local", deterministic=True), name, model_price(prices, model)
        kind = kind_of(model)
        endpoint = self._opened(lambda: endpoint_of(model), Unasked(kind))
        return endpoint, model.model_id, model_price(prices, model)

    def _opened(self, open_: Opening, otherwise: Endpoint) -> Endpoint:
        try:
            endpoint = open_()
            endpoint.identity()
        except LiftgateError:
            # An estimate needs no key, address or SDK: without them every answer counts as still to be asked.
            return otherwise
        return endpoint


def _of_suite(suite: SuiteFolder, arm: Arm) -> Endpoint:
    from liftgate.commands.asking.answerers import endpoint_of_suite

    return endpoint_of_suite(suite, arm)


if TYPE_CHECKING:
    from collections.abc import Callable

    Opening = Callable[[], Endpoint]
