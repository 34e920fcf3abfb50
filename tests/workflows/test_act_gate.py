"""The preview under act: the composite action installs from the hashed lock and judges a pull request."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from act_runner import ACT, BIN, PROJECT, Job, Runner, copy_template, git

import toy_project


def index_answers() -> bool:
    """True when what the action installs is here or can be fetched."""
    command = [str(BIN / "uv"), "pip", "install", "--dry-run", "--quiet", "--require-hashes", "--no-deps"]
    command += ["--python", str(BIN / "python"), "--target", "/nonexistent/target"]
    command += ["--requirements", str(PROJECT / "requirements" / "github.txt")]
    environment = {**os.environ, "UV_HTTP_TIMEOUT": "5", "UV_HTTP_RETRIES": "0"}
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=60, env=environment)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository made from the template, with a project in it."""
    if shutil.which(str(ACT)) is None:
        pytest.skip("act is not installed")
    if not index_answers():
        pytest.skip("the package index cannot be reached, so the action cannot install")
    root = tmp_path_factory.mktemp("toy")
    toy_project.make_project(root, root / "no-model")
    copy_template(root)
    git(root, "init", "-q", "-b", "main")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "base")
    return root


def preview(root: Path, runs: Path, event: str = "pull_request") -> Job:
    base, head = git(root, "rev-parse", "main"), git(root, "rev-parse", "HEAD")
    pull = {"number": 1, "base": {"sha": base, "ref": "main"}, "head": {"sha": head, "ref": "change"}}
    group = {"base_sha": base, "head_sha": head, "head_ref": "refs/heads/gh-readonly-queue/main/pr-1"}
    payload = {"pull_request": pull} if event == "pull_request" else {"merge_group": group}
    return Runner(runs).run(root, "gate.yml", event, payload)


@pytest.mark.parametrize("event", ["pull_request", "merge_group"])
def test_the_preview_of_a_change_that_touches_no_alias_passes(toy: Path, tmp_path: Path, event: str) -> None:
    git(toy, "checkout", "-q", "-B", "change", "main")
    (toy / "NOTES.md").write_text("nothing to gate\n")
    git(toy, "add", "-A")
    git(toy, "commit", "-qm", "notes")
    job = preview(toy, tmp_path, event)
    assert job.code == 0, job.log
    assert "::set-output:: exit-code=0" in job.log
    assert job.seconds < 60
