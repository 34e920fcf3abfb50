"""Training by another tool: the policy's command line, our job file, and an adapter that is believed in nothing."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from liftgate.cli import main
from liftgate.training.adapters import read_adapter
from toy_project import make_project

pytestmark = [pytest.mark.local, pytest.mark.filterwarnings("ignore::UserWarning:(peft|torch).*")]

TOOL = """
import json, os, sys
from pathlib import Path
import numpy as np
from safetensors.numpy import save_file

job = json.loads(Path(sys.argv[-1]).read_text())
print("a row of the data, perhaps")
Path(sys.argv[2]).write_text(json.dumps({"argv": sys.argv[1:], "environment": sorted(os.environ)}))
rows = [json.loads(line) for line in Path(job["rows"]["train"]).read_text().splitlines()]
assert len(rows) == 24 and set(rows[0]) == {"messages"}
how = sys.argv[1]
if how == "fails":
    sys.exit(3)
folder = Path(job["adapter"])
folder.mkdir(exist_ok=True)
draw = np.random.default_rng(job["settings"]["seed"])
layers = [7, 8] if how == "elsewhere" else [0, 1]
grown = 0.0 if how == "unmoved" else 1.0
weights = {}
for layer in layers:
    at = f"base_model.model.model.layers.{layer}.self_attn.q_proj"
    weights[f"{at}.lora_A.weight"] = draw.normal(size=(4, 64)).astype("float32")
    weights[f"{at}.lora_B.weight"] = (draw.normal(size=(64, 4)) * grown).astype("float32")
save_file(weights, folder / "adapter_model.safetensors")
base = "somebody/else" if how == "other-base" else job["base"]["folder"]
config = {"peft_type": "LORA", "task_type": "CAUSAL_LM", "base_model_name_or_path": base, "r": 4, "lora_alpha": 8,
          "target_modules": ["q_proj"]}
(folder / "adapter_config.json").write_text(json.dumps(config))
(folder / "training_args.bin").write_bytes(b"a pickle of the tool's own")
if how == "pickle":
    (folder / "adapter_model.safetensors").rename(folder / "adapter_model.bin")
"""


def project_with(tmp_path: Path, tiny_model: Path, how: str, *, named: str = "our-tool") -> Path:
    root = make_project(tmp_path / "project", tiny_model)
    tool = tmp_path / "tool.py"
    tool.write_text(TOOL)
    card = root / "datasets" / "toy" / "card.yaml"
    card.write_text(
        card.read_text().replace("layers: all, rank: 4", f"method: command, command: {named}, rank: 4")
    )
    policy = root / "evals" / "policy.yaml"
    argv = json.dumps([sys.executable, str(tool), how, str(tmp_path / "seen.json")])
    policy.write_text(policy.read_text() + f"training: {{commands: {{our-tool: {argv}}}}}\n")
    return root


def train(root: Path) -> int:
    return main(["train", "--alias", "toy", "--root", str(root), "--store", str(root / "store")])


def test_what_a_tool_hands_back_is_checked_published_and_compared(
    tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "ghs_not_for_tools")
    root = project_with(tmp_path, tiny_model, "good")
    assert main(["run", "--root", str(root), "--out", str(root / ".liftgate")]) in {10, 11}
    said = capsys.readouterr().err
    assert "trained by our-tool, validation loss " in said
    assert "a row of the data" not in said
    report = json.loads((root / ".liftgate" / "toy" / "report.json").read_bytes())
    assert [arm["name"] for arm in report["arms"]] == ["base", "candidate", "prompt-v2"]
    (folder,) = (root / ".liftgate" / "store" / "adapters").iterdir()
    adapter = read_adapter(folder)
    assert adapter.evidence["adapted_modules"] == 2
    assert adapter.evidence["trainable_parameters"] == 2 * (4 * 64 + 64 * 4)
    assert sorted(file.name for file in folder.iterdir()) == [
        "adapter_config.json",
        "adapter_model.safetensors",
        "liftgate-adapter.json",
    ]
    seen = json.loads((tmp_path / "seen.json").read_bytes())
    assert seen["argv"][0] == "good"
    assert "PATH" in seen["environment"]
    assert "GITHUB_TOKEN" not in seen["environment"]


@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        ("fails", "training command our-tool ended with exit code 3"),
        ("pickle", "its weights are a pickle, which runs code when it is read"),
        ("other-base", "it says it was trained on another base than"),
        ("unmoved", "it has not moved: its B is zero everywhere"),
        ("elsewhere", "adapter not applied: 2 of 2 modules attached, or no effect on a probe"),
    ],
)
def test_what_cannot_be_believed_is_refused_and_not_published(
    tmp_path: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str], how: str, sentence: str
) -> None:
    root = project_with(tmp_path, tiny_model, how)
    assert train(root) == 4
    said = capsys.readouterr().err
    assert sentence in said
    assert "a row of the data" not in said
    assert not (root / "store" / "adapters").exists()


def test_a_card_runs_nothing_that_the_policy_does_not_name(
    tmp_path: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = project_with(tmp_path, tiny_model, "good", named="our-tol")
    assert train(root) == 2
    assert "the policy has no training command 'our-tol'; did you mean 'our-tool'?" in capsys.readouterr().err


def test_in_a_workflow_a_policy_of_the_work_tree_runs_nothing(
    tmp_path: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    root = project_with(tmp_path, tiny_model, "good")
    assert train(root) == 2
    assert "the policy has no training command 'our-tool'" in capsys.readouterr().err
