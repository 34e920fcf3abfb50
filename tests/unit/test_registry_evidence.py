"""What a promotion rests on is read from git and the ledger, and from nowhere else."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from liftgate.commands.sources.registry_evidence import at_commit, gather, in_tree
from liftgate.digests import pretty
from liftgate.registry.manifests import read_manifest
from liftgate.registry.models import read_models
from liftgate.repository import versions
from registry_world import manifest
from toy_project import git

VARIANT = """\
version: 1
models:
  toy:
    default: {{model_id: m, provider: local}}
    variants:
      v1: {{model_id: t, provider: local, dataset: {{version: 1.0.0}}, flag: f, rollout_percent: {percent}, {more}}}
"""


def commit(root: Path, message: str) -> str:
    git(root, "add", "-A")
    git(root, "commit", "-q", "--allow-empty", "-m", message)
    return git(root, "rev-parse", "HEAD").strip()


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    root = tmp_path / "clone"
    root.mkdir()
    (tmp_path / "outside.md").write_text("secret\n")
    git(root, "init", "-q", "-b", "main")
    (root / "evals" / "toy").mkdir(parents=True)
    (root / "inside.md").write_text("inside\n")
    (root / "link.md").symlink_to("../outside.md")
    (root / "near.md").symlink_to("inside.md")
    (root / "folder").symlink_to("..")
    return root


PATHS = [
    "../outside.md",
    "link.md",
    "near.md",
    "folder/outside.md",
    "/etc/hostname",
    "./inside.md",
    "a//b",
    "",
    ".",
    "..",
]


@pytest.mark.parametrize(
    "path", [*PATHS, "evals", "inside.md\n", "in\\side.md", "evals/../inside.md", ":(top)inside.md"]
)
def test_nothing_outside_the_repository_is_read(clone: Path, path: str) -> None:
    head = commit(clone, "all")
    assert in_tree(clone)(path) is None
    assert at_commit(clone, head)(path) is None
    assert in_tree(clone)("inside.md") == at_commit(clone, head)("inside.md") == b"inside\n"


def test_files_are_those_of_the_head_and_history_is_that_of_the_base(clone: Path) -> None:
    more = "runbook: inside.md, report: {path: ../outside.md, sha256: " + "a" * 64 + "}"
    (clone / "models.yaml").write_text(VARIANT.format(percent=0, more=more))
    first = commit(clone, "first")
    git(clone, "checkout", "-q", "-b", "side")
    for percent in (5, 25):
        (clone / "models.yaml").write_text(VARIANT.format(percent=percent, more=more))
        commit(clone, f"to {percent}")
    git(clone, "checkout", "-q", "main")
    git(clone, "merge", "-q", "--no-ff", "-m", "merged", "side")
    base = git(clone, "rev-parse", "HEAD").strip()
    (clone / "inside.md").write_text("changed\n")
    head = commit(clone, "head")
    after = read_models((clone / "models.yaml").read_bytes())
    evidence = gather(clone, base, head, after)
    assert evidence.files == {"inside.md": b"changed\n"}
    assert [state.commit for state in evidence.history] == [first, base]
    found = [variant.rollout_percent for s in evidence.history if (variant := s.variant("toy", "v1"))]
    assert found == [0, 25]
    assert (evidence.golden, evidence.verdicts, evidence.ledger) == ({}, (), False)


def test_a_history_is_bounded_and_tells_where_the_file_was_gone(clone: Path) -> None:
    for number, text in enumerate(
        ["version: 1\nmodels: {}\n", None, "not: a registry\n", "version: 1\nmodels: {}\n#\n"]
    ):
        path = clone / "models.yaml"
        path.unlink(missing_ok=True)
        if text is not None:
            path.write_text(text)
        commit(clone, str(number))
    read = [data for _, _, data in versions(clone, "HEAD", "models.yaml", 10)]
    assert read == [b"version: 1\nmodels: {}\n", None, b"not: a registry\n", b"version: 1\nmodels: {}\n#\n"]
    assert [data for _, _, data in versions(clone, "HEAD", "models.yaml", 1)] == read[-1:]
    assert versions(clone, "HEAD", "nothing.yaml", 10) == []


def test_a_commit_that_claims_to_be_older_than_its_parent_wins_no_time(clone: Path) -> None:
    for percent, day in ((0, "2026-11-20"), (5, "2026-11-24"), (5, "2026-11-01")):
        more = f"owner: on-{day}"
        (clone / "models.yaml").write_text(VARIANT.format(percent=percent, more=more))
        git(clone, "add", "-A")
        when = f"{day}T00:00:00Z"
        command = ["git", "-C", str(clone), "commit", "-q", "-m", day]
        subprocess.run(
            command, check=True, env={**_names(), "GIT_COMMITTER_DATE": when, "GIT_AUTHOR_DATE": when}
        )
    evidence = gather(clone, "HEAD", "HEAD", None)
    assert [state.at.day for state in evidence.history] == [20, 24, 24]


def _names() -> dict[str, str]:
    import os

    who = {"GIT_AUTHOR_NAME": "t", "GIT_AUTHOR_EMAIL": "t@t.invalid"}
    return {**os.environ, **who, "GIT_COMMITTER_NAME": "t", "GIT_COMMITTER_EMAIL": "t@t.invalid"}


@pytest.mark.parametrize(
    "changes",
    [{"seed": 1}, {"base_revision": "0" * 64}, {"digest": "0" * 64}, {"hyperparameters": {"rank": 1}}],
)
def test_a_manifest_counts_under_the_digest_of_its_content(changes: dict[str, Any]) -> None:
    made = manifest().to_dict()
    assert read_manifest(pretty(made)) == made
    assert read_manifest(pretty({**made, **changes})) is None


@pytest.mark.parametrize("data", [b"", b"null", b"[]", b"{}", b'"x"', b'{"dataset": 1}', b"\xff"])
def test_what_is_no_manifest_is_none(data: bytes) -> None:
    assert read_manifest(data) is None
