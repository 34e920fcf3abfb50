"""Says who answers: an endpoint named on the command line, or one that the suite describes under `endpoints`."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING, Final

from liftgate.errors import InputError

if TYPE_CHECKING:
    from liftgate.evaluation.arms import Arm, Provider
    from liftgate.evaluation.endpoints import Settings
    from liftgate.evaluation.suite_folder import SuiteFolder

DEFAULT_KEY_VARIABLE: Final = "OPENAI_API_KEY"


def provider_of(folder: SuiteFolder, arguments: argparse.Namespace, arm: Arm) -> tuple[str, Provider | None]:
    """The name under the suite's `endpoints` with what stands there; None for a plain kind of endpoint."""
    name, known = str(arguments.endpoint), folder.suite.endpoints
    if name in known:
        return name, known[name]
    if name == "python":
        # The suite alone says which function answers, so the kind is enough where it leaves no choice.
        fits = [each for each, provider in known.items() if provider.kind == "python"]
        chosen = arm.endpoint if arm.endpoint in fits else fits[0] if len(fits) == 1 else None
        if chosen is None and fits:
            raise InputError("which of the suite's programs answers?", hint=f"--endpoint {' | '.join(fits)}")
        if chosen is not None:
            return chosen, known[chosen]
    return name, None


def settings_of(folder: SuiteFolder, arguments: argparse.Namespace, arm: Arm) -> tuple[str, Settings]:
    """The kind of endpoint, and everything that was said about it; the command line has the last word."""
    from liftgate.evaluation.endpoints import Settings

    name, provider = provider_of(folder, arguments, arm)
    variable = arguments.api_key_env
    if variable is None:
        variable = provider.api_key_env if provider is not None else DEFAULT_KEY_VARIABLE
    program = folder.programs.get(name)
    return provider.kind if provider is not None else name, Settings(
        model=_model(arguments, arm, None if program is None else f"{program.file}:{program.function}"),
        base_url=arguments.base_url or (provider.base_url if provider is not None else None),
        api_key=os.environ.get(variable) if variable else "",
        concurrency=arguments.concurrency,
        timeout_s=arguments.timeout,
        recorded=arguments.recorded,
        region=arguments.region or (provider.region if provider is not None else None),
        program=program,
    )


def _model(arguments: argparse.Namespace, arm: Arm, program: str | None) -> str:
    from liftgate.evaluation.arms import OF_REGISTRY

    if arguments.model:
        return str(arguments.model)
    if program is not None:
        return program
    if arm.model not in OF_REGISTRY:
        return arm.model
    if arguments.endpoint == "recorded":
        return "recorded"
    raise InputError("which model should answer?", hint="--model MODEL")
