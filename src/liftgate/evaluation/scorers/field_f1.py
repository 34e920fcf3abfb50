"""How much of an extraction is right: F1 over the fields of a JSON answer.

Every leaf of an object is one item, (field, value); a list is a bag of items under its field, so its order
does not matter. F1 = 2·TP / (2·TP + FP + FN), micro-averaged over the items of the case (van Rijsbergen,
Information Retrieval, 1979, ch. 7, with beta 1). Nothing expected and nothing given is 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from liftgate.evaluation.scorers.json_text import NOT_JSON, in_one_form, parse_plain, pick

VERSION: Final = 1
OPTIONS: Final[Mapping[str, tuple[type, bool]]] = {"fields": (list, False), "ignore_case": (bool, False)}


def score(output: str, expected: Any, options: Mapping[str, Any]) -> float | None:
    """F1 of the items found against the items expected; 0 when the output is not an object."""
    answer = parse_plain(output)
    if not isinstance(answer, dict):
        return 0.0
    right = invented = missed = 0
    for counts in _by_field(answer, expected, options).values():
        right, invented, missed = right + counts[0], invented + counts[1], missed + counts[2]
    return _f1(right, invented, missed)


def problem(expected: Any, options: Mapping[str, Any]) -> str | None:
    """The expectation must be an object."""
    return None if isinstance(expected, dict) else "field_f1 needs an `expected` that is an object"


def option_problem(options: Mapping[str, Any]) -> str | None:
    """`fields` must name fields."""
    fields = options.get("fields")
    if fields is None or (fields and all(isinstance(name, str) and name for name in fields)):
        return None
    return "the option 'fields' of field_f1 must be a list of field names"


def detail(output: str, expected: Any, options: Mapping[str, Any]) -> dict[str, list[int]]:
    """Field → [right items, invented items, missing items]."""
    answer = parse_plain(output)
    return _by_field(answer if isinstance(answer, dict) else {}, expected, options)


def aggregate(details: Sequence[Any]) -> dict[str, Any]:
    """Over all answers: micro precision, recall and F1, and the F1 and expected items of each field."""
    counts: dict[str, list[int]] = {}
    for fields in details:
        for field, added in fields.items():
            counts[field] = [old + new for old, new in zip(counts.get(field, [0, 0, 0]), added, strict=True)]
    right, invented, missed = (sum(kept[i] for kept in counts.values()) for i in range(3))
    return {
        "n": len(details),
        "precision": right / (right + invented) if right + invented else None,
        "recall": right / (right + missed) if right + missed else None,
        "f1": _f1(right, invented, missed),
        "fields": {
            field: {"f1": _f1(*kept), "expected": kept[0] + kept[2]} for field, kept in sorted(counts.items())
        },
    }


def _f1(both: int, only_found: int, only_wanted: int) -> float:
    return 2 * both / (2 * both + only_found + only_wanted) if both + only_found + only_wanted else 1.0


def _by_field(
    answer: Mapping[str, Any], expected: Mapping[str, Any], options: Mapping[str, Any]
) -> dict[str, list[int]]:
    """Field → [right, invented, missed] items."""
    found, wanted = _items(answer, options), _items(expected, options)
    counts: dict[str, list[int]] = {}
    for item in found.keys() | wanted.keys():
        given, asked = found.get(item, 0), wanted.get(item, 0)
        kept = counts.setdefault(item[0], [0, 0, 0])
        right = min(given, asked)
        kept[0] += right
        kept[1] += given - right
        kept[2] += asked - right
    return counts


def _items(value: Mapping[str, Any], options: Mapping[str, Any]) -> dict[tuple[str, str], int]:
    fields: Iterable[str] | None = options.get("fields")
    chosen = value
    if fields is not None:
        chosen = {name: found for name in fields if (found := pick(value, name)) is not NOT_JSON}
    fold = bool(options.get("ignore_case"))
    counts: dict[tuple[str, str], int] = {}
    for path, leaf in _leaves(chosen, ""):
        item = (path, _form(leaf, fold))
        counts[item] = counts.get(item, 0) + 1
    return counts


def _form(leaf: Any, fold: bool) -> str:
    return in_one_form(" ".join(leaf.casefold().split()) if fold and isinstance(leaf, str) else leaf)


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    # A null field is a field left empty, the same as one that is not there.
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(item, f"{path}.{key}" if path else str(key))
    elif value is not None:
        for item in value if isinstance(value, list) else [value]:
            yield path, item
