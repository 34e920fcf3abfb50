"""`liftgate registry verify` in a real clone: exit codes, what people and machines read, and that `trace` agrees."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from chain_world import ALIAS, MANIFEST, MODEL_ID, MODELS, REPORT, TRAIN, VARIANT, World, world
from liftgate.cli import main
from toy_project import git


class Clone:
    """The world's files in a repository with its history, and its ledger in a folder beside."""

    def __init__(self, root: Path, whole: World) -> None:
        self.root, self.ledger = root / "clone", root / "ledger"
        self.root.mkdir()
        git(self.root, "init", "-q", "-b", "main")
        for path, data in {**whole.files, "evals/policy.yaml": b"version: 1\n"}.items():
            self.write(path, data)
        for registry in (*whole.past, whole.files[MODELS]):
            assert registry is not None
            self.write(MODELS, registry)
            git(self.root, "add", "-A")
            git(self.root, "commit", "-q", "-m", "step")
        for name, data in (whole.ledger or {}).items():
            (self.ledger / name).parent.mkdir(parents=True, exist_ok=True)
            (self.ledger / name).write_bytes(data)

    def write(self, path: str, data: bytes) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_bytes(data)

    def verify(self, *words: str) -> int:
        return main(["registry", "verify", *words, "--root", str(self.root)])


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone(tmp_path, world(True, ledger=True))


def told(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


def test_a_whole_chain_passes_with_and_without_a_ledger(
    clone: Clone, capsys: pytest.CaptureFixture[str]
) -> None:
    assert clone.verify() == 0
    said = capsys.readouterr().err
    assert said.startswith(f"{ALIAS} {VARIANT}: verified, from rows to flag\n")
    assert "not checked: ledger: no ledger was read" in said
    assert clone.verify(ALIAS, VARIANT, "--ledger", str(clone.ledger)) == 0
    assert "job ftjob-1, approved by owner, verdict pass\n" in capsys.readouterr().err


def test_machines_read_every_link_and_where_the_model_comes_from_as_trace_does(
    clone: Clone, capsys: pytest.CaptureFixture[str]
) -> None:
    assert clone.verify("--json", "--ledger", str(clone.ledger)) == 0
    document = told(capsys)
    (chain,) = document["chains"]
    assert (document["outcome"], chain["state"], chain["first"]) == ("verified", "verified", None)
    assert main(["registry", "trace", MODEL_ID, "--json", "--ledger", str(clone.ledger)]) == 0
    traced = told(capsys)
    assert chain["origin"] == {
        "model_id": traced["model_id"],
        "train_sha256": traced["manifest"]["dataset"]["train_sha256"],
        "manifest_digest": traced["digest"],
        "job_id": traced["job"]["job_id"],
        "report_sha256": traced["verdicts"][0]["report_sha256"],
        "verdict": traced["verdicts"][0]["verdict"],
    }


@pytest.mark.parametrize("committed", [False, True])
def test_an_altered_row_is_named_by_its_line(
    clone: Clone, committed: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = (clone.root / TRAIN).read_bytes().split(b"\n")
    lines[3] = lines[3].replace(b"train 3", b"SECRET")
    clone.write(TRAIN, b"\n".join(lines))
    if committed:
        git(clone.root, "commit", "-q", "-am", "quietly")
    assert clone.verify() == 10
    first, second, *_ = capsys.readouterr().err.splitlines()
    assert first == f"{ALIAS} {VARIANT}: not verified, the first broken link is dataset"
    assert second.startswith(f"  {TRAIN}:4: is not the row that was released (sha256 is ")
    assert "SECRET" not in second


def test_trace_and_verify_part_when_the_ledger_is_not_of_these_files(
    clone: Clone, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = json.loads((clone.root / MANIFEST).read_bytes())
    (entry,) = (clone.ledger / "plans").glob("*.json")
    entry.write_bytes(entry.read_bytes().replace(manifest["dataset"]["train_sha256"].encode(), b"0" * 64))
    assert clone.verify("--ledger", str(clone.ledger)) == 10
    assert "plans/" in capsys.readouterr().err
    assert main(["registry", "trace", MODEL_ID, "--ledger", str(clone.ledger)]) == 2


def test_a_link_outside_the_repository_is_no_file_of_it(clone: Clone, tmp_path: Path) -> None:
    kept = tmp_path / "elsewhere.json"
    kept.write_bytes((clone.root / REPORT).read_bytes())
    (clone.root / REPORT).unlink()
    (clone.root / REPORT).symlink_to(kept)
    assert clone.verify() == 10


def test_without_a_history_nothing_is_verified(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path, data in {**world().files, "evals/policy.yaml": b"version: 1\n"}.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(data)
    assert main(["registry", "verify", "--root", str(tmp_path), "--json"]) == 11
    said = capsys.readouterr()
    assert json.loads(said.out)["outcome"] == "incomplete"
    assert "there is no git repository" in said.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("support-intend",), "did you mean 'support-intent'?"),
        ((ALIAS, "v1.1"), "has no variant 'v1.1'; did you mean 'v1.1.0'?"),
        ((ALIAS, "--report", "x.json"), "--report verifies one report"),
        (("--run", "x"), "--run and --policy belong to --report"),
        (("--ledger", "nowhere"), "nowhere: no such ledger"),
    ],
)
def test_words_that_do_not_fit_are_refused(
    clone: Clone, words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert clone.verify(*words) == 2
    assert said in capsys.readouterr().err


def test_a_registry_without_variants_verifies_nothing(
    clone: Clone, capsys: pytest.CaptureFixture[str]
) -> None:
    first = world(True).past[0]
    assert first is not None
    clone.write(MODELS, first)
    assert clone.verify() == 11
    assert capsys.readouterr().err == "models.yaml names no variant, so there is nothing to verify\n"
