"""The bill of a training: its rows counted as the trainer counts them, its price, its budget."""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from liftgate.errors import InputError, Problem

if TYPE_CHECKING:
    from liftgate.findings import Finding
    from liftgate.project import Ruler, Subject
    from liftgate.training.base_model import Base
    from liftgate.training.billing import Billed
    from liftgate.training.budget import Spent
    from liftgate.training.cost import Price
    from liftgate.training.estimate import Estimate, EvaluationCost
    from liftgate.training.rendering import TrainedRow


class Tokenized(NamedTuple):
    """Training and validation rows in tokens, and what was found that need not stop the training."""

    train: list[TrainedRow]
    validation: list[TrainedRow]
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


def base_name(subject: Subject) -> str:
    """The base that the card names."""
    return str(subject.training["base"])


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
    from liftgate.training.rows import trained_row

    renderer = load_renderer(base.folder, base.tokenizer_sha256)
    manifest = subject.manifest(base.revision)
    limit = int(manifest.hyperparameters["max_length"])
    split: list[list[TrainedRow]] = []
    findings: list[Finding] = []
    for path in (subject.train_path, subject.validation_path):
        rows: list[TrainedRow] = []
        if path is not None:
            dataset = read_rows(read_bytes(subject.data(path), "dataset"), as_written(path))
            seen: list[RenderedRow] = []
            for row in dataset.rows:
                try:
                    rendered, dropped = trained_row(renderer, row, manifest.method)
                except UnrenderableRow as error:
                    seen.append(RenderedRow(row.line, problem=str(error)))
                    continue
                longest = max(answer.tokens for answer in rendered.answers)
                seen.append(RenderedRow(row.line, longest, dropped))
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
    subject: Subject,
    base: Base | None,
    ruler: Ruler,
    today: datetime.date,
    rows: list[TrainedRow] | None = None,
    *,
    evaluation: EvaluationCost | None = None,
    spent: Iterable[Spent] = (),
) -> Estimate:
    """Price a change by the ruler's prices, budget and table of ends.

    `base` is None for a hosted training, and for a local one whose model is not at hand: its tokens are then a range.
    `rows` are the training rows where they are already tokenized; `spent` what the ledger's jobs cost, `today` a UTC
    day.
    """
    from liftgate.training.billing import Tokens
    from liftgate.training.cost import price_for
    from liftgate.training.epochs import epochs_of, overfit_risk
    from liftgate.training.estimate import estimate

    # The revision decides weights, not prices.
    unpriced = None if subject.is_hosted else "not looked up"
    manifest = subject.manifest(unpriced if base is None else base.revision)
    region = os.environ.get("AWS_REGION") if manifest.provider == "bedrock" else None
    price = price_for(ruler.prices, manifest.provider, manifest.base, region)
    found: list[Finding] = []
    if base is None:
        files = billed_files(subject, manifest.base, price)
        train, validation = files.train, files.validation
        found += train.truncated(str(subject.train_path))
        count, tokens = train.rows, train.tokens
        checked = None if validation is None else validation.tokens
    else:
        held = tokenized(subject, base, ruler.policy.rules).train if rows is None else rows
        count, tokens = len(held), Tokens.exactly(sum(row.tokens for row in held))
        checked = None
    epochs = epochs_of(manifest.hyperparameters["epochs"], count, manifest.base, price)
    found += overfit_risk(epochs, count, f"datasets/{subject.card.alias}/card.yaml")
    cost = ruler.policy.cost
    traffic = cost.requests_per_month
    priced = estimate(
        rows=count,
        tokens=tokens,
        epochs=epochs,
        provider=manifest.provider,
        model=manifest.base,
        prices=ruler.prices,
        cost_policy=vars(cost),
        today=today,
        prices_path=ruler.prices_path,
        region=region,
        validation=checked,
        evaluation=evaluation,
        spent=spent,
        requests_per_month=traffic.get(subject.card.alias) if isinstance(traffic, Mapping) else traffic,
    )
    return priced.with_findings(found)


def as_text(result: Estimate) -> str:
    """The bill for a person."""
    from liftgate.report.cost import estimate_text

    return estimate_text(result.to_dict()).rstrip()


class BilledFiles(NamedTuple):
    """The two files of a release as a provider charges them."""

    train: Billed
    validation: Billed | None


def billed_files(subject: Subject, model: str, price: Price | None) -> BilledFiles:
    """Count what a hosted training charges. Raises `UntrainableRows` for lines that nobody can read."""
    from liftgate.data.dataset import read_rows
    from liftgate.data.storage import as_written
    from liftgate.files import read_bytes
    from liftgate.training.billing import billed

    counted: list[Billed | None] = []
    for path in (subject.train_path, subject.validation_path):
        if path is None:
            counted.append(None)
            continue
        dataset = read_rows(read_bytes(subject.data(path), "dataset"), as_written(path))
        if errors := [each for each in dataset.findings if each.severity == "error"]:
            raise UntrainableRows(errors)
        counted.append(billed(dataset.rows, model, price))
    train, validation = counted
    if train is None or not train.rows:
        raise InputError(f"{subject.train_path}: no rows to train on", hint="add rows, then validate them")
    return BilledFiles(train, validation)
