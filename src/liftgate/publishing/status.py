"""The commit status of a change: its state, one line of at most 140 characters, and when it need not be written."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from liftgate.github.api import CommitStatus, StatusState
from liftgate.publishing.outcome import CONTEXT, DESCRIPTION_LIMIT, ChangeReport, github_state
from liftgate.report.change_headline import change_headline
from liftgate.report.escape import clean

JUDGING: Final = "judging this commit"
SUPERSEDED: Final = "superseded: another commit took its place while this one was judged"
UNSAID: Final = "could not be judged"


@dataclass(frozen=True)
class Status:
    """A status as it should stand. `lasting` says that `target_url` is the same in every run for this commit."""

    state: StatusState
    description: str
    target_url: str | None = None
    lasting: bool = False


def status_of(change: ChangeReport, target_url: str | None = None, *, lasting: bool = False) -> Status:
    """The status that a judged change asks for."""
    return Status(github_state(change.state), described(change_headline(change)), target_url, lasting)


def described(text: str) -> str:
    """One line that GitHub takes as a description: visible, without characters beyond U+FFFF, at most 140."""
    plain = "".join(each if ord(each) <= 0xFFFF else "\ufffd" for each in text[: DESCRIPTION_LIMIT * 8])
    return clean(plain, DESCRIPTION_LIMIT) or UNSAID


def wrong_base(base_ref: str, default_branch: str) -> Status:
    """What stands on a commit that asks to be merged elsewhere: never success, whatever is in it."""
    return Status(
        "failure",
        described(f"not judged: it is based on {base_ref}, and only changes to {default_branch} are"),
    )


def newest(statuses: Iterable[CommitStatus]) -> CommitStatus | None:
    """Our context's status that counts; `statuses` come newest first."""
    return next((status for status in statuses if status.context == CONTEXT), None)


def stands(status: CommitStatus | None, wanted: Status, login: str) -> bool:
    """True when it need not be written: this account said the same. A stranger's words are always replaced."""
    if status is None or not same_account(status.creator, login):
        return False
    if (status.state, status.description) != (wanted.state, wanted.description):
        return False
    return status.target_url == wanted.target_url or not wanted.lasting


def same_account(name: str | None, login: str) -> bool:
    """GitHub's names differ in more than case."""
    return name is not None and name.lower() == login.lower()
