"""The errors that mean "this step could not do its work", each with its exit code.

A "no" about somebody's data or model is never one of these: it is a `Finding`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from types import TracebackType


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


class InputErrors(InputError):
    """Several files that cannot be used, told in one go."""

    def __init__(self, errors: Sequence[InputError]) -> None:
        count = len(errors)
        super().__init__(f"{count} inputs cannot be used", problems=[p for e in errors for p in e.problems])
        self.errors = tuple(errors)

    def __str__(self) -> str:
        return "\nerror: ".join(str(error) for error in self.errors)


class Together:
    """Gathers the `InputError` of each `with` block, so that one run names every file that cannot be used."""

    def __init__(self) -> None:
        self.errors: list[InputError] = []

    def __enter__(self) -> None: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if not isinstance(error, InputError):
            return False
        new = error.errors if isinstance(error, InputErrors) else (error,)
        known = {str(each) for each in self.errors}
        self.errors += [each for each in new if str(each) not in known]
        return True

    def raise_all(self) -> None:
        """Raise what was gathered, if anything was."""
        if len(self.errors) == 1:
            raise self.errors[0]
        if self.errors:
            raise InputErrors(self.errors)


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


class ReplyLost(ProviderError):
    """A create was sent and no answer came: it may or may not have happened. Never send it again; look it up."""


class RowsRefused(ProviderError):
    """A provider read an uploaded file and takes none of it; `lines` are the 1-based rows that it names."""

    def __init__(
        self,
        sentence: str,
        *,
        lines: Sequence[int] = (),
        problems: Sequence[Problem] = (),
        hint: str | None = None,
    ) -> None:
        super().__init__(sentence, problems=problems, hint=hint)
        self.lines = tuple(lines)


class StillRunning(LiftgateError):
    """The work is not finished, nothing is lost, and the hint is the command that resumes it."""

    exit_code = ExitCode.STILL_RUNNING
