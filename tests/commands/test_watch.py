"""`liftgate watch` against the GitHub fake: one issue an alias, and a second look that writes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from github_server import GitHubServer
from liftgate.cli import main
from toy_project import make_project

SUNSETS = (
    "version: 1\nsunsets:\n  - {provider: openai, model: gone, shutdown_on: 2020-01-01, source: ours, "
    "checked_on: 2019-12-01, alternatives: []}\n"
)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = make_project(tmp_path / "toy", tmp_path / "model")
    models = root / "models.yaml"
    models.write_text("version: 1\nmodels:\n  toy:\n    default: {model_id: gone, provider: openai}\n")
    (root / "evals" / "sunsets.yaml").write_text(
        SUNSETS.replace("2020-01-01", '"2020-01-01"').replace("2019-12-01", '"2019-12-01"')
    )
    monkeypatch.setenv("GITHUB_TOKEN", "t")
    monkeypatch.setenv("GITHUB_REPOSITORY", "octocat/toy")
    return root


def test_one_issue_an_alias_that_a_second_look_leaves_alone_and_a_cure_closes(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with GitHubServer() as server:
        hub = server.repository("octocat/toy")
        hub.add_workflow("watch.yml", state="disabled_inactivity")
        monkeypatch.setenv("GITHUB_API_URL", server.url)
        assert main(["watch", "--root", str(project), "--issues"]) == 0
        assert [issue["state"] for issue in hub.issues.values()] == ["open"]
        assert hub.workflows["watch.yml"]["state"] == "active"
        assert "issue of toy: open" in capsys.readouterr().err
        wrote = len(server.writes)
        assert main(["watch", "--root", str(project), "--issues", "--strict"]) == 10
        again = [each for each in server.writes[wrote:] if "/enable" not in each.path]
        assert again == []
        (project / "models.yaml").write_text(
            "version: 1\nmodels:\n  toy:\n    default: {model_id: tiny, provider: local, base: x}\n"
        )
        assert main(["watch", "--root", str(project), "--issues"]) == 0
        assert [issue["state"] for issue in hub.issues.values()] == ["closed"]
        assert server.violations == []


def test_without_a_token_it_says_what_it_needs(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("GITHUB_TOKEN")
    assert main(["watch", "--root", str(project), "--issues"]) == 2
    assert "GITHUB_TOKEN" in capsys.readouterr().err
