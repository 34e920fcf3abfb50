"""The decision of an alias as a report carries it: what its document says, and the matrix' word on that. Pure.

Everything that the matrix reads stands in it, its thresholds too, so that anybody can make its word again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from liftgate.verdict.decide import Thresholds, Tried, advise
from liftgate.verdict.decision_paper import Paper, Path

COMPUTED: Final = ("matrix", "state", "reasons", "missing", "roads")
"""What `with_advice` makes of the rest."""


def road_section(paper: Paper) -> dict[str, Any]:
    """The section `road` of report.json."""
    said = paper.document.data
    return with_advice(
        {
            "path": paper.path,
            "sha256": paper.sha256,
            "document": paper.recommendation,
            "question": said.get("question"),
            "said": list(said.get("reasons", ())),
            "owner": said.get("owner"),
            "decided_on": said.get("decided_on"),
            "open": [each.key for each in paper.open],
            "requirements": dict(said.get("requirements", {})),
            "thresholds": asdict(paper.limits),
            "tried": [_tried(each) for each in paper.paths],
        }
    )


def with_advice(section: Mapping[str, Any]) -> dict[str, Any]:
    """The section with the matrix' word made again from its requirements, thresholds and what was tried."""
    kept = {key: value for key, value in section.items() if key not in COMPUTED}
    advice = advise(kept["requirements"], _measured(kept["tried"]), Thresholds(**kept["thresholds"]))
    state = "agrees" if advice.recommendation == kept["document"] else "differs"
    return {
        **kept,
        "matrix": advice.recommendation,
        "state": "incomplete" if kept["open"] or not advice.decided else state,
        "reasons": list(advice.reasons),
        "missing": list(advice.missing),
        "roads": dict(advice.roads),
    }


def _tried(path: Path) -> dict[str, Any]:
    tried = path.tried
    metric, _, golden = (tried.ruler or "").rpartition(" ")
    return {
        "path": tried.road,
        "arm": tried.arm,
        "outcome": path.outcome,
        "report": path.report,
        "metric": metric or None,
        "golden_sha256": None if golden in ("", "None") else golden,
        "score": tried.score,
        "valid_json": tried.valid_json,
        "clears": tried.clears,
        "why": path.why,
    }


def _measured(tried: Sequence[Mapping[str, Any]]) -> list[Tried]:
    return [
        Tried(
            each["path"],
            each["arm"],
            each["clears"],
            each["score"],
            each["valid_json"],
            f"{each['metric']} {each['golden_sha256']}" if each["metric"] else None,
        )
        for each in tried
    ]
