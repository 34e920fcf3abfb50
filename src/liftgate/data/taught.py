"""Prompts that a model of the comparison has met outside the file at hand: older releases, few-shot examples."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

from liftgate.data.asking import Asking
from liftgate.data.dataset import Dataset
from liftgate.data.text import normal_print


class Taught(NamedTuple):
    """One prompt and where it stands. `fingerprint` is that of its normal form."""

    path: str
    line: int | None
    prompt: str
    fingerprint: bytes
    is_example: bool = False


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
                yield Taught(dataset.path, row.line, prompt, print_)
    files: set[str] = set()
    for arm in asking:
        if arm.path not in files:
            files.add(arm.path)
            lines: Sequence[int | None] = arm.example_lines or [None] * len(arm.examples)
            for (said, _), line in zip(arm.examples, lines, strict=True):
                yield Taught(arm.path, line, said, normal_print(said), is_example=True)
