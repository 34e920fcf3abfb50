"""`liftgate estimate`: exact training tokens × price, or hours × price an hour, against the budget."""

from __future__ import annotations

import argparse
import datetime
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from liftgate.errors import ExitCode, InputError, Problem

if TYPE_CHECKING:
    from liftgate.findings import Finding
    from liftgate.project import Ruler, Subject
    from liftgate.training.base_model import Base
    from liftgate.training.cost import Estimate
    from liftgate.training.rendering import TokenizedRow


class Tokenized(NamedTuple):
    """Training and validation rows in tokens, and what was found that need not stop the training."""

    train: list[TokenizedRow]
    validation: list[TokenizedRow]
    findings: list[Finding]


class UntrainableRows(InputError):
    """Rows that the base model's template or the card's limit refuses, each as a finding."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = list(findings)
        super().__init__(
            f"{len(findings)} row{'' if len(findings) == 1 else 's'} cannot be trained on",
            problems=[Problem(finding.place, finding.message) for finding in findings[:20]],
            hint="shorten or remove the rows, or raise max_length in the card's training section",
        )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which alias, and where estimate.json goes."""
    parser.add_argument("--alias", required=True, help="whose dataset is trained on")
    parser.add_argument("--version", metavar="X.Y.Z", help="release of the dataset (default: the newest)")
    parser.add_argument(
        "--root", type=Path, default=Path(), metavar="DIR", help="the repository (default: here)"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="write estimate.json here as well")
    parser.add_argument("--json", action="store_true", help="estimate.json on stdout")


def run(arguments: argparse.Namespace) -> int:
    """Estimate, write, answer 0 or 10."""
    from liftgate.files import pretty, write_json
    from liftgate.findings import blocks
    from liftgate.project import Ruler, read_subject
    from liftgate.training.base_model import resolve_base

    subject = read_subject(arguments.root, arguments.alias, arguments.version)
    base = resolve_base(base_name(subject), say=lambda text: void(sys.stderr.write(text + "\n")))
    result = estimate_training(
        subject, base, Ruler(arguments.root, None), datetime.datetime.now(datetime.UTC).date()
    )
    document = result.to_dict()
    if arguments.out:
        write_json(arguments.out, document)
    if arguments.json:
        sys.stdout.write(pretty(document).decode())
    sys.stderr.write(as_text(result) + "\n")
    return ExitCode.BLOCKED if blocks(result.findings) else ExitCode.PASS


def void(_: object) -> None:
    """Drop a value where a callback must return None."""


def base_name(subject: Subject) -> str:
    """The base that the card names."""
    training = subject.card.document.data.get("training")
    if not training:
        raise InputError(f"{subject.card.path}: the card has no training section")
    return str(training["base"])


def tokenized(subject: Subject, base: Base, rules: Mapping[str, str] | None = None) -> Tokenized:
    """The rows as the model will read them.

    Raises `UntrainableRows` when one of them cannot be trained on; the policy's `rules` may soften only what the
    template drops.
    """
    from liftgate.data.checks.context import Context
    from liftgate.data.checks.drift import rendering_findings
    from liftgate.data.dataset import read_rows
    from liftgate.data.rendered import RenderedRow, Rendering
    from liftgate.data.storage import as_written
    from liftgate.files import read_bytes
    from liftgate.findings import blocks, with_policy
    from liftgate.training.rendering import UnrenderableRow, load_renderer

    renderer = load_renderer(base.folder, base.tokenizer_sha256)
    limit = int(subject.manifest(base.revision).hyperparameters["max_length"])
    split: list[list[TokenizedRow]] = []
    findings: list[Finding] = []
    for path in (subject.train_path, subject.validation_path):
        rows: list[TokenizedRow] = []
        if path is not None:
            dataset = read_rows(read_bytes(subject.data(path), "dataset"), as_written(path))
            seen: list[RenderedRow] = []
            for row in dataset.rows:
                try:
                    rendered = renderer.row(row.messages, row.tools)
                except UnrenderableRow as error:
                    seen.append(RenderedRow(row.line, problem=str(error)))
                    continue
                dropped = renderer.dropped(row.messages, rendered)
                seen.append(RenderedRow(row.line, len(rendered.input_ids), dropped))
                rows.append(rendered)
            findings += rendering_findings(Context(dataset, rendering=Rendering(limit, seen)))
        split.append(rows)
    softened = {key: value for key, value in (rules or {}).items() if key == "template-drops-target"}
    findings = with_policy(findings, softened)
    if blocks(findings):
        raise UntrainableRows(findings)
    if not split[0]:
        raise InputError(f"{subject.train_path}: no rows to train on", hint="add rows, then validate them")
    return Tokenized(split[0], split[1], findings)


def estimate_training(
    subject: Subject, base: Base, ruler: Ruler, today: datetime.date, rows: list[TokenizedRow] | None = None
) -> Estimate:
    """Price the training of a subject by the ruler's prices and budget."""
    from liftgate.training.cost import estimate

    manifest = subject.manifest(base.revision)
    rows = tokenized(subject, base, ruler.policy.rules).train if rows is None else rows
    cost = ruler.policy.cost
    return estimate(
        rows=len(rows),
        tokens=sum(len(row.input_ids) for row in rows),
        epochs=int(manifest.hyperparameters["epochs"]),
        provider=manifest.provider,
        model=manifest.base,
        prices=ruler.prices,
        cost_policy={
            "max_training_usd": cost.max_training_usd,
            "auto_approve_usd": cost.auto_approve_usd,
            "buffer": cost.buffer,
        },
        today=today,
        prices_path=ruler.prices_path,
    )


def as_text(result: Estimate) -> str:
    """One line for a person."""
    price = "no price known" if result.usd is None else f"${result.usd}"
    hours = "" if result.hours is None else f", about {float(result.hours) * 60:.0f} minutes"
    approval = "starts without approval" if result.auto_approved else "needs an approval"
    lines = [
        f"{result.rows} rows, {result.training_tokens} training tokens over {result.epochs} epoch"
        f"{'s' if result.epochs != 1 else ''}: {price}{hours} ({approval})"
    ]
    lines += [f"{f.place}: {f.severity}: {f.message} [{f.rule}]" for f in result.findings]
    return "\n".join(lines)
