"""Opens what grades answers once they are there: judges with their keys, and the rest of a suite's rulers."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from liftgate.errors import InputError

if TYPE_CHECKING:
    from liftgate.evaluation.arms import Arm
    from liftgate.evaluation.endpoints import Endpoint
    from liftgate.evaluation.judges import Judge
    from liftgate.evaluation.later import Later, OpenJudge
    from liftgate.evaluation.limits import Limits, Purse
    from liftgate.evaluation.runner import Asking
    from liftgate.evaluation.runs import EvalRun
    from liftgate.evaluation.suite_folder import SuiteFolder
    from liftgate.training.cost import TokenPrice


@dataclass
class Budget:
    """What the answers' limits leave for judges. `price_of(endpoint, model)` is None where no price is known."""

    limits: Limits
    price_of: Callable[[str, str], TokenPrice | None]
    spent: list[Limits] = field(default_factory=list)
    purse: Purse | None = None
    """Money that judges share with the answers of every arm; `limits` then say nothing of money."""

    def for_judge(self, judge: Judge) -> Limits:
        """Limits over what is left now. Raises `InputError` when money is limited and no price is known."""
        from decimal import Decimal

        from liftgate.evaluation.limits import Limits

        price = self.price_of(judge.endpoint, judge.model)
        if self.purse is not None:
            if price is None:
                raise InputError(
                    f"no price is known for the judge {judge.endpoint} {judge.model!r}",
                    hint="add it to evals/prices.yaml",
                )
            return Limits(price, purse=self.purse)
        if self.limits.max_usd is None:
            left = None
        elif price is None:
            raise InputError(
                f"--max-usd: no price is known for the judge {judge.endpoint} {judge.model!r}",
                hint="add it to the price table: --prices FILE",
            )
        else:
            used = [each.usd + each.unconfirmed_usd for each in [self.limits, *self.spent]]
            left = max(self.limits.max_usd - sum(used, Decimal(0)), Decimal(0))
        seconds = None if self.limits.deadline_s is None else self.limits.remaining_s()
        self.spent.append(Limits(price, max_usd=left, deadline_s=seconds))
        return self.spent[-1]


def open_judge(judge: Judge) -> Endpoint:
    """The endpoint that answers for a judge; nothing is sent."""
    from liftgate.evaluation.endpoints import Settings, open_endpoint

    key = os.environ.get(judge.api_key_env) if judge.api_key_env else ""
    settings = Settings(
        model=judge.model,
        base_url=judge.base_url,
        api_key=key,
        recorded=None if judge.recorded is None else Path(judge.path).parent / judge.recorded,
    )
    try:
        return open_endpoint(judge.endpoint, settings)
    except InputError as error:
        raise InputError(
            f"{judge.path}: {error.sentence}", problems=error.problems, hint=error.hint
        ) from None


def later_of(
    folder: SuiteFolder,
    arm: Arm,
    asking: Asking,
    *,
    against: EvalRun | None = None,
    budget: Budget | None = None,
) -> Later:
    """Everything that grades the arm's answers later. `against` is base's run, for judges that compare two."""
    from liftgate.evaluation.later import Later, OpenJudge

    judges: dict[str, OpenJudge] = {
        name: OpenJudge(judge, open_judge(judge), None if budget is None else budget.for_judge(judge))
        for name, judge in folder.judges.items()
    }
    cases = dict(folder.golden.by_id)
    if folder.safety is not None:
        cases |= folder.safety.by_id
    reference = None
    if against is not None:
        reference = {
            (row["case_id"], row.get("repeat", 0)): row["output"]
            for row in against.rows
            if row.get("output") is not None and row.get("error") is None
        }
    return Later(
        arm=arm.name,
        endpoint=asking.endpoint,
        prompt=asking.prompt,
        judges=judges,
        own_scorers=folder.own_scorers,
        reference=reference,
        cases=cases,
        store=asking.store,
    )
