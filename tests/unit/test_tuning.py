"""What stands around the loop of a local training: labels, number format, gradients, pins. Each part by itself."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from liftgate.data.dataset import Row
from liftgate.errors import InputError, ProviderError
from liftgate.training.base_model import Base, model_in, resolve_base
from liftgate.training.manifest import Manifest, local_hyperparameters
from liftgate.training.quantisation import quantised_findings
from liftgate.training.rendering import (
    IGNORE,
    PairedRow,
    Renderer,
    TokenizedRow,
    UnrenderableRow,
    load_renderer,
)
from liftgate.training.rows import trained_row
from liftgate.training.tuning.attaching import attach
from liftgate.training.tuning.checks import Watch, check_moved, fingerprint
from liftgate.training.tuning.completions import collator
from liftgate.training.tuning.job import Job
from liftgate.training.tuning.labels import check_labels
from liftgate.training.tuning.libraries import Libraries, libraries
from liftgate.training.tuning.model import adapted_modules, load_weights, trainable
from liftgate.training.tuning.preferences import pair_collator

pytestmark = [
    pytest.mark.local,
    # What these libraries say about themselves is not ours to mend.
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning:(peft|torch|bitsandbytes).*"),
]

ASKED = {"role": "user", "content": "where is my parcel"}
ANSWERED = {"role": "assistant", "content": '{"intent": "order"}'}


@pytest.fixture(scope="module")
def libs(tiny_model: Path) -> Libraries:
    return libraries()


@pytest.fixture(scope="module")
def base(tiny_model: Path) -> Base:
    return resolve_base(str(tiny_model))


@pytest.fixture(scope="module")
def renderer(base: Base) -> Renderer:
    return load_renderer(base.folder, base.tokenizer_sha256)


@pytest.fixture(scope="module")
def row(renderer: Renderer) -> TokenizedRow:
    return dataclasses.replace(renderer.row([ASKED, ANSWERED]), line=7)


def job(base: Base, renderer: Renderer, tmp_path: Path, rows: list[TokenizedRow], **training: Any) -> Job:
    manifest = Manifest(
        alias="toy",
        provider="local",
        base=base.name,
        base_revision=base.revision,
        method=training.get("method", "lora"),
        seed=0,
        dataset_version="1.0.0",
        train_sha256="a" * 64,
        validation_sha256=None,
        hyperparameters=local_hyperparameters({"rank": 4, "layers": "all", **training}),
    )
    return Job(manifest, base, renderer, rows, [], tmp_path, "again", train_path="train.jsonl")


# Labels


def refusal_of(row: TokenizedRow, renderer: Renderer, libs: Libraries) -> str:
    with pytest.raises(InputError) as refused:
        check_labels([row], collator(libs, 0), renderer, "train.jsonl")
    (problem,) = refused.value.problems
    return str(problem)


def test_a_row_whose_labels_are_its_answer_passes(
    row: TokenizedRow, renderer: Renderer, libs: Libraries
) -> None:
    check_labels([row, row], collator(libs, 0), renderer, "train.jsonl")
    decoded = renderer.decode([label for label in row.labels if label != IGNORE])
    assert decoded == '{"intent": "order"}<|im_end|>'


def test_an_answer_that_is_cut_off_stops_with_its_line(
    row: TokenizedRow, renderer: Renderer, libs: Libraries
) -> None:
    last = max(index for index, label in enumerate(row.labels) if label != IGNORE)
    cut = dataclasses.replace(row, input_ids=row.input_ids[:last], labels=row.labels[:last])
    said = refusal_of(cut, renderer, libs)
    assert said == "train.jsonl:7: an answer is cut off, or has no end token after it"


def test_a_missing_end_token_stops_with_its_line(
    row: TokenizedRow, renderer: Renderer, libs: Libraries
) -> None:
    labels = [IGNORE if label in renderer.end_ids else label for label in row.labels]
    assert "cut off, or has no end token" in refusal_of(
        dataclasses.replace(row, labels=labels), renderer, libs
    )


def test_no_token_to_train_on_stops_with_its_line(
    row: TokenizedRow, renderer: Renderer, libs: Libraries
) -> None:
    silent = dataclasses.replace(row, labels=[IGNORE] * len(row.labels))
    assert refusal_of(silent, renderer, libs) == "train.jsonl:7: no token of the row is trained on"


def test_a_label_that_is_not_the_token_at_its_place_is_told(
    row: TokenizedRow, renderer: Renderer, libs: Libraries
) -> None:
    shifted = dataclasses.replace(row, labels=[*row.labels[1:], IGNORE])
    assert "a token is trained on that the row does not hold" in refusal_of(shifted, renderer, libs)


def test_a_batch_that_loses_tokens_is_told(row: TokenizedRow, renderer: Renderer, libs: Libraries) -> None:
    def cutting(rows: Any) -> dict[str, Any]:
        batch = collator(libs, 0)(rows)
        first = int((batch["labels"][0] != IGNORE).nonzero()[0])
        batch["labels"][0, first] = IGNORE
        return batch

    with pytest.raises(InputError) as refused:
        check_labels([row], cutting, renderer, "train.jsonl")
    assert "trains on other tokens than the row's answer" in str(refused.value)


# Rows by method


def preference(preferred: str, rejected: str) -> Row:
    return Row(
        3,
        {
            "input": {"messages": [ASKED, {"role": "assistant", "content": "one moment"}, ASKED]},
            "preferred_output": [{"role": "assistant", "content": preferred}],
            "non_preferred_output": [{"role": "assistant", "content": rejected}],
        },
    )


def test_a_pair_shares_its_prompt_and_trains_on_both_answers_alone(
    renderer: Renderer, libs: Libraries
) -> None:
    pair, dropped = trained_row(renderer, preference("yes", "the lamp"), "dpo")
    assert isinstance(pair, PairedRow)
    assert dropped == 0
    spoken = [renderer.decode([label for label in side.labels if label != IGNORE]) for side in pair.answers]
    assert spoken == ["yes<|im_end|>", "the lamp<|im_end|>"]
    batch = pair_collator(libs, 0)([pair])
    assert batch["input_ids"].shape[0] == 2
    shared = [int(side.index(1)) for side in batch["completion_mask"].tolist()]
    assert shared[0] == shared[1]
    assert batch["input_ids"][0, : shared[0]].tolist() == batch["input_ids"][1, : shared[0]].tolist()
    check_labels([pair], pair_collator(libs, 0), renderer, "train.jsonl")


@pytest.mark.parametrize(
    ("row", "method", "sentence"),
    [
        (
            Row(1, {"messages": [ASKED, ANSWERED]}),
            "dpo",
            "method dpo compares two answers, and this row has one",
        ),
        (preference("a", "b"), "lora", "the row ranks two answers, which method lora cannot train on"),
        (preference("a", "a"), "dpo", "both answers are the same tokens"),
    ],
)
def test_a_row_that_its_method_cannot_take_is_refused(
    renderer: Renderer, row: Row, method: str, sentence: str
) -> None:
    with pytest.raises(UnrenderableRow, match=sentence):
        trained_row(renderer, row, method)


def test_an_earlier_answer_of_weight_0_is_read_and_not_trained(renderer: Renderer) -> None:
    messages = [ASKED, {**ANSWERED, "content": "the lamp", "weight": 0}, ASKED, ANSWERED]
    row, _ = trained_row(renderer, Row(1, {"messages": messages}), "lora")
    assert isinstance(row, TokenizedRow)
    assert "the lamp" in renderer.decode(row.input_ids)
    assert (
        renderer.decode([label for label in row.labels if label != IGNORE]) == '{"intent": "order"}<|im_end|>'
    )


# Number format


def test_bf16_is_refused_where_it_would_be_emulated(libs: Libraries, monkeypatch: pytest.MonkeyPatch) -> None:
    if libs.device != "cpu":
        pytest.skip("this machine has a GPU")
    monkeypatch.setattr(Libraries, "_has_bf16", lambda self: False)
    assert libs.precision("auto") == libs.precision("fp32") == "fp32"
    with pytest.raises(InputError, match="has no bf16 and would emulate it"):
        libs.precision("bf16")
    monkeypatch.setattr(Libraries, "_has_bf16", lambda self: True)
    assert (libs.precision("auto"), libs.precision("bf16")) == ("fp32", "bf16")


# Placing adapters


@pytest.mark.parametrize(
    ("settings", "modules"),
    [
        ({"target_modules": "all-linear"}, 14),
        ({"target_modules": ["q_proj", "v_proj"]}, 4),
        ({"target_modules": "all-linear", "layers": "upper-half"}, 7),
        ({"target_modules": ["q_proj"], "layers": [1]}, 1),
    ],
)
def test_an_adapter_sits_where_the_card_says(
    base: Base, renderer: Renderer, tmp_path: Path, libs: Libraries, settings: dict[str, Any], modules: int
) -> None:
    model = trainable(job(base, renderer, tmp_path, [], **settings), libs, "fp32")
    assert adapted_modules(model) == modules


def test_four_bit_layers_pass_gradients_on_although_somebody_evaluated_first(
    base: Base, renderer: Renderer, row: TokenizedRow, tmp_path: Path, libs: Libraries
) -> None:
    model = trainable(job(base, renderer, tmp_path, [row], method="qlora"), libs, "fp32")
    model.eval()
    layers = [each for each in model.modules() if type(each).__name__ == "Linear4bit"]
    held = [each for each in layers if hasattr(each, "quant_state") and not hasattr(each, "lora_A")]
    assert len(held) == 14
    assert all(each.training for each in held)
    ids = libs.torch.tensor([row.input_ids])
    with libs.torch.inference_mode():
        model(ids)
    model.train()
    model(ids, labels=ids).loss.backward()
    Watch().look_at_gradients(model, libs)


# What must be true of a training that trained


def test_a_tensor_without_a_gradient_is_named(
    base: Base, renderer: Renderer, tmp_path: Path, libs: Libraries
) -> None:
    model = trainable(job(base, renderer, tmp_path, []), libs, "fp32")
    with pytest.raises(ProviderError, match="trainable tensors got no gradient, the first is base_model"):
        Watch().look_at_gradients(model, libs)


def test_an_adapter_whose_b_stayed_zero_has_not_trained(
    base: Base, renderer: Renderer, tmp_path: Path, libs: Libraries
) -> None:
    model = trainable(job(base, renderer, tmp_path, []), libs, "fp32")
    with pytest.raises(ProviderError, match="without changing the adapter"):
        check_moved(model, fingerprint(model), [{"step": 1}], libs)


def test_a_full_fine_tune_whose_weights_stayed_has_not_trained(
    base: Base, renderer: Renderer, tmp_path: Path, libs: Libraries
) -> None:
    model = trainable(job(base, renderer, tmp_path, [], method="full"), libs, "fp32")
    before = fingerprint(model)
    with pytest.raises(ProviderError, match="the training changed no weight"):
        check_moved(model, before, [{"step": 1}], libs)
    with libs.torch.no_grad():
        next(model.parameters()).add_(1e-3)
    check_moved(model, before, [{"step": 1}], libs)


# Base pin


def test_a_base_that_has_only_pickles_is_refused(tiny_model: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_model, tmp_path / "pickled")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(InputError, match=r"pytorch_model\.bin, a pickle, which runs code when it is read"):
        resolve_base(str(folder))


@pytest.mark.parametrize(
    ("change", "differs"),
    [
        ("chat_template.jinja", ["chat template"]),
        ("tokenizer.json", ["tokenizer"]),
        ("tokenizer_config.json", ["tokenizer"]),
        ("config.json", ["settings (config.json or generation_config.json)"]),
        ("model.safetensors", ["weights"]),
    ],
)
def test_another_base_is_refused_by_what_differs(
    base: Base, tiny_model: Path, tmp_path: Path, change: str, differs: list[str]
) -> None:
    folder = shutil.copytree(tiny_model, tmp_path / "other")
    file = folder / change
    file.write_bytes(file.read_bytes() + b"\n")
    other = model_in(folder, base.name, base.revision)
    assert other.differs_from(base.pin()) == differs
    assert base.differs_from(base.pin()) == []


def test_a_pin_from_before_the_template_had_a_digest_still_holds(base: Base) -> None:
    old = {
        key: base.pin()[key]
        for key in ("name", "revision", "base_sha256", "weights_sha256", "tokenizer_sha256")
    }
    assert base.differs_from(old) == []
    assert base.differs_from({**old, "tokenizer_sha256": "0" * 64}) == ["tokenizer"]


def test_a_model_that_needs_its_own_code_is_not_loaded(
    tiny_model: Path, tmp_path: Path, libs: Libraries
) -> None:
    folder = shutil.copytree(tiny_model, tmp_path / "coded")
    config = json.loads((folder / "config.json").read_bytes())
    config |= {
        "model_type": "never_seen",
        "auto_map": {"AutoConfig": "code.C", "AutoModelForCausalLM": "code.M"},
    }
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "code.py").write_text("raise SystemExit('ran')\n")
    with pytest.raises(InputError, match="cannot be loaded") as refused:
        load_weights(resolve_base(str(folder)), libs)
    assert "must stand under training.remote_code" in str(refused.value)


def test_an_adapter_of_another_shape_cannot_be_attached(
    base: Base, renderer: Renderer, tmp_path: Path, libs: Libraries
) -> None:
    model = trainable(job(base, renderer, tmp_path, []), libs, "fp32")
    model.save_pretrained(tmp_path / "adapter")
    config = json.loads((tmp_path / "adapter" / "adapter_config.json").read_bytes())
    (tmp_path / "adapter" / "adapter_config.json").write_text(json.dumps({**config, "r": 2}))
    with pytest.raises(ProviderError, match="cannot be attached to"):
        attach(load_weights(base, libs), tmp_path / "adapter", "a", whose=base.name)


# How much a quantised base may lose


MEASURED = {"ratio": 1.04, "base_answer_perplexity": 10.0, "candidate_answer_perplexity": 2.0}


@pytest.mark.parametrize(
    ("change", "messages"),
    [
        ({}, []),
        ({"ratio": 1.05}, []),
        ({"candidate_answer_perplexity": None}, []),
        (
            {"ratio": 1.322},
            [
                "the quantised base has 1.322 times the perplexity of the base itself; "
                "training.max_quantised_perplexity_ratio allows 1.05"
            ],
        ),
        (
            {"candidate_answer_perplexity": 12.0},
            [
                "the candidate finds held-out answers 1.200 times as perplexing as base; "
                "training.max_quantised_perplexity_ratio allows 1.05"
            ],
        ),
    ],
)
def test_the_policy_says_how_much_a_quantised_base_may_lose(
    change: dict[str, Any], messages: list[str]
) -> None:
    found = quantised_findings({**MEASURED, **change}, 1.05, "card.yaml")
    assert [finding.message for finding in found] == messages
    assert {finding.severity for finding in found} <= {"error"}
    assert quantised_findings(None, 1.05, "card.yaml") == []
