"""The GitHub fake itself: what it serves, judges, refuses and remembers, asked by PyGithub as others know it."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from github_description import missing
from github_server import GitHubServer

github = pytest.importorskip("github")
BASE, HEAD, LATER = "b" * 40, "a" * 40, "c" * 40


@pytest.fixture
def server() -> Iterator[GitHubServer]:
    with GitHubServer() as running:
        repo = running.repository("octocat/toy")
        repo.add_pull(
            7, author="alice", head_ref="data", head_sha=HEAD, base_sha=BASE, head_repository="alice/toy"
        )
        yield running


def of(server: GitHubServer, token: str = "t", per_page: int = 30) -> Any:  # noqa: S107
    hub = github.Github(
        base_url=server.url, auth=github.Auth.Token(token), retry=None, per_page=per_page,
        seconds_between_requests=0, seconds_between_writes=0,
    )  # fmt: skip
    return hub.get_repo("octocat/toy")


def test_pygithub_reads_and_writes_a_pull_request(server: GitHubServer) -> None:
    repo = of(server)
    pull = repo.get_pull(7)
    assert (pull.head.sha, pull.head.repo.full_name, pull.base.sha, pull.state) == (
        HEAD,
        "alice/toy",
        BASE,
        "open",
    )
    assert [each.number for each in repo.get_pulls(head="alice:data")] == [7]
    assert list(repo.get_pulls(head="mallory:data")) == []
    comment = pull.create_issue_comment("first")
    comment.edit("second")
    assert [(each.body, each.user.login) for each in pull.get_issue_comments()] == [
        ("second", "github-actions[bot]")
    ]
    assert server.violations == []


def test_lists_are_paged_up_to_three_thousand_files(server: GitHubServer) -> None:
    server.repository("octocat/toy").pulls[7].files = [f"datasets/x/{n}.jsonl" for n in range(3_456)]
    assert len(list(of(server, per_page=100).get_pull(7).get_files())) == 3_000
    assert server.violations == []


@pytest.mark.skipif(missing() is not None, reason=str(missing()))
def test_a_request_that_the_description_forbids_is_refused_and_remembered(server: GitHubServer) -> None:
    with pytest.raises(github.GithubException) as caught:
        of(server).requester.requestJsonAndCheck(
            "POST", f"/repos/octocat/toy/statuses/{HEAD}", input={"state": "splendid"}
        )
    assert caught.value.status == 422
    assert len(server.violations) == 1
    assert "splendid" in server.violations[0]
    assert server.repository("octocat/toy").statuses == {}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/repos/octocat/toy/no-such-thing", None),
        ("GET", "/repos/octocat/toy/activity?reff=x", None),
        ("POST", "/repos/octocat/toy/issues", {"titel": "x"}),
        ("PUT", "/repos/octocat/toy/rulesets/1", {"rules": "none"}),
    ],
)
def test_a_request_that_no_description_knows_is_remembered(
    server: GitHubServer, method: str, path: str, body: dict[str, Any] | None
) -> None:
    with pytest.raises(github.GithubException):
        of(server).requester.requestJsonAndCheck(method, path, input=body)
    assert len(server.violations) == 1


def test_a_token_does_what_its_permissions_say(server: GitHubServer) -> None:
    server.token("gate", "github-actions[bot]", {"pull-requests": "read"})
    pull = of(server, "gate").get_pull(7)
    with pytest.raises(github.GithubException) as caught:
        pull.create_issue_comment("no")
    assert (caught.value.status, caught.value.data["message"]) == (
        403,
        "Resource not accessible by integration",
    )


def test_faults_come_as_often_as_asked_for_and_where(server: GitHubServer) -> None:
    repo = of(server)
    server.fail("502", path="/pulls/7", skip=1)
    repo.get_pull(7)
    with pytest.raises(github.GithubException):
        repo.get_pull(7)
    assert repo.get_pull(7).head.sha == HEAD
    server.fail("stale-head", path="/pulls/7")
    assert repo.get_pull(7).head.sha != HEAD
    server.fail("cut", method="POST")
    with pytest.raises(Exception, match=r"Connection|Remote"):
        repo.get_pull(7).create_issue_comment("done, and nobody hears of it")
    assert len(server.repository("octocat/toy").comments) == 1


def test_limits_are_those_of_github(server: GitHubServer) -> None:
    repo = of(server)
    pull = repo.get_pull(7)
    pull.create_issue_comment("x" * 65_536)
    over: list[Callable[[], Any]] = [
        lambda: pull.create_issue_comment("x" * 65_537),
        lambda: repo.requester.requestJsonAndCheck(
            "POST",
            f"/repos/octocat/toy/statuses/{HEAD}",
            input={"state": "success", "description": "d" * 141},
        ),
        lambda: repo.create_check_run(
            "gate",
            HEAD,
            output={
                "title": "t",
                "summary": "s",
                "annotations": [
                    {
                        "path": "a",
                        "start_line": 1,
                        "end_line": 1,
                        "annotation_level": "failure",
                        "message": "m",
                    }
                ]
                * 51,
            },
        ),
    ]
    for call in over:
        with pytest.raises(github.GithubException) as caught:
            call()
        assert caught.value.status == 422


def test_a_dispatch_is_recorded_makes_a_run_and_calls_back(server: GitHubServer) -> None:
    repo = server.repository("octocat/toy")
    repo.add_workflow("train.yml", inputs=["pr"])
    heard: list[tuple[str, str, Mapping[str, str], str]] = []

    def follow(workflow: str, ref: str, inputs: Mapping[str, str]) -> None:
        # It may ask the server that called it.
        heard.append((workflow, ref, inputs, of(server).get_pull(7).head.sha))

    repo.on_dispatch = follow
    workflow = of(server).get_workflow("train.yml")
    assert workflow.create_dispatch("main", {"pr": "7"}) is not False
    server.settle()
    assert heard == [("train.yml", "main", {"pr": "7"}, HEAD)]
    assert [(each.event, each.status) for each in workflow.get_runs()] == [("workflow_dispatch", "queued")]
    assert workflow.disable()
    assert repo.workflows["train.yml"]["state"] == "disabled_manually"
    assert server.violations == []


def test_two_threads_may_ask_at_once(server: GitHubServer) -> None:
    threads = [threading.Thread(target=lambda: of(server).get_pull(7)) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(server.made("GET", "/pulls/7")) == 4


ROOT = "/repos/octocat/toy"
STORY: list[tuple[str, str, dict[str, Any] | None, int]] = [
    ("GET", ROOT, None, 200),
    ("GET", f"{ROOT}/pulls/7", None, 200),
    ("GET", f"{ROOT}/pulls?state=all", None, 200),
    ("GET", f"{ROOT}/pulls/7/files", None, 200),
    ("GET", f"{ROOT}/issues/7/timeline", None, 200),
    ("POST", f"{ROOT}/issues/7/comments", {"body": "x"}, 201),
    ("GET", f"{ROOT}/issues/7/comments", None, 200),
    ("GET", f"{ROOT}/issues/comments/{{comment}}", None, 200),
    ("PATCH", f"{ROOT}/issues/comments/{{comment}}", {"body": "y"}, 200),
    ("DELETE", f"{ROOT}/issues/comments/{{comment}}", None, 204),
    ("POST", f"{ROOT}/labels", {"name": "watch"}, 201),
    ("PATCH", f"{ROOT}/labels/watch", {"color": "ffffff"}, 200),
    ("GET", f"{ROOT}/labels", None, 200),
    ("POST", f"{ROOT}/issues", {"title": "t", "labels": ["watch"]}, 201),
    ("GET", f"{ROOT}/issues/8", None, 200),
    ("POST", f"{ROOT}/issues/7/labels", {"labels": ["watch"]}, 200),
    ("GET", f"{ROOT}/issues/7/labels", None, 200),
    ("POST", f"{ROOT}/statuses/{HEAD}", {"state": "pending", "context": "c", "description": "d"}, 201),
    ("POST", f"{ROOT}/check-runs", {"name": "gate", "head_sha": HEAD, "status": "in_progress"}, 201),
    ("GET", f"{ROOT}/actions/runs/{{run}}", None, 200),
    ("GET", f"{ROOT}/actions/runs/{{run}}/artifacts", None, 200),
    ("GET", f"{ROOT}/actions/runs/{{run}}/approvals", None, 200),
    ("GET", f"{ROOT}/actions/workflows/gate.yml", None, 200),
    ("PUT", f"{ROOT}/actions/workflows/gate.yml/enable", None, 204),
    ("POST", f"{ROOT}/actions/workflows/gate.yml/dispatches", {"ref": "main", "inputs": {}}, 204),
    ("POST", f"{ROOT}/dispatches", {"event_type": "go", "client_payload": {}}, 204),
    ("PUT", f"{ROOT}/environments/eval", {"wait_timer": 5}, 200),
    ("GET", f"{ROOT}/environments/eval", None, 200),
    ("GET", f"{ROOT}/environments", None, 200),
    (
        "POST",
        f"{ROOT}/rulesets",
        {"name": "r", "enforcement": "active", "rules": [{"type": "deletion"}]},
        201,
    ),
    ("POST", f"{ROOT}/rulesets", {"name": "r", "enforcement": "active"}, 422),
    ("GET", f"{ROOT}/rulesets", None, 200),
    ("POST", f"{ROOT}/git/refs", {"ref": "refs/liftgate/locks/x", "sha": HEAD}, 201),
    ("POST", f"{ROOT}/git/refs", {"ref": "refs/liftgate/locks/x", "sha": HEAD}, 422),
    ("GET", f"{ROOT}/git/ref/liftgate/locks/x", None, 200),
    ("PUT", f"{ROOT}/contents/.github/CODEOWNERS", {"message": "m", "content": "eA=="}, 201),
    ("PUT", f"{ROOT}/contents/.github/CODEOWNERS", {"message": "m", "content": "eQ=="}, 409),
    ("GET", f"{ROOT}/contents/.github/CODEOWNERS", None, 200),
    ("GET", "/rate_limit", None, 200),
    ("GET", "/user", None, 403),
]


@pytest.mark.skipif(missing() is not None, reason=str(missing()))
def test_its_answers_have_the_form_that_github_describes(server: GitHubServer) -> None:
    server.judges_itself = True
    repo = server.repository("octocat/toy")
    known = {
        "run": repo.add_run(head_sha=HEAD, head_branch="data")["id"],
        "comment": repo.comment(7, "a", "b")["id"],
    }
    requester = of(server).requester
    codes = [
        requester.requestJson(verb, path.format(**known), input=body)[0] for verb, path, body, _ in STORY
    ]
    assert codes == [code for *_, code in STORY]
    assert server.violations == []


def test_it_serves_as_a_process_of_its_own(tmp_path: Path) -> None:
    world = tmp_path / "world.json"
    pull = {"number": 7, "author": "alice", "head_ref": "data", "head_sha": HEAD, "base_sha": BASE}
    world.write_text(json.dumps([["octocat/toy", "add_pull", pull]]))
    script = Path(__file__).parent.parent / "github_server.py"
    with subprocess.Popen(
        [sys.executable, str(script), "--state", str(world)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        more = json.dumps(["octocat/toy", "push", {"number": 7, "sha": LATER}]).encode()
        with urllib.request.urlopen(f"{url}/_/call", more) as reply:  # noqa: S310
            assert reply.status == 200
        with urllib.request.urlopen(f"{url}/_/state") as reply:  # noqa: S310
            state = json.load(reply)
        process.kill()
    assert state["repositories"]["octocat/toy"]["pulls"]["7"]["head_sha"] == LATER
