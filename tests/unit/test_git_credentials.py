"""The token of a run reaches the run's own remote and nothing else: no argument, no file, no other host."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from git_http_server import GitRemote
from liftgate.git_credentials import with_token
from liftgate.repository import git
from liftgate.training.ledger import LedgerRefused
from liftgate.training.ledger_git import GitBranch
from toy_project import git as plain_git

TOKEN = "ghs_not-a-real-one"


@pytest.fixture
def remote(tmp_path: Path) -> Iterator[GitRemote]:
    (tmp_path / "remotes").mkdir()
    bare = tmp_path / "remotes" / "toy.git"
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(bare)], check=True)
    subprocess.run(["git", "-C", str(bare), "config", "http.receivepack", "true"], check=True)
    with GitRemote(tmp_path / "remotes", TOKEN).serving() as serving:
        yield serving


@pytest.fixture
def clone(tmp_path: Path, remote: GitRemote) -> Path:
    root = tmp_path / "clone"
    subprocess.run(["git", "init", "-q", "-b", "main", str(root)], check=True)
    plain_git(root, "remote", "add", "origin", f"{remote.address}/toy.git")
    return root


def test_the_ledger_is_written_with_the_token_of_the_run(
    clone: Path, remote: GitRemote, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
    monkeypatch.setenv("GITHUB_SERVER_URL", remote.address)
    ledger = GitBranch(clone)
    assert ledger.put_new("jobs/a.json", b"{}")
    assert ledger.get("jobs/a.json") == b"{}"
    assert not ledger.put_new("jobs/a.json", b"[]")
    assert git(clone, "fetch", "--quiet", "origin", "liftgate-ledger") == b""
    kept = [path.read_bytes() for path in (clone / ".git").rglob("*") if path.is_file()]
    encoded = remote.expected.removeprefix("Basic ").encode()
    assert not any(TOKEN.encode() in data or encoded in data for data in kept)


def test_a_header_that_the_checkout_left_is_not_sent_twice(
    clone: Path, remote: GitRemote, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain_git(clone, "config", f"http.{remote.address}/.extraheader", "Authorization: Basic b2xk")
    monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
    monkeypatch.setenv("GITHUB_SERVER_URL", remote.address)
    assert GitBranch(clone).put_new("jobs/a.json", b"{}")
    assert set(remote.seen) == {remote.expected}


def test_another_host_never_sees_the_token(
    clone: Path, remote: GitRemote, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
    monkeypatch.setenv("GITHUB_SERVER_URL", "https://github.invalid")
    monkeypatch.setenv("GIT_ASKPASS", "true")
    with pytest.raises(LedgerRefused):
        GitBranch(clone).put_new("jobs/a.json", b"{}")
    assert remote.seen
    assert not any(remote.expected in (header or "") for header in remote.seen)


@pytest.mark.parametrize(
    ("environment", "arguments"),
    [
        ({"GITHUB_TOKEN": TOKEN}, ("fetch", "origin")),
        ({"GITHUB_SERVER_URL": "https://github.com"}, ("fetch", "origin")),
        ({"GITHUB_TOKEN": TOKEN, "GITHUB_SERVER_URL": "http://github.com"}, ("fetch", "origin")),
        ({"GITHUB_TOKEN": TOKEN, "GITHUB_SERVER_URL": "https://github.com"}, ("cat-file", "blob", "HEAD:a")),
    ],
)
def test_git_gets_the_token_only_to_talk_to_githubs_own_address(
    environment: dict[str, str], arguments: tuple[str, ...]
) -> None:
    assert with_token(environment, arguments) == environment


def test_settings_that_are_given_already_stay() -> None:
    given = {
        "GITHUB_TOKEN": TOKEN,
        "GITHUB_SERVER_URL": "https://github.com/",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "a.b",
        "GIT_CONFIG_VALUE_0": "c",
    }
    made = with_token(given, ("push",))
    assert made["GIT_CONFIG_COUNT"] == "3"
    assert (made["GIT_CONFIG_KEY_0"], made["GIT_CONFIG_KEY_2"]) == (
        "a.b",
        "http.https://github.com/.extraheader",
    )
    assert made["GIT_CONFIG_VALUE_1"] == ""
