"""Personal data and credentials replaced by placeholders, one placeholder a value wherever it stands.

`<EMAIL_1>`: the kind and a number, in angle brackets. None of the rules takes that for personal data, a
secret or a reserved word.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from liftgate.data import jsonl
from liftgate.data.checks import privacy, secrets
from liftgate.data.dataset import Row
from liftgate.data.rewriting.json_text import rewritten, texts
from liftgate.data.rewriting.spans import KINDS, PHONE, SECRET, spans
from liftgate.data.scan import compiled, matches
from liftgate.errors import InputError, Problem

ABOUT: Final = "Liftgate scrub mapping: personal data, never to be committed"
_ROUNDS: Final = 8
_ESCAPED_SPACE: Final = re.compile(r"\\[nt]")
_ODD_ESCAPE: Final = re.compile(r"\\[ubfr/]")
_PARTS: Final = {"CARD", "IBAN", "NATIONAL_ID", PHONE}


@dataclass
class Placeholders:
    """The mapping: kind → value (in the form that all its spellings share) → number."""

    numbers: dict[str, dict[str, int]] = field(default_factory=dict)

    def of(self, kind: str, key: str) -> str:
        """The value's placeholder, the next free number when it has none yet."""
        known = self.numbers.setdefault(kind, {})
        return f"<{kind}_{known.setdefault(key, len(known) + 1)}>"

    def certain_kind(self, key: str) -> str | None:
        """The kind under which a value is known, phone numbers left out: digits alone do not make one."""
        return next((kind for kind, known in self.numbers.items() if kind != PHONE and key in known), None)

    def to_dict(self) -> dict[str, Any]:
        """The form of the mapping file."""
        return {"about": ABOUT, "schema_version": 1, "values": self.numbers}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], path: str) -> Placeholders:
        """Inverse of `to_dict`. Raises `InputError` when two values share a number or the form is another."""
        values = data.get("values")
        kinds = {*KINDS.values(), SECRET}
        if data.get("about") != ABOUT or not isinstance(values, dict):
            raise InputError(f"{path} is not a scrub mapping", hint="name a new file, or the one scrub wrote")
        for kind, known in values.items():
            if kind not in kinds or not isinstance(known, dict):
                raise InputError(f"{path}: a kind of value that this Liftgate does not know")
            if sorted(known.values(), key=str) != sorted(range(1, len(known) + 1), key=str):
                raise InputError(
                    f"{path}: the numbers of {kind} are not 1 to {len(known)}; the file was edited",
                    hint="restore it, or scrub everything again with a new mapping file",
                )
        return cls({kind: dict(known) for kind, known in values.items()})


@dataclass
class Scrubbed:
    """One file after scrubbing. Lines are 1-based; nothing here holds a value."""

    data: bytes
    replaced: Counter[str]
    changed: list[int]
    mentioned: list[int]
    """Lines that still name a part of a replaced value, such as the last four digits of a card."""


def scrub_files(files: Mapping[str, bytes], known: Placeholders) -> dict[str, Scrubbed]:
    """Scrub JSONL files together; `known` is filled with what they hold.

    A value found in one row is replaced in all of them, whatever its spelling; a phone number, which only its
    surroundings give away, in the rows that give it away. Lines that hold nothing keep every byte. Raises
    `InputError` naming the lines that cannot be read, and those in which certain personal data remains.
    """
    for path, data in files.items():
        _readable(path, data)
    lines = {path: data.decode().split("\n") for path, data in files.items()}
    works = {(path, n): _Line(text) for path, all_ in lines.items() for n, text in enumerate(all_)}
    # What a later line gives away may stand, less plainly, in an earlier one: again until nothing changes.
    for _ in range(_ROUNDS):
        if not [work for work in works.values() if work.scrub(known)]:
            break
    for path, n in _remaining(works):
        works[path, n].scrub(known, strict=True)
    if left := _remaining(works):
        problems = [Problem(f"{path}:{n + 1}", "personal data or a credential is left") for path, n in left]
        raise InputError("some lines could not be scrubbed; nothing was written", problems=problems)
    results = {path: _result([works[path, n] for n in range(len(all_))]) for path, all_ in lines.items()}
    for path, result in results.items():
        _readable(path, result.data)
    return results


class _Line:
    def __init__(self, text: str) -> None:
        self.before = self.text = text
        self.replaced: Counter[str] = Counter()
        self.own: dict[str, str] = {}
        self.plain = not text.strip() or _is_plain(text)

    def scrub(self, known: Placeholders, *, strict: bool = False) -> bool:
        """Replace until nothing is left to replace; true when something was.

        Once is not enough, since a placeholder can bare the value that stood behind it.
        """
        start = self.text
        if self.plain and not any(secret in start for secret in known.numbers.get(SECRET, ())):
            return False
        for _ in range(_ROUNDS):
            self._learn(strict=strict)
            after = rewritten(self.text, lambda text, before: self._replaced(text, before, known, strict))
            if after == self.text:
                break
            self.text = after
        return self.text != start

    def _learn(self, *, strict: bool) -> None:
        def look(text: str, before: str) -> str:
            for span in spans(text, before, strict=strict):
                if span.kind:
                    self.own.setdefault(span.key, span.kind)
            return text

        rewritten(self.text, look)

    def _replaced(self, text: str, before: str, known: Placeholders, strict: bool) -> str:
        pieces: list[str] = []
        end = 0
        for span in spans(text, before, strict=strict):
            kind = known.certain_kind(span.key) or span.kind or self.own.get(span.key)
            if kind:
                pieces += (text[end : span.start], known.of(kind, span.key))
                end = span.end
                self.replaced[kind] += 1
                self.own.setdefault(span.key, kind)
        return self._without_secrets("".join((*pieces, text[end:])), known)

    def _without_secrets(self, text: str, known: Placeholders) -> str:
        for secret in known.numbers.get(SECRET, ()):
            if secret in text:
                self.replaced[SECRET] += text.count(secret)
                text = text.replace(secret, known.of(SECRET, secret))
        return text

    def mentions_a_part(self) -> bool:
        """True when the last four signs of a replaced number, or the name in an address, still stand alone."""
        parts = {key[-4:] for key, kind in self.own.items() if kind in _PARTS}
        parts |= {
            name for key, kind in self.own.items() if kind == "EMAIL" and len(name := key.split("@")[0]) > 3
        }
        if not parts:
            return False
        words = re.compile(
            "|".join(rf"(?<![\w.]){re.escape(part)}(?![\w.]*\w)" for part in sorted(parts)), re.I
        )
        return any(words.search(text) for text in texts(self.text))


def _is_plain(line: str) -> bool:
    """True when no candidate stands in a line, so that it need not be taken apart."""
    if "@" in line or _ODD_ESCAPE.search(line):
        return False
    searched = _ESCAPED_SPACE.sub("  ", line).encode()
    return not any(compiled(pattern).search(searched) for pattern in (privacy.CANDIDATE, secrets.CANDIDATE))


def _result(works: Sequence[_Line]) -> Scrubbed:
    replaced = sum((work.replaced for work in works), Counter[str]())
    changed = [n for n, work in enumerate(works, 1) if work.text != work.before]
    mentioned = [n for n, work in enumerate(works, 1) if work.own and work.mentions_a_part()]
    return Scrubbed("\n".join(work.text for work in works).encode(), replaced, changed, mentioned)


def _readable(path: str, data: bytes) -> None:
    lines = list(jsonl.parse(data))
    problems = [Problem(f"{path}:{line.number}", line.problem) for line in lines if line.problem is not None]
    if problems:
        raise InputError(f"{path} cannot be read", problems=problems, hint=f"liftgate validate {path}")
    if not lines:
        raise InputError(f"{path} holds no rows")


def _remaining(works: Mapping[tuple[str, int], _Line]) -> list[tuple[str, int]]:
    """The lines in which the rules themselves still find certain personal data or a credential."""
    places = list(works)
    rows = [Row(at, value) for at, place in enumerate(places) for value in _objects(works[place].text)]
    found = {
        match.row.line
        for match in matches(rows, privacy.CANDIDATE)
        if any(part.kind != privacy.PHONE for part in privacy.confirmed(match))
    }
    found |= {m.row.line for m in matches(rows, secrets.CANDIDATE) if secrets.located(m.text) is not None}
    return [places[at] for at in sorted(found)]


def _objects(text: str) -> Iterator[dict[str, Any]]:
    if text.strip():
        value = orjson.loads(text.removeprefix("\ufeff"))
        yield value if isinstance(value, dict) else {"value": value}
