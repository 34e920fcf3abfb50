"""`liftgate publish` with a token: from the event to the status, whatever goes wrong on the way."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from liftgate.commands.publishing import files as publish_files
from liftgate.commands.publishing import judged as publish_judging
from liftgate.commands.publishing import target as publish_target
from liftgate.commands.publishing.dispatch import Dispatcher, failed
from liftgate.commands.publishing.session import Session, told
from liftgate.commands.publishing.status import Statuses, StatusRefused
from liftgate.commands.publishing.target import Target
from liftgate.commands.publishing.words import MARKER, comment_of, summary_text
from liftgate.errors import ExitCode, InputError
from liftgate.github.api import GitHub
from liftgate.github.subject import Nothing
from liftgate.publishing.outcome import ChangeReport, State
from liftgate.publishing.status import Status, described

_OTHERWISE: Final[Mapping[str, State]] = {"fork-gone": "error", "head-moved": "running"}


@dataclass
class Online:
    """One run of the command; `change` is what the outputs tell, and without one `otherwise`."""

    arguments: argparse.Namespace
    github: GitHub
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    change: ChangeReport | None = None
    otherwise: State = "error"

    @property
    def server(self) -> str:
        """The address of GitHub's pages."""
        return self.environment.get("GITHUB_SERVER_URL", "https://github.com").rstrip("/")

    @property
    def run_url(self) -> str | None:
        """The page of this run; None at a desk."""
        run_id = self.environment.get("GITHUB_RUN_ID", "")
        return f"{self.server}/{self.github.repository}/actions/runs/{run_id}" if run_id.isdecimal() else None

    def publish(self) -> int:
        """Find what to publish about, judge it, publish. Exit code."""
        target = self.target()
        if isinstance(target, Nothing):
            return self._nothing(target)
        session = Session(self.github, target, comment_of(target), MARKER)
        try:
            return self._published(session, target)
        finally:
            publish_files.warn(session.notes, self.environment)

    def target(self) -> Target | Nothing:
        """The commit and its pull requests, or why there is nothing to publish about."""
        arguments = self.arguments
        if arguments.merge_group:
            if not arguments.base:
                raise InputError(
                    "--merge-group needs the commit that the group stands on", hint="give --base SHA"
                )
            return publish_target.of_group(self.github, arguments.merge_group, arguments.base, self.run_url)
        if arguments.pull is not None:
            return publish_target.of_pull(self.github, arguments.pull, self.run_url)
        return publish_target.of_event(self.github, self.environment, self.run_url)

    def _nothing(self, nothing: Nothing) -> int:
        """Say why; where a commit waits for a word that cannot come, say it on the commit, too."""
        publish_files.say([f"nothing to publish: {nothing.sentence}"])
        self.otherwise = _OTHERWISE.get(nothing.reason, "nothing")
        if nothing.reason == "fork-gone" and nothing.head_sha is not None:
            told_why = described(f"could not be judged: {nothing.sentence}")
            Statuses(self.github, nothing.head_sha).put(Status("error", told_why, self.run_url))
        return ExitCode.PASS

    def _published(self, session: Session, target: Target) -> int:
        session.begin()
        if target.begun:
            self.otherwise = "running"
            publish_files.say([f"{target.sha[:12]}: pending; the verdict follows when the gate's run ends"])
            return ExitCode.PASS
        try:
            change = self._judged(target)
            stands = session.finish(change)
        except StatusRefused as refused:
            session.notes.append(refused.sentence)
            self._told(session)
            raise
        except BaseException as error:
            if not isinstance(error, KeyboardInterrupt) and session.gone():
                return self._superseded(target)
            self.change = publish_judging.not_judged(target.told_base, target.sha, told(error))
            session.fail(error, self.change)
            self._told(session)
            raise
        if not stands:
            return self._superseded(target)
        self._told(session)
        return ExitCode.BAD_INPUT if change.state == "error" else ExitCode.PASS

    def _superseded(self, target: Target) -> int:
        self.change, self.otherwise = None, "running"
        publish_files.say([f"{target.sha[:12]} is superseded: another commit took its place"])
        return ExitCode.PASS

    def _judged(self, target: Target) -> ChangeReport:
        change = publish_judging.judge_target(
            self.arguments.root, target, ledger=self.arguments.ledger, repository=self.github.repository
        )
        change = self._gone_on(change, target)
        if self.arguments.run_failed:
            change = replace(change, notes=(*change.notes, *failed(change)))
        self.change = change
        return change

    def _gone_on(self, change: ChangeReport, target: Target) -> ChangeReport:
        """The change after what it asks for was started; a verdict never fails with that."""
        pull = target.judged
        if pull is None or self.arguments.no_dispatch:
            return change
        try:
            if not publish_target.still(self.github, target):
                return change
            own = self.environment.get("GITHUB_RUN_ID", "")
            return Dispatcher(self.github, self.server, target.default_branch, own).go_on(change, pull)
        except Exception as error:
            return replace(change, notes=(*change.notes, f"nothing more was started: {told(error)}"))

    def _told(self, session: Session) -> None:
        """Log, job summary and files. What cannot be written is told and changes nothing."""
        if self.change is None:
            return
        try:
            text = summary_text(self.change, self.run_url)
            session.notes += publish_files.write_summary(text, session.notes, self.environment)
            publish_files.write_artifacts(self.arguments.out, self.change, text)
            publish_files.say_change(self.change)
        except Exception as error:
            session.notes.append(f"the report's files are not complete: {told(error)}")
