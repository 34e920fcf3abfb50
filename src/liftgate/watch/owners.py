"""Whose request a line of a log is: the variant, or the default model, of an alias of models.yaml. Pure."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from liftgate.registry.models import Models

DEFAULT: Final = "default"
MOST_UNKNOWN: Final = 200
_MOST_KNOWN: Final = 10_000


class Owner(NamedTuple):
    """An alias and the variant that answered, or `default`."""

    alias: str
    variant: str

    @property
    def subject(self) -> str:
        """Under which its requests are told."""
        return f"{self.alias}/{self.variant}/requests"


class Stranger(NamedTuple):
    """A model or an alias that models.yaml does not name; `alias` is None where the log names none of its own."""

    alias: str | None
    model: str
    named: str | None = None


@dataclass
class Owners:
    """Finds the owner of a request by what the log says of it; remembers a bounded number of answers.

    `known` holds owners by alias, variant and model as a log named them before.
    """

    models: Models
    _cache: dict[tuple[str | None, str | None, str], Owner | Stranger | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        by_model: dict[str, list[Owner]] = defaultdict(list)
        for name, alias in self.models.aliases.items():
            by_model[alias.default.model_id].append(Owner(name, DEFAULT))
            for variant in alias.variants.values():
                by_model[variant.model.model_id].append(Owner(name, variant.name))
        self._by_model = dict(by_model)
        self.known: dict[tuple[str | None, str | None, str], Owner] = {}

    def all(self) -> list[Owner]:
        """Everything that may answer a request."""
        return sorted({owner for owners in self._by_model.values() for owner in owners})

    def of(self, alias: str | None, variant: str | None, model: str) -> Owner | Stranger | None:
        """The owner; a stranger where there is none; None where several could be it and nothing says which.

        Raises TypeError for what is no text.
        """
        key = (alias, variant, model)
        if key in self._cache:
            return self._cache[key]
        if not (isinstance(model, str) and all(isinstance(name, str | None) for name in (alias, variant))):
            raise TypeError("a name is text")
        found = self._find(alias, variant, model)
        if len(self._cache) < _MOST_KNOWN:
            self._cache[key] = found
            if isinstance(found, Owner):
                self.known[key] = found
        return found

    def _find(self, alias: str | None, variant: str | None, model: str) -> Owner | Stranger | None:
        owners = self._by_model.get(model, [])
        if alias is not None:
            if alias not in self.models.aliases:
                return Stranger(None, model, alias)
            owners = [owner for owner in owners if owner.alias == alias]
        if not owners:
            return Stranger(alias, model)
        if variant is not None:
            owners = [owner for owner in owners if owner.variant == variant] or owners
        return owners[0] if len(owners) == 1 else None
