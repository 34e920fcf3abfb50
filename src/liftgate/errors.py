"""The errors that mean "this step could not do its work", each with its exit code.

A "no" about somebody's data or model is never one of these: it is a `Finding`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum


class ExitCode(IntEnum):
    """What every command answers to the shell."""

    PASS = 0
    BUG = 1
    BAD_INPUT = 2
    MISSING_EXTRA = 3
    PROVIDER_FAILED = 4
    STILL_RUNNING = 5
    BLOCKED = 10
    INSUFFICIENT_EVIDENCE = 11


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a file: where, and what to do about it."""

    place: str
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


class LiftgateError(Exception):
    """A sentence, the places, the way out."""

    exit_code = ExitCode.BAD_INPUT

    def __init__(self, sentence: str, *, problems: Sequence[Problem] = (), hint: str | None = None) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.problems = tuple(problems)
        self.hint = hint

    def __str__(self) -> str:
        lines = [self.sentence, *(f"  {problem}" for problem in self.problems)]
        if self.hint:
            lines.append(f"  hint: {self.hint}")
        return "\n".join(lines)


class InputError(LiftgateError):
    """Something a person wrote, or a file a step reads, cannot be used."""


class MissingExtra(LiftgateError):
    """An optional dependency is not installed."""

    exit_code = ExitCode.MISSING_EXTRA

    def __init__(self, extra: str, package: str) -> None:
        super().__init__(
            f"this step needs the package {package!r}, which is not installed",
            hint=f"pip install 'liftgate[{extra}]'",
        )


class ProviderError(LiftgateError):
    """A provider, a model server or a training run failed."""

    exit_code = ExitCode.PROVIDER_FAILED


class StillRunning(LiftgateError):
    """The work is not finished, nothing is lost, and the hint is the command that resumes it."""

    exit_code = ExitCode.STILL_RUNNING
