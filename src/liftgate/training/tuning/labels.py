"""What the loss falls on, looked at once more in the very batch that goes into the model, before the first step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from liftgate.errors import InputError, Problem
from liftgate.training.rendering import IGNORE, Renderer, TrainedRow

LOOKED_AT: Final = 16
# Of the rows that its method trains on: nothing here tells the two kinds apart.
Collate = Callable[[Any], dict[str, Any]]


def check_labels(rows: Sequence[TrainedRow], collate: Collate, renderer: Renderer, path: str) -> None:
    """Raise `InputError` with the place of every row whose labels would teach something else than its answer.

    The first rows pass through `collate`, as in training; what comes out is held against the row and decoded.
    """
    looked_at = list(rows[:LOOKED_AT])
    problems: list[Problem] = []
    for row in looked_at:
        batch = collate([row])
        ids, labels = batch["input_ids"].tolist(), labels_of(batch)
        for answer, its_ids, its_labels in zip(row.answers, ids, labels, strict=True):
            said = _problem(renderer, its_ids, its_labels)
            if said is None and _trained(its_labels) != _trained(answer.labels):
                said = "the batch trains on other tokens than the row's answer"
            if said is not None:
                problems.append(Problem(f"{path}:{row.line}", said))
                break
    if problems:
        raise InputError(
            f"{len(problems)} of the first {len(looked_at)} rows would not be trained on as they are written",
            problems=problems,
            hint="the chat template or the tokenizer of this base does not fit; use another base",
        )


def labels_of(batch: dict[str, Any]) -> list[list[int]]:
    """The labels of a batch; of a batch of preferences, the tokens under its mask."""
    if "labels" in batch:
        found: list[list[int]] = batch["labels"].tolist()
        return found
    masked: list[list[int]] = batch["input_ids"].masked_fill(batch["completion_mask"] == 0, IGNORE).tolist()
    return masked


def _problem(renderer: Renderer, ids: Sequence[int], labels: Sequence[int]) -> str | None:
    if not _trained(labels):
        return "no token of the row is trained on"
    if any(label not in {IGNORE, token} for token, label in zip(ids, labels, strict=True)):
        return "a token is trained on that the row does not hold"
    for answer in _spans(labels):
        if answer[-1] not in renderer.end_ids:
            return "an answer is cut off, or has no end token after it"
        if not renderer.decode(answer[:-1]).strip():
            return "an answer decodes to nothing but its end token"
    return None


def _trained(labels: Sequence[int]) -> list[int]:
    return [label for label in labels if label != IGNORE]


def _spans(labels: Sequence[int]) -> list[list[int]]:
    spans: list[list[int]] = []
    inside = False
    for label in labels:
        if label != IGNORE and not inside:
            spans.append([])
        if label != IGNORE:
            spans[-1].append(label)
        inside = label != IGNORE
    return spans
