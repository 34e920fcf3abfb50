"""`liftgate registry trace`: where a model comes from, by the ledger alone."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from liftgate.commands.ledgers import add_ledger, open_ledger
from liftgate.errors import ExitCode, InputError

if TYPE_CHECKING:
    from liftgate.training.lineage import Lineage


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The model, and where the ledger is."""
    parser.add_argument(
        "model_id", metavar="MODEL_ID", help="as callers send it; a checkpoint or job id, too"
    )
    parser.add_argument("--root", type=Path, default=Path(), metavar="DIR", help="the clone (default: here)")
    parser.add_argument("--json", action="store_true", help="every entry as one JSON object on stdout")
    add_ledger(parser)


def run(arguments: argparse.Namespace) -> int:
    """Tell what is known: 0, or 2 when the ledger knows no such model."""
    from liftgate.config import did_you_mean
    from liftgate.files import pretty
    from liftgate.report.lineage import trace_text
    from liftgate.report.numbers import plural
    from liftgate.training.lineage import find_model, models

    ledger = open_ledger(arguments.ledger, arguments.root)
    found = find_model(ledger, arguments.model_id)
    if found is None:
        known = models(ledger)
        raise InputError(
            f"the ledger knows no model {arguments.model_id!r}{did_you_mean(arguments.model_id, known)}",
            hint=f"{plural(len(known), 'model')} in {arguments.ledger}; --ledger names another one",
        )
    if arguments.json:
        sys.stdout.write(pretty(as_dict(found, arguments.model_id)).decode())
    else:
        sys.stdout.write(trace_text(found, arguments.model_id))
    return ExitCode.PASS


def as_dict(found: Lineage, model_id: str) -> dict[str, Any]:
    """Everything under the manifest, as it was written."""
    return {
        "schema_version": 1,
        "model_id": model_id,
        "digest": found.digest,
        "manifest": found.plan["manifest"] if found.plan else None,
        "job": found.job,
        "ended": found.ended,
        "approval": found.approval,
        "approvals": list(found.approvals),
        "events": list(found.standing.events),
        "verdicts": list(found.verdicts),
    }
