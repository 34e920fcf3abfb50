"""Words of models, rows and strangers on their way to GitHub: in the comment, the status, the log and the files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from comment_reading import check_inert
from liftgate.commands.publishing import files as publish_files
from liftgate.commands.publishing.session import Session
from liftgate.commands.publishing.target import Target, of_pull
from liftgate.commands.publishing.words import MARKER, comment_of, summary_text
from liftgate.errors import InputError, Problem
from liftgate.findings import Finding, Severity
from liftgate.github.client import connect
from liftgate.publishing.outcome import AliasOutcome, ChangeReport, Waiting
from liftgate.publishing.outputs import outputs
from publish_world import HOSTILE, NAME, TOKEN, Commits, World, make_commits, serving
from report_examples import blocked_by_safety, with_text

RUN = "https://github.example/octocat/toy/actions/runs/42"


@pytest.fixture(scope="module")
def commits(tmp_path_factory: pytest.TempPathFactory) -> Commits:
    return make_commits(tmp_path_factory.mktemp("publish"))


@pytest.fixture
def world(commits: Commits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    yield from serving(commits, tmp_path, monkeypatch)


def hostile(text: str, world: World) -> ChangeReport:
    """A change in which somebody wrote the same text wherever there is room for words."""
    found = Finding("pii", Severity.ERROR, text, text, 3)
    asked = Waiting(text, (text,), text, usd=text, digest="d" * 64, label=text)
    # A megabyte in each of a thousand places would be a test of the disk.
    report = with_text(blocked_by_safety(), text[:20_000])
    return ChangeReport(
        ("data",),
        world.commits.base,
        world.commits.heads["readme"],
        (
            AliasOutcome("toy", ("data",), "block", text, report=report, job_id=text, usd=text),
            AliasOutcome(text, ("data",), "waiting", text, waiting=asked, findings=(found,), digest=text),
        ),
        (found,),
        notes=(text,),
    )


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_whatever_somebody_wrote_is_words_on_github(
    world: World, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    sha = world.open()
    github = connect(TOKEN, NAME, world.server.url)
    target = of_pull(github, 7, RUN)
    assert isinstance(target, Target)
    change = hostile(text, world)
    session = Session(github, target, comment_of(target), MARKER)
    session.begin()
    assert session.finish(change)
    assert session.notes == []
    (comment,) = world.comments()
    # A comment is no log: the check of those is below.
    check_inert(comment["body"].replace("::", ":"), {RUN})
    state, said = world.statuses(sha)[0]
    assert state == "failure"
    assert len(said) <= 140
    assert not re.search(r"[\x00-\x1f\x7f\u202a-\u202e\u2066-\u2069]", said)
    publish_files.say_change(change, {})
    publish_files.write_artifacts(world.folder / "out", change, summary_text(change, RUN))
    publish_files.write_outputs(outputs(change, "out"))
    told = capsys.readouterr().err
    assert not [line for line in told.splitlines() if line.lstrip().startswith("::") or "##[" in line]
    assert max(map(len, told.splitlines())) < 2_000
    assert {*world.outputs()} == {
        "verdict", "change-kind", "digest", "needs-training", "cost-usd", "report-path", "job-id",
    }  # fmt: skip
    assert (world.outputs()["verdict"], world.outputs()["cost-usd"]) == ("block", "")
    inside = (world.folder / "out").resolve()
    assert all(path.resolve().is_relative_to(inside) for path in inside.rglob("*"))


def test_an_error_holds_no_command_either(capsys: pytest.CaptureFixture[str]) -> None:
    publish_files.tell(
        InputError("no\n::add-mask::a", problems=[Problem("::stop-commands::x", "y")], hint="##[error]z")
    )
    assert (
        capsys.readouterr().err
        == "error: no\n  . ::add-mask::a\n  . ::stop-commands::x: y\n  hint: # #[error]z\n"
    )
