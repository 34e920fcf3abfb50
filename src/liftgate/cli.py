"""Parse arguments, dispatch, turn errors into exit codes; nothing else."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Final, NoReturn

from liftgate import __version__

# One line each, here rather than in the modules, so that `--help` imports none of them.
COMMANDS: Final[dict[str, str]] = {
    "plan": "which aliases a change touches and which steps it needs",
    "validate": "check training rows: form, provenance, duplicates, leakage",
    "estimate": "price the training and check the budget",
    "approve": "let one manifest be trained once, at its price, by somebody who did not write it",
    "train": "train the candidate once, or find it by its manifest digest",
    "poll": "look once at each open job of the ledger, and start the evaluation of what is trained",
    "serve": "put a model that Bedrock trained behind an address, and point it back",
    "evaluate": "let one model answer a golden set and score the answers",
    "merge-runs": "join the shards of one run",
    "noise": "ask one model the same again: its own flip rate, and the lift it can fake",
    "record": "keep a dying model's answers as a reference before it is shut down",
    "store": "export, import and verify the answers that are kept",
    "calibrate": "measure how far a judge agrees with people, so that its metric may gate",
    "compare": "judge two runs: pass, block, or insufficient evidence",
    "gate": "fold findings and comparisons into one verdict and write the report",
    "publish": "say on the pull request what came of it: one status, one comment",
    "run": "all steps that the plan asks for",
    "decide": "whether to prompt, retrieve, route or fine-tune, by what the task asks for and what was measured",
    "data": "split, scrub, compare and export datasets",
    "registry": "what is served, and where it comes from",
    "load-test": "what the endpoint of a variant bears, as 100% of the callers needs it",
    "watch": "look again at what callers get today; one issue for each alias that needs somebody",
    "reevaluate": "ask every live variant and its base again, by the batch, and keep the verdicts",
    "backlog": "what the next dataset needs: cases that no prompt gets right, and what reviewers want fixed",
    "status": "every alias and its variants: rollout, lift over time, days left, spend; as text or one page",
    "init": "what a repository needs so that the verdict blocks a merge",
    "doctor": "what an account or a repository still lacks, and the policies to give it",
    "demo": "the whole gate on the template's data with the embedded model",
}
EXIT_CODES: Final = (
    "exit codes: 0 pass, 1 bug, 2 bad input or configuration, 3 missing extra, 4 provider failed, "
    "5 still running (resumable), 10 blocked, 11 insufficient evidence"
)


class _Parser(argparse.ArgumentParser):
    """Says what is wrong with a word in two lines, not under the list of all that could have been said."""

    def error(self, message: str) -> NoReturn:
        """End with the exit code of bad input."""
        self.exit(2, f"error: {message}\n  hint: {self.prog} --help\n")


def parser_for(command: str) -> argparse.ArgumentParser:
    """The argument parser of one command."""
    from importlib import import_module

    module = import_module(f"liftgate.commands.{command.replace('-', '_')}")
    parser = _Parser(prog=f"liftgate {command}", description=COMMANDS[command], epilog=EXIT_CODES)
    module.add_arguments(parser)
    parser.set_defaults(run=module.run)
    return parser


def overview() -> str:
    """What `liftgate --help` prints."""
    width = max(map(len, COMMANDS))
    lines = [f"  {name.ljust(width)}  {text}" for name, text in COMMANDS.items()]
    return "\n".join(
        [
            "usage: liftgate COMMAND [options]",
            "",
            "Decides, on a pull request, whether a fine-tuned language model may ship.",
            "",
            "commands:",
            *lines,
            "",
            "liftgate COMMAND --help explains one; liftgate --version prints the version.",
            EXIT_CODES,
            "",
        ]
    )


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
