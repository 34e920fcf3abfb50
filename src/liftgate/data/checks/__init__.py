"""The rules of the data gate: rule id → generator. A rule's docstring is its documentation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from liftgate.data.checks import duplicates, format, labels, leakage, privacy, provenance, secrets  # noqa: A004
from liftgate.data.checks.context import Context
from liftgate.findings import Finding, ordered

Rule = Callable[[Context], Iterator[Finding]]

RULES: Final[dict[str, Rule]] = {
    "invalid-json": format.invalid_json,
    "byte-order-mark": format.byte_order_mark,
    "carriage-return": format.carriage_return,
    "blank-line": format.blank_line,
    "no-final-newline": format.no_final_newline,
    "empty-dataset": format.empty_dataset,
    "schema": format.schema,
    "missing-provenance": provenance.missing_provenance,
    "duplicate-id": provenance.duplicate_id,
    "unreviewed-synthetic": provenance.unreviewed_synthetic,
    "synthetic-share": provenance.synthetic_share,
    "unfit-production-row": provenance.unfit_production_row,
    "duplicate-row": duplicates.duplicate_row,
    "near-duplicate-row": duplicates.near_duplicate_row,
    "split-leak": duplicates.split_leak,
    "contradictory-label": labels.contradictory_label,
    "too-few-rows": labels.too_few_rows,
    "small-class": labels.small_class,
    "pii": privacy.pii,
    "secret": secrets.secret,
    "golden-leak": leakage.golden_leak,
    "golden-near-leak": leakage.golden_near_leak,
    "golden-entity-swap": leakage.golden_entity_swap,
}


def run_checks(context: Context) -> list[Finding]:
    """Every finding of every rule, most severe first."""
    return ordered(finding for rule in RULES.values() for finding in rule(context))
