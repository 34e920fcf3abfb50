"""What started this job: GitHub's event file as a small typed value. Its text is other people's, to the last field."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, get_args

from liftgate.errors import InputError, Problem

Name = Literal[
    "pull_request", "merge_group", "workflow_run", "workflow_dispatch", "repository_dispatch", "schedule"
]
NAMES: Final[tuple[Name, ...]] = get_args(Name)
# GitHub caps a payload at 25 MB.
LARGEST: Final = 26_214_400
LONGEST_INPUT: Final = 65_535
MOST_INPUTS: Final = 25
FILE: Final = "the event file"
_HINT: Final = "GITHUB_EVENT_PATH and GITHUB_EVENT_NAME are set by the runner and belong together"
_SHA: Final = re.compile(r"[0-9a-f]{40}")
_REPOSITORY: Final = re.compile(r"[A-Za-z0-9_.-]{1,100}/[A-Za-z0-9_.-]{1,100}")
# What git forbids in the name of a branch.
_NO_BRANCH: Final = re.compile(
    r"[\x00-\x20\x7f~^:?*\[\\\ud800-\udfff]|\.\.|@\{|//|/\.|\.lock(/|$)|^[-./]|[./]$"
)
_QUEUE: Final = re.compile(
    r"gh-readonly-queue/(?P<base>.+)/pr-(?P<number>[1-9][0-9]{0,9})-(?P<sha>[0-9a-f]{40})"
)


@dataclass(frozen=True)
class Head:
    """Commits that somebody asks to merge. `repository` is None when the fork is gone."""

    sha: str
    branch: str
    repository: str | None


@dataclass(frozen=True)
class Base:
    """What they are to be merged into; `sha` None when the event does not say."""

    branch: str
    sha: str | None


@dataclass(frozen=True)
class Run:
    """The run that a workflow_run event is about. `path` is the file of its workflow, `event` what started it."""

    id: int
    path: str
    event: str
    status: str
    conclusion: str | None


@dataclass(frozen=True)
class Event:
    """One event. `number` is a pull request's; `head` and `base` are there when the event names them."""

    name: Name
    repository: str
    default_branch: str | None
    action: str | None = None
    number: int | None = None
    head: Head | None = None
    base: Base | None = None
    run: Run | None = None
    inputs: Mapping[str, str] = field(default_factory=dict)


def parse(name: str, text: bytes) -> Event:
    """Read an event of a name. Raises `InputError` with every field that is not of GitHub's form."""
    if name not in NAMES:
        raise InputError(
            "this event is none that the gate knows", hint=f"the gate knows {', '.join(NAMES)}; {_HINT}"
        )
    if len(text) > LARGEST:
        raise InputError(f"{FILE} is larger than GitHub makes one", hint=_HINT)
    try:
        payload = json.loads(text)
    except (ValueError, RecursionError):
        raise InputError(f"{FILE} is not JSON", hint=_HINT) from None
    fields = _Fields(payload)
    event = _READ[name](fields)
    if fields.problems or event is None:
        raise InputError(f"{FILE} is not what GitHub sends for {name}", problems=fields.problems, hint=_HINT)
    return event


def queued(branch: str) -> tuple[str, int, str] | None:
    """Base branch, pull request and base commit that the branch of a merge group names; None for another branch.

    GitHub builds one such branch for each entry of the queue; its sha is the commit that the entry was put upon. It
    is a name all the same: that the commit lies under the head is for git to say.
    """
    found = _QUEUE.fullmatch(branch)
    return (found["base"], int(found["number"]), found["sha"]) if found else None


class _Fields:
    """Reads one field after the other and keeps what is wrong with them; never a value in a message."""

    def __init__(self, payload: Any) -> None:
        self.payload = payload
        self.problems: list[Problem] = []

    def _at(self, path: str) -> Any:
        value = self.payload
        for key in path.split("."):
            value = value.get(key) if isinstance(value, dict) else None
        return value

    def wrong(self, path: str, expected: str) -> None:
        """Note that a field is not what it should be."""
        self.problems.append(Problem(f"$.{path}", f"expected {expected}"))

    def there(self, path: str) -> bool:
        """True when the field is neither missing nor null."""
        return self._at(path) is not None

    def text(self, path: str, form: re.Pattern[str], expected: str) -> str:
        """A text of a form."""
        value = self._at(path)
        if isinstance(value, str) and form.fullmatch(value):
            return value
        self.wrong(path, expected)
        return ""

    def sha(self, path: str) -> str:
        """A commit."""
        return self.text(path, _SHA, "40 hex digits")

    def repository(self, path: str) -> str:
        """`owner/name`."""
        return self.text(path, _REPOSITORY, "owner/name")

    def word(self, path: str) -> str | None:
        """A word of GitHub's own, or nothing."""
        return self.text(path, re.compile(r"[a-z_]{1,40}"), "a word") if self.there(path) else None

    def branch(self, path: str) -> str:
        """The name of a branch, without refs/heads/."""
        value = self._at(path)
        if isinstance(value, str):
            short = value.removeprefix("refs/heads/")
            if 0 < len(short) <= 255 and not _NO_BRANCH.search(short):
                return short
        self.wrong(path, "the name of a branch")
        return ""

    def number(self, path: str) -> int:
        """A number from 1 on."""
        value = self._at(path)
        if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**63:
            return value
        self.wrong(path, "a number")
        return 0

    def common(self) -> dict[str, Any]:
        """What every event has. Where the default branch is not said it is asked of GitHub."""
        said = self.there("repository.default_branch")
        return {
            "repository": self.repository("repository.full_name"),
            "default_branch": self.branch("repository.default_branch") if said else None,
            "action": self.word("action"),
        }

    def inputs(self, path: str) -> dict[str, str]:
        """Inputs of a dispatch: texts by name."""
        value = self._at(path)
        if value is None:
            return {}
        if not isinstance(value, dict) or len(value) > MOST_INPUTS:
            self.wrong(path, f"at most {MOST_INPUTS} inputs")
            return {}
        told = {name: str(each).lower() if isinstance(each, bool) else each for name, each in value.items()}
        if any(not isinstance(each, str) or len(each) > LONGEST_INPUT for each in told.values()):
            self.wrong(path, "texts")
            return {}
        return {name: str(each) for name, each in told.items()}


def _pull_request(fields: _Fields) -> Event:
    fork = fields.there("pull_request.head.repo")
    return Event(
        "pull_request",
        **fields.common(),
        number=fields.number("pull_request.number"),
        head=Head(
            fields.sha("pull_request.head.sha"),
            fields.branch("pull_request.head.ref"),
            fields.repository("pull_request.head.repo.full_name") if fork else None,
        ),
        base=Base(fields.branch("pull_request.base.ref"), fields.sha("pull_request.base.sha")),
    )


def _merge_group(fields: _Fields) -> Event:
    common = fields.common()
    head = Head(
        fields.sha("merge_group.head_sha"),
        fields.branch("merge_group.head_ref"),
        common["repository"] or None,
    )
    base = Base(fields.branch("merge_group.base_ref"), fields.sha("merge_group.base_sha"))
    return Event("merge_group", **common, head=head, base=base)


def _workflow_run(fields: _Fields) -> Event:
    fork = fields.there("workflow_run.head_repository")
    path = fields.text("workflow_run.path", re.compile(r"[\x21-\x7e]{1,400}"), "the path of a workflow")
    return Event(
        "workflow_run",
        **fields.common(),
        head=Head(
            fields.sha("workflow_run.head_sha"),
            # A run of a commit without a branch has none; no pull request is found for it then.
            fields.branch("workflow_run.head_branch") if fields.there("workflow_run.head_branch") else "",
            fields.repository("workflow_run.head_repository.full_name") if fork else None,
        ),
        run=Run(
            id=fields.number("workflow_run.id"),
            path=path.partition("@")[0],
            event=fields.word("workflow_run.event") or "",
            status=fields.word("workflow_run.status") or "",
            conclusion=fields.word("workflow_run.conclusion"),
        ),
    )


def _workflow_dispatch(fields: _Fields) -> Event:
    return Event("workflow_dispatch", **fields.common(), inputs=fields.inputs("inputs"))


def _repository_dispatch(fields: _Fields) -> Event:
    # The action is the sender's own word here and says nothing to the gate.
    common = {**fields.common(), "action": None}
    fields.problems = [problem for problem in fields.problems if problem.place != "$.action"]
    return Event("repository_dispatch", **common)


def _schedule(fields: _Fields) -> Event:
    return Event("schedule", **fields.common())


_READ: Final = {
    "pull_request": _pull_request,
    "merge_group": _merge_group,
    "workflow_run": _workflow_run,
    "workflow_dispatch": _workflow_dispatch,
    "repository_dispatch": _repository_dispatch,
    "schedule": _schedule,
}
