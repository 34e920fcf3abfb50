"""Questions and answers out of somebody's file, whatever its rows are called."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from liftgate.data import jsonl, native
from liftgate.data.dataset import Message, Row, text_of
from liftgate.data.text import shown
from liftgate.errors import InputError, Problem
from liftgate.onboarding.columns import choose
from liftgate.onboarding.tables import read_table

LEFT_OUT: Final = {
    "no-question": "without a question",
    "no-answer": "without an answer",
    "repeated": "that repeat a question",
    "disputed": "that give one question several answers",
    "repeats-validation": "that nearly repeat a question of the validation file",
    "gives-a-case-away": "that give a golden or safety case away",
}
"""Why a row is not taken → what is said of such rows."""
_NAMED: Final = 10
_KEPT: Final = ("id", "source", "reviewed", "locale", "label", "outcome")


@dataclass(frozen=True)
class Example:
    """One question with its answer. `asked` holds no system prompt; `metadata` is what the row itself brought."""

    line: int
    asked: Sequence[Message]
    answer: str
    system: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def question(self) -> str:
        """What the user says."""
        return "\n".join(text_of(message) for message in self.asked if message.get("role") == "user")


@dataclass(frozen=True)
class Source:
    """What a file gives: examples, what was guessed about it, and what was left out, by reason."""

    examples: tuple[Example, ...]
    told: tuple[str, ...]
    left: Counter[str]


def read_source(data: bytes, path: str, *, question: str | None = None, answer: str | None = None) -> Source:
    """Read CSV, or JSON Lines with chat rows, prompt and completion, or a key for each.

    Raises `InputError` naming every line that cannot be used.
    """
    if path.lower().endswith((".csv", ".tsv")):
        table = read_table(data, path, question=question, answer=answer)
        examples = [
            Example(pair.line, ({"role": "user", "content": pair.question},), pair.answer)
            for pair in table.pairs
        ]
        return _kept(examples, table.told)
    if not path.lower().endswith((".jsonl", ".ndjson")):
        raise InputError(
            f"{path}: a file named .jsonl or .csv is wanted", hint="one JSON object a line, or a table"
        )
    return _read_lines(data, path, question, answer)


def _read_lines(data: bytes, path: str, question: str | None, answer: str | None) -> Source:
    values: list[tuple[int, Mapping[str, Any]]] = []
    problems: list[Problem] = []
    for line in jsonl.parse(data):
        if line.problem is not None:
            problems.append(Problem(f"{path}:{line.number}", line.problem))
        elif not isinstance(line.value, dict):
            problems.append(Problem(f"{path}:{line.number}", "expected an object; write one object a line"))
        else:
            values.append((line.number, line.value))
    _raise(problems, path)
    if not values:
        raise InputError(f"{path}: the file is empty", hint="one JSON object a line")
    if question is None and answer is None and native.shape_of(values[0][1]) is not None:
        examples, told = [_chat(number, value, problems, path) for number, value in values], "chat rows"
    else:
        examples, told = _keyed(values, problems, path, question, answer)
    _raise(problems, path)
    return _kept([each for each in examples if each is not None], (told,))


def _chat(number: int, value: Mapping[str, Any], problems: list[Problem], path: str) -> Example | None:
    row = Row(number, value)
    wrong = None
    if row.shape is None:
        wrong = "the row has other keys than the first one"
    elif row.is_preference:
        wrong = "the row ranks two answers; init starts from rows with one"
    elif row.tools or any(message.get("tool_calls") for message in row.messages):
        wrong = "the row offers or calls tools; write its suite by hand, see docs/files.md"
    elif any(not isinstance(message.get("role"), str) for message in row.messages):
        wrong = "a message has no role"
    if wrong:
        problems.append(Problem(f"{path}:{number}", wrong))
        return None
    messages = row.messages
    ends = bool(messages) and messages[-1].get("role") == "assistant"
    asked = [m for m in (messages[:-1] if ends else messages) if m.get("role") not in {"system", "developer"}]
    system = next((text_of(m) for m in messages if m.get("role") in {"system", "developer"}), None)
    kept = {key: row.metadata[key] for key in _KEPT if row.metadata.get(key) is not None}
    return Example(number, tuple(asked), text_of(messages[-1]).strip() if ends else "", system, kept)


def _keyed(
    values: Sequence[tuple[int, Mapping[str, Any]]],
    problems: list[Problem],
    path: str,
    question: str | None,
    answer: str | None,
) -> tuple[list[Example | None], str]:
    names = list(values[0][1])
    columns = choose(names, [], question=question, answer=answer, path=path)
    examples: list[Example | None] = []
    asked_by, answered_by = names[columns.question], names[columns.answer]
    for number, value in values:
        missing = [key for key in (asked_by, answered_by) if key not in value]
        if missing:
            problems.append(
                Problem(f"{path}:{number}", f"the key {shown(missing[0], 'of line 1')} is missing")
            )
        elif not isinstance(value[asked_by], str):
            problems.append(Problem(f"{path}:{number}", "the question is no text"))
        else:
            asked = ({"role": "user", "content": value[asked_by].strip()},)
            examples.append(Example(number, asked, _as_text(value[answered_by])))
    return examples, columns.told.replace("column", "key")


def _as_text(value: Any) -> str:
    if isinstance(value, str):
        return value.strip()
    return "" if value is None else json.dumps(value, ensure_ascii=False)


def _kept(examples: Sequence[Example], told: Sequence[str]) -> Source:
    left: Counter[str] = Counter()
    kept = []
    for example in examples:
        reason = (
            "no-question" if not example.question.strip() else "no-answer" if not example.answer else None
        )
        if reason:
            left[reason] += 1
        else:
            kept.append(example)
    return Source(tuple(kept), tuple(told), left)


def _raise(problems: Sequence[Problem], path: str) -> None:
    if not problems:
        return
    more = [Problem(path, f"and {len(problems) - _NAMED} more")] if len(problems) > _NAMED else []
    count = f"{len(problems)} line{'s' if len(problems) > 1 else ''}"
    raise InputError(f"{path}: {count} cannot be used", problems=[*problems[:_NAMED], *more])
