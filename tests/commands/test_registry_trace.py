"""`liftgate registry trace`: one command from a model's id to its data, price, approver and verdict."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from launch_world import MANIFEST, PRICE, START, Provider, order
from liftgate.cli import main
from liftgate.training.approval import Terms, issue
from liftgate.training.job_log import Clock
from liftgate.training.launch import Launch
from liftgate.training.ledger import Ledger, approval_name, plan_name, verdict_name
from liftgate.training.ledger_folder import Folder
from toy_project import git


def verdict(**more: Any) -> dict[str, Any]:
    about = {
        "key": "9" * 64,
        "verdict": "pass",
        "alias": "toy",
        "results": "runs/toy",
        "report_sha256": "8" * 64,
    }
    times = {"schema_version": 1, "entry": "verdict", "at": "2026-11-26T09:00:00Z"}
    return {**times, **about, "manifest_digest": MANIFEST.digest, **more}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    import datetime

    ledger = Ledger(Folder(tmp_path))
    now = [START]
    provider = Provider(now=lambda: now[0])
    terms = Terms(MANIFEST, Decimal("1.50"), PRICE, "d" * 64, "ann", "octocat/toy", "pull/7")
    approval = issue(terms, approver="owner", at=START, max_age_hours=72, run="123")
    ledger.keep(approval_name(approval), approval)

    def sleep(seconds: float) -> None:
        now[0] += datetime.timedelta(seconds=seconds)

    launch = Launch(order(approval=approval), provider, ledger, Clock(lambda: now[0], sleep))
    launch.follow(launch.start(), deadline_s=None, interval_s=600)
    lift = {"metric": "exact_match", "n": 64, "lift": 0.12, "low": 0.05, "high": 0.19}
    ledger.keep(verdict_name("9" * 64), verdict(**lift))
    return tmp_path


def trace(folder: Path, *words: str) -> int:
    return main(["registry", "trace", *words, "--ledger", str(folder)])


def test_one_command_answers_what_trained_a_model(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert trace(folder, "ft:ftjob-1") == 0
    assert capsys.readouterr().out == (
        "ft:ftjob-1\n"
        f"  data      toy 1.0.0, training rows sha256 {'a' * 64}\n"
        "  base      gpt-4.1-nano-2025-04-14 by supervised, epochs 3, seed 0\n"
        f"  manifest  {MANIFEST.digest}\n"
        "  job       ftjob-1 at openai, succeeded, launched 2026-11-25T09:00:00Z\n"
        "  cost      1.24 USD paid, 1.50 USD estimated\n"
        "  tokens    12,345 trained, 10,000 estimated\n"
        "  approved  by owner on 2026-11-25T09:00:00Z, 1.50 USD, for ann (pull/7 of octocat/toy)\n"
        "  measured  pass, exact_match +12.0 points (+5.0 to +19.0) on 64 cases, report 888888888888…, "
        "2026-11-26T09:00:00Z\n"
    )


def test_a_job_finds_its_model_and_machines_get_the_entries(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert trace(folder, "ftjob-1", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["manifest"]["dataset"]["train_sha256"] == "a" * 64
    assert told["approval"]["approver"] == "owner"
    assert [each["event"] for each in told["events"]] == ["submitted", "finished"]
    assert told["verdicts"][0]["verdict"] == "pass"


def test_a_model_of_ones_own_machine_is_found_by_the_registry_with_the_steps_of_its_callers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger = Ledger(Folder(tmp_path / "ledger"))
    made = replace(MANIFEST, provider="local")
    terms = Terms(made, Decimal("1.50"), PRICE, "d" * 64, "ann", "octocat/toy", "pull/7")
    approval = issue(terms, approver="owner", at=START, max_age_hours=72, run="123")
    plan = {"schema_version": 1, "entry": "plan", "digest": made.digest, "manifest": made.to_dict()}
    ledger.keep(plan_name(made.digest), {**plan, "at": "2026-11-25T09:00:00Z"})
    ledger.keep(approval_name(approval), approval)
    root = tmp_path / "clone"
    root.mkdir()
    git(root, "init", "-q", "-b", "main")
    commits = []
    for day, percent in ((1, 0), (2, 5), (3, 5), (4, 25), (5, 0)):
        (root / "models.yaml").write_text(
            "version: 1\nmodels:\n  toy:\n    default: {model_id: m, provider: local}\n    variants:\n      v1.0.0:\n"
            f"        model_id: toy-v1.0.0\n        provider: local\n        owner: of-day-{day}\n        flag: toy\n"
            f"        dataset: {{version: 1.0.0}}\n        manifest_digest: {made.digest}\n"
            f"        rollout_percent: {percent}\n"
        )
        git(root, "add", "models.yaml")
        command = [
            "git",
            "-C",
            str(root),
            "-c",
            "user.name=t",
            "-c",
            "user.email=t@t.invalid",
            "commit",
            "-qm",
            "x",
        ]
        at = f"2026-12-0{day}T09:00:00Z"
        subprocess.run(
            command, check=True, env={**os.environ, "GIT_COMMITTER_DATE": at, "GIT_AUTHOR_DATE": at}
        )
        commits.append(git(root, "rev-parse", "HEAD")[:12])
    assert trace(tmp_path / "ledger", "toy-v1.0.0", "--root", str(root)) == 0
    assert capsys.readouterr().out == (
        "toy-v1.0.0\n"
        f"  data      toy 1.0.0, training rows sha256 {'a' * 64}\n"
        "  base      gpt-4.1-nano-2025-04-14 by supervised, epochs 3, seed 0\n"
        f"  manifest  {made.digest}\n"
        "  job       on a machine of one's own\n"
        "  approved  by owner on 2026-11-25T09:00:00Z, 1.50 USD, for ann (pull/7 of octocat/toy)\n"
        "  measured  nothing yet\n"
        f"  callers   0% since 2026-12-01T09:00:00Z, commit {commits[0]}\n"
        f"            5% since 2026-12-02T09:00:00Z, commit {commits[1]}\n"
        f"            25% since 2026-12-04T09:00:00Z, commit {commits[3]}\n"
        f"            0% since 2026-12-05T09:00:00Z, commit {commits[4]}, rolled back from 25%\n"
    )
    assert trace(tmp_path / "ledger", "toy-v1.0.0", "--root", str(root), "--json") == 0
    assert [step["percent"] for step in json.loads(capsys.readouterr().out)["served"]] == [0, 5, 25, 0]
    assert trace(tmp_path / "none", "toy-v1.0.0", "--root", str(root)) == 2


def test_a_model_that_the_ledger_does_not_know_is_told_with_the_nearest(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert trace(folder, "ft:ftjob-2") == 2
    assert "the ledger knows no model 'ft:ftjob-2'; did you mean 'ft:ftjob-1'?" in capsys.readouterr().err


def test_an_edited_entry_answers_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (file,) = (folder / "approvals").rglob("*.json")
    file.write_text(file.read_text().replace('"owner"', '"mallory"'))
    assert trace(folder, "ft:ftjob-1") == 2
    assert "was edited after it was written" in capsys.readouterr().err


def test_without_an_action_it_says_which_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["registry"]) == 2
    assert "trace" in capsys.readouterr().out
    assert main(["registry", "trase"]) == 2
    assert "did you mean 'trace'" in capsys.readouterr().err
