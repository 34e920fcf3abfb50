"""Rows with other entities: the same question about another order, and the same answer about that order.

A value that is swapped in the question is swapped wherever the row holds it. A row whose answer depends on a
value in a way that swapping cannot follow (another spelling, a part, a sum) is refused, never guessed.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

import orjson

from liftgate.data.dataset import Row
from liftgate.data.rewriting.entities import OTHER_DATE, dates_in, day_of, entities
from liftgate.data.rewriting.json_text import rewritten, texts
from liftgate.data.rewriting.stand_ins import moved, stand_in, written_like
from liftgate.data.text import normal_print

_TRIES: Final = 20
_NUMBERS: Final = re.compile(r"\d+(?:[.,]\d+)*")
_JOINTS: Final = re.compile(r"[ \-/.()#_]")
_COUNTED: Final = {"ID", "CARD", "IBAN", "PHONE"}
_PERSONAL: Final = {"NATIONAL_ID", "SECRET"}


class Reason(StrEnum):
    """Why a row was not augmented."""

    NOTHING_TO_SWAP = "nothing-to-swap"
    OTHER_FORM = "other-form"
    PARTIAL_MENTION = "partial-mention"
    DERIVED_VALUE = "derived-value"
    UNSUPPORTED_FORM = "unsupported-form"
    PERSONAL_DATA = "personal-data"
    NO_NEW_VARIANT = "no-new-variant"


@dataclass
class Augmentation:
    """The new rows, and the lines that were refused by reason."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    refused: dict[Reason, list[int]] = field(default_factory=dict)


class _Refusal(Exception):
    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


def augmented(rows: Sequence[Row], *, per_row: int, seed: int) -> Augmentation:
    """Up to `per_row` variants of every row, in the order of the rows; the same for the same rows and seed.

    A variant is tagged: `augmented_from` names its row, `source` is synthetic, `reviewed` false. Labels stay.
    """
    result = Augmentation()
    asked = {normal_print(row.prompt) for row in rows}
    taken = {row.id for row in rows}
    for row in rows:
        origin = row.id or f"line-{row.line}"
        try:
            view = _View(row)
            view.check()
            made = list(_variants(view, per_row, seed, asked))
        except _Refusal as refusal:
            result.refused.setdefault(refusal.reason, []).append(row.line)
            continue
        for number, data in enumerate(made, 1):
            name = _free(f"{origin}-aug-{number}", taken)
            tags = {"id": name, "source": "synthetic", "reviewed": False, "augmented_from": origin}
            metadata = data.get("metadata")
            data["metadata"] = {**(metadata if isinstance(metadata, dict) else {}), **tags}
            result.rows.append(data)
    return result


class _View:
    """A row's texts by who says them, and the entities of the question that may be swapped."""

    def __init__(self, row: Row) -> None:
        self.row = row
        self.locale = row.locale or "en"
        self.line = orjson.dumps(row.data).decode()
        asked: list[Any] = []
        answered: list[Any] = []
        fixed: list[Any] = [row.tools, row.label]
        for message in row.messages:
            parts = {"system": fixed, "developer": fixed, "assistant": answered}
            parts.get(str(message.get("role")), asked).append(message)
        if row.is_preference:
            answered.append(row.data.get("non_preferred_output"))
        self.asked, self.answered, fixed_ = _texts(asked), _texts(answered), " ".join(_texts(fixed))
        found = dict.fromkeys(entity for text in self.asked for entity in entities(text, self.locale))
        self.entities = [e for e in found if e.text not in fixed_]
        self._leave_out_what_hangs_together(fixed_)
        self._lowered = self.line.lower()
        self._numbers = set(_NUMBERS.findall(self.line))

    def knows(self, value: str) -> bool:
        """True when the row holds a value already, a number of few digits as a number of its own."""
        return value in self._numbers if _NUMBERS.fullmatch(value) else value.lower() in self._lowered

    def _leave_out_what_hangs_together(self, fixed: str) -> None:
        # Two amounts may be a sum and its part; days count from the day that the system prompt names.
        amounts = [entity.text for entity in self.entities if entity.kind == "AMOUNT"]
        if len(amounts) > 1 or any(self._is_compared(amount) for amount in amounts):
            self.entities = [entity for entity in self.entities if entity.kind != "AMOUNT"]
        everything = [*self.asked, *self.answered]
        if dates_in(fixed) or any(OTHER_DATE.search(text) for text in everything):
            self.entities = [entity for entity in self.entities if entity.kind != "DATE"]

    def _is_compared(self, amount: str) -> bool:
        """True when the question holds another number of that size, or speaks of one unit in the singular."""
        others = [entity.text for entity in self.entities]
        near = (
            n
            for said in self.asked
            for number in _NUMBERS.findall(_without(said, others))
            for n in _amounts(number)
        )
        own = _amounts(amount)
        return own == {1.0} or any(max(own) / 10 < other < min(own) * 10 for other in near)

    def check(self) -> None:
        """Raise `_Refusal` when the answer hangs on a value in a way that swapping cannot follow."""
        if not self.entities:
            raise _Refusal(Reason.NOTHING_TO_SWAP)
        if any(entity.kind in _PERSONAL for entity in self.entities):
            raise _Refusal(Reason.PERSONAL_DATA)
        # Names of keys and functions are not said by anybody, but a value among them must not be parted either.
        everything = texts(self.line)
        for entity in self.entities:
            whole, anywhere = _whole(entity.text), re.compile(re.escape(entity.text), re.IGNORECASE)
            if entity.kind != "AMOUNT" and any(
                len(whole.findall(text)) != len(anywhere.findall(text)) for text in everything
            ):
                raise _Refusal(Reason.OTHER_FORM)
            if entity.kind in _COUNTED:
                self._check_number(entity.text, everything)
            elif entity.kind in {"EMAIL", "IP"}:
                self._check_parts(entity.text)
        self._check_amounts()
        self._check_dates()

    def _check_number(self, value: str, everything: Sequence[str]) -> None:
        compact = _compact(value)
        whole = _whole(value)
        for text in everything:
            bare = _compact(whole.sub("\n", text))
            if compact in bare or (
                (digits := re.sub(r"\D", "", compact)) and len(digits) > 3 and digits in bare
            ):
                raise _Refusal(Reason.OTHER_FORM)
        parts = {part for part in re.findall(r"\d{3,}", value) if part != value} | {compact[-4:], compact[:4]}
        rest = [whole.sub(" ", text) for text in self.answered]
        if any(re.search(rf"(?<!\w){re.escape(part)}(?!\w)", text) for part in parts for text in rest):
            raise _Refusal(Reason.PARTIAL_MENTION)

    def _check_parts(self, value: str) -> None:
        whole = _whole(value)
        parts = {part for part in re.split(r"[@._+\-]", value.lower()) if len(part) > 2} - {
            "com",
            "org",
            "net",
        }
        for text in self.answered:
            rest = whole.sub(" ", text).lower()
            if any(part in rest for part in parts):
                raise _Refusal(Reason.PARTIAL_MENTION)

    def _check_amounts(self) -> None:
        for value in (entity.text for entity in self.entities if entity.kind == "AMOUNT"):
            whole = _whole(value)
            known = {number for text in self.asked for number in _NUMBERS.findall(whole.sub(" ", text))}
            for text in [*self.asked, *self.answered, *_texts(self.row.metadata)]:
                numbers = _NUMBERS.findall(whole.sub(" ", text))
                if any(_amounts(number) & _amounts(value) for number in numbers):
                    raise _Refusal(Reason.OTHER_FORM)
            for text in self.answered:
                if set(_NUMBERS.findall(whole.sub(" ", text))) - known:
                    raise _Refusal(Reason.DERIVED_VALUE)

    def _check_dates(self) -> None:
        swapped = [entity.text for entity in self.entities if entity.kind == "DATE"]
        days = {day_of(text) for text in swapped}
        for text in self.answered if swapped else ():
            for other in set(dates_in(text)) - set(swapped):
                raise _Refusal(Reason.OTHER_FORM if day_of(other) in days else Reason.DERIVED_VALUE)
            # A day, a month or a count of days that follows from the date.
            rest = _without(text, swapped)
            asked = {number for said in self.asked for number in _NUMBERS.findall(_without(said, swapped))}
            if set(_NUMBERS.findall(rest)) - asked:
                raise _Refusal(Reason.DERIVED_VALUE)


def _variants(view: _View, count: int, seed: int, asked: set[bytes]) -> Iterator[dict[str, Any]]:
    chance = random.Random(f"{seed}/{view.row.id or view.row.line}")  # noqa: S311 — reproducible, not secret
    made = 0
    for _ in range(_TRIES * count):
        swaps = _swaps(view, chance)
        data: dict[str, Any] = orjson.loads(_swapped(view.line, swaps))
        print_ = normal_print(Row(view.row.line, data).prompt)
        if print_ in asked:
            continue
        asked.add(print_)
        yield data
        made += 1
        if made == count:
            return
    if not made:
        raise _Refusal(Reason.NO_NEW_VARIANT)


def _swapped(line: str, swaps: Mapping[str, str]) -> str:
    pattern = re.compile("|".join(_whole(old).pattern for old in sorted(swaps, key=len, reverse=True)))
    return rewritten(line, lambda text, _: pattern.sub(lambda found: swaps[found.group()], text))


def _swaps(view: _View, chance: random.Random) -> Mapping[str, str]:
    """Old value → new value, every new one unknown to the row and given once."""
    swaps: dict[str, str] = {}
    days = [day for entity in view.entities if entity.kind == "DATE" and (day := day_of(entity.text))]
    by = moved(days, chance) if days else None
    for entity in view.entities:
        if entity.kind == "DATE":
            if by is not None and (day := day_of(entity.text)):
                swaps[entity.text] = written_like(day + by, entity.text)
            continue
        for _ in range(_TRIES):
            new = stand_in(entity, view.locale, chance)
            if new is None:
                raise _Refusal(Reason.UNSUPPORTED_FORM)
            if not view.knows(new) and new not in swaps.values():
                swaps[entity.text] = new
                break
        else:
            raise _Refusal(Reason.NO_NEW_VARIANT)
    if not swaps:
        raise _Refusal(Reason.NO_NEW_VARIANT)
    return swaps


def _whole(value: str) -> re.Pattern[str]:
    """The value where neither a letter nor a digit nor a decimal goes on with it."""
    return re.compile(rf"(?<!\w)(?<!\d[.,]){re.escape(value)}(?!\w)(?![.,]\d)")


def _without(text: str, values: Sequence[str]) -> str:
    for value in values:
        text = _whole(value).sub(" ", text)
    return text


def _compact(text: str) -> str:
    return _JOINTS.sub("", text).upper()


def _amounts(number: str) -> set[float]:
    """What a number can mean, by either convention for points and commas."""
    found = set()
    for thousands, decimal in ((",", "."), (".", ",")):
        try:
            found.add(float(number.replace(thousands, "").replace(decimal, ".")))
        except ValueError:
            continue
    return found


def _texts(value: Any) -> list[str]:
    return texts(orjson.dumps(value).decode())


def _free(name: str, taken: set[str | None]) -> str:
    free, number = name, 2
    while free in taken:
        free, number = f"{name}-{number}", number + 1
    taken.add(free)
    return free
