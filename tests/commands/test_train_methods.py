"""QLoRA, full fine-tuning and preferences on the tiny model: trained, compared and gated like any other candidate."""

from __future__ import annotations

import hashlib
import json
import signal
from pathlib import Path
from typing import Any

import pytest
import yaml

from liftgate.cli import main
from liftgate.training.adapters import Adapter, read_adapter
from toy_project import at_step, make_project

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
    settings: dict[str, Any] = yaml.safe_load(line)["training"]
    for item in written:
        key, value = item.split(": ", 1)
        settings[key] = yaml.safe_load(value)
        if value == "none":
            del settings[key]
    new = f"training: {json.dumps(settings)}"
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
    assert report["training"]["method"] == "qlora"
    assert report["training"]["quantised_perplexity_ratio"] == adapter.evidence["quantised"]["ratio"]
    assert adapter.record["serving"] == {"dtype": "float32", "quantisation": "nf4"}
    assert adapter.record["manifest"]["hyperparameters"]["quantisation"] == "nf4-double"
    assert adapter.evidence["adapted_modules"] == 14
    measured = adapter.evidence["quantised"]
    assert 0.5 < measured["ratio"] < 2
    assert measured["held_out"] is True
    assert measured["candidate_answer_perplexity"] < measured["base_answer_perplexity"]
    assert files_of(adapter) == ["adapter_config.json", "adapter_model.safetensors", "liftgate-adapter.json"]


def test_preferences_are_trained_and_go_through_compare_and_gate(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []

    def nobody(*words: object, **_: object) -> None:
        asked.append(words[0])
        raise OSError

    # TRL reports every training to its makers, unless it is kept from it.
    monkeypatch.setattr("socket.getaddrinfo", nobody)
    as_preferences(project)
    with_training(project, "method: dpo", "gradient_accumulation: 1", "learning_rate: 0.01", "beta: 0.3")
    code, report = run(project)
    assert code in {10, 11}
    assert [arm["name"] for arm in report["arms"]] == ["base", "candidate", "prompt-v2"]
    adapter = trained(project)
    losses = [entry["loss"] for entry in adapter.evidence["losses"]]
    assert asked == []
    assert losses[0] == pytest.approx(0.6931, abs=1e-3)
    assert losses[-1] < 0.6
    assert adapter.evidence["validation_loss"] < 0.6
    assert files_of(adapter) == ["adapter_config.json", "adapter_model.safetensors", "liftgate-adapter.json"]


def test_a_full_fine_tune_publishes_a_model_that_goes_through_compare_and_gate(
    project: Path, tiny_model: Path
) -> None:
    with_training(project, "method: full", "rank: none", "layers: none", "learning_rate: 0.005")
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


def train(root: Path, *more: str) -> int:
    return main(["train", "--alias", "toy", "--root", str(root), "--store", str(root / "store"), *more])


def adapter_in(root: Path) -> Adapter:
    (folder,) = (root / "store" / "adapters").iterdir()
    return read_adapter(folder)


def test_a_quantised_base_that_lost_too_much_trains_nothing_and_blocks(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with_training(project, "method: qlora")
    with_policy(project, f"training: {{{LOSS}: 1}}")
    code, report = run(project)
    assert code == 10
    assert [finding["rule"] for finding in report["findings"] if finding["severity"] == "error"] == [
        "quantised-perplexity"
    ]
    assert not (project / ".liftgate" / "store" / "adapters").exists()
    assert train(project) == 2
    assert "times the perplexity of the base itself" in capsys.readouterr().err


def test_a_policy_that_became_stricter_holds_for_what_was_trained_before(project: Path) -> None:
    with_training(project, "method: qlora", "learning_rate: 0.01", "gradient_accumulation: 1")
    with_policy(project, f"training: {{{LOSS}: 2}}")
    assert train(project) == 0
    policy = project / "evals" / "policy.yaml"
    policy.write_text(policy.read_text().replace(f"{LOSS}: 2", f"{LOSS}: 1"))
    assert train(project) == 10


def test_a_training_stops_when_the_validation_loss_no_longer_falls_and_keeps_the_best(project: Path) -> None:
    with_training(
        project,
        "epochs: 20",
        "learning_rate: 0.05",
        "scheduler: constant",
        "checkpoints: {steps: 3, keep: 2}",
        "early_stopping: {patience: 2, min_delta: 0.001}",
    )
    assert train(project) == 0
    evidence = adapter_in(project).evidence
    assert evidence["stopped_early"] is True
    assert evidence["steps"] < 120
    checked = [entry["loss"] for entry in evidence["validation_losses"]]
    assert len(checked) == evidence["steps"] / 3
    assert evidence["validation_loss"] == pytest.approx(min(checked), rel=1e-5)


@pytest.mark.parametrize(
    "written",
    [
        ["method: qlora", "gradient_accumulation: 1", "learning_rate: 0.01"],
        ["method: dpo", "gradient_accumulation: 1", "learning_rate: 0.01"],
        ["method: full", "rank: none", "layers: none", "learning_rate: 0.005"],
        ["epochs: 20", "learning_rate: 0.05", "scheduler: constant", "early_stopping: {patience: 2}"],
    ],
    ids=["qlora", "dpo", "full", "early stopping"],
)
def test_a_stopped_training_goes_on_to_the_same_weights_by_every_method(
    tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch, written: list[str]
) -> None:
    adapters = []
    for name in ("undisturbed", "stopped"):
        root = make_project(tmp_path / name, tiny_model, epochs=2)
        if "method: dpo" in written:
            as_preferences(root)
        with_training(root, "checkpoints: {steps: 3}", *written)
        with_policy(root, f"training: {{{LOSS}: 2}}")
        if name == "stopped":
            with monkeypatch.context() as patched:
                at_step(patched, 8, lambda: signal.raise_signal(signal.SIGTERM))
                assert train(root) == 5
            assert train(root) == 0
            assert adapter_in(root).evidence["resumed_from_step"] in {8, 9}
        else:
            assert train(root) == 0
        adapters.append(adapter_in(root))
    assert adapters[0].evidence["losses"] == adapters[1].evidence["losses"]
    assert adapters[0].sha256 == adapters[1].sha256


def test_early_stopping_without_validation_rows_is_refused(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with_training(project, "early_stopping: {patience: 2}")
    card = project / "datasets" / "toy" / "card.yaml"
    card.write_text("".join(line for line in card.read_text().splitlines(True) if "validation" not in line))
    assert train(project) == 2
    assert "early_stopping needs validation rows" in capsys.readouterr().err


def test_rows_that_the_method_cannot_take_are_named_by_their_lines(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with_training(project, "method: dpo")
    assert train(project) == 2
    said = capsys.readouterr().err
    assert "v1.0.0.train.jsonl:1: method dpo compares two answers, and this row has one" in said


def test_a_pair_over_the_limit_stops_with_its_line_and_is_never_cut(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    as_preferences(project)
    with_training(project, "method: dpo", "max_length: 52")
    assert train(project) == 2
    assert "tokens, the card's max_length is 52" in capsys.readouterr().err


def test_gradient_checkpointing_trains_the_same_weights(tmp_path: Path, tiny_model: Path) -> None:
    losses = []
    for name, setting in (("plain", "false"), ("checkpointing", "true")):
        root = make_project(tmp_path / name, tiny_model)
        with_training(root, f"gradient_checkpointing: {setting}")
        assert train(root) == 0
        losses.append([entry["loss"] for entry in adapter_in(root).evidence["losses"]])
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_a_merged_model_is_written_when_it_answers_as_the_adapter_does(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "merged"
    assert train(project, "--merge", str(target)) == 0
    assert f"merged into {target}: all 6 answers are the adapter's" in capsys.readouterr().err
    record = json.loads((target / "liftgate-merged.json").read_bytes())
    assert record["held_against_adapter"]["identical"] == record["held_against_adapter"]["prompts"] == 6
    assert 0 <= record["held_against_adapter"]["max_logit_difference"] < 1e-5
    assert record["adapter_sha256"] == adapter_in(project).sha256
    suite = project / "evals" / "toy" / "suite.yaml"
    asked = ["evaluate", "--suite", str(suite), "--endpoint", "local", "--no-store"]
    outputs = []
    for name, model in (("adapter", adapter_in(project).folder), ("merged", target)):
        assert main([*asked, "--model", str(model), "--out", str(tmp_path / name)]) == 0
        rows = (tmp_path / name / "results.jsonl").read_text().splitlines()
        outputs.append([json.loads(row)["output"] for row in rows])
    assert outputs[0] == outputs[1]
    assert train(project, "--merge", str(target)) == 2


def test_an_adapter_of_a_quantised_base_is_not_merged_into_weights_that_answer_otherwise(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("liftgate.training.tuning.merging.MOST_TOKENS", 8)
    with_training(project, "method: qlora", "learning_rate: 0.01", "gradient_accumulation: 1")
    with_policy(project, f"training: {{{LOSS}: 2}}")
    assert train(project, "--merge", str(tmp_path / "merged")) == 10
    said = capsys.readouterr().err
    assert "of 6 answers are not the adapter's, and logits move by " in said
    assert "(it was trained on the quantised base)" in said
    assert not (tmp_path / "merged").exists()


def test_a_whole_model_has_nothing_to_merge(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with_training(project, "method: full", "rank: none", "layers: none", "learning_rate: 0.005")
    assert train(project, "--merge", str(tmp_path / "merged")) == 2
    assert "there is no adapter to merge" in capsys.readouterr().err
