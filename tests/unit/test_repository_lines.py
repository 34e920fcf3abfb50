"""Which lines of a file a change touches, whatever the file holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from liftgate.repository import changed_lines, uncommitted
from toy_project import git


@pytest.fixture
def root(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q", "-b", "main")
    return tmp_path


def commit(root: Path, data: bytes, name: str = "rows.jsonl") -> str:
    (root / name).write_bytes(data)
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "x")
    return git(root, "rev-parse", "HEAD").strip()


@pytest.mark.parametrize(
    ("before", "after", "lines"),
    [
        (b"a\nb\nc\n", b"a\nB\nc\nd\n", [2, 4]),
        (b"a\nb\nc\n", b"a\nc\n", []),
        (b"", b"a\nb\n", [1, 2]),
        (b"a\nb", b"a\nb\n", [2]),
        (b"a\n@@ -1 +900 @@\n", b"x\n@@ -1 +900 @@\n@@ -1 +500 @@\n++ b/x\n", [1, 3, 4]),
        (b"a\x00b\nc\n", b"a\x00b\nd\n", [2]),
    ],
    ids=["altered and added", "removed", "new", "last line end", "rows like hunk heads", "binary"],
)
def test_changed_lines_are_those_of_the_new_file(
    root: Path, before: bytes, after: bytes, lines: list[int]
) -> None:
    base, head = commit(root, before), commit(root, after)
    assert [line for part in changed_lines(root, base, head, "rows.jsonl") for line in part] == lines


def test_attributes_of_the_change_hide_no_line(root: Path) -> None:
    base = commit(root, b"a\n")
    (root / ".gitattributes").write_text("*.jsonl -diff\n")
    head = commit(root, b"b\n")
    assert changed_lines(root, base, head, "rows.jsonl") == (range(1, 2),)


def test_files_that_the_last_commit_does_not_hold_are_named(root: Path) -> None:
    (root / "datasets").mkdir()
    commit(root, b"a\n", "datasets/kept.jsonl")
    commit(root, b"a\n", "datasets/altered.jsonl")
    assert uncommitted(root, "datasets") == []
    (root / "datasets/altered.jsonl").write_bytes(b"b\n")
    (root / "datasets/new.jsonl").write_bytes(b"b\n")
    (root / "elsewhere").write_bytes(b"b\n")
    assert uncommitted(root, "datasets") == ["datasets/altered.jsonl", "datasets/new.jsonl"]
    git(root, "add", "-A")
    assert uncommitted(root, "datasets") == ["datasets/altered.jsonl", "datasets/new.jsonl"]
