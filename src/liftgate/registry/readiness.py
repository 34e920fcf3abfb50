"""Whether people, endpoint and the step before are ready for more callers."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from typing import Any

from liftgate.config import Document, check
from liftgate.data.text import shown
from liftgate.errors import InputError
from liftgate.findings import Finding
from liftgate.registry.evidence import Candidate, at, days
from liftgate.registry.history import step_began
from liftgate.registry.models import Variant
from liftgate.verdict.decision_questions import read_document


def people(candidate: Candidate) -> Iterator[Finding]:
    """Decision document, rollback runbook, owner and on-call."""
    entry, alias = candidate.variant.entry, candidate.alias
    for key, rule in (("owner", "owner-missing"), ("on_call", "on-call-missing")):
        if not str(entry.get(key, "")).strip():
            yield candidate.refuse(rule, f"`{key}` is not set", key)
    runbook = entry.get("runbook")
    if not runbook:
        yield candidate.refuse("runbook-missing", "`runbook` is not set; see docs/runbooks/rollback.md")
    elif not candidate.evidence.files.get(runbook, b"").strip():
        yield candidate.refuse("runbook-missing", "`runbook` names no file of this repository", "runbook")
    wrong = decision_problem(candidate)
    if wrong:
        yield candidate.refuse(
            "decision-missing", f"{wrong}; write {decision_path(alias, candidate.variant)}", "decision"
        )


def decision_path(alias: str, variant: Variant) -> str:
    """Where the decision document of a variant lies."""
    return str(variant.entry.get("decision", f"evals/{alias}/decision.yaml"))


def decision_problem(candidate: Candidate) -> str | None:
    """What is wrong with the decision document, or None."""
    path = decision_path(candidate.alias, candidate.variant)
    data = candidate.evidence.files.get(path)
    if data is None:
        return "there is no decision document"
    try:
        document, open_ = read_document(data, path)
    except InputError as error:
        return f"the decision document cannot be used ({error.sentence})"
    decision = document.data
    if open_:
        return f"the decision document is not finished: {', '.join(each.key for each in open_)}"
    if decision["alias"] != candidate.alias:
        return "the decision document is of another alias"
    if decision["recommendation"] != "fine-tune":
        return f"the decision document recommends {decision['recommendation']}, not fine-tune"
    return None


def shadow(candidate: Candidate, there: Variant) -> Iterator[Finding]:
    """What the variant did with mirrored or served requests at the step that it leaves."""
    rollout = candidate.policy.rollout
    if not rollout.min_shadow_requests:
        return
    was = there.rollout_percent
    if "shadow_report" not in candidate.variant.entry:
        yield candidate.refuse(
            "shadow-missing",
            f"`shadow_report` is not set: nothing says how it did at {was}%; the policy wants "
            f"{rollout.min_shadow_requests} requests",
            "rollout_percent",
        )
        return
    report, wrong = _read(candidate, "shadow_report", "shadow-report")
    if report is None:
        yield candidate.refuse("shadow-unfit", str(wrong), "shadow_report")
        return
    for problem in _shadow_problems(candidate, there, report):
        yield candidate.refuse("shadow-unfit", f"the shadow report {problem}", "shadow_report")


def _shadow_problems(candidate: Candidate, there: Variant, report: Mapping[str, Any]) -> Iterator[str]:
    rollout, was, now = candidate.policy.rollout, there.rollout_percent, candidate.now
    yield from _of_another(candidate, report)
    if report["rollout_percent"] != was:
        yield f"was taken at {report['rollout_percent']}%, and the step that ends here is {was}%"
    began, first, last = (
        step_began(candidate.evidence.history, candidate.alias, there),
        at(report["from"]),
        at(report["to"]),
    )
    if first is None or last is None or not first < last <= now:
        yield "has a time that cannot be"
    elif began is not None and last < began:
        yield "ends before this step began"
    if report["requests"] < rollout.min_shadow_requests:
        yield f"rests on {report['requests']} requests; the policy wants {rollout.min_shadow_requests}"
    yield from _too_many(report["errors"], report["requests"], rollout.max_error_share, "errors")
    if was == 0 and not _was_shadowed(candidate, there):
        yield "tells of requests that the base branch's models.yaml never mirrored (shadow_percent was 0)"


def _was_shadowed(candidate: Candidate, there: Variant) -> bool:
    states = (state.variant(candidate.alias, there.name) for state in candidate.evidence.history)
    return any(state is not None and state.entry.get("shadow_percent", 0) > 0 for state in (*states, there))


def full_rollout(candidate: Candidate) -> Iterator[Finding]:
    """What 100% needs beside a step: a load report of the endpoint and a rollback drill."""
    rollout, now = candidate.policy.rollout, candidate.now
    if "load_report" not in candidate.variant.entry:
        yield candidate.refuse(
            "load-report-missing",
            "`load_report` is not set, and 100% needs one; "
            f"liftgate load-test {candidate.alias} --variant {candidate.variant.name}",
            "rollout_percent",
        )
    else:
        report, wrong = _read(candidate, "load_report", "load-report")
        problems = [str(wrong)] if report is None else _load_problems(candidate, report)
        for problem in problems:
            yield candidate.refuse("load-report-unfit", problem, "load_report")
    drill = candidate.variant.entry.get("rollback_drill")
    if drill is None:
        yield candidate.refuse(
            "rollback-drill-missing",
            "`rollback_drill` is not set, and 100% needs one that somebody practised",
            "rollout_percent",
        )
        return
    age = _age(drill["on"], now)
    if age is None or age < -1:
        yield candidate.refuse(
            "rollback-drill-missing", "`rollback_drill` has a day that cannot be", "rollback_drill"
        )
    elif age > rollout.max_rollback_drill_days:
        yield candidate.refuse(
            "rollback-drill-missing",
            f"the rollback drill is {age} days old; the policy wants one of the last {rollout.max_rollback_drill_days}",
            "rollback_drill",
        )


def _load_problems(candidate: Candidate, report: Mapping[str, Any]) -> list[str]:
    rollout = candidate.policy.rollout
    found = [f"the load report {problem}" for problem in _of_another(candidate, report)]
    measured = at(report["measured_at"])
    age = None if measured is None else days(measured, candidate.now)
    if age is None or age < 0:
        found.append("the load report has a time that cannot be")
    elif age > rollout.max_load_report_days:
        found.append(
            f"the load report is {int(age)} days old; the policy wants at most {rollout.max_load_report_days}"
        )
    found += [
        f"the load report {each}"
        for each in _too_many(report["errors"], report["requests"], rollout.max_error_share, "errors")
    ]
    if report["share_429"] > rollout.max_share_429:
        found.append(
            f"the load report shows {report['share_429']:.1%} of the requests answered 429 at concurrency "
            f"{report['concurrency']}; the policy allows {rollout.max_share_429:.1%}"
        )
    return found


def _of_another(candidate: Candidate, report: Mapping[str, Any]) -> Iterator[str]:
    own = (candidate.alias, candidate.variant.name, candidate.variant.model.model_id)
    if (report["alias"], report["variant"], report["model_id"]) != own:
        yield f"is of another model ({shown(str(report['variant']), 'another variant')})"


def _too_many(errors: int, requests: int, most: float, what: str) -> Iterator[str]:
    if errors > requests or errors > most * requests:
        yield f"shows {errors} {what} in {requests} requests; the policy allows {most:.1%}"


def _read(candidate: Candidate, key: str, schema: str) -> tuple[Mapping[str, Any] | None, str | None]:
    report, wrong = candidate.pinned(key)
    if report is None:
        return None, wrong
    problems = check(Document(candidate.variant.entry[key]["path"], report), schema)
    return (None, f"the file of `{key}`: {problems[0].message}") if problems else (report, None)


def _age(day: str, now: datetime.datetime) -> int | None:
    try:
        return (now.date() - datetime.date.fromisoformat(day)).days
    except ValueError:
        return None
