"""The one comment about a whole change: what came of it, then alias by alias, the worst first.

Whatever the outcomes hold, the comment stays within what GitHub takes. Aliases take turns with their sections,
so that none pushes out the others; what is left out is left out whole, and the last line says which.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from liftgate.report import numbers
from liftgate.report.change_headline import (
    change_headline,
    findings_of,
    outcome_headline,
    worst_first,
)
from liftgate.report.change_sections import (
    approval_table,
    checklist_table,
    since_last_push,
    where_it_stands,
)
from liftgate.report.change_steps import change_steps, outcome_steps
from liftgate.report.comment_budget import Group, assembled
from liftgate.report.comment_digest import (
    PreviousDigest,
    compared_with,
    digest_of,
    find_digest,
    first_line,
    marker,
)
from liftgate.report.comment_markup import NAME_LIMIT, Section, blocks, folded, lines, table
from liftgate.report.comment_sections import about_sections, arms_table, next_section, parts_table
from liftgate.report.escape import Markdown, code, escape
from liftgate.report.headline import HEADLINE_LIMIT
from liftgate.report.links import commit, is_ours, link
from liftgate.report.redaction import Show
from liftgate.report.road import road_line
from liftgate.report.tables import winning_arm
from liftgate.verdict.decision_paper import DECISION_RULES

if TYPE_CHECKING:
    from liftgate.publishing.outcome import AliasOutcome, ChangeReport

__all__ = ["PreviousDigest", "find_digest", "marker", "render_change_comment"]

MOST_ALIASES: Final = 20
MOST_NOTES: Final = 5
_SHORT: Final = 160
_STATES: Final = {
    "error": Markdown("**✗ not judged**"),
    "block": Markdown("**✗ blocked**"),
    "insufficient-evidence": Markdown("**? not enough evidence**"),
    "waiting": Markdown("**… waiting**"),
    "running": Markdown("… in progress"),
    "pass": Markdown("✓ pass"),
    "nothing": Markdown("✓ nothing to gate"),
}
_KINDS: Final = {
    "data": "new training data",
    "evals": "prompts or cases",
    "policy": "the policy",
    "promotion": "a promotion",
    "rollback": "a rollback",
}


def render_change_comment(
    change: ChangeReport,
    *,
    workflow: str,
    run_url: str | None,
    previous: PreviousDigest | None,
    show: Show = "redacted",
) -> str:
    """Markdown for GitHub, at most 60,000 characters and 190,000 bytes.

    `previous` is what `find_digest` read from the comment that this one replaces; `show` is the policy's
    `report.show`. Links other than those of this run's GitHub are told as text.
    """
    head = lines(
        first_line(workflow, digest_of(change, previous)),
        Markdown(f"**{escape(change_headline(change), HEADLINE_LIMIT)}**"),
    )
    ranked = worst_first(change.outcomes)
    opening = blocks(head, _about(change, run_url), *_notes(change), *_overview(ranked))
    before = compared_with(change.head_sha, previous)
    groups = [
        Group("", None, tuple(_of_change(change, run_url))),
        *(
            Group(
                outcome.alias,
                _heading(outcome) if len(ranked) > 1 else None,
                tuple(_of_outcome(outcome, change, before, run_url, show)),
            )
            for outcome in ranked[:MOST_ALIASES]
        ),
    ]
    judged = any(o.report is not None and o.report["comparison"] is not None for o in change.outcomes)
    return assembled(opening, groups, _KEPT if judged else "")


def _about(change: ChangeReport, run_url: str | None) -> Markdown:
    """What was judged, of which commit, against which."""
    about = [f"Commit {commit(change.head_sha)} against {commit(change.base_sha)}"]
    if kinds := ", ".join(_KINDS.get(kind, kind) for kind in change.kinds[:6] if kind != "none"):
        alias = f"{code(change.outcomes[0].alias, NAME_LIMIT)}: " if len(change.outcomes) == 1 else ""
        about.append(alias + escape(kinds, NAME_LIMIT))
    if is_ours(run_url, run_url):
        about.append(link("this run", run_url, run_url))
    return Markdown(" · ".join(about))


def _notes(change: ChangeReport) -> Iterator[Markdown]:
    """What did not go as it should beside the verdict."""
    for note in change.notes[:MOST_NOTES]:
        yield Markdown(f"> **Note:** {escape(note, 300)}")
    if len(change.notes) > MOST_NOTES:
        yield Markdown(f"> and {numbers.count(len(change.notes) - MOST_NOTES)} more notes in this run's log")


def _overview(ranked: list[AliasOutcome]) -> Iterator[Markdown]:
    """One row an alias, where there are several."""

    def cells(outcome: AliasOutcome) -> list[Markdown]:
        comparison: Mapping[str, Any] | None = (outcome.report or {}).get("comparison")
        lift = comparison["lift"] if comparison else None
        told = numbers.change(lift["mean"], lift["low"], lift["high"]) if lift else ""
        kinds = ", ".join(_KINDS.get(kind, kind) for kind in outcome.kinds[:6])
        verdict = _STATES.get(outcome.state, _STATES["error"])
        return [code(outcome.alias, NAME_LIMIT), escape(kinds, NAME_LIMIT), escape(told), verdict]

    if len(ranked) > 1:
        yield from table("alias|what changes|lift|verdict", "llll", ranked, cells, MOST_ALIASES)


def _heading(outcome: AliasOutcome) -> Markdown:
    sentence = escape(outcome_headline(outcome), _SHORT * 2)
    return blocks(Markdown(f"### {code(outcome.alias, NAME_LIMIT)}"), Markdown(f"**{sentence}**"))


def _of_change(change: ChangeReport, run_url: str | None) -> Iterator[Section]:
    """What concerns no single alias."""
    if change.waiting is not None:
        yield Section("What is waited for", approval_table(change.waiting, run_url))
    report = {"findings": [finding.to_dict() for finding in change.findings]}
    yield from next_section(report, change_steps(change, run_url), is_open=True, annotated=True)


def _of_outcome(
    outcome: AliasOutcome,
    change: ChangeReport,
    before: PreviousDigest | None,
    run_url: str | None,
    show: Show,
) -> Iterator[Section]:
    found = findings_of(outcome)
    report = None if outcome.report is None else {**outcome.report, "findings": found}
    if outcome.state in {"waiting", "running"}:
        yield Section("Where it stands", where_it_stands(outcome))
    if outcome.waiting is not None:
        yield Section("What is waited for", approval_table(outcome.waiting, run_url))
    if outcome.state == "waiting" or any(_forbids_training(each) for each in found):
        yield from (Section("The decision", body) for body in road_line(outcome.report or {}))
    if outcome.checklist:
        yield Section("Checklist", checklist_table(outcome.checklist))
    if outcome.found:
        yield Section("Where the verdict comes from", _FOUND)
    for body in [] if report is None else parts_table(report):
        # Among several aliases, a pass need not take the room of what asks for a decision.
        several = len(change.outcomes) > 1 and outcome.state == "pass"
        yield folded("Measures", body) if several else Section("Measures", body)
    arms = [] if report is None else [*arms_table(report)]
    if report is not None and (winner := winning_arm(report)) and winner["name"] != report["candidate_arm"]:
        yield from (Section("Other ways to answer", body) for body in arms)
        arms = []
    done = outcome.state in {"pass", "nothing"}
    yield from next_section(
        report or {"findings": found}, outcome_steps(outcome, run_url), is_open=not done, annotated=True
    )
    yield from (folded("Since the last push", body) for body in since_last_push(outcome, change, before))
    if report is None or (done and report["comparison"] is None):
        return
    yield from (folded("Other ways to answer", body) for body in arms)
    yield from about_sections(report, show=show)


def _forbids_training(finding: Mapping[str, Any]) -> bool:
    return finding["rule"] in DECISION_RULES and finding["severity"] == "error"


_KEPT: Final = "Every answer is in the whole report, which is kept with this verdict."
_FOUND: Final = Markdown(
    "This verdict was found: the same data, cases and policy have been judged before. "
    "The stored answers were judged again; no model was asked and nothing was paid."
)
