"""The comment and the job summary of a change, for the pull request that they stand under."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from liftgate.commands.publishing.target import Target
from liftgate.publishing.outcome import ChangeReport
from liftgate.report.change_comment import find_digest, marker, render_change_comment
from liftgate.report.progress_comment import render_progress_comment

WORKFLOW: Final = "liftgate"
MARKER: Final = str(marker(WORKFLOW))


def comment_of(target: Target) -> Callable[[ChangeReport | None, str | None], str]:
    """Renders the sticky comment: of a change, or without one that the commit is being judged."""

    def rendered(change: ChangeReport | None, previous: str | None) -> str:
        before = find_digest(previous)
        if change is not None:
            return render_change_comment(
                change, workflow=WORKFLOW, run_url=target.run_url, previous=before, show=change.show
            )
        return render_progress_comment(
            workflow=WORKFLOW,
            head_sha=target.sha,
            base_sha=target.told_base,
            run_url=target.run_url,
            previous=before,
        )

    return rendered


def summary_text(change: ChangeReport, run_url: str | None) -> str:
    """The same without the line that hides what the comment remembers, for the page of the run."""
    text = render_change_comment(change, workflow=WORKFLOW, run_url=run_url, previous=None, show=change.show)
    return text.partition("\n")[2]
