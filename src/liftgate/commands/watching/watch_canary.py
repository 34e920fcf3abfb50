"""`liftgate watch canary`: the same prompts again, once a week, to tell when weights change behind an id.

Exit codes: 0 nothing changed beyond noise; 10 something did; 11 the budget or the golden set does not suffice; 2 or 4 a
model could not be asked. Nothing but hashes of answers is kept.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from liftgate.commands.asking.cases import usd
from liftgate.commands.sources.ledgers import add_ledger
from liftgate.errors import ExitCode, InputError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which models, and where looks are kept; or a fresh run over the prompts."""
    parser.add_argument("alias", nargs="?", metavar="ALIAS", help="this alias only (default: every one)")
    parser.add_argument(
        "--run", type=Path, dest="folder", metavar="DIR",
        help="ask nobody, and keep a run of `liftgate evaluate --suite ... --only ID ... --repeats 3 --no-store`",
    )  # fmt: skip
    parser.add_argument(
        "--root", type=Path, default=Path(), metavar="DIR", help="the repository (default: here)"
    )
    parser.add_argument(
        "--max-usd", type=usd, metavar="USD",
        help="an alias spends no more (never more than cost.max_eval_usd)",
    )  # fmt: skip
    parser.add_argument(
        "--kept",
        type=Path,
        metavar="FILE",
        help="with --run: the file of looks (default: evals/ALIAS/canary.jsonl below --root)",
    )
    parser.add_argument("--json", action="store_true", help="what became of each model, on stdout")
    add_ledger(parser)


def run(arguments: argparse.Namespace) -> int:
    """Ask, or keep a look that somebody else asked for."""
    if arguments.folder is None:
        if arguments.kept is not None:
            raise InputError("--kept goes with --run", hint="what is asked here is kept in the ledger")
        return _ask(arguments)
    if arguments.alias is None:
        raise InputError("--run is of one alias", hint="liftgate watch canary ALIAS --run DIR")
    if arguments.max_usd is not None or arguments.json:
        option = "--json" if arguments.json else "--max-usd"
        raise InputError(f"{option} goes with asking, and --run asks nobody", hint="leave it out")
    return _keep(arguments)


def _ask(arguments: argparse.Namespace) -> int:
    from liftgate.commands.command_line.saying import say
    from liftgate.commands.launching.hosted import utc_now
    from liftgate.commands.sources.ledgers import open_ledger
    from liftgate.commands.watching.canary_asking import RANK, Asker
    from liftgate.commands.watching.canary_looks import Canary
    from liftgate.files import pretty, read_bytes
    from liftgate.project import Ruler
    from liftgate.registry.models import read_models
    from liftgate.watch.canary import week_of

    root, now = arguments.root, utc_now()
    models = read_models(read_bytes(root / "models.yaml", "registry"), "models.yaml")
    chosen = [models.alias(arguments.alias)] if arguments.alias else list(models.aliases.values())
    ruler, ledger = Ruler(root, None), open_ledger(arguments.ledger, root)
    verdicts = [entry for _, entry in ledger.entries("verdicts")]
    canary = Canary(root, ledger, verdicts, now, ruler.policy.max_report_age_days)
    asker = Asker(ruler, ledger, canary, now, arguments.max_usd, say)
    told = []
    for alias in chosen:
        for each in asker.ask(alias):
            say(f"{each.alias} {each.subject} ({each.model_id}): {each.why}")
            told.append(each)
    if not told:
        say("no alias is registered, so there is nobody to ask")
    if arguments.json:
        week = week_of(now.date())
        looks = [each.to_dict() for each in told]
        sys.stdout.write(pretty({"schema_version": 1, "week": week, "looks": looks}).decode())
    return max((each.code for each in told), key=RANK.index, default=ExitCode.PASS)


def _keep(arguments: argparse.Namespace) -> int:
    """Keep the look: 0 unchanged or the first, 10 when the answers changed beyond noise."""
    from liftgate.commands.launching.hosted import utc_now
    from liftgate.commands.watching.canary_looks import CANARY, read_looks
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
