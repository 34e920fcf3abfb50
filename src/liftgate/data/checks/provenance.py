"""Provenance: where a row comes from, and whether a person stands behind it."""

from __future__ import annotations

from collections.abc import Iterator

from liftgate.data.answers import answer_key
from liftgate.data.checks.context import Context
from liftgate.data.text import normal_print, shown
from liftgate.findings import Finding

_BAD_OUTCOMES = {"failed", "escalated"}


def missing_provenance(context: Context) -> Iterator[Finding]:
    """A row does not say which row it is (`metadata.id`) or where it comes from (`metadata.source`).

    Why: without them a bad row cannot be traced, waived or removed in the next version.
    Fix: add `"metadata": {"id": ..., "source": "human" | "synthetic" | "prod_sample", "reviewed": ...}`.
    """
    bare = [row for row in context.rows if not row.metadata]
    if bare:
        message = (
            f"{len(bare):,} of {len(context.rows):,} rows carry no metadata (first: line {bare[0].line})"
        )
        yield context.finding("missing-provenance", message, warn=context.card is None)
    for row in context.rows:
        if not row.metadata:
            continue
        missing = [name for name, value in (("id", row.id), ("source", row.source)) if value is None]
        if missing:
            message = f"metadata lacks {' and '.join(missing)}"
            yield context.finding("missing-provenance", message, row)


def duplicate_id(context: Context) -> Iterator[Finding]:
    """Two rows carry the same `metadata.id`.

    Why: waivers, diffs and traces name rows by id.
    Fix: give every row an id of its own.
    """
    first: dict[str, int] = {}
    for row in context.rows:
        if row.id and (line := first.setdefault(row.id, row.line)) != row.line:
            yield context.finding(
                "duplicate-id", f"{shown(row.id, 'the id')} already stands on line {line}", row
            )


def unreviewed_synthetic(context: Context) -> Iterator[Finding]:
    """A synthetic row that nobody has reviewed.

    Why: a model trained on unread model output learns its mistakes.
    Fix: read the row, then set `metadata.reviewed` to true.
    """
    for row in context.rows:
        if row.source == "synthetic" and not row.reviewed:
            yield context.finding("unreviewed-synthetic", "synthetic and not reviewed", row)


def synthetic_share(context: Context) -> Iterator[Finding]:
    """More of the dataset is synthetic than the policy allows (`data.max_synthetic_share`).

    Why: synthetic rows narrow the language that the model sees.
    Fix: add human or production rows, or argue about the policy in a pull request of its own.
    """
    known = [row for row in context.rows if row.source]
    share = sum(row.source == "synthetic" for row in known) / len(known) if known else 0.0
    limit = context.thresholds.max_synthetic_share
    if share > limit:
        message = f"{share:.1%} of the rows are synthetic; the policy allows {limit:.1%}"
        yield context.finding("synthetic-share", message)


def source_changed(context: Context) -> Iterator[Finding]:
    """A row says that a person wrote it, and an older release says of the same row that it is another's.

    The same question with the same answer is the same row, whatever its id. Known with a card that holds other
    releases.
    Why: the share of synthetic rows and the review of production rows hang on a word that anybody can change.
    Fix: put the old source back. Where the release was wrong, waive the rows, or lower this rule in the
    policy.
    """
    before = {
        (normal_print(row.prompt), answer_key(row)): row.source
        for dataset in context.history
        for row in dataset.rows
        if row.source and row.source != "human"
    }
    if not before:
        return
    for row, print_ in zip(context.rows, context.prompt_prints, strict=True):
        if row.source == "human" and (source := before.get((print_, answer_key(row)))):
            yield context.finding("source-changed", f"human here, {source} in an older release", row)


def unfit_production_row(context: Context) -> Iterator[Finding]:
    """A production row whose conversation failed or was escalated, or that nobody has reviewed.

    Why: the model would learn to repeat the failure.
    Fix: remove the row, or correct its answer, set `outcome` and `reviewed`.
    """
    for row in context.rows:
        if row.source != "prod_sample":
            continue
        if row.metadata.get("outcome") in _BAD_OUTCOMES:
            yield context.finding(
                "unfit-production-row", "taken from a conversation that failed or escalated", row
            )
        elif not row.reviewed:
            yield context.finding("unfit-production-row", "taken from production and not reviewed", row)
