"""When the models of a change end: the one that is trained on, those that callers get, those that are promoted."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from liftgate.findings import Finding
    from liftgate.project import Ruler, Subject
    from liftgate.registry.models import Alias
    from liftgate.training.sunset import Told


def sunset_findings(
    ruler: Ruler,
    registered: Alias,
    today: datetime.date,
    subject: Subject | None = None,
    pays_back_on: datetime.date | None = None,
    *,
    promoting: bool = False,
    told: Told | None = None,
) -> list[Finding]:
    """Everything that ends too soon, by the ruler's table and by what providers told.

    `promoting` says that the change sends callers to variants; without it, those that they already get only have to
    be there. A rollback asks nothing of this: it must always be possible.
    """
    from liftgate.training.sunset import Limits, Sunsets, serving_ends, table_age, training_ends

    sunsets = Sunsets(ruler.sunsets, told or {})
    limits = Limits(**vars(ruler.policy.sunset))
    found: list[Finding] = []
    asked = []
    if subject is not None:
        provider, base = subject.training["provider"], subject.training["base"]
        found += training_ends(sunsets, provider, base, today, limits, pays_back_on)
        asked.append(sunsets.end_of(provider, base))
    default = registered.default
    served = [(default, "the default model", False)]
    served += [
        (variant.model, f"variant {variant.name}", promoting)
        for variant in registered.variants.values()
        if variant.rollout_percent > 0
    ]
    for model, named, goes_out in served:
        found += serving_ends(
            sunsets,
            model.provider,
            model.model_id,
            today,
            limits,
            named=named,
            promoting=goes_out,
            base=model.base,
        )
        asked += [sunsets.end_of(model.provider, name) for name in (model.model_id, model.base) if name]
    return [*found, *table_age(sunsets, asked, today, limits)]
