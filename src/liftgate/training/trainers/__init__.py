"""Trainers: platforms that change weights. One module each, in a literal table; SDKs are imported late.

A hosted trainer's module has one public function, `connect(settings: Settings) -> Trainer`. `local` trains in
this process and is called by itself: it has no job that outlives the command.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from liftgate.errors import InputError
from liftgate.training.jobs import Trainer

TRAINERS: Final[dict[str, str]] = {
    "azure": "liftgate.training.trainers.openai",
    "bedrock": "liftgate.training.trainers.bedrock",
    "fireworks": "liftgate.training.trainers.openai",
    "openai": "liftgate.training.trainers.openai",
    "together": "liftgate.training.trainers.openai",
}
"""Providers of the card whose jobs run elsewhere, each with the module that speaks to it."""


@dataclass(frozen=True)
class Settings:
    """Where a trainer finds its account; each module takes what it needs and refuses what it lacks.

    `provider` is the card's. `environment` is that of the process: keys, addresses, bucket and role are read from
    it, so nothing that a pull request writes decides where a key is sent. It is never printed.
    """

    provider: str
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout_s: float = 60.0


def open_trainer(settings: Settings) -> Trainer:
    """Connect to the settings' provider. Raises `InputError` for an unknown one."""
    if settings.provider not in TRAINERS:
        near = difflib.get_close_matches(settings.provider, TRAINERS, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"one of {', '.join(TRAINERS)}"
        raise InputError(f"{settings.provider!r} trains nothing from here", hint=hint)
    trainer: Trainer = importlib.import_module(TRAINERS[settings.provider]).connect(settings)
    return trainer
