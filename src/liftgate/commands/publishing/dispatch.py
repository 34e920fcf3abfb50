"""Starts train.yml and evaluate.yml on the default branch, once, and says where to do it by hand when it may not."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from liftgate.github.api import GitHub, GitHubRefused, PullRequest
from liftgate.publishing.dispatches import Dispatch, asked_for, at_work, running
from liftgate.publishing.outcome import AliasOutcome, ChangeReport


@dataclass(frozen=True)
class Dispatcher:
    """`server` is the address of GitHub's pages, such as https://github.com; `own_run` the id of the run this is."""

    github: GitHub
    server: str
    default_branch: str
    own_run: str = ""
    now: Callable[[], datetime.datetime] = lambda: datetime.datetime.now(datetime.UTC)

    def go_on(self, change: ChangeReport, pull: PullRequest) -> ChangeReport:
        """Start what is asked for and not started yet; the change with what there is to know about it."""
        links: dict[str, str] = {}
        notes: list[str] = []
        for dispatch in asked_for(change, pull):
            try:
                run = self._started(dispatch, pull)
            except GitHubRefused as refused:
                notes.append(self._by_hand(dispatch, _why(refused)))
                continue
            if run is None and pull.from_fork(self.github.repository):
                # Its rows and prompts meet a secret only after somebody who may has looked at them.
                notes.append(self._by_hand(dispatch, "the change comes from a fork"))
                continue
            if run is None:
                try:
                    self.github.dispatch(dispatch.workflow, self.default_branch, dispatch.inputs)
                    run = self._started(dispatch, pull)
                except GitHubRefused as refused:
                    notes.append(self._by_hand(dispatch, _why(refused)))
            if run is not None:
                links[dispatch.alias] = str(run.get("html_url") or "")
                notes += self._at_work(dispatch, run, change)
        outcomes = tuple(_linked(outcome, links.get(outcome.alias)) for outcome in change.outcomes)
        return replace(change, outcomes=outcomes, notes=(*change.notes, *notes))

    def _at_work(self, dispatch: Dispatch, run: Mapping[str, Any], change: ChangeReport) -> Iterator[str]:
        """A training of our own machines that goes on, and bills: the ledger says nothing of it before it ends."""
        (outcome,) = (each for each in change.outcomes if each.alias == dispatch.alias)
        ours = outcome.state == "running" and outcome.stage == "training" and outcome.provider == "local"
        if not ours or str(run.get("id")) == self.own_run:
            return
        priced = ((outcome.report or {}).get("estimate") or {}).get("usd_per_hour")
        said = at_work(dispatch, run, None if priced is None else Decimal(priced), self.now())
        if said is not None:
            yield said

    def _started(self, dispatch: Dispatch, pull: PullRequest) -> Mapping[str, Any] | None:
        """The run; None when there is none."""
        path = f"/actions/workflows/{dispatch.workflow}/runs?event=workflow_dispatch&per_page=100"
        listed: Mapping[str, Any] = self.github.request("GET", path) or {}
        runs = listed.get("workflow_runs") or []
        if not any(run.get("display_title") == dispatch.title for run in runs):
            return None
        labelled = [
            each.at
            for each in self.github.label_events(pull.number)
            if each.event == "labeled" and each.label == dispatch.label
        ]
        pushed, last = self.github.pushed_at(pull.number), labelled[-1] if labelled else None
        return running(dispatch, runs, self.default_branch, pushed, last)

    def _by_hand(self, dispatch: Dispatch, why: str) -> str:
        place = f"{self.server}/{self.github.repository}/actions/workflows/{dispatch.workflow}"
        given = ", ".join(f"{name} {value}" for name, value in dispatch.inputs.items() if value)
        return f"{dispatch.workflow} was not started: {why}. Start it by hand at {place} with {given}"


def failed(change: ChangeReport) -> Iterator[str]:
    """What a run says whose own jobs failed, of each alias that waits for them: else all would seem to go on."""
    for outcome in change.outcomes:
        if outcome.state == "running" and outcome.next_step is not None:
            step = "training" if outcome.next_step == "train" else "evaluation"
            yield (
                f"a job of this run failed, so nothing goes on for {outcome.alias}: the job's log says why its {step} "
                "did not end. Mend that and re-run the failed jobs; what is trained and answered is kept"
            )


def _why(refused: GitHubRefused) -> str:
    if refused.code in {401, 403}:
        return "this job may not (it needs `permissions: actions: write`)"
    if refused.code == 404:
        return "the default branch has no such workflow, or this job may not see it"
    return refused.sentence


def _linked(outcome: AliasOutcome, url: str | None) -> AliasOutcome:
    if not url or outcome.waiting is None:
        return outcome
    return replace(outcome, waiting=replace(outcome.waiting, link=url))
