"""What a model is taught besides the users' words of the file at hand: in other voices, releases, few-shot examples."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from liftgate.data.asking import Asking
from liftgate.data.dataset import Dataset, Row, text_of
from liftgate.data.text import normal_print

_OTHER_VOICE: Final = "a message that is not the user's"
_RELEASE: Final = "a row of another release"
_EXAMPLE: Final = "a few-shot example"
_LEAST_WORDS: Final = 6


class Taught(NamedTuple):
    """One text, what it is, and where it stands. `fingerprint` is that of its normal form."""

    path: str
    line: int | None
    prompt: str
    fingerprint: bytes
    what: str


def in_other_voices(dataset: Dataset, rows: Iterable[Row]) -> Iterator[Taught]:
    """Each text that stands before a row's answer and is not the user's, once: system, assistant, tool results.

    Short ones are left out: "How can I help you?" is said everywhere.
    """
    seen: set[str] = set()
    for row in rows:
        messages = row.messages
        for message in messages[:-1] if len(messages) > 2 or messages[0]["role"] != "user" else ():
            if message["role"] == "user":
                continue
            said = message.get("content")
            text = said if type(said) is str else text_of(message)
            if text not in seen:
                seen.add(text)
                if len(text.split(None, _LEAST_WORDS)) >= _LEAST_WORDS:
                    yield Taught(dataset.path, row.line, text, normal_print(text), _OTHER_VOICE)


def taught_elsewhere(
    history: Iterable[Dataset], asking: Iterable[Asking], judged: Collection[bytes]
) -> Iterator[Taught]:
    """Every prompt of the releases once, `judged` fingerprints left out, and every example of every prompt file."""
    seen = set(judged)
    for dataset in history:
        for row in dataset.rows:
            print_ = normal_print(prompt := row.prompt)
            if print_ not in seen:
                seen.add(print_)
                yield Taught(dataset.path, row.line, prompt, print_, _RELEASE)
    files: set[str] = set()
    for arm in asking:
        if arm.path not in files:
            files.add(arm.path)
            lines: Sequence[int | None] = arm.example_lines or [None] * len(arm.examples)
            for (said, _), line in zip(arm.examples, lines, strict=True):
                yield Taught(arm.path, line, said, normal_print(said), _EXAMPLE)
