"""The answer is the right label of a classification: as the whole text, or in one field of a JSON answer.

Labels are compared without case, compatibility forms, quotes and closing punctuation around them, and with
`order status`, `order-status` and `order_status` as one. A sentence around the label is not the label.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from liftgate.evaluation.scorers.json_text import NOT_JSON, parse, pick

VERSION: Final = 1
OPTIONS: Final[Mapping[str, tuple[type, bool]]] = {"field": (str, False), "labels": (list, False)}
_AROUND: Final = " \t\r\n\"'`.,:;!*()[]{}<>„“”‚‘’«»"


def score(output: str, expected: Any, options: Mapping[str, Any]) -> float | None:
    """1 for the expected label, 0 for another, for text that is none, and for JSON without the field."""
    wanted = _expected(expected, options)
    return None if wanted is None else float(predicted(output, options) == wanted)


def problem(expected: Any, options: Mapping[str, Any]) -> str | None:
    """The expectation must be a label, one of `labels` where the suite lists them."""
    wanted = _expected(expected, options)
    if wanted is None:
        field = options.get("field")
        form = "text" if field is None else f"an object with the field {field!r}"
        return f"label needs an `expected` that is {form}"
    listed = options.get("labels")
    if listed is not None and wanted not in {normalised(each) for each in listed}:
        return "the expected label is not one of the suite's `labels`"
    return None


def option_problem(options: Mapping[str, Any]) -> str | None:
    """`labels` must be different labels."""
    listed = options.get("labels")
    if listed is None:
        return None
    if not all(isinstance(each, str) and normalised(each) for each in listed) or not listed:
        return "the option 'labels' of label must be a list of labels"
    if len({normalised(each) for each in listed}) < len(listed):
        return "the option 'labels' of label names one label twice (case, spaces, - and _ do not count)"
    return None


def detail(output: str, expected: Any, options: Mapping[str, Any]) -> list[str | None]:
    """[expected label, label said or None], as they are compared."""
    return [_expected(expected, options), predicted(output, options)]


def aggregate(details: Sequence[Any]) -> dict[str, Any]:
    """Accuracy, recall and F1 of every expected class, and their unweighted means.

    The classes are those that the cases expect. An answer outside them is a miss of the expected class and
    a false alarm of none, as in scikit-learn with `labels=` the expected classes.
    """
    pairs = [(wanted, found) for wanted, found in details]
    support = Counter(wanted for wanted, _ in pairs)
    said = Counter(found for _, found in pairs)
    right = Counter(wanted for wanted, found in pairs if wanted == found)
    recall = {name: right[name] / support[name] for name in sorted(support)}
    f1 = {name: 2 * right[name] / (support[name] + said[name]) for name in sorted(support)}
    return {
        "n": len(pairs),
        "accuracy": right.total() / len(pairs),
        "macro_f1": sum(f1.values()) / len(f1),
        "balanced_accuracy": sum(recall.values()) / len(recall),
        "off_label": sum(count for name, count in said.items() if name not in support),
        "classes": {
            name: {"cases": support[name], "recall": recall[name], "f1": f1[name]} for name in sorted(support)
        },
    }


def predicted(output: str, options: Mapping[str, Any]) -> str | None:
    """The label in an output, or None."""
    field = options.get("field")
    return normalised(output) or None if field is None else _of(parse(output), field)


def normalised(text: str) -> str:
    """The form in which labels are compared."""
    folded = unicodedata.normalize("NFKC", text).casefold().strip(_AROUND)
    return "_".join(folded.replace("_", " ").replace("-", " ").split())


def _expected(expected: Any, options: Mapping[str, Any]) -> str | None:
    field = options.get("field")
    if field is not None:
        return _of(expected, field)
    return normalised(expected) or None if isinstance(expected, str) else None


def _of(value: Any, field: str) -> str | None:
    found = pick(value, field)
    if found is NOT_JSON or not isinstance(found, str | bool | int):
        return None
    return normalised(found if isinstance(found, str) else str(found)) or None
