"""The guides that add a check, a scorer and a trainer, followed step by step in a copy of the repository."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from docs_reading import ROOT
from hosted_project import make_hosted_project
from openai_submissions import BASE

STEP = re.compile(r"<!-- (file|edit|replace): (\S+) -->\n```\w+\n(.*?)```\n", re.DOTALL)

DIGEST = """
import sys, pathlib, liftgate.project
print(liftgate.project.read_subject(pathlib.Path(sys.argv[1]), "toy").manifest().digest)
"""


def copied(into: Path, *more: str) -> Path:
    """What the steps touch and need: the program, its documentation and the tests that the guides name."""
    for name in ("src", "docs", "tools", *more):
        shutil.copytree(ROOT / name, into / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for name in ("pyproject.toml", "tests/conftest.py", "tests/rule_examples.py", "tests/toy_project.py"):
        (into / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(ROOT / name, into / name)
    (into / "tests" / "unit").mkdir(exist_ok=True)
    for name in ("test_checks.py", "test_scorers_doc.py"):
        shutil.copyfile(ROOT / "tests" / "unit" / name, into / "tests" / "unit" / name)
    return into


def follow(guide: str, repository: Path) -> list[str]:
    """Write and edit as the guide says; gives the paths."""
    text = (ROOT / "docs" / "guides" / guide).read_text("utf-8")
    paths = []
    for kind, name, block in STEP.findall(text):
        path = repository / name
        if kind == "file":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block, "utf-8")
        else:
            path.write_text(edited(path.read_text("utf-8"), block, name, all_of_them=kind == "replace"))
        paths.append(name)
    return paths


def edited(text: str, block: str, name: str, *, all_of_them: bool) -> str:
    lines = block.splitlines()
    before = "\n".join(line[1:] for line in lines if line[0] in " -")
    after = "\n".join(line[1:] for line in lines if line[0] in " +")
    found = text.count(before)
    assert found >= 1 if all_of_them else found == 1, f"{name}: {before!r} stands there {found} times"
    return text.replace(before, after)


def run(repository: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(repository / "src"), str(repository / "tests")])
    given = {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", **environment}
    return subprocess.run(
        [sys.executable, *words], cwd=repository, env=given, capture_output=True, text=True, check=False
    )


def passed(repository: Path, *words: str) -> None:
    done = run(repository, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *words)
    assert done.returncode == 0, done.stdout[-2000:]


def test_a_check_is_added_in_five_steps(tmp_path: Path) -> None:
    repository = copied(tmp_path, "tests/examples")
    follow("add-a-check.md", repository)
    passed(repository, "tests/unit/test_checks.py", "-k", "shouting-answer or belongs")
    told = run(repository, "-m", "liftgate", "validate", "--explain", "shouting-answer")
    assert "callers read capitals as anger" in told.stdout
    rows = "tests/examples/shouting-answer/flagged/train.jsonl"
    said = json.loads(run(repository, "-m", "liftgate", "validate", rows, "--json").stdout)
    ours = [finding for finding in said["findings"] if finding["rule"] == "shouting-answer"]
    assert [(finding["line"], finding["severity"]) for finding in ours] == [(1, "warning")]
    assert run(repository, "tools/write_rules_doc.py").returncode == 0
    assert "shouting-answer" in (repository / "docs" / "rules.md").read_text("utf-8")


def test_a_scorer_is_added_in_five_steps(tmp_path: Path) -> None:
    repository = copied(tmp_path)
    follow("add-a-scorer.md", repository)
    passed(repository, "tests/unit/test_close_number.py", "tests/unit/test_scorers_doc.py")


def test_a_trainer_is_added_in_five_steps(tmp_path: Path) -> None:
    repository = copied(tmp_path / "liftgate")
    follow("add-a-trainer.md", repository)
    allowed = "trigger: {min_reviewed_rows: 5}\nproviders_by_classification: {public: [acme]}\n"
    (tmp_path / "toy").mkdir()
    toy = make_hosted_project(tmp_path / "toy", "https://models.acme.invalid/v1", policy=allowed)
    for path in (toy / "datasets/toy/card.yaml", toy / "evals/prices.yaml", toy / "evals/sunsets.yaml"):
        path.write_text(path.read_text().replace("provider: openai", "provider: acme"))
    asked = (
        f'  - {{provider: openai, model: {BASE}, input_usd_per_mtok: "0.15", output_usd_per_mtok: "0.60", '
    )
    with (toy / "evals" / "prices.yaml").open("a") as prices:
        prices.write(asked + 'source: ours, checked_on: "2026-11-25"}\n')
    with (toy / "evals" / "sunsets.yaml").open("a") as sunsets:
        sunsets.write(
            f'  - {{provider: openai, model: {BASE}, shutdown_on: "2099-01-01", source: ours, '
            'checked_on: "2026-11-25"}\n'
        )
    jobs = tmp_path / "jobs"
    jobs.mkdir()

    def liftgate(*words: str) -> subprocess.CompletedProcess[str]:
        where = ("--root", str(toy), "--alias", "toy", "--ledger", str(tmp_path / "ledger"))
        return run(repository, "-m", "liftgate", *words, *where, ACME_FOLDER=str(jobs))

    refused = liftgate("train", "--out", str(tmp_path))
    assert (refused.returncode, refused.stderr.count("[approval-missing]")) == (10, 1)
    digest = run(repository, "-c", DIGEST, str(toy)).stdout.strip()
    assert list(jobs.iterdir()) == []
    approved = liftgate("approve", "--digest", digest, "--by", "owner", "--author", "ann")
    assert approved.returncode == 0, approved.stderr
    assert liftgate("train", "--out", str(tmp_path)).returncode == 5
    assert liftgate("train", "--out", str(tmp_path)).returncode == 5
    (job,) = jobs.iterdir()
    said = json.loads(job.read_bytes())
    assert said["digest"] == digest
    job.write_text(json.dumps({**said, "status": "done"}))
    done = liftgate("train", "--resume", "--out", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "acme/acme-1: proposed as variant v1.0.0 at 0%" in done.stderr
    assert "provider: acme" in (tmp_path / "toy" / "models.patch").read_text()


@pytest.mark.parametrize("guide", ["add-a-check.md", "add-a-scorer.md", "add-a-trainer.md"])
def test_a_guide_has_five_steps(guide: str) -> None:
    text = (ROOT / "docs" / "guides" / guide).read_text("utf-8")
    assert re.findall(r"^## (\d)\.", text, re.MULTILINE) == ["1", "2", "3", "4", "5"]
