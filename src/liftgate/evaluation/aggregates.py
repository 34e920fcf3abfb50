"""What a run says beyond means of scores: macro F1, recall of each class, perplexity, why scores are missing.

A function of rows and scorers alone, so that merged shards say what the whole run does.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from liftgate.evaluation.scorers import AGGREGATES


def aggregates(rows: Iterable[Mapping[str, Any]], scorers: Mapping[str, str]) -> dict[str, Any]:
    """By metric, over the golden cases' rows; `scorers` maps a metric to its version, such as `label/1`.

    Empty when nothing but means can be said.
    """
    details: dict[str, list[Any]] = defaultdict(list)
    unscored: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        for name, reason in (row.get("unscored") or {}).items():
            unscored[name][reason] += 1
        if row.get("suite", "quality") == "quality":
            for name, detail in (row.get("details") or {}).items():
                details[name].append(detail)
    found: dict[str, dict[str, Any]] = {}
    for name in sorted(details):
        scorer = scorers.get(name, "").split("/")[0]
        if scorer in AGGREGATES:
            found[name] = AGGREGATES[scorer](details[name])
        elif scorer == "judge":
            agreed = sum(bool(both) for _, both in details[name])
            found[name] = {"pairs": len(details[name]), "same_in_both_orders": agreed}
    for name, reasons in sorted(unscored.items()):
        found.setdefault(name, {})["unscored"] = dict(sorted(reasons.items()))
    return found
