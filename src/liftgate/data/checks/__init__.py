"""The rules of the data gate: rule id → generator. A rule's docstring is its documentation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from liftgate.data.checks import (
    cases,
    conversation,
    coverage,
    drift,
    duplicates,
    knowledge,
    labels,
    leakage,
    placeholders,
    privacy,
    provenance,
    releases,
    secrets,
    tool_calls,
    volume,
)
from liftgate.data.checks import format as form
from liftgate.data.checks.context import Context
from liftgate.findings import Finding, ordered

Rule = Callable[[Context], Iterator[Finding]]

RULES: Final[dict[str, Rule]] = {
    "invalid-json": form.invalid_json,
    "byte-order-mark": form.byte_order_mark,
    "carriage-return": form.carriage_return,
    "blank-line": form.blank_line,
    "no-final-newline": form.no_final_newline,
    "empty-dataset": form.empty_dataset,
    "lfs-pointer": releases.lfs_pointer,
    "schema": form.schema,
    "mixed-shapes": form.mixed_shapes,
    "role-order": conversation.role_order,
    "inexpressible-row": conversation.inexpressible_row,
    "missing-prompt": conversation.missing_prompt,
    "tool-call": tool_calls.tool_call,
    "reserved-text": conversation.reserved_text,
    "row-too-long": conversation.row_too_long,
    "too-many-rows": conversation.too_many_rows,
    "missing-provenance": provenance.missing_provenance,
    "duplicate-id": provenance.duplicate_id,
    "unreviewed-synthetic": provenance.unreviewed_synthetic,
    "synthetic-share": provenance.synthetic_share,
    "source-changed": provenance.source_changed,
    "unfit-production-row": provenance.unfit_production_row,
    "duplicate-row": duplicates.duplicate_row,
    "near-duplicate-row": duplicates.near_duplicate_row,
    "split-leak": duplicates.split_leak,
    "split-near-leak": duplicates.split_near_leak,
    "contradictory-label": labels.contradictory_label,
    "label-differs": labels.label_differs,
    "too-few-rows": volume.too_few_rows,
    "small-class": volume.small_class,
    "class-imbalance": volume.class_imbalance,
    "field-coverage": coverage.field_coverage,
    "no-abstention": coverage.no_abstention,
    "uncalled-tool": coverage.uncalled_tool,
    "mutable-fact": knowledge.mutable_fact,
    "system-prompt-differs": drift.system_prompt_differs,
    "zero-target": drift.zero_target,
    "target-truncated": drift.target_truncated,
    "template-drops-target": drift.template_drops_target,
    "unrenderable-row": drift.unrenderable_row,
    "pii": privacy.pii,
    "secret": secrets.secret,
    "inconsistent-placeholder": placeholders.inconsistent_placeholder,
    "released-file-edited": releases.released_file_edited,
    "version-order": releases.version_order,
    "card-mismatch": releases.card_mismatch,
    "validation-share": releases.validation_share,
    "split-not-stratified": releases.split_not_stratified,
    "golden-leak": leakage.golden_leak,
    "golden-near-leak": leakage.golden_near_leak,
    "golden-entity-swap": leakage.golden_entity_swap,
    "unclustered-cases": cases.unclustered_cases,
}


def run_checks(context: Context) -> list[Finding]:
    """Every finding of every rule, most severe first."""
    return ordered(finding for rule in RULES.values() for finding in rule(context))
