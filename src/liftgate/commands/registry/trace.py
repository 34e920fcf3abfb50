"""`liftgate registry trace`: where a model comes from, by the ledger, and by which steps callers came to get it."""

from __future__ import annotations

import argparse
import contextlib
import datetime
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from liftgate.commands.sources.ledgers import add_ledger, open_ledger
from liftgate.errors import ExitCode, InputError

if TYPE_CHECKING:
    from liftgate.registry.models import Variant
    from liftgate.report.lineage import ServedStep
    from liftgate.training.ledger import Ledger
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
    named = _variant(arguments.root, arguments.model_id)
    if found is None and named is not None:
        # A model of one's own machine is no job of the ledger; the registry names its manifest.
        found = _of_manifest(ledger, named[1].entry.get("manifest_digest"))
    if found is None:
        known = models(ledger)
        raise InputError(
            f"the ledger knows no model {arguments.model_id!r}{did_you_mean(arguments.model_id, known)}",
            hint=f"{plural(len(known), 'model')} in {arguments.ledger}; --ledger names another one",
        )
    served = [] if named is None else _served(arguments.root, *named)
    if arguments.json:
        steps = {"served": [step._asdict() for step in served]}
        sys.stdout.write(pretty({**as_dict(found, arguments.model_id), **steps}).decode())
    else:
        sys.stdout.write(trace_text(found, arguments.model_id, served))
    return ExitCode.PASS


def _variant(root: Path, model_id: str) -> tuple[str, Variant] | None:
    """The alias and the variant that send callers to a model; None where models.yaml names none, or cannot be read."""
    from liftgate.registry.models import read_models

    with contextlib.suppress(InputError, OSError):
        models = read_models((root / "models.yaml").read_bytes(), "models.yaml")
        for alias in models.aliases.values():
            for variant in alias.variants.values():
                if variant.model.model_id == model_id:
                    return alias.name, variant
    return None


def _of_manifest(ledger: Ledger, digest: str | None) -> Lineage | None:
    from liftgate.training.lineage import lineage

    found = None if digest is None else lineage(ledger, digest)
    return found if found is not None and (found.plan or found.verdicts) else None


def _served(root: Path, alias: str, variant: Variant) -> list[ServedStep]:
    """The steps of a variant through the first-parent history of the commit that is checked out."""
    from liftgate.project import registry_history
    from liftgate.report.lineage import ServedStep
    from liftgate.repository import commit_of

    made: list[ServedStep] = []
    with contextlib.suppress(InputError):
        for state in registry_history(root, commit_of(root, "HEAD")):
            there = state.variant(alias, variant.name)
            if there is None or there.model.model_id != variant.model.model_id:
                made.clear()
            elif not made or made[-1].percent != there.rollout_percent:
                at = state.at.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
                made.append(ServedStep(at, state.commit, there.rollout_percent))
    return made


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
