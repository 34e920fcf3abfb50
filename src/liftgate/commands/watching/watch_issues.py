"""The watcher's hands: issues, pages, proposed rollbacks, and its own schedule. What is said already is left alone."""

from __future__ import annotations

import datetime
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import SplitResult

from liftgate.errors import InputError, ProviderError

if TYPE_CHECKING:
    from liftgate.commands.watching.looks import Looked
    from liftgate.findings import Finding
    from liftgate.github.api import GitHub, Issue
    from liftgate.registry.models import Models, Variant
    from liftgate.watch.issues import Step

COMMAND: Final = "liftgate watch"
# GitHub switches scheduled workflows off after 60 days without a push; a run that switches them on again prevents it.
# poll.yml is not among them: it is switched on by a training and off by itself.
SCHEDULED: Final = ("watch.yml", "reevaluate.yml")
_OURS: Final = ("active", "disabled_inactivity")
_MOST_TOLD: Final = 20
_FLAG_DOWN: Final = "liftgate-flag-down"
_JUDGE: Final = "evaluate.yml"


def keep(github: GitHub, looked: Looked, webhook: SplitResult | None) -> list[str]:
    """Bring the issues up to date and page whom they concern; returns what could not be done."""
    from liftgate.watch.issues import LABEL, steps

    issues = list(github.issues(LABEL))
    found = {**_gone(looked.models, issues, github.login()), **looked.found}
    on_call = {} if webhook is None else _on_call(looked.models, found)
    failed = []
    for step in list(steps(found, issues, github.login(), COMMAND, on_call)):
        paged = True
        if step.page is not None and webhook is not None:
            try:
                _page(webhook, github.repository, looked.models, step, found[step.subject])
            except ProviderError as error:
                paged = False
                failed.append(f"{step.subject}: {error}")
        _done(github, step, LABEL, step.body if paged else step.unpaged)
        sys.stderr.write(f"issue of {step.subject}: {step.kind}{', paged' if step.page and paged else ''}\n")
    return failed


def keep_schedule(github: GitHub) -> None:
    """Switch the schedules on again, but none that a person switched off.

    It changes nothing but GitHub's count of idle days where one is on.
    """
    for workflow in SCHEDULED:
        found = github.request("GET", f"/actions/workflows/{workflow}")
        state = None if found is None else found.get("state")
        if state is None:
            sys.stderr.write(f"{workflow} is not on GitHub: nothing starts it by itself\n")
        elif state in _OURS:
            github.enable_workflow(workflow, True)
            if state != "active":
                sys.stderr.write(f"{workflow}: GitHub had switched its schedule off, and it is on again\n")
        else:
            sys.stderr.write(f"{workflow} is switched off, and stays so: gh workflow enable {workflow}\n")


def propose(root: Path, remote: str, github: GitHub, looked: Looked, now: datetime.datetime) -> None:
    """A pull request for each variant that has been stale for too long. Nobody but a person merges it."""
    from dataclasses import replace

    from liftgate.commands.registry import proposing, rollback
    from liftgate.project import Ruler
    from liftgate.watch.ages import evaluated, flag_down_due

    policy, today = Ruler(root, None).policy, now.astimezone(datetime.UTC).date()
    limits = (policy.max_report_age_days, policy.watch.flag_down_days)
    for alias in looked.models.aliases.values():
        for variant in alias.variants.values():
            if not flag_down_due(alias, variant, looked.verdicts, today, *limits):
                continue
            last = evaluated(alias.name, variant, looked.verdicts)
            mark = f"<!-- {_FLAG_DOWN} {'' if last is None else last.when.date()} -->"
            base = github.default_branch()
            source = proposing.fetched(root, remote, base)
            try:
                made = rollback.propose(source, alias.name, variant.name, 0)
            except InputError as error:
                sys.stderr.write(f"{alias.name} {variant.name}: no rollback is proposed: {error.sentence}\n")
                continue
            if _proposed(github, made.branch, mark):
                continue
            why = (
                f"`{variant.name}` was last evaluated more than {sum(limits)} days ago. The verdict on this change "
                "comes by itself, from a run of liftgate evaluate."
            )
            made = replace(made, body=f"{mark}\n{why}\n{made.body}")
            number = proposing.request(root, remote, base, source, made, github)
            sys.stderr.write(f"{alias.name} {variant.name}: pull request #{number} proposes 0%\n")
            _ask_for_verdict(github, base, alias.name, number)


def _ask_for_verdict(github: GitHub, base: str, alias: str, number: int) -> None:
    """Start the workflow that judges a pull request when it is told to: its own checks wait for somebody's click."""
    from liftgate.github.api import GitHubRefused

    pull = github.pull(number)
    head = "" if pull is None else pull.head_sha
    try:
        github.dispatch(
            _JUDGE, base, {"pr": str(number), "alias": alias, "digest": "rollback", "head-sha": head}
        )
    except GitHubRefused as refused:
        sys.stderr.write(f"#{number}: its verdict could not be asked for: {refused.sentence}\n")


def _proposed(github: GitHub, branch: str, mark: str) -> bool:
    """Whether it is open, or somebody closed it since the last evaluation: a no is a no."""
    owner, me = github.repository.split("/")[0], github.login().lower()
    listed = github.request("GET", f"/pulls?state=all&per_page=100&head={owner}:{branch}")
    return any(
        pull["state"] == "open" or str(pull.get("body") or "").startswith(mark)
        for pull in listed or ()
        if str((pull.get("user") or {}).get("login", "")).lower() == me
        and (pull.get("head") or {}).get("ref") == branch
    )


def _done(github: GitHub, step: Step, label: str, body: str | None) -> None:
    if step.number is None:
        github.create_issue(title=step.title, body=body or "", labels=[label])
    elif step.kind == "close":
        github.edit_issue(step.number, state="closed")
    else:
        github.edit_issue(step.number, body=body, state="open")


def _gone(models: Models, issues: Sequence[Issue], login: str) -> dict[str, list[Finding]]:
    """Subjects of aliases and variants that models.yaml does not hold any more: nothing is left to say of them."""
    from liftgate.watch.issues import subject_of

    parts = {
        issue_subject: issue_subject.split("/")
        for issue in issues
        if issue.author.lower() == login.lower() and (issue_subject := subject_of(issue)) is not None
    }
    names = {*models.aliases, "models.yaml", "request-log"}
    return {
        subject: []
        for subject, (alias, *rest) in parts.items()
        if alias not in names
        or (
            rest
            and alias in models.aliases
            and rest[0] not in {*models.aliases[alias].variants, "default", "requests", "gate"}
        )
    }


def _variant(models: Models, subject: str) -> Variant | None:
    alias, *rest = subject.split("/")
    return models.aliases[alias].variants.get(rest[0]) if rest and alias in models.aliases else None


def _on_call(models: Models, found: Mapping[str, Any]) -> dict[str, str]:
    variants = {subject: _variant(models, subject) for subject in found}
    return {
        subject: str(variant.entry["on_call"])
        for subject, variant in variants.items()
        if variant is not None and variant.entry.get("on_call")
    }


def _page(
    webhook: SplitResult, repository: str, models: Models, step: Step, findings: Sequence[Finding]
) -> None:
    from liftgate.commands.watching.webhook import send
    from liftgate.findings import ordered

    variant = _variant(models, step.subject)
    entry = {} if variant is None else variant.entry
    told = [{**each.to_dict(), "message": each.message[:600]} for each in ordered(findings)[:_MOST_TOLD]]
    message = {
        "schema_version": 1,
        "event": "liftgate.watch",
        "key": re.sub(r"[^\w./-]", "-", f"{repository}/{step.subject}"),
        "repository": repository,
        "subject": step.subject,
        "on_call": step.page,
        "owner": entry.get("owner"),
        "runbook": entry.get("runbook"),
        "findings": told,
    }
    send(webhook, message)
