"""Decision documents as pull requests bring them, the reports they name, and the section that a report gets."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import yaml

from liftgate.digests import pretty
from liftgate.policy import Policy
from liftgate.report.seal import seal
from liftgate.verdict.decision_paper import Paper, read_paper
from liftgate.verdict.road import road_section
from report_examples import passing

ALIAS = "support-intent"
PAPER, REPORT = f"evals/{ALIAS}/decision.yaml", f"evals/reports/{ALIAS}/prompts.json"
ASKED: Mapping[str, Any] = {
    "must_cite_sources": False,
    "policy_updates_per_month": 0,
    "schema_fields": 2,
    "labels": 8,
    "labels_stable_months": 9,
    "locales": ["en", "es", "de"],
    "labelled_rows": 722,
}
TRIED = (
    {"path": "prompt", "arm": "base", "outcome": "our prompt since May", "report": REPORT},
    {
        "path": "prompt",
        "arm": "prompt-v2",
        "outcome": "five examples more, and no gain worth its tokens",
        "report": REPORT,
    },
)


def paper(**changes: Any) -> bytes:
    """decision.yaml; None takes a key out."""
    document = {
        "version": 1,
        "alias": ALIAS,
        "question": "Which of eight queues does a ticket go to, and how urgent is it?",
        "requirements": dict(ASKED),
        "paths_tried": [dict(each) for each in TRIED],
        "recommendation": "fine-tune",
        "reasons": ["Two fields with ten fixed values, and no facts to look up."],
        "owner": "support-platform",
        "decided_on": "2026-11-25",
        **changes,
    }
    kept = {key: value for key, value in document.items() if value is not None}
    # Through JSON, so that what stands twice becomes no anchor.
    return yaml.safe_dump(json.loads(json.dumps(kept)), sort_keys=False).encode()


def report(*, clears: bool = False, score: float = 0.76, **changes: Any) -> bytes:
    """A sealed report in which the better prompt reaches this score."""
    made = json.loads(pretty(passing()))
    for arm in made["arms"]:
        if arm["name"] == "prompt-v2":
            arm["clears_bar"] = clears
            arm["metrics"]["exact_match"] = score
    return pretty(seal({**made, **changes}))


def read(document: bytes, files: Mapping[str, bytes] | None = None) -> Paper:
    """The document with its report, as the gate reads it."""
    held = {PAPER: document, REPORT: report(), **(files or {})}
    found = read_paper(ALIAS, held.get, Policy())
    assert found is not None
    return found


def agrees() -> dict[str, Any]:
    """Document and matrix recommend a training."""
    return road_section(read(paper()))


def differs() -> dict[str, Any]:
    """The document recommends a training, the matrix a prompt that clears the bar."""
    return road_section(read(paper(), {REPORT: report(clears=True)}))


def incomplete() -> dict[str, Any]:
    """Nothing measured bears out what was tried."""
    bare = [
        {"path": "prompt", "arm": "prompt-v2", "outcome": "no better"},
        {"path": "rag", "outcome": "slow"},
    ]
    return road_section(read(paper(paths_tried=bare)))


def unfinished() -> dict[str, Any]:
    """People have answered half of it."""
    return road_section(read(paper(question="TODO", recommendation=None, reasons=None, owner=None)))
