"""`liftgate watch canary`: keep fingerprints of what a model answered, and say whether they changed beyond noise."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from liftgate.errors import ExitCode, InputError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """A fresh run over the prompts, and where looks are kept."""
    parser.add_argument("alias", metavar="ALIAS")
    parser.add_argument(
        "folder", type=Path, metavar="RUN",
        help="of `liftgate evaluate --suite ... --only ID ... --repeats 3 --no-store --out RUN`",
    )  # fmt: skip
    parser.add_argument(
        "--root", type=Path, default=Path(), metavar="DIR", help="the repository (default: here)"
    )
    parser.add_argument(
        "--kept",
        type=Path,
        metavar="FILE",
        help="the file of looks (default: evals/ALIAS/canary.jsonl below --root)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Keep the look: 0 unchanged or the first, 10 when the answers changed beyond noise."""
    from liftgate.commands.hosted import utc_now
    from liftgate.commands.watching import CANARY, read_looks
    from liftgate.digests import digest
    from liftgate.evaluation.run_folder import read_run
    from liftgate.files import write_jsonl
    from liftgate.training.approval import rfc3339
    from liftgate.watch.canary import canary_findings, look_of

    fresh = read_run(arguments.folder)
    if fresh.meta.get("usage", {}).get("cached"):
        raise InputError(
            f"{arguments.folder}: answers come from a store, so they say nothing of today",
            hint="evaluate again with --no-store",
        )
    asked = {key: fresh.meta.get(key) for key in ("sampling", "prompt_sha256", "chat_template_sha256")}
    now = rfc3339(utc_now())
    look = look_of(arguments.alias, fresh.model, now, digest(asked), fresh.rows)
    if not any(len(answers) > 1 for answers in look.answers.values()):
        raise InputError(
            f"{arguments.folder}: no prompt has two answers, so its noise is not known", hint="--repeats 3"
        )
    path = arguments.kept or arguments.root / "evals" / arguments.alias / CANARY
    before = read_looks(path) if path.is_file() else []
    if not any(
        each.same_question(look) and each.answers == look.answers and each.at[:10] == now[:10]
        for each in before
    ):
        write_jsonl(path, [each.to_dict() for each in (*before, look)])
    mine = [each for each in before if each.same_question(look)]
    findings = canary_findings([*mine[:1], look], None)
    said = [f"{finding.severity}: {finding.message} [{finding.rule}]" for finding in findings]
    state = "the first look" if not mine else "nothing changed beyond noise"
    sys.stderr.write(f"{path}: {len(look.answers)} prompts; {'; '.join(said) or state}\n")
    return ExitCode.BLOCKED if findings else ExitCode.PASS
