"""report.json from what the stages left: one value that every rendering and every later check reads."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from liftgate import __version__
from liftgate.digests import digest
from liftgate.errors import ExitCode
from liftgate.evaluation.runs import EvalRun
from liftgate.report.headline import headline
from liftgate.report.seal import seal
from liftgate.training.cost import money
from liftgate.verdict.comparison import Comparison
from liftgate.verdict.gate import ArmResult, Decision, answers_sha256, exit_code, verdict_key
from liftgate.verdict.latency import QUANTILE
from liftgate.verdict.reproduction import Reproduction
from liftgate.verdict.road import with_advice

_PERCENTILES = (5, 25, 50, 75, 95, 99)


@dataclass(frozen=True)
class Evidence:
    """What the stages of one alias left behind; None where a stage did not run."""

    alias: str
    kinds: Sequence[str]
    steps: Sequence[str]
    ruler_source: str
    ruler_ref: str | None
    decision: Decision
    dataset: Mapping[str, Any] | None = None
    data_diff: Mapping[str, Any] | None = None
    power: Mapping[str, Any] | None = None
    attempts: Mapping[str, Any] | None = None
    estimate: Mapping[str, Any] | None = None
    training: Mapping[str, Any] | None = None
    road: Mapping[str, Any] | None = None
    comparison: Comparison | None = None
    arms: Sequence[ArmResult] = ()
    arm_about: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    policy: Any = None
    policy_sha256: str | None = None
    calibration_sha256: str | None = None
    waivers_sha256: str | None = None
    decisions_on: str | None = None
    training_rendering: str | None = None
    evaluation_rendering: str | None = None
    expected: Mapping[str, Any] = field(default_factory=dict)
    waived: Sequence[Mapping[str, Any]] = ()
    reproduced: Sequence[Reproduction] = ()
    resumable_hint: str | None = None


def build_report(evidence: Evidence) -> dict[str, Any]:
    """The sealed report. No clock, no path of the machine: the same evidence gives the same bytes."""
    runs = {arm.name: arm.run for arm in evidence.arms}
    prices = {arm.name: arm.price for arm in evidence.arms}
    base, candidate = runs.get("base"), runs.get("candidate")
    comparison = evidence.comparison.to_dict() if evidence.comparison else None
    report: dict[str, Any] = {
        "schema_version": 1,
        "alias": evidence.alias,
        "verdict": evidence.decision.verdict,
        "waved_through": _waved_through(evidence),
        "headline": "",
        "tool_version": __version__,
        "verdict_key": verdict_key(runs, evidence.policy, evidence.calibration_sha256, prices)
        if runs
        else None,
        "ruler": {"source": evidence.ruler_source, "ref": evidence.ruler_ref},
        "plan": {"kinds": list(evidence.kinds), "steps": list(evidence.steps)},
        "dataset": _plain(evidence.dataset),
        "data_diff": _plain(evidence.data_diff),
        "power": _plain(evidence.power),
        "attempts": _plain(evidence.attempts),
        "estimate": _plain(evidence.estimate),
        "training": _plain(evidence.training),
        "arms": [_arm(arm, evidence) for arm in evidence.arms],
        "base_arm": "base" if base else None,
        "candidate_arm": "candidate" if candidate else None,
        "comparison": comparison,
        "break_even": evidence.decision.break_even.to_dict() if evidence.decision.break_even else None,
        "findings": [finding.to_dict() for finding in evidence.decision.findings],
        "waived": [dict(waived) for waived in evidence.waived],
        "lineage": _lineage(evidence, runs),
        "regressions": _regressions(evidence, base, candidate),
        "cases": _cases(evidence, runs),
        "decisions_on": evidence.decisions_on,
        "resumable_hint": evidence.resumable_hint,
    }
    if evidence.road is not None:
        report["road"] = with_advice(evidence.road)
    report["headline"] = headline(report)
    return seal(report)


def _waved_through(evidence: Evidence) -> bool:
    """Whether the policy lets a doubt pass: no pass, and yet nothing that holds up the merge."""
    if evidence.policy is None or evidence.decision.verdict == "pass":
        return False
    return exit_code(evidence.decision, evidence.comparison, evidence.policy) is ExitCode.PASS


def _plain(value: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if value is None else dict(value)


def _arm(arm: ArmResult, evidence: Evidence) -> dict[str, Any]:
    about = evidence.arm_about.get(arm.name, {})
    comparison = None
    if arm.comparison is not None:
        comparison = {key: value for key, value in arm.comparison.to_dict().items() if key != "findings"}
    return {
        "name": arm.name,
        "kind": arm.kind,
        "model": arm.run.model,
        "prompt": about.get("prompt"),
        "alias_of": about.get("alias_of"),
        "n": len(arm.run.quality.case_ids),
        "metrics": {name: _mean(arm.run, name) for name in sorted(arm.run.quality.scores)},
        **_latency(arm.run),
        "usd_per_1k": None if arm.usd_per_1k is None else money(arm.usd_per_1k),
        "comparison": comparison,
        "clears_bar": arm.clears_bar,
        "cheapest": arm.name == evidence.decision.cheapest,
    }


def _latency(run: EvalRun) -> dict[str, Any]:
    """How long this run took to answer; answers from the store and errors were not timed."""
    timed = run.quality.latency_ms[~np.isnan(run.quality.latency_ms)]
    if not timed.size:
        return {"p95_ms": None, "latency": None}
    shares = (*(percent / 100 for percent in _PERCENTILES), QUANTILE)
    *found, p95 = (float(f"{value:.6g}") for value in np.quantile(timed, shares))
    named = {f"p{percent}_ms": value for percent, value in zip(_PERCENTILES, found, strict=True)}
    return {"p95_ms": p95, "latency": {"n": int(timed.size), **named}}


def _mean(run: EvalRun, metric: str) -> float | None:
    values = [
        score
        for row in run.rows
        if row.get("suite", "quality") == "quality" and (score := row["scores"].get(metric)) is not None
    ]
    return float(f"{sum(values) / len(values):.10g}") if values else None


def _lineage(evidence: Evidence, runs: Mapping[str, EvalRun]) -> dict[str, Any]:
    first = next(iter(runs.values()), None)
    about = first.meta if first is not None else {}
    return {
        "golden_sha256": about.get("golden_sha256"),
        "safety_sha256": about.get("safety_sha256"),
        "suite_sha256": about.get("suite_sha256"),
        "policy_sha256": evidence.policy_sha256,
        "policy_fingerprint": evidence.policy.fingerprint if evidence.policy else None,
        "calibration_sha256": evidence.calibration_sha256,
        "waivers_sha256": evidence.waivers_sha256,
        "models": {name: digest(run.meta.get("identity")) for name, run in runs.items()},
        "prompts": {name: run.meta.get("prompt_sha256") for name, run in runs.items()},
        "training_rendering_sha256": evidence.training_rendering,
        "evaluation_rendering_sha256": evidence.evaluation_rendering,
        "runs": {name: answers_sha256(run) for name, run in runs.items()},
    }


def _outputs(run: EvalRun | None) -> dict[str, str | None]:
    if run is None:
        return {}
    return {
        row["case_id"]: row.get("output")
        for row in run.rows
        if row.get("repeat", 0) == 0 and row.get("suite", "quality") == "quality"
    }


def _regressions(evidence: Evidence, base: EvalRun | None, candidate: EvalRun | None) -> list[dict[str, Any]]:
    if evidence.comparison is None:
        return []
    ours, theirs = _outputs(base), _outputs(candidate)
    labels = {each.case_id: each.label for each in evidence.reproduced}
    return [
        {
            "case_id": item.case_id,
            "buckets": dict(item.buckets),
            "expected": _shown(evidence.expected.get(item.case_id)),
            "base": ours.get(item.case_id),
            "candidate": theirs.get(item.case_id),
            "outputs": list(item.outputs),
            "label": labels.get(item.case_id),
        }
        for item in evidence.comparison.regressions
    ]


def _cases(evidence: Evidence, runs: Mapping[str, EvalRun]) -> list[dict[str, Any]]:
    cases: dict[str, dict[str, Any]] = {}
    for name, run in runs.items():
        metric = evidence.comparison.lift.metric if evidence.comparison else run.primary_metric
        for row in run.rows:
            if row.get("suite", "quality") != "quality" or row.get("repeat", 0) != 0:
                continue
            case = cases.setdefault(
                row["case_id"],
                {
                    "case_id": row["case_id"],
                    "buckets": dict(row.get("buckets") or {}),
                    "expected": _shown(evidence.expected.get(row["case_id"])),
                    "outputs": {},
                    "scores": {},
                },
            )
            case["outputs"][name] = row.get("output")
            case["scores"][name] = row["scores"].get(metric)
    return [cases[case_id] for case_id in sorted(cases)]


def _shown(expected: Any) -> str | None:
    if expected is None or isinstance(expected, str):
        return expected
    return json.dumps(expected, ensure_ascii=False)
