"""models.yaml as serving reads it, with nothing but a YAML parser: what it needs is checked, the rest is left alone.

The gate holds the file against its whole schema before it is merged. A reader in production must not refuse a key
that a newer Liftgate writes, nor bring a schema library along.
"""

from __future__ import annotations

from typing import Any, Final

from liftgate.config import Document, Key, parse_yaml
from liftgate.errors import InputError, Problem
from liftgate.registry.resolve import Entry, Served, Table

MAX_PERCENT: Final = 100


def read_table(text: str | bytes, path: str = "models.yaml") -> Table:
    """A registry ready to resolve. Raises `InputError` with every problem."""
    document = parse_yaml(text, path)
    problems: list[Problem] = []
    reader = _Reader(document, problems)
    entries = reader.entries()
    if problems:
        count = len(problems)
        raise InputError(f"{path} has {count} problem{'s' if count != 1 else ''}", problems=problems)
    return Table(entries, path)


class _Reader:
    def __init__(self, document: Document, problems: list[Problem]) -> None:
        self._document, self._problems = document, problems

    def entries(self) -> list[Entry]:
        data = self._document.data
        if not isinstance(data, dict) or type(data.get("version")) is not int or data["version"] != 1:
            self._say(("version",), "expected version 1")
            return []
        aliases = self._mapping(data.get("models"), ("models",))
        return [self._entry(name, value) for name, value in aliases.items()]

    def _entry(self, name: str, value: Any) -> Entry:
        key: Key = ("models", name)
        said = self._filled(value, key)
        if not said:
            return Entry(name, Served(None, "", "", None, None), ())
        default = self._served(None, said.get("default"), (*key, "default"))
        variants = self._mapping(said.get("variants") or {}, (*key, "variants"))
        return Entry(
            name,
            default,
            [self._served(each, item, (*key, "variants", each)) for each, item in variants.items()],
        )

    def _served(self, variant: str | None, value: Any, key: Key) -> Served:
        said = self._filled(value, key)
        model = (
            self._text(said, key, "model_id"),
            self._text(said, key, "provider"),
            self._text(said, key, "base_url", needed=False) or None,
            self._text(said, key, "region", needed=False) or None,
        )
        if variant is None or not said:
            return Served(None, *model)
        dataset = self._filled(said.get("dataset"), (*key, "dataset"))
        version = self._text(dataset, (*key, "dataset"), "version")
        parts = version.split(".")
        if version and not all(part.isascii() and part.isdecimal() for part in parts):
            self._say((*key, "dataset", "version"), f"expected a version such as 1.2.0, found {version!r}")
            parts = []
        return Served(
            variant,
            *model,
            flag=self._text(said, key, "flag"),
            version=tuple(int(part) for part in parts if part),
            rollout_percent=self._percent(said, key, "rollout_percent"),
            shadow_percent=self._percent({"shadow_percent": 0, **said}, key, "shadow_percent"),
        )

    def _mapping(self, value: Any, key: Key) -> dict[str, Any]:
        return {} if value == {} else self._filled(value, key)

    def _filled(self, value: Any, key: Key) -> dict[str, Any]:
        if isinstance(value, dict) and value:
            return value
        self._say(key, "nothing stands here" if value in (None, {}) else "expected keys and values")
        return {}

    def _text(self, said: dict[str, Any], key: Key, name: str, *, needed: bool = True) -> str:
        value = said.get(name)
        if isinstance(value, str) and value:
            return value
        # Where the whole mapping is missing, that is the problem.
        if said and (needed or value is not None):
            what = "the key is missing" if value is None else f"expected text, found {value!r}"
            self._say((*key, name), what)
        return ""

    def _percent(self, said: dict[str, Any], key: Key, name: str) -> int:
        value = said.get(name)
        if type(value) is int and 0 <= value <= MAX_PERCENT:
            return value
        what = (
            "the key is missing"
            if value is None
            else f"expected a whole number from 0 to 100, found {value!r}"
        )
        self._say((*key, name), what)
        return 0

    def _say(self, key: Key, message: str) -> None:
        self._problems.append(Problem(self._document.place(key), message))
