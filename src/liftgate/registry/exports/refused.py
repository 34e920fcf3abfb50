"""What no export may carry: a secret in an address, or a character that a file's reader may take for another line."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qsl, urlsplit

from liftgate.errors import Problem
from liftgate.registry.resolve import Table


def refused(table: Table) -> Iterator[Problem]:
    """Every model of the registry whose words cannot be written out as they stand. Quotes none of them."""
    for plan in table.plans.values():
        for served in (plan.entry.default, *plan.entry.variants):
            place = f"{table.path} {plan.entry.alias} {served.variant or 'default'}"
            words = {
                "model_id": served.model_id,
                "base_url": served.base_url,
                "region": served.region,
                "flag": served.flag,
            }
            for name, word in words.items():
                if word and not word.isprintable():
                    yield Problem(place, f"`{name}` holds a character that cannot be printed")
            if served.base_url and _holds_secret(served.base_url):
                yield Problem(
                    place, "`base_url` holds a name, a password or a query; keys belong into the environment"
                )


def _holds_secret(address: str) -> bool:
    try:
        parts = urlsplit(address)
    except ValueError:
        return True
    asked = {name for name, _ in parse_qsl(parts.query, keep_blank_values=True)}
    return "@" in parts.netloc or not asked <= {"api-version"} or bool(parts.fragment)
