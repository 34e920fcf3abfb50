"""Starts train.yml and evaluate.yml on the default branch, once, and says where to do it by hand when it may not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from liftgate.github.api import GitHub, GitHubRefused, PullRequest
from liftgate.publishing.dispatches import Dispatch, asked_for, running
from liftgate.publishing.outcome import AliasOutcome, ChangeReport


@dataclass(frozen=True)
class Dispatcher:
    """`server` is the address of GitHub's pages, such as https://github.com."""

    github: GitHub
    server: str
    default_branch: str

    def go_on(self, change: ChangeReport, pull: PullRequest) -> ChangeReport:
        """Start what is asked for and not started yet; the change with what there is to know about it."""
        links: dict[str, str] = {}
        notes: list[str] = []
        for dispatch in asked_for(change, pull):
            try:
                url = self._started(dispatch, pull)
            except GitHubRefused as refused:
                notes.append(self._by_hand(dispatch, _why(refused)))
                continue
            if url is None and pull.from_fork(self.github.repository):
                # Its rows and prompts meet a secret only after somebody who may has looked at them.
                notes.append(self._by_hand(dispatch, "the change comes from a fork"))
                continue
            if url is None:
                try:
                    self.github.dispatch(dispatch.workflow, self.default_branch, dispatch.inputs)
                    url = self._started(dispatch, pull)
                except GitHubRefused as refused:
                    notes.append(self._by_hand(dispatch, _why(refused)))
            if url is not None:
                links[dispatch.alias] = url
        outcomes = tuple(_linked(outcome, links.get(outcome.alias)) for outcome in change.outcomes)
        return replace(change, outcomes=outcomes, notes=(*change.notes, *notes))

    def _started(self, dispatch: Dispatch, pull: PullRequest) -> str | None:
        """The address of the run; None when there is none."""
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
        found = running(dispatch, runs, self.default_branch, pushed, last)
        return None if found is None else str(found.get("html_url") or "")

    def _by_hand(self, dispatch: Dispatch, why: str) -> str:
        place = f"{self.server}/{self.github.repository}/actions/workflows/{dispatch.workflow}"
        given = ", ".join(f"{name} {value}" for name, value in dispatch.inputs.items() if value)
        return f"{dispatch.workflow} was not started: {why}. Start it by hand at {place} with {given}"


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
