"""The demo as a user runs it: a real training of the embedded model, killed once, found whole the second time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from liftgate.training.adapters import read_adapter

pytestmark = pytest.mark.acceptance
ROOT = Path(__file__).parent.parent.parent
LIFTGATE = Path(sys.executable).with_name("liftgate")


def demo(out: Path, *words: str) -> subprocess.Popen[str]:
    # Beside another worker's tests a second thread waits more than it works.
    alone = "PYTEST_XDIST_WORKER" not in os.environ
    environment = {key: value for key, value in os.environ.items() if key != "OMP_NUM_THREADS" or not alone}
    return subprocess.Popen(
        [LIFTGATE, "demo", "--out", str(out), *words],
        cwd=ROOT,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )


def said(out: Path, *words: str) -> list[str]:
    """Run the demo to its end: what it wrote for people."""
    with demo(out, *words) as process:
        assert process.stderr is not None
        lines = process.stderr.readlines()
    assert process.returncode == 0, lines[-20:]
    return lines


def kill_in_training(out: Path) -> None:
    with demo(out) as process:
        assert process.stderr is not None
        for line in process.stderr:
            # Ten seconds apart, so well after the first checkpoint and long before the last.
            if line.startswith("train: ") and int(line.split()[1].split("/")[0]) > 30:
                process.send_signal(signal.SIGKILL)
                break


def files_of(out: Path) -> dict[str, bytes]:
    names = ("report.json", "comment.md", "report.html", "comparison.json")
    return {name: (out / "support-intent" / name).read_bytes() for name in names}


def test_a_killed_demo_resumes_ends_in_a_verdict_and_is_found_whole_the_second_time(tmp_path: Path) -> None:
    kill_in_training(tmp_path)
    assert not (tmp_path / "store" / "adapters").exists()

    text = "".join(said(tmp_path))
    report = json.loads((tmp_path / "support-intent" / "report.json").read_bytes())
    assert report["headline"] in text
    for name in ("comment.md", "report.html", "report.json"):
        assert str(tmp_path / "support-intent" / name) in text

    (folder,) = (tmp_path / "store" / "adapters").iterdir()
    evidence = read_adapter(folder).evidence
    losses = [entry["loss"] for entry in evidence["losses"]]
    assert evidence["resumed_from_step"] >= 20
    assert [entry["step"] for entry in evidence["losses"]] == list(range(1, evidence["steps"] + 1))
    assert sum(losses[-10:]) < sum(losses[:10]) / 2

    arms = {arm["name"]: arm for arm in report["arms"]}
    assert arms["base"]["n"] == arms["candidate"]["n"] == 252
    assert arms["candidate"]["metrics"]["json_valid"] > 0.95
    assert arms["candidate"]["metrics"]["exact_match"] > arms["base"]["metrics"]["exact_match"]
    assert report["comparison"]["safety"]["cases"] == 64

    before = files_of(tmp_path)
    lines = said(tmp_path)
    assert any("nothing to train" in line for line in lines)
    assert not any(line.startswith(("train: ", "evaluate ")) for line in lines[:-1] if ":" in line)
    assert files_of(tmp_path) == before

    told = said(tmp_path, "--story")
    assert files_of(tmp_path) == before
    assert [line.split(". ")[0] for line in told if line.startswith("=== ")] == [
        f"=== {n}" for n in range(1, 10)
    ]
    bold = [line.split("**")[1] for line in told if line.startswith("  │ **")]
    headlines = [line.split(",")[0] for line in bold if "merge" in line.split(":")[0]]
    assert headlines == ["Blocked", "Waiting", "In progress", "Pass", "Pass", "Pass", "Rollback"]
    assert len(list((tmp_path / "demo" / "story" / "comments").iterdir())) == 7
    assert said(tmp_path, "--story")[-80:] == told[-80:]
