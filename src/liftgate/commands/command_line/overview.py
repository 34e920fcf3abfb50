"""Every command with the line that says what it is for, and the parser of each. Imports none before it is asked for."""

from __future__ import annotations

import argparse
from typing import Final

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
    "completion": "what bash, zsh or fish needs to complete commands, options and aliases",
    "demo": "the whole gate on the template's data with the embedded model",
}
EXIT_CODES: Final = (
    "exit codes: 0 pass, 1 bug, 2 bad input or configuration, 3 missing extra, 4 provider failed, "
    "5 still running (resumable), 10 blocked, 11 insufficient evidence"
)

FINDINGS: Final = "what the [id] of a finding means, and what to do: liftgate validate --explain ID"
_FINDS: Final = frozenset(
    (
        *("backlog", "compare", "decide", "estimate", "gate", "plan", "publish", "reevaluate", "registry"),
        *("run", "train", "validate", "watch"),
    )
)


def parser_for(command: str) -> argparse.ArgumentParser:
    """The argument parser of one command."""
    from importlib import import_module

    from liftgate.commands.command_line.parsing import Parser

    module = import_module(f"liftgate.commands.{command.replace('-', '_')}")
    epilog = f"{EXIT_CODES}\n\n{FINDINGS}" if command in _FINDS else EXIT_CODES
    parser = Parser(
        prog=f"liftgate {command}", description=COMMANDS[command], examples_of=command, epilog=epilog
    )
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
