"""Parse arguments, dispatch, turn errors into exit codes; nothing else."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from liftgate import __version__
from liftgate.commands.command_line.overview import COMMANDS, EXIT_CODES, overview, parser_for

__all__ = ["COMMANDS", "EXIT_CODES", "main", "overview", "parser_for"]


def _unread() -> int:
    """The exit code a shell gives to who writes to a closed pipe; the interpreter must not try again at its end."""
    import os

    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(nowhere, stream.fileno())
    return 128 + 13


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    if not words or words[0] in {"-h", "--help", "help"}:
        sys.stdout.write(overview())
        return 0 if words else 2
    if words[0] in {"-V", "--version"}:
        sys.stdout.write(f"liftgate {__version__}\n")
        return 0
    from liftgate.errors import ExitCode, LiftgateError

    if words[0] not in COMMANDS:
        from liftgate.config import did_you_mean

        near = did_you_mean(words[0], list(COMMANDS))
        sys.stderr.write(f"error: {words[0]!r} is not a command{near}\n  hint: liftgate --help lists them\n")
        return ExitCode.BAD_INPUT
    try:
        arguments = parser_for(words[0]).parse_args(words[1:])
        code = int(arguments.run(arguments))
        # What is still in the buffer is lost or said now, while the exit code can tell.
        sys.stdout.flush()
        return code
    except LiftgateError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    except KeyboardInterrupt:
        sys.stderr.write("\ninterrupted; what is finished is kept, the same command goes on from there\n")
        return ExitCode.STILL_RUNNING
    except BrokenPipeError:
        # The reader of our output went away (`| head`) before the verdict was made or told: never a pass.
        return _unread()
    except RecursionError:
        sys.stderr.write("error: the input is nested too deeply\n")
        return ExitCode.BAD_INPUT
