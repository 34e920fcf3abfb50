"""Leakage: training rows that give away the golden set."""

from __future__ import annotations

from collections.abc import Iterator

from liftgate.data.checks.context import Context
from liftgate.data.text import normal_print, shown
from liftgate.findings import Finding


def golden_leak(context: Context) -> Iterator[Finding]:
    """A training row repeats the prompt of a golden or safety case, so its score measures memory.

    Prompts are compared without system prompts, in lower case, without punctuation, runs of space as one.
    Why: every number that the gate reports afterwards is too good.
    Fix: remove the row from the dataset. This finding cannot be waived.
    """
    named = {
        normal_print(case.prompt): f"{shown(case.id, '')} ({cases.path}:{case.line})".lstrip()
        for cases, case in context.cases()
        if case.prompt.strip()
    }
    for row, print_ in zip(context.rows, context.prompt_prints, strict=True):
        if name := named.get(print_):
            yield context.finding("golden-leak", f"same prompt as golden case {name}", row)
