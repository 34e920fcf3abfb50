"""Which workflows a judged change asks for, and whether one of them runs for it already. Pure.

GitHub tells a run's title and not its inputs, so a run is found by its title: train.yml and evaluate.yml name theirs
after pull request, alias and digest.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from liftgate.github.api import PullRequest
from liftgate.publishing.outcome import AliasOutcome, ChangeReport
from liftgate.report import numbers

WORKFLOWS: Final[Mapping[str, str]] = {"train": "train.yml", "evaluate": "evaluate.yml"}
DONE: Final = "completed"


@dataclass(frozen=True)
class Dispatch:
    """A workflow to start on the default branch, the title of its run, and a label that may let it go on."""

    alias: str
    workflow: str
    title: str
    inputs: Mapping[str, str]
    label: str | None = None


def asked_for(change: ChangeReport, pull: PullRequest) -> Iterator[Dispatch]:
    """What may go on now: a training that waits for its approval or has it, an evaluation of what was trained."""
    for outcome in change.outcomes:
        step = step_of(outcome)
        if step is None or outcome.digest is None:
            continue
        inputs = {
            "pr": str(pull.number),
            "alias": outcome.alias,
            "digest": outcome.digest,
            "head-sha": change.head_sha,
        }
        if step == "train":
            inputs["provider"] = outcome.provider or ""
        title = f"liftgate {step} pull/{pull.number} {outcome.alias} {outcome.digest}"
        yield Dispatch(
            outcome.alias, WORKFLOWS[step], title, inputs, outcome.waiting.label if outcome.waiting else None
        )


def step_of(outcome: AliasOutcome) -> str | None:
    """train, evaluate, or None. Approving is the first job of train.yml, so waiting for it is a reason to start."""
    if outcome.next_step is not None:
        return outcome.next_step
    return "train" if outcome.state == "waiting" and outcome.waiting and outcome.waiting.digest else None


def running(
    dispatch: Dispatch,
    runs: Iterable[Mapping[str, Any]],
    default_branch: str,
    pushed_at: str | None,
    labelled_at: str | None,
) -> Mapping[str, Any] | None:
    """The run that was started for it, or None. `runs` are GitHub's own JSON, newest first.

    A run from before the last push asks for another commit. One that ended without success before a label was set
    could not know of the label. Where GitHub tells no time, one run is enough.
    """
    for run in runs:
        named = (run.get("display_title"), run.get("event"), run.get("head_branch"))
        # A workflow of another branch may give its run any title.
        if named != (dispatch.title, "workflow_dispatch", default_branch):
            continue
        if _before(run.get("created_at"), pushed_at):
            continue
        failed = run.get("status") == DONE and run.get("conclusion") != "success"
        if failed and _before(run.get("created_at"), labelled_at):
            continue
        return run
    return None


def at_work(
    dispatch: Dispatch, run: Mapping[str, Any], rate: Decimal | None, now: datetime.datetime
) -> str | None:
    """What a run that goes on has cost by now, in a sentence; None where it has not begun or is over.

    `rate` is in USD an hour, None where no machine is paid by the hour. GitHub tells when a run began, with what it
    waited for its reviewers in it, so that both numbers are the most that it can be.
    """
    began = _time(run.get("run_started_at") or run.get("created_at"))
    if run.get("status") != "in_progress" or began is None or now < began:
        return None
    seconds = (now - began).total_seconds()
    paid = ""
    if rate is not None and rate > 0:
        hours = Decimal(round(seconds)) / 3600
        paid = f", and bills: {numbers.usd(hours * rate)} at most so far, at {numbers.usd(rate)} an hour"
    return (
        f"{dispatch.workflow} for {dispatch.alias} is at work, for {numbers.seconds(seconds)} at most{paid}"
    )


def _before(this: str | None, that: str | None) -> bool:
    first, second = _time(this), _time(that)
    return first is not None and second is not None and first < second


def _time(text: str | None) -> datetime.datetime | None:
    try:
        at = datetime.datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return None if at.tzinfo is None else at
