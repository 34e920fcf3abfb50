"""Sets the commit status `liftgate/verdict`, and only when it does not stand there yet."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from liftgate.errors import ProviderError
from liftgate.github.api import CommitStatus, GitHub, GitHubRefused
from liftgate.publishing.outcome import CONTEXT
from liftgate.publishing.status import Status, newest, same_account, stands


class StatusRefused(ProviderError):
    """GitHub did not take the status: whatever was judged, nobody can see it."""


@dataclass
class Statuses:
    """The status of one commit. Nothing is remembered: two of these may work on the same commit."""

    github: GitHub
    sha: str

    @cached_property
    def login(self) -> str:
        """The account that we write as."""
        return self.github.login()

    def own(self) -> CommitStatus | None:
        """What we said last; None when somebody else said something after us."""
        now = newest(self.github.statuses(self.sha))
        return now if now is not None and same_account(now.creator, self.login) else None

    def put(self, wanted: Status) -> bool:
        """Set it; False when it stood there. Raises `StatusRefused` that names the permission to give."""
        try:
            if stands(newest(self.github.statuses(self.sha)), wanted, self.login):
                return False
            self.github.set_status(
                self.sha,
                wanted.state,
                context=CONTEXT,
                description=wanted.description,
                target_url=wanted.target_url,
            )
        except GitHubRefused as refused:
            raise StatusRefused(
                f"the status {CONTEXT} of {self.sha[:12]} cannot be set: {refused.sentence}",
                hint="give this job `permissions: statuses: write`; until a status is set nothing can be merged"
                if refused.code in {401, 403, 404}
                else refused.hint or "run this job again; until a status is set nothing can be merged",
            ) from None
        return True
