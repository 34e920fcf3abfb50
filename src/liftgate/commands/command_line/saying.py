"""What commands say on the way, and which of several exit codes counts."""

from __future__ import annotations

import sys

from liftgate.errors import ExitCode


def say(text: str) -> None:
    """People's text goes to stderr, at once."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def worst(code: ExitCode) -> int:
    """A rank: the highest of several outcomes is the one to exit with."""
    # A job that runs asks for another run, whatever the other aliases say.
    order = [ExitCode.PASS, ExitCode.INSUFFICIENT_EVIDENCE, ExitCode.BLOCKED, ExitCode.STILL_RUNNING]
    return order.index(code)
