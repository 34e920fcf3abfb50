"""`liftgate estimate`: what a change will cost, once and a month, against the budget and before the model ends."""

from __future__ import annotations

import argparse
import datetime
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from liftgate.commands.launching.bill import base_name, estimate_training, tokenized
from liftgate.commands.sources.ledgers import add_ledger
from liftgate.errors import ExitCode, InputError

if TYPE_CHECKING:
    from liftgate.findings import Finding
    from liftgate.project import Ruler, Subject
    from liftgate.training.base_model import Base
    from liftgate.training.budget import Spent


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which alias, and where estimate.json goes."""
    parser.add_argument("--alias", required=True, help="whose dataset is trained on")
    parser.add_argument("--version", metavar="X.Y.Z", help="release of the dataset (default: the newest)")
    parser.add_argument(
        "--root", type=Path, default=Path(), metavar="DIR", help="the repository (default: here)"
    )
    parser.add_argument(
        "--store",
        type=Path,
        default=Path(".liftgate/store/responses.sqlite"),
        metavar="FILE",
        help="stored answers, which cost nothing (default: those of liftgate run)",
    )
    add_ledger(parser)
    parser.add_argument(
        "--today", type=_day, metavar="YYYY-MM-DD", help="as if it were this day (default: UTC)"
    )
    parser.add_argument(
        "--calibrate",
        action="store_true",
        help="train ten steps on this machine and say how long all would take",
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="write estimate.json here as well")
    parser.add_argument("--json", action="store_true", help="estimate.json on stdout")


def run(arguments: argparse.Namespace) -> int:
    """Estimate, write, answer 0 or 10."""
    from liftgate.commands.asking.forecasting import evaluation_cost
    from liftgate.commands.launching.decisions import held_to_decision
    from liftgate.commands.launching.ends import sunset_findings
    from liftgate.files import pretty, read_bytes, write_json
    from liftgate.findings import blocks
    from liftgate.project import Ruler, read_subject
    from liftgate.registry.models import read_models
    from liftgate.report.cost import estimate_text
    from liftgate.training.base_model import resolve_base

    today = arguments.today or datetime.datetime.now(datetime.UTC).date()
    subject, ruler = (
        read_subject(arguments.root, arguments.alias, arguments.version),
        Ruler(arguments.root, None),
    )
    base = None
    if not subject.is_hosted:
        base = resolve_base(base_name(subject), say=lambda text: void(sys.stderr.write(text + "\n")))
    registered = read_models(read_bytes(arguments.root / "models.yaml"), "models.yaml").alias(arguments.alias)
    asked = evaluation_cost(
        subject, ruler, registered, ruler.suite(arguments.alias), arguments.store, registered.promoted
    )
    spent, unknown = month_spent(arguments.ledger, arguments.root, subject, ruler)
    result = estimate_training(subject, base, ruler, today, evaluation=asked, spent=spent).with_findings(
        unknown
    )
    result = result.with_findings(sunset_findings(ruler, registered, today, subject, result.pays_back_on))
    result, _ = held_to_decision(result, arguments.root, arguments.alias, ruler.policy)
    document = {**result.to_dict(), **_foreseen(subject, base, ruler, calibrate=arguments.calibrate)}
    if arguments.out:
        write_json(arguments.out, document)
    if arguments.json:
        sys.stdout.write(pretty(document).decode())
    sys.stderr.write(estimate_text(document))
    return ExitCode.BLOCKED if blocks(result.findings) else ExitCode.PASS


def _foreseen(subject: Subject, base: Base | None, ruler: Ruler, *, calibrate: bool) -> dict[str, Any]:
    """Memory and, when asked for, measured hours of a training on this machine."""
    from liftgate.commands.launching.foreseen import calibrated, memory_need

    if base is None:
        if calibrate:
            raise InputError(
                f"--calibrate measures this machine, and {subject.manifest().provider} trains elsewhere",
                hint="leave it out",
            )
        return {}
    rows = tokenized(subject, base, ruler.policy.rules)
    memory = memory_need(subject, base, rows)
    return {
        **({"memory": memory} if memory is not None else {}),
        **({"calibration": calibrated(subject, base, rows, ruler)} if calibrate else {}),
    }


def void(_: object) -> None:
    """Drop a value where a callback must return None."""


def month_spent(where: str, root: Path, subject: Subject, ruler: Ruler) -> tuple[list[Spent], list[Finding]]:
    """What the ledger's launches cost, where the policy limits a month; a warning when there is no ledger."""
    from liftgate.commands.sources.ledgers import BRANCH_PREFIX, open_ledger
    from liftgate.findings import Finding, Severity
    from liftgate.training.spent import spent_in

    if ruler.policy.cost.max_month_usd is None or not subject.is_hosted:
        return [], []
    if not where.startswith(BRANCH_PREFIX) and not Path(where).is_dir():
        message = f"there is no ledger at {where}, so what this month has cost is not counted; name it with --ledger"
        return [], [Finding("month-not-counted", Severity.WARNING, message)]
    return spent_in(open_ledger(where, root), but=subject.manifest().digest), []


def _day(text: str) -> datetime.date:
    try:
        return datetime.date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a day like 2026-11-25") from None
