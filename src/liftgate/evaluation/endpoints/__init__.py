"""Endpoints: things that complete prompts. One module each, in a literal table; SDKs are imported late.

An endpoint module has one public function, `connect(settings: Settings) -> Endpoint`.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from liftgate.errors import InputError
from liftgate.evaluation.completion import Outcome, Request
from liftgate.evaluation.limits import Limits
from liftgate.evaluation.programs import Program

ENDPOINTS: Final[dict[str, str]] = {
    "bedrock": "liftgate.evaluation.endpoints.bedrock",
    "local": "liftgate.evaluation.endpoints.local",
    "openai": "liftgate.evaluation.endpoints.openai",
    "python": "liftgate.evaluation.endpoints.python",
    "recorded": "liftgate.evaluation.endpoints.recorded",
}


@dataclass(frozen=True)
class Settings:
    """What a person says about an endpoint; each module takes what it needs and refuses what it lacks.

    `model` is a model id, or for `local` a model or adapter folder. `api_key` is the secret itself, read
    from the environment by the command. `timeout_s` bounds one attempt of one request. `region` is AWS's,
    `program` the callable that a suite names. `limits` are those of the run: an endpoint tells them of attempts
    that may be billed though nothing usable came back.
    """

    model: str
    base_url: str | None = None
    api_key: str | None = None
    concurrency: int = 8
    timeout_s: float = 60.0
    recorded: Path | None = None
    region: str | None = None
    program: Program | None = None
    limits: Limits | None = None


class Endpoint(Protocol):
    """Completes requests."""

    @property
    def kind(self) -> str:
        """The endpoint's name in `ENDPOINTS`; part of the store's key."""
        ...

    @property
    def deterministic(self) -> bool:
        """True when the same request always gets the same answer: one then stands for every repeat."""
        ...

    def identity(self) -> dict[str, Any]:
        """What decides the answers: model id, resolved revision or adapter sha256, chat template, base URL.

        JSON values only; part of the store's key, so it must differ whenever the answers may.
        """
        ...

    def complete(self, requests: Sequence[Request], wanted: Sequence[int]) -> Iterator[tuple[int, Outcome]]:
        """Yield (index, outcome) for every index in `wanted`, in any order, as outcomes come.

        `requests` is the whole arm in a fixed order, so that an endpoint which answers in batches forms
        them over the whole list and a resumed run equals an undisturbed one. A fault of one request is a
        `Failure`; a fault that every request would meet raises `ProviderError`. Closing the iterator
        abandons what is in flight. `wanted` is iterated as requests are sent, once: the run's budget sets
        each one's worst case aside there, and ends the iteration when nothing more fits.
        """
        ...


def open_endpoint(name: str, settings: Settings) -> Endpoint:
    """Connect to the endpoint called `name`. Raises `InputError` for an unknown name."""
    if name not in ENDPOINTS:
        near = difflib.get_close_matches(name, ENDPOINTS, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"one of {', '.join(ENDPOINTS)}"
        raise InputError(f"--endpoint: {name!r} is not an endpoint", hint=hint)
    module = importlib.import_module(ENDPOINTS[name])
    endpoint: Endpoint = module.connect(settings)
    return endpoint
