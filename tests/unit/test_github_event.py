"""What an event says, and which pull request or merge group it is about: events of GitHub's form and hostile ones."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from github_server import GitHubServer
from github_world import Repository
from liftgate.errors import InputError
from liftgate.github.api import GitHub
from liftgate.github.event import LARGEST, NAMES, Base, Event, Head, Run, parse, queued
from liftgate.github.subject import MergeGroup, Nothing, PullSubject, resolve

BASE, HEAD, LATER = "b" * 40, "a" * 40, "c" * 40
QUEUE = f"gh-readonly-queue/main/pr-7-{BASE}"
REPOSITORY = {"full_name": "octocat/toy", "default_branch": "main"}
RUN: dict[str, Any] = {
    "action": "completed",
    "repository": REPOSITORY,
    "workflow_run": {
        "id": 31, "path": ".github/workflows/gate.yml", "event": "pull_request", "status": "completed",
        "conclusion": "success", "head_sha": HEAD, "head_branch": "data", "pull_requests": [],
        "head_repository": {"full_name": "alice/toy"},
    },
}  # fmt: skip
PULL: dict[str, Any] = {
    "action": "synchronize",
    "number": 7,
    "repository": REPOSITORY,
    "pull_request": {
        "number": 7, "title": "A change", "base": {"ref": "main", "sha": BASE},
        "head": {"ref": "data", "sha": HEAD, "repo": {"full_name": "alice/toy"}},
    },
}  # fmt: skip
GROUP: dict[str, Any] = {
    "action": "checks_requested",
    "repository": REPOSITORY,
    "merge_group": {
        "head_sha": HEAD, "head_ref": f"refs/heads/{QUEUE}", "base_ref": "refs/heads/main", "base_sha": BASE,
    },
}  # fmt: skip
DISPATCH: dict[str, Any] = {"repository": REPOSITORY, "inputs": {"pr": "7", "head-sha": HEAD, "again": True}}
PAYLOADS = {
    "pull_request": PULL, "merge_group": GROUP, "workflow_run": RUN, "workflow_dispatch": DISPATCH,
    "repository_dispatch": {"repository": REPOSITORY, "action": "Anything At All!", "client_payload": {"x": 1}},
    "schedule": {"repository": REPOSITORY, "schedule": "17 3 * * *"},
}  # fmt: skip


def event_of(name: str, payload: Any = None, **changed: Any) -> Event:
    """An event, fields changed by path (`workflow_run__head_sha=...`)."""
    payload = copy.deepcopy(PAYLOADS[name] if payload is None else payload)
    for path, value in changed.items():
        *above, last = path.split("__")
        inner = payload
        for key in above:
            inner = inner[key]
        inner[last] = value
    return parse(name, json.dumps(payload).encode())


# reading
def test_each_event_says_what_the_gate_needs() -> None:
    assert event_of("pull_request") == Event(
        "pull_request",
        "octocat/toy",
        "main",
        "synchronize",
        7,
        Head(HEAD, "data", "alice/toy"),
        Base("main", BASE),
    )
    assert event_of("merge_group") == Event(
        "merge_group", "octocat/toy", "main", "checks_requested",
        head=Head(HEAD, QUEUE, "octocat/toy"), base=Base("main", BASE),
    )  # fmt: skip
    assert event_of("workflow_run") == Event(
        "workflow_run", "octocat/toy", "main", "completed", None, Head(HEAD, "data", "alice/toy"),
        run=Run(31, ".github/workflows/gate.yml", "pull_request", "completed", "success"),
    )  # fmt: skip
    assert event_of("workflow_dispatch").inputs == {"pr": "7", "head-sha": HEAD, "again": "true"}
    assert event_of("workflow_dispatch", inputs=None).inputs == {}
    assert event_of("repository_dispatch") == Event("repository_dispatch", "octocat/toy", "main")
    assert event_of("schedule") == Event("schedule", "octocat/toy", "main")


def test_a_fork_that_is_gone_is_no_repository() -> None:
    gone = event_of("pull_request", pull_request__head__repo=None).head
    assert gone == Head(HEAD, "data", None)
    assert event_of("workflow_run", workflow_run__head_repository=None).head == Head(HEAD, "data", None)


def test_a_run_that_only_began_has_no_conclusion() -> None:
    run = event_of("workflow_run", workflow_run__conclusion=None, workflow_run__status="queued").run
    assert run is not None
    assert (run.status, run.conclusion) == ("queued", None)


def test_everything_wrong_is_told_at_once_without_a_value() -> None:
    with pytest.raises(InputError) as caught:
        event_of(
            "workflow_run", workflow_run__head_sha="; rm -rf /", workflow_run__id=True, workflow_run__path=["x"],
            workflow_run__head_branch="a\nb", repository__full_name="../..//secret",
        )  # fmt: skip
    assert str(caught.value) == (
        "the event file is not what GitHub sends for workflow_run\n"
        "  $.workflow_run.path: expected the path of a workflow\n"
        "  $.repository.full_name: expected owner/name\n"
        "  $.workflow_run.head_sha: expected 40 hex digits\n"
        "  $.workflow_run.head_branch: expected the name of a branch\n"
        "  $.workflow_run.id: expected a number\n"
        "  hint: GITHUB_EVENT_PATH and GITHUB_EVENT_NAME are set by the runner and belong together"
    )


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"a":' * 5_000,
        b"1" + b"0" * 5_000,
        b"null",
        b"[]",
        b'"x"',
        b"{}",
    ],
    ids=[
        "empty",
        "half",
        "not utf-8",
        "deep list",
        "deep object",
        "long number",
        "null",
        "list",
        "text",
        "nothing",
    ],
)
@pytest.mark.parametrize("name", NAMES)
def test_what_is_no_event_is_a_sentence(name: str, text: bytes) -> None:
    with pytest.raises(InputError, match="the event file is not"):
        parse(name, text)


def test_a_file_larger_than_github_makes_is_not_read() -> None:
    with pytest.raises(InputError, match="larger than GitHub makes one"):
        parse("schedule", b" " * (LARGEST + 1))


@pytest.mark.parametrize("name", ["push", "pull_request_target", "", "a\nb", "pull_request "])
def test_an_event_that_the_gate_does_not_know_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="none that the gate knows"):
        parse(name, json.dumps(PULL).encode())


@pytest.mark.parametrize(
    "branch",
    [
        "",
        "a b",
        "a\nb",
        "-x",
        "a..b",
        "a~1",
        "refs/heads/",
        "x.lock",
        "a/.b",
        "a@{1}",
        "\ud800",
        "x" * 256,
        7,
        None,
    ],
)
def test_what_git_takes_for_no_branch_is_none(branch: Any) -> None:
    with pytest.raises(InputError, match="the name of a branch"):
        event_of("pull_request", pull_request__head__ref=branch)


@pytest.mark.parametrize(
    "inputs", [{"pr": 7}, {"pr": ["7"]}, [1], "pr", {str(n): "" for n in range(26)}, {"x": "y" * 70_000}]
)
def test_inputs_are_texts_and_few(inputs: Any) -> None:
    with pytest.raises(InputError, match=r"\$\.inputs"):
        event_of("workflow_dispatch", inputs=inputs)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=8)
    | st.sampled_from([HEAD, "main", "octocat/toy"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


@given(name=st.sampled_from(NAMES), odd=JSON, seed=st.integers(0, 10_000))
def test_any_value_at_any_place_is_an_event_or_a_sentence(name: str, odd: Any, seed: int) -> None:
    payload = copy.deepcopy(PAYLOADS[name])
    places: list[tuple[dict[str, Any], str]] = []
    waiting: list[Any] = [payload]
    while waiting:
        here = waiting.pop()
        if isinstance(here, dict):
            places += [(here, key) for key in here]
            waiting += here.values()
    holder, key = places[seed % len(places)]
    holder[key] = odd
    try:
        event = parse(name, json.dumps(payload).encode())
    except InputError as error:
        assert "the event file" in str(error)
    else:
        assert event.name == name
        assert event.head is None or len(event.head.sha) == 40


def test_the_branch_of_a_merge_group_names_its_base() -> None:
    assert queued(QUEUE) == ("main", 7, BASE)
    assert queued(f"gh-readonly-queue/release/2.x/pr-12-{HEAD}") == ("release/2.x", 12, HEAD)
    zero = f"gh-readonly-queue/main/pr-0-{HEAD}"
    for other in ("main", zero, f"x/{QUEUE}", f"{QUEUE}0", "gh-readonly-queue/main/pr-7-"):
        assert queued(other) is None


# finding the subject
@pytest.fixture
def server() -> Iterator[GitHubServer]:
    with GitHubServer() as running:
        yield running
        assert running.violations == []


@pytest.fixture
def repo(server: GitHubServer) -> Repository:
    found = server.repository("octocat/toy")
    add(found, 7)
    return found


@pytest.fixture
def github(server: GitHubServer, repo: Repository) -> GitHub:
    pytest.importorskip("github")
    from liftgate.github.client import connect

    return connect("t", repo.full_name, server.url)


def add(repo: Repository, number: int, **changed: Any) -> None:
    fields = {
        "author": "alice",
        "head_ref": "data",
        "head_sha": HEAD,
        "base_sha": BASE,
        "head_repository": "alice/toy",
    }
    repo.add_pull(number, **(fields | changed))


def test_a_run_of_a_fork_is_resolved_by_its_head_and_not_by_a_number(github: GitHub) -> None:
    # The event of a fork names no pull request, and a number that somebody put there is not read.
    event = event_of("workflow_run", workflow_run__pull_requests=[{"number": 1}])
    found = resolve(event, github)
    assert isinstance(found, PullSubject)
    assert (found.pull.number, found.to_default, found.others) == (7, True, ())


def test_of_several_with_one_head_the_one_to_the_default_branch_is_judged(
    github: GitHub, repo: Repository
) -> None:
    add(repo, 5, base_ref="dev")
    add(repo, 9, base_ref="old")
    found = resolve(event_of("workflow_run"), github)
    assert isinstance(found, PullSubject)
    assert (found.pull.number, found.to_default, [each.number for each in found.others]) == (7, True, [5, 9])
    repo.close(7)
    found = resolve(event_of("workflow_run"), github)
    assert isinstance(found, PullSubject)
    assert (found.pull.number, found.to_default) == (5, False)


def test_a_retargeted_pull_request_is_not_to_the_default_branch(github: GitHub, repo: Repository) -> None:
    repo.retarget(7, "dev", LATER)
    for name in ("workflow_run", "pull_request"):
        found = resolve(event_of(name), github)
        assert isinstance(found, PullSubject)
        assert (found.to_default, found.pull.base_sha) == (False, LATER)


def test_the_same_branch_of_another_fork_is_somebody_elses(github: GitHub, repo: Repository) -> None:
    repo.close(7)
    add(repo, 8, head_repository="alice/toy-two")
    add(repo, 9, head_repository="mallory/toy")
    assert resolve(event_of("workflow_run"), github) == Nothing("closed", HEAD)


@pytest.mark.parametrize("name", ["workflow_run", "pull_request", "workflow_dispatch"])
def test_a_head_that_moved_meanwhile_is_not_judged(github: GitHub, repo: Repository, name: str) -> None:
    repo.push(7, LATER)
    assert resolve(event_of(name), github) == Nothing("head-moved", HEAD)


def test_an_answer_that_is_older_than_the_event_judges_nothing(github: GitHub, server: GitHubServer) -> None:
    server.fail("stale-head", path="/pulls")
    assert resolve(event_of("workflow_run"), github) == Nothing("head-moved", HEAD)


@pytest.mark.parametrize("name", ["workflow_run", "pull_request", "workflow_dispatch"])
@pytest.mark.parametrize("merged", [True, False])
def test_what_is_closed_is_not_judged(github: GitHub, repo: Repository, name: str, merged: bool) -> None:
    repo.close(7, merged=merged)
    assert resolve(event_of(name), github) == Nothing("closed", HEAD)


def test_commits_of_a_fork_that_is_gone_are_not_judged(github: GitHub, repo: Repository) -> None:
    repo.delete_fork(7)
    gone = event_of("workflow_run", workflow_run__head_repository=None)
    assert resolve(gone, github) == Nothing("fork-gone", HEAD)
    assert resolve(event_of("pull_request"), github) == Nothing("fork-gone", HEAD)
    # The event is older than the end of the fork: GitHub does not know its head any more.
    assert resolve(event_of("workflow_run"), github) == Nothing("no-pull-request", HEAD)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"workflow_run__path": ".github/workflows/other.yml"}, "not-the-gate"),
        ({"workflow_run__path": "x/.github/workflows/gate.yml"}, "not-the-gate"),
        ({"workflow_run__event": "push"}, "not-asked"),
        ({"workflow_run__event": "workflow_dispatch"}, "not-asked"),
        ({"workflow_run__event": "pull_request_target"}, "not-asked"),
        ({"workflow_run__head_sha": LATER}, "head-moved"),
        ({"workflow_run__head_branch": "other"}, "no-pull-request"),
        ({"workflow_run__head_branch": None}, "no-pull-request"),
    ],
)
def test_another_run_than_the_gates_is_refused(github: GitHub, changed: dict[str, Any], reason: str) -> None:
    found = resolve(event_of("workflow_run", **changed), github)
    assert isinstance(found, Nothing)
    assert found.reason == reason
    assert found.sentence


def test_the_path_of_a_run_may_name_its_ref(github: GitHub) -> None:
    event = event_of("workflow_run", workflow_run__path=".github/workflows/gate.yml@refs/pull/7/merge")
    assert isinstance(resolve(event, github), PullSubject)


def test_an_event_of_another_repository_is_refused(github: GitHub) -> None:
    event = event_of("workflow_run", repository__full_name="mallory/toy")
    assert resolve(event, github) == Nothing("other-repository")


def test_a_merge_group_has_its_head_and_its_base(github: GitHub) -> None:
    assert resolve(event_of("merge_group"), github) == MergeGroup(
        HEAD, "main", BASE, 7, named=False, to_default=True
    )
    run = {
        "workflow_run__event": "merge_group", "workflow_run__head_branch": QUEUE,
        "workflow_run__head_repository": {"full_name": "octocat/toy"},
    }  # fmt: skip
    found = resolve(event_of("workflow_run", **run), github)
    assert found == MergeGroup(HEAD, "main", BASE, 7, named=True, to_default=True)
    other = run | {"workflow_run__head_branch": QUEUE.replace("/main/", "/dev/")}
    found = resolve(event_of("workflow_run", **other), github)
    assert isinstance(found, MergeGroup)
    assert not found.to_default


@pytest.mark.parametrize(
    "changed",
    [
        {"workflow_run__head_branch": "data"},
        {"workflow_run__head_branch": QUEUE},
        {"workflow_run__head_branch": QUEUE, "workflow_run__head_repository": None},
    ],
    ids=["another branch", "of a fork", "of a fork that is gone"],
)
def test_a_merge_group_that_github_did_not_make_is_none(github: GitHub, changed: dict[str, Any]) -> None:
    event = event_of("workflow_run", workflow_run__event="merge_group", **changed)
    assert resolve(event, github) == Nothing("no-pull-request", HEAD)


def test_a_merge_group_whose_fields_disagree_is_none(github: GitHub) -> None:
    event = event_of("merge_group", merge_group__base_ref="refs/heads/dev")
    assert resolve(event, github) == Nothing("no-pull-request", HEAD)
    assert resolve(event_of("merge_group", action="destroyed"), github) == Nothing("not-asked", HEAD)


@pytest.mark.parametrize("number", ["8", "", "7; x", "٧", "9" * 30, "-7"])
def test_a_dispatch_that_names_no_pull_request_judges_none(github: GitHub, number: str) -> None:
    found = resolve(event_of("workflow_dispatch", inputs={"pr": number}), github)
    assert isinstance(found, Nothing)
    assert found.reason == "no-pull-request"


def test_schedule_and_repository_dispatch_ask_for_no_judgement(github: GitHub) -> None:
    for name in ("schedule", "repository_dispatch"):
        assert resolve(event_of(name), github) == Nothing("not-asked")
