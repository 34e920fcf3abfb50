"""When a base model of Bedrock ends, by what Bedrock itself announces."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Any

from liftgate.errors import ProviderError
from liftgate.training.bedrock.account import Account


@dataclass(frozen=True)
class Lifecycle:
    """`status` is ACTIVE or LEGACY; a day that is not announced is None. All days are UTC."""

    model: str
    status: str
    legacy_on: datetime.date | None
    dearer_on: datetime.date | None
    ends_on: datetime.date | None
    trainable: bool


def lifecycle(account: Account, model: str) -> Lifecycle:
    """Ask for one foundation model. Raises `ProviderError` when Bedrock does not know it or does not say."""
    name = model.rpartition("/")[2] if model.startswith("arn:") else model
    told = account.ask("bedrock", "get_foundation_model", modelIdentifier=name).get("modelDetails", {})
    announced = told.get("modelLifecycle")
    if not announced:
        raise ProviderError(
            f"Bedrock does not say how long {name} lives", hint="look it up before training on it"
        )
    return Lifecycle(
        model=name,
        status=str(announced.get("status", "unknown")),
        legacy_on=_day(announced.get("legacyTime")),
        dearer_on=_day(announced.get("publicExtendedAccessTime")),
        ends_on=_day(announced.get("endOfLifeTime")),
        trainable="FINE_TUNING" in told.get("customizationsSupported", []),
    )


def _day(moment: Any) -> datetime.date | None:
    return moment.astimezone(datetime.UTC).date() if isinstance(moment, datetime.datetime) else None
