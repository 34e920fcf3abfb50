"""Several processes train one manifest: replicated and sharded, they end where one process does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from killed_training import train
from liftgate.training.adapters import Adapter, read_adapter
from toy_project import make_project

pytestmark = [pytest.mark.local, pytest.mark.acceptance]
CONFIGS = Path(__file__).parent.parent.parent / "examples" / "accelerate"


def launch(config: str, root: Path, store: Path) -> subprocess.CompletedProcess[str]:
    """As the guide says it, over gloo where there is no GPU."""
    command = [
        *(sys.executable, "-m", "accelerate.commands.launch", "--config_file", str(CONFIGS / config)),
        *("--main_process_port", "0", "-m", "liftgate", "train", "--alias", "toy"),
        *("--root", str(root), "--store", str(store)),
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def adapter_in(store: Path) -> Adapter:
    (folder,) = (store / "adapters").iterdir()
    return read_adapter(folder)


def weights(adapter: Adapter) -> dict[str, Any]:
    from safetensors.numpy import load_file

    return dict(load_file(adapter.folder / "adapter_model.safetensors"))


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    """Twenty-one rows in steps of four: the last step of an epoch has one row, which two processes cannot share."""
    root = make_project(tmp_path_factory.mktemp("project"), tiny_model, epochs=2, rows_per_intent=7)
    policy = root / "evals" / "policy.yaml"
    policy.write_text(policy.read_text().replace("[0.05, 0.5]", "[0.05, 0.6]"))
    return root


@pytest.fixture(scope="module")
def alone(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Adapter:
    store = tmp_path_factory.mktemp("alone")
    assert train(project, store) == 0
    return adapter_in(store)


@pytest.mark.parametrize(("config", "shared"), [("ddp.yaml", False), ("fsdp2.yaml", True)])
def test_two_processes_end_where_one_does(
    project: Path, alone: Adapter, tmp_path: Path, config: str, shared: bool
) -> None:
    done = launch(config, project, tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stderr.count("training tokens") == 1, "one process talks"
    adapter = adapter_in(tmp_path)
    assert adapter.evidence["layout"] == {
        "rows_at_once": 2,
        "accumulation": 1,
        "processes": 2,
        "shared": shared,
    }
    assert adapter.record["manifest"] == alone.record["manifest"]
    assert [entry["step"] for entry in adapter.evidence["losses"]] == list(range(1, 13))
    ours, theirs = ([e["loss"] for e in each.evidence["losses"]] for each in (adapter, alone))
    assert ours == pytest.approx(theirs, rel=1e-5)
    assert adapter.evidence["validation_loss"] == pytest.approx(alone.evidence["validation_loss"], rel=1e-5)
    one, two = weights(alone), weights(adapter)
    assert one.keys() == two.keys()
    moved = max(abs(tensor).max() for name, tensor in one.items() if "lora_B" in name)
    assert max(abs(one[name] - two[name]).max() for name in one) < moved * 1e-3
