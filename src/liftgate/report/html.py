"""The reviewer's page: one file, no network, nothing that a browser could run but our own script."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from functools import cache
from typing import Any

from liftgate.report import numbers, road
from liftgate.report.charts import MOST_ROWS, Curve, curve, forest, spreads
from liftgate.report.data_diff import data_diff_sentence, data_diff_tables
from liftgate.report.escape import clean, visible
from liftgate.report.facts import (
    blind_spots,
    cost_facts,
    data_facts,
    lineage_facts,
    ruler_sentence,
    safety_sentence,
)
from liftgate.report.headline import headline
from liftgate.report.next_steps import next_steps
from liftgate.report.page_cases import ANSWER_LIMITS, PageCases, page_cases
from liftgate.report.page_template import TEMPLATES, page_template
from liftgate.report.redaction import Show
from liftgate.report.reviews import TO_FILL_IN, decided, decision_rows, to_decide
from liftgate.report.tables import (
    Report,
    arm_rows,
    bucket_row,
    buckets_worst_first,
    part_rows,
    primary_metric,
)
from liftgate.report.validation import open_findings

TEXT_LIMIT = 2_000
MESSAGE_LIMIT = 600
NAME_LIMIT = 240
PASTE_LIMIT = 20_000
MOST_FINDINGS = 500
MOST_BUCKETS = 200
MOST_TRIED = 10
STATES = {"ok": "✓ ok", "fail": "✗ fail", "unclear": "? unclear", "not-measured": "not measured"}


def render_html(report: Report, *, show: Show = "redacted") -> str:
    """A whole HTML document. The same report gives the same bytes."""
    from markupsafe import Markup, escape

    css, script = _ours("report.css"), _ours("report.js")
    policy = (
        f"default-src 'none'; style-src '{csp_hash(css)}'; script-src '{csp_hash(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    cases = page_cases(report, show)
    # Markup marks what is ours (style, script) and JSON that cannot leave its element; all else is escaped.
    return page_template("report.html.j2", TEXT_LIMIT).render(
        view(report, cases, show),
        policy=policy,
        css=Markup(css),  # noqa: S704
        script=Markup(script),  # noqa: S704
        cases=Markup(cases.json),  # noqa: S704
        to_paste=escape(visible(to_decide(report) or "", PASTE_LIMIT)),
    )


def csp_hash(text: str) -> str:
    """`sha256-…` as a Content-Security-Policy names an inline style or script."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def view(report: Report, cases: PageCases, show: Show) -> dict[str, Any]:
    """What the template shows: every number already in words, no text escaped yet."""
    comparison, training = report["comparison"], report["training"]
    opening, _, why = headline(report).partition(": ")
    diff = report.get("data_diff")
    buckets, found = _by_dimension(comparison), open_findings(report)
    shown: dict[str, Any] = {
        "alias": report["alias"],
        "verdict": report["verdict"],
        "opening": opening,
        "why": why,
        "figures": _figures(report),
        "parts": part_rows(report),
        "findings": [_finding(each) for each in found[:MOST_FINDINGS]],
        "more_findings": numbers.count(max(0, len(found) - MOST_FINDINGS)),
        "waived": [_finding(each) for each in report.get("waived", [])[:MOST_FINDINGS]],
        "decisions": decision_rows(report),
        "regressions": _regressions(report, cases),
        "to_decide": to_decide(report) is not None,
        "to_fill_in": TO_FILL_IN,
        "steps": next_steps(report),
        "arms": arm_rows(report),
        "metric": primary_metric(report) or "score",
        "forest": forest(comparison, buckets) if comparison else None,
        "buckets": [(bucket_row(b), cases.buckets.get((b["dimension"], b["name"]))) for b in buckets],
        "safety": safety_sentence(report),
        "unsafe": _unsafe(report),
        "blind_spots": [clean(spot, MESSAGE_LIMIT) for spot in blind_spots(report)[:MOST_FINDINGS]],
        "has_cases": bool(report["cases"]) and None not in (report["base_arm"], report["candidate_arm"]),
        "answers_are": _answers_are(cases, show),
        "spreads": spreads(report["arms"]),
        "curve": _curve(training) if training else None,
        "losses": _losses(training),
        "diff": data_diff_sentence(diff) if diff else None,
        "diff_tables": data_diff_tables(diff) if diff else [],
        "road": _road(report),
        "data": data_facts(report),
        "cost": cost_facts(report),
        "lineage": lineage_facts(report),
        "ruler": ruler_sentence(report),
        "states": STATES,
    }
    shown["sections"] = [(anchor, title) for anchor, title, there in _sections(shown) if there]
    return shown


def _sections(shown: Mapping[str, Any]) -> list[tuple[str, str, Any]]:
    return [
        ("parts", "Verdict by part", shown["parts"]),
        ("next", "What to do next", shown["findings"] or shown["steps"]),
        ("waived", "Waived", shown["waived"]),
        ("decisions", "Decisions", shown["decisions"]),
        ("arms", "Arms", len(shown["arms"]) > 1),
        ("buckets", "Buckets", shown["buckets"]),
        ("safety", "Safety", shown["safety"]),
        ("regressions", "Regressions to review", shown["regressions"]),
        ("blind-spots", "Blind spots", shown["blind_spots"]),
        ("cases", "Cases", shown["has_cases"]),
        ("data-diff", "Data diff", shown["diff"]),
        ("road", road.TITLE, shown["road"]),
        ("training", "Data and training", shown["data"]),
        ("cost", "Latency and cost", shown["cost"] or shown["spreads"]),
        ("lineage", "Lineage", True),
    ]


def _figures(report: Report) -> list[tuple[str, str, str]]:
    figures = []
    if comparison := report["comparison"]:
        lift, safety = comparison["lift"], comparison["safety"]
        sides = [numbers.percent(comparison[side]["mean"]) for side in ("base", "candidate")]
        cases = numbers.plural(lift["n"], "case")
        figures.append((f"{lift['metric']}, base → candidate", " → ".join(sides), f"over {cases}"))
        between = numbers.interval(lift["low"], lift["high"])
        figures.append(
            ("Lift", f"{numbers.points(lift['mean'])} points", between and f"95% bounds {between}")
        )
        if safety and safety["cases"]:
            newly = numbers.count(len(safety["newly_unsafe"]))
            figures.append(("Newly unsafe", newly, f"of {numbers.plural(safety['cases'], 'safety case')}"))
    if report["estimate"]:
        training = report["training"]
        took = "not started" if training is None else numbers.seconds(training["seconds"])
        figures.append(("Training", numbers.usd(report["estimate"]["usd"]), took))
    return figures


def _by_dimension(comparison: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    if comparison is None:
        return []
    order = list(dict.fromkeys(b["dimension"] for b in comparison["buckets"]))
    worst_first = buckets_worst_first(comparison)
    return sorted(worst_first, key=lambda b: order.index(b["dimension"]))[:MOST_BUCKETS]


def _finding(finding: Mapping[str, Any]) -> dict[str, Any]:
    # Hundreds of them, any of which may hold a megabyte of somebody's text.
    limits = {"message": MESSAGE_LIMIT, "reason": MESSAGE_LIMIT}
    return {
        key: clean(value, limits.get(key, NAME_LIMIT)) if isinstance(value, str) else value
        for key, value in finding.items()
    }


def _answers_are(cases: PageCases, show: Show) -> str:
    """What stands between the answers and the reader."""
    if show == "ids":
        return "No answers here: the policy lets a page name cases only (report.show: ids)."
    told = "Personal data and credentials are masked." if show == "redacted" else ""
    if cases.answer_limit < ANSWER_LIMITS[0]:
        told += f" So many answers are cut to {numbers.count(cases.answer_limit)} characters each."
    return told.strip()


def _regressions(report: Report, cases: PageCases) -> list[dict[str, Any]]:
    return [
        {
            "case": clean(case["case_id"], NAME_LIMIT),
            "place": cases.cases.get(case["case_id"]),
            "buckets": clean(", ".join(f"{key}={name}" for key, name in case["buckets"].items()), NAME_LIMIT),
            "label": clean(case["label"] or numbers.NONE, NAME_LIMIT),
            "outputs": clean(", ".join(case["outputs"]), NAME_LIMIT),
            "decided": decided(report, "quality", case["case_id"]) or numbers.NONE,
        }
        for case in report["regressions"][:MOST_FINDINGS]
        if report["comparison"]
    ]


def _unsafe(report: Report) -> list[dict[str, str]]:
    safety = report["comparison"] and report["comparison"]["safety"]
    return [
        {
            "case": case["case_id"],
            "base": f"{case['base_unsafe']} of {case['base_runs']}",
            "candidate": f"{case['candidate_unsafe']} of {case['candidate_runs']}",
            "p": numbers.p_value(case["p"]),
            "state": case["state"],
            "decided": decided(report, "safety", case["case_id"]),
        }
        for case in (safety["newly_unsafe"] if safety else [])
    ]


def _road(report: Report) -> dict[str, Any] | None:
    """Text of the pull request in single lines; the template escapes them."""
    if not (held := report.get("road")):
        return None
    rows = []
    for row in road.road_rows(held):
        told = [
            ": ".join(
                clean(text, NAME_LIMIT)
                for text in (each["arm"], road.measured(each, held["requirements"].get("score_needed")))
                if text
            )
            for each in row.tried[:MOST_TRIED]
        ]
        rows.append((row.name, "; ".join([row.state, *told])))
    words = [clean(text, MESSAGE_LIMIT) for text in (held["question"], *held["said"][:MOST_TRIED]) if text]
    return {
        "line": f"{road.headline(held)} {clean(road.because(held), MESSAGE_LIMIT)}",
        "rows": [*rows, *road.asked_for(held)],
        "reasons": [clean(text, MESSAGE_LIMIT) for text in road.reasons(held)],
        "path": clean(held["path"], NAME_LIMIT),
        "signed": clean(", ".join(each for each in (held["owner"], held["decided_on"]) if each), NAME_LIMIT),
        "words": words,
    }


def _curve(training: Mapping[str, Any]) -> Curve | None:
    return curve(training["losses"], training["validation_loss"], training.get("validation_losses", ()))


def _losses(training: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    # As many rows as the plot above has at most: a table to read, not a dump.
    losses = training["losses"] if training else []
    every = max(1, -(-len(losses) // MOST_ROWS))
    return [(numbers.count(point["step"]), numbers.loss(point["loss"])) for point in losses[::every]]


@cache
def _ours(name: str) -> str:
    return (TEMPLATES / name).read_text("utf-8").strip()
