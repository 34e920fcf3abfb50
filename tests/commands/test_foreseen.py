"""What a training needs is said before it starts: memory within a quarter of what is held, hours by ten steps."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from liftgate.cli import main
from toy_project import make_project

pytestmark = pytest.mark.local


@pytest.mark.parametrize("method", ["lora", "qlora", "full"])
def test_memory_is_foreseen_within_a_quarter_of_what_ten_steps_hold(
    tmp_path: Path, tiny_model: Path, method: str
) -> None:
    root = make_project(tmp_path, tiny_model)
    card = root / "datasets" / "toy" / "card.yaml"
    line = next(line for line in card.read_text().splitlines() if line.startswith("training:"))
    settings = yaml.safe_load(line)["training"]
    if method == "full":
        settings = {key: value for key, value in settings.items() if key not in {"rank", "layers"}}
    card.write_text(card.read_text().replace(line, f"training: {json.dumps({**settings, 'method': method})}"))
    # In a process of its own: what other tests left in this one is not the training's.
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "liftgate",
            "estimate",
            "--alias",
            "toy",
            "--calibrate",
            "--json",
            "--root",
            root,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    foreseen, held = found["memory"]["cpu"]["bytes"], found["calibration"]["peak_memory_bytes"]
    assert held * 0.75 < foreseen < held * 1.25
    assert found["calibration"]["steps"] == 6 if method != "qlora" else True
    assert found["calibration"]["seconds"] > 0
    assert found["calibration"]["usd"] == "0.00"
    assert "needs about " in done.stderr
    assert "steps of" in done.stderr


def test_a_training_that_happens_elsewhere_cannot_be_measured_here(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_project(tmp_path, tmp_path / "no-model")
    card = root / "datasets" / "toy" / "card.yaml"
    card.write_text(
        card.read_text()
        .replace("method: lora", "")
        .replace("layers: all, rank: 4", "method: command, command: x")
    )
    assert main(["estimate", "--alias", "toy", "--calibrate", "--root", str(root)]) == 2
    assert capsys.readouterr().err.startswith("error: ")
