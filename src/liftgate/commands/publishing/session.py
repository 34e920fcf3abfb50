"""One publishing of one commit: pending at once, then what came of judging, and an error when nothing came."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

from liftgate.commands.publishing.comment import StickyComment
from liftgate.commands.publishing.status import Statuses
from liftgate.commands.publishing.target import Target, still
from liftgate.errors import LiftgateError, ProviderError
from liftgate.github.api import GitHub, PullRequest
from liftgate.publishing.outcome import ChangeReport
from liftgate.publishing.status import (
    JUDGING,
    SUPERSEDED,
    Status,
    described,
    status_of,
    wrong_base,
)

# (what came of judging or None while it goes on, the present comment's text) → Markdown
Render = Callable[[ChangeReport | None, str | None], str]


@dataclass
class Session:
    """Talks to GitHub about one target. `notes` holds what could not be published beside the status."""

    github: GitHub
    target: Target
    render: Render
    marker: str
    notes: list[str] = field(default_factory=list)

    @cached_property
    def statuses(self) -> Statuses:
        """The status of the commit."""
        return Statuses(self.github, self.target.sha)

    def begin(self) -> None:
        """Pending and "in progress", where the commit has no word of ours yet or a run just started.

        A verdict that stands is not taken back while it is made again: the second run writes nothing. A status that
        cannot be set now is tried again at the end, where it counts.
        """
        refused = None
        try:
            if not self.target.begun and self.statuses.own() is not None:
                return
            self.statuses.put(Status("pending", JUDGING, self.target.run_url))
        except ProviderError as error:
            refused = error
        self._comment(None)
        if refused is not None and self.target.begun:
            raise refused

    def finish(self, change: ChangeReport) -> bool:
        """Publish what came of judging; False when another commit took its place. Raises `StatusRefused`."""
        if not still(self.github, self.target):
            return self._superseded()
        url = self._comment(change)
        if self.target.elsewhere:
            wanted = wrong_base(self.target.base_ref, self.target.default_branch)
        else:
            wanted = status_of(change, url or self.target.run_url, lasting=url is not None)
        # Writing the comment took time, and a success must not land on what nobody judged.
        if not still(self.github, self.target):
            return self._superseded()
        self.statuses.put(wanted)
        return True

    def fail(self, error: BaseException, change: ChangeReport) -> None:
        """Say that the commit could not be judged. Never raises: the first error is the one to tell."""
        said = told(error)
        try:
            self.statuses.put(Status("error", described(f"could not be judged: {said}"), self.target.run_url))
        except LiftgateError as refused:
            self.notes.append(refused.sentence)
        self._comment(change)

    def gone(self) -> bool:
        """After an error: whether it need not be told, as another commit took the place of this one meanwhile."""
        try:
            if still(self.github, self.target):
                return False
            self._superseded()
        except LiftgateError:
            return False
        return True

    def _superseded(self) -> bool:
        own = self.statuses.own()
        if own is None or own.state != "pending":
            self.statuses.put(Status("pending", SUPERSEDED, self.target.run_url))
        return False

    def _comment(self, change: ChangeReport | None) -> str | None:
        """Write the comment under the pull requests that are judged; the address of the first one's."""
        branch = self.target.default_branch
        judged = [pull for pull in self.target.pulls if pull.base_ref == branch] or self.target.pulls
        urls = [self._under(pull, change) for pull in judged]
        return urls[0] if urls else None

    def _under(self, pull: PullRequest, change: ChangeReport | None) -> str | None:
        comment = StickyComment(self.github, pull.number, self.marker, self.notes)
        try:
            return comment.put(lambda previous: self.render(change, previous))
        except Exception as bug:
            # A comment that cannot even be written down leaves the verdict as it is, too.
            self.notes.append(f"the comment could not be made: a bug: {type(bug).__name__}")
            return None


def told(error: BaseException) -> str:
    """Why nothing was judged, in words that hold no row and no secret."""
    if isinstance(error, LiftgateError):
        return error.sentence
    if isinstance(error, KeyboardInterrupt):
        return "this job was cancelled"
    return f"a bug: {type(error).__name__}"
