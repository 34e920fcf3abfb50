"""`liftgate doctor runner` on the machine itself: its registration is read, GitHub is asked over HTTP."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from liftgate.cli import main

ANSWERS: dict[str, Any] = {
    "/repos/octo/toy": {"private": True, "visibility": "private", "owner": {"type": "Organization"}},
    "/orgs/octo/actions/runner-groups": {
        "runner_groups": [
            {
                "name": "gpu",
                "visibility": "selected",
                "allows_public_repositories": False,
                "restricted_to_workflows": True,
                "selected_workflows": ["octo/toy/.github/workflows/train.yml@refs/heads/main"],
            }
        ]
    },
}


@pytest.fixture
def github() -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = ANSWERS.get(self.path.partition("?")[0])
            body = json.dumps(found or {"message": "Not Found"}).encode()
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def asked(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, tuple[str, str]]:
    main(["doctor", "runner", "--json", "--disk-gb", "0.001", *words])
    lines = json.loads(capsys.readouterr().out)["lines"]
    return {line["topic"]: (line["state"], line["said"]) for line in lines}


def test_a_runner_as_it_should_be(
    github: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # The runner writes its settings with a byte order mark.
    text = json.dumps({"agentName": "a", "poolName": "gpu", "ephemeral": True})
    (tmp_path / ".runner").write_text(text, encoding="utf-8-sig")
    workspace = tmp_path / "_work" / "toy"
    workspace.mkdir(parents=True)
    for name, value in {
        "GITHUB_API_URL": github,
        "GITHUB_TOKEN": "ghs_x",
        "GITHUB_REPOSITORY": "octo/toy",
        "RUNNER_WORKSPACE": str(workspace),
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("liftgate.commands.onboarding.doctor_runner._torch", lambda: None)
    said = asked(capsys)
    assert said["ephemeral"] == ("ok", "takes one job and is gone")
    assert said["repository"] == ("ok", "private")
    assert said["group"] == ("ok", "'gpu' serves selected private repositories")
    assert said["workflows"] == ("ok", "the group takes .github/workflows/train.yml alone")
    assert said["disk"][0] == "ok"
    assert said["cuda"] == ("fix", "torch is not installed")


def test_a_runner_that_stays_is_to_be_mended_and_nobody_is_asked_without_a_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / ".runner").write_text('{"poolName": "Default"}')
    for name in ("GITHUB_TOKEN", "GH_TOKEN", "RUNNER_WORKSPACE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("liftgate.commands.onboarding.doctor_runner._torch", lambda: None)
    said = asked(capsys, "--runner", str(tmp_path))
    assert said["ephemeral"][0] == "fix"
    assert said["repository"][0] == "note"


def test_torch_is_asked_in_a_process_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torch")
    state, said = asked(capsys)["cuda"]
    assert state in {"ok", "note"}
    assert "torch " in said
