"""How much of an extraction is right: F1 over the fields of a JSON answer.

Every leaf of an object is one item, (field, value); a list is a bag of items under its field, so its order
does not matter. F1 = 2·TP / (2·TP + FP + FN), micro-averaged over the items of the case (van Rijsbergen,
Information Retrieval, 1979, ch. 7, with beta 1). Nothing expected and nothing given is 1.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from liftgate.evaluation.scorers.json_text import NOT_JSON, in_one_form, parse_plain, pick

VERSION: Final = 1
OPTIONS: Final[Mapping[str, tuple[type, bool]]] = {"fields": (list, False), "ignore_case": (bool, False)}
_Items = Counter[tuple[str, str]]


def score(output: str, expected: Any, options: Mapping[str, Any]) -> float | None:
    """F1 of the items found against the items expected; 0 when the output is not an object."""
    answer = parse_plain(output)
    if not isinstance(answer, dict):
        return 0.0
    return _f1(*_counts(_items(answer, options), _items(expected, options)))


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
    found = _items(answer, options) if isinstance(answer, dict) else Counter()
    wanted = _items(expected, options)
    fields = sorted({name for name, _ in found.keys() | wanted.keys()})
    return {field: list(_counts(_of(found, field), _of(wanted, field))) for field in fields}


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


def _counts(found: _Items, wanted: _Items) -> tuple[int, int, int]:
    return (found & wanted).total(), (found - wanted).total(), (wanted - found).total()


def _of(items: _Items, field: str) -> _Items:
    return Counter({item: count for item, count in items.items() if item[0] == field})


def _items(value: Mapping[str, Any], options: Mapping[str, Any]) -> _Items:
    fields: Iterable[str] | None = options.get("fields")
    chosen = value
    if fields is not None:
        chosen = {name: found for name in fields if (found := pick(value, name)) is not NOT_JSON}
    fold = bool(options.get("ignore_case"))
    return Counter((path, _form(leaf, fold)) for path, leaf in _leaves(chosen, ""))


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
