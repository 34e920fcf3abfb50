"""`liftgate train --pull`: train what a pull request asks for, by the rules of its base."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Final

from liftgate.commands.sources.pulled import Pulled, of_pull, pulled
from liftgate.errors import ExitCode

POLL: Final = "poll.yml"


def train_pull(arguments: argparse.Namespace, say: Callable[[str], None]) -> int:
    """As `train` in a work tree at the pull request's head; a job that runs on is looked after from then on."""
    from liftgate.commands.launching.local_train import train_subject

    with pulled(arguments, [arguments.alias]) as at:
        places = at.places
        code = train_subject(of_pull(arguments, at), lambda text: say(places.text(text)))
        if code == ExitCode.STILL_RUNNING:
            look_after(at, say)
        return code


def look_after(at: Pulled, say: Callable[[str], None]) -> None:
    """Switch on the workflow that looks at running jobs; where this job may not, say who has to."""
    from liftgate.github.api import GitHubRefused

    try:
        if not at.github.workflow_enabled(POLL):
            at.github.enable_workflow(POLL, True)
            say(f"{POLL} looks at the job from now on")
    except GitHubRefused as refused:
        # The job is launched and written down; whoever looks next finds it.
        say(f"{POLL} could not be switched on: {refused.sentence}\n  hint: switch it on under Actions")
