"""What kind of task the answers show, and how such answers are asked for and graded."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from liftgate.data.answers import json_of

Task = Literal["binary", "classification", "extraction", "style"]
TASKS: Final[tuple[Task, ...]] = ("binary", "classification", "extraction", "style")
_MOST_LABELS: Final = 300
_LONGEST_LABEL: Final = 80
_USES: Final = 3


@dataclass(frozen=True)
class Answers:
    """The answers of all examples. `labels` counts them where they are classes; `fields` are keys of JSON answers."""

    task: Task
    labels: Counter[str]
    fields: tuple[str, ...]
    longest: int

    @property
    def is_classified(self) -> bool:
        """True when each answer is one of a few."""
        return self.task in {"binary", "classification"}

    @property
    def most_tokens(self) -> int:
        """Room for the longest answer; no tokenizer takes more than one token a byte."""
        return max(16, math.ceil(self.longest * 0.75 / 8) * 8)

    @property
    def scorers(self) -> list[Any]:
        """For the suite; the first is the primary metric."""
        if not self.fields:
            return ["exact_match"]
        return ["exact_match", "json_valid", *({"scorer": "field_match", "field": f} for f in self.fields)]


def look_at(answers: Sequence[str], task: Task | None = None) -> Answers:
    """The task as told, else as the answers show it."""
    counts = Counter(answers)
    fields = _fields(answers)
    short = max(map(len, counts), default=0) <= _LONGEST_LABEL
    shared = len(counts) <= min(_MOST_LABELS, len(answers) // _USES)
    guessed: Task = "binary" if len(counts) == 2 else "classification"
    if not (shared and len(counts) >= 2 and (short or fields)):
        guessed = "extraction" if fields else "style"
    chosen = task or guessed
    labels = counts if chosen in {"binary", "classification"} else Counter[str]()
    return Answers(chosen, labels, fields, max((len(a.encode()) for a in counts), default=0))


def expectation(answer: str, answers: Answers) -> Any:
    """What a case expects: the object where answers are JSON objects, else the text."""
    return json_of(answer) if answers.fields else answer


def _fields(answers: Sequence[str]) -> tuple[str, ...]:
    """Keys that every answer has, when every answer is a JSON object; no more than eight are graded one by one."""
    common: dict[str, None] | None = None
    for answer in answers:
        found = json_of(answer) if answer.startswith("{") else None
        if not isinstance(found, dict) or not found:
            return ()
        common = dict.fromkeys(found) if common is None else {key: None for key in common if key in found}
    return tuple(common or ())[:8]
