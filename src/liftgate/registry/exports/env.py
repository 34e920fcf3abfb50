"""Lines that a shell can read: what every alias can be served by, for scripts and services without a resolver."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Iterator

from liftgate.errors import InputError, Problem
from liftgate.registry.exports.refused import refused
from liftgate.registry.resolve import AliasPlan, Served, Table


def export(table: Table) -> str:
    """`NAME=value` lines, each value quoted where a shell needs it: `set -a; . ./registry.env; set +a`."""
    if problems := list(refused(table)):
        raise InputError("the registry cannot be written as variables", problems=problems)
    lines = [pair for plan in table.plans.values() for pair in _alias(plan)]
    twice = sorted(name for name, count in Counter(name for name, _ in lines).items() if count > 1)
    if twice:
        problems = [Problem(table.path, f"two entries would both be {name}") for name in twice]
        raise InputError(
            "names in the registry differ only where a variable's name cannot", problems=problems
        )
    return "".join(f"{name}={shlex.quote(value)}\n" for name, value in lines)


def _alias(plan: AliasPlan) -> Iterator[tuple[str, str]]:
    name = f"LIFTGATE_{_word(plan.entry.alias)}"
    yield f"{name}_ALIAS", plan.entry.alias
    yield from _model(f"{name}_DEFAULT", plan.entry.default)
    yield f"{name}_VARIANTS", " ".join(str(each.variant) for each in plan.entry.variants)
    for served in plan.entry.variants:
        own = f"{name}__{_word(str(served.variant))}"
        yield from _model(own, served)
        yield f"{own}_FLAG", str(served.flag)
        yield f"{own}_ROLLOUT_PERCENT", str(served.rollout_percent)
        yield f"{own}_SHADOW_PERCENT", str(served.shadow_percent)


def _model(name: str, served: Served) -> Iterator[tuple[str, str]]:
    yield f"{name}_MODEL_ID", served.model_id
    yield f"{name}_PROVIDER", served.provider
    # Set to nothing where there is none: a variable left over from elsewhere would redirect requests.
    yield f"{name}_BASE_URL", served.base_url or ""
    yield f"{name}_REGION", served.region or ""


def _word(name: str) -> str:
    return re.sub(r"[^A-Z0-9]", "_", name.upper())
