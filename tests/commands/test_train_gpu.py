"""The same trainings where CUDA is there: nothing about a GPU is claimed from what CPUs did."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from killed_training import train
from liftgate.errors import ExitCode
from liftgate.training.adapters import Adapter, read_adapter
from toy_project import at_step, make_project

torch = pytest.importorskip("torch")
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.local,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA here"),
]
CONFIGS = Path(__file__).parent.parent.parent / "examples" / "accelerate"


def project_at(root: Path, tiny_model: Path, more: str = "") -> Path:
    made = make_project(root, tiny_model, epochs=4)
    card = made / "datasets" / "toy" / "card.yaml"
    card.write_text(card.read_text().replace("rank: 4", f"rank: 4, checkpoints: {{steps: 4}}{more}"))
    return made


def adapter_in(store: Path) -> Adapter:
    (folder,) = (store / "adapters").iterdir()
    return read_adapter(folder)


def test_it_trains_on_the_device_and_says_what_it_held(tmp_path: Path, tiny_model: Path) -> None:
    assert train(project_at(tmp_path / "project", tiny_model), tmp_path) == 0
    evidence = adapter_in(tmp_path).evidence
    assert evidence["device"] == "cuda"
    assert evidence["environment"]["cuda"]
    assert 0 < evidence["peak_memory_bytes"] < torch.cuda.get_device_properties(0).total_memory
    assert evidence["losses"][-1]["loss"] < evidence["losses"][0]["loss"]


def test_qlora_trains_on_the_device(tmp_path: Path, tiny_model: Path) -> None:
    pytest.importorskip("bitsandbytes")
    project = project_at(tmp_path / "project", tiny_model, ", method: qlora, gradient_accumulation: 1")
    policy = project / "evals" / "policy.yaml"
    policy.write_text(policy.read_text() + "training: {max_quantised_perplexity_ratio: 2}\n")
    assert train(project, tmp_path) == 0
    assert adapter_in(tmp_path).evidence["quantised"]["ratio"] < 2


def test_a_stopped_training_goes_on_to_nearly_the_same_losses(
    tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = project_at(tmp_path / "project", tiny_model, ", precision: fp32")
    assert train(project, tmp_path / "undisturbed") == 0
    with monkeypatch.context() as patched:
        at_step(patched, 9, lambda: signal.raise_signal(signal.SIGTERM))
        assert train(project, tmp_path / "stopped") == ExitCode.STILL_RUNNING
    assert train(project, tmp_path / "stopped") == 0
    ours, theirs = (
        [entry["loss"] for entry in adapter_in(tmp_path / name).evidence["losses"]]
        for name in ("stopped", "undisturbed")
    )
    assert ours == pytest.approx(theirs, rel=1e-3)


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two devices")
@pytest.mark.parametrize(("config", "shared"), [("ddp.yaml", False), ("fsdp2.yaml", True)])
def test_two_devices_share_a_step(tmp_path: Path, tiny_model: Path, config: str, shared: bool) -> None:
    project = project_at(tmp_path / "project", tiny_model, ", precision: fp32")
    assert train(project, tmp_path / "alone") == 0
    command = [
        *(sys.executable, "-m", "accelerate.commands.launch", "--config_file", str(CONFIGS / config)),
        *("--main_process_port", "0", "-m", "liftgate", "train", "--alias", "toy"),
        *("--root", str(project), "--store", str(tmp_path / "two")),
    ]
    done = subprocess.run(command, env=dict(os.environ), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    alone, two = adapter_in(tmp_path / "alone"), adapter_in(tmp_path / "two")
    assert two.evidence["layout"]["shared"] is shared
    losses = [[entry["loss"] for entry in each.evidence["losses"]] for each in (alone, two)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)
