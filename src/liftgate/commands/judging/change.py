"""A change judged as data: plan, static stages, and the verdict of each alias where one is known for its content.

Nothing of the change is checked out or executed, whoever wrote it. What cannot be judged is an error, never a pass.
"""

from __future__ import annotations

import contextlib
import datetime
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from liftgate.config import load
from liftgate.errors import InputError
from liftgate.findings import Finding, Severity, blocks
from liftgate.plan import Plan
from liftgate.policy import Policy
from liftgate.project import plan_of
from liftgate.publishing.outcome import AliasOutcome, ChangeReport
from liftgate.publishing.owners import PLACES, ruler_owners
from liftgate.repository import commit_of, git, show

MOST_ALIASES: Final = 40
MOST_FILES: Final = 100

if TYPE_CHECKING:
    from liftgate.commands.judging.results_branch import ResultsBranch
    from liftgate.commands.sources.pull_tree import Limits
    from liftgate.training.ledger import Ledger


def judge_change(
    root: Path,
    base_sha: str,
    head_sha: str,
    *,
    ledger: Ledger | None,
    results: ResultsBranch | None,
    today: datetime.date,
    author: str | None = None,
    repository: str | None = None,
    change: str | None = None,
    base_ref: str | None = None,
    default_branch: str | None = None,
    merge_group: bool = False,
    limits: Limits | None = None,
    now: datetime.datetime | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> ChangeReport:
    """Judge the commits of a change whose objects are in the clone `root`.

    `ledger` and `results` are where verdicts, jobs and approvals are looked up; without them nothing is found.
    `author`, `repository` and `change` (`pull/7`) are what an approval must say. A change whose `base_ref` is not
    the `default_branch` never passes. In a `merge_group` several pull requests are one change. `now` is an aware UTC
    time (default: noon of `today`, or the clock's time where that is today). Raises `InputError` when the commits are
    not here or cannot be compared.
    """
    base, head = commit_of(root, base_sha), commit_of(root, head_sha)
    found = [*_stacked(base_ref, default_branch), *_history(root, base, head)]
    try:
        plan, _, _ = plan_of(root, base, head)
    except InputError as error:
        # models.yaml at the head, which decides what is served, says nothing that can be read.
        found.append(Finding("unreadable-change", Severity.ERROR, _told(error)))
        return ChangeReport(("none",), base, head, findings=tuple(found))
    found += [*_owners(root, base, plan), *plan.findings]
    measured = [alias for alias in plan.aliases if plan.steps(alias)]
    outcomes = {alias: _rolled_back(plan, alias) for alias in plan.aliases if alias not in measured}
    beyond = _beyond(plan, measured)
    found += beyond
    if measured and not beyond and not blocks(plan.findings):
        # The rest of the program is loaded only for what has to be measured: a rollback waits for nothing.
        from liftgate.commands.judging.aliases import Change, judge_aliases

        about = Change(
            root, base, head, plan, author, repository, change, now or _moment(today), merge_group, limits
        )
        judged, of_tree = judge_aliases(about, measured, ledger, results, say)
        outcomes |= judged
        found += of_tree
        found += [finding for each in judged.values() for finding in _of_the_whole(each)]
    ordered = tuple(outcomes[alias] for alias in plan.aliases if alias in outcomes)
    # Without a policy that can be read, what a comment shows of answers is nothing but their ids.
    policy = _policy(root, base) if outcomes.keys() & measured else None
    shown = "ids" if policy is None else policy.report.show
    return ChangeReport(plan.kinds, base, head, ordered, tuple(dict.fromkeys(found)), show=shown)


def _beyond(plan: Plan, aliases: Sequence[str]) -> list[Finding]:
    """An error for a change that would keep the gate at work for hours."""
    files = Counter(
        path.alias
        for path in plan.paths
        if path.alias in aliases and path.path.endswith(".jsonl") and path.status != "deleted"
    )
    said = None
    if len(aliases) > MOST_ALIASES:
        said = f"{len(aliases):,} aliases are more than the {MOST_ALIASES} that one change is judged for"
    elif files and max(files.values()) > MOST_FILES:
        most = max(files.values())
        said = f"{most:,} data files of one alias are more than the {MOST_FILES} that one change may bring"
    return [Finding("change-too-large", Severity.ERROR, f"{said}; split it")] if said else []


def _of_the_whole(outcome: AliasOutcome) -> list[Finding]:
    """What is found with one alias and is for the people of several changes."""
    told = (outcome.report or {}).get("findings", ())
    return [Finding.from_dict(each) for each in told if each["rule"] == "retrain-together"]


def _rolled_back(plan: Plan, alias: str) -> AliasOutcome:
    said = "rolled back; callers get what they got before, so nothing has to be measured"
    return AliasOutcome(alias, plan.aliases[alias], "pass", f"{alias}: {said}")


def _stacked(base_ref: str | None, default_branch: str | None) -> list[Finding]:
    if default_branch is None or base_ref == default_branch:
        return []
    message = (
        "the base of this change is not the default branch, whose rules are the only ones that count here"
    )
    return [Finding("not-the-default-branch", Severity.ERROR, message)]


def _history(root: Path, base: str, head: str) -> list[Finding]:
    """What a change touches is told against one commit; several make it a matter of choice."""
    if len(git(root, "merge-base", "--all", base, head).split()) < 2:
        return []
    message = (
        "the histories of change and base cross, so what it touches is not one answer; rebase the change"
    )
    return [Finding("crossed-history", Severity.ERROR, message)]


def _owners(root: Path, base: str, plan: Plan) -> list[Finding]:
    moved = [path.path for path in plan.paths if path.role == "ruler"]
    if not moved:
        return []
    written = next((data for place in PLACES if (data := show(root, base, place)) is not None), None)
    findings, _ = ruler_owners(
        moved, None if written is None else written.decode("utf-8", "replace"), _rules(root, base)
    )
    return findings


def _policy(root: Path, base: str) -> Policy | None:
    """The base's policy; None where it cannot be read, which is told where it is needed."""
    data = show(root, base, "evals/policy.yaml")
    with contextlib.suppress(InputError):
        if data is not None:
            return Policy.from_document(load(data, "evals/policy.yaml", "policy"))
    return None


def _rules(root: Path, base: str) -> Mapping[str, str]:
    policy = _policy(root, base)
    return {} if policy is None else policy.rules


def _moment(today: datetime.date) -> datetime.datetime:
    clock = datetime.datetime.now(datetime.UTC)
    return (
        clock if clock.date() == today else datetime.datetime.combine(today, datetime.time(12), datetime.UTC)
    )


def _told(error: InputError) -> str:
    return "; ".join([error.sentence, *(str(problem) for problem in error.problems[:3])])
