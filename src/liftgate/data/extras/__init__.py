"""What costs too much for every validation, or needs a large package: asked for with `validate --with`.

Each extra adds findings of a rule. A package that is not installed is one sentence with its install command.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from liftgate.data.checks.context import Context
from liftgate.data.extras import credentials, label_noise, personal
from liftgate.errors import InputError
from liftgate.findings import Finding

Extra = Callable[[Context], Iterator[Finding]]

EXTRAS: Final[dict[str, Extra]] = {
    "secrets": credentials.more_secrets,
    "pii": personal.more_pii,
    "labels": label_noise.label_noise,
}


def run_extras(context: Context, names: Sequence[str]) -> list[Finding]:
    """The findings of the named extras. Raises `InputError` for a name that is none, `MissingExtra`."""
    if unknown := [name for name in names if name not in EXTRAS]:
        raise InputError(f"{unknown[0]!r} is not an extra check", hint=f"one of {', '.join(EXTRAS)}")
    return [finding for name in dict.fromkeys(names) for finding in EXTRAS[name](context)]
