"""The extra `[labels]`: rows whose label the other rows doubt, by confident learning (cleanlab)."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from liftgate.data.checks.context import Context
from liftgate.data.dataset import Row
from liftgate.data.text import shown
from liftgate.errors import MissingExtra
from liftgate.findings import Finding

RULE: Final = "label-noise"
_FOLDS: Final = 5
_LEAST_ACCURACY: Final = 0.75
"""Below this the classifier knows less than the labels do, and most of its doubts are its own."""


def label_noise(context: Context) -> Iterator[Finding]:
    """A label that the other rows doubt (only with `liftgate validate --with labels`).

    A small classifier learns four fifths of the rows and judges the fifth; cleanlab weighs its doubts against
    its habits. Doubts are suggestions: of those in banking questions with 3% false labels, four in five were
    right, and nineteen in twenty false labels were among them.
    Why: a wrong label teaches the wrong answer, and the golden set counts it against the model.
    Fix: read the row; correct its label and answer, or leave it.
    """
    rows, labels = _labelled(context)
    sizes = Counter(labels)
    kept = [index for index, label in enumerate(labels) if sizes[label] >= _FOLDS]
    rows, labels = [rows[index] for index in kept], [labels[index] for index in kept]
    if len(set(labels)) < 2:
        yield context.finding(RULE, f"not judged: it takes two labels of {_FOLDS} rows and more", warn=True)
        return
    judged = _judged([row.prompt for row in rows], labels)
    if judged.accuracy < _LEAST_ACCURACY:
        message = (
            f"not judged: the check itself names the right label for {judged.accuracy:.0%} of the rows only, "
            f"and {_LEAST_ACCURACY:.0%} would be enough"
        )
        yield context.finding(RULE, message, warn=True)
        return
    for index, suggestion in judged.doubts:
        other = shown(suggestion, "another label")
        yield context.finding(RULE, f"rows like it are labelled {other}", rows[index], warn=True)


class _Judged(NamedTuple):
    accuracy: float
    doubts: list[tuple[int, str]]


def _labelled(context: Context) -> tuple[list[Row], list[str]]:
    """Rows with a prompt, and their classes: the labels, or short answers that repeat."""
    if not context.classes:
        return [], []
    by_label = any(row.label is not None for row in context.rows)
    pairs = [(row, row.label if by_label else row.answer) for row in context.rows if row.prompt.strip()]
    known = [(row, label) for row, label in pairs if label is not None]
    return [row for row, _ in known], [label for _, label in known]


def _judged(prompts: Sequence[str], labels: Sequence[str]) -> _Judged:
    try:
        import numpy as np
        from cleanlab.filter import find_label_issues
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import SGDClassifier
        from sklearn.model_selection import StratifiedKFold, cross_val_predict
    except ImportError:
        raise MissingExtra("labels", "cleanlab") from None
    names = sorted(set(labels))
    numbers: Any = np.array([names.index(label) for label in labels])
    texts = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), max_features=20_000, sublinear_tf=True)
    model = SGDClassifier(loss="log_loss", alpha=1e-5, random_state=0)
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        chances = cross_val_predict(
            model, texts.fit_transform(prompts), numbers, cv=folds, method="predict_proba"
        )
    best = chances.argmax(axis=1)
    doubted = find_label_issues(
        numbers,
        chances,
        return_indices_ranked_by="self_confidence",
        filter_by="low_self_confidence",
        n_jobs=1,
    )
    doubts = [(int(index), names[best[index]]) for index in doubted if best[index] != numbers[index]]
    return _Judged(float((best == numbers).mean()), sorted(doubts))
