"""`liftgate init --protect` against GitHub on loopback, and the commands that it prints, run by a shell."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from github_server import GitHubServer
from github_world import Repository
from liftgate.cli import main

pytest.importorskip("github")

SNAPSHOT = Path(__file__).parent.parent / "snapshots" / "init_protect.txt"
OWNER = ["--owner", "@octo/eval-owners", "--reviewer", "alice", "--reviewer", "octo/eval-owners"]
ADMIN = {"administration": "write", "issues": "write", "actions": "read", "contents": "read"}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[GitHubServer]:
    with GitHubServer(teams={"octo/eval-owners": 42}) as running:
        monkeypatch.setenv("GITHUB_API_URL", running.url)
        monkeypatch.setenv("GITHUB_TOKEN", "t")
        monkeypatch.setenv("GITHUB_REPOSITORY", "octo/toy")
        running.repository("octo/toy").add_user("alice", "write")
        yield running
        assert running.violations == []


@pytest.fixture
def repo(server: GitHubServer) -> Repository:
    return server.repository("octo/toy")


def protect(root: Path, *words: str) -> int:
    return main(["init", "--protect", "--root", str(root), *OWNER, *words])


def rules_of(repo: Repository, name: str) -> dict[str, Any]:
    ruleset = next(each for each in repo.rulesets.values() if each["name"] == name)
    return {rule["type"]: rule.get("parameters") for rule in ruleset["rules"]}


def test_everything_is_set_up_once(
    server: GitHubServer, repo: Repository, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert protect(tmp_path) == 0
    assert capsys.readouterr().out == (
        "octo/toy\n"
        "  created    label liftgate-approve\n"
        "  created    label liftgate-watch\n"
        "  created    environment training-approval\n"
        "  created    environment training\n"
        "  created    environment eval\n"
        "  created    ruleset liftgate: default branch\n"
        "  created    ruleset liftgate: ledger and results are only added to\n"
        "  note       whoever may push to this repository may add to the ledger: --writer-app ID stops that\n"
        "  note       whoever may push to this repository may set the status: --status-app ID stops that\n"
        "  written    .github/CODEOWNERS: commit it, by a pull request\n"
    )
    before, made = repo.state(), len(server.writes)
    assert protect(tmp_path) == 0
    out = capsys.readouterr().out
    assert {line.split()[0] for line in out.splitlines()[1:]} == {"unchanged", "note"}
    assert (repo.state(), len(server.writes)) == (before, made)


def test_what_holds_then(repo: Repository, tmp_path: Path) -> None:
    repo.apps.add(99)
    assert protect(tmp_path, "--status-app", "98", "--writer-app", "99") == 0
    rules = rules_of(repo, "liftgate: default branch")
    assert rules["required_status_checks"]["required_status_checks"] == [
        {"context": "liftgate/verdict", "integration_id": 98}
    ]
    review = rules["pull_request"]
    assert all(review[f"require_{n}"] for n in ("code_owner_review", "last_push_approval"))
    assert review["dismiss_stale_reviews_on_push"]
    assert {"non_fast_forward", "deletion"} <= set(rules)
    writer = next(each for each in repo.rulesets.values() if "only the app" in each["name"])
    assert [actor["actor_id"] for actor in writer["bypass_actors"]] == [99]
    assert writer["conditions"]["ref_name"]["include"] == [
        "refs/heads/liftgate-ledger",
        "refs/heads/liftgate-results",
    ]
    approval = repo.environments["training-approval"]["protection_rules"][0]
    assert (approval["type"], approval["prevent_self_review"]) == ("required_reviewers", True)
    assert [each["type"] for each in approval["reviewers"]] == ["User", "Team"]
    for name in ("training-approval", "training", "eval"):
        assert [each["name"] for each in repo.branch_policies[name]] == ["main"]


def test_what_somebody_asked_for_beside_it_stays(
    repo: Repository, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert protect(tmp_path) == 0
    found = next(each for each in repo.rulesets.values() if each["name"] == "liftgate: default branch")
    rules = {rule["type"]: rule for rule in found["rules"]}
    rules["pull_request"]["parameters"] |= {
        "required_approving_review_count": 2,
        "require_code_owner_review": False,
    }
    checks = rules["required_status_checks"]["parameters"]["required_status_checks"]
    checks[:] = [{"context": "tests"}]
    found["rules"] = [rule for rule in found["rules"] if rule["type"] != "deletion"] + [
        {"type": "required_signatures"}
    ]
    found["conditions"]["ref_name"]["exclude"] = ["refs/heads/**"]
    found["enforcement"] = "disabled"
    found["bypass_actors"] = [{"actor_id": 5, "actor_type": "RepositoryRole", "bypass_mode": "always"}]
    repo.branch_policies["training"].append({"id": 1, "name": "dev"})
    capsys.readouterr()
    assert protect(tmp_path) == 0
    out = capsys.readouterr().out
    assert "changed    ruleset liftgate: default branch\n             1 actor(s) pass it by" in out
    assert (
        "unchanged  environment training\n             1 more branch rule(s) let other branches use it" in out
    )
    after = rules_of(repo, "liftgate: default branch")
    assert after["pull_request"]["required_approving_review_count"] == 2
    assert after["pull_request"]["require_code_owner_review"]
    assert [each["context"] for each in after["required_status_checks"]["required_status_checks"]] == [
        "tests", "liftgate/verdict",
    ]  # fmt: skip
    assert {"required_signatures", "deletion"} <= set(after)
    assert (found["enforcement"], found["conditions"]["ref_name"]["exclude"]) == ("active", [])
    made = len(repo.rulesets)
    assert protect(tmp_path) == 0
    assert (len(repo.rulesets), "  changed" in capsys.readouterr().out) == (made, False)


def test_reviewers_and_timers_that_others_set_stay(
    server: GitHubServer, repo: Repository, tmp_path: Path
) -> None:
    repo.add_user("bob", "write")
    assert main(["init", "--protect", "--root", str(tmp_path), "--owner", "@bob"]) == 0
    repo.environments["training-approval"]["protection_rules"].append({"type": "wait_timer", "wait_timer": 5})
    assert protect(tmp_path) == 0
    rules = {rule["type"]: rule for rule in repo.environments["training-approval"]["protection_rules"]}
    assert [each["reviewer"]["login"] for each in rules["required_reviewers"]["reviewers"]] == [
        "bob",
        "alice",
        "?",
    ]
    assert rules["wait_timer"]["wait_timer"] == 5


def test_a_plan_without_reviewers_is_told_what_to_do_instead(
    repo: Repository, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    repo.plan_has_reviewers = False
    assert protect(tmp_path) == 0
    assert (
        "  created    environment training-approval\n"
        "             no reviewers: this plan has none; approve by label (policy approval.modes: [label])\n"
    ) in capsys.readouterr().out


def test_what_the_token_may_not_is_printed_as_commands(
    server: GitHubServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.token("t", "github-actions[bot]", {"issues": "write", "actions": "read", "contents": "read"})
    assert protect(tmp_path) == 4
    out = capsys.readouterr().out
    assert "  created    label liftgate-approve\n" in out
    assert (
        "  refused    ruleset liftgate: default branch: GitHub refuses (POST /rulesets): "
        "403 Resource not accessible by integration\n"
        "             the token needs `administration: write`, which no token of a workflow has: "
        "use an administrator's\n"
    ) in out
    assert out.count("gh api --method POST repos/octo/toy/labels") == 0
    assert out.count("gh api --method POST repos/octo/toy/rulesets") == 2
    assert out.count("gh api --method PUT repos/octo/toy/environments/") == 3
    assert "Traceback" not in out


def test_an_app_that_is_not_installed_cannot_be_the_writer(
    repo: Repository, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert protect(tmp_path, "--writer-app", "15368") == 4
    assert "install that App here first; GitHub's own App of Actions cannot be one" in capsys.readouterr().out
    assert len(repo.rulesets) == 2


@pytest.mark.parametrize("mode", ["502", "reset", "html", "strange", "409"])
def test_trouble_on_the_way_is_a_refusal_and_not_a_traceback(
    server: GitHubServer, tmp_path: Path, capsys: pytest.CaptureFixture[str], mode: str
) -> None:
    server.fail(mode, method="POST", path="/rulesets", times=1)
    server.fail(mode, method="GET", path="/environments/eval", times=1, skip=99)
    code = protect(tmp_path)
    captured = capsys.readouterr()
    assert code in {0, 4}
    assert "Traceback" not in captured.out + captured.err
    # Whatever happened, the next time puts it right.
    assert protect(tmp_path) == 0


def test_a_code_owners_file_that_is_there_is_not_touched(
    server: GitHubServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    held = tmp_path / "CODEOWNERS"
    held.write_text("/evals/ @a # ours\n/models.yaml @a\n/src/ @b\n/action.yml @b\n/.github/\n")
    assert protect(tmp_path) == 0
    assert capsys.readouterr().out.endswith(
        "\n# CODEOWNERS lacks these lines; add them and commit:\n"
        "/requirements/   @octo/eval-owners\n"
        "/.github/        @octo/eval-owners\n"
    )
    held.write_text("* @a\n")
    assert protect(tmp_path) == 0
    assert capsys.readouterr().out.endswith("  unchanged  CODEOWNERS\n")


def test_the_label_is_the_one_of_the_policy(repo: Repository, tmp_path: Path) -> None:
    policy = tmp_path / "evals" / "policy.yaml"
    policy.parent.mkdir()
    policy.write_text("version: 1\napproval: {label: spend, approvers: [alice]}\n")
    assert protect(tmp_path) == 0
    assert sorted(repo.labels) == ["liftgate-watch", "spend"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "--protect needs somebody who owns what measures"),
        (["--owner", "a; rm -rf /"], "--owner and --reviewer take a user or org/team"),
        (["--owner", "@a", "--reviewer", "$(x)"], "--owner and --reviewer take a user or org/team"),
        (["--owner", "@a", "--repository", "toy"], "--protect needs a repository"),
        (["--owner", "@a", "--writer-app", "-1"], "--writer-app takes the number of a GitHub App"),
        (
            ["--owner", "@a", *(f"--reviewer=u{n}" for n in range(7))],
            "an environment takes at most 6 reviewers",
        ),
        (["--owner", "@a-stranger/team"], "team 'a-stranger/team' cannot review here"),
    ],
)
def test_what_cannot_be_meant_is_said(
    server: GitHubServer, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], sentence: str
) -> None:
    assert main(["init", "--protect", "--root", str(tmp_path), *words]) == 2
    assert sentence in capsys.readouterr().err
    assert server.writes == []


def test_the_remote_names_the_repository_and_no_token_leads_to_the_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("GITHUB_REPOSITORY", "GITHUB_TOKEN", "GH_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    assert protect(tmp_path, "--print") == 2
    assert capsys.readouterr().err.startswith("error: --protect needs a repository\n")
    git = ["git", "-C", str(tmp_path)]
    subprocess.run([*git, "init", "-q"], check=True)
    address = "https://x:secret@github.com/octo/toy.git"
    subprocess.run([*git, "remote", "add", "origin", address], check=True)
    assert protect(tmp_path) == 2
    assert capsys.readouterr().err == (
        "error: octo/toy is set up with an administrator's token, and GITHUB_TOKEN is not set\n"
        "  hint: export GITHUB_TOKEN=$(gh auth token), or --print for the commands that somebody else can run\n"
    )
    assert protect(tmp_path, "--print") == 0
    assert "repos/octo/toy/rulesets" in capsys.readouterr().out


def test_a_folder_that_is_none_is_said_before_anything_is_asked(
    server: GitHubServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert protect(tmp_path / "nowhere") == 2
    assert capsys.readouterr().err.startswith("error: --root is no folder\n")
    assert server.requests == []
    (tmp_path / ".github").write_text("a file")
    assert protect(tmp_path) == 2
    assert capsys.readouterr().err.startswith("error: .github/CODEOWNERS cannot be written: ")


def test_init_alone_says_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init"]) == 2
    assert "liftgate init --protect" in capsys.readouterr().err


def printed(root: Path, capsys: pytest.CaptureFixture[str]) -> str:
    assert protect(root, "--print", "--status-app", "98", "--writer-app", "99") == 0
    return capsys.readouterr().out


def test_the_printed_commands_are_these(
    server: GitHubServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = printed(tmp_path, capsys)
    assert text == SNAPSHOT.read_text(encoding="utf-8")
    assert (server.requests, list(tmp_path.iterdir())) == ([], [])


GH = """#!{python}
import json, re, sys, urllib.request
words = sys.argv[2:]
options = dict(zip(words[::2], words[1::2])) if words[0].startswith("--method") else {{}}
path = words[2] if options else words[0]
rest = words[3:] if options else words[1:]
body = None
if "--input" in rest:
    body = sys.stdin.read()
if "-f" in rest:
    name, value = rest[rest.index("-f") + 1].split("=", 1)
    body = json.dumps({{name: value}})
request = urllib.request.Request("{url}/" + path, body and body.encode(), method=options.get("--method", "GET"))
request.add_header("Authorization", "Bearer t")
request.add_header("Content-Type", "application/json")
with urllib.request.urlopen(request) as reply:
    answer = json.load(reply)
if "--jq" in rest:
    print(answer[rest[rest.index("--jq") + 1].lstrip(".")])
"""


def test_the_printed_commands_do_what_the_api_does(
    server: GitHubServer, repo: Repository, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    repo.apps.add(99)
    script = tmp_path / "bin" / "gh"
    script.parent.mkdir()
    script.write_text(GH.format(python=sys.executable, url=server.url))
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    work = tmp_path / "work"
    work.mkdir()
    environment = {**os.environ, "PATH": f"{script.parent}:{os.environ['PATH']}"}
    commands = printed(work, capsys)
    subprocess.run(["sh", "-eu", "-c", commands], cwd=work, env=environment, check=True, capture_output=True)
    assert protect(work, "--status-app", "98", "--writer-app", "99") == 0
    words = {line.split()[0] for line in capsys.readouterr().out.splitlines()[1:]}
    assert words == {"unchanged"}
    assert json.dumps(repo.rulesets)
