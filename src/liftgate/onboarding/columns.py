"""Which column is the question and which the answer, where a file does not say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from liftgate.config import did_you_mean
from liftgate.data.text import shown
from liftgate.errors import InputError

_QUESTIONS: Final = (
    "input", "prompt", "question", "text", "message", "query", "utterance", "ticket", "request", "user", "body",
    "content", "sentence", "description", "subject",
)  # fmt: skip
_ANSWERS: Final = (
    "label", "answer", "output", "completion", "response", "expected", "target", "intent", "category", "class",
    "topic", "assistant", "reply", "tag",
)  # fmt: skip


@dataclass(frozen=True)
class Columns:
    """Places of question and answer in a record. `has_header` is false when the first line is data already."""

    question: int
    answer: int
    has_header: bool
    told: str


def choose(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    question: str | None,
    answer: str | None,
    path: str,
) -> Columns:
    """The two columns, as told or guessed by their names, else by their values where there are only two.

    `rows` are the first records after the header. Raises `InputError` when nobody could say.
    """
    names = [name.strip().lower() for name in header]
    chosen_question = _named(names, question, "--input", path) if question else _known(names, _QUESTIONS)
    chosen_answer = _named(names, answer, "--label", path) if answer else _known(names, _ANSWERS)
    if chosen_question is not None and chosen_answer is None and len(names) == 2:
        chosen_answer = 1 - chosen_question
    if chosen_answer is not None and chosen_question is None and len(names) == 2:
        chosen_question = 1 - chosen_answer
    if chosen_question is None and chosen_answer is None and len(names) == 2:
        return _by_values(header, rows)
    if chosen_question is None or chosen_answer is None or chosen_question == chosen_answer:
        raise InputError(
            f"{path}:1: which of {len(names)} columns are question and answer cannot be guessed from their names",
            hint="name them: --input COLUMN --label COLUMN",
        )
    told = f"question: column {_name(header, chosen_question)}; answer: column {_name(header, chosen_answer)}"
    return Columns(chosen_question, chosen_answer, True, told)


def _by_values(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Columns:
    """Two columns without a known name: answers repeat more often than questions do."""
    distinct = [len({row[at] for row in rows if len(row) == 2}) for at in (0, 1)]
    answer = 0 if distinct[0] < distinct[1] else 1
    # A header names the column; a first line of data holds one of the answers.
    has_header = header[answer] not in {row[answer] for row in rows if len(row) == 2}
    about = "" if has_header else ", and the first line is no header: it holds an answer that others have too"
    told = f"question: column {2 - answer}, answer: column {answer + 1}, by how often values repeat{about}"
    return Columns(1 - answer, answer, has_header, told)


def _named(names: Sequence[str], wanted: str, option: str, path: str) -> int:
    found = [at for at, name in enumerate(names) if name == wanted.strip().lower()]
    if len(found) == 1:
        return found[0]
    if found:
        raise InputError(
            f"{path}:1: {option}: the column {wanted!r} stands there {len(found)} times",
            hint="rename one of them",
        )
    known = [name for name in names if shown(name, "") and name]
    near = did_you_mean(wanted, known)
    raise InputError(
        f"{path}:1: {option}: there is no column {wanted!r}{near}",
        hint=f"its columns: {', '.join(known)}" if known else "its first line has to name the columns",
    )


def _known(names: Sequence[str], words: Sequence[str]) -> int | None:
    for word in words:
        if names.count(word) == 1:
            return names.index(word)
    return None


def _name(header: Sequence[str], at: int) -> str:
    return shown(header[at].strip(), f"{at + 1}")
