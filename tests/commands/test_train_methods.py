"""QLoRA, full fine-tuning and preferences on the tiny model: trained, compared and gated like any other candidate."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from liftgate.cli import main
from liftgate.training.adapters import Adapter, read_adapter
from toy_project import make_project

pytestmark = [
    pytest.mark.local,
    # What these libraries say about themselves is not ours to mend.
    pytest.mark.filterwarnings(
        "ignore::FutureWarning", "ignore::UserWarning:(trl|peft|bitsandbytes|torch).*"
    ),
]
LOSS = "max_quantised_perplexity_ratio"


def with_training(root: Path, *written: str) -> None:
    """Add settings to the card's training section; a later one takes the place of an earlier."""
    card = root / "datasets" / "toy" / "card.yaml"
    line = next(line for line in card.read_text().splitlines() if line.startswith("training:"))
    settings = dict(
        item.split(": ", 1) for item in line.removeprefix("training: {").removesuffix("}").split(", ")
    )
    for item in written:
        key, value = item.split(": ", 1)
        settings.pop(key, None)
        if value != "-":
            settings[key] = value
    new = "training: {" + ", ".join(f"{key}: {value}" for key, value in settings.items()) + "}"
    card.write_text(card.read_text().replace(line, new))


def with_policy(root: Path, text: str) -> None:
    policy = root / "evals" / "policy.yaml"
    policy.write_text(policy.read_text() + text + "\n")


def as_preferences(root: Path) -> None:
    """Every row prefers its answer to a sentence."""
    card = root / "datasets" / "toy" / "card.yaml"
    written = card.read_text()
    for name in ("train", "validation"):
        file = root / "datasets" / "toy" / f"v1.0.0.{name}.jsonl"
        before = hashlib.sha256(file.read_bytes()).hexdigest()
        rows = []
        for line in file.read_text().splitlines():
            row = json.loads(line)
            rows.append(
                {
                    "input": {"messages": row["messages"][:2]},
                    "preferred_output": row["messages"][2:],
                    "non_preferred_output": [{"role": "assistant", "content": "nobody answers"}],
                    "metadata": row["metadata"],
                }
            )
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
        written = written.replace(before, hashlib.sha256(file.read_bytes()).hexdigest())
    card.write_text(written)


def run(root: Path) -> tuple[int, dict[str, Any]]:
    code = main(["run", "--root", str(root), "--out", str(root / ".liftgate")])
    return code, json.loads((root / ".liftgate" / "toy" / "report.json").read_bytes())


def trained(root: Path) -> Adapter:
    (folder,) = (root / ".liftgate" / "store" / "adapters").iterdir()
    return read_adapter(folder)


def files_of(adapter: Adapter) -> list[str]:
    return sorted(file.name for file in adapter.folder.iterdir())


@pytest.fixture
def project(tmp_path: Path, tiny_model: Path) -> Path:
    return make_project(tmp_path / "project", tiny_model, epochs=2)


def test_qlora_trains_on_the_quantised_base_and_goes_through_compare_and_gate(project: Path) -> None:
    with_training(project, "method: qlora", "gradient_accumulation: 1", "learning_rate: 0.01", "layers: all")
    with_policy(project, f"training: {{{LOSS}: 2}}")
    code, report = run(project)
    assert code in {10, 11}
    assert [arm["name"] for arm in report["arms"]] == ["base", "candidate", "prompt-v2"]
    assert report["comparison"]["verdict"] in {"block", "insufficient-evidence"}
    adapter = trained(project)
    assert adapter.record["serving"] == {"dtype": "float32", "quantisation": "nf4"}
    assert adapter.record["manifest"]["hyperparameters"]["quantisation"] == "nf4-double"
    assert adapter.evidence["adapted_modules"] == 14
    measured = adapter.evidence["quantised"]
    assert 0.5 < measured["ratio"] < 2
    assert measured["held_out"] is True
    assert measured["candidate_answer_perplexity"] < measured["base_answer_perplexity"]
    assert files_of(adapter) == ["adapter_config.json", "adapter_model.safetensors", "liftgate-adapter.json"]


def test_preferences_are_trained_and_go_through_compare_and_gate(project: Path) -> None:
    as_preferences(project)
    with_training(project, "method: dpo", "gradient_accumulation: 1", "learning_rate: 0.01", "beta: 0.3")
    code, report = run(project)
    assert code in {10, 11}
    assert [arm["name"] for arm in report["arms"]] == ["base", "candidate", "prompt-v2"]
    adapter = trained(project)
    losses = [entry["loss"] for entry in adapter.evidence["losses"]]
    assert losses[0] == pytest.approx(0.6931, abs=1e-3)
    assert losses[-1] < 0.6
    assert adapter.evidence["validation_loss"] < 0.6
    assert files_of(adapter) == ["adapter_config.json", "adapter_model.safetensors", "liftgate-adapter.json"]


def test_a_full_fine_tune_publishes_a_model_that_goes_through_compare_and_gate(
    project: Path, tiny_model: Path
) -> None:
    with_training(project, "method: full", "rank: -", "layers: -", "learning_rate: 0.005")
    code, report = run(project)
    assert code in {10, 11}
    assert [arm["name"] for arm in report["arms"]] == ["base", "candidate", "prompt-v2"]
    adapter = trained(project)
    assert adapter.kind == "model"
    assert adapter.evidence["trainable_parameters"] == adapter.evidence["parameters"]
    assert adapter.evidence["losses"][-1]["loss"] < adapter.evidence["losses"][0]["loss"]
    assert files_of(adapter) == [
        "chat_template.jinja",
        "config.json",
        "generation_config.json",
        "liftgate-adapter.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    ]
    for name in ("tokenizer.json", "chat_template.jinja"):
        assert (adapter.folder / name).read_bytes() == (tiny_model / name).read_bytes()
