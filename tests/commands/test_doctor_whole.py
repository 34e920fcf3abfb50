"""`liftgate doctor` without a topic: machine, repository, keys, and GitHub on loopback."""

from __future__ import annotations

import http.server
import json
import re
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("github")

from github_server import GitHubServer
from liftgate.cli import main
from liftgate.commands.onboarding.doctor_github import runners_of
from liftgate.github.wire import Wire

KEY = "sk-kestrel-0123456789"


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("OPENAI_API_KEY", "AZURE_OPENAI_API_KEY", "TOGETHER_API_KEY", "FIREWORKS_API_KEY", "GITHUB_TOKEN",
                 "GH_TOKEN", "GITHUB_REPOSITORY", "GITHUB_API_URL", "OPENAI_BASE_URL"):  # fmt: skip
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.chdir(tmp_path)


def project(root: Path, provider: str = "openai") -> None:
    (root / "evals").mkdir()
    (root / "models.yaml").write_text(
        f"version: 1\nmodels:\n  desk:\n    default: {{model_id: m, provider: {provider}}}\n"
    )
    (root / "evals/prices.yaml").write_text("version: 1\nprices: []\n")


def doctor(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, list[dict[str, Any]]]:
    code = main(["doctor", "--json", *words])
    document = json.loads(capsys.readouterr().out)
    assert document["schema_version"] == 1
    assert (document["outcome"] == "fix") == (code == 10)
    return code, document["lines"]


def of(lines: list[dict[str, Any]], topic: str) -> list[tuple[str, str]]:
    return [(line["state"], line["said"]) for line in lines if line["topic"] == topic]


def test_in_an_empty_folder_it_says_how_to_begin(capsys: pytest.CaptureFixture[str]) -> None:
    main(["doctor"])
    text = capsys.readouterr().out
    # What differs from machine to machine is cut out, the rest is whole.
    for pattern, instead in (
        (r"liftgate \S+, Python \S+, \w+ \S+", "VERSIONS"),
        (r"installed: .*", "EXTRAS"),
        (r"(?m)^(ok|note)  +git   .*\n( +→ git config.*\n)?", ""),
        (r"(?m)^\w+ +disk .*\n( +→ 5 GB.*\n)?", ""),
        (r"(?m)^\w+ +gpu .*\n", ""),
        (r"(?m)^1 to fix$", "nothing to fix"),
    ):
        text = re.sub(pattern, instead, text)
    assert text == (
        "ok    versions    VERSIONS\n"
        "ok    extras      EXTRAS\n"
        "note  repository  no models.yaml, datasets/ or evals/ here\n"
        "                  → liftgate init ALIAS --data FILE.jsonl --system-prompt TEXT\n"
        "note  github      not asked: GITHUB_TOKEN is not set\n"
        "                  → export GITHUB_TOKEN=$(gh auth token)\n"
        "note  clock       not compared: no server was asked\n"
        "                  → liftgate doctor --online\n"
        "\n"
        "nothing to fix\n"
    )


def test_files_that_cannot_be_read_are_named_with_their_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project(tmp_path)
    (tmp_path / "evals/policy.yaml").write_text("version: 1\nmin_lfit: 0.1\n")
    code, lines = doctor(capsys, "--offline")
    (wrong,) = [line for line in lines if line["topic"] == "files"]
    assert code == 10
    assert (wrong["said"], wrong["fix"]) == (
        "evals/policy.yaml has 1 problem",
        "evals/policy.yaml:2 $.min_lfit: 'min_lfit' is not a key here; did you mean 'min_lift'?",
    )


class _Models(http.server.BaseHTTPRequestHandler):
    seen: list[tuple[str, str]]
    code = 200

    def do_GET(self) -> None:
        self.seen.append((self.path, self.headers.get("Authorization", "")))
        self.send_response(self.code)
        self.send_header("Location", "http://127.0.0.1:1/elsewhere")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def models() -> Iterator[tuple[str, type[_Models]]]:
    kind = type("Models", (_Models,), {"seen": []})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), kind) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v1", kind
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (200, ("ok", "openai: the key is taken")),
        (401, ("fix", "openai: the key is refused (401)")),
        (429, ("note", "openai: over its limit (429)")),
        (302, ("fix", "openai: answers 302")),
    ],
)
def test_a_key_is_tried_only_when_asked_and_shown_never(
    code: int,
    said: tuple[str, str],
    models: tuple[str, type[_Models]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    project(tmp_path)
    address, kind = models
    kind.code = code
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_BASE_URL", address)
    _, lines = doctor(capsys)
    assert (of(lines, "keys"), of(lines, "access"), kind.seen) == ([("ok", "OPENAI_API_KEY is set")], [], [])
    _, lines = doctor(capsys, "--online", "--offline")
    assert of(lines, "access") == [said]
    assert kind.seen == [("/v1/models", f"Bearer {KEY}")]
    assert KEY not in json.dumps(lines)


def test_no_key_goes_to_an_address_without_encryption(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    project(tmp_path)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_BASE_URL", "http://models.example.com/v1")
    code, lines = doctor(capsys, "--online", "--offline")
    assert (code, of(lines, "access")) == (10, [("fix", "openai: no key goes to such an address")])


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[GitHubServer]:
    with GitHubServer(teams={"octo/owners": 42}) as running:
        monkeypatch.setenv("GITHUB_API_URL", running.url)
        monkeypatch.setenv("GITHUB_TOKEN", "t")
        subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
        running.repository("octo/toy").add_user("alice", "write")
        yield running
        assert running.violations == []


def test_github_is_asked_before_and_after_it_is_protected(
    server: GitHubServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project(tmp_path, "bedrock")
    before = server.repository("octo/toy").state()
    code, lines = doctor(capsys, "--repository", "octo/toy")
    assert code == 10
    assert server.repository("octo/toy").state() == before
    told = ("ruleset", "environment", "label")
    assert {state for topic in told for state, _ in of(lines, topic)} == {"fix"}
    assert of(lines, "clock")[0][0] == "ok"
    assert [said.split(":environment:")[1] for _, said in of(lines, "oidc")] == ["training", "eval"]
    assert (
        main(["init", "--protect", "--repository", "octo/toy", "--owner", "alice", "--reviewer", "alice"])
        == 0
    )
    capsys.readouterr()
    _, lines = doctor(capsys, "--repository", "octo/toy")
    assert [of(lines, topic) for topic in told] == [
        [("ok", "'liftgate: default branch' holds"), ("ok", "'liftgate: ledger and results are only added to' holds")],
        [("ok", "training-approval"), ("ok", "training"), ("ok", "eval")],
        [("ok", "liftgate-approve"), ("ok", "liftgate-watch")],
    ]  # fmt: skip


class _Runners(http.server.BaseHTTPRequestHandler):
    code = 200

    def do_GET(self) -> None:
        labels = [{"name": name} for name in ("self-hosted", "Linux", "GPU", "liftgate")]
        body = json.dumps({"total_count": 1, "runners": [{"status": "online", "labels": labels}]}).encode()
        self.send_response(self.code)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(
            body if self.code == 200 else b'{"message": "Resource not accessible by integration"}'
        )

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.mark.parametrize(("code", "state"), [(200, "ok"), (403, "note")])
def test_runners_are_listed_where_the_token_may(code: int, state: str) -> None:
    kind = type("Runners", (_Runners,), {"code": code})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), kind) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        wire = Wire("t", f"http://127.0.0.1:{server.server_port}", lambda seconds: None)
        line = runners_of(wire, "octo/toy")
        server.shutdown()
        thread.join()
    assert line.state == state


def test_a_token_that_sees_nothing_is_one_line(
    server: GitHubServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, lines = doctor(capsys, "--repository", "octo/other")
    assert of(lines, "github") == [("fix", "octo/other is not seen with this token")]


def test_the_remote_names_the_repository_and_its_password_is_not_shown(
    server: GitHubServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    remote = f"https://user:{KEY}@github.invalid/octo/toy.git"
    subprocess.run(["git", "-C", str(tmp_path), "remote", "add", "origin", remote], check=True)
    _, lines = doctor(capsys)
    assert of(lines, "ledger") == [("fix", "origin cannot be read")]
    assert of(lines, "github")[0] == ("ok", "octo/toy is seen; default branch 'main'")
    assert KEY not in json.dumps(lines)
